//! State that cannot be trusted or written: the daemon says what and where, and does nothing to anybody.

use std::path::PathBuf;
use std::process::Command;

use tidegate::rollout::event::Event;
use tidegate::store::chain::{Head, check, encode};

use super::bed::{Bed, Ended, Running};
use super::{kept, plans};

/// A rollout that is over, and what the tenant had to do for it.
fn finished() -> (Bed, PathBuf, usize) {
    let bed = Bed::new(plans::orderly(40));
    plans::short(&bed, "");
    bed.run_max(plans::SHORT_BEGIN).with(0);
    let journal = bed.state().join("journal/000001.log");
    let writes = bed.tenant().writes().len();
    (bed, journal, writes)
}

#[test]
fn a_damaged_record_is_named_by_file_and_line() {
    let (bed, file, writes) = finished();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[4] = lines[4].replacen("\"at\":\"2", "\"at\":\"3", 1);
    let damaged = lines.join("\n") + "\n";
    assert_ne!(damaged, text);
    std::fs::write(&file, &damaged).unwrap();
    // The checkpoint may cover the line; the whole chain is what `verify` reads.
    std::fs::remove_dir_all(bed.state().join("checkpoint")).unwrap();
    for args in [&["run", "--pace", "max", "--until-done"][..], &["journal", "verify"]] {
        let ended = bed.run(args).with(6);
        let said = format!("{}{}", ended.out, ended.log);
        assert!(said.contains("line 5") && said.contains("000001.log"), "{args:?}: {said}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), damaged, "nothing was mended");
    assert_eq!(bed.tenant().writes().len(), writes);
}

#[test]
fn a_record_of_a_newer_version_is_refused_and_kept() {
    let (bed, file, writes) = finished();
    let text = std::fs::read_to_string(&file).unwrap();
    let head = text.lines().fold(Head::START, |head, line| check(head, line.as_bytes()).unwrap());
    let mut record = bed.journal().pop().unwrap();
    (record.seq, record.v) = (record.seq + 1, record.v + 1);
    let newer = [text.as_bytes(), &encode(&head.hash, &record).unwrap().0].concat();
    std::fs::write(&file, &newer).unwrap();
    let ended = bed.run_max(plans::SHORT_BEGIN).with(6);
    assert!(
        ended.says().contains(&format!("version {}", record.v)) && ended.says().contains("newer program"),
        "{}",
        ended.says()
    );
    assert_eq!(std::fs::read(&file).unwrap(), newer, "nothing was cut off");
    assert_eq!(bed.tenant().writes().len(), writes);
}

#[test]
fn a_corrupt_checkpoint_is_made_anew_and_said_so() {
    let (bed, _, writes) = finished();
    let mut spoilt = 0;
    for entry in std::fs::read_dir(bed.state().join("checkpoint")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::write(entry.path(), b"this is no database").unwrap();
            spoilt += 1;
        }
    }
    assert!(spoilt > 0);
    let ended = bed.run_max(plans::SHORT_BEGIN).with(0);
    assert!(ended.log.contains("checkpoint"), "{}", ended.log);
    assert!(bed.journal().iter().any(|record| matches!(record.event, Event::CheckpointRebuilt { .. })));
    assert_eq!(bed.tenant().writes().len(), writes);
    kept::promises_to_everybody(&bed);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named() {
    let bed = Bed::new(plans::orderly(40));
    plans::short(&bed, "");
    // A file in its place stands for missing permissions, which do not bind root.
    bed.write("state", "not a folder");
    let ended = bed.run_max(plans::SHORT_BEGIN).with(8);
    assert!(ended.says().contains(&bed.state().display().to_string()), "{}", ended.says());
    assert!(bed.tenant().writes().is_empty() && bed.tenant().mails().is_empty());
}

#[test]
fn a_full_disk_ends_the_daemon_before_it_does_what_it_cannot_write_down() {
    let bed = Bed::new(plans::orderly(400));
    plans::short(&bed, "");
    std::fs::create_dir(bed.state()).unwrap();
    if on_small_disk(&bed, "64k", &mut Command::new("true")).is_none_or(|ended| ended.code != Some(0)) {
        return println!("not run: tmpfs");
    }
    let args = ["run", "--pace", "max", "--until-done", "--start-at", plans::SHORT_BEGIN];
    let ended = on_small_disk(&bed, "64k", &mut bed.command(&args)).unwrap().with(8);
    assert!(ended.says().contains("is full; free some space"), "{}", ended.says());
    assert_eq!(bed.tenant().violations(), []);
}

/// Runs a command while the state folder lies on a disk of this size, which is gone afterwards. None without the means.
fn on_small_disk(bed: &Bed, size: &str, command: &mut Command) -> Option<Ended> {
    let script = format!("mount -t tmpfs -o size={size} none \"$0\" && exec \"$@\"");
    let mut inside = Command::new("unshare");
    inside.args(["-m", "sh", "-c", &script]).arg(bed.state()).arg(command.get_program()).args(command.get_args());
    inside.current_dir(bed.path(""));
    Command::new("unshare").arg("--version").output().ok()?;
    Some(Running::new(inside).ends())
}
