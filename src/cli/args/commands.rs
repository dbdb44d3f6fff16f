//! What an operator may say to the running daemon.

use clap::Args as ClapArgs;

use super::Place;

/// Conditions of a command, the same for all.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(in crate::cli) struct Terms {
    /// Only while this revision of the plan is in force; its first eight digits are enough. `status` shows it.
    #[arg(long, value_name = "REVISION")]
    pub(in crate::cli) if_revision: Option<String>,
    /// A key of your own: said again with the same key, the command does nothing more and gets the same answer.
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) key: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Pause {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// Why; everybody who looks will read it.
    #[arg(value_name = "WHY", required_unless_present = "reason", conflicts_with = "reason")]
    pub(in crate::cli) why: Option<String>,
    /// The same.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: Option<String>,
    /// Only this stage, or the `tail`.
    #[arg(long, value_name = "STAGE", conflicts_with = "person")]
    pub(in crate::cli) stage: Option<String>,
    /// Only this person: an object id or a user principal name.
    #[arg(long, value_name = "PERSON")]
    pub(in crate::cli) person: Option<String>,
    /// Rollback rests, too.
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// When you want it to end, in the plan's zone. It holds on then and says so: only a human ends it.
    #[arg(long, value_name = "T", value_parser = date)]
    pub(in crate::cli) until: Option<jiff::civil::DateTime>,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Unpause {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// The hold, as `status` names it; the only pause if left out.
    #[arg(value_name = "HOLD")]
    pub(in crate::cli) hold: Option<String>,
    /// The evidence that you have looked at, where a gate failed: from now on only what comes on top of it counts.
    #[arg(long, value_name = "EVIDENCE")]
    pub(in crate::cli) ack: Option<String>,
    /// Let a stage whose start passed meanwhile start all the same, up to its latest start.
    #[arg(long)]
    pub(in crate::cli) allow_start: bool,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY", default_value = "")]
    pub(in crate::cli) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct OfStage {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// The stage.
    #[arg(value_name = "STAGE")]
    pub(in crate::cli) stage: String,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Override {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// The name of a gate, or the id of a hold.
    #[arg(value_name = "GATE|HOLD")]
    pub(in crate::cli) what: String,
    /// The stage.
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) stage: String,
    /// What you looked at, as `explain` names it.
    #[arg(long, value_name = "EVIDENCE")]
    pub(in crate::cli) evidence: String,
    /// Until when it counts, in the plan's zone; a day if left out, a week at most.
    #[arg(long, value_name = "T", value_parser = date)]
    pub(in crate::cli) until: Option<jiff::civil::DateTime>,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Reload {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// Only show what would change, and whether it may; needs no daemon.
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY", required_unless_present = "dry_run")]
    pub(in crate::cli) reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Confirm {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// The gate, with `measure = "confirm"`.
    #[arg(value_name = "GATE")]
    pub(in crate::cli) gate: String,
    /// The stage, or the `tail`.
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) stage: String,
    /// It is not well: the gate fails.
    #[arg(long)]
    pub(in crate::cli) no: bool,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Contacts {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// How many.
    #[arg(value_name = "COUNT")]
    pub(in crate::cli) count: u32,
    /// Only of this stage, or of the `tail`.
    #[arg(long, value_name = "STAGE")]
    pub(in crate::cli) stage: Option<String>,
    /// From when on, in the plan's zone; from where you counted to before, if left out. The same beginning again corrects a count.
    #[arg(long, value_name = "T", value_parser = date)]
    pub(in crate::cli) since: Option<jiff::civil::DateTime>,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct OfRevision {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// The revision that you looked at, as `status`, `plan` and `check` show it; its first eight digits are enough.
    #[arg(value_name = "REVISION")]
    pub(in crate::cli) revision: String,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
}

#[derive(Debug, ClapArgs)]
#[group(id = "how", required = true, multiple = false, args = ["keep", "revert"])]
pub(in crate::cli) struct Abort {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// Whoever was enforced stays so.
    #[arg(long)]
    pub(in crate::cli) keep: bool,
    /// Every stage is rolled back, the newest first, and the tail before them.
    #[arg(long)]
    pub(in crate::cli) revert: bool,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Rebook {
    #[command(flatten)]
    pub(in crate::cli) of: OfStage,
    /// The new start, in the plan's zone: 2027-02-01T09:00.
    #[arg(long, value_name = "T")]
    pub(in crate::cli) start: jiff::civil::DateTime,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Dated {
    #[command(flatten)]
    pub(in crate::cli) single: Single,
    /// Not before then, in the plan's zone: 2027-02-01, or 2027-02-01T09:00.
    #[arg(long, value_name = "T", value_parser = date, required_unless_present = "end")]
    pub(in crate::cli) until: Option<jiff::civil::DateTime>,
    /// Take it back.
    #[arg(long, conflicts_with = "until")]
    pub(in crate::cli) end: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Single {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// An object id or a user principal name.
    #[arg(value_name = "PERSON")]
    pub(in crate::cli) person: String,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
    /// Who answers for it; you, if left out.
    #[arg(long, value_name = "WHO")]
    pub(in crate::cli) owner: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Bounced {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    #[command(flatten)]
    pub(in crate::cli) terms: Terms,
    /// Object ids or user principal names.
    #[arg(value_name = "PERSON", required_unless_present = "file", conflicts_with = "file", requires = "reason")]
    pub(in crate::cli) people: Vec<String>,
    /// A CSV file with the columns `person` and `at` (when it came back), and if known `why`, in their place.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) file: Option<std::path::PathBuf>,
    /// What the report says, without addresses; with a file, where that says nothing.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Rollback {
    #[command(flatten)]
    pub(in crate::cli) of: OfStage,
    /// Leave what has begun behind it as it is.
    #[arg(long)]
    pub(in crate::cli) only: bool,
}

/// A civil date, which begins its day, or a date with a time.
fn date(text: &str) -> Result<jiff::civil::DateTime, String> {
    let day = || text.parse::<jiff::civil::Date>().map(|day| day.at(0, 0, 0, 0));
    if text.contains('T') || text.contains(' ') {
        text.parse().map_err(|error: jiff::Error| error.to_string())
    } else {
        day().map_err(|error| error.to_string())
    }
}
