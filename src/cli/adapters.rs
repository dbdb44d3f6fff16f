//! The adapters of one tenant, joined: Graph, the enforcement, the notices.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Exit, Failure};
use crate::clock::Clock;
use crate::config::{self, CredentialKind, Loaded, Problem, SmtpTls, credentials};
use crate::enforcement::Enforcer;
use crate::engine::port::{Enforce, Notify, Tenant};
use crate::graph::Graph;
use crate::graph::certificate::{self, CertificateFile};
use crate::graph::endpoints::Endpoints;
use crate::graph::expiry::Expiry;
use crate::graph::own_methods::Counting;
use crate::graph::throttle::Gates;
use crate::graph::token::{Credentials, ReadSecret};
use crate::graph::wire::{Https, Proxy, Way, Wire};
use crate::letter::{Style, TextError, Texts};
use crate::notify::smtp::{ReadPassword, Server, Smtp, Tls};
use crate::notify::{Addresses, Mail};
use crate::outside::{Question, Whom};
use crate::rollout::observed::Roll;
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

impl Adapters {
    /// Mails to operators go through Graph, to these addresses.
    pub(super) fn know(&mut self, operators: Addresses) {
        self.notify = Arc::new(Mail::new(self.graph.clone(), self.texts.subscribe()).for_operators(operators));
    }
}

/// The adapters over a wire. `roll` holds the people whom readings of an earlier life are about.
pub(super) fn over(
    wire: Arc<dyn Wire>,
    clock: &Clock,
    endpoints: Endpoints,
    credentials: Credentials,
    plan_tenant: &str,
    texts: Texts,
    roll: Arc<Roll>,
) -> Adapters {
    join(Graph::new(wire, clock.clone(), endpoints, credentials, plan_tenant).knowing(roll), texts)
}

/// The adapters that a plan asks for, over a wire of one's own and with gates of one's own; for measurements.
pub(super) fn measured(loaded: &Loaded, clock: &Clock, wire: Arc<dyn Wire>, gates: Gates) -> Result<Adapters, Failure> {
    let (endpoints, credentials) = (endpoints(loaded)?, credentials_of(&loaded.settings.credentials));
    let graph = Graph::gated(wire, clock.clone(), endpoints, credentials, &loaded.plan.tenant, gates);
    Ok(join(graph, texts(loaded)?))
}

fn join(graph: Graph, texts: Texts) -> Adapters {
    let (texts, current) = watch::channel(Arc::new(texts));
    Adapters {
        tenant: Arc::new(graph.clone()),
        enforce: Arc::new(Enforcer::new(graph.clone())),
        notify: Arc::new(Mail::new(graph.clone(), current)),
        texts,
        graph,
    }
}

/// The texts of a plan: the operator's over the built-in ones.
pub(super) fn texts_of(loaded: &Loaded) -> Result<Texts, TextError> {
    let notices = &loaded.plan.notices;
    let style = Style { language: notices.language.clone(), verify: notices.verify.clone(), format: notices.format };
    let mut texts = Texts::built_in(style)?;
    for ((language, kind), source) in &loaded.settings.templates.texts {
        texts.set(language, *kind, source)?;
    }
    Ok(texts)
}

/// The same, for commands.
pub(super) fn texts(loaded: &Loaded) -> Result<Texts, Failure> {
    texts_of(loaded).map_err(|error| Failure::because(Exit::Plan, &error))
}

/// The adapters that a plan asks for, over HTTP.
pub(super) fn over_http(loaded: &Loaded, clock: &Clock, roll: Arc<Roll>) -> Result<Adapters, Failure> {
    let settings = &loaded.settings;
    let endpoints = endpoints(loaded)?;
    let wire = https(loaded)?;
    let credentials = credentials_of(&settings.credentials);
    let mut joined = over(Arc::new(wire), clock, endpoints, credentials, &loaded.plan.tenant, texts(loaded)?, roll);
    let operators = Addresses::new(&loaded.plan.tenant, &settings.reports_to);
    if let Some(smtp) = mail_server(loaded, &joined, clock)? {
        joined.notify = Arc::new(smtp.for_operators(operators));
    } else {
        joined.know(operators);
    }
    joined.graph.secret_expires(settings.credentials.secret_expires);
    if loaded.plan.access.licence == Licence::None {
        joined.graph.without_report(match loaded.plan.enforcement {
            Enforcement::SecurityDefaults { .. } => Counting::SecurityDefaults,
            _ => Counting::Allowed,
        });
    }
    Ok(joined)
}

/// The plan's own mail server, where notices go through one.
pub(super) fn mail_server(loaded: &Loaded, joined: &Adapters, clock: &Clock) -> Result<Option<Smtp>, Failure> {
    let ca_file = loaded.settings.way.ca_file.as_deref();
    loaded.settings.smtp.as_ref().map(|smtp| by_smtp(smtp, ca_file, joined, clock)).transpose()
}

/// Notices through the plan's mail server.
fn by_smtp(smtp: &config::Smtp, ca_file: Option<&Path>, joined: &Adapters, clock: &Clock) -> Result<Smtp, Failure> {
    let failure = |why: String| Failure::new(Exit::Plan, why);
    let read = |file: &Path| -> ReadPassword {
        let file = file.to_owned();
        Arc::new(move || config::smtp::password(&file))
    };
    let server = Server {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            SmtpTls::Tls => Tls::FromTheStart,
            SmtpTls::StartTls => Tls::AfterStartTls,
            SmtpTls::None => Tls::Never,
        },
        authorities: ca_file.map(config::proxy::authorities).transpose().map_err(failure)?,
        login: smtp.login.as_ref().map(|(user, file)| (user.clone(), read(file))),
        per_minute: smtp.per_minute as usize,
        at_once: smtp.at_once as usize,
        from: smtp.from.clone(),
    };
    Smtp::new(joined.graph.clone(), joined.texts.subscribe(), clock.clone(), server).map_err(failure)
}

/// The wire that a plan asks for.
pub(super) fn https(loaded: &Loaded) -> Result<Https, Failure> {
    let way = way(&loaded.settings.way).map_err(|why| Failure::new(Exit::Plan, why))?;
    Https::new(&way).map_err(|error| Failure::because(Exit::Tenant, &error))
}

/// The addresses of the plan's tenant.
pub(super) fn endpoints(loaded: &Loaded) -> Result<Endpoints, Failure> {
    let settings = &loaded.settings;
    Endpoints::new(settings.graph_url.as_str(), settings.login_url.as_str(), &loaded.plan.tenant)
        .map_err(|error| Failure::because(Exit::Plan, &error))
}

/// The way to the tenant, with what its files hold now.
fn way(way: &config::Way) -> Result<Way, String> {
    let proxy = match &way.proxy {
        config::Proxy::Environment => Proxy::Environment,
        config::Proxy::None => Proxy::None,
        config::Proxy::Through { url, login } => {
            Proxy::Through { url: url.to_string(), login: login.as_deref().map(config::proxy::login).transpose()? }
        }
    };
    Ok(Way { proxy, authorities: way.ca_file.as_deref().map(config::proxy::authorities).transpose()? })
}

fn credentials_of(given: &config::Credentials) -> Credentials {
    let client_id = given.client_id.clone().unwrap_or_default();
    let kind = given.kind.clone();
    let read: ReadSecret = Arc::new(move || credentials::read(&kind).map_err(|error| super::exit::chain(&error)));
    match given.kind.clone() {
        CredentialKind::SecretFile(_) => Credentials::Secret { client_id, secret: read },
        CredentialKind::FederatedTokenFile(_) => Credentials::Federated { client_id, token: read },
        CredentialKind::ManagedIdentity { url } => {
            Credentials::Managed { client_id: given.client_id.clone(), url: url.to_string() }
        }
        CredentialKind::Certificate { file, password } => Credentials::Certificate {
            client_id,
            path: file.display().to_string(),
            file: Arc::new(move || certificate_file(&file, password.as_deref())),
        },
    }
}

fn certificate_file(file: &Path, password: Option<&Path>) -> Result<CertificateFile, String> {
    let (bytes, password) = credentials::read_certificate(file, password).map_err(|error| super::exit::chain(&error))?;
    Ok(CertificateFile { bytes, password })
}

/// What is wrong with the credential, or when it ends, as far as the plan and its files tell without the tenant. A file that cannot be
/// read now is no matter of this: `run` needs it, not `check`.
pub(super) fn credential_problem(loaded: &Loaded, now: Timestamp) -> Option<Problem> {
    let given = &loaded.settings.credentials;
    let CredentialKind::Certificate { file, password } = &given.kind else {
        let expiry = Expiry::of_secret(given.secret_expires?);
        let message = expiry.message(now)?;
        // A date in the plan may be an old one; the login service knows better.
        return Some(loaded.problem("credentials", "secret_expires", message, expiry.remedy).warning());
    };
    let problem = |message: String, remedy: &str| loaded.problem("credentials", "certificate", message, remedy);
    match certificate::ends(&certificate_file(file, password.as_deref()).ok()?) {
        Err(error) => Some(problem(format!("cannot be used: {error}"), "correct the file, or name another one")),
        Ok(at) => {
            let expiry = Expiry::of_certificate(&file.display().to_string(), at);
            let problem = problem(expiry.message(now)?, expiry.remedy);
            Some(if expiry.is_over(now) { problem } else { problem.warning() })
        }
    }
}

/// What answers gates from outside the tenant, as a plan's file names it; each by the hash that the plan itself holds.
pub(super) fn questions(loaded: &Loaded) -> impl Iterator<Item = (String, Question)> {
    loaded.settings.outside.iter().map(|outside| {
        let whom = match &outside.asks {
            config::Asks::Http { url, allow_internal } => {
                Whom::Address { url: url.clone(), allow_internal: allow_internal.clone() }
            }
            config::Asks::Command(words) => Whom::Command(words.clone()),
        };
        (outside.hash(), Question { whom, time_limit: outside.time_limit.unsigned_abs() })
    })
}
