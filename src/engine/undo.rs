//! Releasing, retiring and switching: intent, wire, outcome, as for batches. Who may pass and what comes next was decided; the guard
//! is asked again with fresh facts.

use std::sync::Arc;

use super::leave::Leave;
use super::port::{BatchOutcome, ENVELOPE, Leaver, Offer};
use super::step::{ACTOR, Engine, EngineError, PLANNING_MAX_AGE};
use crate::rollout::condition::GUARD_MAX_AGE;
use crate::rollout::event::{Before, By, Deed, Event, Switched};
use crate::rollout::id::ObjectId;
use crate::rollout::need::Ask;
use crate::rollout::observed::{Reach, Trouble, TroubleKind};
use crate::rollout::person::{Enforced, Retired};
use crate::rollout::plan::Plan;
use crate::rollout::select::exempt_key;
use crate::rollout::state::{Accepted, Stands, State};
use crate::rollout::switch::Switch;
use crate::rollout::tranche::Tranche;
use crate::rollout::{finish, release, retire, switch};

impl Engine {
    /// Releases a tranche, envelope by envelope.
    pub(super) async fn release(&mut self, accepted: &Accepted, tranche: Tranche) -> Result<(), EngineError> {
        for envelope in tranche.batches.chunks(ENVELOPE) {
            self.take_inputs()?;
            let (Some(target), false) = (self.state.target, self.stopping) else { return Ok(()) };
            let ground = self.ground(&accepted.plan, &accepted.revision, PLANNING_MAX_AGE);
            let checked: Vec<_> = envelope.iter().map(|batch| release::guard(&ground, tranche.home, batch).pass).collect();
            let batches: Vec<_> = checked.into_iter().filter(|batch| !batch.is_empty()).collect();
            let stage = self.state.home_name(tranche.home).to_owned();
            let first = self.state.seq.saturating_add(1);
            let intents: Vec<_> =
                batches.iter().map(|people| Event::ReleaseIntent { stage: stage.clone(), people: people.clone() }).collect();
            if intents.is_empty() {
                return Ok(());
            }
            let leavers: Vec<Vec<Leaver>> =
                batches.iter().map(|batch| batch.iter().map(|id| self.leaver(*id)).collect()).collect();
            self.commit(By::Operator, ACTOR, &intents)?;
            let (enforce, leave) = (Arc::clone(&self.enforce), self.leaves.back());
            let answers = self.meanwhile(enforce.release(&leave, target, &leavers)).await?;
            let sent = answers.iter().all(|answer| answer.not_sent.is_empty());
            let outcomes: Vec<_> = (first..).zip(answers).map(|(intent, answer)| released(intent, answer)).collect();
            self.commit(By::Operator, ACTOR, &outcomes)?;
            if !sent {
                return Ok(());
            }
        }
        Ok(())
    }

    fn leaver(&self, person: ObjectId) -> Leaver {
        let restore = self.state.people.get(person).and_then(|person| person.marks().retired.before());
        Leaver { person, restore }
    }

    /// Ends the own MFA states of a group of people, as they were read just now.
    pub(super) async fn retire(&mut self, accepted: &Accepted, decided: Vec<Before>) -> Result<(), EngineError> {
        for question in [Ask::Safety, Ask::PerUser] {
            self.question(&accepted.plan, &accepted.revision, &question).await?;
        }
        self.take_inputs()?;
        self.see_clock();
        let now = retire::next(&self.ground(&accepted.plan, &accepted.revision, GUARD_MAX_AGE)).unwrap_or_default();
        let still = |state, id: &ObjectId| now.iter().any(|before| before.state == state && before.people.contains(id));
        let before: Vec<_> = decided
            .into_iter()
            .map(|Before { state, people }| Before { state, people: people.into_iter().filter(|id| still(state, id)).collect() })
            .filter(|before| !before.people.is_empty())
            .collect();
        if before.is_empty() || self.stopping {
            return Ok(());
        }
        let people: Vec<ObjectId> = before.iter().flat_map(|before| before.people.iter().copied()).collect();
        self.commit(By::Schedule, ACTOR, &[Event::RetireIntent { before }])?;
        let intent = self.state.seq;
        let (enforce, leave) = (Arc::clone(&self.enforce), self.leaves.forward());
        let BatchOutcome { enforced, already, gone, refused, unknown, not_sent } =
            self.meanwhile(enforce.retire(&leave, &people)).await?;
        let retired = [enforced, already, gone].concat();
        self.commit(By::Schedule, ACTOR, &[Event::RetireOutcome { intent, retired, refused, unknown, not_sent }])
    }

    /// Throws a switch. What it rests on is read anew first, unless a sequence is under way that must not wait.
    pub(super) async fn switch(&mut self, accepted: &Accepted, decided: switch::Next) -> Result<(), EngineError> {
        let stage = self.state.home_name(decided.home).to_owned();
        let begun = decided.undoes.is_some() || switch::standing(&self.state, &stage).next().is_some();
        if !begun {
            for question in [Ask::Safety, Ask::Members] {
                self.question(&accepted.plan, &accepted.revision, &question).await?;
            }
        }
        self.take_inputs()?;
        self.see_clock();
        let fresh = if begun { PLANNING_MAX_AGE } else { GUARD_MAX_AGE };
        let next = switch::next(&self.ground(&accepted.plan, &accepted.revision, fresh));
        if next.as_ref() != Some(&decided) || self.stopping {
            return Ok(());
        }
        let switch::Next { switch, undoes, image, .. } = decided;
        let by = if undoes.is_some() { By::Operator } else { By::Schedule };
        let leave = match undoes {
            Some(_) => self.leaves.back(),
            // A pause does not end a sequence in its middle: that would leave people without MFA.
            None if begun => Leave::default(),
            None => self.leaves.forward(),
        };
        self.throw(by, leave, Event::SwitchIntent { stage, switch, undoes, image }).await
    }

    /// Intent, wire, outcome.
    async fn throw(&mut self, by: By, leave: Leave, intent: Event) -> Result<(), EngineError> {
        let Event::SwitchIntent { switch, image, .. } = &intent else { return Ok(()) };
        let (switch, image) = (*switch, image.clone());
        self.commit(by, ACTOR, &[intent])?;
        let intent = self.state.seq;
        let enforce = Arc::clone(&self.enforce);
        let switched = self.meanwhile(enforce.switch(&leave, switch, image.as_ref())).await?;
        self.commit(by, ACTOR, &[Event::SwitchOutcome { intent, switched }])
    }

    /// Performs the finish that an operator asked for, or drops it and says why: they saw what would be sent, and ask again.
    pub(super) async fn finish(&mut self, accepted: &Accepted) -> Result<(), EngineError> {
        let Accepted { plan, revision, .. } = accepted;
        let exempt = exempt_key(plan).map(Ask::Selection);
        for question in [Ask::Directory, Ask::Members, Ask::Safety].into_iter().chain(exempt) {
            self.question(plan, revision, &question).await?;
        }
        let offer = self.offered(plan).await?;
        self.take_inputs()?;
        self.see_clock();
        if self.stopping {
            return Ok(());
        }
        let refusal = finish::refuses(&self.ground(plan, revision, GUARD_MAX_AGE)).map(std::borrow::Cow::into_owned);
        let asked = self.state.finish_asked.clone();
        let offer = match (refusal, offer) {
            (Some(why), _) => Err(why),
            (None, Err(trouble)) => Err(trouble.why),
            (None, Ok(offer)) if offer.lacks.is_empty() => Err("the policy is one about everybody already".to_owned()),
            (None, Ok(offer)) if asked.as_ref() != Some(&offer.fingerprint) => {
                Err("the policy, or whom it must leave out, has changed since it was shown; run finish again".to_owned())
            }
            (None, Ok(offer)) => Ok(offer),
        };
        match offer {
            Err(why) => self.commit(By::Gate, ACTOR, &[Event::FinishDropped { why }]),
            Ok(offer) => {
                let stage = self.state.stages.last().map(|stage| stage.name.clone()).unwrap_or_default();
                let switch = Switch::Reach { policy: offer.policy, from: Reach::Group, to: Reach::Everybody };
                let image = Some(offer.image);
                let leave = self.leaves.forward();
                self.throw(By::Operator, leave, Event::SwitchIntent { stage, switch, undoes: None, image }).await
            }
        }
    }

    async fn offered(&mut self, plan: &Plan) -> Result<Result<Offer, Trouble>, EngineError> {
        let unknown = |why: &str| Trouble { kind: TroubleKind::Unusable, why: why.to_owned() };
        let Some(target) = self.state.target else {
            return Ok(Err(unknown("the enforcement's names have not been resolved")));
        };
        let Some(directory) = &self.observed.directory.last else {
            return Ok(Err(unknown("the directory has not been read")));
        };
        let accounts = directory.value.sync_accounts.clone();
        let enforce = Arc::clone(&self.enforce);
        self.meanwhile(enforce.offer(target, &plan.people, &accounts)).await
    }
}

fn released(intent: u64, answer: BatchOutcome) -> Event {
    let BatchOutcome { enforced, already, gone, refused, unknown, not_sent } = answer;
    Event::ReleaseOutcome { intent, released: enforced, already, gone, refused, unknown, not_sent }
}

/// What a crash left open: nobody knows what became of it.
pub(super) fn left_open(state: &State) -> Vec<Event> {
    let mut events = Vec::new();
    for (intent, batch) in &state.batches {
        let is_open = |id: &ObjectId| {
            state.people.get(*id).is_some_and(|person| match batch.deed {
                Deed::Enforce => matches!(person.enforced(), Enforced::Intended(_)),
                Deed::Release => matches!(person.enforced(), Enforced::Releasing(_)),
                Deed::Retire => matches!(person.marks().retired, Retired::Intended(_)),
            })
        };
        let unknown: Vec<_> = batch.people.iter().copied().filter(is_open).collect();
        if unknown.is_empty() {
            continue;
        }
        let intent = *intent;
        events.push(match batch.deed {
            Deed::Enforce => Event::EnforceOutcome {
                intent,
                enforced: Vec::new(),
                already: Vec::new(),
                gone: Vec::new(),
                refused: Vec::new(),
                unknown,
                not_sent: Vec::new(),
            },
            Deed::Release => released(intent, BatchOutcome { unknown, ..BatchOutcome::default() }),
            Deed::Retire => {
                Event::RetireOutcome { intent, retired: Vec::new(), refused: Vec::new(), unknown, not_sent: Vec::new() }
            }
        });
    }
    let open = state.thrown.iter().filter(|thrown| thrown.stands == Stands::Open);
    events.extend(open.map(|thrown| Event::SwitchOutcome { intent: thrown.intent, switched: Switched::Unknown }));
    events
}
