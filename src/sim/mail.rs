//! `/users/{id}/sendMail`: accepted is all that it says. A mail to somebody of the tenant reaches them, and the oracle sees it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::call::Call;
use super::oracle::{Mail, MemoMail};
use super::reaction::told;
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;

/// Most recipients of one message.
const RECIPIENTS: usize = 500;
/// Most headers of the sender's own.
const HEADERS: usize = 5;

impl Tenant {
    pub(super) fn send_mail(&mut self, now: Timestamp, call: &Call, sender: &str) -> Answer {
        let unknown =
            || Refusal::new(StatusCode::NOT_FOUND, "ErrorInvalidUser", format!("The requested user '{sender}' is invalid."));
        let from = self.person(sender).ok().filter(|person| person.mail.is_some()).ok_or_else(unknown)?.id;
        let body = call.json()?;
        let message = body.get("message").ok_or_else(|| Refusal::bad("ErrorInvalidRequest", "The message is missing."))?;
        let headers = headers(message)?;
        let addresses = addresses(message)?;
        attachments(message)?;
        self.mailboxes.count(self.profile.quotas, now, from, addresses.len())?;
        if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-tidegate-test"))
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-tidegate-instant"))
        {
            // Somebody looks at what a notice would be like: it promises nothing, and moves nobody.
            return Ok(Reply::empty(StatusCode::ACCEPTED));
        }
        if let Some(id) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-tidegate-memo")).map(|(_, value)| *value)
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-tidegate-instant"))
        {
            // It is for operators, whoever they are: nobody is told a date by it.
            let subject = message.get("subject").and_then(Value::as_str).unwrap_or_default();
            let text = message.pointer("/body/content").and_then(Value::as_str).unwrap_or_default();
            for to in addresses {
                self.oracle.memo(MemoMail {
                    at: now,
                    to: to.to_owned(),
                    memo: id.to_owned(),
                    subject: subject.to_owned(),
                    text: text.to_owned(),
                });
            }
            return Ok(Reply::empty(StatusCode::ACCEPTED));
        }
        let header = |name: &str| headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        let instant = header("x-tidegate-instant").and_then(|text| text.parse().ok());
        let notice = header("x-tidegate-notice").map(str::to_owned);
        // A list for a manager is no notice, to whomever it goes; one that names an instant all the same is taken at its word.
        let list = header("x-tidegate-list").filter(|_| instant.is_none() && notice.is_none());
        let subject = message.get("subject").and_then(Value::as_str).unwrap_or_default();
        let reached: Vec<(usize, &str)> =
            addresses.iter().filter_map(|address| Some((*self.by_mail.get(&address.to_lowercase())?, *address))).collect();
        for (at, address) in reached {
            let Some(person) = self.people.get_mut(at) else { continue };
            if let Some(list) = list {
                if self.reports.loses(at) {
                    self.reports.report(now, from, address, &headers);
                }
                if person.exists() {
                    self.oracle.list(now, person.id, list);
                }
                continue;
            }
            let mail = Mail { at: now, person: person.id, instant, notice: notice.clone(), subject: subject.to_owned() };
            if self.reports.loses(at) {
                self.reports.report(now, from, address, &headers);
                self.oracle.mail_lost(mail);
            } else if person.exists() {
                told(person, &self.profile, now, instant);
                self.oracle.mail(mail);
            } else {
                // The account is deleted just now, and may be restored: taken all the same, and only the report tells.
                self.reports.report(now, from, address, &headers);
                self.oracle.mail(mail);
            }
        }
        Ok(Reply::empty(StatusCode::ACCEPTED))
    }
}

/// The sender's own headers; their names begin with `x-`.
fn headers(message: &Value) -> Result<Vec<(&str, &str)>, Refusal> {
    let wrong =
        || Refusal::bad("InvalidInternetMessageHeader", "The internet message header name should start with 'x-' or 'X-'.");
    let Some(headers) = message.get("internetMessageHeaders").and_then(Value::as_array) else { return Ok(Vec::new()) };
    if headers.len() > HEADERS {
        return Err(Refusal::bad(
            "InvalidInternetMessageHeaderCollection",
            "Maximum number of headers in one message should be less than or equal to 5.",
        ));
    }
    let pair = |header: &'_ Value| Some((header.get("name")?.as_str()?.to_owned(), header.get("value")?.as_str()?.to_owned()));
    let is_own = |header: &Value| pair(header).is_some_and(|(name, _)| name.to_ascii_lowercase().starts_with("x-"));
    if !headers.iter().all(is_own) {
        return Err(wrong());
    }
    Ok(headers.iter().filter_map(|header| Some((header.get("name")?.as_str()?, header.get("value")?.as_str()?))).collect())
}

/// Attachments are files, with a name and with contents in base64.
fn attachments(message: &Value) -> Result<(), Refusal> {
    let Some(attachments) = message.get("attachments") else { return Ok(()) };
    let wrong = || Refusal::bad("ErrorInvalidRequest", "An attachment is no file with a name and contents.");
    for attachment in attachments.as_array().ok_or_else(wrong)? {
        let text = |member: &str| attachment.get(member).and_then(Value::as_str).ok_or_else(wrong);
        let is_file = text("@odata.type")? == "#microsoft.graph.fileAttachment" && !text("name")?.is_empty();
        if !is_file || BASE64_STANDARD.decode(text("contentBytes")?).is_err() {
            return Err(wrong());
        }
    }
    Ok(())
}

/// Every recipient's address.
fn addresses(message: &Value) -> Result<Vec<&str>, Refusal> {
    let kinds = ["toRecipients", "ccRecipients", "bccRecipients"];
    let recipients = kinds.iter().filter_map(|kind| message.get(kind)?.as_array()).flatten();
    let address =
        |recipient: &'_ Value| recipient.pointer("/emailAddress/address").and_then(Value::as_str).is_some_and(is_address);
    let recipients: Vec<&Value> = recipients.collect();
    if recipients.is_empty() || recipients.len() > RECIPIENTS || !recipients.iter().all(|recipient| address(recipient)) {
        return Err(Refusal::bad("ErrorInvalidRecipients", "At least one recipient isn't valid."));
    }
    Ok(recipients.iter().filter_map(|recipient| recipient.pointer("/emailAddress/address")?.as_str()).collect())
}

fn is_address(text: &str) -> bool {
    let Some((name, domain)) = text.rsplit_once('@') else { return false };
    !name.is_empty()
        && domain.contains('.')
        && !text.contains(char::is_whitespace)
        && !domain.starts_with('.')
        && !domain.ends_with('.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::probe::{Probe, calm};

    #[test]
    fn a_mail_is_accepted_or_refused_as_documented() {
        let mut probe = Probe::new(calm(40));
        let to = |address: &str| json!({ "message": { "toRecipients": [{ "emailAddress": { "address": address } }] } });
        let header = |name: &str| json!({ "message": { "toRecipients": [{ "emailAddress": { "address": "a@b.example" } }], "internetMessageHeaders": [{ "name": name, "value": "v" }] } });
        let file = |kind: &str, bytes: &str| json!({ "message": { "toRecipients": [{ "emailAddress": { "address": "a@b.example" } }], "attachments": [{ "@odata.type": format!("#microsoft.graph.{kind}"), "name": "a.ics", "contentBytes": bytes }] } });
        for (sender, body, expected) in [
            ("it-security@contoso.example", to("somebody@elsewhere.example"), 202),
            ("it-security@contoso.example", to("no address"), 400),
            ("it-security@contoso.example", json!({ "message": { "toRecipients": [] } }), 400),
            ("it-security@contoso.example", header("x-own"), 202),
            ("it-security@contoso.example", header("Subject"), 400),
            ("it-security@contoso.example", file("fileAttachment", "QkVHSU4="), 202),
            ("it-security@contoso.example", file("fileAttachment", "BEGIN:VCALENDAR"), 400),
            ("it-security@contoso.example", file("itemAttachment", "QkVHSU4="), 400),
            ("nobody@contoso.example", to("a@b.example"), 404),
            ("bg1@contoso.example", to("a@b.example"), 404),
        ] {
            assert_eq!(probe.post(&format!("/users/{sender}/sendMail"), body.clone()).0, expected, "{sender} {body}");
        }
    }

    #[test]
    fn a_mail_to_look_at_promises_nothing_and_one_that_names_an_instant_does() {
        let mut probe = Probe::new(calm(40));
        let test = json!({ "name": "x-tidegate-test", "value": "true" });
        let instant = json!({ "name": "x-tidegate-instant", "value": "2027-02-01T09:00:00Z" });
        for (headers, promises) in [(json!([test]), 0), (json!([test, instant]), 1), (json!([instant]), 2)] {
            let to = json!([{ "emailAddress": { "address": "it-security@contoso.example" } }]);
            let body = json!({ "message": { "toRecipients": to, "internetMessageHeaders": headers } });
            assert_eq!(probe.post("/users/it-security@contoso.example/sendMail", body).0, 202);
            assert_eq!(probe.tenant.mails().len(), promises);
        }
    }
}
