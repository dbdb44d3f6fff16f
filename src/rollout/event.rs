//! The records of the journal (DESIGN §7): what happened, when, by whom. The state is what these add up to.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::closing::Abort;
use super::digest::Subject;
use super::exception::Excepted;
use super::forecast::{Band, Reading};
use super::gate::{Contacts, Yes};
use super::hold::{Blocks, Hold, Scope};
use super::id::ObjectId;
use super::observed::Target;
use super::overriding::Passed;
use super::plan::{Plan, Start};
use super::stage::PhaseName;
use super::switch::{Image, Switch};

mod evidence;
mod parts;
mod slot;
mod usual;

pub use evidence::{Counted, Evidence, Origin, Verdict};
pub use parts::{Before, Deed, List, PassFate, Switched, Uses};
pub use slot::Slot;

/// The version of the records this program writes.
pub const VERSION: u32 = 1;

/// One line of the journal, less its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Number of the record, from 1, without gaps, across segments.
    pub seq: u64,
    /// When, on the engine's clock.
    pub at: Timestamp,
    /// Version of the record's form.
    pub v: u32,
    /// What kind of cause.
    pub by: By,
    /// Who: `tidegate`, or the operator's login name.
    pub actor: String,
    /// What.
    pub event: Event,
}

/// What caused a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The plan's dates.
    Schedule,
    /// A human's command.
    Operator,
    /// A gate's verdict, or another rule's.
    Gate,
    /// Start-up, or reading back.
    Recovery,
    /// A new plan.
    Plan,
}

/// People and one reason that all of them share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// The reason; names nobody.
    pub why: String,
    /// Who.
    pub people: Vec<ObjectId>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// The daemon began.
    Started {
        /// Version of the program.
        program: String,
    },
    /// The daemon ended in order.
    Stopped {
        /// Why.
        why: String,
    },
    /// Bytes after the last valid record were cut off the newest segment.
    TailCut {
        /// The segment's file name.
        segment: String,
        /// How many bytes.
        bytes: u64,
    },
    /// The checkpoint was put aside and made anew from the journal.
    CheckpointRebuilt {
        /// Why.
        why: String,
    },
    /// A plan is in force from now on.
    PlanAccepted {
        /// Its revision.
        revision: String,
        /// The plan.
        plan: Box<Plan>,
        /// The operator's reason, where they gave one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// Somebody other than its author approved a revision.
    Approved {
        /// Which.
        revision: String,
        /// Until when it counts.
        until: Timestamp,
        /// Their reason.
        why: String,
    },
    /// Somebody rejected a revision: its approvals are void, and it gets no others.
    Rejected {
        /// Which.
        revision: String,
        /// Their reason.
        why: String,
    },
    /// The names in the plan's enforcement were resolved.
    Resolved {
        /// To these objects.
        target: Target,
    },
    /// The policy was read for the first time under a plan.
    PolicySeen {
        /// Hash of what matters in it.
        fingerprint: String,
    },
    /// Who was in the enforcement group before the program put anybody there.
    Baseline {
        /// Those people.
        members: Vec<ObjectId>,
    },
    /// A stage's people were fixed.
    RosterFrozen {
        /// The stage.
        stage: String,
        /// Its people.
        people: Vec<ObjectId>,
        /// People it selects who are out, by reason.
        out: Vec<Because>,
    },
    /// A stage moved along one edge of the machine.
    StageMoved {
        /// The stage.
        stage: String,
        /// Out of this phase.
        from: PhaseName,
        /// Into this one.
        to: PhaseName,
        /// Why.
        why: String,
    },
    /// Notices are about to be sent: one to each person.
    NoticeIntent {
        /// The stage, or `tail`.
        stage: String,
        /// Which.
        slot: Slot,
        /// The instant that the notices name.
        instant: Timestamp,
        /// To whom.
        people: Vec<ObjectId>,
        /// The mailboxes that send them, in turn.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        from: Vec<ObjectId>,
    },
    /// What became of notices.
    NoticeOutcome {
        /// `seq` of the intent.
        intent: u64,
        /// The mail service took it.
        accepted: Vec<ObjectId>,
        /// The mail service refused it, or there is no address.
        refused: Vec<Because>,
        /// Nobody knows.
        unknown: Vec<ObjectId>,
        /// It never left.
        not_sent: Vec<Because>,
    },
    /// Who of a stage is not ready, by who manages them, when the lists for managers fell due.
    ListsDrawn {
        /// The stage.
        stage: String,
        /// The instant that the lists name.
        instant: Timestamp,
        /// The lists.
        lists: Vec<List>,
        /// On none: nobody manages them whom a mail could reach.
        alone: Vec<ObjectId>,
    },
    /// Lists are about to be sent: one mail to each manager. They are notices to nobody.
    ListIntent {
        /// The stage.
        stage: String,
        /// The instant that the lists name.
        instant: Timestamp,
        /// To whom.
        managers: Vec<ObjectId>,
        /// The mailboxes that send them, in turn.
        from: Vec<ObjectId>,
    },
    /// What became of lists.
    ListOutcome {
        /// `seq` of the intent.
        intent: u64,
        /// The mail service took it.
        accepted: Vec<ObjectId>,
        /// The mail service refused it, or there is no address.
        refused: Vec<Because>,
        /// Nobody knows; it is not sent again.
        unknown: Vec<ObjectId>,
        /// It never left.
        not_sent: Vec<Because>,
    },
    /// Something waits for a human from now on; operators are told.
    AlertRaised {
        /// What.
        alert: Box<Alert>,
    },
    /// It does not any more.
    AlertEnded {
        /// The alert's id.
        id: String,
    },
    /// A report is due; operators are told.
    Reported {
        /// About what.
        about: Subject,
        /// The same in a few sentences, for channels.
        says: String,
    },
    /// A memo is about to be sent: one mail to each of these operators.
    MemoIntent {
        /// `seq` of the record that called for it.
        about: u64,
        /// To whom; what stands for an address.
        to: Vec<ObjectId>,
        /// The mailboxes that send it, in turn.
        from: Vec<ObjectId>,
    },
    /// What became of a memo.
    MemoOutcome {
        /// `seq` of the intent.
        intent: u64,
        /// The mail service took it.
        accepted: Vec<ObjectId>,
        /// The mail service refused it.
        refused: Vec<Because>,
        /// Nobody knows.
        unknown: Vec<ObjectId>,
        /// It never left.
        not_sent: Vec<Because>,
    },
    /// People are about to be enforced: one batch.
    EnforceIntent {
        /// The stage, or `tail`.
        stage: String,
        /// Who.
        people: Vec<ObjectId>,
    },
    /// What became of a batch.
    EnforceOutcome {
        /// `seq` of the intent.
        intent: u64,
        /// The tenant took the write.
        enforced: Vec<ObjectId>,
        /// They were members already.
        already: Vec<ObjectId>,
        /// The account does not exist any more.
        gone: Vec<ObjectId>,
        /// The tenant refused.
        refused: Vec<Because>,
        /// No answer came; reading back settles it.
        unknown: Vec<ObjectId>,
        /// It never left: held back by the guard, or cut off by a stop.
        not_sent: Vec<Because>,
    },
    /// People whom we enforced are about to be released: one batch.
    ReleaseIntent {
        /// The stage that is rolled back.
        stage: String,
        /// Who.
        people: Vec<ObjectId>,
    },
    /// What became of it.
    ReleaseOutcome {
        /// `seq` of the intent.
        intent: u64,
        /// The tenant took the write.
        released: Vec<ObjectId>,
        /// MFA was not required of them by us any more.
        already: Vec<ObjectId>,
        /// The account does not exist any more.
        gone: Vec<ObjectId>,
        /// The tenant refused.
        refused: Vec<Because>,
        /// No answer came; reading back settles it.
        unknown: Vec<ObjectId>,
        /// It never left.
        not_sent: Vec<Because>,
    },
    /// Own MFA states are about to be retired: MFA is required of these people by the policy already.
    RetireIntent {
        /// What the states are: the before-images.
        before: Vec<Before>,
    },
    /// What became of it.
    RetireOutcome {
        /// `seq` of the intent.
        intent: u64,
        /// The tenant took the write.
        retired: Vec<ObjectId>,
        /// The tenant refused.
        refused: Vec<Because>,
        /// No answer came; reading back settles it.
        unknown: Vec<ObjectId>,
        /// It never left.
        not_sent: Vec<Because>,
    },
    /// Something is about to be switched for the whole tenant.
    SwitchIntent {
        /// The stage that it belongs to.
        stage: String,
        /// What, with the before-image.
        switch: Switch,
        /// `seq` of the intent that it undoes, in a rollback.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undoes: Option<u64>,
        /// The conditions before and after, where it changes whom a policy is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<Image>,
    },
    /// An operator asked for the finish: the policy about everybody but the exempt.
    FinishAsked {
        /// Hash of the conditions that they were shown.
        shown: String,
    },
    /// The finish was not begun; whoever wants it asks again.
    FinishDropped {
        /// Why.
        why: String,
    },
    /// What became of it, as far as the answer tells.
    SwitchOutcome {
        /// `seq` of the intent.
        intent: u64,
        /// What.
        switched: Switched,
    },
    /// Everything that a stage switches is so, as read back.
    SwitchesDone {
        /// The stage.
        stage: String,
        /// How long nothing required MFA in between, in milliseconds, where one thing had to end before the other could begin.
        gap_ms: Option<i64>,
    },
    /// Reading back settled people of a batch whose answer never came.
    Settled {
        /// `seq` of the intent.
        intent: u64,
        /// The write had landed.
        landed: Vec<ObjectId>,
        /// Two agreeing reads do not show it.
        absent: Vec<ObjectId>,
    },
    /// Two agreeing reads show these people as members.
    Verified {
        /// Who.
        people: Vec<ObjectId>,
    },
    /// Somebody else changed the group's members.
    ForeignChange {
        /// Put in, or put back, by somebody else.
        added: Vec<ObjectId>,
        /// Taken out by somebody else.
        removed: Vec<ObjectId>,
    },
    /// Accounts of people of whom MFA was required do not exist any more.
    Left {
        /// Whose.
        people: Vec<ObjectId>,
    },
    /// A gate was read for a stage.
    GateRead {
        /// The stage, or `tail`.
        stage: String,
        /// The gate.
        gate: String,
        /// What was found.
        evidence: Evidence,
    },
    /// The people of a stage were counted, who are told and of whom nothing is required yet; once a day, and when their date comes.
    Counted {
        /// The stage.
        stage: String,
        /// The counts.
        reading: Reading,
        /// The start in force.
        start: Timestamp,
        /// The share expected then; none where too little is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Band>,
    },
    /// A human answered a gate.
    Confirmed {
        /// The stage, or `tail`.
        stage: String,
        /// The gate.
        gate: String,
        /// What they said.
        says: Yes,
        /// Their reason.
        why: String,
    },
    /// A helpdesk counted contacts.
    ContactsCounted {
        /// How many, of which stage, from when to when.
        contacts: Contacts,
        /// The operator's reason.
        why: String,
    },
    /// A reason not to move came into force.
    HoldPlaced {
        /// The hold.
        hold: Hold,
    },
    /// A hold ended.
    HoldCleared {
        /// Its id.
        id: String,
        /// Why.
        why: String,
    },
    /// People who still waited were moved to the tail, where each is told a date of their own.
    Carried {
        /// Out of this stage; `tail`: they were there, something protected them when their date came, and they need another one.
        stage: String,
        /// For this reason.
        why: String,
        /// Who.
        people: Vec<ObjectId>,
    },
    /// Healthy time of a stage that was observed, in all.
    Soaked {
        /// The stage.
        stage: String,
        /// In all, so far.
        healthy: SignedDuration,
        /// Up to this instant.
        until: Timestamp,
    },
    /// A missed stage has a new start.
    Rebooked {
        /// The stage.
        stage: String,
        /// From now on.
        start: Start,
        /// The operator's reason.
        why: String,
    },
    /// Something holds for these people alone from now on; they belong to the tail.
    ExceptionMade {
        /// Who.
        people: Vec<ObjectId>,
        /// What.
        what: Excepted,
        /// The reason.
        why: String,
        /// Who answers for it.
        owner: String,
    },
    /// It does not any more.
    ExceptionEnded {
        /// Who.
        people: Vec<ObjectId>,
        /// Why.
        why: String,
        /// The date that they were told with it, where it stands without it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stands: Option<Timestamp>,
    },
    /// Letters were handed over: each is a notice, as an accepted mail is.
    Handed {
        /// The stage, or `tail`.
        stage: String,
        /// Which.
        slot: Slot,
        /// The instant that the letters name.
        instant: Timestamp,
        /// To whom.
        people: Vec<ObjectId>,
        /// The operator's reason.
        why: String,
    },
    /// Notices that the mail service had accepted came back: they were none.
    Bounced {
        /// Whose, by reason.
        people: Vec<Because>,
    },
    /// No new batch starts from now on.
    Paused {
        /// The operator's reason.
        why: String,
        /// What rests.
        #[serde(default, skip_serializing_if = "usual::is_rollout")]
        scope: Scope,
        /// In which direction.
        #[serde(default, skip_serializing_if = "usual::is_forward")]
        blocks: Blocks,
        /// When they want it to end. Only a human ends it, then as before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// An operator ended a hold: a pause, or another one that only a human clears.
    Unpaused {
        /// Its id.
        #[serde(default = "usual::pause", skip_serializing_if = "usual::is_pause")]
        hold: String,
        /// Whether a stage whose start has passed may still start.
        allow_start: bool,
        /// The evidence that they looked at, where a gate had failed: from now on only what comes on top of it counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ack: Option<Evidence>,
        /// The operator's reason.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// An operator passes one gate of a stage, or one hold on it, once.
    Overridden {
        /// The stage.
        stage: String,
        /// What.
        passed: Passed,
        /// Digest of what they looked at.
        evidence: String,
        /// Until when it counts, unless the stage moves before.
        until: Timestamp,
        /// The operator's reason.
        why: String,
    },
    /// The rollout was ended by an operator.
    Aborted {
        /// What becomes of those who are enforced.
        how: Abort,
        /// The operator's reason.
        why: String,
    },
    /// Whoever was enforced in the tail is being released from now on.
    TailRollback {
        /// The operator's reason.
        why: String,
    },
    /// They are, as two readings show.
    TailRolledBack,
    /// A command with a key was carried out; the same key again is answered with the same words and does nothing.
    Ordered {
        /// The key.
        key: String,
        /// What was answered.
        says: String,
    },
    /// An operator asked for a Temporary Access Pass for somebody. The pass itself is never kept.
    Assisted {
        /// For whom.
        person: ObjectId,
        /// The operator's reason.
        why: String,
        /// For how long, when that was said.
        minutes: Option<u32>,
        /// How often it may be used.
        uses: Uses,
    },
    /// What became of it.
    AssistOutcome {
        /// `seq` of the intent.
        intent: u64,
        /// For whom.
        person: ObjectId,
        /// What.
        fate: PassFate,
    },
}

impl Event {
    /// A pause of the whole rollout, for as long as it takes.
    #[must_use]
    pub fn paused(why: &str) -> Self {
        Self::Paused { why: why.to_owned(), scope: Scope::Rollout, blocks: Blocks::Forward, until: None }
    }
}
