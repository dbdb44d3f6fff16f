//! The checkpoint against sizes, crashes between its steps, and damage.

use std::path::PathBuf;

use tempfile::TempDir;

use super::snapshot::Snapshot;
use super::*;

fn head(seq: u64) -> Head {
    Head { seq, hash: "ab".repeat(32).parse().unwrap() }
}

fn state_of(len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
}

fn open(dir: &TempDir) -> Opened<Vec<u8>> {
    Checkpoint::open(dir.path(), read)
}

fn read(_: Head, bytes: &mut dyn io::Read) -> Result<Vec<u8>, String> {
    let mut state = Vec::new();
    bytes.read_to_end(&mut state).map_err(|error| error.to_string())?;
    Ok(state)
}

/// Writes so many bytes.
fn writing(len: usize) -> Write {
    Box::new(move |out| out.write_all(&state_of(len)))
}

/// A state folder whose checkpoint holds a state of so many bytes as of record 7.
fn filled(len: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(&dir);
    assert_eq!((opened.saved, opened.aside), (None, None));
    opened.checkpoint.save(head(7), writing(len));
    opened.checkpoint.close();
    dir
}

/// sled on its own, once whoever had it open let go of it.
fn database(dir: &TempDir) -> sled::Db {
    let path = dir.path().join("checkpoint");
    fs::File::open(path.join("db")).unwrap().lock().unwrap();
    sled::open(path).unwrap()
}

fn aside(dir: &TempDir) -> Vec<String> {
    let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("checkpoint.aside-")).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_state_of_any_size_comes_back() {
    for len in [0, 1, 495, 496, 497, 992, 993, 8_192, 3_000_000] {
        let dir = filled(len);
        let opened = open(&dir);
        assert_eq!(opened.aside, None);
        assert!(opened.saved == Some(Saved { head: head(7), state: state_of(len) }), "{len} bytes");
        let blobs = fs::read_dir(dir.path().join("checkpoint/blobs")).map_or(0, Iterator::count);
        assert_eq!(blobs, 0, "values must not go to files that sled never syncs");
        opened.checkpoint.close();
    }
}

#[test]
fn the_newest_state_handed_over_is_the_one_that_stays() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open(&dir).checkpoint;
    for seq in 1..=50 {
        checkpoint.save(head(seq), writing(20_000 + usize::try_from(seq).unwrap()));
    }
    assert_eq!(checkpoint.trouble(), None);
    checkpoint.close();
    let opened = open(&dir);
    assert_eq!(opened.saved, Some(Saved { head: head(50), state: state_of(20_050) }));
}

#[test]
fn an_empty_checkpoint_is_no_doubt() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let opened = open(&dir);
        assert_eq!((opened.saved, opened.aside), (None, None));
        opened.checkpoint.close();
    }
}

#[test]
fn a_crash_between_the_steps_leaves_the_old_state() {
    let dir = filled(30_000);
    let database = database(&dir);
    // A new generation without a head, as a crash before the switch leaves it.
    let key = [b"s".as_slice(), &2_u64.to_be_bytes(), &0_u32.to_be_bytes()].concat();
    database.insert(key, b"x".as_slice()).unwrap();
    drop(database);
    let opened = open(&dir);
    assert_eq!(opened.saved, Some(Saved { head: head(7), state: state_of(30_000) }));
    opened.checkpoint.save(head(8), writing(5));
    opened.checkpoint.close();
    assert_eq!(open(&dir).saved, Some(Saved { head: head(8), state: state_of(5) }));
}

#[test]
fn a_generation_that_was_replaced_is_removed() {
    let dir = filled(100_000);
    let (mut snapshot, _) = Snapshot::open(&dir.path().join("checkpoint"), read).unwrap();
    snapshot.save(Handed { head: head(8), write: writing(9_000) }).unwrap();
    snapshot.close().unwrap();
    let database = database(&dir);
    assert_eq!(database.len(), 1 + 19);
}

#[test]
fn a_changed_or_missing_value_is_a_doubt() {
    type Damage = fn(&sled::Db);
    let first_chunk = || [b"s".as_slice(), &1_u64.to_be_bytes(), &0_u32.to_be_bytes()].concat();
    let cases: [(&str, Damage); 5] = [
        ("head is missing", |db| drop(db.remove("head"))),
        ("part of it is missing or damaged", |db| drop(db.insert("head", b"short".as_slice()))),
        ("part of it is missing or damaged", |db| drop(db.insert("head", [7; 90].as_slice()))),
        ("part of it is missing or damaged", |db| {
            let (key, _) = db.scan_prefix("s").next().unwrap().unwrap();
            db.remove(key).unwrap();
        }),
        ("part of it is missing or damaged", |db| {
            let chunks: Vec<_> = db.scan_prefix("s").map(Result::unwrap).collect();
            db.insert(&chunks[0].0, &chunks[1].1).unwrap();
        }),
    ];
    for (why, damage) in cases {
        let dir = filled(30_000);
        let database = database(&dir);
        assert!(database.contains_key(first_chunk()).unwrap());
        damage(&database);
        drop(database);
        let opened = open(&dir);
        assert_eq!(opened.saved, None);
        let told = opened.aside.unwrap();
        assert!(told.contains(why), "{told}");
        assert_eq!(opened.checkpoint.trouble(), None);
        opened.checkpoint.save(head(9), writing(9));
        opened.checkpoint.close();
        assert_eq!(aside(&dir), ["checkpoint.aside-1"]);
        assert_eq!(open(&dir).saved, Some(Saved { head: head(9), state: state_of(9) }));
    }
}

/// What may come back from a damaged folder: exactly what was saved, or nothing (as before the first save, too: sled can lose
/// the end of its file without a word).
fn whole_or_nothing(dir: &TempDir, case: &str) -> Option<String> {
    let opened = open(dir);
    if let Some(saved) = &opened.saved {
        assert!(*saved == Saved { head: head(7), state: state_of(30_000) }, "{case}");
        assert_eq!(opened.aside, None, "{case}");
    }
    assert_eq!(opened.checkpoint.trouble(), None, "{case}");
    opened.checkpoint.save(head(9), writing(9));
    opened.checkpoint.close();
    // What sled took without a word may be refused at the next start.
    let again = open(dir);
    assert!(again.aside.is_some() || again.saved == Some(Saved { head: head(9), state: state_of(9) }), "{case}");
    opened.aside
}

#[test]
fn a_damaged_folder_is_moved_aside_and_begun_anew() {
    let file = |dir: &TempDir| -> PathBuf { dir.path().join("checkpoint/db") };
    let whole = |dir: &TempDir| fs::read(file(dir)).unwrap();

    let dir = filled(30_000);
    fs::write(file(&dir), state_of(whole(&dir).len())).unwrap();
    assert!(whole_or_nothing(&dir, "other bytes in db").is_some());

    for part in [0, 1, 2, 3] {
        let dir = filled(30_000);
        let bytes = whole(&dir);
        fs::write(file(&dir), &bytes[..bytes.len() * part / 4]).unwrap();
        whole_or_nothing(&dir, &format!("{part} quarters of db"));
    }
    for at in (0..30).map(|step| step * 1_000 + step) {
        let dir = filled(30_000);
        let mut bytes = whole(&dir);
        bytes[at] ^= 0x40;
        fs::write(file(&dir), bytes).unwrap();
        whole_or_nothing(&dir, &format!("changed byte {at} of db"));
    }

    let dir = filled(30_000);
    fs::write(dir.path().join("checkpoint/conf"), "rubbish").unwrap();
    whole_or_nothing(&dir, "rubbish in conf");

    let dir = filled(30_000);
    fs::remove_dir_all(dir.path().join("checkpoint")).unwrap();
    fs::write(dir.path().join("checkpoint"), "a file").unwrap();
    assert!(whole_or_nothing(&dir, "a file in place of the folder").is_some());
}

#[test]
fn a_half_made_snapshot_of_sled_is_removed_and_nothing_is_lost() {
    let dir = filled(30_000);
    fs::write(dir.path().join("checkpoint/snap.0000000000000400.generating"), "half").unwrap();
    assert_eq!(whole_or_nothing(&dir, "left-over snapshot"), None);
}

#[test]
fn only_the_newest_two_are_kept_aside() {
    let dir = filled(10);
    let mut checkpoint = open(&dir).checkpoint;
    for _ in 0..12 {
        checkpoint = checkpoint.move_aside("it is of another journal");
        assert_eq!(checkpoint.trouble(), None);
    }
    assert_eq!(aside(&dir), ["checkpoint.aside-11", "checkpoint.aside-12"]);
}

#[test]
fn where_sled_cannot_be_used_the_daemon_runs_without_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("gone");
    fs::write(&state, "no folder").unwrap();
    let opened = Checkpoint::open(&state, read);
    assert_eq!(opened.saved, None);
    assert!(opened.checkpoint.trouble().is_some());
    opened.checkpoint.save(head(1), writing(1));
    opened.checkpoint.close();
}
