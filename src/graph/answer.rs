//! What an answer means: every answer of the tenant is classified here, once (DESIGN §8).
//!
//! Pure. The status decides, then the most specific error code; a message is at most a hint that a read confirms. Invariant: no
//! reason made here repeats text of the tenant other than an error code, so that it names nobody.

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::Value;

use super::request::{Call, Effect};
use super::throttle::Bucket;
use super::wait::retry_after;
use crate::rollout::observed::{Trouble, TroubleKind};

/// An answer as it came: of a request, or of one member of an envelope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The header `Retry-After`.
    pub(crate) retry_after: Option<String>,
    /// How much of its quota the service says is used, where it says so; 1 is all of it.
    pub(crate) used: Option<f64>,
    pub(crate) body: Bytes,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Done, or here it is.
    Ok,
    /// Perhaps it was so already; a read tells.
    AlreadySo,
    /// Something that the request names does not exist (perhaps only not yet).
    Gone,
    /// Nothing was done; send it again as it was, after this long or after a back-off.
    Retry { after: Option<SignedDuration>, kind: TroubleKind },
    /// The token does not count; nothing was done.
    Reauthenticate,
    /// Nothing was done, and sending it again does not help.
    Refused(Refusal),
    /// A write of which nobody knows what became.
    Unknown,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Microsoft's error code, perhaps empty.
    pub(crate) code: String,
    /// The operator's sentence.
    pub(crate) why: String,
}

impl Refusal {
    pub(crate) fn trouble(self) -> Trouble {
        Trouble { kind: TroubleKind::Refused, why: self.why }
    }
}

/// Classifies the answer to a call.
pub(crate) fn classify(call: &Call, reply: &Reply) -> Verdict {
    let after = reply.retry_after.as_deref().and_then(retry_after);
    let throttled = Verdict::Retry { after, kind: TroubleKind::Throttled };
    let busy = Verdict::Retry { after, kind: TroubleKind::Unreachable };
    match reply.status {
        status if status == call.done() => Verdict::Ok,
        401 => Verdict::Reauthenticate,
        // What is taken out of a group and is not in it.
        404 if *call.method() == http::Method::DELETE => Verdict::AlreadySo,
        404 => Verdict::Gone,
        // A parent in the same envelope failed; ours have none, so the envelope was throttled.
        429 | 509 | 424 => throttled,
        409 | 412 | 423 => busy,
        400 if call.bucket() == Bucket::Writes => refused_write(call, reply),
        501 | 505 => refuse(call, reply),
        // A fault of the tenant; or another success than the documented one, so that a gateway answered and not Graph.
        408 | 500.. | 100..300 => match call.effect() {
            Effect::None => busy,
            Effect::Change => Verdict::Unknown,
        },
        _ => refuse(call, reply),
    }
}

/// A 400 is a catch-all: the message hints at what a read must confirm.
fn refused_write(call: &Call, reply: &Reply) -> Verdict {
    let message = message(&reply.body).to_lowercase();
    if message.contains("already exist") {
        Verdict::AlreadySo
    } else if message.contains("do not exist") || message.contains("does not exist") {
        Verdict::Gone
    } else {
        refuse(call, reply)
    }
}

fn refuse(call: &Call, reply: &Reply) -> Verdict {
    let code = error_code(&reply.body);
    let why = match (reply.status, code.as_str()) {
        (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant") => {
            format!("{} needs a Microsoft Entra ID P1 licence, which the tenant does not have; add one", call.template())
        }
        (_, "ErrorAccessDenied") => {
            "the mail service refused: the app may not use this sending mailbox; take the mailbox into the app's scope in Exchange Online \
             (it may take over an hour to count)"
                .to_owned()
        }
        // Microsoft has no code of its own for it; the words only choose the sentence.
        (400, _) if message(&reply.body).to_lowercase().contains("security defaults") => format!(
            "the tenant refused {} {} (400 {code}): security defaults are on, and no Conditional Access policy can be on beside them; \
             turn security defaults off first",
            call.method(),
            call.template(),
        ),
        (403, _) => format!(
            "the tenant refused {} {} (403 {code}): the app lacks the permission {}; grant it with admin consent",
            call.method(),
            call.template(),
            call.permission(),
        ),
        (300..400, _) => format!("the tenant answered {} with a redirect, which is never followed; check tenant.graph_url", call.template()),
        (status, _) => format!("the tenant refused {} {} ({status} {code})", call.method(), call.template()),
    };
    Verdict::Refused(Refusal { status: reply.status, code, why: why.replace(" )", ")") })
}

/// The most specific code of an error body, cut to what a code may be.
pub(crate) fn error_code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut error = body.get("error");
    let mut code = String::new();
    // Ours is not to recurse without end into what the tenant nests.
    for _ in 0..8 {
        let Some(level) = error else { break };
        if let Some(text) = level.get("code").and_then(Value::as_str).filter(|text| is_code(text)) {
            text.clone_into(&mut code);
        }
        error = level.get("innerError").or_else(|| level.get("innererror"));
    }
    code
}

fn is_code(text: &str) -> bool {
    (1..=80).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.')
}

fn message(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::request::{Content, Message, Mutation, Read};
    use super::*;
    use crate::rollout::id::ObjectId;

    fn reply(status: u16, code: &str, message: &str) -> Reply {
        let body =
            serde_json::json!({"error": {"code": code, "message": message, "innerError": {"date": "2025-02-13T10:17:06"}}});
        Reply { status, body: body.to_string().into(), ..Reply::default() }
    }

    #[test]
    fn every_status_has_one_meaning() {
        let read = Read::Users.call();
        let bind = Mutation::Bind { group: ObjectId::default(), people: vec![] }.call("https://g.example");
        let busy = || Verdict::Retry { after: None, kind: TroubleKind::Unreachable };
        let throttled = || Verdict::Retry { after: None, kind: TroubleKind::Throttled };
        for (status, message, of_read, of_write) in [
            (200, "", Some(Verdict::Ok), Some(Verdict::Unknown)),
            (204, "", Some(busy()), Some(Verdict::Ok)),
            (302, "", None, None),
            (400, "One or more added object references already exist for …", None, Some(Verdict::AlreadySo)),
            (400, "The source resource object or one of the objects being referenced do not exist.", None, Some(Verdict::Gone)),
            (400, "Unable to update the specified properties for on-premises mastered …", None, None),
            (401, "", Some(Verdict::Reauthenticate), Some(Verdict::Reauthenticate)),
            (403, "", None, None),
            (404, "", Some(Verdict::Gone), Some(Verdict::Gone)),
            (405, "", None, None),
            (409, "", Some(busy()), Some(busy())),
            (424, "", Some(throttled()), Some(throttled())),
            (429, "", Some(throttled()), Some(throttled())),
            (500, "", Some(busy()), Some(Verdict::Unknown)),
            (501, "", None, None),
            (503, "", Some(busy()), Some(Verdict::Unknown)),
            (504, "", Some(busy()), Some(Verdict::Unknown)),
        ] {
            for (call, expected) in [(&read, of_read), (&bind, of_write)] {
                let verdict = classify(call, &reply(status, "", message));
                match expected {
                    Some(expected) => assert_eq!(verdict, expected, "{status} {message} of {}", call.template()),
                    None => assert!(matches!(verdict, Verdict::Refused(_)), "{status} {message} of {}", call.template()),
                }
            }
        }
    }

    #[test]
    fn a_forbidden_call_names_the_permission_that_it_needs() {
        let body = Content::Text(String::new());
        let message = Message { to: String::new(), subject: String::new(), body, headers: vec![], calendar_file: None };
        for (call, permission) in [
            (Read::Users.call(), "User.Read.All"),
            (Read::RoleHolders(ObjectId::default()).call(), "RoleManagement.Read.Directory"),
            (Read::Policies.call(), "Policy.Read.All"),
            (Read::Registration(crate::graph::request::Columns::All).call(), "AuditLog.Read.All"),
            (Mutation::Bind { group: ObjectId::default(), people: vec![] }.call(""), "GroupMember.ReadWrite.All"),
            (Mutation::SendMail { from: ObjectId::default(), message }.call(""), "Mail.Send"),
        ] {
            let Verdict::Refused(refusal) = classify(&call, &reply(403, "Authorization_RequestDenied", "a@b.example")) else {
                panic!("{}", call.template());
            };
            assert!(refusal.why.contains(permission), "{}", refusal.why);
            assert!(!refusal.why.contains('@'), "{}", refusal.why);
        }
    }

    #[test]
    fn the_innermost_code_counts_and_odd_ones_do_not() {
        let nested = br#"{"error":{"code":"TooManyRequests","innerError":{"code":"429","innererror":{"code":"deepest"}}}}"#;
        assert_eq!(error_code(nested), "deepest");
        for body in ["", "<html>", "{}", r#"{"error":"text"}"#, r#"{"error":{"code":""}}"#, r#"{"error":{"code":"a b@c"}}"#] {
            assert_eq!(error_code(body.as_bytes()), "", "{body}");
        }
    }
}
