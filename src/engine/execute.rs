//! Telling: guard, intent, wire, outcome. The executor faces no choices; what the guard holds back is decided anew.

use std::sync::Arc;

use super::port::{Notice, NoticeOutcome};
use super::step::{ACTOR, Engine, EngineError, PLANNING_MAX_AGE};
use crate::rollout::event::{By, Event};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Person;
use crate::rollout::state::Accepted;
use crate::rollout::told::Due;
use crate::rollout::{guard, switch};

impl Engine {
    /// Sends one group of notices.
    pub(super) async fn tell(&mut self, accepted: &Accepted, due: Due) -> Result<(), EngineError> {
        let rows = self.rows(&due.people);
        let ground = self.ground(&accepted.plan, &accepted.revision, PLANNING_MAX_AGE);
        let checked = guard::notice(&ground, due.slot, due.home, &due.people, &rows);
        if checked.pass.is_empty() {
            return Ok(());
        }
        let stage = self.state.home_name(due.home).to_owned();
        let (slot, instant, people, via) = (due.slot, due.instant, checked.pass, due.from);
        let intent = Event::NoticeIntent { stage: stage.clone(), slot, instant, people: people.clone(), from: via.clone() };
        self.commit(By::Schedule, ACTOR, &[intent])?;
        let notice = Notice {
            intent: self.state.seq,
            stage,
            slot,
            instant,
            time_zone: due.time_zone,
            helpdesk: accepted.plan.notices.helpdesk.clone(),
            grace: switch::grace(&accepted.plan),
            from: accepted.plan.notices.from.clone(),
            via,
            calendar_file: accepted.plan.notices.calendar_file,
            at: self.clock.now(),
            people,
        };
        let notify = Arc::clone(&self.notify);
        let NoticeOutcome { accepted: taken, refused, unknown, not_sent } = self.meanwhile(notify.send(&notice)).await?;
        let outcome = Event::NoticeOutcome { intent: notice.intent, accepted: taken, refused, unknown, not_sent };
        self.commit(By::Schedule, ACTOR, &[outcome])
    }

    /// The directory's rows of some people, ascending by id.
    fn rows(&self, people: &[ObjectId]) -> Vec<Person> {
        let directory = self.observed.directory.last.as_ref().map(|reading| &reading.value);
        let mut rows: Vec<Person> = people.iter().filter_map(|id| directory.and_then(|d| d.person(*id))).collect();
        rows.sort_by_key(|person| person.id);
        rows
    }
}
