//! What a plan names outside the tenant: the way to webhooks, and the addresses and commands that answer gates.
//!
//! In reading order: `client` reaches addresses (`addresses` says which), `command` runs a program, `answer` reads what either says. Judges
//! no gate. Invariants: nothing that cannot be read is an answer, whatever it is; nothing is asked that the plan in force does not name by
//! its hash.

mod addresses;
mod answer;
pub mod client;
mod command;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use url::Url;

use self::client::{ANSWER, Client, Unsent};
use crate::engine::port::{Answer, Gates};
use crate::rollout::gate::Answered;
use crate::rollout::observed::{Trouble, TroubleKind};
use crate::rollout::plan::Gate;

/// What may be asked, by the hash that a plan holds of it.
#[derive(Default)]
pub struct Outside(Mutex<BTreeMap<String, Arc<Question>>>);

/// What is asked about a gate.
pub struct Question {
    /// Whom.
    pub whom: Whom,
    /// How long an answer may take.
    pub time_limit: Duration,
}

/// Who answers.
pub enum Whom {
    /// An address.
    Address {
        /// The address.
        url: Url,
        /// Hosts that may be internal.
        allow_internal: Vec<String>,
    },
    /// A program and its arguments.
    Command(Vec<String>),
}

impl Outside {
    /// Learns what a plan names; what an earlier one named stays, since that one may still be in force.
    pub fn learn(&self, questions: impl IntoIterator<Item = (String, Question)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(questions.into_iter().map(|(hash, question)| (hash, Arc::new(question))));
    }

    fn question(&self, gate: &Gate) -> Option<Arc<Question>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(gate.asking.source.as_ref()?).map(Arc::clone)
    }
}

impl Gates for Outside {
    fn ask<'a>(&'a self, gate: &'a Gate) -> Answer<'a, Result<Answered, Trouble>> {
        Box::pin(async {
            let answered = match self.question(gate) {
                Some(question) => question.ask().await,
                None => Err("what answers it is not known to this daemon; reload the plan".to_owned()),
            };
            // The address or the command line never stands in a reason: either may hold what is nobody's business.
            answered.map_err(|why| Trouble { kind: TroubleKind::Unreachable, why: format!("gate `{}`: {why}", gate.name) })
        })
    }
}

impl Question {
    async fn ask(&self) -> Result<Answered, String> {
        let said = match &self.whom {
            Whom::Address { url, allow_internal } => {
                let asked = tokio::time::timeout(self.time_limit, get(url, allow_internal)).await;
                asked.unwrap_or_else(|_| Err("its address did not answer in time".to_owned()))?
            }
            Whom::Command(words) => command::run(words, self.time_limit).await?,
        };
        answer::read(&said)
    }
}

/// The body of a plain success.
async fn get(url: &Url, allow_internal: &[String]) -> Result<Vec<u8>, String> {
    // The plan names this machine by naming its address.
    let here = url.host_str().filter(|_| client::is_here(url)).map(str::to_owned);
    let client = Client::to("gate", allow_internal.iter().cloned().chain(here)).map_err(|Unsent(why)| why)?;
    let request = Request::get(url.as_str()).header(http::header::ACCEPT, "application/json").body(Bytes::new());
    let request = request.map_err(|_| "its address is none".to_owned())?;
    let answer = client.ask(request).await.map_err(|Unsent(why)| why)?;
    if answer.status() != http::StatusCode::OK {
        return Err(format!("its address answered with status {}", answer.status().as_u16()));
    }
    if answer.body().len() > ANSWER {
        return Err(format!("its answer is longer than {ANSWER} bytes"));
    }
    Ok(answer.body().to_vec())
}
