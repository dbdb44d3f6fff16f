//! Envelopes: several calls in one `POST /$batch`, each with its own answer.
//!
//! Does not repeat anything. Invariant: answers are matched by id; a member whose answer is missing, doubled or unreadable has no
//! answer that can be trusted.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::answer::{Reply, Verdict, classify};
use super::request::{Call, Effect};
use super::transport::{Failure, Transport, USED, used};
use crate::engine::leave::Leave;
use crate::rollout::observed::{Trouble, TroubleKind};

/// Most members of an envelope (Microsoft's limit).
pub(crate) const MEMBERS: usize = 20;

/// What became of a call: its answer's meaning and body, or why it never left.
pub(crate) type Outcome = Result<(Verdict, Reply), Trouble>;

#[derive(Deserialize)]
struct Responses<R> {
    responses: Vec<R>,
}

/// One answer, each part as it stands there.
#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// Sends calls (at most [`MEMBERS`], of one kind) together and classifies each answer. One outcome per call, in order.
///
/// Calls of two versions, and one that would delete an object, do not leave at all.
pub(crate) async fn together(transport: &Transport, leave: &Leave, calls: &[&Call]) -> Vec<Outcome> {
    let mixed = calls.windows(2).any(|two| matches!(two, [a, b] if a.version() != b.version()));
    if mixed || calls.iter().any(|call| call.deletes_an_object()) {
        let why = "an envelope of two versions, or one that would delete an object, was not sent; please report this".to_owned();
        return calls.iter().map(|_| Err(Trouble { kind: TroubleKind::Refused, why: why.clone() })).collect();
    }
    if let [call] = calls {
        return vec![match transport.deliver(leave, call).await {
            Ok(reply) => Ok((classify(call, &reply), reply)),
            Err(failure) => failed(call, failure),
        }];
    }
    let envelope = Call::envelope(calls);
    match transport.deliver(leave, &envelope).await {
        Err(failure) => calls.iter().map(|call| failed(call, failure.clone())).collect(),
        Ok(reply) => match classify(&envelope, &reply) {
            Verdict::Ok => match sort(calls.len(), &reply.body) {
                Some(replies) => calls.iter().zip(replies).map(|(call, reply)| Ok(member(call, reply))).collect(),
                None => calls.iter().map(|call| Ok(member(call, None))).collect(),
            },
            // An envelope has no members of its own that could exist already or be gone.
            Verdict::AlreadySo | Verdict::Gone | Verdict::Unknown => calls.iter().map(|call| Ok(member(call, None))).collect(),
            verdict => calls.iter().map(|_| Ok((verdict.clone(), Reply::default()))).collect(),
        },
    }
}

fn failed(call: &Call, failure: Failure) -> Outcome {
    match failure {
        Failure::NotSent(trouble) => Err(trouble),
        Failure::Lost(_) => Ok(member(call, None)),
    }
}

/// A member's answer, or none that can be trusted.
fn member(call: &Call, reply: Option<Reply>) -> (Verdict, Reply) {
    match (reply, call.effect()) {
        (Some(reply), _) => (classify(call, &reply), reply),
        (None, Effect::Change) => (Verdict::Unknown, Reply::default()),
        (None, Effect::None) => (Verdict::Retry { after: None, kind: TroubleKind::Unreachable }, Reply::default()),
    }
}

/// Sorts the answers of `count` members by their ids; `None` when this is no envelope's answer at all.
fn sort(count: usize, body: &Bytes) -> Option<Vec<Option<Reply>>> {
    let mut sorted: Vec<Vec<Option<Reply>>> = vec![Vec::new(); count];
    for response in responses(body)? {
        let id = response.id.and_then(|id| serde_json::from_str::<Cow<'_, str>>(id.get()).ok()?.parse::<usize>().ok());
        if let Some(place) = id.and_then(|id| sorted.get_mut(id)) {
            place.push(read(&response, body));
        }
    }
    Some(sorted.into_iter().map(|mut replies| if replies.len() == 1 { replies.pop().flatten() } else { None }).collect())
}

/// The answers that are objects.
fn responses(body: &[u8]) -> Option<Vec<Response<'_>>> {
    if let Ok(Responses { responses }) = serde_json::from_slice(body) {
        return Some(responses);
    }
    // One that is none spoils nothing; that is seldom so, and every body is looked through once more for it.
    let Responses { responses } = serde_json::from_slice::<Responses<&RawValue>>(body).ok()?;
    Some(responses.into_iter().filter_map(|response| serde_json::from_str(response.get()).ok()).collect())
}

fn read(response: &Response<'_>, whole: &Bytes) -> Option<Reply> {
    let status: Value = serde_json::from_str(response.status?.get()).ok()?;
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok()).and_then(|status| u16::try_from(status).ok())?;
    let headers: Option<Map<String, Value>> = response.headers.and_then(|headers| serde_json::from_str(headers.get()).ok());
    let header = |wanted: &str| {
        let (_, value) = headers.as_ref()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        value.as_str().map(str::to_owned).or_else(|| value.as_f64().map(|number| number.to_string()))
    };
    let body =
        response.body.filter(|body| body.get() != "null").map_or_else(Bytes::new, |body| whole.slice_ref(body.get().as_bytes()));
    Some(Reply { status, retry_after: header("retry-after"), used: header(USED).as_deref().and_then(used), body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_matched_by_id_in_any_order() {
        let body = br#"{"responses":[
            {"id":"2","status":429,"headers":{"Retry-After":"2.5"}},
            {"id":"0","status":204,"headers":null},
            {"id":"3","status":204},{"id":"3","status":204},
            {"id":"4","status":"204","headers":{"RETRY-AFTER":3},"body":{"error":{"code":"x"}}},
            {"id":"5"},
            {"id":"77","status":204},{"status":204},{"id":9,"status":204}]}"#;
        let with_odd = String::from_utf8_lossy(body).replacen('[', r#"[7,null,{"id":"1","id":"1"},"#, 1);
        let sorted = sort(7, &Bytes::from_static(body)).unwrap();
        // What is no answer at all spoils none.
        for sorted in [&sorted, &sort(7, &Bytes::from(with_odd)).unwrap()] {
            let statuses: Vec<_> = sorted.iter().map(|reply| reply.as_ref().map(|reply| reply.status)).collect();
            assert_eq!(statuses, [Some(204), None, Some(429), None, Some(204), None, None]);
        }
        let after = |at: usize| sorted[at].as_ref().unwrap().retry_after.clone();
        assert_eq!((after(2), after(4)), (Some("2.5".into()), Some("3".into())));
        let cut_name = br#"{"responses":[{"id":"0","status":200,"body":{"displayName":"\ud83d"}}]}"#;
        assert_eq!(sort(1, &Bytes::from_static(cut_name)).unwrap()[0].as_ref().unwrap().status, 200);
        for odd in ["", "<html>", "{}", r#"{"responses":null}"#, r#"{"responses":[{"id":"0","sta"#] {
            assert!(sort(1, &Bytes::from_static(odd.as_bytes())).is_none(), "{odd}");
        }
    }
}
