//! `[reports]`: what operators are told by mail, and when.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::{Channel, Plan};
use crate::rollout::id::{ObjectId, keyed_hash};
use crate::rollout::schedule;

/// `[reports]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// Who is told: what stands for each address; see [`addressee`].
    pub to: Vec<ObjectId>,
    /// When the week is told; never, if left out.
    pub digest: Option<Weekly>,
}

impl Default for Reports {
    fn default() -> Self {
        Self { to: Vec::new(), digest: Some(Weekly { day: 0, at: Time::constant(8, 0, 0, 0) }) }
    }
}

impl Reports {
    /// Whether it says what a plan without the section says; such a plan keeps its revision.
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What stands for an operator's mail address in plan and journal; addresses are in neither.
#[must_use]
pub fn addressee(tenant: &str, address: &str) -> ObjectId {
    ObjectId::from_bits(keyed_hash(tenant, &["operator", &address.to_lowercase()]))
}

/// A time of the week, in the plan's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weekly {
    /// 0 is Monday, 6 Sunday.
    pub day: u8,
    /// The time of day; one that the clock skips is the first after it.
    pub at: Time,
}

impl Weekly {
    /// The latest such time at or before `now`, and the next one after it.
    #[must_use]
    pub fn around(self, zone: &TimeZone, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let today = zone.to_datetime(now).date();
        let back = (i64::from(today.weekday().to_monday_zero_offset()) - i64::from(self.day)).rem_euclid(7);
        let slot = |days: i64| {
            let civil = today.checked_add(days.days()).ok()?.to_datetime(self.at);
            schedule::resolve(civil, zone).or_else(|gap| schedule::resolve(gap.after, zone)).ok()
        };
        let this = slot(-back)?;
        if this <= now { Some((this, slot(7 - back)?)) } else { Some((slot(-back - 7)?, this)) }
    }
}

impl Plan {
    /// Whether anybody is told of alerts, ends of stages and weeks.
    #[must_use]
    pub fn reports_to_somebody(&self) -> bool {
        !self.reports.to.is_empty() || self.notices.channel.contains(&Channel::Webhook)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_week_is_the_zones_over_clock_changes_too() {
        let zone = schedule::zone("Europe/Berlin").unwrap();
        let monday = Weekly { day: 0, at: Time::constant(8, 0, 0, 0) };
        let sunday_night = Weekly { day: 6, at: Time::constant(2, 30, 0, 0) };
        for (weekly, now, last, next) in [
            (monday, "2027-01-11T07:00:00Z", "2027-01-11T07:00:00Z", "2027-01-18T07:00:00Z"),
            (monday, "2027-01-11T06:59:59Z", "2027-01-04T07:00:00Z", "2027-01-11T07:00:00Z"),
            (monday, "2027-03-26T12:00:00Z", "2027-03-22T07:00:00Z", "2027-03-29T06:00:00Z"),
            (sunday_night, "2027-03-28T12:00:00Z", "2027-03-28T01:00:00Z", "2027-04-04T00:30:00Z"),
        ] {
            let at = |text: &str| text.parse::<Timestamp>().unwrap();
            assert_eq!(weekly.around(&zone, at(now)), Some((at(last), at(next))), "{now}");
        }
    }

    #[test]
    fn an_address_is_hashed_whatever_its_case() {
        assert_eq!(addressee("contoso.example", "Ops@contoso.example"), addressee("contoso.example", "ops@CONTOSO.example"));
        assert_ne!(addressee("contoso.example", "ops@contoso.example"), addressee("fabrikam.example", "ops@contoso.example"));
    }
}
