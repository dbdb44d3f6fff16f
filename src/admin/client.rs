//! The command line's side of the socket.

use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use super::error::AdminError;
use super::protocol::{Answer, MAX_ANSWER, Request, Shown, read_line, write_line};
use super::server::ENGINE;

/// Longest wait for an answer: a little more than the daemon gives its engine.
const PATIENCE: Duration = ENGINE.saturating_add(Duration::from_secs(10));

/// Asks the daemon that listens at `socket`, and returns its sentence, or its status as JSON.
pub async fn ask(socket: &Path, request: &Request) -> Result<String, AdminError> {
    match converse(socket, request).await? {
        Answer::Ok(text) => Ok(text),
        Answer::Error(text) => Err(AdminError::Refused(text)),
        Answer::Gone(text) => Err(AdminError::Gone(text)),
        Answer::Pass(_) => Err(AdminError::Unreadable(socket.to_owned())),
    }
}

/// Asks the daemon for a Temporary Access Pass.
pub async fn ask_for_pass(socket: &Path, request: &Request) -> Result<Shown, AdminError> {
    match converse(socket, request).await? {
        Answer::Pass(shown) => Ok(shown),
        Answer::Error(text) => Err(AdminError::Refused(text)),
        Answer::Gone(text) => Err(AdminError::Gone(text)),
        Answer::Ok(_) => Err(AdminError::Unreadable(socket.to_owned())),
    }
}

async fn converse(socket: &Path, request: &Request) -> Result<Answer, AdminError> {
    let talk = async {
        let mut stream = UnixStream::connect(socket).await?;
        write_line(&mut stream, request).await?;
        read_line(&mut stream, MAX_ANSWER).await
    };
    let line = timeout(PATIENCE, talk)
        .await
        .map_err(|_| AdminError::Silent(socket.to_owned()))?
        .map_err(|error| AdminError::of(socket, error))?;
    serde_json::from_slice(&line).map_err(|_| AdminError::Unreadable(socket.to_owned()))
}
