//! Runs a command that answers a gate: no shell, no environment, a time limit.
//!
//! Reads no answer. Invariant: at its limit, or when nobody waits for it any more, it ends with everything that it started in its process
//! group; what it wrote until then is no answer.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::client::ANSWER;

/// What a command wrote, when it ended in time and well.
pub(super) async fn run(words: &[String], limit: Duration) -> Result<Vec<u8>, String> {
    let (program, arguments) = words.split_first().ok_or("it has no command")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = tokio::task::spawn_blocking(move || command.spawn())
        .await
        .map_err(|_| "its command could not be started".to_owned())?
        .map_err(|error| format!("its command could not be started ({})", error.kind()))?;
    let group = Group::of(&child);
    // The thread ends with the command, which the group sees to.
    let ended = tokio::task::spawn_blocking(move || wait(&mut child));
    let Ok(ended) = tokio::time::timeout(limit, ended).await else {
        drop(group);
        return Err(format!("its command did not end within {} s", limit.as_secs()));
    };
    let (said, well) = ended.map_err(|_| "its command came to no end".to_owned())??;
    drop(group);
    if said.len() > ANSWER {
        return Err(format!("its command wrote more than {ANSWER} bytes"));
    }
    match well {
        Some(0) => Ok(said),
        Some(code) => Err(format!("its command ended with code {code}")),
        None => Err("its command was killed".to_owned()),
    }
}

/// What it wrote, and with which code it ended.
fn wait(child: &mut Child) -> Result<(Vec<u8>, Option<i32>), String> {
    let unread = |_| "what its command wrote cannot be read".to_owned();
    let mut said = Vec::new();
    if let Some(out) = child.stdout.take() {
        // Whoever writes more finds nobody reading, and ends of that.
        let most = u64::try_from(ANSWER).unwrap_or(u64::MAX).saturating_add(1);
        out.take(most).read_to_end(&mut said).map_err(unread)?;
    }
    let status = child.wait().map_err(unread)?;
    Ok((said, status.code()))
}

/// The process group of a command; dropped, it is killed, whoever is left of it.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(i32::try_from(child.id()).ok().and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody may be left of it.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
