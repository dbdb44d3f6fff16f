//! What those who set a simulated tenant up need to see of it.

use super::person::Kind;
use super::tenant::Tenant;
use crate::rollout::id::ObjectId;

impl Tenant {
    /// Ordinary people with an enabled account, in the order of the directory.
    #[must_use]
    pub fn ordinary_people(&self) -> Vec<ObjectId> {
        let ordinary = self.people.iter().filter(|person| person.kind == Kind::Ordinary && person.is_enabled());
        ordinary.map(|person| person.id).collect()
    }

    /// Object ids of the break-glass accounts, as text.
    #[must_use]
    pub fn break_glass_ids(&self) -> Vec<String> {
        let accounts = self.people.iter().filter(|person| person.kind == Kind::BreakGlass);
        accounts.map(|person| person.id_text.clone()).collect()
    }

    /// What names a person or reaches one, of everybody: user principal names, display names, mail addresses.
    #[must_use]
    pub fn names_and_addresses(&self) -> Vec<String> {
        let of =
            |person: &super::person::Person| [Some(person.upn.clone()), Some(person.display_name.clone()), person.mail.clone()];
        self.people.iter().flat_map(of).flatten().collect()
    }

    /// Whether a group has this display name.
    #[must_use]
    pub fn has_group(&self, name: &str) -> bool {
        self.group_named(name).is_some()
    }
}
