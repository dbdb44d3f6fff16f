//! The typed requests: what may be asked of the tenant, and the closed list of what may be changed there.
//!
//! Does not send. Invariant: a [`Call`] is made only from a [`Read`] or a [`Mutation`], both of which carry typed ids, so that no
//! other change can be expressed; nothing is ever deleted.

mod call;
pub(crate) mod look;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::call::Address;
pub(crate) use self::call::{Call, Consistency, Effect, Version};
use self::look::Look;
use super::throttle::Bucket;
use crate::rollout::id::ObjectId;

/// Most people in one bind (Microsoft's limit).
pub(crate) const BIND: usize = 20;
/// Most ids in one `id in (…)` (Microsoft's limit without advanced queries).
pub(crate) const IDS: usize = 15;

const PERSON: &str = "id,userPrincipalName,accountEnabled,userType,mail,displayName,preferredLanguage";
const GROUP: &str = "id,displayName,groupTypes,securityEnabled,mailEnabled,onPremisesSyncEnabled,isAssignableToRole";

/// The columns of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Columns {
    /// All that there are.
    All,
    /// Those that are read.
    Needed,
}

/// Something to ask. Paged where Graph pages it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Users,
    UsersWhere(String, Consistency),
    UsersById(Vec<ObjectId>),
    GroupsNamed(String),
    Group(ObjectId),
    Members(ObjectId),
    TransitiveMembers(ObjectId),
    RoleHolders(ObjectId),
    Policies,
    Policy(ObjectId),
    Registration(Columns),
    SignInsSince(Timestamp, Columns),
    /// What only the preflight asks.
    Look(Look),
}

/// Something to change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mutation {
    /// Puts people (at most [`BIND`]) into a group: all of them or none.
    Bind { group: ObjectId, people: Vec<ObjectId> },
    /// Sends a mail from a mailbox.
    SendMail { from: ObjectId, message: Message },
}

/// A plain text mail to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) body: String,
    /// Names begin with `x-`.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Read {
    pub(crate) fn call(&self) -> Call {
        if let Self::Look(look) = self {
            return look.call();
        }
        let (template, path, permission, bucket) = self.parts();
        let consistency = match self {
            Self::UsersWhere(_, consistency) => *consistency,
            _ => Consistency::Plain,
        };
        let (method, address) = (Method::GET, Address::Relative(path));
        let (version, effect) = (Version::One, Effect::None);
        Call { method, version, template, address, permission, bucket, consistency, body: None, done: 200, effect }
    }

    fn parts(&self) -> (&'static str, String, &'static str, Bucket) {
        let users = |rest: &str| format!("/users?$select={PERSON}{rest}");
        match self {
            Self::Users => ("/users", users("&$top=999"), "User.Read.All", Bucket::Directory),
            Self::UsersWhere(filter, consistency) => {
                let count = if *consistency == Consistency::Eventual { "&$count=true" } else { "" };
                let path = users(&format!("&$top=999{count}&$filter={}", encode(filter)));
                ("/users?$filter", path, "User.Read.All", Bucket::Directory)
            }
            Self::UsersById(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| format!("'{id}'")).collect();
                let path = users(&format!("&$filter={}", encode(&format!("id in ({})", ids.join(",")))));
                ("/users?$filter=id in (…)", path, "User.Read.All", Bucket::Directory)
            }
            Self::GroupsNamed(name) => {
                let filter = encode(&format!("displayName eq {}", quote(name)));
                let path = format!("/groups?$select={GROUP}&$filter={filter}");
                ("/groups?$filter", path, "GroupMember.ReadWrite.All", Bucket::Directory)
            }
            Self::Group(id) => {
                let path = format!("/groups/{id}?$select={GROUP}");
                ("/groups/{id}", path, "GroupMember.ReadWrite.All", Bucket::Directory)
            }
            Self::Members(id) => {
                let path = format!("/groups/{id}/members?$select=id&$top=999");
                ("/groups/{id}/members", path, "GroupMember.ReadWrite.All", Bucket::Directory)
            }
            Self::TransitiveMembers(id) => {
                let path = format!("/groups/{id}/transitiveMembers?$select=id&$top=999");
                ("/groups/{id}/transitiveMembers", path, "GroupMember.ReadWrite.All", Bucket::Directory)
            }
            Self::RoleHolders(role) => {
                let filter = encode(&format!("roleDefinitionId eq '{role}'"));
                let path = format!("/roleManagement/directory/roleAssignments?$filter={filter}&$expand=principal");
                ("/roleManagement/directory/roleAssignments", path, "RoleManagement.Read.Directory", Bucket::Directory)
            }
            Self::Policies => {
                let path = "/identity/conditionalAccess/policies".to_owned();
                ("/identity/conditionalAccess/policies", path, "Policy.Read.All", Bucket::Policies)
            }
            Self::Policy(id) => {
                let path = format!("/identity/conditionalAccess/policies/{id}");
                ("/identity/conditionalAccess/policies/{id}", path, "Policy.Read.All", Bucket::Policies)
            }
            Self::Registration(columns) => {
                let select = match columns {
                    Columns::All => "",
                    Columns::Needed => "&$select=id,isMfaCapable,isMfaRegistered,lastUpdatedDateTime",
                };
                let path = format!("/reports/authenticationMethods/userRegistrationDetails?$top=999{select}");
                ("/reports/authenticationMethods/userRegistrationDetails", path, "AuditLog.Read.All", Bucket::Reports)
            }
            Self::SignInsSince(since, columns) => {
                let select = match columns {
                    Columns::All => "",
                    Columns::Needed => "&$select=id,userId,createdDateTime,status",
                };
                // Whole seconds, rounded down: the log is asked for a little too much rather than too little.
                let filter = encode(&format!("createdDateTime ge {since:.0}"));
                let path = format!("/auditLogs/signIns?$top=999{select}&$filter={filter}");
                ("/auditLogs/signIns", path, "AuditLog.Read.All (with Policy.Read.All)", Bucket::Reports)
            }
            // `call` has answered this already.
            Self::Look(_) => ("/", "/".to_owned(), "User.Read.All", Bucket::Directory),
        }
    }
}

impl Mutation {
    /// `graph_root` is needed because a bind names people by whole addresses.
    pub(crate) fn call(&self, graph_root: &str) -> Call {
        let (method, template, path, permission, bucket, body, done) = match self {
            Self::Bind { group, people } => {
                let people: Vec<_> = people.iter().map(|id| format!("{graph_root}/v1.0/directoryObjects/{id}")).collect();
                let body = json!({"members@odata.bind": people});
                let path = format!("/groups/{group}");
                (Method::PATCH, "/groups/{id}", path, "GroupMember.ReadWrite.All", Bucket::Writes, body, 204)
            }
            Self::SendMail { from, message } => {
                let path = format!("/users/{from}/sendMail");
                (Method::POST, "/users/{id}/sendMail", path, "Mail.Send", Bucket::Mail, message.json(), 202)
            }
        };
        Call {
            method,
            version: Version::One,
            template,
            address: Address::Relative(path),
            permission,
            bucket,
            consistency: Consistency::Plain,
            body: Some(body),
            done,
            effect: Effect::Change,
        }
    }
}

impl Message {
    fn json(&self) -> Value {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        json!({
            "message": {
                "subject": self.subject,
                "body": {"contentType": "Text", "content": self.body},
                "toRecipients": [{"emailAddress": {"address": self.to}}],
                "internetMessageHeaders": headers,
            },
            "saveToSentItems": false,
        })
    }
}

/// A string literal of OData: in single quotes, quotes doubled.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Percent-encodes a query value; a space becomes `%20`, which every OData server reads.
fn encode(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> ObjectId {
        ObjectId::from_bits(n)
    }

    #[test]
    fn addresses_are_quoted_and_encoded() {
        let path = |read: Read| read.call().address("https://g.example");
        assert_eq!(
            path(Read::GroupsNamed("O'Neil & Söhne+1".into())).split("$filter=").nth(1),
            Some("displayName%20eq%20%27O%27%27Neil%20%26%20S%C3%B6hne%2B1%27")
        );
        let since = "2027-01-11T08:00:00.987Z".parse().unwrap();
        assert!(
            path(Read::SignInsSince(since, Columns::Needed)).ends_with("$filter=createdDateTime%20ge%202027-01-11T08%3A00%3A00Z")
        );
        assert!(path(Read::UsersWhere("not (a eq 1)".into(), Consistency::Eventual)).contains("&$count=true&"));
    }

    #[test]
    fn a_bind_names_people_by_whole_addresses_below_the_configured_root() {
        let call = Mutation::Bind { group: id(1), people: vec![id(2), id(3)] }.call("http://127.0.0.1:9/t");
        assert_eq!((call.method(), call.done(), call.effect()), (&Method::PATCH, 204, Effect::Change));
        assert_eq!(call.address("http://127.0.0.1:9/t"), format!("http://127.0.0.1:9/t/v1.0/groups/{}", id(1)));
        let binds = call.body().unwrap().get("members@odata.bind").unwrap();
        assert_eq!(binds.get(1).unwrap(), &format!("http://127.0.0.1:9/t/v1.0/directoryObjects/{}", id(3)));
    }

    #[test]
    fn an_envelope_carries_relative_addresses_and_content_types() {
        let calls = [Mutation::Bind { group: id(1), people: vec![id(2)] }.call("https://g.example")];
        let body = Call::envelope(&calls).body().cloned().unwrap();
        let member = body.pointer("/requests/0").unwrap();
        assert_eq!(member.get("url").unwrap(), &format!("/groups/{}", id(1)));
        assert_eq!(member.pointer("/headers/Content-Type").unwrap(), "application/json");
        assert!(Read::Users.call().member("0").get("body").is_none());
    }
}
