//! The organisation: whether its people come from a directory of its own, and when they last did.

use jiff::Timestamp;
use serde::de::MapAccess;

use crate::graph::page;
use crate::graph::request::Read;
use crate::graph::request::look::Look;
use crate::graph::row::{Fields, value};
use crate::graph::transport::Transport;
use crate::rollout::observed::Trouble;
use crate::rollout::preflight::facts::Organization;

#[derive(Default)]
struct Row {
    synced: Option<bool>,
    last: Option<Timestamp>,
}

impl Fields for Row {
    const NAMES: &'static [&'static str] = &["onPremisesSyncEnabled", "onPremisesLastSyncDateTime"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "onPremisesSyncEnabled" => self.synced = value(row)?,
            _ => self.last = value(row)?,
        }
        Ok(())
    }
}

/// The organisation; there is one.
pub(super) async fn read(transport: &Transport) -> Result<Organization, Trouble> {
    let mut found = Organization::default();
    let take = |row: Row| found = Organization { synced: row.synced == Some(true), last_sync: row.last };
    let gone = || "the tenant does not know its organization; check tenant.graph_url".to_owned();
    page::each(transport, &Read::Look(Look::Organization).call(), take).await.map_err(|unread| unread.trouble(gone))?;
    Ok(found)
}
