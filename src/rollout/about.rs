//! What each record of the journal says about one person, as a sentence.
//!
//! Judges nothing. Invariant: a sentence names nobody; who is asked about is known to whoever asks.

use super::event::{Because, Event, PassFate, Record};
use super::id::ObjectId;
use super::state::TAIL;

/// What the record says about the person; nothing where it is about others.
#[must_use]
pub fn about(record: &Record, id: ObjectId) -> Option<String> {
    let because =
        |reasons: &[Because]| reasons.iter().find(|because| because.people.contains(&id)).map(|because| because.why.clone());
    let plain = |says: &str| Some(says.to_owned());
    match &record.event {
        Event::RosterFrozen { stage, people, .. } if people.contains(&id) => Some(format!("put into {stage}")),
        Event::RosterFrozen { stage, out, .. } => because(out).map(|why| format!("selected by {stage}, but out: {why}")),
        Event::Baseline { members } if members.contains(&id) => plain("was in the group before the rollout"),
        Event::NoticeIntent { slot, instant, people, .. } if people.contains(&id) => {
            Some(format!("{} that names {instant}, intended", slot.says()))
        }
        Event::NoticeOutcome { accepted, .. } if accepted.contains(&id) => plain("notice accepted by the mail service"),
        Event::NoticeOutcome { unknown, .. } if unknown.contains(&id) => plain("whether the notice arrived is not known"),
        Event::NoticeOutcome { refused, not_sent, .. } => because(refused)
            .map(|why| format!("notice refused: {why}"))
            .or_else(|| because(not_sent).map(|why| format!("notice not sent: {why}"))),
        Event::ListsDrawn { lists, .. } if lists.iter().any(|list| list.people.contains(&id)) => {
            plain("on the list of a manager")
        }
        Event::ListIntent { managers, .. } if managers.contains(&id) => {
            plain("a list of their people who are not ready, intended")
        }
        Event::ListOutcome { accepted, .. } if accepted.contains(&id) => plain("the list was accepted by the mail service"),
        Event::ListOutcome { unknown, .. } if unknown.contains(&id) => plain("whether the list arrived is not known"),
        Event::ListOutcome { refused, not_sent, .. } => {
            because(refused).or_else(|| because(not_sent)).map(|why| format!("the list was not sent: {why}"))
        }
        Event::EnforceIntent { people, .. } if people.contains(&id) => plain("about to be enforced"),
        Event::EnforceOutcome { enforced, .. } if enforced.contains(&id) => plain("enforced: the tenant took the write"),
        Event::EnforceOutcome { already, .. } if already.contains(&id) => plain("was a member already"),
        Event::EnforceOutcome { gone, .. } if gone.contains(&id) => plain("the account does not exist any more"),
        Event::ReleaseOutcome { released, already, .. } if released.contains(&id) || already.contains(&id) => {
            plain("released by a rollback")
        }
        Event::RetireOutcome { retired, .. } if retired.contains(&id) => plain("their own MFA state was retired"),
        Event::EnforceOutcome { unknown, .. } if unknown.contains(&id) => plain("the outcome is not known; it is read back"),
        Event::EnforceOutcome { refused, not_sent, .. } => because(refused)
            .map(|why| format!("refused: {why}"))
            .or_else(|| because(not_sent).map(|why| format!("not sent: {why}"))),
        Event::Settled { landed, .. } if landed.contains(&id) => plain("read back: the write had landed"),
        Event::Settled { absent, .. } if absent.contains(&id) => plain("read back: the write had not landed"),
        Event::Left { people } if people.contains(&id) => plain("the account does not exist any more"),
        Event::ExceptionMade { people, what, why, owner } if people.contains(&id) => {
            Some(format!("{} ({why}; {owner})", what.says()))
        }
        Event::ExceptionEnded { people, why, .. } if people.contains(&id) => Some(format!("the exception ended: {why}")),
        Event::Handed { slot, instant, people, why, .. } if people.contains(&id) => {
            Some(format!("a letter ({}) that names {instant} was handed over, says {}: {why}", slot.says(), record.actor))
        }
        Event::Bounced { people } => because(people).map(|why| format!("a notice came back, and none counts any more: {why}")),
        Event::Verified { people } if people.contains(&id) => plain("verified by two agreeing reads"),
        Event::ForeignChange { added, .. } if added.contains(&id) => plain("put into the group by somebody else"),
        Event::ForeignChange { removed, .. } if removed.contains(&id) => plain("taken out of the group by somebody else"),
        Event::Carried { stage, why, people } if people.contains(&id) && stage == TAIL => {
            Some(format!("the date passed, another one will be told: {why}"))
        }
        Event::Carried { stage, why, people } if people.contains(&id) => Some(format!("moved from {stage} to the tail: {why}")),
        Event::Assisted { person, why, .. } if *person == id => {
            Some(format!("{} asked for a Temporary Access Pass: {why}", record.actor))
        }
        Event::AssistOutcome { person, fate, .. } if *person == id => Some(match fate {
            PassFate::Issued { minutes, .. } => format!("a Temporary Access Pass was issued, for {minutes} minutes"),
            PassFate::Refused(why) => format!("the Temporary Access Pass was refused: {why}"),
            PassFate::NotSent(why) => format!("the Temporary Access Pass was not issued: {why}"),
            PassFate::Unknown => "whether the Temporary Access Pass was issued is not known".to_owned(),
        }),
        _ => None,
    }
}
