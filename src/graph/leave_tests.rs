//! Taking back the leave to write, at every point where a mutation waits on its way.

use serde_json::json;

use super::answer::Verdict;
use super::request::Mutation;
use super::script::{Script, answer, id, with};
use crate::engine::leave::Leave;

/// When the leave is taken back.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Before,
    /// While the login service makes the token.
    Login,
    /// Before the tenant answers "later" to the first write.
    Throttled,
    /// Before it answers that the token counts no more.
    Unauthorised,
    /// With the first of two envelopes.
    First,
    Never,
}

#[tokio::test]
async fn nothing_leaves_after_its_leave_was_taken_back_and_whoever_waited_was_not_sent() {
    for (when, status, writes, sent) in [
        (When::Before, 204, 0, 0),
        (When::Login, 204, 0, 0),
        (When::Throttled, 429, 1, 0),
        (When::Unauthorised, 401, 1, 0),
        (When::First, 204, 1, 20),
        (When::Never, 429, 3, 40),
        (When::Never, 401, 3, 40),
        (When::Never, 204, 2, 40),
    ] {
        let leave = Leave::default();
        let taking = leave.clone();
        let mut asked = 0;
        let script = Script::by(move |seen| {
            if seen.uri.contains("/oauth2/") {
                if when == When::Login {
                    taking.take_back();
                }
                return answer(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "token"}));
            }
            asked += 1;
            if asked == 1 && matches!(when, When::Throttled | When::Unauthorised | When::First) {
                taking.take_back();
            }
            if asked == 1 && status != 204 {
                return with(status, &[("retry-after", "2")], "");
            }
            let members = seen.body["requests"].as_array().unwrap().iter();
            let responses: Vec<_> = members.map(|member| json!({"id": member["id"], "status": 204})).collect();
            answer(200, &json!({ "responses": responses }))
        });
        if when == When::Before {
            leave.take_back();
        }
        let (graph, _) = script.graph();
        let binds: Vec<_> = (1..=40).map(|n| Mutation::Bind { group: id(99), people: vec![id(n)] }).collect();
        let carried = graph.under(&leave).carry_out(&binds).await;
        assert_eq!(script.seen().len(), writes, "{when:?} {status}: requests that left");
        let done = carried.iter().filter(|carried| **carried == Ok(Verdict::Ok)).count();
        assert_eq!(done, sent, "{when:?} {status}: {carried:?}");
        assert_eq!(carried.iter().filter(|carried| carried.is_err()).count(), 40 - sent, "{when:?} {status}: {carried:?}");
    }
}
