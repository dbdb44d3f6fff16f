//! Reports of non-delivery in a mailbox, and whose a mail address is.
//!
//! Does not judge what a report says. Invariant: only messages of the class of such reports are asked for, and of them only when they came
//! and what they say; nothing of it is kept.

use jiff::Timestamp;
use serde::de::MapAccess;

use super::request::{Read, quote};
use super::row::{Fields, object, value};
use super::{Graph, page, people};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Trouble;

/// A report as the mailbox shows it.
#[derive(Default)]
struct Row {
    at: Option<Timestamp>,
    text: Option<String>,
}

impl Fields for Row {
    const NAMES: &'static [&'static str] = &["receivedDateTime", "body"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "receivedDateTime" => self.at = value(row)?,
            _ => self.text = object::<Body, _>(row)?.0,
        }
        Ok(())
    }
}

/// What a message says.
#[derive(Default)]
struct Body(Option<String>);

impl Fields for Body {
    const NAMES: &'static [&'static str] = &["content"];

    fn take<'de, A: MapAccess<'de>>(&mut self, _: &'static str, row: &mut A) -> Result<(), A::Error> {
        self.0 = value(row)?;
        Ok(())
    }
}

impl Graph {
    /// Reports of non-delivery that came into a mailbox since an instant, each as `read` understands it.
    pub(crate) async fn reports<R: Send>(
        &self,
        mailbox: ObjectId,
        since: Timestamp,
        read: impl Fn(&str) -> R + Send + Sync,
    ) -> Result<Vec<(Timestamp, R)>, Trouble> {
        let mut reports = Vec::new();
        let take = |row: Row| {
            if let (Some(at), Some(text)) = (row.at, row.text) {
                reports.push((at, read(&text)));
            }
        };
        let call = Read::ReportsSince(mailbox, since).call();
        let gone = || "a sending mailbox does not exist; check notices.from in the plan".to_owned();
        page::each(&self.transport, &call, take).await.map_err(|unread| unread.trouble(gone))?;
        Ok(reports)
    }

    /// The one person with this mail address.
    pub(crate) async fn addressee(&self, address: &str) -> Result<Option<ObjectId>, Trouble> {
        let found = people::matching(&self.transport, self.names.roll(), &format!("mail eq {}", quote(address))).await?;
        let mut found = found.iter();
        Ok(found.next().filter(|_| found.next().is_none()))
    }
}
