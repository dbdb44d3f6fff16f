//! Random deeds: what other people, operators and the network do meanwhile, and how the process dies.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Dice, hours};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Toggle;
use crate::sim::change::Change;
use crate::sim::fault::{Effect, Fault, Misfortune};
use crate::sim::moment::after;
use crate::sim::policy::State;
use crate::sim::script::{Act, Death, DeathAt, Deed, Edit, Exceptional, Script, When};
use crate::sim::tenant::{ENFORCED_GROUP, EXEMPT_GROUP, POLICY, Tenant};

pub(super) fn draw(dice: &mut Dice, tenant: &Tenant, script: &mut Script) {
    let people = tenant.ordinary_people();
    for _ in 0..dice.between(0, 7) {
        let when = moment(dice, script);
        deed(dice, &people, when, script);
    }
    for _ in 0..dice.between(0, 2) {
        let nth = u32::try_from(dice.between(1, 8)).unwrap_or(1);
        let when = if dice.happens(0.3) { When::Write(nth.min(4)) } else { When::Guard(nth) };
        script.acts.push(Act { when, deed: race(dice, &people) });
    }
    deaths(dice, script);
    if dice.happens(0.06) {
        clock_set_back(dice, script);
    }
    calm(tenant, script);
}

/// An instant: half of them soon after the start of a stage.
fn moment(dice: &mut Dice, script: &Script) -> Timestamp {
    if dice.happens(0.6) {
        let start = dice.0.pick(&script.plan.stages).map_or(script.begin, |stage| stage.start.instant);
        return after(start, dice.within(hours(12)) - hours(3)).max(script.begin);
    }
    let long = script.calm.duration_since(script.begin);
    after(script.begin, dice.within(long))
}

fn somebody(dice: &mut Dice, people: &[ObjectId]) -> String {
    dice.0.pick(people).map(ObjectId::to_string).unwrap_or_default()
}

/// Something that happens at an instant, and perhaps its end some time later.
fn deed(dice: &mut Dice, people: &[ObjectId], at: Timestamp, script: &mut Script) {
    let begin = script.begin;
    let reads_reports = script.plan.notices.bounces == Toggle::On;
    let mut act = |at, deed| script.acts.push(Act { when: When::At(at), deed });
    let later = after(at, dice.within(hours(20)) + SignedDuration::from_mins(15));
    let person = somebody(dice, people);
    match dice.between(0, 30) {
        0 => act(at, Deed::Tenant(Change::DisableUser(person))),
        1 => {
            act(at, Deed::Tenant(Change::DisableUser(person.clone())));
            act(later, Deed::Tenant(Change::EnableUser(person)));
        }
        2 => {
            if dice.happens(0.4) {
                // The exempt group cannot be read while it grows.
                act(at, outage("transitiveMembers", 40));
            }
            act(at, Deed::Tenant(Change::Exempt(person)));
        }
        3 => {
            act(at, Deed::Tenant(Change::Exempt(person.clone())));
            act(later, Deed::Tenant(Change::RemoveMember { group: EXEMPT_GROUP.to_owned(), person }));
        }
        4 => act(at, Deed::Tenant(Change::DeleteUser(person))),
        5 => act(at, Deed::Tenant(Change::Join(2))),
        6 => act(at, Deed::Tenant(Change::RemoveMember { group: ENFORCED_GROUP.to_owned(), person })),
        7 => act(at, Deed::Tenant(Change::AddMember { group: ENFORCED_GROUP.to_owned(), person })),
        8 => {
            let state = dice.0.pick(&[State::Disabled, State::EnabledForReportingButNotEnforced]).copied();
            act(at, Deed::Tenant(set_policy(state.unwrap_or(State::Disabled))));
            act(later, Deed::Tenant(set_policy(State::Enabled)));
        }
        9 => {
            let bg = format!("bg{}@contoso.example", dice.between(1, 2));
            act(at, Deed::Tenant(Change::DisableUser(bg.clone())));
            act(later, Deed::Tenant(Change::EnableUser(bg)));
        }
        10 => {
            act(at, Deed::Tenant(exclusions(&["bg1@contoso.example"])));
            act(later, Deed::Tenant(exclusions(&["bg1@contoso.example", "bg2@contoso.example"])));
        }
        11 => {
            // Somebody adds an exclusion of their own; the policy is edited, and put back.
            act(at, Deed::Tenant(exclusions(&["bg1@contoso.example", "bg2@contoso.example", &person])));
            act(later, Deed::Tenant(exclusions(&["bg1@contoso.example", "bg2@contoso.example"])));
        }
        12 if dice.happens(0.5) => {
            // The report cannot be read for longer than it may be old.
            act(after(at, hours(-15)).max(begin), outage("userRegistrationDetails", 10_000));
            act(after(at, dice.within(hours(5))), Deed::EndFaults);
        }
        12 => {
            act(at, Deed::Tenant(Change::StaleReport(true)));
            act(later, Deed::Tenant(Change::StaleReport(false)));
        }
        13 => act(at, Deed::Tenant(Change::RevokeTokens)),
        14 => act(at, Deed::Tenant(Change::RemoveMail(person))),
        15 | 16 => {
            act(at, Deed::Pause);
            act(later, Deed::Unpause { allow_start: dice.happens(0.6) });
        }
        17 => {
            act(at, Deed::PauseFile);
            act(later, Deed::NoPauseFile);
        }
        18 => {
            let earlier = dice.happens(0.3);
            let by = hours(dice.of(&[6, 24, 72])) * if earlier { -1 } else { 1 };
            let stage = dice.between(0, script.plan.stages.len().saturating_sub(1));
            let ahead = script.plan.stages.get(stage).map_or(at, |stage| stage.start.instant);
            let when = after(ahead, -(hours(4) + dice.within(hours(72)))).max(script.begin);
            script.acts.push(Act { when: When::At(when), deed: Deed::Reload(Edit::Move { stage, by }) });
            if dice.happens(0.5) {
                // The mail service is down at the same time, so that the correction may come too late.
                script.acts.push(Act { when: When::At(when), deed: outage("sendMail", 60) });
            }
        }
        19 => act(at, Deed::Reload(edit(dice))),
        22 => except(dice, people, at, script),
        23 => {
            // Away over a date, and back some days later.
            let start = dice.0.pick(&script.plan.stages).map_or(at, |stage| stage.start.instant);
            let days = i64::try_from(dice.between(2, 6)).unwrap_or(2);
            let from = after(start, hours(-20)).max(begin);
            let who = dice.0.pick(people).copied();
            script.acts.push(Act {
                when: When::At(from),
                deed: Deed::Tenant(Change::Away { person: who.map_or(person, |id| id.to_string()), days }),
            });
            if let Some(person) = who {
                let deed = Deed::Except { person, what: Exceptional::Absent };
                script.acts.push(Act { when: When::At(after(start, dice.within(hours(3)))), deed });
            }
        }
        24 => {
            if let Some(person) = dice.0.pick(people).copied() {
                act(at, Deed::Bounced(person));
            }
        }
        25 => {
            act(at, Deed::Tenant(Change::DeleteUser(person.clone())));
            act(later, Deed::Tenant(Change::RestoreUser(person)));
        }
        26 => {
            // Down over a start, and rebooked when somebody looks.
            let stage = dice.between(0, script.plan.stages.len().saturating_sub(1));
            let start = script.plan.stages.get(stage).map_or(at, |stage| stage.start.instant);
            act(after(start, hours(-1)), outage("userRegistrationDetails", 10_000));
            act(after(start, hours(12)), Deed::EndFaults);
            let ahead = hours(dice.of(&[30, 60, 90]));
            act(after(start, hours(14)), Deed::Rebook { stage, ahead });
        }
        27 | 28 if reads_reports => {
            // Their mails come back for some days.
            act(at, Deed::Tenant(Change::Bounce(person.clone())));
            act(after(at, dice.within(hours(96))), Deed::Tenant(Change::Arrive(person)));
        }
        _ => act(at, fault(dice)),
    }
}

/// An exception, and now and then its end.
fn except(dice: &mut Dice, people: &[ObjectId], at: Timestamp, script: &mut Script) {
    let Some(person) = dice.0.pick(people).copied() else { return };
    let ahead = hours(dice.of(&[30, 72, 144]));
    let what = match dice.between(0, 3) {
        0 => Exceptional::Deferred(ahead),
        1 | 2 => Exceptional::Exempt(ahead),
        _ => Exceptional::Volunteer,
    };
    let mut act = |at, deed| script.acts.push(Act { when: When::At(at), deed });
    act(at, Deed::Except { person, what });
    if dice.happens(0.3) {
        act(after(at, dice.within(hours(60))), Deed::EndException(person));
    }
}

/// Something that happens between decision and wire.
fn race(dice: &mut Dice, people: &[ObjectId]) -> Deed {
    let person = somebody(dice, people);
    match dice.between(0, 7) {
        0 => Deed::Pause,
        1 => Deed::PauseFile,
        2 => Deed::Tenant(Change::DeleteUser(person)),
        3 => Deed::Tenant(Change::DisableUser(person)),
        4 => Deed::Tenant(Change::Exempt(person)),
        5 => Deed::Fault(throttled("/users", 3, Some("300"))),
        _ => Deed::Reload(edit(dice)),
    }
}

fn edit(dice: &mut Dice) -> Edit {
    match dice.between(0, 3) {
        0 => Edit::Cap(3),
        1 => Edit::Wait,
        _ => Edit::Blackout(hours(dice.of(&[2, 10]))),
    }
}

fn set_policy(state: State) -> Change {
    Change::SetPolicy { policy: POLICY.to_owned(), state }
}

fn exclusions(people: &[&str]) -> Change {
    Change::SetExclusions { policy: POLICY.to_owned(), people: people.iter().map(|person| (*person).to_owned()).collect() }
}

fn outage(path: &str, times: u32) -> Deed {
    let what = Misfortune::status(503);
    Deed::Fault(Fault { method: None, path: path.to_owned(), times, skip: 0, effect: Effect::Instead, what })
}

fn throttled(path: &str, times: u32, after: Option<&str>) -> Fault {
    let headers: BTreeMap<_, _> = after.map(|after| ("Retry-After".to_owned(), after.to_owned())).into_iter().collect();
    let what = Misfortune::Status { status: 429, headers, body: None };
    Fault { method: None, path: path.to_owned(), times, skip: 0, effect: Effect::Instead, what }
}

fn fault(dice: &mut Dice) -> Deed {
    let path = dice.of(&["/groups/", "$batch", "sendMail", "userRegistrationDetails", "/users", "policies", "/members"]);
    let times = u32::try_from(dice.between(1, 8)).unwrap_or(1);
    let effect = if dice.happens(0.5) { Effect::Instead } else { Effect::Afterwards };
    let what = match dice.between(0, 6) {
        0 | 1 => return Deed::Fault(throttled(path, times, None)),
        2 => return Deed::Fault(throttled(path, times, Some("120"))),
        3 => return outage(path, 100),
        4 => Misfortune::Lost,
        5 => Misfortune::Cut,
        _ => Misfortune::status(504),
    };
    Deed::Fault(Fault { method: None, path: path.to_owned(), times, skip: 0, effect, what })
}

fn deaths(dice: &mut Dice, script: &mut Script) {
    for _ in 0..dice.between(0, 4) {
        let few = u32::try_from(dice.between(1, 6)).unwrap_or(1);
        let at = match dice.between(0, 7) {
            0 | 1 => DeathAt::Instant(moment(dice, script)),
            2 => DeathAt::BeforeCommit(u64::from(few * 4)),
            3 => DeathAt::AfterCommit(u64::from(few * 4)),
            4 => DeathAt::BeforeWrite(few),
            5 | 6 => DeathAt::AfterWrite(few),
            _ => DeathAt::AfterMail(few * 4),
        };
        let down = match dice.between(0, 9) {
            0 => hours(14 * 24),
            1 | 2 => hours(1) + dice.within(hours(30)),
            _ => SignedDuration::from_mins(dice.of(&[0, 1, 20])),
        };
        let back = if dice.happens(0.25) { SignedDuration::from_mins(dice.of(&[1, 30, 240])) } else { SignedDuration::ZERO };
        script.deaths.push(Death { at, down, back });
    }
}

/// A pause over the start of a stage, and right after its end the process dies and its clock is set back into the pause.
fn clock_set_back(dice: &mut Dice, script: &mut Script) {
    let Some(start) = dice.0.pick(&script.plan.stages).map(|stage| stage.start.instant) else { return };
    let over = after(start, SignedDuration::from_mins(100));
    let unpause = Deed::Unpause { allow_start: true };
    script.acts.push(Act { when: When::At(after(start, hours(-1))), deed: Deed::Pause });
    script.acts.push(Act { when: When::At(over), deed: unpause });
    let at = DeathAt::Instant(after(over, SignedDuration::from_secs(1)));
    let back = SignedDuration::from_mins(dice.of(&[30, 60]));
    script.deaths.insert(0, Death { at, down: SignedDuration::ZERO, back });
}

/// The end of everything that stands in the way, so that what remains must be done.
fn calm(tenant: &Tenant, script: &mut Script) {
    let deeds = [
        Deed::EndFaults,
        Deed::NoPauseFile,
        Deed::Unpause { allow_start: true },
        Deed::Tenant(Change::StaleReport(false)),
        Deed::Tenant(set_policy(State::Enabled)),
        Deed::Tenant(Change::EnableUser(format!("bg1@{}", tenant.profile().domain))),
        Deed::Tenant(Change::EnableUser(format!("bg2@{}", tenant.profile().domain))),
        Deed::Tenant(exclusions(&["bg1@contoso.example", "bg2@contoso.example"])),
    ];
    script.acts.retain(|act| !matches!(act.when, When::At(at) if at >= script.calm));
    script.acts.extend(deeds.into_iter().map(|deed| Act { when: When::At(script.calm), deed }));
}
