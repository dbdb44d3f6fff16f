//! The test bed: the simulated tenant on a socket of the test process, a folder with plan, secret and state, and the binary.
//!
//! Waits for levels only: a pipe that ends, a line that comes. A process that is still there when its bed goes is killed.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use jiff::Timestamp;
use tempfile::TempDir;
use tidegate::clock::Clock;
use tidegate::rollout::event::Record;
use tidegate::sim::{self, Moment, Options, Pass, Profile, Tenant, Transport, Watch};
use tidegate::store::records::records;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// No process of these tests may take longer.
const PATIENCE: Duration = Duration::from_secs(240);

/// A tenant, a folder, and the processes that work on them.
pub(super) struct Bed {
    tenant: Arc<Mutex<Tenant>>,
    watch: Arc<Mutex<Watch>>,
    daemon: Daemon,
    url: String,
    folder: TempDir,
    _runtime: Runtime,
}

impl Bed {
    /// A tenant of this profile and an empty folder with its secret.
    pub(super) fn new(profile: Profile) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
        let tenant = Arc::new(Mutex::new(Tenant::new(profile)));
        let watch: Arc<Mutex<Watch>> = Arc::new(Mutex::new(Arc::new(|_, _| Pass::On)));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::clone(&watch);
        let watching: Watch = Arc::new(move |moment, request| {
            let watch = Arc::clone(&lock(&seen));
            watch(moment, request)
        });
        let options = Options { clock: Clock::system(), transport: Transport::Plain };
        runtime.spawn(sim::serve_watched(listener, Arc::clone(&tenant), options, watching));
        let bed = Self { tenant, watch, daemon: Daemon::default(), url, folder: folder(), _runtime: runtime };
        bed.write("secret", sim::SECRET);
        std::fs::set_permissions(bed.path("secret"), std::fs::Permissions::from_mode(0o600)).unwrap();
        bed
    }

    pub(super) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        lock(&self.tenant)
    }

    /// The tenant, for those who watch requests.
    pub(super) fn shared(&self) -> Arc<Mutex<Tenant>> {
        Arc::clone(&self.tenant)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A file of the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// From now on `watch` sees every request.
    pub(super) fn watch(&self, watch: impl Fn(Moment, &Request<Bytes>) -> Pass + Send + Sync + 'static) {
        *lock(&self.watch) = Arc::new(watch);
    }

    /// From now on nobody watches.
    pub(super) fn unwatch(&self) {
        self.watch(|_, _| Pass::On);
    }

    /// The daemon that was started last, for those who watch requests.
    pub(super) fn daemon(&self) -> Daemon {
        self.daemon.clone()
    }

    /// Starts the binary on the plan of this bed.
    pub(super) fn start(&self, args: &[&str]) -> Running {
        self.start_command(self.command(args))
    }

    /// Starts a command as the daemon of this bed.
    pub(super) fn start_command(&self, command: Command) -> Running {
        // Whoever watches requests finds the daemon from its first request on.
        let mut daemon = lock(&self.daemon.0);
        let running = Running::new(command);
        *daemon = Some(Arc::clone(&running.child));
        running
    }

    /// Runs the binary on the plan of this bed to its end.
    pub(super) fn run(&self, args: &[&str]) -> Ended {
        Running::new(self.command(args)).ends()
    }

    /// The whole rollout at once, from `start_at`.
    pub(super) fn run_max(&self, start_at: &str) -> Ended {
        self.start(&["run", "--pace", "max", "--until-done", "--start-at", start_at]).ends()
    }

    /// The binary in a clean environment.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.arg("-c").arg(self.path("plan.toml")).args(args).env_clear().current_dir(self.folder.path());
        command
    }

    /// The journal, as the library reads it.
    pub(super) fn journal(&self) -> Vec<Record> {
        records(&self.state()).unwrap().collect::<Result<_, _>>().unwrap()
    }
}

/// The process started last; may be killed and told by whoever watches requests.
#[derive(Clone, Default)]
pub(super) struct Daemon(Arc<Mutex<Option<Arc<Mutex<Child>>>>>);

impl Daemon {
    /// Ends it at once, as a loss of power would, and waits until it is gone.
    pub(super) fn kill(&self) {
        let Some(child) = lock(&self.0).clone() else { return };
        end(&mut lock(&child));
    }

    /// Sends it a signal: `TERM`, `HUP`, `USR1`.
    pub(super) fn signal(&self, name: &str) {
        let Some(child) = lock(&self.0).clone() else { return };
        let pid = lock(&child).id();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap().success());
    }
}

/// A process under way.
pub(super) struct Running {
    child: Arc<Mutex<Child>>,
    lines: Receiver<Line>,
    out: String,
    log: String,
}

/// A process that has ended.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    /// What it printed.
    pub(super) out: String,
    /// What it logged, and its last words.
    pub(super) log: String,
}

enum Line {
    Out(String),
    Log(String),
}

impl Running {
    pub(super) fn new(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        read(child.stdout.take().unwrap(), sender.clone(), Line::Out);
        read(child.stderr.take().unwrap(), sender, Line::Log);
        Self { child: Arc::new(Mutex::new(child)), lines, out: String::new(), log: String::new() }
    }

    /// Waits for a line of the log for which `wanted` holds.
    pub(super) fn logs(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let began = Clock::monotonic();
        loop {
            match self.take(began) {
                Some(line) if wanted(&line) => return line,
                Some(_) => {}
                None => panic!("it ended before the line came\n{}", self.log),
            }
        }
    }

    /// Waits until it has ended.
    pub(super) fn ends(mut self) -> Ended {
        let began = Clock::monotonic();
        while self.take(began).is_some() {}
        let code = lock(&self.child).wait().unwrap().code();
        Ended { code, out: std::mem::take(&mut self.out), log: std::mem::take(&mut self.log) }
    }

    /// The next line of either pipe; none when both have ended.
    fn take(&mut self, began: std::time::Instant) -> Option<String> {
        let left = PATIENCE.saturating_sub(Clock::monotonic().duration_since(began));
        let (kept, line) = match self.lines.recv_timeout(left) {
            Ok(Line::Out(line)) => (&mut self.out, line),
            Ok(Line::Log(line)) => (&mut self.log, line),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => panic!("nothing within {PATIENCE:?}\n{}\n{}", self.out, self.log),
        };
        kept.push_str(&line);
        kept.push('\n');
        Some(line)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&mut lock(&self.child));
    }
}

impl Ended {
    /// The end must be this one.
    #[track_caller]
    pub(super) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.out, tail(&self.log));
        self
    }

    /// Its last words.
    pub(super) fn says(&self) -> &str {
        self.log.lines().rev().find_map(|line| line.strip_prefix("tidegate: ")).unwrap_or_default()
    }
}

/// The instant that a request of a paced daemon lives in.
pub(super) fn now_of(request: &Request<Bytes>) -> Option<Timestamp> {
    request.headers().get("tidegate-now")?.to_str().ok()?.parse().ok()
}

/// Whether a request writes members of a group.
pub(super) fn writes_members(request: &Request<Bytes>) -> bool {
    let body = String::from_utf8_lossy(request.body());
    request.method() != http::Method::GET && (body.contains("members@odata.bind") || request.uri().path().ends_with("/$ref"))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(pipe: impl Read + Send + 'static, sender: Sender<Line>, line: fn(String) -> Line) {
    std::thread::spawn(move || {
        for text in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line(text)).is_err() {
                return;
            }
        }
    });
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// In memory where that can be had: these tests sync a lot.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
