//! What an operator may say to the running daemon.

use clap::Args as ClapArgs;

use super::Place;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Pause {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    /// Why; everybody who looks will read it.
    #[arg(value_name = "WHY")]
    pub(in crate::cli) reason: String,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Unpause {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    /// Let a stage whose start passed during the pause start all the same, up to its latest start.
    #[arg(long)]
    pub(in crate::cli) allow_start: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Rebook {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    /// The stage.
    #[arg(value_name = "STAGE")]
    pub(in crate::cli) stage: String,
    /// The new start, in the plan's zone: 2027-02-01T09:00.
    #[arg(long, value_name = "T")]
    pub(in crate::cli) start: jiff::civil::DateTime,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
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
    pub(in crate::cli) place: Place,
    /// The stage; what has begun behind it is rolled back first.
    #[arg(value_name = "STAGE")]
    pub(in crate::cli) stage: String,
    /// Why; everybody who looks will read it.
    #[arg(long, value_name = "WHY")]
    pub(in crate::cli) reason: String,
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
