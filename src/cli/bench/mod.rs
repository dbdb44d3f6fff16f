//! `bench`: what the documentation promises, measured side by side with its bounds.
//!
//! Works on simulated tenants only, in a folder of its own that it removes. Times mean something in a release build alone.

mod adds;
mod announcement;
mod day;
mod forecast;
mod idle;
mod poll;
mod rehearsal;
mod restart;
mod rollout;
mod stop;
mod wire;
mod writing;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde::Serialize;

use self::writing::Case;
use super::args::{Bench, Common};
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

pub(super) fn bench(common: &Common, verb: &Bench) -> Result<Exit, Failure> {
    let bed = Bed::new()?;
    let all = match verb.only.as_deref() {
        Some(case) if writing::CASES.contains(&case) => writing::measure(&bed, case, verb)?,
        only => several(&bed, common, verb, only.unwrap_or_default())?,
    };
    if common.json {
        say!("{}", serde_json::to_string(&all).unwrap_or_default());
    } else {
        for one in &all {
            let Measured { what, value, unit, bound, .. } = one;
            let sign = if one.inclusive { "<=" } else { "<" };
            let verdict = if one.holds() { "ok" } else { "MISSED" };
            let digits = if value.fract() == 0.0 { 0 } else { 2 };
            say!("{what:<66} {value:>8.digits$} {unit:<4} {sign:>2} {bound:>6} {verdict}");
        }
    }
    Ok(if all.iter().all(Measured::holds) { Exit::Done } else { Exit::Blocked })
}

/// The measurements whose names hold `only`. Those of speed run side by side: they mostly wait. The full ones run one by one.
fn several(bed: &Bed, common: &Common, verb: &Bench, only: &str) -> Result<Vec<Measured>, Failure> {
    let mut all = Vec::new();
    if "adds".contains(only) {
        all.extend(adds::measure(bed)?);
    }
    if "announcement".contains(only) {
        all.extend(announcement::measure(bed, if verb.full { 50_000 } else { verb.users as usize / 4 })?);
    }
    // No figure of speed; the tests assert it too.
    if !only.is_empty() && "forecast".contains(only) {
        all.extend(forecast::measure(common.json)?);
    }
    if "idle".contains(only) {
        all.push(idle::measure(bed)?);
    }
    if "rehearsal".contains(only) {
        all.push(rehearsal::measure(bed)?);
    }
    if "poll".contains(only) {
        all.extend(poll::measure(verb.full.then_some(1_000_000))?);
    }
    if "restart".contains(only) {
        let sizes = if verb.full { vec![100_000, 1_000_000] } else { vec![verb.users as usize] };
        for size in sizes {
            all.extend(restart::measure(size, 50)?);
        }
    }
    // Two minutes: it runs only when it is named.
    if !only.is_empty() && "stop".contains(only) {
        all.extend(stop::measure(if verb.full { 100 } else { 20 })?);
    }
    let cases = writing::CASES.iter().copied().filter(|case| case.contains(only));
    if verb.full {
        for case in cases {
            all.extend(Case::begin(case, verb)?.end()?);
        }
    } else {
        let cases = cases.map(|case| Case::begin(case, verb)).collect::<Result<Vec<_>, _>>()?;
        for case in cases {
            all.extend(case.end()?);
        }
    }
    Ok(all)
}

/// A folder with secret and plan; removed at the end.
struct Bed(PathBuf);

impl Bed {
    fn new() -> Result<Self, Failure> {
        // Several may be there at once.
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let bed = Self(config::temporary_folder().join(format!("tidegate-bench-{}-{next}", std::process::id())));
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
        let (state, secret) = (self.state(), self.secret());
        let here =
            Here { url, ca_file: None, state_dir: &state.to_string_lossy(), secret_file: &secret.to_string_lossy(), pilot };
        self.write(&ready_plan(tenant, here))
    }

    fn write(&self, plan: &str) -> Result<PathBuf, Failure> {
        let file = self.0.join("plan.toml");
        std::fs::write(&file, plan)
            .map_err(|error| Failure::new(Exit::State, format!("{}: cannot be written: {error}", file.display())))?;
        Ok(file)
    }

    fn folder(&self) -> &Path {
        &self.0
    }

    fn secret(&self) -> PathBuf {
        self.0.join("secret")
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

/// This program.
fn this() -> Result<Command, Failure> {
    std::env::current_exe()
        .map(Command::new)
        .map_err(|error| Failure::new(Exit::Failed, format!("the program does not find itself: {error}")))
}

/// This program with a plan, silent.
fn program(plan: &Path) -> Result<Command, Failure> {
    let mut command = this()?;
    command.arg("-c").arg(plan).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}
