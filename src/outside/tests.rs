//! Tests of what answers gates: an address on this machine and real programs, each of which does one thing wrong.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use url::Url;

use super::{Outside, Question, Whom, command};
use crate::engine::port::Gates as _;
use crate::rollout::gate::{Judgement, Says};
use crate::rollout::sample;

const LIMIT: Duration = Duration::from_millis(400);

/// What an address on this machine that answers so comes to.
async fn asked(answer: &'static [u8], stays: bool) -> Result<Says, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/gate", listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        let _ = stream.write_all(answer).await;
        if stays {
            // Until the other side gives up.
            let _ = stream.read(&mut request).await;
        }
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let question = Question { whom: Whom::Address { url, allow_internal: Vec::new() }, time_limit: LIMIT };
    let answered = question.ask().await.map(|answer| answer.says);
    let request = server.await.unwrap().to_lowercase();
    assert!(request.starts_with("get /gate http/1.1\r\n") && !request.contains("authorization"), "{request}");
    answered
}

#[tokio::test]
async fn an_address_answers_with_a_plain_success_in_time_or_not_at_all() {
    let good = b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"verdict\":\"pass\"}";
    assert_eq!(asked(good, false).await, Ok(Says::Judged { verdict: Judgement::Pass, why: None }));
    let long = [b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n{\"verdict\":\"pass\"}".to_vec(), vec![b' '; 99_982]].concat();
    let long: &'static [u8] = long.leak();
    let table: [(&str, &'static [u8], bool, &str); 8] = [
        ("an error", b"HTTP/1.1 500 No\r\ncontent-length: 18\r\n\r\n{\"verdict\":\"pass\"}", false, "status 500"),
        ("not found", b"HTTP/1.1 404 No\r\ncontent-length: 18\r\n\r\n{\"verdict\":\"pass\"}", false, "status 404"),
        ("accepted", b"HTTP/1.1 202 OK\r\ncontent-length: 18\r\n\r\n{\"verdict\":\"pass\"}", false, "status 202"),
        (
            "a redirect",
            b"HTTP/1.1 302 Go\r\nlocation: https://1.1.1.1/\r\ncontent-length: 18\r\n\r\n{\"verdict\":\"pass\"}",
            false,
            "302",
        ),
        ("a page", b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n<html/>\n", false, "not the JSON"),
        ("cut off", b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"verdict\":\"pass\"}", false, "failed"),
        ("silence", b"", true, "in time"),
        ("too much", long, false, "longer than"),
    ];
    for (name, answer, stays, says) in table {
        let why = asked(answer, stays).await.unwrap_err();
        assert!(why.contains(says) && !why.contains("127.0.0.1"), "{name}: {why}");
    }
}

#[tokio::test]
async fn an_internal_address_is_asked_only_where_it_is_named() {
    for url in ["https://10.0.0.7/gate", "https://169.254.169.254/metadata", "http://10.0.0.7/"] {
        let whom = Whom::Address { url: Url::parse(url).unwrap(), allow_internal: Vec::new() };
        let why = Question { whom, time_limit: LIMIT }.ask().await.unwrap_err();
        assert!(why.contains("internal") || why.contains("not https"), "{url}: {why}");
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn a_command_answers_when_it_ends_well_and_in_time_or_not_at_all() {
    let sh = |script: &str| words(&["/bin/sh", "-c", script]);
    assert_eq!(command::run(&words(&["/bin/echo", "{} $HOME"]), LIMIT).await.unwrap(), b"{} $HOME\n", "no shell reads it");
    // What a shell sets by itself is no environment that was handed down.
    let environment = command::run(&words(&["/usr/bin/env"]), LIMIT).await.unwrap();
    assert_eq!(environment, b"", "{}", String::from_utf8_lossy(&environment));
    for (name, command, says) in [
        ("no such program", words(&["/no/such/program"]), "could not be started"),
        ("no words", Vec::new(), "no command"),
        ("a failure", sh("echo '{\"verdict\":\"pass\"}'; exit 3"), "code 3"),
        ("killed", sh("kill -9 $$"), "killed"),
        ("never", sh("echo '{\"verdict\":\"pass\"}'; while :; do :; done"), "did not end"),
        ("a child that stays", sh("echo '{\"verdict\":\"pass\"}'; (while :; do :; done) & exit 0"), "did not end"),
        ("without end", words(&["/bin/cat", "/dev/zero"]), "wrote more than"),
    ] {
        let why = command::run(&command, LIMIT).await.unwrap_err();
        assert!(why.contains(says), "{name}: {why}");
    }
}

#[tokio::test]
async fn at_its_limit_a_command_ends_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    // The inner one is no child of ours: only the group reaches it.
    let script = format!("(echo $$ >> {0}; while :; do :; done) & echo $! >> {0}; while :; do :; done", file.display());
    command::run(&words(&["/bin/sh", "-c", &script]), LIMIT).await.unwrap_err();
    let pids = std::fs::read_to_string(&file).unwrap();
    assert!(pids.lines().count() >= 2, "{pids}");
    let runs = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    let end = async {
        while pids.lines().any(runs) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), end).await.expect("they still run");
}

#[tokio::test]
async fn only_what_the_plan_in_force_names_is_asked() {
    let outside = Outside::default();
    let question = || Question { whom: Whom::Command(words(&["/bin/echo", "{\"value\":1,\"sample\":2}"])), time_limit: LIMIT };
    outside.learn([("a hash".to_owned(), question())]);
    let mut gate = sample::during(2);
    for (source, answers) in [(None, false), (Some("another"), false), (Some("a hash"), true)] {
        gate.asking.source = source.map(str::to_owned);
        let answered = outside.ask(&gate).await;
        assert_eq!(answered.is_ok(), answers, "{source:?}: {answered:?}");
    }
}
