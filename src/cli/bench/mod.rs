//! `bench`: what the documentation promises, measured side by side with its bounds.
//!
//! Works on simulated tenants only, in a folder of its own that it removes. Times mean something in a release build alone.

mod adds;
mod idle;
mod rehearsal;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::args::Common;
use super::{Exit, Failure};
use crate::clock::Clock;
use crate::config;
use crate::say;
use crate::sim::{Here, SECRET, Tenant, ready_plan};

/// One figure and its bound.
#[derive(Debug, Serialize)]
struct Measured {
    what: String,
    value: f64,
    unit: &'static str,
    bound: f64,
    /// Whether the bound itself is still within.
    inclusive: bool,
}

impl Measured {
    fn holds(&self) -> bool {
        self.value < self.bound || self.inclusive && self.value <= self.bound
    }
}

pub(super) fn bench(common: &Common) -> Result<Exit, Failure> {
    let bed = Bed::new()?;
    let mut all = adds::measure(&bed)?;
    all.push(idle::measure(&bed)?);
    all.push(rehearsal::measure(&bed)?);
    if common.json {
        say!("{}", serde_json::to_string(&all).unwrap_or_default());
    } else {
        for one in &all {
            let Measured { what, value, unit, bound, .. } = one;
            let sign = if one.inclusive { "<=" } else { "<" };
            let verdict = if one.holds() { "ok" } else { "MISSED" };
            let digits = usize::from(!one.inclusive);
            say!("{what:<46} {value:>8.digits$} {unit:<4} {sign:>2} {bound:>5} {verdict}");
        }
    }
    Ok(if all.iter().all(Measured::holds) { Exit::Done } else { Exit::Blocked })
}

/// A folder with secret and plan; removed at the end.
struct Bed(PathBuf);

impl Bed {
    fn new() -> Result<Self, Failure> {
        let bed = Self(config::temporary_folder().join(format!("tidegate-bench-{}", std::process::id())));
        let secret = bed.0.join("secret");
        std::fs::create_dir_all(&bed.0)
            .and_then(|()| std::fs::write(&secret, SECRET))
            .and_then(|()| std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)))
            .map_err(|error| Failure::new(Exit::State, format!("{}: cannot be written: {error}", bed.0.display())))?;
        Ok(bed)
    }

    /// Writes the tenant's own plan, its pilot about nine weeks from now.
    fn plan(&self, tenant: &Tenant, url: &str) -> Result<PathBuf, Failure> {
        let today = Clock::system().now().to_zoned_datetime(TimeZone::UTC).date();
        let pilot = today.saturating_add(60.days()).nth_weekday(1, jiff::civil::Weekday::Monday).unwrap_or(today);
        let (state, secret) = (self.0.join("state"), self.0.join("secret"));
        let here =
            Here { url, ca_file: None, state_dir: &state.to_string_lossy(), secret_file: &secret.to_string_lossy(), pilot };
        let file = self.0.join("plan.toml");
        std::fs::write(&file, ready_plan(tenant, here))
            .map_err(|error| Failure::new(Exit::State, format!("{}: cannot be written: {error}", file.display())))?;
        Ok(file)
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "the folder of the measurements stays");
        }
    }
}

/// This program with a plan, silent.
fn program(plan: &Path) -> Result<Command, Failure> {
    let this = std::env::current_exe()
        .map_err(|error| Failure::new(Exit::Failed, format!("the program does not find itself: {error}")))?;
    let mut command = Command::new(this);
    command.arg("-c").arg(plan).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}
