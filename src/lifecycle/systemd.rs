//! What the service manager is told: READY, STATUS, WATCHDOG, RELOADING, STOPPING. Without one, nothing happens.
//!
//! The watchdog is fed only after progress: a loop that hangs is restarted, however well the rest of the process lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// Start-up, or a reload, is complete. `text` is one sentence for `systemctl status`.
pub fn ready(text: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(text))]);
}

/// What is going on, in one sentence for `systemctl status`.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(&one_line(text))]);
}

/// A reload has begun; [`ready`] ends it, whether the new plan was taken or not.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the monotonic clock cannot be read, so systemd is not told of the reload"),
    }
}

/// The stop has begun.
pub fn stopping(text: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(&one_line(text))]);
}

/// Progress of the engine's loop. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// The loop has come round, or an answer has come in.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Feeds the watchdog every half of the interval that systemd gave, each time only if `pulse` beat since the last.
///
/// Ends at once where no watchdog is asked for, else never. The loop must beat at least every half interval while all is
/// well, waits included; `WatchdogSec` of the unit allows for the longest single wait.
pub async fn feed_watchdog(pulse: Pulse) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    // The timer refuses a period of zero; systemd never gives one.
    let mut ticks = tokio::time::interval((interval / 2).max(Duration::from_millis(1)));
    let mut seen = None;
    loop {
        ticks.tick().await;
        if progressed(&mut seen, pulse.count()) {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn progressed(seen: &mut Option<u64>, count: u64) -> bool {
    seen.replace(count) != Some(count)
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told; look at NotifyAccess= of the unit");
    }
}

/// The protocol is line by line: a line break inside a text would begin another assignment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::process::{Command, Stdio};

    use super::*;

    /// Silent under the test runner; the test below runs it again with a service manager that listens.
    #[test]
    fn speaks() {
        ready("waits for pilot\nWATCHDOG=1");
        status("enforces pilot");
        reloading();
        stopping("asked to");
    }

    #[test]
    fn the_service_manager_hears_every_state() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        let spoke = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lifecycle::systemd::tests::speaks"])
            .env("NOTIFY_SOCKET", &socket)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(spoke.success());
        manager.set_nonblocking(true).unwrap();
        let mut heard = String::new();
        let mut buffer = [0; 4096];
        while let Ok(length) = manager.recv(&mut buffer) {
            heard += std::str::from_utf8(&buffer[..length]).unwrap();
            heard += "--\n";
        }
        let (before, after) = heard.split_once("MONOTONIC_USEC=").unwrap();
        let (microseconds, after) = after.split_once('\n').unwrap();
        assert!(microseconds.parse::<u64>().unwrap() > 0);
        assert_eq!(before, "READY=1\nSTATUS=waits for pilot WATCHDOG=1\n--\nSTATUS=enforces pilot\n--\nRELOADING=1\n");
        assert_eq!(after, "--\nSTOPPING=1\nSTATUS=asked to\n--\n");
    }

    #[test]
    fn the_watchdog_is_fed_only_after_progress() {
        let (pulse, mut seen) = (Pulse::default(), None);
        assert!(progressed(&mut seen, pulse.count()), "once at the start");
        assert!(!progressed(&mut seen, pulse.count()));
        pulse.clone().beat();
        assert!(progressed(&mut seen, pulse.count()));
        assert!(!progressed(&mut seen, pulse.count()));
    }
}
