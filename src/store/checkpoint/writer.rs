//! The thread that owns sled: opens it, saves the newest state handed over, closes it.
//!
//! sled can panic (in its `Drop` too) and can hang: every call is caught here, and who waits, waits with a limit. After the
//! first failed save nothing more is saved, because sled's memory is then ahead of the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::snapshot::{Doubt, Snapshot};
use super::{Handed, Read, Saved};
use crate::store::error::in_full;

/// How long opening may take.
const OPEN_LIMIT: Duration = Duration::from_secs(20);

/// How long the last save and closing may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The other side of the thread. When it is dropped the thread ends, unawaited.
pub(super) struct Writer {
    desk: Arc<Desk>,
    /// Carries nothing; closed when the thread ends.
    thread: Receiver<()>,
}

/// Where states are handed over.
#[derive(Default)]
struct Desk {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Option<Handed>,
    closing: bool,
    trouble: Option<String>,
}

impl Writer {
    /// Starts the thread and waits until the checkpoint in `dir` is open.
    pub(super) fn start<T: Send + 'static>(dir: &Path, read: Read<T>) -> Result<(Self, Option<Saved<T>>), Doubt> {
        let desk = Arc::new(Desk::default());
        let (lives, thread) = sync_channel(0);
        let (sender, opened) = sync_channel(1);
        let (dir, its_desk) = (dir.to_owned(), Arc::clone(&desk));
        let work = move || {
            run(&dir, read, &its_desk, &sender);
            drop(lives);
        };
        thread::Builder::new().name("checkpoint".into()).spawn(work).map_err(Doubt::Io)?;
        let writer = Self { desk, thread };
        let saved = opened.recv_timeout(OPEN_LIMIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => Doubt::Slow,
            RecvTimeoutError::Disconnected => Doubt::Panicked,
        })??;
        Ok((writer, saved))
    }

    pub(super) fn hand_over(&self, handed: Handed) {
        let mut queue = self.desk.lock();
        if queue.trouble.is_none() {
            queue.waiting = Some(handed);
            self.desk.changed.notify_one();
        }
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.desk.lock().trouble.clone()
    }

    pub(super) fn close(self) {
        self.desk.close();
        if matches!(self.thread.recv_timeout(CLOSE_LIMIT), Err(RecvTimeoutError::Timeout)) {
            tracing::warn!("the checkpoint did not close in time; the next start judges what it is worth");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_one();
    }

    /// Waits for the next state to save; none when the end has come.
    fn next(&self) -> Option<Handed> {
        let mut queue = self.lock();
        loop {
            if let Some(handed) = queue.waiting.take() {
                return Some(handed);
            }
            if queue.closing {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_up(&self, trouble: String) {
        tracing::warn!(why = trouble, "the checkpoint cannot be saved: the daemon runs on without, from the journal alone");
        let mut queue = self.lock();
        queue.trouble = Some(trouble);
        queue.waiting = None;
    }
}

fn run<T>(dir: &Path, read: Read<T>, desk: &Desk, opened: &SyncSender<Result<Option<Saved<T>>, Doubt>>) {
    let mut snapshot = match guarded(|| Snapshot::open(dir, read)) {
        Ok((snapshot, saved)) => {
            // Nobody listens any more when it took too long; `desk` is closing then.
            let _ = opened.send(Ok(saved));
            snapshot
        }
        Err(doubt) => {
            let _ = opened.send(Err(doubt));
            return;
        }
    };
    while let Some(handed) = desk.next() {
        if let Err(doubt) = guarded(|| snapshot.save(handed)) {
            desk.give_up(in_full(&doubt));
            // Closing would write once more, and a panic in its `Drop` could end the process.
            std::mem::forget(snapshot);
            return;
        }
    }
    if let Err(doubt) = guarded(|| snapshot.close()) {
        tracing::warn!(why = in_full(&doubt), "the checkpoint did not close in order; the next start judges what it is worth");
    }
}

/// Runs something that may panic.
fn guarded<T>(work: impl FnOnce() -> Result<T, Doubt>) -> Result<T, Doubt> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Doubt::Panicked))
}
