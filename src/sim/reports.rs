//! `/users/{id}/messages`: the reports of non-delivery in a mailbox, and the addresses whose mail comes back.
//!
//! Nothing else is in a mailbox. Reports come some minutes after the mail was accepted.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::call::Call;
use super::json::{Row, Value, write_row};
use super::moment::after;
use super::page::{Mark, Page, size};
use super::reply::{Answer, Refusal};
use super::tenant::Tenant;
use super::users::{filter, refuse_options, selected};
use crate::rollout::id::ObjectId;

/// How long after a mail its report comes.
const DELAY: SignedDuration = SignedDuration::from_mins(4);

const PROPERTIES: [&str; 4] = ["id", "receivedDateTime", "subject", "body"];

/// The property that holds a message's class, and the class of these reports.
const CLASS: (&str, &str) = ("String 0x001A", "REPORT.IPM.Note.NDR");

/// What comes back, and what has come.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Places of people whose mail comes back.
    lost: BTreeSet<usize>,
    all: Vec<Report>,
}

#[derive(Clone, Debug)]
struct Report {
    mailbox: ObjectId,
    at: Timestamp,
    text: String,
}

impl Reports {
    /// From now on what is sent to somebody comes back.
    pub(super) fn lose(&mut self, person: usize) {
        self.lost.insert(person);
    }

    /// From now on it arrives again.
    pub(super) fn reach(&mut self, person: usize) {
        self.lost.remove(&person);
    }

    /// Whether what is sent to somebody comes back.
    pub(super) fn loses(&self, person: usize) -> bool {
        self.lost.contains(&person)
    }

    /// A mail that was taken comes back; its sender hears of it later.
    pub(super) fn report(&mut self, now: Timestamp, mailbox: ObjectId, address: &str, headers: &[(&str, &str)]) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("<br>{name}: {value}")).collect();
        let headers = headers.concat();
        let text = format!(
            "<html><body><p>Your message to <a href=\"mailto:{address}\">{address}</a> couldn't be delivered.</p><p>Remote server \
             returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {address} not found'</p><p>Original message headers:<br>To: \
             &lt;{address}&gt;{headers}</p></body></html>"
        );
        self.all.push(Report { mailbox, at: after(now, DELAY), text });
    }
}

impl Row for Report {
    fn property(&self, name: &str) -> Option<Value<'_>> {
        Some(match name {
            "id" => Value::Owned(format!("AAMk{}", self.at.as_millisecond())),
            "receivedDateTime" => Value::Time(self.at),
            "subject" => Value::Text("Undeliverable"),
            "body" => Value::Object(vec![("contentType", Value::Text("html")), ("content", Value::Text(&self.text))]),
            "singleValueExtendedProperties" => {
                Value::List(vec![Value::Object(vec![("id", Value::Text(CLASS.0)), ("value", Value::Text(CLASS.1))])])
            }
            _ => return None,
        })
    }
}

impl Tenant {
    pub(super) fn list_messages(&mut self, now: Timestamp, call: &Call, user: &str) -> Answer {
        refuse_options(call)?;
        let mailbox = self.person(user).ok().filter(|person| person.mail.is_some()).map(|person| person.id);
        let mailbox = mailbox.ok_or_else(|| Refusal::missing(user))?;
        let filter = filter(call, "message", |path| match path {
            "receivedDateTime" => Some(&["eq", "ge", "le", "gt", "lt"]),
            "singleValueExtendedProperties" => Some(&["any"]),
            _ => None,
        })?;
        let properties = selected(call, &PROPERTIES, None)?;
        let size = size(call, 10, 1_000)?;
        let mark = Mark::read(call)?;
        let skip = mark.place::<usize>()?.map_or(0, |last| last.saturating_add(1));
        let empty = self.comes_empty();
        let meant = |report: &&Report| {
            report.mailbox == mailbox && report.at <= now && filter.as_ref().is_none_or(|filter| filter.holds(*report))
        };
        let rows = self.reports.all.iter().filter(meant).enumerate().skip(skip);
        let page = Page { call, context: "messages", size, mark, count: None, empty };
        Ok(page.of(rows, |out, report| write_row(out, report, None, &properties)))
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::super::change::Change;
    use super::super::probe::{Probe, calm};
    use super::super::profile::Profile;
    use super::*;

    fn probe() -> Probe {
        let mut profile = calm(40);
        profile.roles.push("Mail.Read".to_owned());
        Probe::new(Profile { empty_pages: 0.2, ..profile })
    }

    #[test]
    fn what_is_sent_to_a_dead_address_comes_back_to_the_mailbox_that_sent_it() {
        let mut probe = probe();
        let [dead, other] = probe.people(2).try_into().unwrap();
        probe.tenant.change(probe.now, Change::Bounce(dead.clone())).unwrap();
        let address = |probe: &Probe, id: &str| probe.tenant.person(id).unwrap().mail.clone().unwrap();
        let (dead, other) = (address(&probe, &dead), address(&probe, &other));
        for to in [&dead, &other] {
            let headers = json!([{ "name": "x-tidegate-notice", "value": format!("to {to}") }]);
            let to = json!([{ "emailAddress": { "address": to } }]);
            let body = json!({ "message": { "toRecipients": to, "internetMessageHeaders": headers } });
            assert_eq!(probe.post("/users/it-security@contoso.example/sendMail", body).0, 202);
        }
        let class = "singleValueExtendedProperties/any(p: p/id eq 'String 0x001A' and p/value eq";
        let list = |filter: &str| {
            format!("/users/it-security@contoso.example/messages?$top=1&$select=receivedDateTime,body&$filter={filter}")
        };
        let reports = list(&format!("receivedDateTime ge 2027-01-11T08:00:00Z and {class} 'REPORT.IPM.Note.NDR')"));
        assert_eq!(probe.all(&reports).len(), 0, "not yet");
        probe.pass(DELAY);
        let found = probe.all(&reports);
        assert_eq!(found.len(), 1);
        let text = found[0]["body"]["content"].as_str().unwrap();
        assert!(text.contains(&dead) && text.contains("x-tidegate-notice") && !text.contains(&other), "{text}");
        for (filter, expected) in [
            (format!("receivedDateTime ge 2027-01-11T09:00:00Z and {class} 'REPORT.IPM.Note.NDR')"), 0),
            (format!("receivedDateTime ge 2027-01-11T08:00:00Z and {class} 'IPM.Note')"), 0),
            ("receivedDateTime ge 2027-01-11T08:00:00Z".to_owned(), 1),
        ] {
            assert_eq!(probe.all(&list(&filter)).len(), expected, "{filter}");
        }
        probe.tenant.change(probe.now, Change::Arrive(dead.clone())).unwrap();
    }

    #[test]
    fn mailboxes_are_read_with_a_permission_of_their_own() {
        let path = "/users/it-security@contoso.example/messages";
        assert_eq!(Probe::new(calm(40)).get(path).0, 403);
        assert_eq!(probe().get(path).0, 200);
        assert_eq!(probe().call(Method::POST, path, &[], Some(json!({}))).0, 405);
        assert_eq!(probe().get("/users/nobody@contoso.example/messages").0, 404);
    }
}
