//! Users: everybody, those whom a filter returns, and some as they are now.
//!
//! Does not judge who is in scope. Invariant: names go to [`Names`] and never into a [`Person`]; what the tenant does not say is
//! not guessed, except that an account that looks like a guest is taken for one.

use std::sync::Arc;

use serde::de::MapAccess;
use serde_json::Value;

use super::answer::Verdict;
use super::batch::{MEMBERS, together};
use super::delta::Removed;
use super::names::{Name, Names};
use super::page::{self, Page};
use super::request::{Call, Consistency, IDS, Read};
use super::row::{self, Fields, value};
use super::transport::{Transport, Unread, later, unwelcome};
use super::wait::PATIENCE;
use crate::engine::leave::Leave;
use crate::rollout::id::{NameHash, ObjectId};
use crate::rollout::observed::{Directory, IdSet, Person, Roll, Trouble, TroubleKind};
use jiff::SignedDuration;

/// A row of a listing of users.
#[derive(Default)]
pub(super) struct Row {
    id: Option<ObjectId>,
    upn: Option<String>,
    kind: Option<Kind>,
    enabled: Option<bool>,
    mail: Option<String>,
    display: Option<String>,
    language: Option<String>,
}

impl Fields for Row {
    const NAMES: &'static [&'static str] =
        &["id", "userPrincipalName", "userType", "accountEnabled", "mail", "displayName", "preferredLanguage"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = value(row)?,
            "userPrincipalName" => self.upn = text(row)?,
            "userType" => self.kind = value(row)?,
            "accountEnabled" => self.enabled = value(row)?,
            "mail" => self.mail = text(row)?,
            "displayName" => self.display = text(row)?,
            _ => self.language = text(row)?,
        }
        Ok(())
    }
}

/// The kind of an account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Guest,
    Other,
}

impl row::Kind for Kind {
    fn text(text: &str) -> Option<Self> {
        match text.trim() {
            "" => None,
            kind if kind.eq_ignore_ascii_case("guest") => Some(Self::Guest),
            _ => Some(Self::Other),
        }
    }
}

/// A row of changes: a user as they are now, or one who is gone.
#[derive(Default)]
pub(super) struct ChangedRow {
    row: Row,
    pub(super) removed: Removed,
    /// One bit for each column that the row speaks of, if only to say null.
    told: u8,
}

impl ChangedRow {
    pub(super) const fn id(&self) -> Option<ObjectId> {
        self.row.id
    }

    /// The person and their name, where the row speaks of every column. The service leaves out what is unset and, when asked to, what is
    /// unchanged; which of the two it was, the row does not say.
    pub(super) fn whole(self, key: &str) -> Option<Known> {
        let every = (1_u8 << Row::NAMES.len()) - 1;
        let is_whole = self.told == every && self.row.upn.is_some() && self.row.enabled.is_some();
        if is_whole { person(self.row, key) } else { None }
    }
}

impl Fields for ChangedRow {
    const NAMES: &'static [&'static str] =
        &["id", "userPrincipalName", "userType", "accountEnabled", "mail", "displayName", "preferredLanguage", "@removed"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "@removed" => self.removed = Removed::read(row)?,
            name => {
                self.told |= Row::NAMES.iter().position(|known| *known == name).map_or(0, |place| 1 << place);
                self.row.take(name, row)?;
            }
        }
        Ok(())
    }
}

/// A text that says something, without white space at its ends.
fn text<'de, A: MapAccess<'de>>(row: &mut A) -> Result<Option<String>, A::Error> {
    let text: Option<String> = value(row)?;
    Ok(text
        .map(|text| if text.trim().len() == text.len() { text } else { text.trim().to_owned() })
        .filter(|text| !text.is_empty()))
}

/// A row of which only the id is read.
#[derive(Default)]
struct Id(Option<ObjectId>);

impl Fields for Id {
    const NAMES: &'static [&'static str] = &["id"];

    fn take<'de, A: MapAccess<'de>>(&mut self, _: &'static str, row: &mut A) -> Result<(), A::Error> {
        self.0 = value(row)?;
        Ok(())
    }
}

/// A row as a person and their name.
pub(super) type Known = (Person, Name);

/// Everybody; and how many rows had no readable id.
pub(crate) async fn all(transport: &Transport, names: &Names, key: &str) -> Result<Directory, Trouble> {
    let mut directory = Directory::new(Arc::clone(names.roll()));
    let mut listing = names.listing();
    let take = |row: Row| match person(row, key) {
        Some((person, name)) => {
            directory.put(&person);
            listing.put(person.id, name);
        }
        None => directory.unreadable += 1,
    };
    page::each(transport, &Read::Users.call(), take).await.map_err(|unread| unread.trouble(odd))?;
    directory.complete();
    listing.complete();
    Ok(directory)
}

/// People whom a filter returns. A filter that needs the advanced index gets it.
pub(crate) async fn matching(transport: &Transport, roll: &Arc<Roll>, filter: &str) -> Result<IdSet, Trouble> {
    let mut consistency = Consistency::Plain;
    loop {
        let call = Read::UsersWhere(filter.to_owned(), consistency).call();
        let mut ids = IdSet::new(Arc::clone(roll));
        match page::each(transport, &call, |row: Id| ids.extend(row.0)).await {
            Ok(()) => return Ok(ids),
            Err(Unread::Refused(refusal)) if refusal.status == 400 && consistency == Consistency::Plain => {
                consistency = Consistency::Eventual;
            }
            Err(Unread::Refused(refusal)) if refusal.status == 400 => {
                let why = format!("the tenant does not understand a filter of the plan (400 {}); correct it", refusal.code);
                return Err(Trouble { kind: TroubleKind::Unusable, why });
            }
            Err(unread) => return Err(unread.trouble(odd)),
        }
    }
}

/// These people as they are now, ascending; who does not exist is missing. Their names are not held.
pub(crate) async fn now(transport: &Transport, roll: &Roll, key: &str, people: &[ObjectId]) -> Result<Vec<Person>, Trouble> {
    let known = by_id(transport, key, people, Read::UsersStanding).await?;
    let named = |(person, _): Known| {
        roll.enter_named(person.id, person.name);
        person
    };
    Ok(known.into_iter().map(named).collect())
}

/// The same, and their names are held.
pub(crate) async fn named(transport: &Transport, names: &Names, key: &str, people: &[ObjectId]) -> Result<Vec<Person>, Trouble> {
    let known = by_id(transport, key, people, Read::UsersById).await?;
    let people = known.iter().map(|(person, _)| *person).collect();
    names.add(known.into_iter().map(|(person, name)| (person.id, person.name, name)));
    Ok(people)
}

async fn by_id(
    transport: &Transport,
    key: &str,
    people: &[ObjectId],
    read: impl Fn(Vec<ObjectId>) -> Read,
) -> Result<Vec<Known>, Trouble> {
    let mut wanted = people.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let mut known = Vec::with_capacity(wanted.len());
    let calls: Vec<_> = wanted.chunks(IDS).map(|ids| read(ids.to_vec()).call()).collect();
    for calls in calls.chunks(MEMBERS) {
        some(transport, calls, &mut |row: Row| known.extend(person(row, key))).await?;
    }
    known.retain(|(person, _)| wanted.binary_search(&person.id).is_ok());
    sort(&mut known);
    Ok(known)
}

/// Reads several collections in one envelope; asks again for those that were throttled or not answered.
async fn some(transport: &Transport, calls: &[Call], take: &mut (impl FnMut(Row) + Send)) -> Result<(), Trouble> {
    let mut open: Vec<&Call> = calls.iter().collect();
    let mut waited = SignedDuration::ZERO;
    let mut refreshed = false;
    for attempt in 1.. {
        let Some(first) = open.first() else { return Ok(()) };
        transport.gates.pass(first.bucket(), 1).await;
        let mut again = Vec::new();
        let mut wait: Option<(SignedDuration, Trouble)> = None;
        for (call, outcome) in open.iter().zip(together(transport, &Leave::default(), &open).await) {
            let (trouble, after) = match outcome {
                Err(trouble) if trouble.kind == TroubleKind::Refused => return Err(trouble),
                Err(trouble) => (trouble, None),
                Ok((Verdict::Refused(refusal), _)) => return Err(refusal.trouble()),
                Ok((Verdict::Reauthenticate, _)) if refreshed => return Err(unwelcome(call)),
                Ok((Verdict::Reauthenticate, _)) => {
                    refreshed = true;
                    transport.refresh().await;
                    again.push(*call);
                    continue;
                }
                Ok((Verdict::Retry { after, kind }, reply)) => (later(call, reply.status, kind), after),
                Ok((Verdict::Gone | Verdict::AlreadySo | Verdict::Unknown, reply)) => {
                    (later(call, reply.status, TroubleKind::Unreachable), None)
                }
                Ok((Verdict::Ok, reply)) => match page::parse(&reply.body) {
                    Some::<Page<Row>>(page) => {
                        page::rest(transport, call, page, take).await.map_err(|unread| unread.trouble(odd))?;
                        continue;
                    }
                    None => (later(call, reply.status, TroubleKind::Unreachable), None),
                },
            };
            again.push(*call);
            let pause = transport.wait(call, attempt, after);
            if wait.as_ref().is_none_or(|(longest, _)| *longest < pause) {
                wait = Some((pause, trouble));
            }
        }
        open = again;
        if let Some((pause, trouble)) = wait {
            waited = waited.checked_add(pause).unwrap_or(SignedDuration::MAX);
            if attempt >= 6 || waited > PATIENCE {
                return Err(trouble);
            }
            transport.clock.sleep(pause).await;
        }
    }
    Ok(())
}

/// `/users` itself is always there.
fn odd() -> String {
    "the tenant does not know /users; check tenant.graph_url".to_owned()
}

fn sort(known: &mut Vec<Known>) {
    // Pages may repeat a person; the later row is the newer one.
    known.reverse();
    known.sort_by_key(|(person, _)| person.id);
    known.dedup_by_key(|(person, _)| person.id);
}

/// The id of a row.
pub(crate) fn id(row: &Value) -> Option<ObjectId> {
    row.get("id")?.as_str()?.parse().ok()
}

pub(super) fn person(row: Row, key: &str) -> Option<Known> {
    let id = row.id?;
    let guest = match row.kind {
        Some(kind) => kind == Kind::Guest,
        None => row.upn.as_deref().is_some_and(|upn| upn.to_ascii_uppercase().contains("#EXT#")),
    };
    let upn = row.upn.unwrap_or_else(|| id.to_string());
    let name = Name { mail: row.mail, display: row.display, language: row.language, upn };
    let person = Person { id, name: NameHash::new(key, &name.upn).key(), enabled: row.enabled, guest, mail: name.mail.is_some() };
    Some((person, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::row::of;
    use super::*;

    #[test]
    fn a_row_is_read_leniently() {
        let id = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0";
        for (row, enabled, guest, mail) in [
            (json!({"id": id}), None, false, false),
            (json!({"id": id, "accountEnabled": null, "userType": null, "mail": null}), None, false, false),
            (json!({"id": id, "accountEnabled": false, "userType": "guest", "mail": ""}), Some(false), true, false),
            (json!({"id": id, "userType": "Member", "userPrincipalName": "a#EXT#@b", "mail": "a@b"}), None, false, true),
            (json!({"id": id, "userPrincipalName": "a_b#ext#@c", "surplus": {"x": 1}}), None, true, false),
            (json!({"id": id, "accountEnabled": "true", "userType": 7}), None, false, false),
        ] {
            let (person, _) = person(of(&row), "t").unwrap();
            assert_eq!((person.enabled, person.guest, person.mail), (enabled, guest, mail), "{row}");
        }
        for odd in [json!({}), json!(null), json!({"id": null}), json!({"id": "short"}), json!([1])] {
            assert!(person(of(&odd), "t").is_none(), "{odd}");
        }
    }
}
