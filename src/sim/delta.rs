//! `/users/delta` and `/groups/delta`: what changed since a link was given, with the warts of the real thing.
//!
//! Links name the instant up to which everything was told. Rounds reach some way back before it, so that rows are replayed; changes of
//! a user and of memberships are found in the past that the tenant keeps anyway. Links live for seven days.

use http::{HeaderName, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::base64;
use super::call::Call;
use super::json::{Row, Value, quote, write_row};
use super::moment::after;
use super::page::{Mark, Page};
use super::person::{DEFAULT, Person};
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;
use super::users::selected;
use crate::rollout::id::ObjectId;

/// Links live so long.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Changes of so long before a link are told again.
const REPLAY: SignedDuration = SignedDuration::from_mins(5);
/// Deleted users can be restored for so long; afterwards they are deleted for good.
const RESTORABLE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Rows on a page; the caller has no say.
const SIZE: usize = 100;

/// What a link stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    /// Everything up to here was told; none in a first round.
    since: Option<Timestamp>,
    /// The round ends here.
    until: Timestamp,
    /// The columns, which are sealed in the link.
    select: String,
    /// The filter, which is too.
    filter: String,
}

impl Token {
    fn write(&self) -> String {
        let since = self.since.map(|since| since.to_string()).unwrap_or_default();
        base64::encode(format!("{since}|{}|{}|{}", self.until, self.select, self.filter).as_bytes())
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(base64::decode(text)?).ok()?;
        let mut parts = text.splitn(4, '|');
        let since = parts.next()?;
        let since = if since.is_empty() { None } else { Some(since.parse().ok()?) };
        let until = parts.next()?.parse().ok()?;
        Some(Self { since, until, select: parts.next()?.to_owned(), filter: parts.next()?.to_owned() })
    }
}

/// What a call asks for.
enum Asked {
    /// Only a link.
    Latest(Token),
    /// A page of a round.
    Page(Token, Mark),
}

impl Tenant {
    pub(super) fn users_delta(&mut self, now: Timestamp, call: &Call) -> Answer {
        let (token, mark) = match asked(now, call)? {
            Asked::Latest(token) => return Ok(finish(call, "users", &token)),
            Asked::Page(token, mark) => (token, mark),
        };
        let properties = match token.select.as_str() {
            "" => selected(call, &DEFAULT, None)?,
            select => select.split(',').map(str::to_owned).collect(),
        };
        let empty = self.comes_empty();
        let from = mark.place::<usize>()?.map_or(0, |last| last.saturating_add(1));
        let rows = self.people.iter().enumerate().skip(from).filter(|(_, person)| touched(person, &token));
        let page = Page { call, context: "users", size: SIZE, mark, count: None, empty };
        Ok(page.of_round(rows, &token.write(), &end(call, &token), |out, person| match person.deleted {
            Some(deleted) => {
                let reason = if now.duration_since(deleted) > RESTORABLE { "deleted" } else { "changed" };
                gone(out, &person.id_text, None, reason);
            }
            None => write_row(out, &Told(person), None, &properties),
        }))
    }

    pub(super) fn groups_delta(&mut self, now: Timestamp, call: &Call) -> Answer {
        let (token, mark) = match asked(now, call)? {
            Asked::Latest(token) => return Ok(finish(call, "groups", &token)),
            Asked::Page(token, mark) => (token, mark),
        };
        let wanted = token.filter.strip_prefix("id eq '").and_then(|rest| rest.strip_suffix('\''));
        let wanted = wanted.ok_or_else(|| Refusal::unsupported("Only 'id eq' is supported."))?;
        if token.select != "members" {
            return Err(Refusal::unsupported("Only '$select=members' is simulated."));
        }
        let group = self.group(wanted)?;
        let last = mark.place::<ObjectId>()?;
        let since = token.since.map(|since| after(since, -REPLAY));
        let changed = group.changed_between(since, token.until, last);
        let rows: Vec<(ObjectId, (ObjectId, bool))> =
            changed.map(|id| (id, (id, group.had(id, token.until)))).filter(|(_, (_, is))| *is || since.is_some()).collect();
        let text = group.id_text.clone();
        let empty = self.comes_empty();
        let page = Page { call, context: "groups", size: SIZE, mark, count: None, empty };
        // One row of the group for each of its members' changes: entities repeat.
        let is_group = |id: ObjectId| self.groups.iter().any(|group| group.id == id);
        Ok(page.of_round(rows.into_iter(), &token.write(), &end(call, &token), |out, (id, is)| {
            let kind = if is_group(id) { "#microsoft.graph.group" } else { "#microsoft.graph.user" };
            out.push_str("{\"id\":");
            quote(out, &text);
            out.push_str(",\"members@delta\":[");
            if is {
                out.push_str("{\"@odata.type\":");
                quote(out, kind);
                out.push_str(",\"id\":");
                quote(out, &id.to_string());
                out.push('}');
            } else {
                gone(out, &id.to_string(), Some(kind), "deleted");
            }
            out.push_str("]}");
        }))
    }
}

/// What the call asks for; its link must be known and young enough.
fn asked(now: Timestamp, call: &Call) -> Result<Asked, Refusal> {
    let option = |name: &str| call.option(name).unwrap_or_default().to_owned();
    let (select, filter) = (option("$select"), option("$filter"));
    if let Some(name) = ["$top", "$orderby", "$expand", "$search"].into_iter().find(|name| call.option(name).is_some()) {
        return Err(Refusal::unsupported(format!("'{name}' is not supported with delta.")));
    }
    let fresh = |since| Token { since, until: now, select: select.clone(), filter: filter.clone() };
    let given = |text: &str| {
        let token = Token::read(text).filter(|token| token.until <= now);
        let token = token.ok_or_else(|| Refusal::bad("syncStateNotFound", "The sync state generation is not found."))?;
        if now.duration_since(token.until) > LIFE { Err(expired(call, &token)) } else { Ok(token) }
    };
    match (call.option("$deltatoken"), call.option("$deltaround")) {
        (Some("latest"), None) => Ok(Asked::Latest(fresh(None))),
        (Some(text), None) => {
            let token = given(text)?;
            Ok(Asked::Page(Token { since: Some(token.until), until: now, ..token }, Mark::default()))
        }
        (None, Some(text)) => Ok(Asked::Page(given(text)?, Mark::read(call)?)),
        _ => Ok(Asked::Page(fresh(None), Mark::default())),
    }
}

/// Whether a round tells of a person.
fn touched(person: &Person, token: &Token) -> bool {
    let Some(since) = token.since.map(|since| after(since, -REPLAY)) else { return true };
    let turns = [Some(person.created), Some(person.account_since), person.changed, person.deleted];
    turns.into_iter().flatten().any(|turn| turn > since && turn <= token.until)
}

fn address(call: &Call, token: &str) -> String {
    let path: String = call.segments.iter().fold(String::new(), |path, part| path + "/" + part);
    format!("{}{path}?$deltatoken={token}", call.base())
}

/// A user as rounds tell of them: what is unset is left out.
struct Told<'a>(&'a Person);

impl Row for Told<'_> {
    fn property(&self, name: &str) -> Option<Value<'_>> {
        self.0.property(name).filter(|value| !matches!(value, Value::Null))
    }
}

/// The link at the end of a round.
fn end(call: &Call, token: &Token) -> String {
    address(call, &token.write())
}

/// No row, and the link.
fn finish(call: &Call, context: &str, token: &Token) -> Reply {
    let mut body = String::from("{\"@odata.context\":");
    quote(&mut body, &format!("{}/$metadata#{context}", call.base()));
    body.push_str(",\"@odata.deltaLink\":");
    quote(&mut body, &end(call, token));
    body.push_str(",\"value\":[]}");
    Reply::ok(body)
}

/// A link that is too old: begin anew, there.
fn expired(call: &Call, token: &Token) -> Refusal {
    let mut refusal = Refusal::new(StatusCode::GONE, "resyncRequired", "Resync required. The delta token has expired.");
    let place = format!("{}&$select={}", address(call, ""), token.select);
    refusal.headers.push((HeaderName::from_static("location"), place));
    refusal
}

/// Something that is no more.
fn gone(out: &mut String, id: &str, kind: Option<&str>, reason: &str) {
    out.push('{');
    if let Some(kind) = kind {
        out.push_str("\"@odata.type\":");
        quote(out, kind);
        out.push(',');
    }
    out.push_str("\"id\":");
    quote(out, id);
    out.push_str(",\"@removed\":{\"reason\":");
    quote(out, reason);
    out.push_str("}}");
}

#[cfg(test)]
mod tests {
    use super::super::change::Change;
    use super::super::probe::{Probe, calm};
    use super::super::profile::Profile;
    use super::*;

    fn latest(probe: &mut Probe, path: &str) -> String {
        let (status, body) = probe.get(&format!("{path}?$deltatoken=latest&$select=id,userPrincipalName,accountEnabled"));
        assert_eq!((status, body["value"].as_array().unwrap().len()), (200, 0), "{body}");
        body["@odata.deltaLink"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_round_tells_what_changed_over_pages_and_tells_it_again() {
        let mut probe = Probe::new(Profile { empty_pages: 0.3, ..calm(60) });
        let link = latest(&mut probe, "/users/delta");
        probe.pass(SignedDuration::from_mins(1));
        assert_eq!(probe.all(&link).len(), 0);
        let people = probe.people(2);
        probe.tenant.change(probe.now, Change::DisableUser(people[0].clone())).unwrap();
        probe.tenant.change(probe.now, Change::DeleteUser(people[1].clone())).unwrap();
        probe.tenant.change(probe.now, Change::Join(250)).unwrap();
        let first = probe.all(&link);
        assert_eq!(first.len(), 252);
        let of = |id: &str| first.iter().find(|row| row["id"] == id).unwrap();
        assert_eq!(
            (&of(&people[0])["accountEnabled"], &of(&people[1])["@removed"]["reason"]),
            (&false.into(), &"changed".into())
        );
        assert_eq!(probe.all(&link), first);
        let reason = |probe: &mut Probe| {
            probe.all("/users/delta").iter().find_map(|row| row["@removed"]["reason"].as_str().map(str::to_owned))
        };
        probe.pass(SignedDuration::from_hours(31 * 24));
        assert_eq!(reason(&mut probe).as_deref(), Some("deleted"));
    }

    #[test]
    fn links_expire_and_unknown_ones_are_refused() {
        let mut probe = Probe::new(calm(20));
        let link = latest(&mut probe, "/users/delta");
        probe.pass(SignedDuration::from_hours(7 * 24));
        assert_eq!(probe.get(&link).0, 200);
        probe.pass(SignedDuration::from_secs(1));
        let (status, body) = probe.get(&link);
        assert_eq!((status, &body["error"]["code"]), (410, &"resyncRequired".into()));
        let (status, body) = probe.get("/users/delta?$deltatoken=bm9uc2Vuc2U");
        assert_eq!((status, &body["error"]["code"]), (400, &"syncStateNotFound".into()));
        assert_eq!(probe.get("/users/delta?$top=5").0, 400);
    }

    #[test]
    fn members_come_and_go() {
        let mut probe = Probe::new(calm(60));
        let group = probe.group("MFA Enforced");
        let people = probe.people(2);
        let path = format!("/groups/delta?$select=members&$filter=id eq '{group}'");
        let (_, body) = probe.get(&path);
        let link = body["@odata.deltaLink"].as_str().unwrap().to_owned();
        probe.pass(SignedDuration::from_mins(1));
        let add = |person: &String| Change::AddMember { group: "MFA Enforced".to_owned(), person: person.clone() };
        for person in &people {
            probe.tenant.change(probe.now, add(person)).unwrap();
        }
        probe.pass(SignedDuration::from_mins(1));
        let change = Change::RemoveMember { group: "MFA Enforced".to_owned(), person: people[1].clone() };
        probe.tenant.change(probe.now, change).unwrap();
        let rows = probe.all(&link);
        let removed = |id: &str| {
            let mut members = rows.iter().flat_map(|row| row["members@delta"].as_array().unwrap());
            members.find(|member| member["id"] == id).unwrap().get("@removed").is_some()
        };
        assert_eq!((removed(&people[0]), removed(&people[1])), (false, true));
    }
}
