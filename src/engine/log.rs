//! The log's line for a record: one per change of state; counts of people, never who.

use crate::rollout::event::{Because, Event, Record};
use crate::rollout::id::ObjectId;
use crate::rollout::state::{TAIL, paused_hold_id};

/// One line per change of state; counts of people, never who.
pub(super) fn log(record: &Record) {
    match &record.event {
        Event::StageMoved { stage, from, to, why } => {
            tracing::info!(stage.name = %stage, stage.from = from.as_str(), stage.to = to.as_str(), record.seq = record.seq, why, "a stage moved");
        }
        Event::HoldPlaced { hold } => {
            tracing::warn!(hold.id = %impersonal(&hold.id), record.seq = record.seq, why = %hold.why, "a hold is in force");
        }
        Event::HoldCleared { id, why } => tracing::info!(hold.id = %id, record.seq = record.seq, why, "a hold ended"),
        Event::RosterFrozen { stage, people, .. } => {
            tracing::info!(stage.name = %stage, people.count = people.len(), record.seq = record.seq, "a roster is frozen");
        }
        Event::EnforceOutcome { intent, enforced, already, gone, unknown, refused, not_sent } => {
            tracing::info!(
                intent.seq = intent,
                enforced.count = enforced.len(),
                already.count = already.len(),
                gone.count = gone.len(),
                unknown.count = unknown.len(),
                record.seq = record.seq,
                "a batch was handed out"
            );
            left_out(*intent, refused.iter().chain(not_sent), "people of a batch were not enforced");
        }
        Event::ReleaseOutcome { intent, released, already, gone, refused, unknown, not_sent } => {
            tracing::warn!(
                intent.seq = intent,
                released.count = released.len().saturating_add(already.len()),
                gone.count = gone.len(),
                unknown.count = unknown.len(),
                record.seq = record.seq,
                "a batch was released"
            );
            left_out(*intent, refused.iter().chain(not_sent), "people of a batch were not released");
        }
        Event::RetireOutcome { intent, retired, refused, unknown, not_sent } => {
            tracing::info!(
                intent.seq = intent,
                retired.count = retired.len(),
                unknown.count = unknown.len(),
                record.seq = record.seq,
                "own MFA states were retired"
            );
            left_out(*intent, refused.iter().chain(not_sent), "own MFA states were not retired");
        }
        Event::SwitchIntent { stage, switch, .. } => {
            tracing::warn!(stage.name = %stage, record.seq = record.seq, switch.does = %switch.says(), "the tenant is being switched");
        }
        Event::SwitchOutcome { intent, switched } => {
            tracing::warn!(intent.seq = intent, record.seq = record.seq, outcome = ?switched, "a switch came to an end");
        }
        Event::Assisted { .. } => {
            tracing::warn!(actor = %record.actor, record.seq = record.seq, "an operator asked for a Temporary Access Pass");
        }
        Event::AssistOutcome { intent, fate, .. } => {
            tracing::warn!(intent.seq = intent, record.seq = record.seq, outcome = ?fate, "a Temporary Access Pass came to an end");
        }
        Event::FinishAsked { .. } => {
            tracing::warn!(actor = %record.actor, record.seq = record.seq, "an operator asked for the finish");
        }
        Event::FinishDropped { why } => {
            tracing::warn!(record.seq = record.seq, why, "the finish was not begun");
        }
        Event::SwitchesDone { stage, gap_ms } => {
            tracing::warn!(stage.name = %stage, record.seq = record.seq, gap_ms, "everything that the stage switches is so");
        }
        Event::NoticeOutcome { intent, accepted, unknown, refused, not_sent } => {
            tracing::info!(
                intent.seq = intent,
                accepted.count = accepted.len(),
                unknown.count = unknown.len(),
                record.seq = record.seq,
                "notices were sent"
            );
            left_out(*intent, refused.iter().chain(not_sent), "people could not be told");
        }
        Event::ListsDrawn { stage, lists, alone, .. } => {
            tracing::info!(stage.name = %stage, lists.count = lists.len(), alone.count = alone.len(), record.seq = record.seq, "lists for managers are drawn");
        }
        Event::ListOutcome { intent, accepted, refused, unknown, not_sent } => {
            tracing::info!(
                intent.seq = intent,
                accepted.count = accepted.len(),
                unknown.count = unknown.len(),
                record.seq = record.seq,
                "lists were sent to managers"
            );
            left_out(*intent, refused.iter().chain(not_sent), "managers could not be sent their list");
        }
        Event::AlertRaised { alert } => {
            tracing::warn!(alert.id = %alert.id, record.seq = record.seq, ends = %alert.unmet.ends, "something waits for a human");
        }
        Event::AlertEnded { id } => {
            tracing::info!(alert.id = %id, record.seq = record.seq, "nothing waits for a human there any more");
        }
        Event::Reported { about, .. } => tracing::info!(report.about = ?about, record.seq = record.seq, "a report is due"),
        Event::MemoOutcome { intent, accepted, unknown, refused, not_sent } => {
            tracing::info!(
                intent.seq = intent,
                accepted.count = accepted.len(),
                unknown.count = unknown.len(),
                record.seq = record.seq,
                "operators were told"
            );
            left_out(*intent, refused.iter().chain(not_sent), "operators could not be told");
        }
        Event::ForeignChange { added, removed } => {
            tracing::warn!(
                added.count = added.len(),
                removed.count = removed.len(),
                record.seq = record.seq,
                "somebody else changed the group"
            );
        }
        Event::Left { people } => {
            tracing::info!(people.count = people.len(), record.seq = record.seq, "enforced people left");
        }
        Event::Carried { stage, why, people } if stage == TAIL => {
            tracing::warn!(people.count = people.len(), record.seq = record.seq, why, "people of the tail need another date");
        }
        Event::Carried { stage, why, people } => {
            tracing::warn!(stage.name = %stage, people.count = people.len(), record.seq = record.seq, why, "people were moved to the tail");
        }
        Event::Rebooked { stage, start, .. } => {
            tracing::warn!(stage.name = %stage, stage.start = %start.instant, actor = %record.actor, record.seq = record.seq, "an operator rebooked a stage");
        }
        Event::ExceptionMade { people, what, .. } => {
            tracing::warn!(people.count = people.len(), exception = %what.says(), actor = %record.actor, record.seq = record.seq, "something holds for single people alone");
        }
        Event::ExceptionEnded { people, why, .. } => {
            tracing::warn!(people.count = people.len(), actor = %record.actor, record.seq = record.seq, why, "an exception ended");
        }
        Event::Confirmed { stage, gate, says, .. } => {
            tracing::info!(stage, gate, says = ?says, record.seq = record.seq, "a human answered a gate");
        }
        Event::ContactsCounted { contacts, .. } => {
            let stage = contacts.stage.as_deref().unwrap_or_default();
            tracing::info!(stage, contacts = contacts.count, record.seq = record.seq, "contacts were counted");
        }
        Event::Handed { stage, instant, people, .. } => {
            tracing::info!(stage.name = %stage, notice.instant = %instant, people.count = people.len(), actor = %record.actor, record.seq = record.seq, "letters were handed over");
        }
        Event::Bounced { people } => {
            let count: usize = people.iter().map(|because| because.people.len()).sum();
            tracing::warn!(people.count = count, record.seq = record.seq, "notices came back");
        }
        Event::Paused { scope, .. } => {
            tracing::warn!(actor = %record.actor, record.seq = record.seq, hold.id = %impersonal(&paused_hold_id(scope)), "an operator paused");
        }
        Event::Unpaused { hold, .. } => {
            tracing::warn!(actor = %record.actor, record.seq = record.seq, hold.id = %impersonal(hold), "an operator ended a hold");
        }
        Event::Overridden { stage, passed, why, .. } => {
            tracing::warn!(actor = %record.actor, record.seq = record.seq, stage.name = %stage, passed = ?passed, why, "an operator passes a gate or a hold");
        }
        Event::Approved { revision, .. } => {
            tracing::info!(actor = %record.actor, record.seq = record.seq, plan.revision = %revision, "a revision was approved");
        }
        Event::Rejected { revision, why } => {
            tracing::warn!(actor = %record.actor, record.seq = record.seq, plan.revision = %revision, why, "a revision was rejected");
        }
        Event::Aborted { how, why } => {
            tracing::warn!(actor = %record.actor, record.seq = record.seq, how = ?how, why, "an operator aborted the rollout");
        }
        Event::TailRollback { why } => {
            tracing::warn!(actor = %record.actor, record.seq = record.seq, why, "the tail is being rolled back");
        }
        Event::TailRolledBack => tracing::warn!(record.seq = record.seq, "the tail is rolled back"),
        _ => tracing::debug!(record.seq = record.seq, "a record was written"),
    }
}

/// The id of a hold, less whom it is about.
fn impersonal(hold: &str) -> &str {
    match hold.split_once(':') {
        Some((kind, whom)) if whom.parse::<ObjectId>().is_ok() => kind,
        _ => hold,
    }
}

/// One line per reason why people of a batch, or of a group of notices, were left out.
fn left_out<'a>(intent: u64, reasons: impl Iterator<Item = &'a Because>, says: &str) {
    for Because { why, people } in reasons {
        tracing::warn!(people.count = people.len(), intent.seq = intent, why, "{says}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_hold_on_a_person_says_only_of_which_kind_it_is() {
        let person = ObjectId::from_bits(7);
        for (id, shown) in [
            (format!("paused:{person}"), "paused"),
            (format!("removed:{person}"), "removed"),
            ("paused:pilot".to_owned(), "paused:pilot"),
            ("gate:pilot:registered".to_owned(), "gate:pilot:registered"),
            ("paused".to_owned(), "paused"),
        ] {
            assert_eq!(impersonal(&id), shown);
        }
    }
}
