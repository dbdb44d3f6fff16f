//! Memory of an idle daemon: a real `run` against a simulated tenant, weeks before anything is due.

use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::{Exit, Failure, runtime};
use super::{Bed, Measured, program};
use crate::clock::Clock;
use crate::sim::{Options, Profile, Tenant, Transport, serve};
use crate::store;

const USERS: usize = 1_000;
const MOST_MIB: f64 = 25.0;

/// How long the daemon may take to become idle.
const PATIENCE: Duration = Duration::from_secs(60);
/// From its first status on; what the start needed is given back by then.
const SETTLE: Duration = Duration::from_secs(5);

pub(super) fn measure(bed: &Bed) -> Result<Measured, Failure> {
    let tenant = Tenant::new(Profile { users: USERS, ..Profile::default() });
    let runtime = runtime()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
    let listener = listener.map_err(|error| Failure::new(Exit::Failed, format!("cannot listen on loopback: {error}")))?;
    let address = listener.local_addr().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let plan = bed.plan(&tenant, &format!("http://{address}"))?;
    let options = Options { clock: Clock::system(), transport: Transport::Plain };
    runtime.spawn(serve(listener, Arc::new(Mutex::new(tenant)), options));
    let started = program(&plan)?.arg("run").spawn();
    let mut daemon = Daemon(started.map_err(|error| Failure::new(Exit::Failed, format!("the daemon cannot start: {error}")))?);
    let began = Clock::monotonic();
    while store::status::read(&bed.state()).ok().flatten().is_none() {
        let gone = daemon.0.try_wait().ok().flatten().is_some();
        if gone || Clock::monotonic().duration_since(began) > PATIENCE {
            return Err(Failure::new(Exit::Failed, "the daemon did not come up; try `tidegate run` on a simulated tenant"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(SETTLE);
    let value = resident(daemon.0.id())?;
    let what = format!("memory of an idle daemon, {USERS} people");
    Ok(Measured { what, value, unit: "MiB", bound: MOST_MIB, inclusive: false })
}

/// The resident memory of a process, in MiB.
fn resident(pid: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| Failure::new(Exit::Failed, "/proc does not tell how much memory a process has"))
}

/// Ended when it goes.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
