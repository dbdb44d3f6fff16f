//! The adapters of one tenant, joined: Graph, the enforcement, the notices.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Exit, Failure};
use crate::clock::Clock;
use crate::config::{CredentialKind, Loaded, Templates, credentials};
use crate::enforcement::ConditionalAccess;
use crate::engine::port::{Enforce, Notify, Tenant};
use crate::graph::Graph;
use crate::graph::endpoints::Endpoints;
use crate::graph::own_methods::Counting;
use crate::graph::token::{Credentials, ReadSecret};
use crate::graph::wire::{Https, Wire};
use crate::notify::{Mail, TextError, Texts};
use crate::rollout::plan::{Enforcement, Licence};

/// What the engine and the commands need of a tenant.
pub(super) struct Adapters {
    pub(super) graph: Graph,
    pub(super) tenant: Arc<dyn Tenant>,
    pub(super) enforce: Arc<dyn Enforce>,
    pub(super) notify: Arc<dyn Notify>,
    /// Replaces the texts of notices.
    pub(super) texts: watch::Sender<Arc<Texts>>,
}

/// The adapters over a wire.
pub(super) fn over(
    wire: Arc<dyn Wire>,
    clock: &Clock,
    endpoints: Endpoints,
    credentials: Credentials,
    plan_tenant: &str,
    templates: &Templates,
) -> Result<Adapters, Failure> {
    let graph = Graph::new(wire, clock.clone(), endpoints, credentials, plan_tenant);
    let texts = texts_of(templates).map_err(|error| Failure::because(Exit::Plan, &error))?;
    let (texts, current) = watch::channel(Arc::new(texts));
    Ok(Adapters {
        tenant: Arc::new(graph.clone()),
        enforce: Arc::new(ConditionalAccess::new(graph.clone())),
        notify: Arc::new(Mail::new(graph.clone(), current)),
        texts,
        graph,
    })
}

/// The operator's texts over the built-in ones.
pub(super) fn texts_of(templates: &Templates) -> Result<Texts, TextError> {
    Texts::new(templates.texts.iter().map(|(language, text)| (language.as_str(), text.subject.as_str(), text.body.as_str())))
}

/// The adapters that a plan asks for, over HTTP.
pub(super) fn over_http(loaded: &Loaded, clock: &Clock) -> Result<Adapters, Failure> {
    let endpoints = endpoints(loaded)?;
    let wire = Https::new(&endpoints).map_err(|error| Failure::because(Exit::Tenant, &error))?;
    let credentials = credentials_of(loaded)?;
    let joined = over(Arc::new(wire), clock, endpoints, credentials, &loaded.plan.tenant, &loaded.settings.templates)?;
    if loaded.plan.access.licence == Licence::None {
        joined.graph.without_report(match loaded.plan.enforcement {
            Enforcement::SecurityDefaults { .. } => Counting::SecurityDefaults,
            _ => Counting::Allowed,
        });
    }
    Ok(joined)
}

/// The addresses of the plan's tenant.
pub(super) fn endpoints(loaded: &Loaded) -> Result<Endpoints, Failure> {
    let settings = &loaded.settings;
    Endpoints::new(settings.graph_url.as_str(), settings.login_url.as_str(), &loaded.plan.tenant)
        .map_err(|error| Failure::because(Exit::Plan, &error))
}

fn credentials_of(loaded: &Loaded) -> Result<Credentials, Failure> {
    let given = &loaded.settings.credentials;
    let client_id = given.client_id.clone().unwrap_or_default();
    let kind = given.kind.clone();
    let read: ReadSecret = Arc::new(move || credentials::read(&kind).map_err(|error| super::exit::chain(&error)));
    match given.kind {
        CredentialKind::SecretFile(_) => Ok(Credentials::Secret { client_id, secret: read }),
        CredentialKind::Certificate(_) => Ok(Credentials::Certificate { client_id, pem: read }),
        _ => {
            let says =
                "credentials: federated tokens and managed identities are not built yet; use `certificate` or `secret_file`";
            Err(Failure::new(Exit::Plan, says))
        }
    }
}
