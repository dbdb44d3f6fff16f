//! One trial: a daemon adds people, something goes wrong, somebody pauses; it is killed, and started again.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::runtime::Handle;

use super::super::super::{Exit, Failure};
use super::super::{Bed, day, program};
use super::plight::{Place, Plight, failed};
use crate::admin::{Request, ask};
use crate::clock::Clock;
use crate::config;
use crate::rollout::id::keyed_hash;
use crate::rollout::state::{PAUSE_FILE, PAUSED};
use crate::sim::{Profile, Service, Tenant};

/// Enough that they are not all added when the pause comes.
const USERS: usize = 6_000;

/// Of every answer.
const LATENCY: Duration = Duration::from_millis(300);

/// Whatever waits to be sent again would be, within so long.
const WATCHED: Duration = Duration::from_secs(6);

/// After the second start.
const WATCHED_AGAIN: Duration = Duration::from_secs(3);

/// How long a daemon may take for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of a trial.
pub(super) struct Came {
    pub(super) plight: Plight,
    /// From the start of the command to its answer.
    pub(super) answered: Duration,
    /// Writes whose answers were awaited then.
    pub(super) under_way: usize,
    /// Writes that came after it.
    pub(super) late: usize,
    pub(super) killed_at_once: bool,
    /// Whether the second start was paused.
    pub(super) stands: bool,
    /// Writes of the second start.
    pub(super) again: usize,
}

pub(super) fn trial(handle: &Handle, number: usize) -> Result<Came, Failure> {
    let plight = Plight::of(number);
    let killed_at_once = (number + number / 8) % 2 == 1;
    let bed = Bed::new()?;
    let service = Service { latency: LATENCY, ..Service::default() };
    let calm = Profile { not_allowed: 0.0, missing_rows: 0.0, empty_pages: 0.0, ..Profile::default() };
    let place = Place::open(handle, Tenant::new(Profile { users: USERS, service, ..calm }))?;
    let (plan, people) = place.with(|tenant| day::prepare(&bed, tenant, &place.url()))?;
    let socket = config::load(&plan, []).map_err(|problems| Failure::new(Exit::Plan, problems.to_string()))?.settings.socket;

    let mut first = Daemon::start(&plan, &bed, "first")?;
    // The canary went alone; what follows goes side by side.
    first.until(|| place.writes() > 1)?;
    std::thread::sleep(some(number, "calm", 500));
    let before = place.writes();
    place.begin(plight);
    if plight == Plight::Full {
        first.fill_disk(&bed)?;
    }
    if matches!(plight, Plight::Slow | Plight::Throttled) {
        first.until(|| place.writes() > before)?;
    }
    std::thread::sleep(some(number, "plight", most(plight)));

    let asked = Clock::monotonic();
    let says = pause(&plan)?;
    let read = Clock::monotonic();
    let under_way = place.under_way();
    if killed_at_once {
        drop(first);
        place.end(plight)?;
    } else {
        place.end(plight)?;
        std::thread::sleep(WATCHED);
        drop(first);
    }
    let late = place.writes_after(read);
    let required = place.with(|tenant| tenant.writes().iter().map(|write| write.people.len()).sum::<usize>());
    if required >= people {
        return Err(Failure::new(Exit::Failed, format!("everybody was added before the pause ({says}); this measures nothing")));
    }

    let restarted = Clock::monotonic();
    let mut second = Daemon::start(&plan, &bed, "second")?;
    let mut status = None;
    second.until(|| {
        status = handle.block_on(ask(&socket, &Request::Status)).ok();
        status.is_some()
    })?;
    let status = status.unwrap_or_default();
    let stands = [PAUSED, PAUSE_FILE].iter().any(|hold| status.contains(&format!("\"{hold}\"")));
    std::thread::sleep(WATCHED_AGAIN);
    let again = place.writes_after(restarted);
    let answered = read.duration_since(asked);
    tracing::info!(number, ?plight, ?answered, under_way, late, stands, again, says, "a trial is over");
    Ok(Came { plight, answered, under_way, late, killed_at_once, stands, again })
}

/// The longest wait before the pause, in milliseconds: where the disk is full, the daemon ends by itself soon.
const fn most(plight: Plight) -> u64 {
    match plight {
        Plight::Full => 50,
        Plight::Between => 300,
        Plight::Slow | Plight::Throttled | Plight::Cut | Plight::Gone => 1_500,
    }
}

/// A time of at most so many milliseconds; the same for the same trial.
fn some(number: usize, what: &str, most: u64) -> Duration {
    let chance = keyed_hash("the stop", &[what, &number.to_string()]) % u128::from(most.max(1));
    Duration::from_millis(u64::try_from(chance).unwrap_or(most))
}

/// The operator's command; its answer as soon as it is read.
fn pause(plan: &Path) -> Result<String, Failure> {
    let mut command = program(plan)?;
    let mut child = command.args(["pause", "an emergency"]).stdout(Stdio::piped()).spawn().map_err(|error| failed(&error))?;
    let mut says = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut says).map_err(|error| failed(&error))?;
    }
    if says.is_empty() {
        let ended = child.wait().map_err(|error| failed(&error))?;
        return Err(Failure::new(Exit::Failed, format!("`tidegate pause` was not taken: {ended}")));
    }
    child.wait().map_err(|error| failed(&error))?;
    Ok(says.trim().to_owned())
}

/// A daemon, killed when it goes.
struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    fn start(plan: &Path, bed: &Bed, name: &str) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("the daemon cannot start: {error}"));
        let log = bed.folder().join(format!("{name}.log"));
        let file = std::fs::File::create(&log).map_err(failed)?;
        // A file that may not grow is an error to it and not its death; only a shell can ask for that.
        let program = program(plan)?;
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(program.get_program())
            .args(program.get_args())
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child, log })
    }

    /// Waits for something that the daemon does.
    fn until(&mut self, mut done: impl FnMut() -> bool) -> Result<(), Failure> {
        let began: Instant = Clock::monotonic();
        while !done() {
            let gone = self.child.try_wait().ok().flatten().is_some();
            if gone || Clock::monotonic().duration_since(began) > PATIENCE {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                return Err(Failure::new(Exit::Failed, format!("the daemon of a trial does nothing: {}", last.join(" | "))));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// From now on no file of the daemon grows beyond what half of its journal takes.
    fn fill_disk(&self, bed: &Bed) -> Result<(), Failure> {
        let folder = std::fs::read_dir(bed.state().join("journal")).map_err(|error| failed(&error))?;
        let longest = folder.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).max().unwrap_or(0);
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: Some(longest / 2), maximum: None };
        prlimit(pid, Resource::Fsize, limit).map(drop).map_err(|error| failed(&error))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
