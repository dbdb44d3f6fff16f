//! How a report looks on a terminal; the same sentences as everywhere.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::rollout::overriding::Passed;
use crate::rollout::report::{Report, StageReport, Standing};
use crate::rollout::stage::PhaseName;

/// Whether colours are wanted: only on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colours {
    On,
    Off,
}

impl Colours {
    /// On when the standard output is a terminal.
    pub(super) fn of_stdout() -> Self {
        if std::io::IsTerminal::is_terminal(&std::io::stdout()) { Self::On } else { Self::Off }
    }

    pub(super) fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::On => format!("{}{text}{}", style.render(), style.render_reset()),
            Self::Off => text.to_owned(),
        }
    }
}

pub(super) fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(colour.into()))
}

/// An instant in a zone and in UTC: `2027-01-11 09:00 CET (08:00Z)`.
pub(super) fn instant(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned_datetime(zone.clone());
    format!("{} ({})", local.strftime("%a %Y-%m-%d %H:%M %Z"), at.strftime("%Y-%m-%dT%H:%MZ"))
}

/// The report as text.
pub(super) fn report(report: &Report, zone: &TimeZone, colours: Colours) -> String {
    let mut out = String::new();
    let mark = match report.standing {
        Standing::Finished => colours.paint(colour(AnsiColor::Green), "finished"),
        Standing::Blocked => colours.paint(colour(AnsiColor::Red), "blocked"),
        Standing::Acting => colours.paint(colour(AnsiColor::Cyan), "acting"),
        Standing::WaitingOn => colours.paint(colour(AnsiColor::Yellow), "waiting"),
    };
    let _ = writeln!(out, "{mark}: {}", report.headline);
    let _ = writeln!(out, "as of {}; looks again by {}", instant(report.at, zone), instant(report.wake_at, zone));
    let _ = writeln!(out, "plan revision {}", report.revision.get(..12).unwrap_or(&report.revision));
    for hold in &report.holds {
        let _ = writeln!(out, "hold {} since {}: {}", hold.id, instant(hold.since, zone), hold.why);
    }
    for over in &report.overrides {
        let what = match &over.passed {
            Passed::Gate(gate) => format!("gate {gate}"),
            Passed::Hold(hold) => format!("hold {hold}"),
        };
        let until = instant(over.until, zone);
        let _ =
            writeln!(out, "override of {what} for {} until {until}, or its next move, by {}: {}", over.stage, over.who, over.why);
    }
    for stage in report.stages.iter().chain(std::iter::once(&report.tail)) {
        out.push_str(&self::stage(stage, zone));
    }
    let _ = writeln!(out, "people: {} in all", report.total);
    for (word, count) in &report.people {
        let _ = writeln!(out, "  {count:>7}  {word}");
    }
    out
}

/// One stage as text.
pub(super) fn stage(stage: &StageReport, zone: &TimeZone) -> String {
    let mut out = String::new();
    let phase = stage.phase.map_or("", PhaseName::as_str);
    let start = stage.start.map_or_else(String::new, |start| format!(", starts {}", instant(start, zone)));
    let _ = writeln!(out, "{:<16} {phase:<11} {:>6} people{start}", stage.name, stage.people);
    let counts = |counts: &std::collections::BTreeMap<String, u32>| {
        counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    };
    for (label, line) in
        [("situation", counts(&stage.situations)), ("readiness", counts(&stage.readiness)), ("out", counts(&stage.out))]
    {
        if !line.is_empty() {
            let _ = writeln!(out, "    {label}: {line}");
        }
    }
    for gate in &stage.gates {
        let _ = writeln!(out, "    {}", gate.sentence);
    }
    if let Some(expected) = &stage.expected {
        let _ = writeln!(out, "    {expected}");
    }
    if let Some(lists) = &stage.lists {
        let _ = writeln!(out, "    {lists}");
    }
    for why in &stage.waits {
        let _ = writeln!(out, "    waits: {why}");
    }
    out
}

/// Prints a line to the standard error: what is no part of the answer.
#[macro_export]
#[doc(hidden)]
macro_rules! whisper {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($arg)*);
    }};
}

/// Prints a line to the standard output; a closed pipe ends the printing quietly.
#[macro_export]
#[doc(hidden)]
macro_rules! say {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($arg)*);
    }};
}
