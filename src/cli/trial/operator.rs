//! Operators of a scripted rollout: their words become commands by what is in force then, and they read the answers. Where an answer
//! names the evidence to look at, they look and say it once more.

use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::engine::command::{Command, Said, What};
use crate::engine::input::Input;
use crate::rollout::hold::Scope;
use crate::rollout::pause::Ending;
use crate::rollout::plan::Plan;
use crate::rollout::state::{TAIL, paused_hold_id};
use crate::sim::spoken::{Of, Spoken};

/// A reason, as every command wants one.
const WHY: &str = "a question came up";

/// Something that was said, and is not answered yet.
pub(super) struct Open {
    what: What,
    actor: String,
    answer: oneshot::Receiver<Result<Said, String>>,
}

/// What was said and may be said once more.
#[derive(Default)]
pub(super) struct Operators(Vec<Open>);

/// What came of it.
pub(super) enum Answer {
    /// It was taken.
    Taken(What),
    /// It was refused, and there is nothing more to say.
    Refused(What, String),
    /// It is said again, with what was asked for.
    Again(Input),
}

impl Operators {
    /// A command, as input for the engine.
    pub(super) fn say(&mut self, what: What, actor: &str) -> Input {
        let (answer, open) = oneshot::channel();
        self.0.push(Open { what: what.clone(), actor: actor.to_owned(), answer: open });
        Input::Command(Command { order: what.into(), actor: actor.to_owned(), answer })
    }

    /// Nobody is there any more who could answer.
    pub(super) fn died(&mut self) {
        self.0.clear();
    }

    /// The answers that are there by now.
    pub(super) fn hear(&mut self) -> Vec<Answer> {
        let mut heard = Vec::new();
        for mut open in std::mem::take(&mut self.0) {
            match open.answer.try_recv() {
                Err(TryRecvError::Empty) => self.0.push(open),
                Err(TryRecvError::Closed) => {}
                Ok(Ok(_)) => heard.push(Answer::Taken(open.what)),
                Ok(Err(why)) => match seen(&open.what, &why) {
                    Some(what) => heard.push(Answer::Again(self.say(what, &open.actor))),
                    None => heard.push(Answer::Refused(open.what, why)),
                },
            }
        }
        heard
    }
}

/// The same, with the evidence that an answer names.
fn seen(what: &What, why: &str) -> Option<What> {
    let after = |option: &str| {
        let at = why.find(option)? + option.len();
        let digest: String = why.get(at..)?.chars().take_while(char::is_ascii_hexdigit).collect();
        (digest.len() == 8).then_some(digest)
    };
    match what {
        What::Unpause(ending) if ending.ack.is_none() => {
            Some(What::Unpause(Ending { ack: Some(after("--ack ")?), ..ending.clone() }))
        }
        What::Override { what, stage, evidence, until, why } if evidence.is_empty() => Some(What::Override {
            what: what.clone(),
            stage: stage.clone(),
            evidence: after("--evidence ")?,
            until: *until,
            why: why.clone(),
        }),
        _ => None,
    }
}

/// The commands of an operator who says this, where `held` is what a human ends; none where a script speaks of a stage that the plan
/// does not have.
pub(super) fn commands(
    spoken: &Spoken,
    plan: &Plan,
    revision: &str,
    held: &[String],
    civil: impl Fn(jiff::SignedDuration) -> jiff::civil::DateTime,
) -> Option<Vec<What>> {
    let name = |stage: usize| plan.stages.get(stage).map(|stage| stage.name.clone());
    let scope = |of: Of| match of {
        Of::Rollout => Some(Scope::Rollout),
        Of::Stage(stage) => name(stage).map(Scope::Stage),
        Of::Person(person) => Some(Scope::Person(person)),
    };
    let why = || WHY.to_owned();
    let ends = |hold: String, allow_start: bool| What::Unpause(Ending { hold: Some(hold), ack: None, allow_start, why: why() });
    Some(match spoken {
        Spoken::Pause { of, blocks, long } => {
            vec![What::Pause { why: why(), scope: scope(*of)?, blocks: *blocks, until: long.map(civil) }]
        }
        Spoken::Unpause { of, allow_start } => vec![ends(paused_hold_id(&scope(*of)?), *allow_start)],
        Spoken::EndHolds => held.iter().map(|hold| ends(hold.clone(), true)).collect(),
        Spoken::Skip(stage) => vec![What::Skip { stage: name(*stage)?, why: why() }],
        Spoken::Cancel(stage) => vec![What::Cancel { stage: name(*stage)?, why: why() }],
        Spoken::StartLate(stage) => vec![What::StartLate { stage: name(*stage)?, why: why() }],
        Spoken::Rollback { stage, extent } => {
            let stage = stage.map_or_else(|| Some(TAIL.to_owned()), name)?;
            vec![What::Rollback { stage, extent: *extent, why: why() }]
        }
        Spoken::Override { stage, what } => {
            let stage = name(*stage)?;
            let what = if what == "calendar" { format!("calendar:{stage}") } else { what.clone() };
            vec![What::Override { what, stage, evidence: String::new(), until: None, why: why() }]
        }
        Spoken::Approve(_) => vec![What::Approve { revision: revision.to_owned(), why: why() }],
        Spoken::Reject => vec![What::Reject { revision: revision.to_owned(), why: why() }],
        Spoken::Abort(how) => vec![What::Abort { how: *how, why: why() }],
    })
}
