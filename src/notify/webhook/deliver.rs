//! Delivering to one hook: in order, at least once, with waits that grow.
//!
//! Knows no plan and holds nothing up. Invariants: the mark moves only behind what was delivered or given up; a wait passes on the wall's
//! clock, because the receiver lives by that, whatever the engine's clock shows; neither address nor secret is ever in a reason.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::Url;

use super::announcement::Announcement;
use super::body;
use super::{Hook, Kind};
use crate::clock::Clock;
use crate::outside::client::{Client, Unsent};

/// First wait; each is twice the one before.
const FIRST: Duration = Duration::from_secs(2);
/// Longest wait.
const LONGEST: Duration = Duration::from_secs(900);
/// After so many tries, a day or so, an announcement is given up.
const TRIES: u32 = 100;

/// What one post came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Post {
    /// Taken.
    Taken,
    /// Later perhaps, for this reason, and not before so long.
    Retry(String, Duration),
    /// Never: the receiver does not want this one.
    Refused(String),
}

/// How long to wait between tries; tests wait less.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) first: Duration,
    pub(super) longest: Duration,
    pub(super) tries: u32,
}

impl Default for Waits {
    fn default() -> Self {
        Self { first: FIRST, longest: LONGEST, tries: TRIES }
    }
}

/// Tries until the announcement is taken or given up; `failed` hears why a try failed. The error says why it was given up.
pub(super) async fn deliver(
    hook: &Hook,
    client: &Client,
    waits: Waits,
    announcement: &Announcement,
    mut failed: impl FnMut(&str),
) -> Result<(), String> {
    let mut last = String::new();
    for attempt in 0..waits.tries {
        let wait = match post(hook, client, announcement).await {
            Post::Taken => return Ok(()),
            Post::Refused(why) => return Err(why),
            Post::Retry(why, least) => {
                failed(&why);
                last = why;
                pause(waits, attempt, &body::id(announcement)).max(least.min(waits.longest))
            }
        };
        tokio::time::sleep(wait).await;
    }
    Err(last)
}

/// A wait: twice as long each time, less up to half of it, so that many senders do not come at once.
fn pause(waits: Waits, attempt: u32, id: &str) -> Duration {
    let whole = waits.first.saturating_mul(1_u32.checked_shl(attempt.min(20)).unwrap_or(u32::MAX)).min(waits.longest);
    let chance = Sha256::digest(format!("{id} {attempt}")).first().copied().unwrap_or(0);
    whole.mul_f64(1.0 - f64::from(chance) / 512.0)
}

/// One try.
pub(super) async fn post(hook: &Hook, client: &Client, announcement: &Announcement) -> Post {
    let later = |why: String| Post::Retry(why, Duration::ZERO);
    let (url, secret) = match (hook.read)() {
        Ok(read) => read,
        // Files are put right while the daemon runs.
        Err(why) => return later(why),
    };
    let Some(request) = request(hook.kind, &url, secret.as_ref(), announcement) else {
        return later("the webhook's file holds no address".to_owned());
    };
    match client.ask(request).await {
        Ok(answer) => judge(hook.kind, &answer),
        Err(Unsent(why)) => later(why),
    }
}

fn request(kind: Kind, url: &SecretString, secret: Option<&SecretString>, announcement: &Announcement) -> Option<Request<Bytes>> {
    let url = Url::parse(url.expose_secret()).ok()?;
    let body = match kind {
        Kind::Teams => body::card(announcement),
        Kind::Json => body::plain(announcement),
    };
    let mut request = Request::post(url.as_str())
        .header("content-type", "application/json; charset=utf-8")
        .header("idempotency-key", body::id(announcement));
    if let Some(secret) = secret {
        // The wall's time: the receiver compares it with its own.
        let timestamp = Clock::system().now().as_second();
        let signature = body::signature(secret.expose_secret().as_bytes(), timestamp, &body);
        request = request.header("x-tidegate-timestamp", timestamp).header("x-tidegate-signature", format!("sha256={signature}"));
    }
    request.body(body.into()).ok()
}

/// What an answer means. Teams hides a throttling in an answer of 200, whose text alone tells.
fn judge(kind: Kind, answer: &Response<Bytes>) -> Post {
    let status = answer.status();
    let after = answer.headers().get(http::header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
    let after = Duration::from_secs(after.unwrap_or(0));
    let text = String::from_utf8_lossy(answer.body());
    match status.as_u16() {
        200..=299 if kind == Kind::Teams && text.contains("HTTP error 429") => {
            Post::Retry("the webhook is throttled (429 in an answer of 200)".to_owned(), after)
        }
        200..=299 if kind == Kind::Teams && text.contains("endpoint returned HTTP error") => {
            Post::Retry("the webhook took the post, and Teams did not".to_owned(), after)
        }
        200..=299 => Post::Taken,
        408 | 425 | 429 | 500..=599 => Post::Retry(format!("the webhook answers {status}"), after),
        // What an operator puts right: the address in its file, or the receiver.
        300..=399 | 401 | 403 | 404 | 410 => {
            Post::Retry(format!("the webhook answers {status}; check the address in its file"), after)
        }
        _ => Post::Refused(format!("the webhook refuses the post: {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttling_that_hides_in_an_answer_of_200_is_found() {
        let answer = |status: u16, text: &'static str| {
            Response::builder().status(status).header("retry-after", "7").body(Bytes::from_static(text.as_bytes())).unwrap()
        };
        let hidden =
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x";
        let kind = |post: Post| match post {
            Post::Taken => "taken",
            Post::Retry(_, after) => {
                assert_eq!(after.as_secs(), 7);
                "retry"
            }
            Post::Refused(_) => "refused",
        };
        for (to, status, text, expected) in [
            (Kind::Teams, 200, "1", "taken"),
            (Kind::Teams, 202, "", "taken"),
            (Kind::Teams, 200, hidden, "retry"),
            (Kind::Teams, 200, "Microsoft Teams endpoint returned HTTP error 403", "retry"),
            (Kind::Json, 200, hidden, "taken"),
            (Kind::Json, 204, "", "taken"),
            (Kind::Json, 301, "", "retry"),
            (Kind::Json, 400, "", "refused"),
            (Kind::Json, 404, "", "retry"),
            (Kind::Json, 413, "", "refused"),
            (Kind::Teams, 429, "", "retry"),
            (Kind::Json, 503, "", "retry"),
        ] {
            assert_eq!(kind(judge(to, &answer(status, text))), expected, "{to:?} {status} {text}");
        }
    }

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<_> = (0..40).map(|attempt| pause(Waits::default(), attempt, "started-1-1")).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2 && waits[39] <= LONGEST && waits[39] >= LONGEST / 2, "{waits:?}");
        assert!(waits[8] > waits[0] * 30, "{waits:?}");
    }
}
