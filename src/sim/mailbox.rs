//! What each mailbox may send: so many messages in a minute, so many recipients in a day.

use std::collections::HashMap;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::profile::Quotas;
use super::reply::Refusal;
use super::throttle::Window;
use crate::rollout::id::ObjectId;

/// The mailboxes that have sent something.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    windows: HashMap<ObjectId, (Window, Vec<(Timestamp, u32)>)>,
    /// Mails refused because a mailbox had sent too much.
    pub(super) refused: u32,
}

impl Mailboxes {
    /// Counts a message, or refuses it as the service does.
    pub(super) fn count(&mut self, quotas: Quotas, now: Timestamp, from: ObjectId, recipients: usize) -> Result<(), Refusal> {
        let minute = || (Window::new(quotas.mails, SignedDuration::from_secs(60)), Vec::new());
        let (window, day) = self.windows.entry(from).or_insert_with(minute);
        let more = u32::try_from(recipients).unwrap_or(u32::MAX);
        if quotas.recipients > 0 {
            day.retain(|(at, _)| now.duration_since(*at) < SignedDuration::from_hours(24));
            let sent = day.iter().fold(more, |sum, (_, recipients)| sum.saturating_add(*recipients));
            if sent > quotas.recipients {
                self.refused += 1;
                let why = "The message can't be sent because the message limit of the mailbox was exceeded.";
                return Err(Refusal::new(StatusCode::BAD_REQUEST, "ErrorExceededMessageLimit", why));
            }
        }
        if let Err(wait) = window.call(now) {
            self.refused += 1;
            let mut refusal = Refusal::throttled(Some(wait));
            refusal.code = "ApplicationThrottled";
            return Err(refusal);
        }
        match day.last_mut() {
            Some((at, recipients)) if *at == now => *recipients = recipients.saturating_add(more),
            _ => day.push((now, more)),
        }
        Ok(())
    }
}
