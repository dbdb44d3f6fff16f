//! What is wrong while somebody pauses: with the tenant, as it is seen over the socket, or with the disk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::super::super::{Exit, Failure};
use crate::clock::Clock;
use crate::sim::{Effect, Fault, Misfortune, Moment, Options, Pass, Tenant, Transport, Watch, serve_watched};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plight {
    /// Each write is answered after seconds.
    Slow,
    /// Each write is to be sent again after seconds.
    Throttled,
    /// Every connection breaks.
    Cut,
    /// Nobody listens.
    Gone,
    /// The journal takes not one byte more.
    Full,
    /// Nothing: writes come and go.
    Between,
}

impl Plight {
    pub(super) const ALL: [Self; 6] = [Self::Slow, Self::Throttled, Self::Cut, Self::Gone, Self::Full, Self::Between];

    /// As the trials take them in turn.
    pub(super) fn of(number: usize) -> Self {
        let turn = [Self::Slow, Self::Gone, Self::Full, Self::Between, Self::Throttled, Self::Cut, Self::Full, Self::Between];
        turn.get(number % turn.len()).copied().unwrap_or(Self::Between)
    }

    pub(super) const fn says(self) -> &'static str {
        match self {
            Self::Slow => "Graph slow",
            Self::Throttled => "Graph throttles",
            Self::Cut => "Graph breaks off",
            Self::Gone => "Graph down",
            Self::Full => "disk full",
            Self::Between => "mid-batch",
        }
    }
}

/// Each answer to a write takes so long under [`Plight::Slow`].
const SLOW: Duration = Duration::from_secs(3);

/// A tenant on a socket, what may be wrong with it, and what it has seen.
pub(super) struct Place {
    handle: Handle,
    tenant: Arc<Mutex<Tenant>>,
    address: std::net::SocketAddr,
    watch: Watch,
    server: Mutex<JoinHandle<()>>,
    seen: Arc<Seen>,
}

/// What came.
#[derive(Default)]
struct Seen {
    /// When each request that writes had come whole.
    writes: Mutex<Vec<Instant>>,
    /// Those whose answers have not left.
    under_way: AtomicUsize,
    slow: AtomicBool,
    cut: AtomicU8,
}

impl Place {
    pub(super) fn open(handle: &Handle, tenant: Tenant) -> Result<Self, Failure> {
        let listener = handle.block_on(TcpListener::bind("127.0.0.1:0")).map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let (seen, tenant) = (Arc::new(Seen::default()), Arc::new(Mutex::new(tenant)));
        let watch = watching(&seen);
        let server = serving(handle, listener, &tenant, &watch);
        Ok(Self { handle: handle.clone(), tenant, address, watch, server: Mutex::new(server), seen })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Tenant) -> T) -> T {
        act(&mut lock(&self.tenant))
    }

    /// Requests that wrote so far.
    pub(super) fn writes(&self) -> usize {
        lock(&self.seen.writes).len()
    }

    /// Those that had come after `at`.
    pub(super) fn writes_after(&self, at: Instant) -> usize {
        lock(&self.seen.writes).iter().filter(|came| **came > at).count()
    }

    pub(super) fn under_way(&self) -> usize {
        self.seen.under_way.load(Ordering::Relaxed)
    }

    /// Begins what is wrong with the tenant.
    pub(super) fn begin(&self, plight: Plight) {
        match plight {
            Plight::Slow => self.seen.slow.store(true, Ordering::Relaxed),
            Plight::Cut => self.seen.cut.store(1, Ordering::Relaxed),
            Plight::Throttled => {
                let headers = BTreeMap::from([("retry-after".to_owned(), "2".to_owned())]);
                self.with(|tenant| {
                    tenant.fault(Fault {
                        method: Some("PATCH".to_owned()),
                        path: "/v1.0/groups/".to_owned(),
                        times: u32::MAX,
                        skip: 0,
                        effect: Effect::Instead,
                        what: Misfortune::Status { status: 429, headers, body: None },
                    });
                });
            }
            Plight::Gone => {
                // Whoever is connected already is cut off at their next request.
                self.seen.cut.store(1, Ordering::Relaxed);
                lock(&self.server).abort();
            }
            Plight::Full | Plight::Between => {}
        }
    }

    /// Ends it.
    pub(super) fn end(&self, plight: Plight) -> Result<(), Failure> {
        self.seen.slow.store(false, Ordering::Relaxed);
        self.seen.cut.store(0, Ordering::Relaxed);
        self.with(Tenant::end_faults);
        if plight == Plight::Gone {
            let listener = self.handle.block_on(TcpListener::bind(self.address)).map_err(|error| failed(&error))?;
            *lock(&self.server) = serving(&self.handle, listener, &self.tenant, &self.watch);
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.server).abort();
    }
}

fn serving(handle: &Handle, listener: TcpListener, tenant: &Arc<Mutex<Tenant>>, watch: &Watch) -> JoinHandle<()> {
    let options = Options { clock: Clock::system(), transport: Transport::Plain };
    let served = serve_watched(listener, Arc::clone(tenant), options, Arc::clone(watch));
    handle.spawn(async move {
        if let Err(error) = served.await {
            tracing::warn!(%error, "the tenant of a trial is gone");
        }
    })
}

fn watching(seen: &Arc<Seen>) -> Watch {
    let seen = Arc::clone(seen);
    Arc::new(move |moment, request| {
        let writes = is_write(request.body());
        match moment {
            Moment::Before if writes => {
                lock(&seen.writes).push(Clock::monotonic());
                if seen.cut.load(Ordering::Relaxed) == 0 {
                    seen.under_way.fetch_add(1, Ordering::Relaxed);
                }
            }
            Moment::After if writes => {
                if seen.slow.load(Ordering::Relaxed) {
                    tokio::task::block_in_place(|| std::thread::sleep(SLOW));
                }
                seen.under_way.fetch_sub(1, Ordering::Relaxed);
            }
            Moment::Before | Moment::After => {}
        }
        if seen.cut.load(Ordering::Relaxed) == 0 || moment == Moment::After { Pass::On } else { Pass::Cut }
    })
}

fn is_write(body: &[u8]) -> bool {
    const BIND: &[u8] = b"\"members@odata.bind\"";
    body.windows(BIND.len()).any(|window| window == BIND)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, error.to_string())
}
