//! A simulated tenant in this process, joined to the same engine and adapters over the same HTTP shapes, on a paced clock.
//!
//! `demo`, `rehearse`, `simulate` and the tests live in it. Nothing leaves the process; the same seed gives the same records.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::mpsc;

use super::adapters::{self, Adapters};
use super::{Exit, Failure};
use crate::clock::{Clock, Pace};
use crate::engine::input::Input;
use crate::engine::port::{Offer, PauseFile, Store};
use crate::engine::{Engine, Parts};
use crate::graph::endpoints::Endpoints;
use crate::graph::token::Credentials;
use crate::graph::wire::{Exchange, Wire, WireError};
use crate::letter::{Style, Texts};
use crate::notify::Addresses;
use crate::rollout::condition::Conditions;
use crate::rollout::observed::{Observed, Trouble};
use crate::rollout::plan::Plan;
use crate::rollout::state::State;
use crate::sim::{Delivery, Fate, Tenant};

/// The address of the simulated tenant; nothing listens there.
const ROOT: &str = "https://simulated.invalid";

pub use crate::sim::SECRET;

/// The address of the operators, where a plan names it in `reports.to`.
pub const OPERATORS: &str = "operators@contoso.example";

/// What one life of an engine is made of, beside tenant and clock.
pub struct Life {
    /// The way to the tenant.
    pub wire: Arc<dyn Wire>,
    /// What the journal says so far.
    pub state: State,
    /// Keeping records.
    pub store: Box<dyn Store>,
    /// Why the rollout is paused by the pause file, if it is.
    pub pause_file: Box<dyn PauseFile>,
    /// All conditions, outside of proofs.
    pub conditions: Conditions,
}

/// A simulated tenant and the clock that it shares with the engine.
#[derive(Clone)]
pub struct World {
    tenant: Arc<Mutex<Tenant>>,
    clock: Clock,
    /// Where the tenant is.
    root: Arc<str>,
    /// What people are told; the built-in texts where there are none.
    texts: Option<Arc<Texts>>,
}

impl World {
    /// The tenant, at `start`, at `pace`.
    #[must_use]
    pub fn new(tenant: Tenant, start: Timestamp, pace: Pace) -> Self {
        Self { tenant: Arc::new(Mutex::new(tenant)), clock: Clock::paced(start, pace), root: ROOT.into(), texts: None }
    }

    /// The tenant, to look at or to change.
    pub fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.tenant.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The same tenant under another clock, as after a restart.
    #[must_use]
    pub fn restarted(&self, at: Timestamp, pace: Pace) -> Self {
        Self { clock: Clock::paced(at, pace), ..self.clone() }
    }

    /// The same tenant, which listens at an address from now on.
    #[must_use]
    pub fn at(&self, root: &str) -> Self {
        Self { root: root.into(), ..self.clone() }
    }

    /// The same tenant, whose people are told this.
    #[must_use]
    pub fn telling(&self, texts: Texts) -> Self {
        Self { texts: Some(Arc::new(texts)), ..self.clone() }
    }

    /// An engine on this tenant that goes on from `state`. `plan_tenant` is the plan's `tenant.id`. The sender leads to it.
    pub fn engine(
        &self,
        plan_tenant: &str,
        state: State,
        store: Box<dyn Store>,
        conditions: Conditions,
    ) -> Result<(Engine, mpsc::Sender<Input>), Failure> {
        let life = Life { wire: Arc::new(self.clone()), state, store, pause_file: Box::new(|| None), conditions };
        self.engine_over(plan_tenant, life)
    }

    /// The same over another wire, which leads to this tenant at last.
    pub fn engine_over(&self, plan_tenant: &str, life: Life) -> Result<(Engine, mpsc::Sender<Input>), Failure> {
        let Life { wire, state, store, pause_file, conditions } = life;
        let Adapters { graph, tenant, enforce, notify, .. } = self.adapters_over(wire, plan_tenant)?;
        let (sender, inputs) = mpsc::channel(64);
        let clock = self.clock.clone();
        Ok((
            Engine::new(Parts {
                clock,
                state,
                observed: Observed::default(),
                tenant,
                enforce,
                notify,
                assist: Some(Arc::new(graph)),
                gates: None,
                store,
                inputs,
                pause_file,
                conditions,
            }),
            sender,
        ))
    }

    /// What the finish would make of the plan's policy now, as `tidegate finish` shows it.
    pub async fn offer(&self, plan: &Plan) -> Result<Offer, Failure> {
        let Adapters { tenant, enforce, .. } = self.adapters_over(Arc::new(self.clone()), &plan.tenant)?;
        let failure = |trouble: Trouble| Failure::new(Exit::Tenant, trouble.why);
        let target = enforce.resolve(&plan.enforcement).await.map_err(failure)?;
        let accounts = tenant.directory().await.map_err(failure)?.sync_accounts;
        enforce.offer(target, &plan.people, &accounts).await.map_err(failure)
    }

    /// The tenant's answer to a request.
    pub fn answer(&self, request: &Request<Bytes>) -> Fate {
        self.tenant().answer(self.clock.now(), request)
    }

    /// The adapters on this tenant, over a wire.
    pub(super) fn adapters_over(&self, wire: Arc<dyn Wire>, plan_tenant: &str) -> Result<Adapters, Failure> {
        let endpoints =
            Endpoints::new(&self.root, &self.root, "contoso.example").map_err(|error| Failure::because(Exit::Failed, &error))?;
        let credentials = Credentials::Secret {
            client_id: "6f6f6f6f-0000-4000-8000-000000000001".to_owned(),
            secret: Arc::new(|| Ok(SecretString::from(SECRET))),
        };
        let built_in = || Texts::built_in(Style::default()).map_err(|error| Failure::because(Exit::Failed, &error));
        let texts = self.texts.as_ref().map_or_else(built_in, |texts| Ok(Texts::clone(texts)))?;
        let mut joined = adapters::over(wire, &self.clock, endpoints, credentials, plan_tenant, texts, Arc::default());
        joined.know(Addresses::new(plan_tenant, &[OPERATORS.to_owned()]));
        Ok(joined)
    }
}

impl Wire for World {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        let answer = received(self.answer(&request));
        Box::pin(async move { answer })
    }
}

/// What the client sees of an answer.
pub(super) fn received(fate: Fate) -> Result<Response<Bytes>, WireError> {
    match fate {
        Fate::Answer(response) if response.extensions().get::<Delivery>().is_none() => Ok(response),
        Fate::Answer(_) | Fate::Lost => Err(WireError::Lost { why: "the connection broke".to_owned() }),
    }
}
