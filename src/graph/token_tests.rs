//! Each kind of credential over the wire: what is asked, what is read anew, how long a refusal or an old token counts.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::certificate::tests::file;
use super::script::{Script, Scripted, Seen, answer, lost, start};
use super::token::{Credentials, ReadSecret};
use crate::engine::port::Tenant;
use crate::rollout::observed::TroubleKind;

const REFUSED: &str = r#"{"error":"invalid_client","error_codes":[7000215]}"#;

fn granted(token: &str) -> Scripted {
    answer(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": token}))
}

fn refused() -> Scripted {
    super::script::with(401, &[], REFUSED)
}

fn is_login(seen: &Seen) -> bool {
    seen.uri.contains("/oauth2/")
}

/// Grants tokens in turn, and answers everything else with an empty page.
fn logins(answers: impl IntoIterator<Item = Scripted>) -> Arc<Script> {
    let mut answers: VecDeque<_> = answers.into_iter().collect();
    Script::by(move |seen| if is_login(seen) { answers.pop_front().unwrap() } else { answer(200, &json!({"value": []})) })
}

/// What is read in turn; the last one again and again.
fn reads(texts: &'static [&'static str]) -> ReadSecret {
    let at = AtomicUsize::new(0);
    Arc::new(move || {
        let text = texts[at.fetch_add(1, Ordering::Relaxed).min(texts.len() - 1)];
        if text.is_empty() { Err("the file is empty".into()) } else { Ok(SecretString::from(text)) }
    })
}

fn secret(texts: &'static [&'static str]) -> Credentials {
    Credentials::Secret { client_id: "client".into(), secret: reads(texts) }
}

fn forms(script: &Script, field: &str) -> Vec<String> {
    let value = |form: &str| {
        url::form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == field).map(|(_, value)| value.into_owned())
    };
    script.logins().iter().filter_map(|seen| value(seen.body.as_str()?)).collect()
}

#[tokio::test]
async fn a_secret_that_was_replaced_meanwhile_is_tried_once() {
    for (texts, answers, sent, good) in [
        (&["old", "new"][..], vec![refused(), granted("t")], &["old", "new"][..], true),
        (&["old", "new", "newer"], vec![refused(), refused()], &["old", "new"], false),
        (&["same"], vec![refused()], &["same"], false),
    ] {
        let script = logins(answers);
        let (graph, _) = script.graph_with(secret(texts));
        assert_eq!(graph.filtered_people("x").await.is_ok(), good, "{texts:?}");
        assert_eq!(forms(&script, "client_secret"), sent);
    }
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_replaced_with_the_secret_as_it_is_now() {
    let mut asked = 0;
    let script = Script::by(move |seen| {
        if is_login(seen) {
            asked += 1;
            return granted(&format!("token-{asked}"));
        }
        if seen.token.as_deref() == Some("Bearer token-1") { answer(401, &json!({})) } else { answer(200, &json!({"value": []})) }
    });
    let (graph, _) = script.graph_with(secret(&["old", "new"]));
    graph.filtered_people("x").await.unwrap();
    assert_eq!(forms(&script, "client_secret"), ["old", "new"]);
}

#[tokio::test]
async fn while_the_file_is_half_written_the_token_at_hand_serves_until_it_expires() {
    let script = logins([granted("first"), granted("second")]);
    let (graph, _) = script.graph_with(secret(&["old", "", "new"]));
    for (old, expected) in [(false, "first"), (true, "first"), (true, "second")] {
        if old {
            graph.transport.tokens.grow_old().await;
        }
        graph.filtered_people("x").await.unwrap();
        assert_eq!(script.seen().last().unwrap().token.as_deref(), Some(format!("Bearer {expected}").as_str()));
    }
    assert_eq!(forms(&script, "client_secret"), ["old", "new"]);

    let script = logins([granted("first"), lost(), refused()]);
    let (graph, _) = script.graph_with(secret(&["s"]));
    for _ in 0..3 {
        graph.filtered_people("x").await.unwrap();
        graph.transport.tokens.grow_old().await;
    }
    assert_eq!(script.logins().len(), 3, "a login service that is away or refuses is no reason to drop a good token");
}

#[tokio::test]
async fn what_passes_by_itself_at_the_login_service_is_waited_out() {
    let busy = || super::script::with(400, &[], r#"{"error":"invalid_grant","error_codes":[90033]}"#);
    let script = logins([busy(), super::script::with(503, &[], "<html>"), granted("t")]);
    let (graph, clock) = script.graph_with(secret(&["s"]));
    graph.filtered_people("x").await.unwrap();
    assert!(clock.now() > start(), "not at once");
}

#[tokio::test]
async fn an_odd_answer_is_no_token_and_no_panic() {
    let with = |expires: &Value| answer(200, &json!({"access_token": "t", "expires_in": expires}));
    for (first, good) in [
        (with(&json!(u64::MAX)), true),
        (with(&json!("18446744073709551615")), true),
        (with(&json!(-1)), false),
        (with(&json!(null)), false),
        (answer(200, &json!({"access_token": "a\nb", "expires_in": 60})), false),
        (answer(200, &json!([])), false),
        (super::script::with(200, &[], "<html>"), false),
    ] {
        let mut first = Some(first);
        let script = Script::by(move |seen| match first.take().filter(|_| is_login(seen)) {
            Some(answer) => answer,
            None if is_login(seen) => lost(),
            None => answer(200, &json!({"value": []})),
        });
        let (graph, _) = script.graph_with(secret(&["s"]));
        assert_eq!(graph.filtered_people("x").await.is_ok(), good);
    }
}

#[tokio::test]
async fn a_federated_token_is_read_each_time_and_sent_unchanged() {
    let script = logins([granted("one"), granted("two")]);
    let credentials = Credentials::Federated { client_id: "client".into(), token: reads(&["ey.a.1", "ey.b.2"]) };
    let (graph, _) = script.graph_with(credentials);
    graph.filtered_people("x").await.unwrap();
    graph.transport.tokens.grow_old().await;
    graph.filtered_people("x").await.unwrap();
    assert_eq!(forms(&script, "client_assertion"), ["ey.a.1", "ey.b.2"]);
    assert_eq!(forms(&script, "client_secret"), Vec::<String>::new());
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(forms(&script, "client_assertion_type"), [kind, kind]);
}

#[tokio::test]
async fn a_machines_identity_is_asked_as_microsoft_says() {
    let sample = json!({"access_token": "imds", "expires_in": "3599", "expires_on": "1506484173", "not_before": "1506480273",
        "refresh_token": "", "resource": "http://127.0.0.1:1", "token_type": "Bearer"});
    for (statuses, waited_s, good) in [
        (&[200][..], 0, true),
        (&[404, 429, 500, 503, 200], 52, true),
        (&[410, 410, 410, 410, 410, 200], 70, true),
        (&[400], 0, false),
    ] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<u16> = statuses.iter().copied().collect();
        let (seen_by, body) = (Arc::clone(&asked), sample.clone());
        let script = Script::by(move |seen| {
            if !is_login(seen) {
                return answer(200, &json!({"value": []}));
            }
            seen_by.lock().unwrap().push((seen.uri.clone(), seen.headers.clone(), seen.method.clone()));
            answer(answers.pop_front().unwrap(), &body)
        });
        let url = "http://169.254.169.254".to_owned();
        let (graph, clock) = script.graph_with(Credentials::Managed { client_id: Some("id-1".into()), url });
        let read = graph.filtered_people("x").await;
        assert_eq!(read.is_ok(), good, "{statuses:?}");
        assert_eq!(clock.now().duration_since(start()), SignedDuration::from_secs(waited_s), "{statuses:?}");
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), statuses.len());
        let (uri, headers, method) = &asked[0];
        assert_eq!((headers["metadata"].to_str().unwrap(), method.as_str()), ("true", "GET"));
        assert!(uri.ends_with("&resource=http%3A%2F%2F127.0.0.1%3A1&client_id=id-1"), "{uri}");
        if !good {
            assert_eq!(read.unwrap_err().kind, TroubleKind::Refused);
        }
    }
}

fn certificate(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Credentials {
    let file = move || Ok(file(bytes.as_ref(), None));
    Credentials::Certificate { client_id: "client-1".into(), path: "/etc/app.pem".into(), file: Arc::new(file) }
}

#[tokio::test]
async fn a_certificate_signs_with_ps256_and_names_itself() {
    let script = logins([granted("t")]);
    let (graph, _) = script.graph_with(certificate(std::fs::read("tests/fixtures/certificates/app.pem").unwrap()));
    graph.filtered_people("a").await.unwrap();
    assert_eq!(forms(&script, "client_assertion_type"), ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]);
    let token = forms(&script, "client_assertion").remove(0);
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (jsonwebtoken::Algorithm::PS256, Some("JWT")));
    assert_eq!(header.x5t_s256.unwrap().len(), 43);
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(&token).unwrap().claims;
    assert_eq!(claims["aud"], "http://127.0.0.1:2/contoso.example/oauth2/v2.0/token");
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client-1"), &json!("client-1")));
    assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 600);
    assert_eq!(graph.warnings(), Vec::<String>::new(), "it ends in a hundred years");
}

/// A pair whose certificate ends so many hours from now.
fn ending(hours: i64) -> String {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let mut made = rcgen::CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
    let now = crate::clock::Clock::system().now().as_second();
    made.not_after = rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs((now + hours * 3_600).unsigned_abs());
    let certificate = made.self_signed(&key).unwrap();
    format!("{}{}", certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_certificate_that_ends_is_told_in_time_and_an_expired_one_is_an_error() {
    let script = logins([granted("t")]);
    let (graph, _) = script.graph_with(certificate(ending(13 * 24 + 1)));
    assert_eq!(graph.warnings(), Vec::<String>::new(), "not read yet");
    graph.filtered_people("a").await.unwrap();
    let warning = graph.warnings().remove(0);
    assert!(
        warning.starts_with("the certificate in /etc/app.pem expires on ") && warning.contains("in 13 days; make"),
        "{warning}"
    );

    let script = logins([]);
    let (graph, _) = script.graph_with(certificate(ending(-2)));
    let trouble = graph.filtered_people("a").await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Refused);
    assert!(trouble.why.starts_with("the certificate in /etc/app.pem expired on "), "{}", trouble.why);
    assert_eq!(script.logins().len(), 0, "nothing is asked with it");
}

#[tokio::test]
async fn a_secrets_end_is_told_as_the_plan_says_it() {
    let script = logins([]);
    let (graph, _) = script.graph_with(secret(&["s"]));
    let now = crate::clock::Clock::system().now();
    graph.secret_expires(now.checked_add(SignedDuration::from_hours(24 * 5)).ok());
    assert!(graph.warnings().remove(0).starts_with("the client secret expires on "));
    graph.secret_expires(None);
    assert_eq!(graph.warnings(), Vec::<String>::new());
}
