//! Which groups may be the enforcement group.
//!
//! Pure. Invariant: every kind of group that cannot be written as intended has its own sentence.

use crate::graph::groups::Group;

/// Why the group cannot be used; `None` when it can.
pub(super) fn problem(group: &Group) -> Option<String> {
    let id = group.id;
    let remedy = "name an assigned security group in enforcement.group";
    if group.dynamic {
        Some(format!("the group {id} is dynamic: a rule decides who is in it, and nobody can be put into it; {remedy}"))
    } else if group.synced {
        Some(format!("the group {id} is synchronised from an on-premises directory and can only be changed there; {remedy}"))
    } else if group.role_assignable {
        Some(format!("the group {id} is role-assignable: writing to it takes a permission that the app must not have; {remedy}"))
    } else if group.mail_enabled {
        Some(format!("the group {id} is mail-enabled: it serves mail and is managed in Exchange; {remedy}"))
    } else if !group.security_enabled {
        Some(format!("the group {id} is not security-enabled, so that no policy should rest on it; {remedy}"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::id::ObjectId;

    #[test]
    fn each_kind_of_unfit_group_has_its_own_sentence() {
        let id = ObjectId::from_bits(1);
        let fit =
            Group { id, dynamic: false, synced: false, mail_enabled: false, role_assignable: false, security_enabled: true };
        assert_eq!(problem(&fit), None);
        for (group, word) in [
            (Group { dynamic: true, ..fit.clone() }, "dynamic"),
            (Group { synced: true, ..fit.clone() }, "synchronised"),
            (Group { mail_enabled: true, ..fit.clone() }, "mail-enabled"),
            (Group { role_assignable: true, ..fit.clone() }, "role-assignable"),
            (Group { security_enabled: false, ..fit.clone() }, "not security-enabled"),
        ] {
            assert!(problem(&group).unwrap().contains(word), "{word}");
        }
    }
}
