//! Each kind of credential from the file to the tenant, replaced while the daemon runs, refused, and about to end.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tidegate::clock::Clock;
use tidegate::sim::{AppKey, Change, Federation, Moment, Pass, Profile, SECRET};

use super::bed::{Bed, lock};
use super::{kept, plans};

const ISSUER: &str = "https://oidc.contoso.example";
const SUBJECT: &str = "system:serviceaccount:tidegate:tidegate";

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/certificates").join(name)
}

/// The plan of the bed with these keys in place of the secret's.
fn plan(bed: &Bed, keys: &str) -> String {
    let plan = plans::short(bed, "").replace("secret_file = \"secret\"", keys);
    bed.write("plan.toml", &plan);
    plan
}

/// A token of the issuer about the subject, which lives for an hour.
fn foreign(subject: &str, serial: u32) -> String {
    let part = |value: serde_json::Value| base64url(value.to_string().as_bytes());
    let until = Clock::system().now().as_second() + 3_600;
    let claims =
        json!({ "iss": ISSUER, "sub": subject, "aud": ["api://AzureADTokenExchange"], "exp": until, "jti": serial.to_string() });
    format!("{}.{}.c2VhbA", part(json!({ "alg": "RS256", "kid": "k" })), part(claims))
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        text.extend((0..=chunk.len()).map(|at| char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize])));
    }
    text
}

/// A bed in which every kind of credential works, and the keys for each.
pub(super) fn every_kind() -> (Bed, Vec<(&'static str, String)>) {
    let known = AppKey::read(&std::fs::read(fixture("app.pem")).unwrap()).unwrap();
    let federation = Federation { issuer: ISSUER.to_owned(), subject: SUBJECT.to_owned() };
    let bed = Bed::new(Profile { app_key: Some(known), federation: Some(federation), ..plans::orderly(40) });
    bed.write("token", &foreign(SUBJECT, 1));
    bed.write("password", "hunter2-ü\n");
    let pfx = |name: &str| format!("certificate = {:?}\ncertificate_password_file = \"password\"", fixture(name));
    let kinds = vec![
        ("a secret", "secret_file = \"secret\"".to_owned()),
        ("PEM", format!("certificate = {:?}", fixture("app.pem"))),
        ("PKCS#12", pfx("aes.pfx")),
        ("PKCS#12 without a password", format!("certificate = {:?}", fixture("no-password.pfx"))),
        ("a federated token", "federated_token_file = \"token\"".to_owned()),
        ("a machine's identity", format!("managed_identity = true\nmanaged_identity_url = \"{}\"", bed.url())),
    ];
    (bed, kinds)
}

/// The lines of the key in the files of [`every_kind`].
pub(super) fn key_lines() -> Vec<String> {
    let text = std::fs::read_to_string(fixture("app.pem")).unwrap();
    let (_, key) = text.split_once("-----BEGIN PRIVATE KEY-----\n").unwrap();
    key.lines().filter(|line| line.len() > 20 && !line.starts_with('-')).map(str::to_owned).collect()
}

#[test]
fn every_kind_of_credential_opens_the_tenant() {
    let (bed, kinds) = every_kind();
    for (what, keys) in kinds {
        plan(&bed, &keys);
        let ended = bed.run(&["plan"]);
        assert_eq!(ended.code, Some(0), "{what}: {}", ended.log);
    }
    let text = plan(&bed, "federated_token_file = \"token\"");
    bed.write("plan.toml", &text.replace("federated_token_file = \"token\"\n", ""));
    let mut pod = bed.command(&["plan"]);
    pod.env("AZURE_FEDERATED_TOKEN_FILE", bed.path("token"));
    super::bed::Running::new(pod).ends().with(0);
}

#[test]
fn the_simulated_tenant_of_the_command_line_knows_the_app_by_its_certificate_over_tls() {
    let bed = Bed::new(plans::orderly(20));
    let served = ["simulate-tenant", "--users", "40", "--tls", "--folder", "served", "--app-certificate"];
    let mut command = bed.command(&served);
    command.arg(fixture("app.pem"));
    let mut tenant = super::bed::Running::new(command);
    tenant.logs(|line| line.starts_with("plan: "));
    let text = std::fs::read_to_string(bed.path("served/plan.toml")).unwrap();
    let secret = text.lines().find(|line| line.starts_with("secret_file")).unwrap();
    for (file, password, code) in
        [("app.pem", "", 0), ("aes.pfx", "certificate_password_file = \"password\"", 0), ("other.pem", "", 4)]
    {
        bed.write("password", "hunter2-ü");
        bed.write("plan.toml", &text.replace(secret, &format!("certificate = {:?}\n{password}", fixture(file))));
        bed.run(&["plan"]).with(code);
    }
    bed.write("plan.toml", &text);
    bed.run(&["plan"]).with(0);
}

#[test]
fn a_rollout_runs_on_a_machines_identity() {
    let bed = Bed::new(plans::orderly(40));
    let client = "client_id = \"6f6f6f6f-0000-4000-8000-000000000001\"\n";
    let keys = format!("managed_identity = true\nmanaged_identity_url = \"{}\"", bed.url());
    let text = plan(&bed, &keys);
    bed.write("plan.toml", &text.replace(client, ""));
    // Busy, being updated, and then well.
    for status in [503, 410, 404] {
        let fault = json!({ "path": "/metadata/identity", "times": 1, "what": { "status": { "status": status } } });
        bed.tenant().fault(serde_json::from_value(fault).unwrap());
    }
    bed.run_max(plans::SHORT_BEGIN).with(0);
    kept::promises_to_everybody(&bed);
}

#[test]
fn what_does_not_open_the_tenant_says_what_to_do() {
    let (bed, _) = every_kind();
    bed.write("wrong", "wrong");
    bed.write("stranger", &foreign("somebody else", 1));
    let pfx = |password: &str| format!("certificate = {:?}\ncertificate_password_file = \"{password}\"", fixture("aes.pfx"));
    for (keys, says) in [
        (pfx("wrong"), "does not open with its password; check credentials.certificate_password_file"),
        (pfx("missing"), "the file that `credentials.certificate_password_file` names cannot be read"),
        (format!("certificate = {:?}", fixture("encrypted.pem")), "the private key is encrypted"),
        (format!("certificate = {:?}", fixture("other.pem")), "upload the certificate of credentials.certificate to the app"),
        ("federated_token_file = \"stranger\"".to_owned(), "(AADSTS700213): no federated credential of the app matches"),
        ("federated_token_file = \"missing\"".to_owned(), "`credentials.federated_token_file` names cannot be read"),
    ] {
        plan(&bed, &keys);
        let ended = bed.run(&["plan"]).with(4);
        assert!(ended.says().contains(says), "{keys}: {}", ended.says());
    }
    for (code, says) in [
        (7_000_222, "the client secret has expired; make a new one"),
        (7_000_112, "the app is disabled"),
        (53_003, "a Conditional Access policy for workload identities blocks the app"),
        (900_382, "the tenant belongs to another cloud; check tenant.cloud"),
    ] {
        plan(&bed, "secret_file = \"secret\"");
        let body = json!({ "error": "invalid_grant", "error_codes": [code] }).to_string();
        let fault = json!({ "path": "/oauth2/", "what": { "status": { "status": 400, "body": body } } });
        bed.tenant().fault(serde_json::from_value(fault).unwrap());
        let ended = bed.run(&["plan"]).with(4);
        assert!(ended.says().contains(says), "{code}: {}", ended.says());
    }
}

#[test]
fn a_secret_is_replaced_while_the_daemon_runs() {
    // Short-lived tokens: each turn asks anew. The secret changes at the tenant and in the file, in the middle of the rollout.
    let bed = Bed::new(plans::orderly(40));
    plans::short(&bed, "");
    let second = plans::second_stage();
    let (tenant, file) = (bed.shared(), bed.path("secret"));
    let state = Arc::new(Mutex::new((false, 0_u32, Vec::new())));
    let seen = Arc::clone(&state);
    bed.watch(move |moment, request| {
        let mut state = lock(&seen);
        if moment == Moment::Before && !state.0 && super::bed::now_of(request).is_some_and(|now| now > second) {
            state.0 = true;
            let mut tenant = lock(&tenant);
            tenant.change(second, Change::SetSecrets(vec!["the-new-one".to_owned()])).unwrap();
            tenant.change(second, Change::RevokeTokens).unwrap();
            // The file is half written, and the next time whole.
            std::fs::write(&file, "").unwrap();
        }
        if moment == Moment::Before && request.uri().path().ends_with("/oauth2/v2.0/token") {
            let body = String::from_utf8_lossy(request.body()).into_owned();
            state.2.push(body.contains("the-new-one"));
        }
        if moment == Moment::After && state.0 {
            state.1 += 1;
            if state.1 == 1 {
                std::fs::write(&file, "the-new-one\n").unwrap();
            }
        }
        Pass::On
    });
    bed.run_max(plans::SHORT_BEGIN).with(0);
    kept::promises_to_everybody(&bed);
    let state = lock(&state);
    assert!(state.0 && state.2.first() == Some(&false) && state.2.last() == Some(&true), "{:?}", state.2);
}

/// A pair whose certificate ends so many hours from now, and the key that the tenant knows.
fn ending(hours: i64) -> (AppKey, String) {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let mut made = rcgen::CertificateParams::new(vec!["tidegate.example".to_owned()]).unwrap();
    let second = Clock::system().now().as_second() + hours * 3_600;
    made.not_after = rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(second.unsigned_abs());
    let certificate = made.self_signed(&key).unwrap();
    (AppKey::read(certificate.der()).unwrap(), format!("{}{}", certificate.pem(), key.serialize_pem()))
}

#[test]
fn the_end_of_a_credential_is_told_everywhere_in_time() {
    let bed = Bed::new(plans::orderly(40));
    plan(&bed, "certificate = \"app.pem\"");
    let (known, pem) = ending(24 * 13 + 1);
    bed.tenant().set_app_key(known);
    bed.write("app.pem", &pem);
    let says = format!("the certificate in {} expires on ", bed.path("app.pem").display());
    for command in ["check", "plan"] {
        let ended = bed.run(&[command]).with(0);
        assert!(ended.out.contains(&says) && ended.out.contains("in 13 days; make a new one"), "{command}: {}", ended.out);
    }
    let ended = bed.run_max(plans::SHORT_BEGIN).with(0);
    assert_eq!(ended.log.matches(&says).count(), 1, "once per threshold: {}", ended.log);
    assert!(bed.run(&["status"]).with(0).out.contains(&format!("warning: {says}")));
    let status: serde_json::Value = serde_json::from_str(&bed.run(&["status", "--json"]).with(0).out).unwrap();
    assert!(status["warnings"][0].as_str().unwrap().starts_with(&says), "{status}");

    let (known, pem) = ending(-1);
    bed.tenant().set_app_key(known);
    bed.write("app.pem", &pem);
    let says = format!("the certificate in {} expired on ", bed.path("app.pem").display());
    assert!(bed.run(&["check"]).with(3).log.contains(&says));
    assert!(bed.run(&["plan"]).with(4).says().starts_with(&says));

    // A tenant of its own: the other one has lived until the end of the rollout.
    let bed = Bed::new(plans::orderly(40));
    let soon = Clock::system().now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date().saturating_add(jiff::ToSpan::days(20));
    plan(&bed, &format!("secret_file = \"secret\"\nsecret_expires = \"{soon}\""));
    for command in ["check", "plan"] {
        let ended = bed.run(&[command]).with(0);
        assert!(ended.out.contains("the client secret expires on "), "{command}: {}", ended.out);
    }
    assert!(!SECRET.is_empty() && !bed.run(&["check"]).out.contains(SECRET));
}
