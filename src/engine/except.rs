//! Commands about single people: what may be is recorded, what may not is answered with the reason and what may.

use std::collections::BTreeSet;

use jiff::civil;

use super::command::{Asked, Exception, What};
use super::orders::Decided;
use super::step::{Engine, PLANNING_MAX_AGE};
use crate::rollout::bounces::taken_back;
use crate::rollout::event::{Because, Event};
use crate::rollout::exception::{self, Excepted, Request};
use crate::rollout::handed::{self, Handing};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Bounce;
use crate::rollout::plan::Plan;
use crate::rollout::schedule;

impl Engine {
    /// What one of these commands comes to.
    pub(super) fn except(&self, what: What, actor: &str) -> Decided {
        let accepted = self.state.plan.as_ref().ok_or_else(|| "no plan is in force yet".to_owned())?;
        let plan = &accepted.plan;
        match what {
            What::Except(asked) => self.asked(plan, &accepted.revision, asked, actor),
            What::EndException { person, why } => {
                let ground = self.ground(plan, &accepted.revision, PLANNING_MAX_AGE);
                exception::end(&ground, person, why).map(|event| {
                    let says = match &event {
                        Event::ExceptionEnded { stands: Some(date), .. } => {
                            format!("the exception is over; the date that they were told stands: {date}")
                        }
                        _ => "the exception is over; they are told a date".to_owned(),
                    };
                    (vec![event], says)
                })
            }
            What::Bounced { people, why } => self.bounced(people, why),
            What::Returned(reports) => self.returned(&reports),
            What::Handed { people, date, why } => {
                let ground = self.ground(plan, &accepted.revision, PLANNING_MAX_AGE);
                handed::make(&ground, &Handing { people, date, why }).map(|events| {
                    let count = |event: &Event| if let Event::Handed { people, .. } = event { people.len() } else { 0 };
                    let people: usize = events.iter().map(count).sum();
                    (events, format!("{people} people count as told {date} from now on"))
                })
            }
            _ => Err("is no such command".to_owned()),
        }
    }

    fn asked(&self, plan: &Plan, revision: &str, asked: Asked, actor: &str) -> Result<(Vec<Event>, String), String> {
        let Asked { person, what, why, owner } = asked;
        let what = match what {
            Exception::Defer { until } => Excepted::Deferred { until: instant(plan, until)? },
            Exception::Exempt { until } => Excepted::Exempt { until: instant(plan, until)? },
            Exception::Volunteer => Excepted::Volunteer,
            Exception::Absent => Excepted::Absent,
            Exception::Back => Excepted::Back { at: self.clock.now() },
        };
        let owner = owner.unwrap_or_else(|| actor.to_owned());
        let ground = self.ground(plan, revision, PLANNING_MAX_AGE);
        let event = exception::make(&ground, Request { person, what, why, owner })?;
        Ok((vec![event], format!("{}: they are told, and belong to the tail from now on", what.says())))
    }

    fn bounced(&self, people: Vec<ObjectId>, why: String) -> Result<(Vec<Event>, String), String> {
        let told = |id: &ObjectId| self.state.people.get(*id).is_some_and(|p| p.first_told().is_some() && !p.is_processed());
        let (told, others): (Vec<_>, Vec<_>) = people.into_iter().partition(told);
        if told.is_empty() {
            return Err(format!("of {} people none waits for a date that a notice told", others.len()));
        }
        let says = told_again(told.len(), others.len());
        Ok((vec![Event::Bounced { people: vec![Because { why, people: told }] }], says))
    }

    /// The same for reports with the instants at which they came: an old one takes back no later notice.
    fn returned(&self, reports: &[Bounce]) -> Result<(Vec<Event>, String), String> {
        let people: BTreeSet<ObjectId> = reports.iter().map(|report| report.person).collect();
        let because = taken_back(&self.state, reports);
        let told: usize = because.iter().map(|because| because.people.len()).sum();
        if told == 0 {
            return Err(format!("of {} people none waits for a date that a notice told before it came back", people.len()));
        }
        Ok((vec![Event::Bounced { people: because }], told_again(told, people.len().saturating_sub(told))))
    }
}

fn told_again(told: usize, others: usize) -> String {
    format!(
        "{told} people count as not told any more and are told again; {others} were not told, not before that, or are enforced already"
    )
}

pub(super) fn instant(plan: &Plan, civil: civil::DateTime) -> Result<jiff::Timestamp, String> {
    let zone = schedule::zone(&plan.time_zone).ok_or_else(|| format!("the time zone `{}` is not known", plan.time_zone))?;
    schedule::resolve(civil, &zone).map_err(|gap| gap.to_string())
}
