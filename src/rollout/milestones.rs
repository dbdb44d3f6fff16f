//! The dates of a plan as those who answer calls need them: when each stage is announced, reminded, starts and ends, with how many people, and
//! how many of them may be expected to call.
//!
//! Pure. Promises nothing: a stage that is held comes later. Invariant: dates of the journal win over those of the plan.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::observed::{Readiness, Registration};
use super::plan::{Plan, Stage};
use super::schedule;
use super::state::State;

/// Of the people who have nothing registered when the announcement comes, the share that calls on the day: 32 of 10,000 did at the closest
/// rollout that has published its figures (UC Berkeley).
pub const CONTACT_RATE: f64 = 0.003;

/// One date.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Milestone {
    /// The stage.
    pub stage: String,
    /// What happens.
    pub what: What,
    /// When.
    pub at: Timestamp,
    /// People of the stage; none before its people are fixed.
    pub people: Option<u32>,
    /// Calls to be expected on that day; only for the start, and only when its people are fixed.
    pub contacts: Option<u32>,
}

/// What happens at a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The announcement goes out.
    Announcement,
    /// A reminder goes out, to people who are not ready.
    Reminder,
    /// MFA is required from then on.
    Start,
    /// The stage starts no later.
    LatestStart,
    /// The stage is over at the earliest, when everything is well.
    SoakEnd,
    /// Whoever still waits moves to the tail.
    FinishBy,
}

impl What {
    /// The words for people.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::Announcement => "announcement by mail",
            Self::Reminder => "reminder by mail",
            Self::Start => "MFA is required from now on",
            Self::LatestStart => "last moment to start",
            Self::SoakEnd => "over at the earliest",
            Self::FinishBy => "whoever still waits gets another date",
        }
    }
}

/// The dates of every stage, or of the one with this name, in order of time.
#[must_use]
pub fn milestones(
    plan: &Plan,
    state: &State,
    registration: Option<&Registration>,
    rate: f64,
    only: Option<&str>,
) -> Vec<Milestone> {
    let zone = schedule::zone(&plan.time_zone).unwrap_or(TimeZone::UTC);
    let mut all = Vec::new();
    for (ix, stage) in (0_u16..).zip(&plan.stages).filter(|(_, stage)| only.is_none_or(|name| name == stage.name)) {
        let known = state.stages.get(usize::from(ix)).filter(|known| known.name == stage.name);
        let people = known.filter(|known| known.is_frozen()).map(|known| {
            let roster = known.roster.iter().filter_map(|place| state.people.at(*place));
            let unready = |person: &super::person::PersonState| {
                registration.is_none_or(|read| matches!(read.of(person.id), Readiness::Unregistered | Readiness::Unknown))
            };
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            (count(known.roster.len()), count(roster.filter(unready).count()))
        });
        let start = known.map_or(stage.start.instant, |known| known.start.instant);
        all.extend(dates(plan, stage, start, &zone).into_iter().map(|(what, at)| Milestone {
            stage: stage.name.clone(),
            what,
            at,
            people: people.map(|(people, _)| people),
            contacts: people.filter(|_| what == What::Start).map(|(_, unready)| contacts(unready, rate)),
        }));
    }
    all.sort_by_key(|milestone| milestone.at);
    all
}

fn dates(plan: &Plan, stage: &Stage, start: Timestamp, zone: &TimeZone) -> Vec<(What, Timestamp)> {
    let before = |wait: SignedDuration| start.checked_sub(wait).unwrap_or(Timestamp::MIN);
    let after = |wait: SignedDuration| start.checked_add(wait).unwrap_or(Timestamp::MAX);
    let slots = plan.notices.before.iter().enumerate();
    let notices = slots.map(|(n, wait)| (if n == 0 { What::Announcement } else { What::Reminder }, before(*wait)));
    let rest = [
        (What::Start, start),
        (What::LatestStart, schedule::latest_start(&plan.calendar, zone, start, stage.late_by)),
        (What::SoakEnd, after(stage.soak)),
        (What::FinishBy, after(stage.finish_by)),
    ];
    notices.chain(rest).collect()
}

/// Calls to be expected: the share, rounded up, and one at least where anybody could call at all.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of people is between none and all of them")]
pub fn contacts(unready: u32, rate: f64) -> u32 {
    let share = (f64::from(unready) * rate.clamp(0.0, 1.0)).ceil() as u32;
    share.max(1)
}

#[cfg(test)]
mod tests {
    use super::super::sample::plan;
    use super::*;

    #[test]
    fn calls_are_rounded_up_and_one_is_the_least() {
        for (unready, rate, expected) in [
            (10_000, CONTACT_RATE, 30),
            (10_001, CONTACT_RATE, 31),
            (5, CONTACT_RATE, 1),
            (0, CONTACT_RATE, 1),
            (200, 0.5, 100),
            (9, 7.0, 9),
        ] {
            assert_eq!(contacts(unready, rate), expected, "{unready} at {rate}");
        }
    }

    #[test]
    fn every_stage_has_its_dates_in_order_and_no_numbers_before_its_people_are_fixed() {
        let plan = plan();
        let all = milestones(&plan, &State::default(), None, CONTACT_RATE, None);
        assert_eq!(all.len(), plan.stages.len() * (plan.notices.before.len() + 4));
        assert!(all.is_sorted_by_key(|milestone| milestone.at));
        assert!(all.iter().all(|milestone| milestone.people.is_none() && milestone.contacts.is_none()));
        let first = &plan.stages[0];
        let one = milestones(&plan, &State::default(), None, CONTACT_RATE, Some(&first.name));
        assert!(one.iter().all(|milestone| milestone.stage == first.name));
        let at = |what| one.iter().find(|milestone| milestone.what == what).unwrap().at;
        assert_eq!(at(What::Start), first.start.instant);
        assert_eq!(first.start.instant.duration_since(at(What::Announcement)), plan.notices.before[0]);
        assert!(at(What::Start) <= at(What::LatestStart) && at(What::Start) < at(What::FinishBy));
    }
}
