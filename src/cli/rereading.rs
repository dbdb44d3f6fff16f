//! The plan file, read again while the daemon runs: for a signal, or for a command.
//!
//! Decides nothing: whether the plan may come into force is for the engine.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::adapters;
use super::wording::Offered;
use crate::config::{self, Loaded, Settings};
use crate::engine::command::Command;
use crate::engine::input::{Input, Reread};
use crate::graph::Graph;
use crate::outside::Outside;
use crate::rollout::plan::Plan;
use crate::{admin, telemetry};

/// Whose a plan file is: who may not approve it.
pub(super) fn author(plan: &Path) -> String {
    std::fs::metadata(plan).map_or_else(|_| String::new(), |file| admin::login_name(file.uid()))
}

/// What reading the plan file again takes.
pub(super) struct Rereading {
    pub(super) config: PathBuf,
    pub(super) running: Settings,
    pub(super) offered: Offered,
    pub(super) outside: Arc<Outside>,
    pub(super) graph: Graph,
    /// The level of the log, unless the command line fixed it.
    pub(super) level: Option<telemetry::Level>,
}

impl Rereading {
    /// The plan as it is read now, for the engine, and what to tell the service manager; its texts wait until it is in force. The level
    /// of the log changes at once.
    pub(super) fn now(&self, asked: Option<Command>) -> (Input, String) {
        let author = author(&self.config);
        let mut says = "the plan was read again".to_owned();
        let plan = match config::load(&self.config, config::environment()) {
            Ok(loaded) => {
                self.graph.secret_expires(loaded.settings.credentials.secret_expires);
                let later = self.running.that_wait(&loaded.settings);
                if !later.is_empty() {
                    let keys = later.join(", ");
                    tracing::warn!(keys, "what changed here counts only from the next start on");
                    says = format!("{says}; {keys} count only from the next start on");
                }
                self.taken(loaded)
            }
            Err(problems) => Err(problems.to_string()),
        };
        (Input::Plan(Reread { plan, author, asked }), says)
    }

    fn taken(&self, loaded: Loaded) -> Result<Box<Plan>, String> {
        let texts = adapters::texts_of(&loaded).map_err(|error| super::exit::chain(&error))?;
        self.offered.put(loaded.plan.revision(), texts);
        self.outside.learn(adapters::questions(&loaded));
        if let Some(Err(error)) = self.level.as_ref().map(|level| level.set(&loaded.settings.log.level)) {
            tracing::warn!(error = %error, "the level of the log stays");
        }
        Ok(Box::new(loaded.plan))
    }
}
