//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::clock::Pace;

/// From "MFA is optional" to "MFA is required of everyone", stage by stage, on announced dates.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// Options of every command.
#[derive(Debug, ClapArgs)]
pub(super) struct Common {
    /// The plan file [default: tidegate.toml here, or else /etc/tidegate/plan.toml]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Log level, for example `info` or `info,tidegate::graph=debug`.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(super) log: Option<String>,
}

/// Where commands find the state that need no plan.
#[derive(Debug, ClapArgs)]
pub(super) struct Place {
    /// The state folder, when the plan cannot say; the plan's own if left out.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run the rollout until it is stopped.
    Run(Run),
    /// Check the plan file, without the tenant.
    Check,
    /// Resolve the plan against the tenant and show who would be where, and when; changes nothing.
    Plan,
    /// Look for what would go wrong: permissions, licences, domains, methods, accounts, sign-ins; changes nothing.
    Doctor(Doctor),
    /// Show where everything stands, with or without a running daemon.
    Status(Status),
    /// Say why a stage or a person is where they are.
    Explain(Explain),
    /// Verify or show the journal.
    Journal(Journal),
    /// Stop new batches at once.
    Pause(Pause),
    /// End a pause.
    Unpause(Unpause),
    /// Run the plan against a simulated tenant in virtual time and print the timeline.
    Rehearse(Rehearse),
    /// Run random rollouts with random faults against the oracle.
    Simulate(Simulate),
    /// Serve a simulated tenant over HTTP.
    SimulateTenant(SimulateTenant),
    /// Show the main job on an embedded simulated tenant; needs no set-up.
    Demo(Demo),
    /// Measure what the documentation promises, side by side with its bounds.
    Bench,
    /// Print completions for a shell.
    Completions(Completions),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Run {
    /// Begin at this instant (RFC 3339), with --pace.
    #[arg(long, value_name = "T", requires = "pace")]
    pub(super) start_at: Option<Timestamp>,
    /// Live by a paced clock: `max`, or so many times real speed. Only against loopback addresses.
    #[arg(long, value_name = "N|max", value_parser = pace)]
    pub(super) pace: Option<Pace>,
    /// End when the last stage is done or closed (exit 0), or when only a human can move it (exit 5).
    #[arg(long)]
    pub(super) until_done: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Doctor {
    /// Only print the application permissions that the plan needs, for the consent; needs no tenant.
    #[arg(long)]
    pub(super) consent: bool,
    /// End with exit code 5 for warnings, too.
    #[arg(long)]
    pub(super) strict: bool,
    /// Names shown of whom a finding concerns; JSON always has all.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(super) show: usize,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Status {
    #[command(flatten)]
    pub(super) place: Place,
    /// Show it again whenever it changes.
    #[arg(long)]
    pub(super) watch: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Explain {
    #[command(flatten)]
    pub(super) place: Place,
    /// A stage's name, an object id, or a user principal name.
    #[arg(value_name = "STAGE|PERSON")]
    pub(super) what: String,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Journal {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(subcommand)]
    pub(super) verb: JournalVerb,
}

#[derive(Debug, Subcommand)]
pub(super) enum JournalVerb {
    /// Verify every record of the journal.
    Verify,
    /// Show records, oldest first.
    Show {
        /// Only the last N.
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
}

#[derive(Debug, ClapArgs)]
pub(super) struct Pause {
    #[command(flatten)]
    pub(super) place: Place,
    /// Why; everybody who looks will read it.
    #[arg(value_name = "WHY")]
    pub(super) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Unpause {
    #[command(flatten)]
    pub(super) place: Place,
    /// Let a stage whose start passed during the pause start all the same, up to its latest start.
    #[arg(long)]
    pub(super) allow_start: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Rehearse {
    /// People of the simulated tenant.
    #[arg(long, default_value_t = 500)]
    pub(super) users: u32,
    /// The seed; the same seed gives the same timeline, byte for byte.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Begin at this instant; the default is a day before the first announcement.
    #[arg(long, value_name = "T")]
    pub(super) start_at: Option<Timestamp>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Simulate {
    /// How many random rollouts.
    #[arg(long, default_value_t = 100)]
    pub(super) seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    pub(super) first: u64,
}

#[derive(Debug, ClapArgs)]
pub(super) struct SimulateTenant {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(super) listen: std::net::SocketAddr,
    /// People.
    #[arg(long, default_value_t = 500)]
    pub(super) users: u32,
    /// The seed.
    #[arg(long, default_value_t = 7)]
    pub(super) seed: u64,
    /// Share of people who never register, 0 to 1.
    #[arg(long, default_value_t = 0.03)]
    pub(super) never: f64,
    /// Seconds until a write is seen by reads.
    #[arg(long, default_value_t = 0)]
    pub(super) read_lag: u32,
    /// A problem that the tenant begins with, for `doctor` to find; `all` plants all that can be there together.
    #[arg(long, value_name = "KIND")]
    pub(super) plant: Vec<String>,
    /// Serve HTTPS; the certificate is written into --folder.
    #[arg(long)]
    pub(super) tls: bool,
    /// Where to put the ready plan, the secret and the certificate; nothing is written without it.
    #[arg(long, value_name = "FOLDER")]
    pub(super) folder: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Demo {
    /// As fast as it can.
    #[arg(long)]
    pub(super) fast: bool,
    /// The seed.
    #[arg(long, default_value_t = 7)]
    pub(super) seed: u64,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    pub(super) shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

fn pace(text: &str) -> Result<Pace, String> {
    if text == "max" {
        return Ok(Pace::Max);
    }
    match text.parse::<f64>() {
        Ok(times) if times > 0.0 && times.is_finite() => Ok(Pace::Times(times)),
        _ => Err("expected `max` or a number above 0".to_owned()),
    }
}
