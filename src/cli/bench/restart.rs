//! Killing a daemon while it adds people, and starting it again: how long until the next write, and how much memory both took.
//!
//! The daemons are processes of this program; the tenant lives in this one and sees their requests come. Without a gate, cap or window,
//! and with everything that can be polled being polled beside the adding.

use std::process::Child;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::super::{Exit, Failure, runtime};
use super::{Bed, Measured, day, program};
use crate::clock::Clock;
use crate::sim::{Moment, Options, Pass, Profile, Service, Tenant, Transport, Watch, serve_watched};

/// The figures: people, seconds from the kill to the next write, MiB at most.
const FIGURES: [(usize, f64, f64); 2] = [(100_000, 0.5, 40.0), (1_000_000, 2.0, 128.0)];

/// How many ordinary people a tenant has of a hundred accounts.
const ORDINARY: usize = 94;

/// Writes before the kill.
const BEFORE: u64 = 200;

/// How long the second daemon adds and polls before its memory is read.
const AFTER: Duration = Duration::from_secs(20);

/// How long a daemon may take until it writes.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn measure(people: usize, latency_ms: u64) -> Result<Vec<Measured>, Failure> {
    let bed = Bed::new()?;
    let service = Service { latency: Duration::from_millis(latency_ms), ..Service::default() };
    let calm = Profile { not_allowed: 0.0, missing_rows: 0.0, empty_pages: 0.0, ..Profile::default() };
    let tenant = Tenant::new(Profile { users: people * 100 / ORDINARY, service, ..calm });
    let runtime = runtime()?;
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, error.to_string());
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).map_err(|error| failed(&error))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let (plan, count) = day::prepare(&bed, &tenant, &format!("http://{address}"))?;
    let seen = Arc::new(Seen::default());
    let watch: Watch = {
        let seen = Arc::clone(&seen);
        Arc::new(move |moment, request| {
            if moment == Moment::Before && is_write(request.body()) {
                seen.writes.fetch_add(1, Ordering::Relaxed);
                if let Ok(mut first) = seen.first.lock() {
                    first.get_or_insert_with(Clock::monotonic);
                }
            }
            Pass::On
        })
    };
    let options = Options { clock: Clock::system(), transport: Transport::Plain };
    runtime.spawn(serve_watched(listener, Arc::new(Mutex::new(tenant)), options, watch));
    let first = Daemon::start(&plan, &bed, "first")?;
    until(&first, || seen.writes.load(Ordering::Relaxed) >= BEFORE / 5)?;
    let most = peak(&first)?;
    let killed = Clock::monotonic();
    drop(first);
    if let Ok(mut first) = seen.first.lock() {
        *first = None;
    }
    let second = Daemon::start(&plan, &bed, "second")?;
    let next = || seen.first.lock().ok().and_then(|first| *first);
    until(&second, || next().is_some())?;
    let value = next().map_or(f64::INFINITY, |at: Instant| at.duration_since(killed).as_secs_f64());
    std::thread::sleep(AFTER);
    let most = most.max(peak(&second)?);
    let (_, seconds, mib) = FIGURES.into_iter().find(|(size, ..)| people <= *size).unwrap_or(FIGURES[1]);
    let figure = |what: String, value, unit, bound| Measured { what, value, unit, bound, inclusive: true };
    Ok(vec![
        figure(format!("kill -9 to the next write, {count} people"), value, "s", seconds),
        figure(format!("peak memory while adding and polling, {count} people"), most, "MiB", mib),
    ])
}

/// What the tenant saw.
#[derive(Default)]
struct Seen {
    /// Requests that write.
    writes: AtomicU64,
    /// When the first of them came.
    first: Mutex<Option<Instant>>,
}

fn is_write(body: &[u8]) -> bool {
    const BIND: &[u8] = b"\"members@odata.bind\"";
    body.windows(BIND.len()).any(|window| window == BIND)
}

/// Waits for something that a daemon does.
fn until(daemon: &Daemon, done: impl Fn() -> bool) -> Result<(), Failure> {
    let began = Clock::monotonic();
    while !done() {
        if Clock::monotonic().duration_since(began) > PATIENCE
            || !std::path::Path::new(&format!("/proc/{}", daemon.0.id())).exists()
        {
            return Err(Failure::new(Exit::Failed, "the daemon adds nobody; try `tidegate run` on a simulated tenant"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// The most memory that a process ever had resident, in MiB.
fn peak(daemon: &Daemon) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.0.id())).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| Failure::new(Exit::Failed, "/proc does not tell how much memory a process had"))
}

/// Killed when it goes.
struct Daemon(Child);

impl Daemon {
    fn start(plan: &std::path::Path, bed: &Bed, name: &str) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("the daemon cannot start: {error}"));
        let log = std::fs::File::create(bed.folder().join(format!("{name}.log"))).map_err(failed)?;
        program(plan)?.arg("run").stderr(log).spawn().map(Self).map_err(failed)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
