//! Acting: guard, intent, wire, outcome. The executor faces no choices; what the guard holds back is decided anew.

use std::sync::Arc;

use jiff::SignedDuration;

use super::port::{ENVELOPE, Notice, NoticeOutcome};
use super::step::{ACTOR, Engine, EngineError, PLANNING_MAX_AGE};
use crate::rollout::condition::GUARD_MAX_AGE;
use crate::rollout::event::{By, Event};
use crate::rollout::guard;
use crate::rollout::id::ObjectId;
use crate::rollout::need::Ask;
use crate::rollout::observed::Person;
use crate::rollout::person::Home;
use crate::rollout::select::group_key;
use crate::rollout::state::Accepted;
use crate::rollout::told::Due;
use crate::rollout::tranche::Tranche;

/// Within a tranche, facts are read again when they are older than this; the guard refuses at [`GUARD_MAX_AGE`].
const REFRESH: SignedDuration = SignedDuration::from_mins(5);

impl Engine {
    /// Sends one group of notices.
    pub(super) async fn tell(&mut self, accepted: &Accepted, due: Due) -> Result<(), EngineError> {
        let rows = self.rows(&due.people);
        let checked =
            guard::notice(&self.ground(&accepted.plan, &accepted.revision, PLANNING_MAX_AGE), due.home, &due.people, &rows);
        if checked.pass.is_empty() {
            return Ok(());
        }
        let stage = self.state.home_name(due.home).to_owned();
        let intent =
            Event::NoticeIntent { stage: stage.clone(), slot: due.slot, instant: due.instant, people: checked.pass.clone() };
        self.commit(By::Schedule, ACTOR, &[intent])?;
        let notice = Notice {
            intent: self.state.seq,
            stage,
            slot: due.slot,
            instant: due.instant,
            time_zone: accepted.plan.time_zone.clone(),
            helpdesk: accepted.plan.notices.helpdesk.clone(),
            from: accepted.plan.notices.from.clone(),
            people: checked.pass,
        };
        let notify = Arc::clone(&self.notify);
        let NoticeOutcome { accepted: taken, refused, unknown, not_sent } = self.meanwhile(notify.send(&notice)).await?;
        let outcome = Event::NoticeOutcome { intent: notice.intent, accepted: taken, refused, unknown, not_sent };
        self.commit(By::Schedule, ACTOR, &[outcome])
    }

    /// Hands out a tranche, envelope by envelope; stops between two when something came in between.
    pub(super) async fn hand_out(&mut self, accepted: &Accepted, tranche: Tranche) -> Result<(), EngineError> {
        let begun = self.clock.now();
        let mut first = true;
        for envelope in tranche.batches.chunks(ENVELOPE) {
            self.take_inputs()?;
            if self.stopping {
                return Ok(());
            }
            let since = if std::mem::take(&mut first) { begun } else { begun.max(self.refresh_from()) };
            let people: Vec<ObjectId> = envelope.iter().flatten().copied().collect();
            let Some(rows) = self.facts(accepted, &people, since).await? else { return Ok(()) };
            // What came in while the facts were read counts too.
            self.take_inputs()?;
            self.see_clock();
            let checked = {
                let ground = self.ground(&accepted.plan, &accepted.revision, GUARD_MAX_AGE);
                guard::enforce(&ground, tranche.home, &people, &rows)
            };
            for held in &checked.held {
                tracing::warn!(people.count = held.people.len(), why = %held.why, "the guard held people back");
            }
            let batches: Vec<Vec<ObjectId>> = envelope
                .iter()
                .map(|batch| batch.iter().copied().filter(|id| checked.pass.contains(id)).collect::<Vec<_>>())
                .filter(|batch| !batch.is_empty())
                .collect();
            if !self.wire(tranche.home, &batches).await? || !checked.held.is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Intents, the wire, outcomes. Whether all of it was sent.
    async fn wire(&mut self, home: Home, batches: &[Vec<ObjectId>]) -> Result<bool, EngineError> {
        let (Some(target), false) = (self.state.target, batches.is_empty()) else { return Ok(false) };
        let stage = self.state.home_name(home).to_owned();
        let first = self.state.seq.saturating_add(1);
        let intents: Vec<_> =
            batches.iter().map(|batch| Event::EnforceIntent { stage: stage.clone(), people: batch.clone() }).collect();
        self.commit(By::Schedule, ACTOR, &intents)?;
        let enforce = Arc::clone(&self.enforce);
        let answers = self.meanwhile(enforce.enforce(target, batches)).await?;
        let mut sent = true;
        let outcomes: Vec<_> = (first..)
            .zip(answers)
            .map(|(intent, answer)| {
                sent &= answer.not_sent.is_empty();
                Event::EnforceOutcome {
                    intent,
                    enforced: answer.enforced,
                    already: answer.already,
                    gone: answer.gone,
                    refused: answer.refused,
                    unknown: answer.unknown,
                    not_sent: answer.not_sent,
                }
            })
            .collect();
        self.commit(By::Schedule, ACTOR, &outcomes)?;
        Ok(sent)
    }

    fn refresh_from(&self) -> jiff::Timestamp {
        self.clock.now().checked_sub(REFRESH).unwrap_or(jiff::Timestamp::MIN)
    }

    /// Reads policy, break-glass accounts, the exempt group and these people, unless that was done since `since`.
    /// `None`: the people could not be read.
    async fn facts(
        &mut self,
        accepted: &Accepted,
        people: &[ObjectId],
        since: jiff::Timestamp,
    ) -> Result<Option<Vec<Person>>, EngineError> {
        let mut asks = vec![(Ask::Safety, self.observed.safety.last.as_ref().map(|reading| reading.as_of))];
        if let Some(group) = &accepted.plan.people.exempt_group {
            let key = group_key(group);
            let read = self.observed.selections.get(&key).and_then(|source| source.last.as_ref()).map(|reading| reading.as_of);
            asks.push((Ask::Selection(key), read));
        }
        for (question, read) in asks {
            if read.is_none_or(|read| read < since) {
                self.question(&accepted.plan, &accepted.revision, &question).await?;
            }
        }
        let tenant = Arc::clone(&self.tenant);
        Ok(match self.meanwhile(tenant.people_now(people)).await? {
            Ok(rows) => {
                if let Some(directory) = &mut self.observed.directory.last {
                    directory.value.refresh(people, &rows);
                }
                Some(rows)
            }
            Err(trouble) => {
                tracing::warn!(trouble.why = %trouble.why, "the people of a batch could not be read; nothing is handed out");
                let at = self.clock.now();
                self.observed.directory.take(at, Err(trouble));
                None
            }
        })
    }

    /// The directory's rows of some people, ascending by id.
    fn rows(&self, people: &[ObjectId]) -> Vec<Person> {
        let directory = self.observed.directory.last.as_ref().map(|reading| &reading.value);
        let mut rows: Vec<Person> = people.iter().filter_map(|id| directory.and_then(|d| d.person(*id))).collect();
        rows.sort_by_key(|person| person.id);
        rows
    }
}
