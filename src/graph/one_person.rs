//! What is asked about one person when somebody calls for them: who they are, what they have registered, how they last signed in.
//!
//! Judges nothing. Invariant: three requests or so, never a listing of everybody.

use jiff::Timestamp;
use serde::de::MapAccess;
use serde_json::Value;

use super::own_methods::{self, Counting};
use super::registration::judged;
use super::request::look::Look;
use super::request::{Read, quote};
use super::row::{Fields, object, value};
use super::{Graph, page, people, roles};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Readiness, Trouble};

/// What somebody has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Whether they could pass MFA.
    pub readiness: Readiness,
    /// The methods in Microsoft's words, the password left out.
    pub methods: Vec<String>,
    /// When Microsoft made the report; none for what was read of the person themselves.
    pub reported_at: Option<Timestamp>,
}

/// One attempt to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// Microsoft's code; 0 is success.
    pub code: i64,
    /// The app's name as the tenant holds it: foreign text.
    pub app: Option<String>,
}

/// A row of the sign-in log.
#[derive(Default)]
struct Row {
    at: Option<Timestamp>,
    code: Option<i64>,
    app: Option<String>,
}

impl Fields for Row {
    const NAMES: &'static [&'static str] = &["createdDateTime", "appDisplayName", "status"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "createdDateTime" => self.at = value(row)?,
            "appDisplayName" => self.app = value(row)?,
            _ => self.code = object::<Status, _>(row)?.0,
        }
        Ok(())
    }
}

/// How an attempt ended.
#[derive(Default)]
struct Status(Option<i64>);

impl Fields for Status {
    const NAMES: &'static [&'static str] = &["errorCode"];

    fn take<'de, A: MapAccess<'de>>(&mut self, _: &'static str, row: &mut A) -> Result<(), A::Error> {
        self.0 = value(row)?;
        Ok(())
    }
}

impl Graph {
    /// The person with this user principal name; asks for them alone.
    pub async fn find_person(&self, name: &str) -> Result<Option<ObjectId>, Trouble> {
        let filter = format!("userPrincipalName eq {}", quote(name));
        Ok(people::matching(&self.transport, self.names.roll(), &filter).await?.iter().next())
    }

    /// The accounts that the directory synchronisation uses, ascending.
    pub async fn synchronisation(&self) -> Result<Vec<ObjectId>, Trouble> {
        roles::sync_accounts(&self.transport, self.names.roll()).await
    }

    /// What the person has registered now, asked of the person themselves. Needs a permission that most plans do not.
    pub async fn registered_now(&self, person: ObjectId) -> Result<Registered, Trouble> {
        let counting = self.own_methods.get().copied().unwrap_or(Counting::Allowed);
        let (readiness, methods) = own_methods::of_one(&self.transport, person, counting).await?;
        Ok(Registered { readiness, methods, reported_at: None })
    }

    /// What the registration report says of the person; none when it has no row.
    pub async fn reported(&self, person: ObjectId) -> Result<Option<Registered>, Trouble> {
        let call = Read::Look(Look::RegistrationOf(person)).call();
        let parse = |body: &[u8]| serde_json::from_slice::<Value>(body).ok();
        match self.transport.read(&call, parse).await {
            Ok(row) => Ok(Some(row_of(&row))),
            Err(super::transport::Unread::Gone) => Ok(None),
            Err(unread) => Err(unread.trouble(String::new)),
        }
    }

    /// The person's latest attempts to sign in since an instant, newest first.
    pub async fn attempts(&self, person: ObjectId, since: Timestamp) -> Result<Vec<Attempt>, Trouble> {
        let mut attempts = Vec::new();
        let take = |row: Row| {
            let (Some(at), Some(code)) = (row.at, row.code) else { return };
            attempts.push(Attempt { at, code, app: row.app });
        };
        let call = Read::Look(Look::SignInsOf(person, since)).call();
        let gone = || "the tenant does not know the sign-in log; check tenant.graph_url".to_owned();
        page::first(&self.transport, &call, 1, take).await.map_err(|unread| unread.trouble(gone))?;
        attempts.sort_by_key(|attempt| std::cmp::Reverse(attempt.at));
        Ok(attempts)
    }
}

fn row_of(row: &Value) -> Registered {
    let flag = |name: &str| row.get(name).and_then(Value::as_bool);
    let methods = row.get("methodsRegistered").and_then(Value::as_array).into_iter().flatten();
    Registered {
        readiness: judged(flag("isMfaCapable"), flag("isMfaRegistered")),
        methods: methods.filter_map(Value::as_str).map(str::to_owned).collect(),
        reported_at: row.get("lastUpdatedDateTime").and_then(Value::as_str).and_then(|at| at.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::script::{Script, answer, id};

    #[tokio::test]
    async fn one_person_is_asked_for_alone_and_rows_are_read_leniently() {
        let script = Script::answers([
            answer(200, &json!({"value": [{"id": id(7)}]})),
            answer(
                200,
                &json!({"id": id(7), "isMfaCapable": false, "isMfaRegistered": true, "methodsRegistered": ["mobilePhone", null],
                    "lastUpdatedDateTime": "2027-01-11T07:00:00Z"}),
            ),
            answer(404, &json!({"error": {"code": "ResourceNotFound"}})),
            answer(
                200,
                &json!({"value": [
                    {"createdDateTime": "2027-01-10T08:00:00Z", "status": {"errorCode": 50_126}, "appDisplayName": null},
                    {"createdDateTime": "2027-01-11T07:30:00Z", "status": {"errorCode": 0}, "appDisplayName": "Office"},
                    {"createdDateTime": null, "status": {"errorCode": 1}}, 7,
                ]}),
            ),
        ]);
        let (graph, clock) = script.graph();
        assert_eq!(graph.find_person("o'neil@contoso.example").await.unwrap(), Some(id(7)));
        let registered = graph.reported(id(7)).await.unwrap().unwrap();
        assert_eq!(
            (registered.readiness, registered.methods.as_slice()),
            (Readiness::RegisteredNotAllowed, &["mobilePhone".to_owned()][..])
        );
        assert_eq!(graph.reported(id(7)).await.unwrap(), None);
        let codes: Vec<_> = graph.attempts(id(7), clock.now()).await.unwrap().iter().map(|attempt| attempt.code).collect();
        assert_eq!(codes, [0, 50_126]);
        let seen = script.seen();
        assert!(seen[0].uri.contains("userPrincipalName%20eq%20%27o%27%27neil%40contoso.example%27"), "{}", seen[0].uri);
        assert!(seen[3].uri.contains(&format!("userId%20eq%20%27{}%27", id(7))), "{}", seen[3].uri);
    }
}
