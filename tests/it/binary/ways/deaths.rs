//! Kills the daemon at chosen requests: before the tenant does what is asked, after it, or at whatever is asked next.
//!
//! Requests that change the tenant are counted over all lives, apart from those that send mails.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request};
use tidegate::sim::{Moment, Pass};

use super::super::bed::{Bed, lock};

/// Where the daemon dies.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    /// At these of the requests that change something, from 1 and ascending; in turn before, after, and next.
    pub(super) changes: Vec<usize>,
    /// After this one of those that send mails. A second death in the same group of mails would leave its people untold for good:
    /// nobody is mailed a third time.
    pub(super) mail: Option<usize>,
}

/// What was counted.
#[derive(Default)]
struct Counts {
    changes: AtomicUsize,
    mails: AtomicUsize,
    died: AtomicUsize,
}

pub(super) struct Deaths(Arc<Counts>);

impl Deaths {
    /// From now on the daemon of this bed is killed at these places.
    pub(super) fn of(bed: &Bed, places: Places) -> Self {
        let counts = Arc::new(Counts::default());
        let (seen, daemon) = (Arc::clone(&counts), bed.daemon());
        let left = Mutex::new(Left { turn: 0, is_next: false, places });
        bed.watch(move |moment, request| {
            if lock(&left).ends(moment, request, &seen) {
                daemon.kill();
                seen.died.fetch_add(1, Ordering::Relaxed);
                return Pass::Cut;
            }
            Pass::On
        });
        Self(counts)
    }

    pub(super) fn died(&self) -> usize {
        self.0.died.load(Ordering::Relaxed)
    }

    /// Requests so far that change something.
    pub(super) fn changes(&self) -> usize {
        self.0.changes.load(Ordering::Relaxed)
    }
}

/// The places that are left.
struct Left {
    turn: usize,
    /// The answer has left: whatever is asked next is the end.
    is_next: bool,
    places: Places,
}

impl Left {
    fn ends(&mut self, moment: Moment, request: &Request<Bytes>, seen: &Counts) -> bool {
        let kind = kind(request);
        let count = |counter: &AtomicUsize, is_it: bool| {
            if is_it && moment == Moment::Before {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            counter.load(Ordering::Relaxed)
        };
        let mails = count(&seen.mails, kind == Some(Kind::Mail));
        let changes = count(&seen.changes, kind == Some(Kind::Change));
        if kind == Some(Kind::Mail) && moment == Moment::After && self.places.mail.is_some_and(|at| mails >= at) {
            self.places.mail = None;
            return true;
        }
        let Some(at) = self.places.changes.first().copied() else { return false };
        let reached = kind == Some(Kind::Change) && changes >= at;
        let here = match (self.turn % 3, moment) {
            (0, Moment::Before) | (1, Moment::After) => reached,
            (2, Moment::Before) => self.is_next,
            _ => false,
        };
        self.is_next |= self.turn % 3 == 2 && reached && moment == Moment::After;
        if here {
            self.places.changes.remove(0);
            self.turn += 1;
            self.is_next = false;
        }
        here
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Change,
    Mail,
}

fn kind(request: &Request<Bytes>) -> Option<Kind> {
    let path = request.uri().path();
    let body = String::from_utf8_lossy(request.body());
    match *request.method() {
        Method::PATCH | Method::DELETE => Some(Kind::Change),
        Method::POST if path.ends_with("/sendMail") || body.contains("/sendMail\"") => Some(Kind::Mail),
        Method::POST if body.contains("\"PATCH\"") || body.contains("\"DELETE\"") => Some(Kind::Change),
        _ => None,
    }
}
