//! The typed requests: what may be asked of the tenant, and the closed list of what may be changed there.
//!
//! Does not send. Invariant: a [`Call`] is made only from a [`Read`] or a [`Mutation`], both of which carry typed ids, so that no
//! other change can be expressed; nothing is ever deleted.

mod call;
pub(crate) mod look;
pub(crate) mod switch;

use std::fmt::Write;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use self::call::Address;
pub(crate) use self::call::{Call, Consistency, Effect, Version};
use self::look::Look;
pub(crate) use self::switch::{NewGroup, NewPolicy, Question, Require, per_user_named};
use super::throttle::Bucket;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Mode, PerUser, Toggle};

/// Most people in one bind (Microsoft's limit).
pub(crate) const BIND: usize = 20;
/// Most ids in one `id in (…)` (Microsoft's limit without advanced queries).
pub(crate) const IDS: usize = 15;

const PERSON: &str = "id,userPrincipalName,accountEnabled,userType,mail,displayName,preferredLanguage";
/// The same without what only a notice needs: asked of everybody right before the write.
const STANDING: &str = "id,userPrincipalName,accountEnabled,userType,mail";
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
    /// Where changes of users from now on can be followed; with the columns of [`Read::Users`].
    UsersLatest,
    UsersWhere(String, Consistency),
    /// At most [`IDS`], with what a notice needs.
    UsersById(Vec<ObjectId>),
    /// At most [`IDS`], as they stand: without display name and language.
    UsersStanding(Vec<ObjectId>),
    GroupsNamed(String),
    Group(ObjectId),
    Members(ObjectId),
    TransitiveMembers(ObjectId),
    RoleHolders(ObjectId),
    Policies,
    Policy(ObjectId),
    Registration(Columns),
    SignInsSince(Timestamp, Columns),
    /// Reports of non-delivery in a mailbox: when each came, and what it says.
    ReportsSince(ObjectId, Timestamp),
    /// How MFA is required.
    Switch(Question),
    /// What only the preflight asks.
    Look(Look),
}

/// Something to change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mutation {
    /// Puts people (at most [`BIND`]) into a group: all of them or none.
    Bind { group: ObjectId, people: Vec<ObjectId> },
    /// Takes a person out of a group.
    Unbind { group: ObjectId, person: ObjectId },
    /// Sends a mail from a mailbox.
    SendMail { from: ObjectId, message: Message },
    /// Sets a person's state of per-user MFA.
    SetPerUser { person: ObjectId, state: PerUser },
    /// Switches security defaults.
    SetSecurityDefaults(Toggle),
    /// Sets the state of a policy, and nothing else of it.
    SetPolicyState { policy: ObjectId, state: Mode },
    /// Sets the conditions of a policy, as a whole.
    SetPolicyConditions { policy: ObjectId, conditions: Value },
    /// Makes a policy, which only reports.
    CreatePolicy(NewPolicy),
    /// Makes an assigned security group without members.
    CreateGroup(NewGroup),
    /// Issues a Temporary Access Pass, which replaces an earlier one of the person's.
    IssuePass { person: ObjectId, minutes: u32, once: Toggle },
}

/// A mail to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) body: Content,
    /// Names begin with `x-`.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// A calendar file that comes with it.
    pub(crate) calendar_file: Option<String>,
}

/// What a mail holds; the mail service makes plain text of HTML for readers without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    /// A page; what it says as plain text, for those who carry both.
    Html {
        page: String,
        text: String,
    },
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
        let (method, version, body) = match self {
            Self::Switch(question) => question.manner(),
            _ => (Method::GET, Version::One, None),
        };
        let (address, effect) = (Address::Relative(path), Effect::None);
        Call {
            method,
            version,
            template,
            address,
            permission,
            bucket,
            consistency,
            body: body.map(|body: Value| body.to_string()),
            done: 200,
            effect,
        }
    }

    fn parts(&self) -> (&'static str, String, &'static str, Bucket) {
        let users = |rest: &str| format!("/users?$select={PERSON}{rest}");
        match self {
            Self::Users => ("/users", users("&$top=999"), "User.Read.All", Bucket::Directory),
            Self::UsersLatest => {
                let path = format!("/users/delta?$deltatoken=latest&$select={PERSON}");
                ("/users/delta", path, "User.Read.All", Bucket::Directory)
            }
            Self::UsersWhere(filter, consistency) => {
                let count = if *consistency == Consistency::Eventual { "&$count=true" } else { "" };
                let path = users(&format!("&$top=999{count}&$filter={}", encode(filter)));
                ("/users?$filter", path, "User.Read.All", Bucket::Directory)
            }
            Self::UsersById(ids) => ("/users?$filter=id in (…)", users_by_id(PERSON, ids), "User.Read.All", Bucket::Directory),
            Self::UsersStanding(ids) => {
                ("/users?$filter=id in (…)", users_by_id(STANDING, ids), "User.Read.All", Bucket::Directory)
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
                    Columns::Needed => "&$select=id,userId,createdDateTime,status,clientAppUsed",
                };
                // Whole seconds, rounded down: the log is asked for a little too much rather than too little.
                let filter = encode(&format!("createdDateTime ge {since:.0}"));
                let path = format!("/auditLogs/signIns?$top=999{select}&$filter={filter}");
                ("/auditLogs/signIns", path, "AuditLog.Read.All (with Policy.Read.All)", Bucket::Reports)
            }
            Self::ReportsSince(mailbox, since) => {
                // The class of a message is a property that has no name of its own.
                let filter = encode(&format!(
                    "receivedDateTime ge {since:.0} and singleValueExtendedProperties/any(p: p/id eq 'String 0x001A' and p/value eq \
                     'REPORT.IPM.Note.NDR')"
                ));
                let path = format!("/users/{mailbox}/messages?$select=receivedDateTime,body&$top=50&$filter={filter}");
                ("/users/{id}/messages", path, "Mail.Read", Bucket::Mail)
            }
            Self::Switch(question) => question.parts(),
            // `call` has answered this already.
            Self::Look(_) => ("/", "/".to_owned(), "User.Read.All", Bucket::Directory),
        }
    }
}

impl Mutation {
    /// Links that it sets, for services that charge each; one when it sets none.
    pub(crate) fn links(&self) -> u32 {
        match self {
            Self::Bind { people, .. } => u32::try_from(people.len()).unwrap_or(u32::MAX),
            _ => 1,
        }
    }

    /// `graph_root` is needed because a bind names people by whole addresses.
    pub(crate) fn call(&self, graph_root: &str) -> Call {
        match self {
            Self::Bind { group, people } => {
                let mut body = String::with_capacity(64 + people.len() * (graph_root.len() + 64));
                body.push_str(r#"{"members@odata.bind":["#);
                for (at, id) in people.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    // Writing to a text does not fail, and neither an id nor a root needs an escape.
                    let _ = write!(body, r#"{comma}"{graph_root}/v1.0/directoryObjects/{id}""#);
                }
                body.push_str("]}");
                let address = Address::Relative(format!("/groups/{group}"));
                change(Method::PATCH, ("/groups/{id}", address), ("GroupMember.ReadWrite.All", Bucket::Writes), body, 204)
            }
            Self::SendMail { from, message } => {
                let address = Address::Relative(format!("/users/{from}/sendMail"));
                let body = message.json().to_string();
                change(Method::POST, ("/users/{id}/sendMail", address), ("Mail.Send", Bucket::Mail), body, 202)
            }
            Self::Unbind { group, person } => {
                let address = Address::Link(format!("/groups/{group}/members/{person}"));
                let place = ("/groups/{id}/members/{id}/$ref", address);
                let call = change(Method::DELETE, place, ("GroupMember.ReadWrite.All", Bucket::Writes), "", 204);
                Call { body: None, ..call }
            }
            Self::SetPerUser { person, state } => switch::set_per_user(*person, *state),
            Self::SetSecurityDefaults(switch) => switch::set_security_defaults(*switch),
            Self::SetPolicyConditions { policy, conditions } => {
                switch::change_policy(*policy, &json!({"conditions": conditions}))
            }
            Self::SetPolicyState { policy, state } => {
                switch::change_policy(*policy, &json!({"state": switch::mode_text(*state)}))
            }
            Self::CreatePolicy(policy) => switch::create_policy(policy),
            Self::CreateGroup(group) => switch::create_group(group),
            Self::IssuePass { person, minutes, once } => {
                let place =
                    (look::PASSES, Address::Relative(format!("/users/{person}/authentication/temporaryAccessPassMethods")));
                let body = json!({"lifetimeInMinutes": minutes, "isUsableOnce": *once == Toggle::On});
                change(Method::POST, place, (look::ISSUES_PASSES, Bucket::Directory), body.to_string(), 201)
            }
        }
    }
}

/// A change: how, where, with what permission and against which bucket, the body, and the status that says it is done.
fn change(
    method: Method,
    (template, address): (&'static str, Address),
    (permission, bucket): (&'static str, Bucket),
    body: impl Into<String>,
    done: u16,
) -> Call {
    let (version, consistency, effect) = (Version::One, Consistency::Plain, Effect::Change);
    Call { method, version, template, address, permission, bucket, consistency, body: Some(body.into()), done, effect }
}

impl Message {
    fn json(&self) -> Value {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let (kind, content) = match &self.body {
            Content::Text(text) => ("Text", text),
            Content::Html { page, .. } => ("HTML", page),
        };
        let mut message = json!({
            "subject": self.subject,
            "body": {"contentType": kind, "content": content},
            "toRecipients": [{"emailAddress": {"address": self.to}}],
            "internetMessageHeaders": headers,
        });
        if let (Some(file), Some(message)) = (&self.calendar_file, message.as_object_mut()) {
            let attachment = json!({
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": "mfa.ics",
                "contentType": "text/calendar; charset=utf-8; method=PUBLISH",
                "contentBytes": BASE64_STANDARD.encode(file),
            });
            message.insert("attachments".to_owned(), json!([attachment]));
        }
        json!({ "message": message, "saveToSentItems": false })
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

/// The path of `id in ('…','…')`, encoded as [`encode`] does; everybody's id is written once, right before the write.
fn users_by_id(columns: &str, ids: &[ObjectId]) -> String {
    const BEFORE: &str = "&$filter=id%20in%20%28";
    let mut path = String::with_capacity(60 + columns.len() + ids.len() * 45);
    path.extend(["/users?$select=", columns, BEFORE]);
    for (at, id) in ids.iter().enumerate() {
        let comma = if at == 0 { "" } else { "%2C" };
        // Writing to a text does not fail.
        let _ = write!(path, "{comma}%27{id}%27");
    }
    path.push_str("%29");
    path
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
        let body: Value = serde_json::from_str(call.body().unwrap()).unwrap();
        let binds = body.get("members@odata.bind").unwrap();
        assert_eq!(binds.get(1).unwrap(), &format!("http://127.0.0.1:9/t/v1.0/directoryObjects/{}", id(3)));
    }

    #[test]
    fn an_envelope_carries_relative_addresses_and_content_types() {
        let calls = [Mutation::Bind { group: id(1), people: vec![id(2)] }.call("https://g.example"), Read::Users.call()];
        let envelope = Call::envelope(&[&calls[0], &calls[1]]);
        let body: Value = serde_json::from_str(envelope.body().unwrap()).unwrap();
        let member = body.pointer("/requests/0").unwrap();
        assert_eq!(member.get("url").unwrap(), &format!("/groups/{}", id(1)));
        assert_eq!(member.pointer("/headers/Content-Type").unwrap(), "application/json");
        assert_eq!(body.pointer("/requests/1/id").unwrap(), "1");
        assert!(body.pointer("/requests/1/body").is_none() && body.pointer("/requests/1/headers").is_none());
    }
}
