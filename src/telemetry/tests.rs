//! Levels, formats and redaction by crate, on lines written to memory.

use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(level: &str, lines: impl FnOnce(Memory) -> Lines<Filtered>, work: impl FnOnce(&Level)) -> String {
    let memory = Memory::default();
    let (filter, handle) = reload::Layer::new(targets(level).unwrap());
    let subscriber = tracing_subscriber::registry().with(filter).with(lines(memory.clone()));
    tracing::subscriber::with_default(subscriber, || work(&Level(handle)));
    memory.text()
}

type Filtered = tracing_subscriber::layer::Layered<reload::Layer<Targets, Registry>, Registry>;

fn to_json(memory: Memory) -> Lines<Filtered> {
    json(move || memory.clone())
}

fn to_human(memory: Memory) -> Lines<Filtered> {
    human(move || memory.clone(), Colour::Never)
}

#[test]
fn a_json_line_holds_the_sentence_the_fields_and_the_spans() {
    let text = logged("info", to_json, |_| {
        let _stage = tracing::info_span!("stage", stage.name = "pilot").entered();
        tracing::info!(batch.people = 20, "a batch was enforced");
    });
    let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!(line["message"], "a batch was enforced");
    assert_eq!(line["batch.people"], 20);
    assert_eq!(line["spans"][0]["stage.name"], "pilot");
    assert_eq!(line["level"], "INFO");
}

#[test]
fn one_record_is_one_line_whatever_it_holds() {
    let hostile = "a\nb\u{1b}[31mc";
    for lines in [to_json, to_human] {
        let text = logged("info", lines, |_| tracing::info!(reason = ?hostile, why = %hostile, text = hostile, "held {hostile}"));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn the_level_changes_at_run_time() {
    let text = logged("info", to_human, |level| {
        tracing::debug!("first");
        level.set("debug").unwrap();
        tracing::debug!("second");
        assert!(level.set("loud").is_err());
        tracing::debug!("third");
        level.set("error").unwrap();
        tracing::warn!("fourth");
    });
    assert!(!text.contains("first") && text.contains("second") && text.contains("third") && !text.contains("fourth"), "{text}");
}

#[test]
fn a_part_of_the_program_has_its_own_level() {
    let text = logged("warn,tidegate::graph=debug", to_human, |_| {
        tracing::debug!(target: "tidegate::graph::transport", "graph");
        tracing::info!(target: "tidegate::engine", "engine");
    });
    assert!(text.contains("graph") && !text.contains("engine"), "{text}");
    let text = logged("tidegate::graph=warn", to_human, |_| {
        tracing::info!(target: "tidegate::graph", "graph");
        tracing::info!(target: "tidegate::engine", "engine");
    });
    assert!(!text.contains(" graph\n") && text.contains("engine"), "without a word for the program it is info: {text}");
}

#[test]
fn other_crates_never_get_below_warn() {
    let text = logged("trace", to_human, |_| {
        tracing::info!(target: "h2::codec", "a frame with a token");
        tracing::info!(target: "tokio_cron_scheduler", "tick");
        tracing::warn!(target: "tokio_cron_scheduler", "late");
    });
    assert!(!text.contains("token") && !text.contains("tick") && text.contains("late"), "{text}");
}

#[test]
fn what_is_no_level_is_refused_with_the_way_to_say_it() {
    for wrong in [
        "",
        "loud",
        "off",
        "3",
        "info,tidegate::graph",
        "info,tidegate::graph=loud",
        "info,h2=debug",
        "graph=debug",
        "info,=debug",
    ] {
        let error = targets(wrong).unwrap_err().to_string();
        assert!(error.contains("info,tidegate::graph=debug"), "{wrong}: {error}");
    }
}

#[test]
fn stderr_is_the_journal_only_when_device_and_inode_match() {
    let file = tempfile::tempfile().unwrap();
    let meta = file.metadata().unwrap();
    let stream = |device: u64, inode: u64| format!("{device}:{inode}");
    let fits = stream(meta.dev(), meta.ino());
    assert_eq!(Stderr::of(&file, Some(&fits)), Stderr::Journal);
    for other in [Some(stream(meta.dev(), meta.ino() + 1)), Some("rubbish".to_owned()), None] {
        assert_eq!(Stderr::of(&file, other.as_deref()), Stderr::Other, "{other:?}");
    }
}
