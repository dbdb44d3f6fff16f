//! Records about what operators are told into state.
//!
//! Decides nothing. Invariant: whoever a memo was taken for, or refused for good, waits for it no longer.

use jiff::Timestamp;

use super::diary::Diary;
use super::digest::Subject;
use super::event::{Because, Event, Record};
use super::id::ObjectId;
use super::memo::{Desk, GIVEN_UP, MOST_WAITING, Memo, OnItsWay, Operators, Waiting};
use super::sending;
use super::stage::PhaseName;
use super::state::State;

impl State {
    pub(super) fn take_memos(&mut self, record: &Record) -> Result<(), String> {
        let (seq, at) = (record.seq, record.at);
        match &record.event {
            Event::AlertRaised { alert } => {
                if self.operators.alerts.insert(alert.id.clone(), (**alert).clone()).is_some() {
                    return Err(format!("the alert `{}` has begun already", alert.id));
                }
                self.tell_operators(seq, at, Memo::Alert(alert.clone()));
                Ok(())
            }
            Event::AlertEnded { id } => {
                let alert = self.operators.alerts.remove(id).ok_or_else(|| format!("there is no alert `{id}`"))?;
                // Whoever was not told that it began need not be told that it is over.
                let begun = |waiting: &Waiting| matches!(&waiting.memo, Memo::Alert(begun) if begun.id == *id);
                let known = self.operators.waits.iter().find(|(_, waiting)| begun(waiting)).map(|(about, _)| *about);
                let is_out = known.is_some_and(|about| self.operators.out.values().any(|out| out.about == about));
                let untold = known.and_then(|about| self.operators.waits.get(&about)).map_or_else(Vec::new, |waiting| {
                    waiting.to.iter().copied().filter(|id| !is_out && !waiting.doubted.contains(id)).collect()
                });
                self.tell_operators(seq, at, Memo::Over { alert: Box::new(alert), at });
                if let Some(waiting) = self.operators.waits.get_mut(&seq) {
                    waiting.to.retain(|id| !untold.contains(id));
                }
                self.operators.clean(at);
                Ok(())
            }
            Event::Reported { about, .. } => {
                if let Some(desk) = &mut self.operators.desk {
                    match about {
                        Subject::Stage(stage) => drop(desk.ended.insert(stage.clone())),
                        Subject::Week(slot) => desk.week = Some(*slot),
                    }
                }
                self.tell_operators(seq, at, Memo::Report(about.clone()));
                Ok(())
            }
            Event::MemoIntent { about, to, from } => {
                if !self.operators.waits.contains_key(about) {
                    return Err(format!("no memo {about} waits"));
                }
                sending::count(&mut self.mailed, at, from, to.len());
                self.operators.out.insert(seq, OnItsWay { about: *about, to: to.clone() });
                Ok(())
            }
            Event::MemoOutcome { intent, accepted, refused, unknown, not_sent } => {
                let back = refused.iter().flat_map(|because| &because.people).chain(accepted);
                self.memo_outcome(at, *intent, &back.copied().collect::<Vec<_>>(), unknown, not_sent)
            }
            _ => Ok(()),
        }
    }

    /// Begins or ends to keep what reports are made of, as the plan in force says.
    pub(super) fn see_plan(&mut self, at: Timestamp) {
        let tells = self.plan.as_ref().is_some_and(|accepted| accepted.plan.reports_to_somebody());
        if !tells {
            // What is on its way comes to its end.
            let out = std::mem::take(&mut self.operators.out);
            self.operators = Operators { out, ..Operators::default() };
        } else if self.operators.desk.is_none() {
            let over = self.stages.iter().filter(|stage| stage.phase.name().is_over());
            let ended = over.map(|stage| stage.name.clone()).collect();
            self.operators.desk = Some(Desk { since: at, ended, week: None, diary: Diary::default() });
        }
    }

    /// Writes down what a record says.
    pub(super) fn write_down(&mut self, record: &Record) {
        let Some(desk) = &mut self.operators.desk else { return };
        desk.diary.see(record);
        if let Event::StageMoved { stage, to: PhaseName::RollingBack, .. } = &record.event {
            desk.ended.remove(stage);
        }
    }

    /// Puts a memo to everybody whom the plan names.
    fn tell_operators(&mut self, seq: u64, at: Timestamp, memo: Memo) {
        let to = self.plan.as_ref().map_or_else(Vec::new, |accepted| accepted.plan.reports.to.clone());
        let waiting = Waiting { memo, since: at, to, doubted: Vec::new(), tries: 0, tried: None };
        self.operators.waits.insert(seq, waiting);
        self.operators.clean(at);
    }

    fn memo_outcome(
        &mut self,
        at: Timestamp,
        intent: u64,
        over: &[ObjectId],
        unknown: &[ObjectId],
        not_sent: &[Because],
    ) -> Result<(), String> {
        let out = self.operators.out.remove(&intent).ok_or_else(|| format!("there is no intent {intent} of a memo"))?;
        if let Some(waiting) = self.operators.waits.get_mut(&out.about) {
            let again = |id: &ObjectId| !(over.contains(id) || unknown.contains(id) && waiting.doubted.contains(id));
            waiting.to.retain(again);
            waiting.doubted.extend(unknown.iter().filter(|id| waiting.to.contains(id)));
            let failed = !unknown.is_empty() || !not_sent.is_empty();
            (waiting.tries, waiting.tried) = if failed { (waiting.tries.saturating_add(1), Some(at)) } else { (0, None) };
        }
        self.operators.clean(at);
        Ok(())
    }
}

impl Operators {
    /// Forgets what nobody waits for any more, and what has waited for too long.
    fn clean(&mut self, at: Timestamp) {
        let Self { waits, out, alerts, .. } = self;
        let is_out = |about: &u64| out.values().any(|out| out.about == *about);
        // What ended while it was on its way, and never left, is asked of nobody any more.
        let is_over = |memo: &Memo| matches!(memo, Memo::Alert(alert) if !alerts.contains_key(&alert.id));
        let stands =
            |waiting: &Waiting| !waiting.to.is_empty() && at.duration_since(waiting.since) < GIVEN_UP && !is_over(&waiting.memo);
        waits.retain(|about, waiting| is_out(about) || stands(waiting));
        while waits.len() > MOST_WAITING
            && let Some(oldest) = waits.keys().copied().find(|about| !is_out(about))
        {
            waits.remove(&oldest);
        }
    }
}
