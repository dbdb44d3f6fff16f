//! A service manager that listens: what the daemon says of itself over `NOTIFY_SOCKET`.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::bed::lock;

const PATIENCE: Duration = Duration::from_secs(120);
/// What ends the listening.
const END: &[u8] = b"end";

pub(super) struct Manager {
    path: PathBuf,
    heard: Mutex<Receiver<String>>,
}

impl Manager {
    /// Listens on a socket in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let (sender, heard) = channel();
        // A queue that nobody empties would make the daemon wait.
        std::thread::spawn(move || {
            let mut buffer = vec![0; 8192];
            while let Ok(length) = socket.recv(&mut buffer) {
                if &buffer[..length] == END || sender.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self { path, heard: Mutex::new(heard) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until the daemon has said `what`.
    pub(super) fn hears(&self, what: &str) {
        let heard = lock(&self.heard);
        while !heard.recv_timeout(PATIENCE).unwrap().contains(what) {}
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = UnixDatagram::unbound().and_then(|socket| socket.send_to(END, &self.path));
    }
}
