//! Logging: one line a record, to stderr or the systemd journal, with a level that can be changed at run time.
//!
//! Redaction is by design, not by filter: what may never be logged (docs/LOGGING.md) has no `Display`, and other crates, whose
//! lines we do not choose, never get below `warn`. This file does not read the environment: `config` hands in what it says.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use tracing::Subscriber;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// [`Format::Journald`] under systemd, [`Format::Human`] on a terminal, [`Format::Json`] otherwise.
    #[default]
    Auto,
    /// For eyes.
    Human,
    /// One JSON object a line.
    Json,
    /// Structured fields in the journal of systemd, prefixed `TIDEGATE_`.
    Journald,
}

/// Whether human lines on a terminal are coloured; nothing else ever is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Never; `NO_COLOR` says so.
    Never,
}

/// What logging is set up from.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    /// How lines look.
    pub format: Format,
    /// `info`, or with parts of the program apart, by target: `info,tidegate::graph=debug`.
    pub level: &'a str,
    /// Whether lines are coloured.
    pub colour: Colour,
    /// The environment's `JOURNAL_STREAM`: device and inode of the stream that systemd reads.
    pub journal_stream: Option<&'a str>,
}

/// Why logging could not be set up or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is not one.
    #[error("`{0}` is not a log level: say error, warn, info, debug or trace, and parts as in `info,tidegate::graph=debug`")]
    Level(String),
    /// The journal of systemd was asked for and is not there.
    #[error("the journal of systemd cannot be reached: choose another log format")]
    Journald(#[source] io::Error),
    /// Set up twice, or gone.
    #[error("the log is set up once, at start")]
    Fixed,
}

/// The level in force, which can be changed while the program runs.
#[derive(Clone, Debug)]
pub struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// Changes the level; the old one stays when `text` is not a level.
    pub fn set(&self, text: &str) -> Result<(), LogError> {
        self.0.reload(targets(text)?).map_err(|_| LogError::Fixed)
    }
}

/// Sets logging up for the whole program, once.
pub fn init(settings: &Settings<'_>) -> Result<Level, LogError> {
    let stderr = Stderr::of(&io::stderr(), settings.journal_stream);
    let (filter, handle) = reload::Layer::new(targets(settings.level)?);
    let lines = match (settings.format, stderr) {
        (Format::Journald, _) | (Format::Auto, Stderr::Journal) => journald()?,
        (Format::Human, _) | (Format::Auto, Stderr::Terminal) => {
            let colour = if stderr == Stderr::Terminal { settings.colour } else { Colour::Never };
            human(io::stderr, colour)
        }
        (Format::Json | Format::Auto, _) => json(io::stderr),
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init().map_err(|_| LogError::Fixed)?;
    Ok(Level(handle))
}

/// What stderr is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stderr {
    Journal,
    Terminal,
    Other,
}

impl Stderr {
    /// systemd sets `JOURNAL_STREAM` to `device:inode`; a child whose stderr was redirected inherits it, so both must match.
    fn of(stderr: &(impl AsFd + IsTerminal), journal_stream: Option<&str>) -> Self {
        let stream = journal_stream.and_then(|text| text.split_once(':'));
        let stat = rustix::fs::fstat(stderr).ok();
        if let (Some((device, inode)), Some(stat)) = (stream, stat)
            && device.parse() == Ok(stat.st_dev)
            && inode.parse() == Ok(stat.st_ino)
        {
            return Self::Journal;
        }
        if stderr.is_terminal() { Self::Terminal } else { Self::Other }
    }
}

/// Reads a level: one word for the program (`info` when there is none), and parts of it, by target, with their own.
fn targets(text: &str) -> Result<Targets, LogError> {
    let wrong = || LogError::Level(text.to_owned());
    let mut program = LevelFilter::INFO;
    let mut parts = Targets::new();
    for part in text.split(',').map(str::trim) {
        match part.split_once('=') {
            None => program = level(part).ok_or_else(wrong)?,
            Some((target, word)) if target.starts_with("tidegate::") => {
                parts = parts.with_target(target, level(word).ok_or_else(wrong)?);
            }
            Some(_) => return Err(wrong()),
        }
    }
    Ok(parts.with_default(program.min(LevelFilter::WARN)).with_target("tidegate", program))
}

fn level(word: &str) -> Option<LevelFilter> {
    match word {
        "error" => Some(LevelFilter::ERROR),
        "warn" => Some(LevelFilter::WARN),
        "info" => Some(LevelFilter::INFO),
        "debug" => Some(LevelFilter::DEBUG),
        "trace" => Some(LevelFilter::TRACE),
        _ => None,
    }
}

type Lines<S> = Box<dyn Layer<S> + Send + Sync>;

fn human<S, W>(writer: W, colour: Colour) -> Lines<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let fields = fmt::format::debug_fn(|line, field, value| match field.name() {
        "message" => write!(OneLine(line), "{value:?}"),
        name => write!(OneLine(line), "{name}={value:?}"),
    });
    Box::new(fmt::layer().with_writer(writer).with_ansi(colour == Colour::Auto).fmt_fields(fields.delimited(" ")))
}

/// Escapes what would end the line, or command the terminal: a record is one line, whatever it holds.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.chars().try_for_each(|c| if c.is_control() { write!(self.0, "{}", c.escape_debug()) } else { self.0.write_char(c) })
    }
}

fn json<S, W>(writer: W) -> Lines<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    Box::new(fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(writer))
}

fn journald<S: Subscriber + for<'a> LookupSpan<'a>>() -> Result<Lines<S>, LogError> {
    let layer = tracing_journald::layer().map_err(LogError::Journald)?;
    Ok(Box::new(layer.with_field_prefix(Some("TIDEGATE".to_owned())).with_syslog_identifier("tidegate".to_owned())))
}

#[cfg(test)]
mod tests;
