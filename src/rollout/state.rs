//! The state: what the records of the journal add up to. Only [`State::apply`](super::apply) changes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::approval::Approval;
use super::counts::Counts;
use super::event::{Deed, Evidence, Slot};
use super::exception::Exception;
use super::gate::{Posts, Recent};
use super::hold::{Blocks, Clears, Hold, Scope};
use super::id::ObjectId;
use super::lists::{ListBatch, Lists};
use super::memo::Operators;
use super::observed::Target;
use super::overriding::Override;
use super::person::{Home, People, PersonIx};
use super::plan::{Plan, Start};
use super::stage::PhaseName;
use super::switch::{Image, Switch, is_tenant_wide};

/// The name of the tail, where records name a stage.
pub const TAIL: &str = "tail";

/// Everything that the journal says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Number of the last record.
    pub seq: u64,
    /// Instant of the last record.
    pub at: Option<Timestamp>,
    /// The plan in force.
    pub plan: Option<Accepted>,
    /// Who approved the revision in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approval>,
    /// Revisions that were rejected.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rejected: BTreeSet<String>,
    /// What the enforcement names.
    pub target: Option<Target>,
    /// The revision whose names were resolved to `target`.
    pub target_revision: Option<String>,
    /// Fingerprint of the policy as it was first read under the enforcement in force, or as a human accepted it since.
    pub policy: Option<String>,
    /// Members of the enforcement group before us, ascending; none until they were read.
    pub baseline: Option<Vec<ObjectId>>,
    /// People whom others put into the group, ascending.
    pub foreign: Vec<ObjectId>,
    /// The stages, in the plan's order.
    pub stages: Vec<StageState>,
    /// Everybody of a roster or of the tail; a checkpoint keeps them in a form of its own.
    #[serde(skip)]
    pub people: People,
    /// Holds in force, by id.
    pub holds: BTreeMap<String, Hold>,
    /// Batches without an outcome, or with an unknown one, by the `seq` of their intent.
    pub batches: BTreeMap<u64, Batch>,
    /// What was switched for the whole tenant, oldest first.
    #[serde(default)]
    pub thrown: Vec<Thrown>,
    /// Notices without an outcome, by the `seq` of their intent.
    pub notices: BTreeMap<u64, NoticeBatch>,
    /// The lists for managers, by stage.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists: BTreeMap<String, Lists>,
    /// Lists without an outcome, by the `seq` of their intent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lists_out: BTreeMap<u64, ListBatch>,
    /// What operators are told.
    #[serde(default, skip_serializing_if = "Operators::is_empty")]
    pub operators: Operators,
    /// When the canary of the tail was handed to the wire.
    pub tail_canary: Option<Timestamp>,
    /// When how many people were handed to the wire, for the caps; the last 8 days.
    pub handed: Vec<(Timestamp, u32)>,
    /// The last reading of each gate, by stage and gate.
    pub evidence: BTreeMap<String, Evidence>,
    /// What was counted of each stage before its start, and foreseen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, Counts>,
    /// The latest readings of gates that must fail more than once, by stage and gate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recent: BTreeMap<String, Recent>,
    /// What was posted for gates.
    #[serde(default, skip_serializing_if = "Posts::is_empty")]
    pub posts: Posts,
    /// When each sending mailbox was handed how many mails, the last day.
    #[serde(default)]
    pub mailed: super::sending::Handed,
    /// When notices last could not be sent for a reason that has nothing to do with the person, and how often in a row.
    pub mail_trouble: Option<(Timestamp, u32)>,
    /// The same for batches.
    pub wire_trouble: Option<(Timestamp, u32)>,
    /// Why the latest of those batches did not leave.
    #[serde(default)]
    pub wire_why: Option<String>,
    /// The same for own MFA states that are to be retired.
    #[serde(default)]
    pub retire_trouble: Option<(Timestamp, u32)>,
    /// The latest hold on the rollout that a human ended.
    pub last_pause: Option<Pause>,
    /// Failing evidence that a human has looked at, by stage and gate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub acknowledged: BTreeMap<String, Evidence>,
    /// What operators pass, until the stage moves or it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
    /// Why the people of the tail are being released, while they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_rolls_back: Option<String>,
    /// Commands that came with a key: what was answered, and when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ordered: BTreeMap<String, Answered>,
    /// What holds for single people alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<ObjectId, Exception>,
    /// Hash of the conditions shown to whoever asked for the finish, while it is neither begun nor dropped.
    #[serde(default)]
    pub finish_asked: Option<String>,
}

/// A plan in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its revision.
    pub revision: String,
    /// The plan.
    pub plan: Plan,
    /// Since when.
    pub since: Timestamp,
    /// Who put it in force; nobody in particular, in a journal from before that was kept.
    #[serde(default)]
    pub author: String,
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageState {
    /// Its name.
    pub name: String,
    /// Its phase, with what became true.
    pub phase: Phase,
    /// The start in force.
    pub start: Start,
    /// Whether its people are fixed. A stage that is missed before its announcement never froze anybody.
    pub frozen: bool,
    /// Its people, once frozen.
    #[serde(with = "super::runs")]
    pub roster: Vec<PersonIx>,
    /// People it selects who are out, counted by reason.
    pub out: BTreeMap<String, u32>,
    /// People who left it because no notice reached them.
    #[serde(default, skip_serializing_if = "is_nobody")]
    pub unreached: u32,
    /// When it came into its phase.
    pub since: Timestamp,
    /// How long holds that a human must clear have stood against its batches, those that ended.
    #[serde(default)]
    pub stood: SignedDuration,
    /// Since when such a hold stands against them now.
    #[serde(default)]
    pub stands_since: Option<Timestamp>,
    /// Whether everything that it switches for the whole tenant is so.
    #[serde(default)]
    pub switched: bool,
    /// The latest hold of its own that a human ended.
    #[serde(default)]
    pub last_pause: Option<Pause>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_nobody(people: &u32) -> bool {
    *people == 0
}

/// Something that was switched for the whole tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thrown {
    /// `seq` of the intent.
    pub intent: u64,
    /// When the intent was written.
    pub at: Timestamp,
    /// The stage.
    pub stage: String,
    /// What.
    pub switch: Switch,
    /// `seq` of the intent that it undoes.
    pub undoes: Option<u64>,
    /// The conditions that went with it.
    #[serde(default)]
    pub image: Option<Image>,
    /// What became of it.
    pub stands: Stands,
}

impl Thrown {
    /// Whether the stage has yet to see everything so that it switches or undoes.
    #[must_use]
    pub fn stage_is_on_its_way(&self, state: &State) -> bool {
        state.stage(&self.stage).is_some_and(|(_, stage)| match stage.phase {
            Phase::Enforcing { .. } => !stage.switched,
            Phase::RollingBack => true,
            // The finish, until it is read back.
            Phase::Done => {
                matches!(self.switch, Switch::Reach { .. })
                    && (state.policy.is_none() || matches!(self.stands, Stands::Open | Stands::Unknown))
            }
            _ => false,
        })
    }
}

/// What became of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stands {
    /// Its outcome is not on disk.
    Open,
    /// Its outcome is unknown; reading back settles it.
    Unknown,
    /// Done, at this instant.
    Done(Timestamp),
    /// Refused or not sent, at this instant.
    Refused(Timestamp),
    /// It did not come about.
    Absent,
}

/// A phase and its facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing has been told.
    Scheduled,
    /// Notices are going out.
    Announcing,
    /// Everyone was told in time, or moved to the tail.
    Announced,
    /// Batches are being applied.
    Enforcing {
        /// When the canary was handed to the wire.
        canary: Option<Timestamp>,
    },
    /// Everybody is processed.
    Soaking {
        /// Healthy time observed, in all.
        healthy: SignedDuration,
        /// Up to this instant.
        until: Timestamp,
    },
    /// Over, successfully.
    Done,
    /// Its time passed.
    Missed {
        /// Why.
        why: String,
    },
    /// Undoing.
    RollingBack,
    /// Undone.
    RolledBack,
    /// Skipped or cancelled.
    Closed {
        /// Why.
        why: String,
    },
}

impl Phase {
    /// The phase without its facts.
    #[must_use]
    pub const fn name(&self) -> PhaseName {
        match self {
            Self::Scheduled => PhaseName::Scheduled,
            Self::Announcing => PhaseName::Announcing,
            Self::Announced => PhaseName::Announced,
            Self::Enforcing { .. } => PhaseName::Enforcing,
            Self::Soaking { .. } => PhaseName::Soaking,
            Self::Done => PhaseName::Done,
            Self::Missed { .. } => PhaseName::Missed,
            Self::RollingBack => PhaseName::RollingBack,
            Self::RolledBack => PhaseName::RolledBack,
            Self::Closed { .. } => PhaseName::Closed,
        }
    }
}

/// A batch on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// When its intent was written.
    pub at: Timestamp,
    /// Whose people.
    pub home: Home,
    /// What it does to them.
    #[serde(default)]
    pub deed: Deed,
    /// Who is not settled yet.
    pub people: Vec<ObjectId>,
}

/// Notices on their way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeBatch {
    /// When their intent was written.
    pub at: Timestamp,
    /// Which.
    pub slot: Slot,
    /// The instant they name.
    pub instant: Timestamp,
    /// To whom.
    pub people: Vec<ObjectId>,
}

/// A command that came with a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// When.
    pub at: Timestamp,
    /// What was answered.
    pub says: String,
}

/// A pause that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it ended.
    pub to: Timestamp,
    /// Whether a stage whose start passed in it may still start.
    pub allow_start: bool,
}

/// The hold that a `pause` places.
pub const PAUSED: &str = "paused";

/// How reasons begin for which people leave a stage because no notice reached them.
pub const UNREACHED: &str = "unreached:";

/// The hold for a policy that is off, does not require MFA, or was edited.
pub const POLICY: &str = "policy";

/// The hold for the pause file in the state folder.
pub const PAUSE_FILE: &str = "pause-file";

impl State {
    /// The place and the state of a stage by name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<(u16, &StageState)> {
        (0..).zip(&self.stages).find(|(_, stage)| stage.name == name)
    }

    /// The home that a record names.
    #[must_use]
    pub fn home(&self, name: &str) -> Option<Home> {
        if name == TAIL { Some(Home::Tail) } else { self.stage(name).map(|(ix, _)| Home::Stage(ix)) }
    }

    /// The name of a home.
    #[must_use]
    pub fn home_name(&self, home: Home) -> &str {
        match home {
            Home::Stage(ix) => self.stages.get(usize::from(ix)).map_or("", |stage| stage.name.as_str()),
            Home::Tail => TAIL,
        }
    }

    /// Holds in force that stop enforcing in a home: on the rollout, and on the stage.
    pub fn forward_holds<'a>(&'a self, stage: &'a str) -> impl Iterator<Item = &'a Hold> {
        self.holds.values().filter(move |hold| match &hold.scope {
            Scope::Rollout => true,
            Scope::Stage(name) => name == stage,
            Scope::Person(_) => false,
        })
    }

    /// Whether a hold that only a human ends is in force on the rollout or the stage; the pause file is one.
    #[must_use]
    pub fn waits_for_human(&self, stage: &str) -> bool {
        self.forward_holds(stage).any(|hold| hold.clears == Clears::Human || hold.id == PAUSE_FILE)
    }

    /// The hold in force on a person.
    #[must_use]
    pub fn person_hold(&self, person: ObjectId) -> Option<&Hold> {
        // Asked of everybody, and mostly nothing is held.
        if self.holds.is_empty() {
            return None;
        }
        self.holds.get(&removed_hold_id(person)).or_else(|| self.holds.get(&paused_hold_id(&Scope::Person(person))))
    }

    /// A hold that stops everything in a home, rollback included.
    #[must_use]
    pub fn stops_all(&self, home: Home) -> Option<&Hold> {
        self.forward_holds(self.home_name(home)).find(|hold| hold.blocks == Blocks::All)
    }

    /// The instant from which a person of a home may be enforced by the plan: the stage's start, or what the person was told.
    #[must_use]
    pub fn due(&self, home: Home, promise: Option<Timestamp>) -> Option<Timestamp> {
        match home {
            Home::Stage(ix) => self.named_instant(ix),
            Home::Tail => promise,
        }
    }

    /// The instant that notices of a stage name: its start, or the last stage's where the whole tenant is switched at once.
    #[must_use]
    pub fn named_instant(&self, ix: u16) -> Option<Timestamp> {
        let wide = self.plan.as_ref().is_some_and(|accepted| is_tenant_wide(&accepted.plan));
        let stage = if wide { self.stages.last() } else { self.stages.get(usize::from(ix)) };
        stage.map(|stage| stage.start.instant)
    }

    /// Whether every stage's roster is frozen, or will never be.
    #[must_use]
    pub fn all_frozen(&self) -> bool {
        !self.stages.is_empty()
            && self.stages.iter().all(|stage| stage.is_frozen() || matches!(stage.phase, Phase::Closed { .. }))
    }
}

impl StageState {
    /// Whether its roster is fixed.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// When whoever still waits moves to the tail: `finish_by` after the start, and later by what human holds took (DESIGN §4).
    #[must_use]
    pub fn finishes(&self, finish_by: SignedDuration) -> Timestamp {
        self.start.instant.checked_add(finish_by.saturating_add(self.stood)).unwrap_or(Timestamp::MAX)
    }
}

/// Id of the hold that a pause places.
#[must_use]
pub fn paused_hold_id(scope: &Scope) -> String {
    match scope {
        Scope::Rollout => PAUSED.to_owned(),
        Scope::Stage(stage) => format!("{PAUSED}:{stage}"),
        Scope::Person(person) => format!("{PAUSED}:{person}"),
    }
}

/// Id of the hold on a person who was removed by hand.
#[must_use]
pub fn removed_hold_id(person: ObjectId) -> String {
    format!("removed:{person}")
}

/// Key of a gate's evidence.
#[must_use]
pub fn evidence_key(stage: &str, gate: &str) -> String {
    format!("{stage}/{gate}")
}
