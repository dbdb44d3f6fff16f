//! The lines that go through the socket. `"status"`, `{"command":{"what":{"pause":{"why":"…"}}}}`; back: `{"ok":"…"}` or `{"error":"…"}`.

use std::io;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};

use crate::engine::command::{Order, Said};
use crate::engine::port::Pass;
use crate::rollout::event::Uses;

/// Longest request in bytes, its line break included.
pub(super) const MAX_REQUEST: u64 = 64 * 1024;

/// Longest answer in bytes; a status counts people and names stages, so it stays far below.
pub(super) const MAX_ANSWER: u64 = 16 * 1024 * 1024;

/// One question to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// What the engine published last, as JSON.
    Status,
    /// A command for the engine.
    Command(Order),
}

/// One answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    Ok(String),
    Pass(Shown),
    Error(String),
    /// Nothing was decided: the engine is ending, or busy.
    Gone(String),
}

/// A Temporary Access Pass on its way to whoever asked for it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    /// One sentence.
    pub says: String,
    /// The pass itself; not even a debugger's text shows it.
    #[serde(serialize_with = "bare", deserialize_with = "wrapped")]
    pub code: SecretString,
    /// How long it counts.
    pub minutes: u32,
    /// From when on.
    pub from: Timestamp,
    /// How often it may be used.
    pub uses: Uses,
}

/// The one place where a pass is written out: into the socket of the caller.
fn bare<S: Serializer>(code: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.expose_secret())
}

fn wrapped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

impl From<Result<Said, String>> for Answer {
    fn from(result: Result<Said, String>) -> Self {
        match result {
            Err(why) => Self::Error(why),
            Ok(Said { says, pass: None }) => Self::Ok(says),
            Ok(Said { says, pass: Some(Pass { code, minutes, from, uses }) }) => {
                Self::Pass(Shown { says, code, minutes, from, uses })
            }
        }
    }
}

/// Reads one line of at most `limit` bytes; `InvalidData` when it is longer, or ends before its line break.
pub(super) async fn read_line<R: AsyncRead + Unpin>(reader: R, limit: u64) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(reader.take(limit)).read_until(b'\n', &mut line).await?;
    if line.pop() == Some(b'\n') {
        return Ok(line);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, format!("no line break within {limit} bytes")))
}

/// Writes `message` as one line.
pub(super) async fn write_line<W: AsyncWrite + Unpin>(mut writer: W, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::command::What;
    use crate::rollout::pause::Ending;

    #[test]
    fn the_lines_are_these() {
        let command = |order| serde_json::to_string(&Request::Command(order)).unwrap();
        assert_eq!(serde_json::to_string(&Request::Status).unwrap(), r#""status""#);
        let what = What::Skip { stage: "pilot".to_owned(), why: "no need".to_owned() };
        assert_eq!(command(what.clone().into()), r#"{"command":{"what":{"skip":{"stage":"pilot","why":"no need"}}}}"#);
        let order = Order { what, if_revision: Some("0123abcd".to_owned()), key: Some("k".to_owned()) };
        let line = r#"{"command":{"what":{"skip":{"stage":"pilot","why":"no need"}},"if_revision":"0123abcd","key":"k"}}"#;
        assert_eq!(command(order), line);
        let read = |line: &str| serde_json::from_str::<Request>(line).unwrap();
        assert_eq!(
            read(r#"{"command":{"what":{"pause":{"why":"mail is down"}}}}"#),
            Request::Command(What::pause("mail is down").into())
        );
        let ending = Ending { allow_start: true, ..Ending::default() };
        assert_eq!(
            read(r#"{"command":{"what":{"unpause":{"allow_start":true}}}}"#),
            Request::Command(What::Unpause(ending).into())
        );
        assert_eq!(serde_json::to_string(&Answer::from(Ok("paused".to_owned().into()))).unwrap(), r#"{"ok":"paused"}"#);
    }

    #[test]
    fn a_pass_travels_in_its_line_and_shows_nowhere_else() {
        let code = "c0de-c0de".to_owned();
        let from = Timestamp::UNIX_EPOCH;
        let pass = Pass { code: code.clone().into(), minutes: 60, from, uses: Uses::Once };
        let answer = Answer::from(Ok(Said { says: "issued".to_owned(), pass: Some(pass) }));
        assert!(!format!("{answer:?}").contains(&code));
        let line = serde_json::to_string(&answer).unwrap();
        assert!(line.contains(&code));
        let Answer::Pass(shown) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        assert_eq!(shown.code.expose_secret(), code);
        assert!(!format!("{shown:?}").contains(&code));
    }

    #[tokio::test]
    async fn a_line_ends_within_its_limit_or_is_refused() {
        assert_eq!(read_line(&b"abc\nrest"[..], 4).await.unwrap(), b"abc");
        for (bytes, limit) in [(&b"abc\n"[..], 3), (b"abc", 10), (b"", 10)] {
            assert_eq!(read_line(bytes, limit).await.unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
    }
}
