//! What can go wrong at the socket, on either side.

use std::io;
use std::path::PathBuf;

/// Why the socket could not be opened, or a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody listens.
    #[error("no daemon listens at {}: start it with `tidegate run`", .0.display())]
    NoDaemon(PathBuf),
    /// The file system says no.
    #[error("{} may not be opened: become a member of the group `tidegate`, or use the daemon's own user", .0.display())]
    Denied(PathBuf),
    /// Something that is no socket lies where the socket belongs.
    #[error("{} is not a socket: move it away, or set another socket path", .0.display())]
    NotASocket(PathBuf),
    /// The daemon refused; its own words.
    #[error("{0}")]
    Refused(String),
    /// The daemon decided nothing; its own words.
    #[error("{0}")]
    Gone(String),
    /// The daemon took too long.
    #[error("the daemon at {} gave no answer in time: look at its log", .0.display())]
    Silent(PathBuf),
    /// The answer makes no sense.
    #[error("the daemon at {} answered what this program cannot read: use the same version of both", .0.display())]
    Unreadable(PathBuf),
    /// The system failed.
    #[error("the socket {} cannot be used", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl AdminError {
    /// Whether nobody decided what was asked: no daemon, or none that answers.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self, Self::NoDaemon(_) | Self::Gone(_) | Self::Silent(_) | Self::Io { .. })
    }

    /// What a failed system call on the socket at `path` means.
    pub(super) fn of(path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Self::NoDaemon(path),
            io::ErrorKind::PermissionDenied => Self::Denied(path),
            _ => Self::Io { path, source },
        }
    }
}
