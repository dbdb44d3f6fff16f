//! Notices that came back, as the sending mailboxes tell: reports of non-delivery, and whose mail each is about.
//!
//! Decides nothing about the person. Invariants: a report counts for one person at most; neither its text nor an address leaves this
//! file, only a status code of mail.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::graph::Graph;
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{Bounce, Trouble, TroubleKind};

use super::listed::LIST;
use super::written::NOTICE;

/// Addresses of a report that are looked up; the receiver's stands before those of servers and postmasters.
const CANDIDATES: usize = 4;

/// Addresses that are looked up in one reading. More than so many different ones are no accident.
const LOOK_UPS: usize = 5_000;

/// A mail address is not longer.
const LONGEST: usize = 254;

/// What stands before the receiver's address, where a report holds the part for machines.
const FINAL: &str = "final-recipient:";

/// What a report tells.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    /// Addresses that may be the receiver's, the likeliest first.
    addresses: Vec<String>,
    /// The status code of mail, such as `5.1.10`.
    status: Option<String>,
}

/// Notices that came back into these mailboxes since an instant.
pub(super) async fn bounces(graph: &Graph, from: &[PersonRef], since: Timestamp) -> Result<Vec<Bounce>, Trouble> {
    let mut mailboxes = Vec::new();
    for mailbox in from {
        mailboxes.extend(graph.person_id(*mailbox).await?);
    }
    let mut known: BTreeMap<String, Option<ObjectId>> = BTreeMap::new();
    let mut bounces = Vec::new();
    for mailbox in &mailboxes {
        for (at, report) in graph.reports(*mailbox, since, read).await? {
            for address in report.addresses {
                let person = match known.get(&address) {
                    Some(person) => *person,
                    None if known.len() >= LOOK_UPS => return Err(flood()),
                    None => *known.entry(address.clone()).or_insert(graph.addressee(&address).await?),
                };
                // Our own mailbox is named as the sender.
                if let Some(person) = person.filter(|person| !mailboxes.contains(person)) {
                    let why = report.status.as_ref().map_or_else(
                        || "a report of non-delivery came".to_owned(),
                        |status| format!("a report of non-delivery came ({status})"),
                    );
                    bounces.push(Bounce { person, at, why });
                    break;
                }
            }
        }
    }
    Ok(bounces)
}

fn flood() -> Trouble {
    let why = format!("reports of non-delivery name more than {LOOK_UPS} different addresses; look into the sending mailboxes");
    Trouble { kind: TroubleKind::Unusable, why }
}

/// Reads the text of a report, HTML or not: markup, brackets and quotes end an address as spaces do.
fn read(text: &str) -> Report {
    let is_part = |c: char| c.is_alphanumeric() || "@.!#$%*/?^_`{|}~+-'".contains(c);
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !is_part(c)).map(|word| word.trim_matches(['.', '\'', '-', '/', '?']).to_lowercase()).collect()
    };
    let lower = text.to_lowercase();
    let likeliest = lower.split(FINAL).skip(1).filter_map(|rest| rest.lines().next()).flat_map(words);
    let mut addresses = Vec::new();
    for word in likeliest.chain(words(&lower)) {
        if addresses.len() < CANDIDATES && is_address(&word) && !addresses.contains(&word) {
            addresses.push(word);
        }
    }
    if lower.contains(LIST) && !lower.contains(NOTICE) {
        // A list for a manager came back: that takes back nothing that the manager was told.
        addresses.clear();
    }
    let mut numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.').map(|word| word.trim_matches('.'));
    Report { addresses, status: numbers.find(|word| is_status(word)).map(str::to_owned) }
}

fn is_address(word: &str) -> bool {
    let Some((name, domain)) = word.split_once('@') else { return false };
    word.len() <= LONGEST && !name.is_empty() && domain.contains('.') && !domain.contains('@')
}

/// Class, subject and detail (RFC 3463); a class of 2 is a success.
fn is_status(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    matches!(parts.as_slice(), ["4" | "5", subject, detail] if [subject, detail].iter().all(|part| (1..=3).contains(&part.len())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::script::{Script, answer, id};

    #[test]
    fn a_report_tells_an_address_and_a_status() {
        let long = format!("{}@contoso.com", "a".repeat(300));
        for (text, addresses, status) in [
            ("Your message to Ann@contoso.com couldn't be delivered.", vec!["ann@contoso.com"], None),
            (
                "<p><a href=\"mailto:ann@contoso.com\">Ann</a> (ann@contoso.com)<br>550 5.1.10 RESOLVER.ADR.RecipientNotFound</p>",
                vec!["ann@contoso.com"],
                Some("5.1.10"),
            ),
            (
                "From: &lt;it@contoso.com&gt;<br>To: &lt;o'neil@contoso.com&gt;",
                vec!["it@contoso.com", "o'neil@contoso.com"],
                None,
            ),
            (
                "it@contoso.com wrote.\nFinal-Recipient: rfc822;ann@contoso.com\nStatus: 4.4.7",
                vec!["ann@contoso.com", "it@contoso.com"],
                Some("4.4.7"),
            ),
            ("Received: from 10.5.1.1 by 15.20.7.3; 250 2.0.0 OK; a@b; @c.d; x@y@z.w", vec![], None),
            (&long, vec![], None),
            ("a@x.y b@x.y c@x.y d@x.y e@x.y", vec!["a@x.y", "b@x.y", "c@x.y", "d@x.y"], None),
            ("", vec![], None),
        ] {
            let addresses = addresses.into_iter().map(str::to_owned).collect();
            assert_eq!(read(text), Report { addresses, status: status.map(str::to_owned) }, "{text}");
        }
    }

    #[tokio::test]
    async fn a_report_counts_for_the_person_whom_it_names_and_not_for_the_mailbox() {
        let report = |at: &str, text: &str| json!({"receivedDateTime": at, "body": {"contentType": "html", "content": text}});
        let script = Script::answers([
            answer(
                200,
                &json!({"value": [
                    report("2027-01-11T08:04:00Z", "it@contoso.com: your mail to ann@contoso.com came back, 550 5.1.1"),
                    report("2027-01-11T08:05:00Z", "ann@contoso.com again"),
                    report("2027-01-11T08:06:00Z", "nobody@elsewhere.com"),
                    {"receivedDateTime": null, "body": {"content": "ann@contoso.com"}}, 7,
                ]}),
            ),
            answer(200, &json!({"value": [{"id": id(1)}]})),
            answer(200, &json!({"value": [{"id": id(7)}]})),
            answer(200, &json!({"value": []})),
        ]);
        let (graph, clock) = script.graph();
        let found = bounces(&graph, &[PersonRef::Id(id(1))], clock.now()).await.unwrap();
        let bounce = |at: &str, why: &str| Bounce { person: id(7), at: at.parse().unwrap(), why: why.to_owned() };
        assert_eq!(
            found,
            [
                bounce("2027-01-11T08:04:00Z", "a report of non-delivery came (5.1.1)"),
                bounce("2027-01-11T08:05:00Z", "a report of non-delivery came"),
            ]
        );
        let seen = script.seen();
        let listing = &seen[0].uri;
        assert!(listing.contains(&format!("/users/{}/messages?$select=receivedDateTime,body&", id(1))), "{listing}");
        assert!(listing.contains("%27REPORT.IPM.Note.NDR%27"), "{listing}");
        assert_eq!(seen.len(), 4, "each address is looked up once");
    }

    #[tokio::test]
    async fn a_mailbox_that_may_not_be_read_is_trouble() {
        for (code, why) in [("Authorization_RequestDenied", "Mail.Read"), ("ErrorAccessDenied", "sending mailbox")] {
            let script = Script::answers([answer(403, &json!({"error": {"code": code, "message": "no"}}))]);
            let (graph, clock) = script.graph();
            let trouble = bounces(&graph, &[PersonRef::Id(id(1))], clock.now()).await.unwrap_err();
            assert!(trouble.why.contains(why), "{trouble:?}");
        }
    }
}
