//! Records about lists for managers into state.
//!
//! Decides nothing. Invariant: a list that was taken, or of which nobody knows, waits no longer.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::event::{Because, Event, List};
use super::id::ObjectId;
use super::lists::{ListBatch, Lists, MOST_TRIES, Waiting};
use super::sending;
use super::state::State;

impl State {
    pub(super) fn take_lists(&mut self, seq: u64, at: Timestamp, event: &Event) -> Result<(), String> {
        match event {
            Event::ListsDrawn { stage, instant, lists, alone } => self.lists_drawn(stage, *instant, lists, alone.len()),
            Event::ListIntent { stage, managers, from, .. } => {
                if !self.lists.contains_key(stage) {
                    return Err(format!("there are no lists of stage `{stage}`"));
                }
                sending::count(&mut self.mailed, at, from, managers.len());
                self.lists_out.insert(seq, ListBatch { stage: stage.clone(), managers: managers.clone() });
                Ok(())
            }
            Event::ListOutcome { intent, accepted, refused, unknown, not_sent } => {
                self.list_outcome(at, *intent, accepted, unknown, refused.iter().chain(not_sent))
            }
            _ => Ok(()),
        }
    }

    fn lists_drawn(&mut self, stage: &str, instant: Timestamp, lists: &[List], alone: usize) -> Result<(), String> {
        self.stage(stage).ok_or_else(|| format!("there is no stage `{stage}`"))?;
        let mut waits = BTreeMap::new();
        for list in lists {
            let place = |id: &ObjectId| self.people.place(*id).ok_or_else(|| format!("{id} is in no roster"));
            let people = list.people.iter().map(place).collect::<Result<_, _>>()?;
            waits.insert(list.manager, Waiting { people, tries: 0, tried: None });
        }
        let lists = Lists { instant, waits, sent: 0, unknown: 0, lost: 0, alone: number(alone) };
        self.lists.insert(stage.to_owned(), lists);
        Ok(())
    }

    fn list_outcome<'a>(
        &mut self,
        at: Timestamp,
        intent: u64,
        accepted: &[ObjectId],
        unknown: &[ObjectId],
        back: impl Iterator<Item = &'a Because>,
    ) -> Result<(), String> {
        let batch = self.lists_out.remove(&intent).ok_or_else(|| format!("there is no intent {intent} of lists"))?;
        // A new plan may have taken the stage away meanwhile.
        let Some(lists) = self.lists.get_mut(&batch.stage) else { return Ok(()) };
        let mut over = |managers: &[ObjectId]| {
            managers.iter().filter(|manager| batch.managers.contains(manager)).filter_map(|id| lists.waits.remove(id)).count()
        };
        let (sent, doubted) = (number(over(accepted)), number(over(unknown)));
        lists.sent = lists.sent.saturating_add(sent);
        lists.unknown = lists.unknown.saturating_add(doubted);
        for manager in back.flat_map(|because| &because.people) {
            let Some(waiting) = lists.waits.get_mut(manager) else { continue };
            (waiting.tries, waiting.tried) = (waiting.tries.saturating_add(1), Some(at));
            if waiting.tries >= MOST_TRIES {
                lists.waits.remove(manager);
                lists.lost = lists.lost.saturating_add(1);
            }
        }
        Ok(())
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
