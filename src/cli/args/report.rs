//! The options of `report`.

use clap::Args as ClapArgs;

use super::Place;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Report {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    /// What came of this stage, so far or in the end; the week, if left out.
    #[arg(value_name = "STAGE")]
    pub(in crate::cli) stage: Option<String>,
    /// The last seven days and the next.
    #[arg(long, conflicts_with = "stage")]
    pub(in crate::cli) week: bool,
}
