//! `run`: composes the daemon. In five steps: the plan, the state, the tenant, the surroundings, the loop.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::adapters::{self, Adapters};
use super::announce::{self, Announced};
use super::args::{Common, Run};
use super::rereading::{Rereading, author};
use super::wording::{Offered, Wording};
use super::{Exit, Failure, place, runtime, spool};
use crate::clock::{Clock, Pace};
use crate::config::{self, Loaded, LogFormat};
use crate::engine::command::{Command, What};
use crate::engine::input::Input;
use crate::engine::port::Gates;
use crate::engine::{Ending, Engine, EngineError, Parts, Until};
use crate::graph::Graph;
use crate::lifecycle::{self, Pulse, Signal, Signals, Stop};
use crate::notify::webhook::{Beside, Troubles};
use crate::outside::Outside;
use crate::rollout::condition::Conditions;
use crate::rollout::observed::Observed;
use crate::rollout::plan::Plan;
use crate::store::error::JournalError;
use crate::store::kept::{self, Earlier, Found, KeptError};
use crate::store::lock::LockError;
use crate::{admin, telemetry};

/// The last answers may take so long.
const FAREWELL: Duration = Duration::from_secs(1);

/// Inputs that may wait; more make their senders wait.
const INPUTS: usize = 64;

pub(super) fn run(common: &Common, verb: &Run) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let level = logs(common, &loaded)?;
    for warning in &loaded.warnings {
        tracing::warn!(problem = %warning, "the plan has a flaw");
    }
    let endpoints = adapters::endpoints(&loaded)?;
    if verb.pace.is_some() && !endpoints.are_loopback() {
        let says = "--pace: tenant.graph_url and tenant.login_url must both be loopback addresses; a paced clock is never used on a real tenant";
        return Err(Failure::new(Exit::Usage, says));
    }
    let earlier = Earlier::begin(&loaded.settings.state_dir);
    let found = kept::open(&loaded.settings.state_dir).map_err(|error| state_failure(&error))?;
    if let Some(says) = found.state.plan.as_ref().and_then(|accepted| of_another_tenant(&loaded, &accepted.plan)) {
        return Err(Failure::new(Exit::Blocked, says));
    }
    let clock = clock(verb.pace, verb.start_at, found.state.at);
    let (observed, roll) = earlier.of(&found.state, clock.now());
    let adapters = adapters::over_http(&loaded, &clock, roll)?;
    let until = if verb.until_done { Until::Done } else { Until::Stopped };
    runtime()?.block_on(daemon(common, loaded, (found, observed), clock, adapters, until, level))
}

/// Why the plan does not go with this journal: its promises were made to the people of another tenant.
fn of_another_tenant(loaded: &Loaded, accepted: &Plan) -> Option<String> {
    let (new, old) = (&loaded.plan.tenant, &accepted.tenant);
    (new != old).then(|| {
        let state = loaded.settings.state_dir.display();
        format!(
            "tenant.id is `{new}`, and the journal in {state} is of `{old}`; name another state folder for another tenant, or write the id as it was"
        )
    })
}

fn logs(common: &Common, loaded: &Loaded) -> Result<telemetry::Level, Failure> {
    let format = match loaded.settings.log.format {
        LogFormat::Auto => telemetry::Format::Auto,
        LogFormat::Human => telemetry::Format::Human,
        LogFormat::Json => telemetry::Format::Json,
        LogFormat::Journald => telemetry::Format::Journald,
    };
    let colour = if config::variable("NO_COLOR").is_some() { telemetry::Colour::Never } else { telemetry::Colour::Auto };
    let stream = config::variable("JOURNAL_STREAM");
    let level = common.log.as_deref().unwrap_or(&loaded.settings.log.level);
    telemetry::init(&telemetry::Settings { format, level, colour, journal_stream: stream.as_deref() })
        .map_err(|error| Failure::because(Exit::Usage, &error))
}

/// The clock: the system's, or a paced one that goes on from the last record of a state that exists already.
fn clock(pace: Option<Pace>, start_at: Option<Timestamp>, last: Option<Timestamp>) -> Clock {
    let Some(pace) = pace else { return Clock::system() };
    let start = last.or(start_at).unwrap_or_else(|| Clock::system().now());
    Clock::paced(start, pace)
}

async fn daemon(
    common: &Common,
    loaded: Loaded,
    (found, observed): (Found, Observed),
    clock: Clock,
    adapters: Adapters,
    until: Until,
    level: telemetry::Level,
) -> Result<Exit, Failure> {
    let state_dir = loaded.settings.state_dir.clone();
    let offered = Offered::default();
    let (inputs, received) = mpsc::channel(INPUTS);
    let Found { kept, state, notes } = found;
    let troubles = Troubles::default();
    let outside = Arc::new(Outside::default());
    outside.learn(adapters::questions(&loaded));
    // A paced clock lives in a simulated tenant, and what is outside does not.
    let gates = (!clock.is_paced()).then(|| -> Arc<dyn Gates> { outside.clone() });
    let committed = announce::begin(&loaded.settings.webhooks, &state_dir, state.seq, clock.clone(), &troubles);
    let mut engine = Engine::new(Parts {
        clock,
        state,
        observed,
        tenant: adapters.tenant,
        enforce: adapters.enforce,
        notify: Arc::new(Beside { notices: adapters.notify, troubles }),
        assist: Some(std::sync::Arc::new(adapters.graph.clone())),
        gates,
        store: Box::new(Announced { store: Wording { store: kept, offered: offered.clone(), texts: adapters.texts }, committed }),
        inputs: received,
        pause_file: Box::new(admin::pause_file::InFolder::new(state_dir.clone())),
        conditions: Conditions::all(),
    });
    engine.begin(&notes).map_err(|error| engine_failure(&error))?;
    if let Err(reasons) = engine
        .offer(Box::new(loaded.plan.clone()), &author(&place::plan_file(common)), "")
        .map_err(|error| engine_failure(&error))?
    {
        tracing::error!(why = %reasons.join("; "), "the plan file is refused; the plan before it runs on, held");
    }
    let stop = Stop::new();
    let graph = adapters.graph;
    let (status, answering) = surroundings(common, &loaded, (offered, graph.clone(), outside), &inputs, &stop, &engine, level)?;
    let pulse = Pulse::default();
    let watchdog = tokio::spawn(lifecycle::feed_watchdog(pulse.clone()));
    lifecycle::ready("the engine is running");
    graph.names().spool(spool::into(&state_dir));
    let ending = tokio::select! {
        ending = engine.run(until, |engine| {
            pulse.beat();
            if let Some(report) = engine.reports().borrow().as_ref() {
                lifecycle::status(&report.headline);
            }
        }) => ending,
        () = stop.hard().cancelled() => Ok(Ending::Stopped),
    };
    lifecycle::stopping("the engine has ended");
    watchdog.abort();
    drop(status);
    drop(inputs);
    tokio::task::spawn_blocking(move || drop(engine)).await.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    if let Some(answering) = answering {
        // Whoever waits hears what became of their command.
        let _ = tokio::time::timeout(FAREWELL, answering).await;
    }
    match ending.map_err(|error| engine_failure(&error))? {
        Ending::Stopped | Ending::Reached | Ending::Done => Ok(Exit::Done),
        Ending::NeedsHuman(why) => Err(Failure::new(Exit::Blocked, why)),
    }
}

/// The socket and the signals; both only wake the engine. The returned sender keeps the socket's status alive;
/// the task answers whoever is at the socket.
fn surroundings(
    common: &Common,
    loaded: &Loaded,
    (offered, graph, outside): (Offered, Graph, Arc<Outside>),
    inputs: &mpsc::Sender<Input>,
    stop: &Stop,
    engine: &Engine,
    level: telemetry::Level,
) -> Result<(watch::Sender<Bytes>, Option<JoinHandle<()>>), Failure> {
    let (sender, receiver) = watch::channel(Bytes::new());
    let config = place::plan_file(common);
    let level = common.log.is_none().then_some(level);
    let rereading = Arc::new(Rereading { config, running: loaded.settings.clone(), offered, outside, graph, level });
    let answering = match admin::bind(&loaded.settings.socket) {
        Ok(listener) => {
            let (commands, mut taken) = mpsc::channel::<Command>(INPUTS);
            let answering = tokio::spawn(admin::serve(listener, commands, receiver));
            let (inputs, rereading) = (inputs.clone(), Arc::clone(&rereading));
            tokio::spawn(async move {
                loop {
                    let command = tokio::select! {
                        command = taken.recv() => command,
                        () = inputs.closed() => None,
                    };
                    let Some(command) = command else { return };
                    let input = match &command.order.what {
                        What::Reload { .. } => rereading.now(Some(command)).0,
                        _ => Input::Command(command),
                    };
                    if inputs.send(input).await.is_err() {
                        return;
                    }
                }
            });
            Some(answering)
        }
        Err(error) => {
            tracing::warn!(error = %super::exit::chain(&error), "no commands are taken; the pause file works all the same");
            None
        }
    };
    let mut reports = engine.reports();
    let published = sender.clone();
    tokio::spawn(async move {
        while reports.changed().await.is_ok() {
            let json = reports.borrow().as_ref().and_then(|report| serde_json::to_vec(&**report).ok());
            if let Some(json) = json {
                published.send_replace(json.into());
            }
        }
    });
    let mut signals =
        Signals::listen().map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be taken: {error}")))?;
    let (inputs, stop) = (inputs.clone(), stop.clone());
    tokio::spawn(async move {
        loop {
            let signal = signals.next().await;
            let mut says = String::new();
            let input = match signal {
                Signal::Stop => {
                    lifecycle::stopping("finishing the batch in flight");
                    stop.begin();
                    Input::Stop
                }
                Signal::Dump => Input::Dump,
                Signal::Reload => {
                    lifecycle::reloading();
                    let (input, now) = rereading.now(None);
                    says = now;
                    input
                }
            };
            if inputs.send(input).await.is_err() {
                return;
            }
            // Only now does the engine have it: whoever waits for the reload may rely on that.
            if signal == Signal::Reload {
                lifecycle::ready(&says);
            }
        }
    });
    Ok((sender, answering))
}

fn state_failure(error: &KeptError) -> Failure {
    let exit = match error {
        KeptError::Lock(LockError::Held { .. }) => Exit::Held,
        KeptError::Lock(LockError::Unwritable { .. })
        | KeptError::Journal(JournalError::Full { .. } | JournalError::Unwritable { .. } | JournalError::Unreadable { .. }) => {
            Exit::State
        }
        KeptError::Journal(_) | KeptError::Misfit(_) => Exit::Journal,
    };
    Failure::because(exit, error)
}

pub(super) fn engine_failure(error: &EngineError) -> Failure {
    let exit = match error {
        EngineError::Store(_) => Exit::State,
        EngineError::Misfit(_) | EngineError::Stuck(_) => Exit::Failed,
    };
    Failure::because(exit, error)
}
