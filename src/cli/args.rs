//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::clock::Pace;
use crate::letter::Kind;

mod commands;
mod forecast;
mod report;
mod tenant;

pub(super) use commands::{
    Abort, Bounced, Confirm, Contacts, Dated, OfRevision, OfStage, Override, Pause, Rebook, Reload, Rollback, Single, Terms,
    Unpause,
};
pub(super) use forecast::Forecast;
pub(super) use report::Report;
pub(super) use tenant::{Quota, SimulateTenant};

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
    Plan(Plan),
    /// Make the groups and the policy that a conditional-access plan stands on, after showing them and asking. The policy only reports.
    Setup(Setup),
    /// Show the policy about everybody but the exempt that ends a rollout and what stands in its way, or verify it; with --apply the run
    /// performs it.
    Finish(Finish),
    /// Ask the tenant which policies would apply to people who sign in now, and why the plan's own would not; changes nothing.
    WhatIf(WhatIf),
    /// Look for what would go wrong: permissions, licences, domains, methods, accounts, sign-ins; changes nothing.
    Doctor(Doctor),
    /// Look at what people are told.
    Notices(Notices),
    /// Show where everything stands, with or without a running daemon.
    Status(Status),
    /// Say why a stage or a person is where they are.
    Explain(Explain),
    /// Show what share of each stage will be ready on its date, expected calls, what to do, and how right earlier forecasts were.
    Forecast(Forecast),
    /// Show what came of a stage so far, or what happened this week and comes in the next, as operators get it by mail; sends nothing.
    Report(Report),
    /// Answer a call about one person: stage, what they were told, whether MFA is required, what they have registered, what to do.
    Person(Person),
    /// Issue a Temporary Access Pass to somebody who cannot register otherwise; the running daemon does it, and journals who asked and why.
    Assist(Assist),
    /// Write letters to hand over, for people whom no mail reaches: one sheet each, to print.
    Letters(Letters),
    /// Write lists of people who are not ready yet, one for each who manages some of them; the tenant says who does.
    Managers(super::managers::Managers),
    /// Write a poster with the dates of the stages and what to do, A4 or A3.
    Poster(Sheet),
    /// Write a page for the intranet, by which everybody can check the date in their mail; no personal data.
    Page(Sheet),
    /// Write the dates of the plan for the helpdesk, with people and expected calls: a calendar file or a table.
    Calendar(Calendar),
    /// Verify or show the journal.
    Journal(Journal),
    /// Stop new batches at once.
    Pause(Pause),
    /// End a pause, or another hold that only a human ends.
    Unpause(Unpause),
    /// Start a stage that was missed, within `limits.start_late` and before its people were told that it does not come.
    StartLate(OfStage),
    /// Give a stage that was missed or rolled back a new start; its people are told.
    Rebook(Rebook),
    /// Close a stage that has not begun; its people move to the tail and are told a date of their own.
    Skip(OfStage),
    /// Close a stage that has not begun; nothing is required of its people, and they are told.
    Cancel(OfStage),
    /// Pass one gate of a stage, or one hold on it, once and for a while; nothing overrides a promise, the minimum notice or protection.
    Override(Override),
    /// Answer a gate that a human answers (`measure = "confirm"`), while it is asked.
    Confirm(Confirm),
    /// Tell how many contacts the helpdesk counted until now, for gates on them.
    Contacts(Contacts),
    /// Approve the plan in force, by its revision; where `approvals.needed` asks for it, nothing moves without.
    Approve(OfRevision),
    /// Reject the plan in force: its approvals are void, and it gets no others.
    Reject(OfRevision),
    /// Have the running daemon read the plan file again, after showing what changes.
    Reload(Reload),
    /// End the rollout: nothing further begins; what has begun stays, or is rolled back.
    Abort(Abort),
    /// Move one person's date, at their request.
    Defer(Dated),
    /// Require nothing of one person before an instant; a fresh notice comes before it.
    Exempt(Dated),
    /// Require MFA of one person from now on, at their own request.
    Volunteer(Single),
    /// Say that somebody is away: their date comes some time after they are back.
    Absent(Single),
    /// Say that somebody absent is back.
    Back(Single),
    /// Say that notices came back: whoever was told by them counts as not told.
    Bounced(Bounced),
    /// Say that letters were handed over: whoever got one counts as told.
    Handed(super::handed::Handed),
    /// Undo a stage, or the tail: release everybody whom it enforced, and undo what it switched.
    Rollback(Rollback),
    /// Run the plan against a simulated tenant in virtual time and print the timeline.
    Rehearse(Rehearse),
    /// Run random rollouts with random faults against the oracle.
    Simulate(Simulate),
    /// Serve a simulated tenant over HTTP.
    SimulateTenant(SimulateTenant),
    /// Show the main job on an embedded simulated tenant; needs no set-up.
    Demo(Demo),
    /// Measure what the documentation promises, side by side with its bounds.
    Bench(Bench),
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
pub(super) struct Plan {
    /// Show what the file changes against the plan in force, in words, in place of asking the tenant.
    #[arg(long, value_enum, value_name = "PLAN")]
    pub(super) against: Option<Against>,
}

/// What a plan file is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Against {
    /// The plan in force, as the state folder knows it.
    Running,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Setup {
    /// Do not ask: for automation. What is sent is shown all the same.
    #[arg(long)]
    pub(super) yes: bool,
    /// Require an authentication strength in place of the control `mfa`: a name below, or the object id of your own.
    #[arg(long, value_name = "mfa|passwordless|phishing-resistant|ID")]
    pub(super) strength: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Finish {
    /// Have the running daemon perform it, after showing it and asking. Needs `manage_policy`.
    #[arg(long)]
    pub(super) apply: bool,
    /// Do not ask: for automation. What is sent is shown all the same.
    #[arg(long, requires = "apply")]
    pub(super) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct WhatIf {
    /// Object ids or user principal names.
    #[arg(value_name = "PERSON", required = true)]
    pub(super) people: Vec<String>,
    /// The client id of the app that they sign in to; Exchange Online if left out.
    #[arg(long, value_name = "ID", default_value = "00000002-0000-0ff1-ce00-000000000000")]
    pub(super) app: String,
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
pub(super) struct Notices {
    #[command(subcommand)]
    pub(super) verb: NoticesVerb,
}

#[derive(Debug, Subcommand)]
pub(super) enum NoticesVerb {
    /// Show a notice as a person would get it; promises nobody anything.
    Preview(Preview),
}

#[derive(Debug, ClapArgs)]
pub(super) struct Preview {
    /// Which notice: announcement, reminder, correction, started, ready, withdrawn, deferred, exempt or volunteered.
    #[arg(long, value_name = "KIND", default_value = "announcement", value_parser = kind)]
    pub(super) kind: Kind,
    /// The reader's preferred language; that of --person, or else the plan's, if left out.
    #[arg(long, value_name = "LANGUAGE")]
    pub(super) language: Option<String>,
    /// Whose name and language to use, from the tenant: an object id or a user principal name. A sample person if left out.
    #[arg(long, value_name = "PERSON")]
    pub(super) person: Option<String>,
    /// Write it into this file, by its ending as HTML or as plain text.
    #[arg(long, value_name = "FILE.html|FILE.txt", conflicts_with = "mail")]
    pub(super) to: Option<PathBuf>,
    /// Write every notice in every language into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["kind", "language", "person", "to", "mail"])]
    pub(super) all: Option<PathBuf>,
    /// Send it as a test to this address, which must stand in `notices.test_to`.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) mail: Option<String>,
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
pub(super) struct Person {
    #[command(flatten)]
    pub(super) place: Place,
    /// An object id, or a user principal name.
    #[arg(value_name = "PERSON")]
    pub(super) who: String,
    /// Do not ask the tenant: only what the state folder knows.
    #[arg(long)]
    pub(super) offline: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Assist {
    #[command(flatten)]
    pub(super) place: Place,
    #[command(flatten)]
    pub(super) terms: Terms,
    /// An object id, or a user principal name.
    #[arg(value_name = "PERSON")]
    pub(super) who: String,
    /// Why; the journal keeps it.
    #[arg(long, value_name = "WHY")]
    pub(super) reason: String,
    /// How long it counts; as the tenant's policy says if left out.
    #[arg(long, value_name = "N")]
    pub(super) minutes: Option<u32>,
    /// It counts for one sign-in.
    #[arg(long)]
    pub(super) once: bool,
}

/// A language that hand-outs are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    En,
    De,
}

impl Language {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(super) struct Letters {
    #[command(flatten)]
    pub(super) place: Place,
    /// The folder; `letters.html` is written into it.
    #[arg(long, value_name = "FOLDER")]
    pub(super) to: PathBuf,
    /// Only people of this stage, or of the `tail`.
    #[arg(long, value_name = "STAGE")]
    pub(super) stage: Option<String>,
    /// For people whose own language is not known, or is another one.
    #[arg(long, value_enum, default_value_t = Language::En)]
    pub(super) language: Language,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Sheet {
    #[command(flatten)]
    pub(super) place: Place,
    /// The file, HTML.
    #[arg(long, value_name = "FILE")]
    pub(super) to: PathBuf,
    /// Only this stage.
    #[arg(long, value_name = "STAGE")]
    pub(super) stage: Option<String>,
    /// The language.
    #[arg(long, value_enum, default_value_t = Language::En)]
    pub(super) language: Language,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Calendar {
    #[command(flatten)]
    pub(super) place: Place,
    /// The file: its name ends in .ics or .csv.
    #[arg(long, value_name = "FILE")]
    pub(super) to: PathBuf,
    /// Only this stage.
    #[arg(long, value_name = "STAGE")]
    pub(super) stage: Option<String>,
    /// Share of the people without a method who call on the day; one call is the least.
    #[arg(long, value_name = "SHARE", default_value_t = crate::rollout::milestones::CONTACT_RATE, value_parser = super::dates::share)]
    pub(super) contact_rate: f64,
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
pub(super) struct Demo {
    /// As fast as it can.
    #[arg(long)]
    pub(super) fast: bool,
    /// The seed.
    #[arg(long, default_value_t = 7)]
    pub(super) seed: u64,
}

#[derive(Debug, ClapArgs)]
pub(super) struct Bench {
    /// People of the measurements of speed and restart; quotas are scaled with them.
    #[arg(long, default_value_t = 20_000)]
    pub(super) users: u32,
    /// 100,000 people and the quotas of the service; takes half an hour.
    #[arg(long, conflicts_with = "users")]
    pub(super) full: bool,
    /// Only the measurements whose name holds this text.
    #[arg(long, value_name = "NAME")]
    pub(super) only: Option<String>,
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

fn kind(text: &str) -> Result<Kind, String> {
    Kind::named(text).ok_or_else(|| format!("expected one of {}", Kind::ALL.map(Kind::word).join(", ")))
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
