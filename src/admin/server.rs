//! The daemon's side of the socket: read one line, hand it on, write one line, close.
//!
//! A caller that is slow, silent or greedy costs one place of a bounded number, for a bounded time, and never the engine's.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::caller;
use super::protocol::{Answer, MAX_REQUEST, Request, read_line, write_line};
use crate::engine::command::{Command, Order};

/// Longest time for a request to arrive, and for an answer to be taken.
const LINE: Duration = Duration::from_secs(5);

/// Longest time for the engine to answer a command: the batch in flight comes first.
pub(super) const ENGINE: Duration = Duration::from_secs(30);

/// Most callers at once; more wait in the kernel's queue.
const CALLERS: usize = 16;

/// Answers callers until the engine has ended, and then whoever is still waiting; dropped, it cuts them off.
///
/// `commands` leads to the engine. `status` is what it published last, as one JSON document; empty before the first.
pub async fn serve(listener: UnixListener, commands: mpsc::Sender<Command>, status: watch::Receiver<Bytes>) {
    let places = Arc::new(Semaphore::new(CALLERS));
    let mut callers = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        while callers.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = commands.closed() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (commands, status) = (commands.clone(), status.clone());
                callers.spawn(async move {
                    if let Err(error) = converse(stream, &commands, &status).await {
                        tracing::debug!(%error, "a caller at the socket went away");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a caller at the socket could not be taken");
                // No descriptors left, most likely: without a wait this would spin.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    while callers.join_next().await.is_some() {}
}

async fn converse(mut stream: UnixStream, commands: &mpsc::Sender<Command>, status: &watch::Receiver<Bytes>) -> io::Result<()> {
    let actor = caller::actor(&stream)?;
    let answer = match timeout(LINE, read_line(&mut stream, MAX_REQUEST)).await {
        Err(_) => Answer::Error(format!("no request came within {} s", LINE.as_secs())),
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Answer::Error(format!("this is no request: {error}")),
        Ok(Err(error)) => return Err(error),
        Ok(Ok(line)) => answer(&line, actor, commands, status).await,
    };
    timeout(LINE, write_line(&mut stream, &answer)).await?
}

async fn answer(line: &[u8], actor: String, commands: &mpsc::Sender<Command>, status: &watch::Receiver<Bytes>) -> Answer {
    match serde_json::from_slice(line) {
        Err(error) => Answer::Error(format!("this is no request: {error}")),
        Ok(Request::Status) => {
            let published = status.borrow().clone();
            if published.is_empty() {
                return Answer::Error("the engine has published no status yet: ask again in a moment".to_owned());
            }
            Answer::Ok(String::from_utf8_lossy(&published).into_owned())
        }
        Ok(Request::Command(order)) => command(order, actor, commands).await,
    }
}

async fn command(order: Order, actor: String, commands: &mpsc::Sender<Command>) -> Answer {
    let name = order.what.name();
    tracing::info!(command.name = name, command.actor = actor, "an operator sent a command");
    let (sender, receiver) = oneshot::channel();
    let handed_over = async {
        commands.send(Command { order, actor, answer: sender }).await.ok()?;
        receiver.await.ok()
    };
    match timeout(ENGINE, handed_over).await {
        Ok(Some(answer)) => answer.into(),
        Ok(None) => Answer::Gone(format!("the engine is stopping and did not take `{name}`")),
        Err(_) => Answer::Gone(format!(
            "`{name}` was not confirmed within {} s and may still come through: look at `tidegate status`",
            ENGINE.as_secs()
        )),
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
