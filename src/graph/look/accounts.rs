//! Single accounts in more detail, and when everybody last signed in.

use jiff::Timestamp;
use serde::de::MapAccess;

use crate::graph::page;
use crate::graph::request::look::Look;
use crate::graph::request::{IDS, Read};
use crate::graph::row::{Fields, object, value};
use crate::graph::transport::Transport;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Trouble;
use crate::rollout::preflight::facts::{Account, Activity};

#[derive(Default)]
struct Row {
    id: Option<ObjectId>,
    upn: Option<String>,
    synced: Option<bool>,
    created: Option<Timestamp>,
    seen: Seen,
}

impl Fields for Row {
    const NAMES: &'static [&'static str] =
        &["id", "userPrincipalName", "onPremisesSyncEnabled", "createdDateTime", "signInActivity"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = value(row)?,
            "userPrincipalName" => self.upn = value(row)?,
            "onPremisesSyncEnabled" => self.synced = value(row)?,
            "createdDateTime" => self.created = value(row)?,
            _ => self.seen = object(row)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Seen {
    interactive: Option<Timestamp>,
    other: Option<Timestamp>,
}

impl Fields for Seen {
    const NAMES: &'static [&'static str] = &["lastSignInDateTime", "lastNonInteractiveSignInDateTime"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "lastSignInDateTime" => self.interactive = value(row)?,
            _ => self.other = value(row)?,
        }
        Ok(())
    }
}

/// When everybody last signed in, ascending.
pub(super) async fn activity(transport: &Transport) -> Result<Vec<Activity>, Trouble> {
    let mut all = Vec::new();
    let take = |row: Row| {
        all.extend(row.id.map(|person| {
            let Seen { interactive, other } = row.seen;
            Activity { person, interactive, other, created: row.created }
        }));
    };
    page::each(transport, &Read::Look(Look::Activity).call(), take).await.map_err(|unread| unread.trouble(odd))?;
    all.sort_unstable_by_key(|activity| activity.person);
    all.dedup_by_key(|activity| activity.person);
    Ok(all)
}

/// These accounts, ascending; who does not exist is missing.
pub(super) async fn read(transport: &Transport, ids: &[ObjectId]) -> Result<Vec<Account>, Trouble> {
    let mut all = Vec::new();
    for ids in ids.chunks(IDS) {
        let take = |row: Row| {
            all.extend(row.id.map(|id| Account {
                id,
                synced: row.synced == Some(true),
                domain: domain_of(row.upn.as_deref().unwrap_or_default()),
            }));
        };
        let call = Read::Look(Look::Accounts(ids.to_vec())).call();
        page::each(transport, &call, take).await.map_err(|unread| unread.trouble(odd))?;
    }
    all.sort_unstable_by_key(|account| account.id);
    all.dedup_by_key(|account| account.id);
    Ok(all)
}

/// What stands behind the last `@`, in lower case.
pub(super) fn domain_of(upn: &str) -> String {
    upn.rsplit_once('@').map_or("", |(_, domain)| domain).to_lowercase()
}

fn odd() -> String {
    "the tenant does not know its users; check tenant.graph_url".to_owned()
}
