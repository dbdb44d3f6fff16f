//! The way to the tenant, with counts of what goes over it.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};

use crate::clock::Clock;
use crate::graph::wire::{Exchange, Https, Wire};

/// What went over the wire since the first write but one: the canary's goes alone, and is not counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Calls of any kind.
    pub(super) calls: u32,
    /// Directory writes, those that were refused too.
    pub(super) writes: u32,
    /// Of those, refused with 429.
    pub(super) throttled: u32,
    /// Of those, refused with 503.
    pub(super) busy: u32,
    /// Envelopes of writes that were under way at once, at most.
    pub(super) abreast: u32,
    pub(super) under_way: u32,
    /// When the canary left.
    pub(super) canary: Option<(Instant, f64)>,
    /// When the first write left, with the processor time that was used before.
    pub(super) first: Option<(Instant, f64)>,
    /// When the answer to the last one came.
    pub(super) last: Option<(Instant, f64)>,
}

impl Counts {
    /// Seconds from the first write to the answer to the last, and the processor's milliseconds meanwhile.
    pub(super) fn took(&self) -> (f64, f64) {
        let (Some((first, before)), Some((last, after))) = (self.first, self.last) else { return (0.0, 0.0) };
        (last.duration_since(first).as_secs_f64(), after - before)
    }
}

/// A wire that counts.
pub(super) struct Counted {
    wire: Https,
    counts: Mutex<Counts>,
}

impl Counted {
    pub(super) fn new(wire: Https) -> Self {
        Self { wire, counts: Mutex::default() }
    }

    pub(super) fn counts(&self) -> Counts {
        self.with(|counts| counts.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn count(body: &[u8], what: &str) -> u32 {
    let found = str::from_utf8(body).map_or(0, |body| body.matches(what).count());
    u32::try_from(found).unwrap_or(u32::MAX)
}

/// How many writes a request carries: each names the people that it binds.
fn writes(request: &Request<Bytes>) -> u32 {
    let whole = request.method() == http::Method::PATCH;
    // Every write of an envelope begins alike; the bodies are long, and only their beginnings are looked at.
    if whole {
        1
    } else if request.body().starts_with(br#"{"requests":[{"id":"0","method":"PATCH""#) {
        count(request.body(), r#","method":"PATCH","#)
    } else {
        0
    }
}

fn refused(response: &Response<Bytes>, writes: u32, status: u16) -> u32 {
    if response.status().as_u16() == status { writes } else { count(response.body(), &format!("\"status\":{status},")) }
}

impl Wire for Counted {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        let writes = writes(&request);
        let counted = self.with(|counts| {
            if writes > 0 && counts.canary.is_none() {
                counts.canary = Some((Clock::monotonic(), processor_ms()));
                return false;
            }
            if writes > 0 && counts.first.is_none() {
                counts.first = Some((Clock::monotonic(), processor_ms()));
            }
            if counts.first.is_some() {
                counts.calls += 1;
                counts.writes += writes;
            }
            if writes > 0 {
                counts.under_way += 1;
                counts.abreast = counts.abreast.max(counts.under_way);
            }
            writes > 0
        });
        Box::pin(async move {
            let answer = self.wire.exchange(request).await;
            if counted {
                let (throttled, busy) =
                    answer.as_ref().map_or((0, 0), |answer| (refused(answer, writes, 429), refused(answer, writes, 503)));
                self.with(|counts| {
                    counts.under_way -= 1;
                    counts.throttled += throttled;
                    counts.busy += busy;
                    counts.last = Some((Clock::monotonic(), processor_ms()));
                });
            }
            answer
        })
    }
}

/// Processor time of this process so far, in milliseconds, its threads' together.
fn processor_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1_000.0 + time.tv_nsec as f64 / 1_000_000.0
}
