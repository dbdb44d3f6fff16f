//! What happens to one person next, and what to do now: the answer that a helpdesk gives.
//!
//! Pure, over facts that were gathered before. Does not judge who may be enforced: the situation that it is given has done that.
//! Invariant: it never advises to take somebody out of the enforcement.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::observed::Readiness;
use super::sign_in_code::{Kind, meaning};
use super::stage::PhaseName;

/// What is known of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The word of [`super::report::situation`]; `outside` for somebody who is in no stage and not in the tail.
    pub situation: &'static str,
    /// Why, where there is more to say.
    pub why: Option<String>,
    /// The phase of their stage; none in the tail and outside.
    pub phase: Option<PhaseName>,
    /// When the announcement begins, where it has not.
    pub announced_at: Option<Timestamp>,
    /// The latest instant that they were told.
    pub promise: Option<Timestamp>,
    /// The next reminder that their stage has.
    pub reminder: Option<Timestamp>,
    /// Whether they could pass MFA, as last read.
    pub readiness: Readiness,
    /// Why nobody of their stage is enforced now.
    pub held: Option<String>,
    /// The code of their latest attempt, when it failed.
    pub code: Option<i64>,
}

/// Something to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coming {
    /// When; none where that depends on something else.
    pub at: Option<Timestamp>,
    /// What.
    pub says: String,
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// What happens next, in order.
    pub next: Vec<Coming>,
    /// What to do now, a plain sentence each.
    pub todo: Vec<String>,
}

/// Where people add a method; they type it themselves.
const PAGE: &str = "aka.ms/mysecurityinfo";

/// What comes next and what to do.
#[must_use]
pub fn advise(case: &Case) -> Advice {
    Advice { next: next(case), todo: todo(case) }
}

/// The next slot of `before` that opens after `now`, the announcement apart.
#[must_use]
pub fn next_reminder(before: &[SignedDuration], start: Timestamp, now: Timestamp) -> Option<Timestamp> {
    before.iter().skip(1).filter_map(|wait| start.checked_sub(*wait).ok()).filter(|at| *at > now).min()
}

fn next(case: &Case) -> Vec<Coming> {
    let at = |at: Option<Timestamp>, says: &str| Coming { at, says: says.to_owned() };
    let held = case.held.as_ref().map(|why| at(None, &format!("nobody of the stage is enforced as long as this holds: {why}")));
    let reminder =
        case.reminder.filter(|_| case.readiness != Readiness::Capable).map(|when| at(Some(when), "a reminder by mail"));
    let required = at(case.promise, "MFA is required from then on, at the next sign-in");
    match case.situation {
        "assigned" if case.announced_at.is_some() => {
            vec![at(case.announced_at, "the announcement by mail, which names their date")]
        }
        "assigned" => vec![at(None, "the announcement by mail, which names their date")],
        "unreached" => vec![at(None, "another try to tell them by mail; without a notice they are not enforced")],
        "noticed" => reminder.into_iter().chain([required]).chain(held).collect(),
        "due" => [at(None, "they are enforced with one of the next batches")].into_iter().chain(held).collect(),
        "waiting" => {
            let why = case.why.as_deref().unwrap_or("something that the stage says");
            [at(None, &format!("they are enforced when this no longer holds: {why}"))].into_iter().chain(held).collect()
        }
        "enforcing" => vec![at(None, "what became of the write is read back")],
        "enforced" if case.why.is_some() => {
            vec![at(None, &format!("MFA is required; {}", case.why.as_deref().unwrap_or_default()))]
        }
        "enforced" => vec![at(None, "two agreeing reads verify it; a change may take up to a day to be felt at sign-in")],
        "failed" => vec![at(None, "they are tried again within the hour")],
        "exempt" => vec![at(None, "the exemption ends; a fresh notice comes before that, and then MFA is required")],
        "deferred" => [required].into_iter().chain(held).collect(),
        "absent" => {
            vec![at(None, "MFA is required some time after they are back: at their first sign-in, or when somebody says so")]
        }
        "protected" => vec![at(None, "nothing as long as they are protected; afterwards they are told a date of their own")],
        _ => Vec::new(),
    }
}

fn todo(case: &Case) -> Vec<String> {
    let known = case.code.and_then(meaning).filter(|known| known.kind == Kind::Failure);
    let mut todo: Vec<String> = situation_todo(case).into_iter().collect();
    if let Some(known) = known {
        todo.push(format!("their last sign-in failed, since {}: {}", known.means, known.remedy));
    }
    if todo.is_empty() {
        todo.push("nothing: everything is as it should be".to_owned());
    }
    todo
}

fn situation_todo(case: &Case) -> Option<String> {
    let why = case.why.as_deref().unwrap_or("no reason is known");
    let says = match (case.situation, case.readiness) {
        ("outside", _) => {
            "no stage selects them, so that the rollout requires nothing of them; `tidegate plan` says why".to_owned()
        }
        ("left", _) => "the account does not exist any more; check whether another one is meant".to_owned(),
        ("protected", _) => {
            format!("the rollout requires nothing of this account ({why}); where that is wrong, tell whoever runs it")
        }
        ("exempt", _) => format!("nothing is required of them yet: {why}"),
        ("released", _) => format!("MFA is not required any more ({why}); ask whoever runs the rollout what comes next"),
        ("failed", _) => "the tenant refused to require MFA of them; tell whoever runs the rollout".to_owned(),
        ("unreached", _) => {
            "the mail service does not take their address: correct it, or hand them a letter (`tidegate letters`)".to_owned()
        }
        ("enforced" | "verified" | "enforcing", Readiness::Unregistered) => format!(
            "they have no method yet: have them sign in, whereupon Microsoft asks them to add one; if they cannot, `tidegate assist` issues a \
             pass, with which they add one at {PAGE}"
        ),
        (_, Readiness::Unregistered) => format!(
            "have them add a method before the date: open a browser, type {PAGE}; without a phone at hand, `tidegate assist` issues a pass \
             for that"
        ),
        (_, Readiness::RegisteredNotAllowed) => {
            format!("what they have added is not allowed here: have them add another method at {PAGE}, best an app")
        }
        (_, Readiness::Unknown) => {
            format!("whether they could pass MFA is not known: have them open {PAGE} and read out what stands there")
        }
        (_, Readiness::Capable) => return None,
    };
    Some(says)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: i64 = 1_800_000_000;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    fn case(situation: &'static str, readiness: Readiness) -> Case {
        Case {
            situation,
            why: None,
            phase: Some(PhaseName::Announced),
            announced_at: None,
            promise: at(DATE),
            reminder: at(DATE - 86_400),
            readiness,
            held: None,
            code: None,
        }
    }

    #[test]
    fn each_situation_has_its_next_step_and_its_advice() {
        use Readiness::{Capable, RegisteredNotAllowed, Unknown, Unregistered};
        for (situation, readiness, next, todo) in [
            ("assigned", Unregistered, "the announcement", "add a method before the date"),
            ("noticed", Unregistered, "a reminder", "add a method before the date"),
            ("noticed", Capable, "MFA is required", "nothing:"),
            ("noticed", RegisteredNotAllowed, "a reminder", "is not allowed here"),
            ("noticed", Unknown, "a reminder", "is not known"),
            ("unreached", Unregistered, "another try", "hand them a letter"),
            ("due", Capable, "one of the next batches", "nothing:"),
            ("waiting", Unregistered, "when this no longer holds", "add a method"),
            ("enforcing", Unregistered, "is read back", "have them sign in"),
            ("enforced", Unregistered, "two agreeing reads", "have them sign in"),
            ("enforced", Capable, "two agreeing reads", "nothing:"),
            ("verified", Unregistered, "", "`tidegate assist`"),
            ("verified", Capable, "", "nothing:"),
            ("failed", Capable, "tried again", "the tenant refused"),
            ("protected", Unregistered, "as long as they are protected", "requires nothing of this account"),
            ("exempt", Unregistered, "the exemption ends", "nothing is required of them yet"),
            ("deferred", Unregistered, "MFA is required", "add a method before the date"),
            ("absent", Unregistered, "after they are back", "add a method"),
            ("released", Capable, "", "not required any more"),
            ("left", Unknown, "", "does not exist"),
            ("outside", Unknown, "", "no stage selects them"),
        ] {
            let advice = advise(&case(situation, readiness));
            let first = advice.next.first().map(|coming| coming.says.clone()).unwrap_or_default();
            assert!(first.contains(next) && first.is_empty() == next.is_empty(), "{situation} {readiness:?}: {first:?}");
            assert!(advice.todo.iter().any(|says| says.contains(todo)), "{situation} {readiness:?}: {:?}", advice.todo);
        }
    }

    #[test]
    fn the_next_reminder_is_the_nearest_slot_ahead() {
        let before = [30, 14, 7, 1].map(|days| SignedDuration::from_hours(24 * days));
        let day = |days: i64| Timestamp::from_second(DATE - days * 86_400).unwrap();
        for (now, expected) in [(40, Some(14)), (30, Some(14)), (14, Some(7)), (2, Some(1)), (1, None), (0, None)] {
            assert_eq!(next_reminder(&before, day(0), day(now)), expected.map(day), "{now} days before");
        }
    }

    #[test]
    fn somebody_who_is_ready_gets_no_reminder_and_a_hold_is_named() {
        let held = Some("paused".to_owned());
        let ready = advise(&Case { held: held.clone(), ..case("noticed", Readiness::Capable) });
        assert_eq!(ready.next.iter().map(|coming| coming.at).collect::<Vec<_>>(), [at(DATE), None]);
        assert!(ready.next[1].says.contains("paused"));
        let unready = advise(&Case { held, ..case("noticed", Readiness::Unregistered) });
        assert_eq!(unready.next.iter().map(|coming| coming.at).collect::<Vec<_>>(), [at(DATE - 86_400), at(DATE), None]);
    }

    #[test]
    fn a_failed_sign_in_adds_what_to_do_and_a_mere_step_does_not() {
        for (code, adds) in [(Some(500_121), true), (Some(50_126), true), (Some(50_140), false), (Some(7), false), (None, false)]
        {
            let advice = advise(&Case { code, ..case("verified", Readiness::Capable) });
            assert_eq!(advice.todo.iter().any(|says| says.contains("last sign-in failed")), adds, "{code:?}");
        }
    }

    #[test]
    fn nothing_ever_advises_to_undo_the_enforcement() {
        for situation in ["assigned", "noticed", "due", "waiting", "enforcing", "enforced", "verified", "failed", "unreached"] {
            for readiness in [Readiness::Capable, Readiness::Unregistered, Readiness::RegisteredNotAllowed, Readiness::Unknown] {
                let says = advise(&case(situation, readiness)).todo.join(" ");
                assert!(!says.contains("remove") && !says.contains("rollback") && !says.contains("exclude"), "{says}");
            }
        }
    }
}
