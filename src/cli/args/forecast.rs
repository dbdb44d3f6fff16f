//! The options of `forecast`.

use clap::Args as ClapArgs;

use super::Place;

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct Forecast {
    #[command(flatten)]
    pub(in crate::cli) place: Place,
    /// Only this stage.
    #[arg(value_name = "STAGE")]
    pub(in crate::cli) stage: Option<String>,
    /// Share of the people without a method who call on the day; one call is the least.
    #[arg(long, value_name = "SHARE", default_value_t = crate::rollout::milestones::CONTACT_RATE, value_parser = crate::cli::dates::share)]
    pub(in crate::cli) contact_rate: f64,
}
