//! Reading whole collections: page after page until there is no nextLink.
//!
//! Does not take partial answers: a collection is complete or an error. Invariant: a nextLink is followed whole and unmodified, never
//! twice, and only where the allow-list takes it (which the transport sees to).

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use super::request::Call;
use super::transport::{Transport, Unread};
use crate::rollout::observed::{Trouble, TroubleKind};

/// More pages than any tenant has.
const PAGES: usize = 20_000;

/// One page. Without `value` it is no page, and never an empty one.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) value: Vec<Value>,
    #[serde(rename = "@odata.nextLink")]
    pub(crate) next: Option<String>,
}

pub(crate) fn parse(body: &[u8]) -> Option<Page> {
    serde_json::from_slice(body).ok()
}

/// Hands every row of a collection to `take`. Rows may repeat.
pub(crate) async fn each(transport: &Transport, call: &Call, mut take: impl FnMut(&Value) + Send) -> Result<(), Unread> {
    let page = transport.read(call, parse).await?;
    rest(transport, call, page, &mut take).await
}

/// The same, where the first page is there already.
pub(crate) async fn rest(
    transport: &Transport,
    call: &Call,
    mut page: Page,
    take: &mut (impl FnMut(&Value) + Send),
) -> Result<(), Unread> {
    let mut seen = BTreeSet::new();
    loop {
        page.value.iter().for_each(&mut *take);
        let Some(link) = page.next.take() else { return Ok(()) };
        if seen.len() >= PAGES || !seen.insert(link.clone()) {
            let why = format!("the pages of {} lead in a circle; nothing was taken from them", call.template());
            return Err(Unread::Failed(Trouble { kind: TroubleKind::Unreachable, why }));
        }
        page = transport.read(&call.next(link), parse).await?;
    }
}
