//! Names and addresses of people as they were last read: those of some people in memory, for notices; everybody's on their way through,
//! for the name cache of readers.
//!
//! Never part of the rollout's state, the journal or the log. Invariants: what is here was read from the tenant and can be read again;
//! memory does not grow with the directory beyond a bounded number of people.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::rollout::id::{ById, NameKey, ObjectId, PersonRef};
use crate::rollout::observed::Roll;

/// Most people whose names are held at once; others are read again when they are needed.
const MOST: usize = 4_000;

/// What is known of a person beyond their id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// User principal name.
    pub upn: String,
    /// Mail address, where there is one.
    pub mail: Option<String>,
    /// Display name as the tenant holds it: foreign text.
    pub display: Option<String>,
    /// Preferred language, as `de-DE`.
    pub language: Option<String>,
}

/// Where everybody's user principal names go while the directory is read, page by page. Dropped when the reading fails.
pub trait Spool: Send {
    /// One person; a later one replaces an earlier one.
    fn put(&mut self, id: ObjectId, upn: &str);

    /// The directory was read to its end.
    fn complete(self: Box<Self>);
}

/// Begins a spool for a reading of the directory; none when it cannot be kept.
pub type BeginSpool = Box<dyn Fn() -> Option<Box<dyn Spool>> + Send + Sync>;

/// The names of a tenant.
#[derive(Default)]
pub struct Names {
    roll: Arc<Roll>,
    listed: AtomicBool,
    held: RwLock<ById<Name>>,
    spool: OnceLock<BeginSpool>,
}

impl Names {
    /// The names of a tenant of whose people some are known already.
    #[must_use]
    pub fn new(roll: Arc<Roll>) -> Self {
        Self { roll, ..Self::default() }
    }

    /// Everybody who was ever read.
    #[must_use]
    pub const fn roll(&self) -> &Arc<Roll> {
        &self.roll
    }

    /// Hands everybody's names on from the next reading of the directory on. Counts once.
    pub fn spool(&self, begin: BeginSpool) {
        if self.spool.set(begin).is_err() {
            tracing::debug!("names are handed on already");
        }
    }

    /// Begins to take in the names of the whole directory.
    pub(super) fn listing(&self) -> Listing<'_> {
        Listing { names: self, held: ById::default(), spool: self.spool.get().and_then(|begin| begin()) }
    }

    /// Takes in the names of some people; others may be forgotten for them.
    pub(super) fn add(&self, people: impl IntoIterator<Item = (ObjectId, NameKey, Name)>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let people: Vec<_> = people.into_iter().collect();
        if held.len() + people.len() > MOST {
            held.clear();
        }
        for (id, key, name) in people {
            self.roll.enter_named(id, key);
            // Mostly they are known as they are.
            if held.get(&id) != Some(&name) {
                held.insert(id, name);
            }
        }
    }

    /// The name of a person, when it is held.
    #[must_use]
    pub fn name(&self, id: ObjectId) -> Option<Name> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The object id of a person that a plan names.
    #[must_use]
    pub fn id(&self, person: PersonRef) -> Option<ObjectId> {
        match person {
            PersonRef::Id(id) => Some(id),
            PersonRef::Name(hash) => self.roll.named(hash.key()),
        }
    }

    /// The names that are held, by object id.
    #[must_use]
    pub fn map(&self) -> BTreeMap<ObjectId, Name> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|(id, name)| (*id, name.clone())).collect()
    }

    /// Whether everybody was listed since the start, so that who is not on the roll does not exist.
    #[must_use]
    pub fn are_listed(&self) -> bool {
        self.listed.load(Ordering::Relaxed)
    }
}

/// The names of a reading of the directory that is under way.
pub(super) struct Listing<'a> {
    names: &'a Names,
    held: ById<Name>,
    spool: Option<Box<dyn Spool>>,
}

impl Listing<'_> {
    /// Takes in one person.
    pub(super) fn put(&mut self, id: ObjectId, name: Name) {
        if let Some(spool) = &mut self.spool {
            spool.put(id, &name.upn);
        }
        if self.held.len() < MOST || self.held.contains_key(&id) {
            self.held.insert(id, name);
        }
    }

    /// Everybody was taken in: nobody else's name is held from now on.
    pub(super) fn complete(self) {
        *self.names.held.write().unwrap_or_else(PoisonError::into_inner) = self.held;
        self.names.listed.store(true, Ordering::Relaxed);
        if let Some(spool) = self.spool {
            spool.complete();
        }
    }
}
