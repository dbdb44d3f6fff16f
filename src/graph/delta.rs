//! Rounds of `users/delta` and `groups/delta`: what changed since a link was taken, gathered before any of it counts.
//!
//! Does not decide when to follow. Invariant: a round is whole and free of contradictions, or it is [`Odd`] and nothing is taken from it;
//! rows come in any order and repeat, so two that differ about one thing cannot be told apart.

use std::collections::hash_map::Entry;

use jiff::{SignedDuration, Timestamp};

use super::page;
use super::request::{Call, Read};
use super::row::Row;
use super::transport::{Transport, Unread};
use crate::rollout::id::{ById, ObjectId};
use crate::rollout::observed::{Trouble, TroubleKind};

/// Links live for seven days (Microsoft's limit); ours are given up a day earlier.
const LIFE: SignedDuration = SignedDuration::from_hours(6 * 24);
/// More changes than this cost as much as reading everything, and would be held in memory meanwhile.
const MOST: usize = 10_000;

/// Where the next round begins: a deltaLink, and when it was given.
#[derive(Clone, Debug)]
pub(super) struct Link {
    address: String,
    given: Timestamp,
}

/// Why a round does not count.
#[derive(Debug)]
pub(super) enum Odd {
    /// There is nothing to go on with, or what came cannot be trusted; the reason, without names. Everything is read instead.
    Lost(String),
    /// The tenant asks for patience; reading everything would ask more of it.
    Later(Trouble),
}

impl From<Trouble> for Odd {
    fn from(trouble: Trouble) -> Self {
        match trouble.kind {
            TroubleKind::Throttled => Self::Later(trouble),
            _ => Self::Lost(trouble.why),
        }
    }
}

/// What a round says of each thing; bounded.
#[derive(Debug)]
pub(super) struct Changes<T> {
    by_id: ById<T>,
    odd: Option<&'static str>,
}

impl<T: PartialEq> Changes<T> {
    pub(super) fn new() -> Self {
        Self { by_id: ById::default(), odd: None }
    }

    /// Takes in what a row says. The same again is nothing new.
    pub(super) fn put(&mut self, id: ObjectId, change: T) {
        if self.by_id.len() >= MOST {
            return self.spoil("more has changed than a full reading costs");
        }
        match self.by_id.entry(id) {
            Entry::Vacant(entry) => drop(entry.insert(change)),
            Entry::Occupied(entry) if *entry.get() == change => {}
            Entry::Occupied(_) => self.spoil("two rows contradict each other"),
        }
    }

    /// The round cannot be trusted.
    pub(super) fn spoil(&mut self, why: &'static str) {
        self.odd.get_or_insert(why);
    }

    /// Everything that changed, unless something was odd.
    pub(super) fn sound(self) -> Result<ById<T>, Odd> {
        match self.odd {
            None => Ok(self.by_id),
            Some(why) => Err(Odd::Lost(why.to_owned())),
        }
    }
}

/// What `@removed` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Removed {
    /// The row says nothing of it.
    #[default]
    No,
    /// Deleted, perhaps so that it can be restored.
    Yes,
    /// Something that Microsoft does not document.
    Unclear,
}

/// The object that `@removed` holds.
#[derive(Default)]
struct Reason(Option<String>);

impl super::row::Fields for Reason {
    const NAMES: &'static [&'static str] = &["reason"];

    fn take<'de, A: serde::de::MapAccess<'de>>(&mut self, _: &'static str, row: &mut A) -> Result<(), A::Error> {
        self.0 = super::row::value(row)?;
        Ok(())
    }
}

impl Removed {
    /// Reads the value of `@removed`, which is at hand.
    pub(super) fn read<'de, A: serde::de::MapAccess<'de>>(row: &mut A) -> Result<Self, A::Error> {
        Ok(match super::row::object::<Reason, _>(row)?.0.as_deref() {
            Some("changed" | "deleted") => Self::Yes,
            _ => Self::Unclear,
        })
    }
}

/// Asks where the next round begins. Taken before everything is read, so that nothing falls between the two.
pub(super) async fn latest(transport: &Transport, read: &Read) -> Option<Link> {
    let given = transport.clock.now();
    let call = read.call();
    match round::<serde_json::Value>(transport, &call, &mut drop).await {
        Ok(address) => Some(Link { address, given }),
        Err(odd) => {
            tracing::info!(graph.path = call.template(), reason = %said(&odd), "changes cannot be followed; everything is read each time");
            None
        }
    }
}

/// Follows a link through one round; the next link.
pub(super) async fn follow<R: Row>(
    transport: &Transport,
    read: &Read,
    link: &Link,
    take: &mut (impl FnMut(R) + Send),
) -> Result<Link, Odd> {
    let now = transport.clock.now();
    if now < link.given || now.duration_since(link.given) > LIFE {
        return Err(Odd::Lost("the link is too old".to_owned()));
    }
    let address = round(transport, &read.call().next(link.address.clone()), take).await?;
    Ok(Link { address, given: now })
}

async fn round<R: Row>(transport: &Transport, call: &Call, take: &mut (impl FnMut(R) + Send)) -> Result<String, Odd> {
    let link = page::round(transport, call, take).await.map_err(|unread| match unread {
        Unread::Failed(trouble) => Odd::from(trouble),
        Unread::Gone => Odd::Lost("it does not exist".to_owned()),
        // 410, syncStateNotFound, resyncRequired, or anything else that it refuses: the link is worth nothing.
        Unread::Refused(refusal) => Odd::Lost(format!("{} {}", refusal.status, refusal.code)),
    })?;
    link.ok_or_else(|| Odd::Lost("the last page has no deltaLink".to_owned()))
}

/// The reason, for the log.
pub(super) fn said(odd: &Odd) -> &str {
    match odd {
        Odd::Lost(why) => why,
        Odd::Later(trouble) => &trouble.why,
    }
}
