//! A mail as bytes: headers, text, calendar file (RFC 5322, RFC 2045).
//!
//! Pure. Invariants: what others wrote cannot begin a header; the same notice to the same person has the same Message-ID and the same
//! bytes, but for the date; every byte is ASCII, so that any server takes it.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};

use super::super::listed::LIST;
use super::super::memos::MEMO;
use super::super::written::NOTICE;
use crate::graph::request::{Content, Message};

/// The calendar file's name.
const FILE: &str = "mfa.ics";

/// Why there is no mail.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unmade {
    /// The receiver's address is none.
    #[error("the account's mail address cannot be used")]
    Address,
    /// The library refused; nothing about the receiver.
    #[error("the mail cannot be put together: {0}")]
    Other(String),
}

/// The receiver's address.
pub(super) fn receiver(message: &Message) -> Result<Address, Unmade> {
    message.to.parse().map_err(|_| Unmade::Address)
}

/// The mail's bytes, as of `at`.
pub(super) fn bytes(message: &Message, from: &Address, at: Timestamp) -> Result<Vec<u8>, Unmade> {
    let other = |error: &dyn std::error::Error| Unmade::Other(error.to_string());
    let known = message.headers.iter().find(|(name, _)| [NOTICE, LIST, MEMO].contains(name)).map(|(_, value)| value.clone());
    // One that is only looked at is no notice.
    let id = known.unwrap_or_else(|| format!("test-{}", at.as_millisecond()));
    let mut builder = lettre::Message::builder()
        .from(Mailbox::new(None, from.clone()))
        .to(Mailbox::new(None, receiver(message)?))
        .subject(message.subject.as_str())
        .date(SystemTime::UNIX_EPOCH + Duration::from_secs(at.as_second().unsigned_abs()))
        .message_id(Some(format!("<{id}@{}>", from.domain())))
        // Holiday notices and the like are not answers that anybody waits for (RFC 3834).
        .raw_header(raw("Auto-Submitted", "auto-generated")?);
    for (name, value) in &message.headers {
        builder = builder.raw_header(raw(name, value)?);
    }
    let texts = MultiPart::alternative().boundary(format!("text-{id}"));
    let texts = match &message.body {
        Content::Text(text) => texts.singlepart(SinglePart::plain(text.clone())),
        Content::Html { page, text } => {
            texts.singlepart(SinglePart::plain(text.clone())).singlepart(SinglePart::html(page.clone()))
        }
    };
    let mut whole = MultiPart::mixed().boundary(format!("mail-{id}")).multipart(texts);
    if let Some(file) = &message.calendar_file {
        let kind = ContentType::parse("text/calendar; charset=utf-8; method=PUBLISH").map_err(|error| other(&error))?;
        whole = whole.singlepart(Attachment::new(FILE.to_owned()).body(file.clone(), kind));
    }
    builder.multipart(whole).map(|mail| mail.formatted()).map_err(|error| other(&error))
}

fn raw(name: &str, value: &str) -> Result<HeaderValue, Unmade> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|error| Unmade::Other(error.to_string()))?;
    Ok(HeaderValue::new(name, value.to_owned()))
}
