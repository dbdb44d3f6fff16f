//! The socket from end to end: real file, real peer credentials, a scripted engine.

use std::path::PathBuf;

use tokio::io::AsyncWriteExt as _;

use super::*;
use crate::admin::{AdminError, ask, bind};
use crate::engine::command::What;
use crate::rollout::pause::Ending;

struct Door {
    _folder: tempfile::TempDir,
    socket: PathBuf,
    commands: mpsc::Receiver<Command>,
    status: watch::Sender<Bytes>,
    server: tokio::task::JoinHandle<()>,
}

fn open() -> Door {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("tidegate.sock");
    let (sender, commands) = mpsc::channel(1);
    let (status, published) = watch::channel(Bytes::new());
    let server = tokio::spawn(serve(bind(&socket).unwrap(), sender, published));
    Door { _folder: folder, socket, commands, status, server }
}

#[tokio::test]
async fn a_command_reaches_the_engine_with_its_caller_and_the_answer_comes_back() {
    let mut door = open();
    let engine = tokio::spawn(async move {
        let command = door.commands.recv().await.unwrap();
        command.answer.send(Ok(format!("paused by {}", command.actor).into())).unwrap();
        command.order.what
    });
    let what = What::pause("mail is down");
    let answer = ask(&door.socket, &Request::Command(what.clone().into())).await.unwrap();
    assert_eq!(engine.await.unwrap(), what);
    let caller = answer.strip_prefix("paused by ").unwrap();
    assert!(!caller.is_empty());
}

#[tokio::test]
async fn a_refusal_is_an_error_in_the_engines_words() {
    let mut door = open();
    let engine = async {
        let command = door.commands.recv().await.unwrap();
        command.answer.send(Err("nothing is paused".to_owned())).unwrap();
    };
    let request = Request::Command(What::Unpause(Ending::default()).into());
    let (answer, ()) = tokio::join!(ask(&door.socket, &request), engine);
    assert!(matches!(answer, Err(AdminError::Refused(why)) if why == "nothing is paused"));
}

#[tokio::test]
async fn the_status_is_the_last_one_published() {
    let door = open();
    assert!(matches!(ask(&door.socket, &Request::Status).await, Err(AdminError::Refused(_))));
    door.status.send(Bytes::from_static(b"{\"stages\":[]}")).unwrap();
    assert_eq!(ask(&door.socket, &Request::Status).await.unwrap(), "{\"stages\":[]}");
}

#[tokio::test]
async fn an_engine_that_is_gone_is_said_so() {
    let mut door = open();
    let request = Request::Command(What::pause("").into());
    let ending = async {
        let command = door.commands.recv().await;
        // It ends while somebody waits, who is told so before the socket goes.
        door.commands.close();
        drop(command);
    };
    let (answer, ()) = tokio::join!(ask(&door.socket, &request), ending);
    assert!(matches!(answer, Err(AdminError::Gone(why)) if why.contains("stopping")));
    door.server.await.unwrap();
}

#[tokio::test]
async fn rubbish_is_answered_with_what_is_wrong_and_harms_nobody_else() {
    let door = open();
    let long = vec![b'x'; usize::try_from(MAX_REQUEST).unwrap() + 1];
    for (bytes, wrong) in [
        (&b"\n"[..], "no request"),
        (b"{\"command\":{\"what\":{\"explode\":{}}}}\n", "unknown variant `explode`"),
        (b"{\"command\":{\"what\":{\"pause\":{}}}}\n", "missing field `why`"),
        (b"\xff\xfe\n", "no request"),
        (&long, "65536 bytes"),
    ] {
        let mut stream = UnixStream::connect(&door.socket).await.unwrap();
        // A refused line may be cut off while it is still being written.
        stream.write_all(bytes).await.ok();
        let answer = String::from_utf8(read_line(&mut stream, MAX_REQUEST).await.unwrap()).unwrap();
        assert!(answer.contains(wrong), "{answer}");
    }
    door.status.send(Bytes::from_static(b"{}")).unwrap();
    assert!(ask(&door.socket, &Request::Status).await.is_ok());
}

#[tokio::test]
async fn without_a_daemon_the_client_says_how_to_start_one() {
    let door = open();
    door.server.abort();
    assert!(door.server.await.unwrap_err().is_cancelled());
    let error = ask(&door.socket, &Request::Status).await.unwrap_err();
    assert!(matches!(error, AdminError::NoDaemon(_)), "{error}");
    assert!(error.to_string().contains("tidegate run"));
}
