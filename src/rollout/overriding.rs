//! Overrides: an operator passes one gate of a stage, or one hold on it, once, for what they looked at, and for a while.
//!
//! Invariant: nothing overrides the promise, the floor, protection, the caps or the journal; an override lasts until the stage's next
//! move or its own end, whichever is first, and for a gate only while its evidence is no other.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::acknowledge::digest;
use super::condition::Ground;
use super::event::{Event, Evidence, Verdict};
use super::gate::{gates_of, read, sentence};
use super::hold::{Clears, Hold};
use super::id::sha256_hex;
use super::plan::{Gate, GateAt, Plan};
use super::state::State;
use super::verb::{Verb, may, reason};

/// How long one counts when nobody says.
const USUAL: SignedDuration = SignedDuration::from_hours(24);

/// How long one counts at most.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Holds that may be overridden: what stands against a stage from outside, and not against a person.
const MAY: [&str; 3] = ["calendar:", "what-if:", "collision:"];

/// What is passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Passed {
    /// The gate of this name.
    Gate(String),
    /// The hold with this id.
    Hold(String),
}

/// One override in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// For this stage.
    pub stage: String,
    /// What.
    pub passed: Passed,
    /// Digest of what they looked at.
    pub evidence: String,
    /// Until when it counts, unless the stage moves before.
    pub until: Timestamp,
    /// Who.
    pub who: String,
    /// Their reason.
    pub why: String,
}

/// The short name of a hold as it stands, for people to quote.
#[must_use]
pub fn hold_digest(hold: &Hold) -> String {
    let mut hex = sha256_hex(format!("{} {} {}", hold.id, hold.since, hold.why).as_bytes());
    hex.truncate(8);
    hex
}

/// What an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The stage.
    pub stage: &'a str,
    /// The name of a gate, or the id of a hold.
    pub what: &'a str,
    /// Digest of what they looked at.
    pub evidence: &'a str,
    /// Until when it counts.
    pub until: Option<Timestamp>,
    /// Their reason.
    pub why: &'a str,
}

/// The records that override a gate or a hold: the evidence as it is now, and the override.
///
/// # Errors
/// Why it may not be, with what may: a sentence for the operator.
pub fn begin(ground: &Ground<'_>, asked: &Asked<'_>) -> Result<Vec<Event>, String> {
    let (_, stage) = may(ground.state, asked.stage, Verb::Override)?;
    reason("override", asked.why)?;
    let longest = ground.now.checked_add(LONGEST).unwrap_or(Timestamp::MAX);
    let until = asked.until.unwrap_or_else(|| ground.now.checked_add(USUAL).unwrap_or(Timestamp::MAX));
    if until <= ground.now || until > longest {
        return Err(format!("an override ends after now and by {longest}"));
    }
    let overridden = |passed| Event::Overridden {
        stage: asked.stage.to_owned(),
        passed,
        evidence: asked.evidence.to_owned(),
        until,
        why: asked.why.to_owned(),
    };
    let named = asked.what.strip_prefix(&format!("gate-waits:{}:", asked.stage)).unwrap_or(asked.what);
    if let Some(gate) = of_gate(ground.plan, asked.stage, named) {
        let gate = &*gate;
        let evidence = read(ground.plan, ground.state, ground.observed, ground.now, stage, gate);
        seen(&digest(&evidence), asked.evidence, || sentence(gate, &evidence))?;
        if evidence.verdict == Verdict::Pass {
            return Err(format!("it passes as it is: {}", sentence(gate, &evidence)));
        }
        if gate.at == GateAt::During && evidence.verdict == Verdict::Fail {
            return Err(format!(
                "a gate that failed meanwhile is a hold: `tidegate unpause 'gate:{}:{}'`",
                asked.stage, gate.name
            ));
        }
        let read = Event::GateRead { stage: asked.stage.to_owned(), gate: gate.name.clone(), evidence };
        return Ok(vec![read, overridden(Passed::Gate(gate.name.clone()))]);
    }
    let Some(hold) = ground.state.forward_holds(asked.stage).find(|hold| hold.id == asked.what) else {
        return Err(format!(
            "stage `{}` has no gate and no hold `{}`; `tidegate explain {}` names them",
            asked.stage, asked.what, asked.stage
        ));
    };
    if hold.clears == Clears::Human {
        return Err(format!("an operator ends hold `{}` with `tidegate unpause`: {}", hold.id, hold.why));
    }
    if !MAY.iter().any(|prefix| hold.id.starts_with(prefix)) {
        return Err(format!("nothing overrides hold `{}`: {}", hold.id, hold.why));
    }
    seen(&hold_digest(hold), asked.evidence, || hold.why.clone())?;
    Ok(vec![overridden(Passed::Hold(hold.id.clone()))])
}

/// The gate of that name, as it is asked for a stage.
#[must_use]
pub fn of_gate<'a>(plan: &'a Plan, stage: &'a str, name: &str) -> Option<Cow<'a, Gate>> {
    let moments = [GateAt::Start, GateAt::During, GateAt::Exit];
    moments.into_iter().flat_map(|at| gates_of(plan, stage, at)).find(|gate| gate.name == name)
}

fn seen(is: &str, named: &str, says: impl FnOnce() -> String) -> Result<(), String> {
    if is == named { Ok(()) } else { Err(format!("look at it as it is now, then say --evidence {is}: {}", says())) }
}

impl State {
    fn overrides_of<'a>(&'a self, stage: &'a str, now: Timestamp) -> impl Iterator<Item = &'a Override> {
        self.overrides.iter().filter(move |over| over.stage == stage && now < over.until)
    }

    /// Whether an operator passes a gate with this reading.
    #[must_use]
    pub fn passes_gate(&self, stage: &str, gate: &Gate, evidence: &Evidence, now: Timestamp) -> bool {
        let passes = |over: &Override| {
            matches!(&over.passed, Passed::Gate(name) if *name == gate.name) && over.evidence == digest(evidence)
        };
        !self.overrides.is_empty() && self.overrides_of(stage, now).any(passes)
    }

    /// Whether an operator passes a hold on a stage.
    #[must_use]
    pub fn passes_hold(&self, stage: &str, id: &str, now: Timestamp) -> bool {
        let passes = |over: &Override| matches!(&over.passed, Passed::Hold(hold) if hold == id);
        !self.overrides.is_empty() && self.overrides_of(stage, now).any(passes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::event::By;
    use crate::rollout::observed::Readiness;
    use crate::rollout::plan::{Amount, Blackout, Bound, Cap, Measure};
    use crate::rollout::sample::{Perfect, at, hours, plan};
    use crate::rollout::stage::PhaseName;

    fn registered() -> Gate {
        let measure = Measure::RegisteredShare;
        Gate {
            name: "registered".to_owned(),
            measure,
            at: GateAt::Start,
            bound: Bound::AtLeast(0.9),
            ..crate::rollout::sample::during(1)
        }
    }

    fn asks(world: &Perfect, what: &str, evidence: &str, until: Option<Timestamp>) -> Result<Vec<Event>, String> {
        let asked = Asked { stage: "pilot", what, evidence, until, why: "the board decided" };
        world.with_ground(|ground| begin(ground, &asked))
    }

    fn phase(world: &Perfect) -> PhaseName {
        world.state.stage("pilot").unwrap().1.phase.name()
    }

    #[test]
    fn a_start_gate_is_passed_once_with_the_evidence_that_was_seen() {
        let mut plan = plan();
        plan.gates = vec![registered()];
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        world.readiness = Readiness::Unknown;
        world.run("2027-01-11T09:00:00Z");
        assert_eq!(phase(&world), PhaseName::Announced);
        let why = asks(&world, "registered", "00000000", None).unwrap_err();
        let digest = why.split("--evidence ").nth(1).unwrap()[..8].to_owned();
        assert!(asks(&world, "registered", &digest, Some(world.now)).unwrap_err().contains("ends after now"));
        assert!(asks(&world, "nothing", &digest, None).unwrap_err().contains("no gate and no hold `nothing`"));
        let events = asks(&world, "registered", &digest, None).unwrap();
        assert!(matches!(events[0], Event::GateRead { .. }), "the evidence is on record");
        world.commit(By::Operator, events);
        world.run("2027-01-11T09:30:00Z");
        assert_eq!(phase(&world), PhaseName::Enforcing);
        assert!(world.state.overrides.is_empty(), "used up by the move");
    }

    #[test]
    fn other_evidence_than_was_seen_is_not_passed_and_what_passes_needs_no_override() {
        let mut plan = plan();
        plan.gates = vec![registered()];
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        world.readiness = Readiness::Unknown;
        world.run("2027-01-11T07:00:00Z");
        let why = asks(&world, "registered", "00000000", None).unwrap_err();
        let digest = why.split("--evidence ").nth(1).unwrap()[..8].to_owned();
        let events = asks(&world, "registered", &digest, None).unwrap();
        world.commit(By::Operator, events);
        world.readiness = Readiness::Unregistered;
        world.run("2027-01-11T11:00:00Z");
        assert_eq!(phase(&world), PhaseName::Announced, "it fails now, which nobody has seen");
        world.readiness = Readiness::Capable;
        let mut world = Perfect::new(world.plan.clone(), "2027-01-01T08:00:00Z");
        world.run("2027-01-11T07:00:00Z");
        let gate = &world.plan.gates[0];
        let evidence = world.with_ground(|ground| {
            read(ground.plan, ground.state, ground.observed, ground.now, ground.state.stage("pilot").unwrap().1, gate)
        });
        assert!(asks(&world, "registered", &super::digest(&evidence), None).unwrap_err().contains("it passes as it is"));
    }

    #[test]
    fn a_blackout_amid_a_stage_is_passed_by_who_has_seen_the_hold() {
        let mut plan = plan();
        let (from, to) = (at("2027-01-11T09:00:00Z"), at("2027-01-12T06:00:00Z"));
        plan.calendar.blackouts = vec![Blackout { from, to, why: "an audit".to_owned() }];
        plan.limits.caps = vec![Cap { amount: Amount::People(3), per: hours(4) }];
        let mut world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        world.run("2027-01-11T13:00:00Z");
        assert_eq!(world.members.len(), 3);
        let digest = hold_digest(&world.state.holds["calendar:pilot"]);
        assert!(asks(&world, "calendar:pilot", "00000000", None).unwrap_err().contains(&digest));
        let events = asks(&world, "calendar:pilot", &digest, None).unwrap();
        world.commit(By::Operator, events);
        world.run("2027-01-11T14:00:00Z");
        assert_eq!(world.members.len(), 5, "the cap had freed");
    }

    #[test]
    fn a_pause_a_broken_policy_and_a_stage_that_has_not_come_so_far_are_not_overridden() {
        let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
        world.run("2027-01-11T07:00:00Z");
        world.commit(By::Operator, vec![Event::paused("a test")]);
        assert!(asks(&world, "paused", "x", None).unwrap_err().contains("tidegate unpause"));
        world.safety.policy.problems = vec!["the policy is off".to_owned()];
        world.run("2027-01-11T20:00:00Z");
        let why = world.with_ground(|ground| {
            begin(ground, &Asked { stage: "everyone", what: "x", evidence: "x", until: None, why: "x" }).unwrap_err()
        });
        assert!(why.contains("`override` is for a stage that is announced"), "{why}");
        let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
        world.run("2027-01-11T07:00:00Z");
        world.safety.policy.problems = vec!["the policy is off".to_owned()];
        world.run("2027-01-11T09:10:00Z");
        assert!(world.state.holds.contains_key("policy"));
        assert!(asks(&world, "policy", "x", None).unwrap_err().contains("nothing overrides hold `policy`"));
    }
}
