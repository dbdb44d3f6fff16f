//! Random operators: people who pause, skip, cancel, undo, override, approve and end things, mostly at the wrong moment, under plans with
//! more gates, caps and approvals. Drawn from a stream of its own, so that what else a seed draws stays as it was.

use jiff::{SignedDuration, Timestamp};

use super::{Dice, hours};
use crate::rollout::closing::Abort;
use crate::rollout::gate::Yes;
use crate::rollout::hold::Blocks;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Toggle;
use crate::rollout::plan::{Amount, Asking, Bound, Cap, Fails, Gate, GateAt, Measure, Plan, Versus};
use crate::rollout::release::Extent;
use crate::sim::chance::{Kind, Stream};
use crate::sim::moment::after;
use crate::sim::profile::Profile;
use crate::sim::script::{Act, Deed, Edit, Script, When};
use crate::sim::spoken::{Of, Spoken};
use crate::sim::tenant::Tenant;

/// The operators of a seed; in two of five there are none.
pub(super) fn drawn(seed: u64) -> Option<Dice> {
    let mut dice = Dice(Stream::new(seed, Kind::Operators));
    dice.happens(0.6).then_some(dice)
}

/// What they have put into the plan, and how many of their people cannot sign in.
pub(super) fn amend(dice: &mut Dice, plan: &mut Plan, profile: &mut Profile) {
    if dice.happens(0.6) {
        profile.mfa_failures = dice.of(&[0.3, 0.8]);
    }
    let limits = &mut plan.limits;
    let rolls_back = dice.happens(0.4);
    limits.auto_rollback = if rolls_back { Toggle::On } else { Toggle::Off };
    if rolls_back {
        // So that there is something to roll back for.
        profile.mfa_failures = 0.8;
    }
    limits.start_late = hours(dice.of(&[0, 2, 6]));
    limits.max_hold = hours(dice.of(&[6, 24]));
    if dice.happens(0.3) {
        limits.caps.push(Cap { amount: Amount::People(dice.of(&[6, 15, 30])), per: hours(24) });
    }
    plan.approvals_needed = if dice.happens(0.2) { dice.of(&[1, 2]) } else { 0 };
    plan.approvals_valid = hours(dice.of(&[36, 24 * 90]));
    let gate = |name: &str, measure, at, bound, asking| Gate {
        name: name.to_owned(),
        measure,
        at,
        bound,
        min_sample: 1,
        max_age: hours(12),
        stages: Vec::new(),
        asking,
    };
    let mut add = |likely: f64, gate: Gate| {
        if dice.happens(likely) {
            plan.gates.push(gate);
        }
    };
    let often = Asking { fails: Fails { times: 2, of: 3 }, ..Asking::default() };
    let compared = Asking { versus: Some(Versus::NotEnforced), window: Some(hours(24)), ..Asking::default() };
    let shadow = Asking { shadow: true, ..Asking::default() };
    add(0.2, gate("the pilot was heard", Measure::Confirm, GateAt::Start, Bound::Judged, Asking::default()));
    add(0.15, gate("reached", Measure::NoticeReach, GateAt::Start, Bound::AtLeast(0.9), Asking::default()));
    add(0.15, gate("known", Measure::UnknownShare, GateAt::Start, Bound::AtMost(0.2), Asking::default()));
    let (likely, most) = if rolls_back { (1.0, 0.0) } else { (0.6, 0.1) };
    add(likely, gate("fails", Measure::MfaFailureShare, GateAt::During, Bound::AtMost(most), Asking::default()));
    add(0.15, gate("fails often", Measure::MfaFailureShare, GateAt::During, Bound::AtMost(0.05), often));
    add(0.15, gate("fails more", Measure::MfaFailureShare, GateAt::During, Bound::AtMost(0.1), compared));
    add(0.2, gate("calls", Measure::Contacts, GateAt::During, Bound::AtMost(20.0), Asking::default()));
    add(0.15, gate("locked out", Measure::LockoutShare, GateAt::During, Bound::AtMost(0.0), shadow));
    add(0.15, gate("got in", Measure::VerifiedShare, GateAt::Exit, Bound::AtLeast(0.05), Asking::default()));
}

/// What they say meanwhile, and how they clear everything up in the end.
pub(super) fn speak(dice: &mut Dice, tenant: &Tenant, script: &mut Script) {
    let people = tenant.ordinary_people();
    let mut acts = Vec::new();
    if script.plan.approvals_needed > 0 {
        approve(dice, after(script.begin, hours(1)), &mut acts);
    }
    for _ in 0..dice.between(1, 6) {
        let stage = dice.between(0, script.plan.stages.len().saturating_sub(1));
        let start = script.plan.stages.get(stage).map_or(script.begin, |stage| stage.start.instant);
        let at = after(start, dice.within(hours(40)) - hours(8)).max(script.begin);
        say(dice, &people, (stage, start), at, &script.plan, &mut acts);
    }
    acts.retain(|act| !matches!(act.when, When::At(at) if at >= script.calm));
    let at = |hours_later: i64, deed| Act { when: When::At(after(script.calm, hours(hours_later))), deed };
    let edits = script.plan.approvals_needed > 0;
    acts.extend(edits.then(|| at(0, Deed::Reload(Edit::Reworded))));
    acts.extend(["ada", "grace"].into_iter().filter(|_| edits).map(|who| at(2, Deed::Says(Spoken::Approve(who)))));
    let asked = script.plan.gates.iter().filter(|gate| gate.measure == Measure::Confirm);
    let answered = asked.flat_map(|gate| (0..script.plan.stages.len()).map(|stage| (stage, gate.name.clone())));
    acts.extend(answered.map(|(stage, gate)| at(0, Deed::Confirm { stage, gate, says: Yes::Yes })));
    acts.push(at(3, Deed::Says(Spoken::EndHolds)));
    script.acts.extend(acts);
}

fn approve(dice: &mut Dice, at: Timestamp, acts: &mut Vec<Act>) {
    for who in ["ada", "grace", "the plan's author", "ada"] {
        let when = When::At(after(at, dice.within(hours(30))));
        acts.push(Act { when, deed: Deed::Says(Spoken::Approve(who)) });
    }
}

/// One thing, and perhaps what is said on it later.
fn say(
    dice: &mut Dice,
    people: &[ObjectId],
    (stage, start): (usize, Timestamp),
    at: Timestamp,
    plan: &Plan,
    acts: &mut Vec<Act>,
) {
    let later = after(at, dice.within(hours(20)) + SignedDuration::from_mins(15));
    let mut say = |at, spoken| acts.push(Act { when: When::At(at), deed: Deed::Says(spoken) });
    match dice.between(0, 20) {
        0..=2 => {
            let of = match (dice.between(0, 2), dice.0.pick(people).copied()) {
                (0, Some(person)) => Of::Person(person),
                (1, _) => Of::Stage(stage),
                _ => Of::Rollout,
            };
            let blocks = if dice.happens(0.3) { Blocks::All } else { Blocks::Forward };
            let long = dice.happens(0.3).then(|| hours(dice.of(&[1, 6])));
            // Over the start, half of the time.
            let at = if dice.happens(0.5) { after(start, -hours(1)) } else { at };
            say(at, Spoken::Pause { of, blocks, long });
            say(later.max(after(start, hours(1))), Spoken::Unpause { of, allow_start: dice.happens(0.5) });
        }
        3 => say(at, Spoken::Skip(stage)),
        4 => say(at, Spoken::Cancel(stage)),
        5 | 6 => {
            // Paused over the start, so that the stage is missed, and then started all the same.
            say(after(start, -hours(1)), Spoken::Pause { of: Of::Rollout, blocks: Blocks::Forward, long: None });
            say(after(start, hours(1)), Spoken::Unpause { of: Of::Rollout, allow_start: false });
            say(after(start, dice.within(hours(12)) + hours(1)), Spoken::StartLate(stage));
        }
        7..=10 => {
            let extent = if dice.happens(0.4) { Extent::Only } else { Extent::AndBehind };
            let of = if dice.happens(0.15) { None } else { Some(stage) };
            say(at.max(after(start, SignedDuration::from_mins(20))), Spoken::Rollback { stage: of, extent });
            if dice.happens(0.5) {
                let ahead = hours(dice.of(&[30, 60]));
                acts.push(Act { when: When::At(after(later, hours(30))), deed: Deed::Rebook { stage, ahead } });
            }
        }
        11 | 12 => {
            let name = dice.0.pick(&plan.gates).map_or_else(|| "calendar".to_owned(), |gate| gate.name.clone());
            let what = if dice.happens(0.3) { "calendar".to_owned() } else { name };
            say(at, Spoken::Override { stage, what: what.clone() });
            say(later, Spoken::Override { stage, what });
        }
        13 => {
            say(at, Spoken::Reject);
            acts.push(Act { when: When::At(later), deed: Deed::Reload(Edit::Reworded) });
            approve(dice, after(later, hours(1)), acts);
        }
        14 if dice.happens(0.5) => {
            let how = if dice.happens(0.5) { Abort::Keep } else { Abort::Revert };
            say(at, Spoken::Abort(how));
        }
        15 | 16 => say(at, Spoken::EndHolds),
        17 => acts.push(Act { when: When::At(at), deed: Deed::Contacts(dice.of(&[3, 40])) }),
        _ => {
            let Some(gate) = plan.gates.iter().find(|gate| gate.measure == Measure::Confirm) else { return };
            let says = if dice.happens(0.8) { Yes::Yes } else { Yes::No };
            let when = When::At(after(start, dice.within(hours(5)) - hours(4)));
            acts.push(Act { when, deed: Deed::Confirm { stage, gate: gate.name.clone(), says } });
        }
    }
}
