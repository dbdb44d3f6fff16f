//! `[notices]`: what people are told, and when.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{Selector, Window, is_off, is_on, off, on};
use crate::rollout::id::PersonRef;
use crate::rollout::observed::Toggle;

/// `[notices]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// Mailboxes that send, in turn.
    pub from: Vec<PersonRef>,
    /// Channels.
    pub channel: Vec<Channel>,
    /// How long before the start each slot falls, largest first; the first announces.
    pub before: Vec<SignedDuration>,
    /// The minimum notice.
    pub min_notice: SignedDuration,
    /// How long before the new instant a moved or rebooked date must be told.
    pub renotice: SignedDuration,
    /// How to get help: an address and a number.
    pub helpdesk: String,
    /// Hash of the operator's templates, where there are any.
    pub templates: Option<String>,
    /// When notices leave, where they can wait; none: always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Whose zone is another than the plan's: windows are read, and dates written, in theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<ReaderZone>,
    /// Whether a calendar file comes with each notice.
    #[serde(default = "on", skip_serializing_if = "is_on")]
    pub calendar_file: Toggle,
    /// What a mail is.
    #[serde(default, skip_serializing_if = "Format::is_usual")]
    pub format: Format,
    /// The language of people whose own has no text.
    #[serde(default = "english", skip_serializing_if = "is_english")]
    pub language: String,
    /// Where people can look up that a notice is genuine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    /// How mails are carried.
    #[serde(default, skip_serializing_if = "Via::is_usual")]
    pub via: Via,
    /// Whether the sending mailboxes are read for notices that came back.
    #[serde(default = "off", skip_serializing_if = "is_off")]
    pub bounces: Toggle,
    /// How long before a stage's start each manager gets the list of their people who are not ready; none: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managers: Option<SignedDuration>,
}

/// People who read in another zone than the plan's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderZone {
    /// The zone (IANA).
    pub zone: String,
    /// Who: a group or a filter.
    pub people: Selector,
}

/// The language of a plan from before the key was known; such a plan keeps its revision.
fn english() -> String {
    "en".to_owned()
}

fn is_english(language: &str) -> bool {
    language == "en"
}

/// What a mail is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A page of HTML; Exchange adds plain text for readers without it.
    #[default]
    Html,
    /// Plain text only.
    Text,
}

impl Format {
    /// Whether it is what a plan without the key says; such a plan keeps its revision.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// How mails are carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Through Microsoft Graph, with Mail.Send.
    #[default]
    Graph,
    /// Through a mail server of the operator's; the app sends no mail.
    Smtp,
}

impl Via {
    /// Whether it is what a plan without the key says; such a plan keeps its revision.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    const fn is_usual(&self) -> bool {
        matches!(self, Self::Graph)
    }
}

/// How a notice travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// One mail per person.
    Mail,
    /// A post to a channel; never counts as a person's notice.
    Webhook,
}
