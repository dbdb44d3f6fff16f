//! `simulate-tenant`: a simulated tenant over HTTP or HTTPS, with a ready plan for itself. Runs until it is stopped.

use std::future::{Future as _, poll_fn};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use super::args::{Common, Quota, SimulateTenant};
use super::world::SECRET;
use super::{Exit, Failure, runtime};
use crate::clock::Clock;
use crate::say;
use crate::sim::{
    AppKey, Charge, Counted, Here, Options, Planted, Profile, Quotas, ServerError, Service, Tenant, Transport, ready_plan, serve,
};

pub(super) fn simulate_tenant(common: &Common, verb: &SimulateTenant) -> Result<Exit, Failure> {
    let clock = Clock::system();
    let app_key = verb.app_certificate.as_deref().map(app_key).transpose()?;
    let planted = planted(&verb.plant)?;
    let tenant = Tenant::new(Profile { app_key, planted, ..profile(verb) });
    runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(verb.listen)
            .await
            .map_err(|error| Failure::new(Exit::Failed, format!("{}: cannot listen there: {error}", verb.listen)))?;
        let address = listener.local_addr().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        let url = format!("{}://{address}", if verb.tls { "https" } else { "http" });
        let folder = verb.folder.clone().unwrap_or_else(|| PathBuf::from("."));
        // Paths in a plan are relative to it.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let pilot = monday_after(clock.now().to_zoned_datetime(TimeZone::UTC).date().saturating_add(35.days()));
        let (state, secret) = (folder.join("state"), folder.join("secret"));
        let certificate = folder.join("simulated-tenant.pem");
        let ca_file = certificate.to_string_lossy();
        let ca_file = verb.tls.then_some(&*ca_file);
        let here =
            Here { url: &url, ca_file, state_dir: &state.to_string_lossy(), secret_file: &secret.to_string_lossy(), pilot };
        let plan = ready_plan(&tenant, here);
        let written = verb.folder.as_ref().map(|folder| write(folder, &plan)).transpose()?;
        let names = verb.tls_name.clone();
        let transport = if verb.tls { Transport::Tls { certificate, names } } else { Transport::Plain };
        let mut serving = Box::pin(serve(listener, Arc::new(Mutex::new(tenant)), Options { clock, transport }));
        let failure = |error: &ServerError| Failure::because(Exit::Failed, error);
        // The first look at it writes the certificate: whoever is told of the plan finds both.
        if let Poll::Ready(ended) = poll_fn(|context| Poll::Ready(serving.as_mut().poll(context))).await {
            return ended.map_err(|error| failure(&error));
        }
        if common.json {
            say!("{}", serde_json::json!({ "url": url, "users": verb.users, "seed": verb.seed, "file": written, "plan": plan }));
        } else {
            say!("simulated tenant at {url}, {} users, seed {}", verb.users, verb.seed);
            written.map_or_else(|| say!("{plan}"), |file| say!("plan: {}", file.display()));
        }
        serving.await.map_err(|error| failure(&error))
    })?;
    Ok(Exit::Done)
}

/// The problems that the tenant begins with.
fn planted(kinds: &[String]) -> Result<Vec<Planted>, Failure> {
    let mut planted = Vec::new();
    for kind in kinds {
        match kind.as_str() {
            "all" => planted.extend(Planted::together()),
            kind => planted.push(kind.parse().map_err(|error: String| Failure::new(Exit::Usage, format!("--plant: {error}")))?),
        }
    }
    planted.sort_unstable();
    planted.dedup();
    Ok(planted)
}

/// What the options ask for.
fn profile(verb: &SimulateTenant) -> Profile {
    let usual = Profile { users: verb.users as usize, seed: verb.seed, never: verb.never, ..Profile::default() };
    let usual = if verb.calm { Profile { not_allowed: 0.0, missing_rows: 0.0, empty_pages: 0.0, ..usual } } else { usual };
    Profile {
        read_lag: SignedDuration::from_secs(i64::from(verb.read_lag)),
        security_defaults: verb.security_defaults,
        per_user: verb.per_user,
        roles: usual.roles.iter().chain(&verb.grant).cloned().collect(),
        quotas: Quotas { writes: verb.service.write_quota, reports: verb.service.report_quota, ..usual.quotas },
        service: Service {
            counted: if verb.service.quota == Quota::Window { Counted::Window } else { Counted::Bucket },
            writes_per: SignedDuration::from_secs(i64::from(verb.service.quota_period)),
            charge: if verb.service.charge_links { Charge::Link } else { Charge::Request },
            at_once: verb.service.max_inflight,
            vanishing: verb.vanishing,
            latency: Duration::from_millis(u64::from(verb.service.latency_ms)),
        },
        ..usual
    }
}

/// The certificate that the app is known by.
fn app_key(file: &Path) -> Result<AppKey, Failure> {
    let failure = |why: String| Failure::new(Exit::Usage, format!("--app-certificate {}: {why}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| failure(format!("cannot be read: {error}")))?;
    AppKey::read(&bytes).map_err(|why| failure(format!("{why}; name the file that would be uploaded to the app")))
}

fn monday_after(date: Date) -> Date {
    date.nth_weekday(1, Weekday::Monday).unwrap_or(date)
}

/// Puts plan and secret into the folder.
fn write(folder: &Path, plan: &str) -> Result<PathBuf, Failure> {
    let file = folder.join("plan.toml");
    let secret = folder.join("secret");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, plan))
        .and_then(|()| std::fs::write(&secret, SECRET))
        .and_then(|()| std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)))
        .map_err(|error| Failure::new(Exit::State, format!("{}: cannot be written: {error}", folder.display())))?;
    Ok(file)
}
