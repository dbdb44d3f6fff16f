//! What each measure finds: numbers, since when they are so, and who says so. Judges nothing.

use jiff::Timestamp;

use super::answered::{Judgement, Says};
use super::attempts::Attempts;
use super::journal;
use super::{Measure, Versus};
use crate::rollout::event::{Counted, Origin};
use crate::rollout::observed::{Observed, Readiness, Registration};
use crate::rollout::person::PersonState;
use crate::rollout::plan::{Bound, Gate, Licence, Plan, Reads};
use crate::rollout::state::State;

/// What a reading rests on.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) plan: &'a Plan,
    pub(super) state: &'a State,
    pub(super) observed: &'a Observed,
    pub(super) now: Timestamp,
    /// The stage, or the tail.
    pub(super) name: &'a str,
    /// People who left the stage because no notice reached them.
    pub(super) unreached: u32,
}

/// What was found.
pub(super) struct Found {
    pub(super) source: Origin,
    pub(super) as_of: Option<Timestamp>,
    pub(super) value: Option<f64>,
    pub(super) counted: Counted,
    pub(super) control: Option<Counted>,
    /// The verdict, where it is not for the threshold to say.
    pub(super) judged: Option<Judgement>,
    /// Whether it may not be used, however fresh it is.
    pub(super) unusable: bool,
    pub(super) why: Option<String>,
}

impl Found {
    /// Nothing yet.
    pub(super) const fn none(source: Origin) -> Self {
        let counted = Counted { hits: 0, sample: 0 };
        Self { source, as_of: None, value: None, counted, control: None, judged: None, unusable: false, why: None }
    }

    fn shares(source: Origin, as_of: Timestamp, counted: Counted) -> Self {
        Self { as_of: Some(as_of), value: counted.share(), counted, ..Self::none(source) }
    }
}

pub(super) fn find(facts: &Facts<'_>, gate: &Gate, people: impl Iterator<Item = PersonState>) -> Found {
    match gate.measure.reads() {
        Reads::Registration => registration(facts, gate, people),
        Reads::SignIns => sign_ins(facts, gate, people),
        Reads::Journal => match gate.measure {
            Measure::NoticeReach => Found::shares(Origin::Journal, facts.now, journal::reach(facts.unreached, people)),
            Measure::Confirm => journal::confirmed(facts, gate),
            _ => journal::contacts(facts, gate, people),
        },
        Reads::Outside => outside(facts, gate),
    }
}

fn registration(facts: &Facts<'_>, gate: &Gate, people: impl Iterator<Item = PersonState>) -> Found {
    let source = match facts.plan.access.licence {
        Licence::P1 => Origin::RegistrationReport,
        Licence::None => Origin::OwnMethods,
    };
    let Some(reading) = &facts.observed.registration.last else { return Found::none(source) };
    let counted = match gate.measure {
        Measure::UnknownShare => unknown(people, &reading.value),
        _ => registered(people, &reading.value),
    };
    Found::shares(source, reading.as_of, counted)
}

/// Capable people, and people with a known reading.
fn registered(people: impl Iterator<Item = PersonState>, registration: &Registration) -> Counted {
    people.fold(Counted::default(), |counted, person| match registration.of(person.id) {
        Readiness::Unknown => counted,
        readiness => counted.with(readiness == Readiness::Capable),
    })
}

/// People without a known reading, and people.
fn unknown(people: impl Iterator<Item = PersonState>, registration: &Registration) -> Counted {
    people.map(|person| registration.of(person.id) == Readiness::Unknown).fold(Counted::default(), Counted::with)
}

fn sign_ins(facts: &Facts<'_>, gate: &Gate, people: impl Iterator<Item = PersonState>) -> Found {
    let Some(reading) = &facts.observed.sign_ins.last else { return Found::none(Origin::SignInLog) };
    let log = Attempts::new(&reading.value, &facts.plan.observe, gate, facts.now);
    let counted = match gate.measure {
        Measure::LockoutShare => log.lockouts(people),
        Measure::VerifiedShare => log.verified(people),
        Measure::LegacyBlocks => log.legacy_blocks(people),
        _ => log.mfa_failures(people),
    };
    let found = Found::shares(Origin::SignInLog, reading.as_of, counted);
    let Some(Versus::NotEnforced) = gate.asking.versus else { return found };
    let control = log.not_enforced(facts.plan, facts.state, facts.observed);
    let value = found.value.zip(control.share()).map(|(ours, theirs)| ours - theirs);
    Found { value, control: Some(control), ..found }
}

/// What was answered last; an attempt that failed since makes it none, however fresh the answer before it is.
fn outside(facts: &Facts<'_>, gate: &Gate) -> Found {
    let origin = if gate.measure == Measure::Http { Origin::Http } else { Origin::Command };
    let none = |why: &str| Found { why: Some(why.to_owned()), ..Found::none(origin) };
    let Some(source) = facts.observed.gates.get(&gate.name) else { return none("not asked yet") };
    if let Some(trouble) = &source.trouble {
        return Found { as_of: source.last.as_ref().map(|reading| reading.as_of), unusable: true, ..none(&trouble.why) };
    }
    let Some(reading) = &source.last else { return none("not asked yet") };
    let found = Found { as_of: Some(reading.as_of), ..Found::none(origin) };
    match &reading.value.says {
        Says::Value { .. } if gate.bound == Bound::Judged => {
            let why = Some("it answered a value, and the gate has no threshold".to_owned());
            Found { unusable: true, why, ..found }
        }
        Says::Value { value, sample } => Found { value: Some(*value), counted: Counted { hits: 0, sample: *sample }, ..found },
        Says::Judged { verdict, why } => Found { judged: Some(*verdict), why: why.clone(), ..found },
    }
}
