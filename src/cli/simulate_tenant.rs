//! `simulate-tenant`: a simulated tenant over HTTP or HTTPS, with a ready plan for itself. Runs until it is stopped.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

use super::args::{Common, SimulateTenant};
use super::world::SECRET;
use super::{Exit, Failure, runtime};
use crate::clock::Clock;
use crate::say;
use crate::sim::{Here, Options, Planted, Profile, Tenant, Transport, ready_plan, serve};

pub(super) fn simulate_tenant(common: &Common, verb: &SimulateTenant) -> Result<Exit, Failure> {
    let clock = Clock::system();
    let mut planted = Vec::new();
    for kind in &verb.plant {
        match kind.as_str() {
            "all" => planted.extend(Planted::together()),
            kind => planted.push(kind.parse().map_err(|error: String| Failure::new(Exit::Usage, format!("--plant: {error}")))?),
        }
    }
    planted.sort_unstable();
    planted.dedup();
    let tenant = Tenant::new(Profile {
        users: verb.users as usize,
        seed: verb.seed,
        never: verb.never,
        planted,
        read_lag: SignedDuration::from_secs(i64::from(verb.read_lag)),
        ..Profile::default()
    });
    runtime()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(verb.listen)
            .await
            .map_err(|error| Failure::new(Exit::Failed, format!("{}: cannot listen there: {error}", verb.listen)))?;
        let address = listener.local_addr().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        let url = format!("{}://{address}", if verb.tls { "https" } else { "http" });
        let folder = verb.folder.clone().unwrap_or_else(|| PathBuf::from("."));
        let pilot = monday_after(clock.now().to_zoned_datetime(TimeZone::UTC).date().saturating_add(35.days()));
        let (state, secret) = (folder.join("state"), folder.join("secret"));
        let here = Here { url: &url, state_dir: &state.to_string_lossy(), secret_file: &secret.to_string_lossy(), pilot };
        let plan = ready_plan(&tenant, here);
        let written = verb.folder.as_ref().map(|folder| write(folder, &plan)).transpose()?;
        if common.json {
            say!("{}", serde_json::json!({ "url": url, "users": verb.users, "seed": verb.seed, "file": written, "plan": plan }));
        } else {
            say!("simulated tenant at {url}, {} users, seed {}", verb.users, verb.seed);
            written.map_or_else(|| say!("{plan}"), |file| say!("plan: {}", file.display()));
        }
        let certificate = folder.join("simulated-tenant.pem");
        let transport = if verb.tls { Transport::Tls { certificate } } else { Transport::Plain };
        serve(listener, Arc::new(Mutex::new(tenant)), Options { clock, transport })
            .await
            .map_err(|error| Failure::because(Exit::Failed, &error))
    })?;
    Ok(Exit::Done)
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
