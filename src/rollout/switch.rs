//! Switches: changes of the tenant as a whole, in the one order that never has Conditional Access and security defaults on together
//! and leaves as little as Microsoft allows between the two (DESIGN §9).
//!
//! Pure: says which switch is next and why not. Invariants: a switch is thrown once and never put back on when somebody else turned
//! it; undoing is the exact reverse of what the journal says was done; a sequence that has begun is ended whatever holds forward, since
//! stopping in its middle would leave people without MFA.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Ground, Refusal, SWITCH};
use super::id::ObjectId;
use super::limit::backoff;
use super::observed::{Mode, Reach, Readiness, Safety, Toggle};
use super::person::{Enforced, Home, PersonState};
use super::plan::{Enforcement, Plan};
use super::select::protection;
use super::settle::has_open_batch;
use super::state::{Phase, StageState, Stands, State, Thrown};

/// One change of the tenant as a whole, with what was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Switch {
    /// A Conditional Access policy.
    Policy {
        /// Which.
        policy: ObjectId,
        /// The before-image.
        from: Mode,
        /// What it becomes.
        to: Mode,
    },
    /// Security defaults.
    SecurityDefaults {
        /// The before-image.
        from: Toggle,
        /// What they become.
        to: Toggle,
    },
    /// Whom a policy is about: the finish. Its conditions stand beside it, in an [`Image`].
    Reach {
        /// Which.
        policy: ObjectId,
        /// The before-image.
        from: Reach,
        /// What it becomes.
        to: Reach,
    },
}

/// The conditions of a policy before and after a switch of its reach, as JSON text. Holds object ids, and no names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// As they were, to the letter.
    pub before: String,
    /// As they become.
    pub after: String,
}

impl Image {
    /// The image of the switch that undoes.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { before: self.after.clone(), after: self.before.clone() }
    }
}

impl Switch {
    /// The switch that undoes this one.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::Policy { policy, from, to } => Self::Policy { policy, from: to, to: from },
            Self::SecurityDefaults { from, to } => Self::SecurityDefaults { from: to, to: from },
            Self::Reach { policy, from, to } => Self::Reach { policy, from: to, to: from },
        }
    }

    /// Whether the tenant shows what the switch should have brought about; none: it was not read.
    #[must_use]
    pub fn shows(self, safety: &Safety) -> Option<bool> {
        match self {
            Self::Policy { policy, to, .. } => safety.mode(policy).map(|mode| mode == to),
            Self::SecurityDefaults { to, .. } => safety.defaults.map(|defaults| defaults == to),
            Self::Reach { to, .. } => safety.reach.map(|reach| reach == to),
        }
    }

    /// Whether the switch makes MFA be required, rather than ends it.
    #[must_use]
    pub const fn requires(self) -> bool {
        matches!(
            self,
            Self::Policy { to: Mode::Enabled, .. }
                | Self::SecurityDefaults { to: Toggle::On, .. }
                | Self::Reach { to: Reach::Everybody, .. }
        )
    }

    /// What it does, for people: `security defaults off`.
    #[must_use]
    pub fn says(self) -> String {
        match self {
            Self::Policy { policy, to, .. } => format!("policy {policy} {}", to.as_str()),
            Self::SecurityDefaults { to: Toggle::On, .. } => "security defaults on".to_owned(),
            Self::SecurityDefaults { to: Toggle::Off, .. } => "security defaults off".to_owned(),
            Self::Reach { policy, to, .. } => format!("policy {policy} {}", to.as_str()),
        }
    }
}

/// A switch that is to be thrown now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The stage that it belongs to.
    pub home: Home,
    /// What.
    pub switch: Switch,
    /// `seq` of the intent that it undoes, in a rollback.
    pub undoes: Option<u64>,
    /// The conditions that go with it.
    pub image: Option<Image>,
}

/// When a stage's switches come, seen from its people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Before the first of them.
    Before,
    /// When all of them are verified.
    After,
}

/// The place of the stage whose enforcing throws the plan's switches, and when.
fn place(plan: &Plan) -> Option<(usize, When)> {
    match &plan.enforcement {
        Enforcement::ConditionalAccess { leaves: Some(leaves), .. } => {
            let after = leaves.after.as_ref().and_then(|name| plan.stages.iter().position(|stage| stage.name == *name));
            Some((after.unwrap_or(0), When::After))
        }
        Enforcement::ConditionalAccess { manage_policy: true, .. } => Some((0, When::Before)),
        Enforcement::ConditionalAccess { .. } | Enforcement::PerUser { .. } => None,
        Enforcement::SecurityDefaults { .. } => Some((plan.stages.len().saturating_sub(1), When::Before)),
    }
}

/// What the plan's switches are to bring about, in order, from what is read now; `Err` says what is missing.
fn wanted(plan: &Plan, safety: &Safety) -> Result<Vec<Switch>, String> {
    let defaults = |to: Toggle| {
        let from = safety.defaults.ok_or("whether security defaults are on could not be read")?;
        Ok::<_, String>(Switch::SecurityDefaults { from, to })
    };
    let policies = |to: Mode| safety.modes.iter().map(move |(policy, from)| Switch::Policy { policy: *policy, from: *from, to });
    let mut switches = Vec::new();
    match &plan.enforcement {
        Enforcement::ConditionalAccess { leaves, .. } => {
            if leaves.is_some() {
                switches.push(defaults(Toggle::Off)?);
            }
            switches.extend(policies(Mode::Enabled));
        }
        Enforcement::PerUser { .. } => {}
        Enforcement::SecurityDefaults { .. } => {
            switches.extend(policies(Mode::Off));
            switches.push(defaults(Toggle::On)?);
        }
    }
    Ok(switches)
}

/// Whether the enforcement is switched for the whole tenant at the last stage; its other stages invite.
#[must_use]
pub const fn is_tenant_wide(plan: &Plan) -> bool {
    matches!(plan.enforcement, Enforcement::SecurityDefaults { .. })
}

/// Days for which Microsoft lets people without a method put MFA off under security defaults, counted from their next sign-in.
const GRACE: u8 = 14;

/// Days for which people without a method may put MFA off under this plan; zero where the told instant is the instant.
#[must_use]
pub const fn grace(plan: &Plan) -> u8 {
    if is_tenant_wide(plan) { GRACE } else { 0 }
}

/// Whether people are put into the group while its policy only reports, because the switch comes after them.
#[must_use]
pub fn enforces_before_switch(plan: &Plan, state: &State) -> bool {
    place(plan).is_some_and(|(_, when)| when == When::After) && !is_thrown(plan, state)
}

/// Whether all switches of the plan stand.
#[must_use]
pub fn is_thrown(plan: &Plan, state: &State) -> bool {
    let Some((ix, _)) = place(plan) else { return true };
    state.stages.get(ix).is_some_and(|stage| stage.switched)
}

/// What somebody else turned since the plan's switches stood, as a sentence. It is never turned back by itself.
#[must_use]
pub fn turned(plan: &Plan, state: &State, safety: &Safety) -> Option<String> {
    if place(plan).is_none() || !is_thrown(plan, state) {
        return None;
    }
    let wanted = match wanted(plan, safety) {
        Ok(wanted) => wanted,
        Err(why) => return Some(why),
    };
    let turned: Vec<_> = wanted.into_iter().filter(|switch| switch.shows(safety) != Some(true)).collect();
    let says: Vec<_> = turned.iter().map(|switch| switch.says()).collect();
    (!says.is_empty()).then(|| {
        format!(
            "somebody turned what the rollout had switched; wanted: {}; turn it back by hand, or roll the stage back",
            says.join(", ")
        )
    })
}

/// The switches of a stage that stand, oldest first.
#[must_use]
pub fn standing<'a>(state: &'a State, stage: &'a str) -> impl DoubleEndedIterator<Item = &'a Thrown> {
    let undone =
        |intent: u64| state.thrown.iter().any(|thrown| thrown.undoes == Some(intent) && matches!(thrown.stands, Stands::Done(_)));
    let stands = move |thrown: &&Thrown| {
        thrown.stage == stage && thrown.undoes.is_none() && matches!(thrown.stands, Stands::Done(_)) && !undone(thrown.intent)
    };
    state.thrown.iter().filter(stands)
}

/// The switch to throw now, if there is one and nothing stands against it.
#[must_use]
pub fn next(ground: &Ground<'_>) -> Option<Next> {
    let state = ground.state;
    if is_open(state) || rests(ground) {
        return None;
    }
    if let Some((home, stage)) = super::release::newest(ground) {
        return if state.stops_all(home).is_some() { None } else { undo(ground, home, stage) };
    }
    let (ix, _) = place(ground.plan)?;
    let stage = state.stages.get(ix)?;
    let home = Home::Stage(u16::try_from(ix).ok()?);
    let ix = u16::try_from(ix).ok()?;
    if !matches!(stage.phase, Phase::Enforcing { .. }) || stage.switched || !is_due(ground, ix, stage) {
        return None;
    }
    let safety = &ground.observed.safety.last.as_ref()?.value;
    let switch = missing(ground, stage, safety).ok()?.into_iter().next()?;
    (refuses(ground, home).is_none()).then_some(Next { home, switch, undoes: None, image: None })
}

/// The plan's switches that do not stand yet, as what is read now asks for them.
fn missing(ground: &Ground<'_>, stage: &StageState, safety: &Safety) -> Result<Vec<Switch>, String> {
    let stands = |switch: &Switch| standing(ground.state, &stage.name).any(|thrown| is_same(thrown.switch, *switch));
    let already = |switch: &Switch| switch.shows(safety) == Some(true);
    Ok(wanted(ground.plan, safety)?.into_iter().filter(|switch| !stands(switch) && !already(switch)).collect())
}

fn is_same(one: Switch, other: Switch) -> bool {
    match (one, other) {
        (Switch::Policy { policy: one, to, .. }, Switch::Policy { policy: other, to: wanted, .. }) => {
            one == other && to == wanted
        }
        (Switch::SecurityDefaults { to, .. }, Switch::SecurityDefaults { to: wanted, .. }) => to == wanted,
        _ => false,
    }
}

/// Whether the outcome of a switch is not known yet.
#[must_use]
pub fn is_open(state: &State) -> bool {
    state.thrown.iter().any(|thrown| matches!(thrown.stands, Stands::Open | Stands::Unknown))
}

/// After a refusal the same is tried again soon, since the tenant may only lag behind itself, then ever more seldom.
fn rests(ground: &Ground<'_>) -> bool {
    retry_at(ground.state).is_some_and(|at| ground.now < at)
}

/// When a refused switch is tried again.
#[must_use]
pub fn retry_at(state: &State) -> Option<Timestamp> {
    let refused = state.thrown.iter().rev().map_while(|thrown| match thrown.stands {
        Stands::Refused(at) => Some(at),
        _ => None,
    });
    let times = refused.clone().count();
    let last = refused.max()?;
    let wait = backoff(u32::try_from(times).unwrap_or(u32::MAX), SignedDuration::from_mins(10));
    last.checked_add(wait.checked_div(12).unwrap_or(wait)).ok()
}

/// Why the switches of a stage may not be thrown now. A sequence that has begun asks nothing any more.
#[must_use]
pub fn refuses(ground: &Ground<'_>, home: Home) -> Option<Refusal> {
    let Home::Stage(ix) = home else { return None };
    let (at, when) = place(ground.plan)?;
    if at != usize::from(ix) {
        return None;
    }
    let stage = ground.state.stages.get(at)?;
    if standing(ground.state, &stage.name).next().is_some() {
        return None;
    }
    let general = SWITCH.iter().find_map(|c| ground.refuses_rollout(*c).or_else(|| ground.refuses_home(*c, home)));
    general.or_else(|| match (&ground.plan.enforcement, when) {
        (Enforcement::SecurityDefaults { .. }, _) => refuses_everybody(ground),
        (_, When::Before) => refuses_enabling(ground),
        (_, When::After) => refuses_leaving(ground),
    })
}

/// Security defaults know no exceptions: everybody must have been told, and in time.
fn refuses_everybody(ground: &Ground<'_>) -> Option<Refusal> {
    let Some(directory) = ground.observed.directory.fresh(ground.now, ground.plan.observe.max_age) else {
        return Some("the directory has not been read lately, and security defaults reach everybody in it".into());
    };
    let mut reasons = std::collections::BTreeMap::<String, u32>::new();
    for person in directory.value.iter() {
        if protection(ground.plan, ground.observed, &person).is_some() {
            continue;
        }
        let known = ground.state.people.get(person.id);
        if known.is_some_and(|person| person.is_processed()) {
            continue;
        }
        let home = known.map_or(Home::Tail, |person| person.home());
        let why = match known {
            None => Some("in no stage, and not told".into()),
            Some(_) => [Condition::Promise, Condition::Floor]
                .iter()
                .find_map(|c| ground.refuses_person(*c, home, person.id, Some(&person))),
        };
        if let Some(why) = why {
            *reasons.entry(why.into_owned()).or_default() += 1;
        }
    }
    if reasons.is_empty() {
        return None;
    }
    let reasons: Vec<_> = reasons.into_iter().map(|(why, people)| format!("{people} people: {why}")).collect();
    Some(
        format!("security defaults know no exceptions, and not everybody may be asked for MFA yet: {}", reasons.join("; "))
            .into(),
    )
}

/// Enabling the policy would require MFA of whoever was in the group before.
fn refuses_enabling(ground: &Ground<'_>) -> Option<Refusal> {
    let safety = &ground.observed.safety.last.as_ref()?.value;
    if safety.defaults == Some(Toggle::On) {
        return Some("security defaults are on, and Microsoft enables no policy beside them; set `enforcement.from`".into());
    }
    let before = ground.state.baseline.as_ref().map_or(0, Vec::len);
    (before > 0 && !ground.state.people.all().alike().any(|person| person.enforced() != Enforced::No)).then(|| {
        format!(
            "{before} people were in the group before the rollout; enabling the policy would require MFA of them untold; take them out, or enable it by hand"
        )
        .into()
    })
}

/// Whoever has MFA by security defaults must have it by the policy before they are switched off.
fn refuses_leaving(ground: &Ground<'_>) -> Option<Refusal> {
    let Some(members) = &ground.observed.members.last else {
        return Some("the members of the group have not been read yet".into());
    };
    let (Some(directory), Some(registration)) = (
        ground.observed.directory.fresh(ground.now, ground.plan.observe.max_age),
        ground.observed.registration.fresh(ground.now, ground.plan.observe.max_age),
    ) else {
        return Some("who has MFA by security defaults is not known: the registration report is too old or unread".into());
    };
    let has_it = |id: ObjectId| registration.value.of(id) == Readiness::Capable;
    let outside = directory.value.iter().filter(|person| {
        has_it(person.id) && !members.value.contains(person.id) && protection(ground.plan, ground.observed, person).is_none()
    });
    let outside = outside.count();
    (outside > 0).then(|| {
        format!(
            "{outside} people have MFA by security defaults and are not in the group yet; they would lose it: let a stage take them before the switch (`enforcement.switch_after`)"
        )
        .into()
    })
}

/// What stands between a stage and its end of enforcing, as far as switches go; empty when it has none, or all stand and show.
#[must_use]
pub fn waits(ground: &Ground<'_>, ix: u16, stage: &StageState) -> Vec<String> {
    let Some((at, _)) = place(ground.plan) else { return Vec::new() };
    if at != usize::from(ix) || stage.switched {
        return Vec::new();
    }
    let home = Home::Stage(ix);
    if let Some(why) = refuses(ground, home) {
        return vec![why.into_owned()];
    }
    let Some(safety) = &ground.observed.safety.last else {
        return vec!["the tenant's switches have not been read yet".to_owned()];
    };
    match missing(ground, stage, &safety.value) {
        Err(why) => vec![why],
        Ok(missing) => missing.into_iter().map(|switch| format!("{} is still to come", switch.says())).collect(),
    }
}

/// Whether everything that the plan switches at this stage is so, as read after the last of it.
#[must_use]
pub fn is_complete(ground: &Ground<'_>, stage: &StageState) -> bool {
    let Some(reading) = &ground.observed.safety.last else { return false };
    let last = standing(ground.state, &stage.name).filter_map(|thrown| match thrown.stands {
        Stands::Done(at) => Some(at),
        _ => None,
    });
    if last.max().is_some_and(|at| reading.as_of < at) || is_open(ground.state) {
        return false;
    }
    wanted(ground.plan, &reading.value).is_ok_and(|wanted| wanted.iter().all(|switch| switch.shows(&reading.value) == Some(true)))
}

/// Whether a stage has nothing to switch, or all of it is so.
#[must_use]
pub fn is_through(ground: &Ground<'_>, ix: u16, stage: &StageState) -> bool {
    stage.switched || place(ground.plan).is_none_or(|(at, _)| at != usize::from(ix))
}

/// Whether the time of a stage's switches has come, as far as its people go: at once, or when all of them are verified.
#[must_use]
pub fn is_due(ground: &Ground<'_>, ix: u16, stage: &StageState) -> bool {
    let Some((at, when)) = place(ground.plan) else { return false };
    let is_seen = |person: &PersonState| {
        person.marks().removed_by_hand
            || person.home() != Home::Stage(ix)
            || matches!(person.enforced(), Enforced::Verified(_) | Enforced::Gone(_))
    };
    let people = || stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    at == usize::from(ix)
        && (when == When::Before || people().all(|person| is_seen(&person)) && !has_open_batch(ground, Home::Stage(ix)))
}

/// Whether people of the stage wait for its switches.
#[must_use]
pub fn comes_first(ground: &Ground<'_>, ix: u16, stage: &StageState) -> bool {
    place(ground.plan) == Some((usize::from(ix), When::Before)) && !stage.switched
}

/// In a rollback: whether switches must be undone before people are released, as the exact reverse of how they came.
#[must_use]
pub fn comes_before_release(ground: &Ground<'_>, stage: &StageState) -> bool {
    let after = place(ground.plan).is_some_and(|(_, when)| when == When::After);
    let mut standing = standing(ground.state, &stage.name);
    if after || is_tenant_wide(ground.plan) {
        return standing.next().is_some();
    }
    // Under a policy about everybody nobody is released by leaving the group.
    standing.any(|thrown| matches!(thrown.switch, Switch::Reach { .. }))
}

/// The next switch to undo.
fn undo(ground: &Ground<'_>, home: Home, stage: &StageState) -> Option<Next> {
    let thrown = standing(ground.state, &stage.name).next_back()?;
    let people = stage.roster.iter().filter_map(|place| ground.state.people.at(*place));
    let left = people.filter(|person| person.is_to_be_released() || matches!(person.enforced(), Enforced::Releasing(_))).count();
    let turn = comes_before_release(ground, stage) || left == 0;
    turn.then(|| Next {
        home,
        switch: thrown.switch.reversed(),
        undoes: Some(thrown.intent),
        image: thrown.image.as_ref().map(Image::reversed),
    })
}

/// What a rollback still has to undo of a stage's switches, in sentences.
#[must_use]
pub fn undoing(ground: &Ground<'_>, stage: &StageState) -> Vec<String> {
    let open = ground.state.thrown.iter().filter(|thrown| thrown.stage == stage.name);
    let open = open.filter(|thrown| matches!(thrown.stands, Stands::Open | Stands::Unknown));
    let standing = standing(ground.state, &stage.name).map(|thrown| thrown.switch.reversed());
    let mut waits: Vec<_> = standing.map(|switch| format!("{} is still to come", switch.says())).collect();
    waits.extend(open.map(|thrown| format!("the outcome of {} is read back", thrown.switch.says())));
    waits
}

/// How long nothing required MFA between the first switch of a stage that ended it and the first later one that requires it.
#[must_use]
pub fn gap(state: &State, stage: &str) -> Option<SignedDuration> {
    let ended = standing(state, stage).find(|thrown| !thrown.switch.requires())?.at;
    let begun = standing(state, stage).find_map(|thrown| match thrown.stands {
        Stands::Done(at) if thrown.switch.requires() => Some(at),
        _ => None,
    })?;
    Some(begun.duration_since(ended))
}
