//! Names and addresses of people, kept beside the directory as it is read, for notices and for the name cache.
//!
//! Never part of the rollout's state, the journal or the log. Invariant: what is here was read from the tenant and can be read again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};

use crate::rollout::id::{ById, NameHash, ObjectId, PersonRef};

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

/// The names of a tenant.
#[derive(Debug, Default)]
pub struct Names(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    people: ById<Name>,
    ids: HashMap<NameHash, ObjectId>,
}

impl Names {
    /// Takes in the names of the whole directory: nobody else is known from now on.
    pub(crate) fn replace(&self, people: impl IntoIterator<Item = (ObjectId, NameHash, Name)>) {
        let mut known = Known::default();
        for (id, hash, name) in people {
            known.ids.insert(hash, id);
            known.people.insert(id, name);
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Takes in the names of some people.
    pub(crate) fn add(&self, people: impl IntoIterator<Item = (ObjectId, NameHash, Name)>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (id, hash, name) in people {
            known.ids.insert(hash, id);
            known.people.insert(id, name);
        }
    }

    /// Shows everybody's user principal name.
    pub(crate) fn each(&self, mut see: impl FnMut(ObjectId, &str)) {
        for (id, name) in &self.0.read().unwrap_or_else(PoisonError::into_inner).people {
            see(*id, &name.upn);
        }
    }

    /// The name of a person.
    #[must_use]
    pub fn name(&self, id: ObjectId) -> Option<Name> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).people.get(&id).cloned()
    }

    /// The object id of a person that a plan names.
    #[must_use]
    pub fn id(&self, person: PersonRef) -> Option<ObjectId> {
        match person {
            PersonRef::Id(id) => Some(id),
            PersonRef::Name(hash) => self.0.read().unwrap_or_else(PoisonError::into_inner).ids.get(&hash).copied(),
        }
    }

    /// All names, by object id: for the name cache and for commands that show people.
    #[must_use]
    pub fn map(&self) -> BTreeMap<ObjectId, Name> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.people.iter().map(|(id, name)| (*id, name.clone())).collect()
    }

    /// How many people are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).people.len()
    }

    /// Whether nothing has been read yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).people.is_empty()
    }
}
