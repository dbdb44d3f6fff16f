//! The journal against torn writes, damage, and failing disks.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::*;
use crate::store::chain::LineFault;
use crate::store::pen::Medium;
use crate::store::records::{Position, Summary, records, records_after, verify};

fn at() -> Timestamp {
    "2027-01-04T08:00:00Z".parse().unwrap()
}

fn paused(why: &str) -> Event {
    Event::paused(why)
}

fn started(program: &str) -> Event {
    Event::Started { program: program.to_owned() }
}

fn open(dir: &TempDir) -> Journal {
    let opened = Journal::open(dir.path(), None).unwrap();
    assert_eq!((opened.cut, opened.fit), (None, Fit::NoCheckpoint));
    opened.journal
}

/// A journal of so many records, one append each.
fn filled(count: u64) -> (TempDir, Head) {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    for number in 1..=count {
        journal.append(at(), By::Schedule, "tidegate", &[started(&number.to_string())]).unwrap();
    }
    (dir, journal.head())
}

fn segment_file(dir: &TempDir, number: u64) -> PathBuf {
    dir.path().join(format!("journal/{number:06}.log"))
}

/// The format as an outsider would verify it; returns the number of records.
fn verify_by_hand(dir: &TempDir) -> usize {
    let mut previous = "0".repeat(64);
    let mut count = 0;
    for number in 1.. {
        let Ok(text) = fs::read_to_string(segment_file(dir, number)) else { break };
        for line in text.split_terminator('\n') {
            let (hash, json) = line.split_once(' ').unwrap();
            assert_eq!(hash, crate::rollout::id::sha256_hex(format!("{previous} {json}").as_bytes()));
            count += 1;
            assert!(json.starts_with(&format!("{{\"seq\":{count},")));
            previous = hash.to_owned();
        }
    }
    count
}

#[test]
fn records_come_back_in_order_and_an_outsider_can_verify_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    assert_eq!(journal.append(at(), By::Schedule, "tidegate", &[]).unwrap(), []);
    let mut written = journal.append(at(), By::Recovery, "tidegate", &[started("1"), paused("tea\n\"break\"")]).unwrap();
    drop(journal);
    let mut journal = open(&dir);
    written.extend(journal.append(at(), By::Operator, "anna", &[Event::Stopped { why: "ö".into() }]).unwrap());
    assert_eq!(written.iter().map(|record| record.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(records(dir.path()).unwrap().map(Result::unwrap).collect::<Vec<_>>(), written);
    assert_eq!(verify(dir.path()).unwrap(), Summary { records: 3, segments: 1, head: journal.head(), torn: None });
    assert_eq!(verify_by_hand(&dir), 3);
}

#[test]
fn where_nothing_was_written_there_is_no_journal() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(verify(dir.path()), Err(JournalError::NoJournal { .. })));
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_told() {
    let (dir, _) = filled(2);
    let whole = fs::read(segment_file(&dir, 1)).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for len in first + 1..whole.len() {
        fs::write(segment_file(&dir, 1), &whole[..len]).unwrap();
        let torn = Torn { file: segment_file(&dir, 1), at: first as u64, bytes: (len - first) as u64 };
        let mut reader = records(dir.path()).unwrap();
        assert_eq!(reader.by_ref().map(Result::unwrap).count(), 1);
        assert_eq!(reader.torn(), Some(&torn), "a reader tells and changes nothing");
        let opened = Journal::open(dir.path(), None).unwrap();
        assert_eq!(opened.cut, Some(torn));
        assert_eq!(fs::read(segment_file(&dir, 1)).unwrap(), whole[..first]);
        let mut journal = opened.journal;
        journal.append(at(), By::Recovery, "tidegate", &[started("again")]).unwrap();
        assert_eq!(verify_by_hand(&dir), 2);
    }
}

#[test]
fn a_changed_byte_is_found_or_is_a_torn_tail() {
    let (dir, _) = filled(30);
    let whole = fs::read(segment_file(&dir, 1)).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let mut line_here = 1;
    for (position, byte) in whole.iter().enumerate() {
        let mut bytes = whole.clone();
        // Every fifth becomes the end of a line, unless it is one.
        bytes[position] = if position % 5 == 0 && *byte != b'\n' { b'\n' } else { byte ^ 1 };
        fs::write(segment_file(&dir, 1), &bytes).unwrap();
        match verify(dir.path()) {
            Ok(summary) => {
                assert!(position >= last, "a change at {position} was taken for a torn tail");
                assert_eq!(summary.torn.map(|torn| torn.at), Some(last as u64));
            }
            Err(JournalError::Damaged { line, .. }) => assert_eq!(line, line_here),
            Err(other) => panic!("{other}"),
        }
        line_here += u64::from(*byte == b'\n');
    }
}

#[test]
fn damage_stops_the_start_names_the_line_and_changes_nothing() {
    let (dir, _) = filled(9);
    let whole = fs::read_to_string(segment_file(&dir, 1)).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let without = |gone: usize| lines.iter().enumerate().filter(move |(i, _)| *i != gone).map(|(_, line)| format!("{line}\n"));
    let swapped = [&lines[..3], &[lines[4], lines[3]], &lines[5..]].concat().join("\n") + "\n";
    let cases = [
        (1, without(0).collect()),
        (5, without(4).collect()),
        (4, swapped),
        (9, whole.replace(lines[8], &format!("rubbish{}", lines[8]))),
        (8, whole.replace(lines[8], &format!("\n{}", lines[8])).replacen(lines[7], "", 1)),
    ];
    for (line, text) in cases {
        fs::write(segment_file(&dir, 1), &text).unwrap();
        let error = Journal::open(dir.path(), None).err().unwrap();
        let JournalError::Damaged { file, line: found, .. } = &error else { panic!("{error}") };
        assert_eq!((file, *found), (&segment_file(&dir, 1), line), "{text}");
        assert!(error.to_string().contains(&format!("line {line} of ")));
        assert_eq!(fs::read_to_string(segment_file(&dir, 1)).unwrap(), text);
    }
}

#[test]
fn damage_before_the_newest_segment_is_never_a_torn_tail() {
    let (dir, _) = filled(3);
    let whole = fs::read(segment_file(&dir, 1)).unwrap();
    fs::write(segment_file(&dir, 2), "").unwrap();
    fs::write(segment_file(&dir, 1), &whole[..whole.len() - 5]).unwrap();
    let error = Journal::open(dir.path(), None).err().unwrap();
    assert!(matches!(error, JournalError::Damaged { line: 3, fault: LineFault::Unended, .. }), "{error}");
}

#[test]
fn a_newer_record_is_refused_by_its_version_and_nothing_is_cut() {
    let (dir, head) = filled(1);
    let record = Record { seq: 2, at: at(), v: VERSION + 6, by: By::Plan, actor: "x".into(), event: paused("x") };
    let (line, _) = encode(&head.hash, &record).unwrap();
    let text = [fs::read(segment_file(&dir, 1)).unwrap(), line, b"torn".to_vec()].concat();
    fs::write(segment_file(&dir, 1), &text).unwrap();
    for error in [Journal::open(dir.path(), None).err().unwrap(), verify(dir.path()).unwrap_err()] {
        assert!(matches!(error, JournalError::TooNew { line: 2, v: 7, .. }), "{error}");
    }
    assert_eq!(fs::read(segment_file(&dir, 1)).unwrap(), text);
}

#[test]
fn the_checkpoint_spares_what_it_covers() {
    let (dir, end) = filled(9);
    let heads: Vec<Head> = {
        let mut reader = records(dir.path()).unwrap();
        std::iter::from_fn(|| reader.next().map(|record| record.map(|_| reader.head()).unwrap())).collect()
    };
    for covered in &heads {
        let opened = Journal::open(dir.path(), Some((*covered, Position::default()))).unwrap();
        assert_eq!((opened.fit, opened.journal.head()), (Fit::Fits, end));
        let rest: Vec<u64> =
            records_after(dir.path(), *covered, Position::default()).unwrap().map(|record| record.unwrap().seq).collect();
        assert_eq!(rest, (covered.seq + 1..=9).collect::<Vec<_>>());
    }
    let foreign = Head { seq: 4, hash: end.hash };
    assert_eq!(Journal::open(dir.path(), Some((foreign, Position::default()))).unwrap().fit, Fit::Foreign);
    assert_eq!(records_after(dir.path(), foreign, Position::default()).unwrap().count(), 9);
}

#[test]
fn where_a_record_stands_is_believed_only_when_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), None).unwrap().journal;
    journal.segment_limit = 300;
    let mut heads = Vec::new();
    for _ in 0..4 {
        for few in [1, 2] {
            let events = vec![started("a record"); few];
            journal.append(at(), By::Schedule, "tidegate", &events).unwrap();
        }
        heads.push((journal.head(), journal.position()));
    }
    drop(journal);
    for (head, position) in &heads {
        let wrong = |change: fn(&mut Position)| {
            let mut wrong = *position;
            change(&mut wrong);
            wrong
        };
        let hints = [
            *position,
            wrong(|at| at.segment += 1),
            wrong(|at| at.segment = 0),
            wrong(|at| at.segment = u64::MAX),
            wrong(|at| at.start += 1),
            wrong(|at| at.end -= 1),
            wrong(|at| at.end = u64::MAX),
            wrong(|at| (at.start, at.end) = (u64::MAX - 1, 3)),
        ];
        for hint in hints {
            let mut rest = records_after(dir.path(), *head, hint).unwrap();
            let seqs: Vec<u64> = rest.by_ref().map(|record| record.unwrap().seq).collect();
            assert_eq!(seqs, (head.seq + 1..=12).collect::<Vec<_>>(), "{head:?} {hint:?}");
            let opened = Journal::open(dir.path(), Some((*head, hint))).unwrap();
            assert_eq!((opened.fit, opened.journal.head()), (Fit::Fits, heads[3].0), "{head:?} {hint:?}");
        }
        let foreign = Head { seq: head.seq, hash: Head::START.hash };
        assert_eq!(Journal::open(dir.path(), Some((foreign, *position))).unwrap().fit, Fit::Foreign);
    }
}

#[test]
fn a_checkpoint_ahead_of_the_journal_stops_the_start_and_nothing_is_cut() {
    let (dir, end) = filled(9);
    let whole = fs::read(segment_file(&dir, 1)).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for len in [last, last + 1, whole.len() - 1] {
        fs::write(segment_file(&dir, 1), &whole[..len]).unwrap();
        let error = Journal::open(dir.path(), Some((end, Position::default()))).err().unwrap();
        assert!(matches!(error, JournalError::CheckpointAhead { line: 8, last: 8, covered: 9, .. }), "{error}");
        assert_eq!(fs::read(segment_file(&dir, 1)).unwrap().len(), len);
    }
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(
        Journal::open(empty.path(), Some((end, Position::default()))),
        Err(JournalError::CheckpointAhead { last: 0, .. })
    ));
}

#[test]
fn the_chain_runs_on_across_segments_and_a_crash_while_one_is_made_is_harmless() {
    let (dir, _) = filled(3);
    fs::write(segment_file(&dir, 1).with_extension("log.new"), "").unwrap();
    let mut journal = open(&dir);
    journal.segment_limit = 1;
    for number in 2..=4 {
        journal.append(at(), By::Schedule, "tidegate", &[started("x")]).unwrap();
        assert!(segment_file(&dir, number).exists());
    }
    let head = journal.head();
    drop(journal);
    // A crash before the rename leaves the temporary file; one after it leaves an empty segment.
    let left_over = segment_file(&dir, 5).with_extension("log.new");
    fs::write(&left_over, "half").unwrap();
    assert_eq!(open(&dir).head(), head);
    assert!(!left_over.exists());
    fs::write(segment_file(&dir, 5), "").unwrap();
    let mut journal = open(&dir);
    journal.append(at(), By::Schedule, "tidegate", &[started("y")]).unwrap();
    assert_eq!(fs::read_to_string(segment_file(&dir, 5)).unwrap().lines().count(), 1);
    assert_eq!(verify_by_hand(&dir), 7);
    assert_eq!(verify(dir.path()).unwrap(), Summary { records: 7, segments: 5, head: journal.head(), torn: None });
}

/// A disk that does as it is told.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    bytes: Vec<u8>,
    /// Bytes that fit on it, when there is a limit.
    room: Option<usize>,
    /// What the next calls answer.
    on_write: Option<io::ErrorKind>,
    on_sync: Option<io::ErrorKind>,
    on_cut: Option<io::ErrorKind>,
}

impl Medium for Disk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if let Some(kind) = disk.on_write.take() {
            disk.bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
            return Err(kind.into());
        }
        let room = disk.room.map_or(bytes.len(), |room| room.saturating_sub(disk.bytes.len()));
        let fits = room.min(bytes.len());
        disk.bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().on_sync.take().map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if let Some(kind) = disk.on_cut {
            return Err(kind.into());
        }
        disk.bytes.truncate(usize::try_from(len).unwrap());
        Ok(())
    }
}

/// A journal with one record on such a disk.
fn on_disk() -> (TempDir, Journal, Disk) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::default();
    let mut journal = open(&dir);
    journal.pen = Pen::new(disk.clone(), 0);
    journal.append(at(), By::Schedule, "tidegate", &[started("1")]).unwrap();
    (dir, journal, disk)
}

#[test]
fn after_a_failed_write_or_sync_every_append_fails_with_the_first_cause() {
    for on_sync in [false, true] {
        let (_dir, mut journal, disk) = on_disk();
        let before = disk.0.lock().unwrap().bytes.clone();
        let kind = Some(io::ErrorKind::HostUnreachable);
        let mut told = disk.0.lock().unwrap();
        *(if on_sync { &mut told.on_sync } else { &mut told.on_write }) = kind;
        drop(told);
        let head = journal.head();
        let error = journal.append(at(), By::Schedule, "tidegate", &[started("2")]).unwrap_err();
        assert!(matches!(error, JournalError::Unwritable { .. }), "{error}");
        if !on_sync {
            assert_eq!(disk.0.lock().unwrap().bytes, before, "half a record was left");
        }
        for event in [started("3"), paused("3")] {
            let error = journal.append(at(), By::Schedule, "tidegate", &[event]).unwrap_err();
            assert!(matches!(&error, JournalError::Stopped { first } if first.contains("host unreachable")), "{error}");
        }
        assert_eq!(journal.head(), head);
    }
}

#[test]
fn on_a_full_disk_no_half_record_stays_and_last_words_use_the_reserve() {
    let (dir, mut journal, disk) = on_disk();
    let mut before = disk.0.lock().unwrap().bytes.clone();
    disk.0.lock().unwrap().room = Some(before.len() + 40);
    let error = journal.append(at(), By::Schedule, "tidegate", &[started("2")]).unwrap_err();
    assert!(matches!(error, JournalError::Full { .. }), "{error}");
    assert_eq!(disk.0.lock().unwrap().bytes, before);
    let mut refused = |event| journal.append(at(), By::Schedule, "tidegate", &[event]).unwrap_err();
    assert!(matches!(refused(started("3")), JournalError::Stopped { .. }));
    assert!(dir.path().join("reserve").exists());
    // Here giving up the reserve makes no room.
    assert!(matches!(refused(paused("full")), JournalError::Full { .. }));
    assert!(!dir.path().join("reserve").exists());
    disk.0.lock().unwrap().room = None;
    let answered = Event::Ordered { key: "k".to_owned(), says: "paused".to_owned() };
    journal.append(at(), By::Operator, "anna", &[paused("full"), answered]).unwrap();
    let error = journal.append(at(), By::Schedule, "tidegate", &[started("4")]).unwrap_err();
    assert!(matches!(&error, JournalError::Stopped { first } if first.contains("is full")), "{error}");
    before.clone_from(&disk.0.lock().unwrap().bytes);
    fs::write(segment_file(&dir, 1), &before).unwrap();
    assert_eq!(verify_by_hand(&dir), 3);
}

#[test]
fn when_half_a_record_cannot_be_taken_back_nothing_is_written_behind_it() {
    let (_dir, mut journal, disk) = on_disk();
    let len = disk.0.lock().unwrap().bytes.len();
    disk.0.lock().unwrap().room = Some(len + 40);
    disk.0.lock().unwrap().on_cut = Some(io::ErrorKind::Other);
    assert!(matches!(journal.append(at(), By::Schedule, "tidegate", &[started("2")]), Err(JournalError::Full { .. })));
    disk.0.lock().unwrap().room = None;
    assert!(matches!(journal.append(at(), By::Operator, "anna", &[paused("x")]), Err(JournalError::Stopped { .. })));
}

#[test]
fn a_segment_that_cannot_be_made_stops_the_journal() {
    let (dir, _) = filled(1);
    let mut journal = open(&dir);
    journal.segment_limit = 1;
    fs::create_dir(segment_file(&dir, 2).with_extension("log.new")).unwrap();
    let error = journal.append(at(), By::Schedule, "tidegate", &[started("2")]).unwrap_err();
    assert!(matches!(error, JournalError::Unwritable { .. }), "{error}");
    assert!(matches!(journal.append(at(), By::Operator, "x", &[paused("x")]), Err(JournalError::Stopped { .. })));
    assert_eq!(verify_by_hand(&dir), 1);
}

#[test]
fn the_device_that_is_always_full_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = open(&dir);
    journal.pen = Pen::new(fs::OpenOptions::new().append(true).open("/dev/full").unwrap(), 0);
    let error = journal.append(at(), By::Schedule, "tidegate", &[started("1")]).unwrap_err();
    let mut text = String::new();
    write!(text, "{error}").unwrap();
    assert!(matches!(error, JournalError::Full { .. }) && text.contains("is full"), "{text}");
}
