//! Who signed in lately with a client that cannot do MFA.
//!
//! The log of a large tenant is far too long to be read whole, so it is asked for these clients only, and read from its newest row on.
//! Invariant: what was not read is said ([`Legacy::more`], [`Legacy::without_programs`]).

use jiff::Timestamp;
use serde::de::MapAccess;

use crate::graph::page;
use crate::graph::request::Read;
use crate::graph::request::look::{Log, Look};
use crate::graph::row::{self, Fields, value};
use crate::graph::transport::{Transport, Unread};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Trouble;
use crate::rollout::preflight::facts::Legacy;

/// What Microsoft calls them in `clientAppUsed`, by class and by protocol. `Browser` and `Mobile Apps and Desktop clients` are modern.
const CLIENTS: [&str; 16] = [
    "Exchange ActiveSync",
    "IMAP",
    "IMAP4",
    "POP",
    "POP3",
    "SMTP",
    "Authenticated SMTP",
    "MAPI",
    "MAPI over HTTP",
    "Outlook Anywhere",
    "Exchange Web Services",
    "Exchange Online PowerShell",
    "Autodiscover",
    "Offline Address Book",
    "Reporting Web Services",
    "Other clients",
];

/// Pages read of one answer; a phone that polls fills many.
const PAGES: usize = 20;

#[derive(Default)]
struct Row {
    person: Option<ObjectId>,
    client: Option<Client>,
}

/// One of [`CLIENTS`], by its place.
struct Client(&'static str);

impl row::Kind for Client {
    fn text(text: &str) -> Option<Self> {
        CLIENTS.iter().find(|known| text.eq_ignore_ascii_case(known)).map(|known| Self(known))
    }
}

impl Fields for Row {
    const NAMES: &'static [&'static str] = &["userId", "clientAppUsed"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "userId" => self.person = value(row)?,
            _ => self.client = value(row)?,
        }
        Ok(())
    }
}

/// Successful sign-ins since `since`.
pub(super) async fn read(transport: &Transport, since: Timestamp) -> Result<Legacy, Trouble> {
    let mut legacy = Legacy::default();
    part(transport, since, Log::People, &mut legacy).await?;
    // Only `beta` shows these, and not every cloud does.
    if let Err(trouble) = part(transport, since, Log::Programs, &mut legacy).await {
        legacy.without_programs = Some(trouble.why);
    }
    Ok(legacy)
}

/// Asks for all clients at once, and for one after the other where the tenant does not take that.
async fn part(transport: &Transport, since: Timestamp, log: Log, legacy: &mut Legacy) -> Result<(), Trouble> {
    let gone = || "the tenant does not know the sign-in log; check tenant.graph_url".to_owned();
    match some(transport, Look::SignInsBy(since, CLIENTS.to_vec(), log), legacy).await {
        Err(Unread::Refused(refusal)) if matches!(refusal.status, 400 | 501) => {}
        read => return read.map_err(|unread| unread.trouble(gone)),
    }
    for client in CLIENTS {
        some(transport, Look::SignInsBy(since, vec![client], log), legacy).await.map_err(|unread| unread.trouble(gone))?;
    }
    Ok(())
}

async fn some(transport: &Transport, look: Look, legacy: &mut Legacy) -> Result<(), Unread> {
    let mut uses = Vec::new();
    let take = |row: Row| {
        uses.extend(row.person.zip(row.client).map(|(person, client)| (person, client.0)));
        // One phone writes thousands of rows.
        if uses.len() > 10_000 {
            uses.sort_unstable();
            uses.dedup();
        }
    };
    let whole = page::first(transport, &Read::Look(look).call(), PAGES, take).await?;
    legacy.more |= !whole;
    legacy.uses.append(&mut uses);
    legacy.uses.sort_unstable();
    legacy.uses.dedup();
    Ok(())
}
