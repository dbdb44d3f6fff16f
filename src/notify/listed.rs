//! What is written to each manager of a group of lists.
//!
//! Does not send. Invariants: whoever gets nothing is in one list of the outcome; a list carries none of the headers of a notice, and one
//! that says what it is.

use crate::engine::port::{Lists, NoticeOutcome};
use crate::graph::request::Message;
use crate::letter::handouts::lists::Named;
use crate::letter::managers::{self, Page};
use crate::rollout::id::ObjectId;
use crate::rollout::lists::Theirs;

use super::written::{Writer, because, content, notice_id};

/// The header that holds a list's id.
pub(super) const LIST: &str = "x-tidegate-list";

impl Writer {
    /// A mail for each manager; who gets none, and why, is in the outcome.
    pub(super) async fn write_lists(&self, lists: &Lists, outcome: &mut NoticeOutcome) -> Vec<(ObjectId, Message)> {
        let mut ready = Vec::with_capacity(lists.lists.len());
        for (nth, list) in lists.lists.iter().enumerate() {
            // One after the other: the names of all of them may be more than are held at once.
            let named: Vec<ObjectId> = std::iter::once(list.manager).chain(list.people.iter().map(|(id, _)| *id)).collect();
            // Reading some may push others out of memory, so all of them are read.
            if named.iter().any(|person| self.graph.names().name(*person).is_none())
                && let Err(trouble) = self.graph.read_names(&named).await
            {
                // What cannot be read now is not asked for again and again: notices wait meanwhile.
                let rest = lists.lists.iter().skip(nth).map(|list| list.manager);
                because(&mut outcome.not_sent, &trouble.why, rest);
                break;
            }
            match self.list(lists, list) {
                Ok(message) => ready.push((list.manager, message)),
                Err(Unlisted::Refused(why)) => because(&mut outcome.refused, why, [list.manager]),
                Err(Unlisted::NotSent(why)) => because(&mut outcome.not_sent, &why, [list.manager]),
            }
        }
        ready
    }

    fn list(&self, lists: &Lists, list: &Theirs) -> Result<Message, Unlisted> {
        let manager = self.graph.names().name(list.manager).ok_or(Unlisted::Refused("the account does not exist"))?;
        let to = manager.mail.ok_or(Unlisted::Refused("the account has no mail address"))?;
        let named = |id: ObjectId| {
            let name = self.graph.names().name(id)?;
            Some(Named { id, display: name.display, account: Some(name.upn) })
        };
        // Who does not exist any more is on no list.
        let mut people: Vec<_> = list.people.iter().filter_map(|(id, readiness)| Some((named(*id)?, *readiness))).collect();
        people.sort_by_cached_key(|(who, _)| (who.name().to_lowercase(), who.id));
        let page = Page {
            display: manager.display.as_deref(),
            language: manager.language.as_deref(),
            instant: lists.instant,
            time_zone: &lists.time_zone,
            helpdesk: &lists.helpdesk,
            people: &people,
        };
        let texts = self.texts.borrow().clone();
        let letter = managers::write(&page, texts.style()).map_err(|error| Unlisted::NotSent(error.to_string()))?;
        let id = notice_id(self.graph.key(), &format!("list {}", lists.intent), list.manager);
        let headers = vec![(LIST, id.to_string())];
        let subject = letter.subject.clone();
        Ok(Message { to, subject, body: content(letter, texts.format()), headers, calendar_file: None })
    }
}

enum Unlisted {
    Refused(&'static str),
    NotSent(String),
}
