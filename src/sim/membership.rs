//! Writing membership: one by `$ref`, up to 20 by bind (all or nobody), removal, and the removal that deletes the user.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::attempt::next_sign_in;
use super::call::Call;
use super::chance::{Kind, draw, unit};
use super::group::Group;
use super::person::Person;
use super::reply::{Answer, Refusal, Reply};
use super::tenant::{ENFORCED_GROUP, EXEMPT_GROUP, Tenant};
use crate::rollout::id::ObjectId;

/// Most members that one bind takes.
const BIND: usize = 20;

impl Tenant {
    pub(super) fn add_member(&mut self, now: Timestamp, roles: &[String], call: &Call, group: &str) -> Answer {
        let body = call.json()?;
        let reference = body.get("@odata.id").and_then(Value::as_str).ok_or_else(malformed)?;
        self.add(now, roles, group, &[reference])
    }

    pub(super) fn bind_members(&mut self, now: Timestamp, roles: &[String], call: &Call, group: &str) -> Answer {
        let body = call.json()?;
        let references = body.get("members@odata.bind").and_then(Value::as_array).ok_or_else(malformed)?;
        let references: Option<Vec<&str>> = references.iter().map(Value::as_str).collect();
        let references = references.filter(|some| !some.is_empty()).ok_or_else(malformed)?;
        if references.len() > BIND {
            return Err(Refusal::bad("Request_BadRequest", "The limit on the number of 'members@odata.bind' references is 20."));
        }
        self.add(now, roles, group, &references)
    }

    /// Deletes those who are to vanish just before they are added.
    fn vanish(&mut self, now: Timestamp, references: &[&str]) {
        let share = self.profile.service.vanishing;
        if share <= 0.0 {
            return;
        }
        for reference in references {
            let Ok(at) = self.place(reference.rsplit('/').next().unwrap_or_default()) else { continue };
            if unit(draw(self.profile.seed, Kind::Vanishing, &[at as u64])) < share {
                self.delete(now, at);
            }
        }
    }

    /// All of them or nobody.
    fn add(&mut self, now: Timestamp, roles: &[String], group: &str, references: &[&str]) -> Answer {
        self.vanish(now, references);
        let target = self.group(group)?;
        target.is_writable(roles)?;
        let mut ids = Vec::with_capacity(references.len());
        for reference in references {
            let text = reference.rsplit('/').next().unwrap_or_default();
            let id: ObjectId =
                text.parse().map_err(|_| Refusal::bad("Request_BadRequest", "Invalid URI specified for the reference."))?;
            let exists = self.person(text).is_ok() || self.groups.iter().any(|group| group.id == id);
            if !exists {
                return Err(Refusal::missing(text));
            }
            if target.has(id) || ids.contains(&id) {
                return Err(Refusal::already_member());
            }
            ids.push(id);
        }
        let (group, is_enforcing) = (target.id, target.name == ENFORCED_GROUP);
        for id in &ids {
            if is_enforcing {
                self.judge_enforcing(now, *id);
            }
            self.enter(now, group, *id);
        }
        if is_enforcing {
            self.oracle.note_write(now, ids);
        }
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn remove_member(&mut self, now: Timestamp, roles: &[String], group: &str, member: &str) -> Answer {
        let target = self.group(group)?;
        target.is_writable(roles)?;
        let id = member.parse().ok().filter(|id| target.has(*id)).ok_or_else(|| Refusal::missing(member))?;
        let (group, is_enforcing) = (target.id, target.name == ENFORCED_GROUP);
        if is_enforcing {
            self.oracle.note_release(now, id);
        }
        self.leave(now, group, id);
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// The documented trap; the oracle has noted it already.
    pub(super) fn delete_member_object(&mut self, now: Timestamp, member: &str) -> Answer {
        let at = self.place(member)?;
        self.delete(now, at);
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// Makes `id` a member, whoever asked.
    pub(super) fn enter(&mut self, now: Timestamp, group: ObjectId, id: ObjectId) {
        let Some(group) = self.groups.iter_mut().find(|known| known.id == group) else { return };
        group.add(id, now);
        let is_enforcing = group.name == ENFORCED_GROUP;
        let Some(at) = self.by_id.get(&id).copied() else { return };
        if let Some(person) = self.people.get_mut(at).filter(|_| is_enforcing) {
            // required of somebody who has nothing: the next sign-in makes them register
            person.methods.required = next_sign_in(self.profile.seed, person, now);
        }
    }

    /// Ends the membership of `id`, whoever asked.
    pub(super) fn leave(&mut self, now: Timestamp, group: ObjectId, id: ObjectId) {
        let Some(group) = self.groups.iter_mut().find(|known| known.id == group) else { return };
        group.remove(id, now);
        let is_enforcing = group.name == ENFORCED_GROUP;
        let Some(at) = self.by_id.get(&id).copied() else { return };
        if let Some(person) = self.people.get_mut(at).filter(|_| is_enforcing) {
            person.methods.required = person.methods.required.filter(|required| *required <= now);
        }
    }

    /// Deletes a person, who leaves every group.
    pub(super) fn delete(&mut self, now: Timestamp, at: usize) {
        let Some(person) = self.people.get_mut(at) else { return };
        person.deleted = Some(now);
        let id = person.id;
        self.groups.iter_mut().for_each(|group| group.remove(id, now));
    }

    pub(super) fn judge_enforcing(&mut self, now: Timestamp, id: ObjectId) {
        let exempt: Option<Timestamp> = self.exempt_since(now, id);
        self.judge_one(now, id, exempt);
    }

    /// As enforcing is judged, by something that knows no exemptions.
    pub(super) fn judge_including(&mut self, now: Timestamp, id: ObjectId) {
        self.judge_one(now, id, None);
    }

    fn judge_one(&mut self, now: Timestamp, id: ObjectId, exempt: Option<Timestamp>) {
        let person = self.by_id.get(&id).and_then(|at| self.people.get(*at));
        self.oracle.enforcing(now, id, person.map(|person: &Person| (person.kind, person.account, person.account_since)), exempt);
    }

    /// Since when the person has been exempt, directly or through a group.
    pub(super) fn exempt_since(&self, now: Timestamp, id: ObjectId) -> Option<Timestamp> {
        let exempt = self.group_named(EXEMPT_GROUP)?;
        let direct = exempt.since(id, now);
        let inner =
            |group: &Group| exempt.since(group.id, now).and_then(|outer| group.since(id, now).map(|since| since.max(outer)));
        direct.into_iter().chain(self.groups.iter().filter_map(inner)).min()
    }
}

fn malformed() -> Refusal {
    Refusal::bad("Request_BadRequest", "The request body holds no reference to an object.")
}

#[cfg(test)]
mod tests {
    use http::Method;
    use jiff::SignedDuration;
    use serde_json::json;

    use super::super::oracle::Rule;
    use super::super::probe::{Probe, calm};
    use super::super::profile::Profile;
    use super::ENFORCED_GROUP;

    #[test]
    fn a_bind_adds_all_or_nobody() {
        let mut probe = Probe::new(calm(80));
        let people = probe.people(21);
        assert_eq!(probe.bind(ENFORCED_GROUP, &people).0, 400, "21 are too many");
        assert_eq!(probe.bind(ENFORCED_GROUP, &people[..2]).0, 204);
        let (status, body) = probe.bind(ENFORCED_GROUP, &people[1..4]);
        assert_eq!((status, body["error"]["code"].as_str().unwrap()), (400, "Request_BadRequest"));
        let with_unknown = [people[5].clone(), "99999999-9999-4999-8999-999999999999".to_owned()];
        assert_eq!(probe.bind(ENFORCED_GROUP, &with_unknown).0, 404);
        let group = probe.group(ENFORCED_GROUP);
        assert_eq!(probe.all(&format!("/groups/{group}/members")).len(), 2);
        for name in ["All Sales", "Synced Staff", "Announcements"] {
            assert_eq!(probe.bind(name, &people[20..]).0, 400, "{name}");
        }
        assert_eq!(probe.bind("Administrators", &people[20..]).0, 403);
    }

    #[test]
    fn a_member_is_added_and_removed_by_reference() {
        let mut probe = Probe::new(calm(40));
        let (group, person) = (probe.group(ENFORCED_GROUP), probe.people(1).remove(0));
        let body = json!({ "@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{person}") });
        let (add, remove) = (format!("/groups/{group}/members/$ref"), format!("/groups/{group}/members/{person}/$ref"));
        let statuses = [
            probe.post(&add, body.clone()).0,
            probe.post(&add, body).0,
            probe.call(Method::DELETE, &remove, &[], None).0,
            probe.call(Method::DELETE, &remove, &[], None).0,
        ];
        assert_eq!(statuses, [204, 400, 204, 404]);
    }

    #[test]
    fn a_removal_without_ref_deletes_the_user_and_is_noted() {
        for (roles, expected) in [(vec![], 403), (vec!["User.ReadWrite.All".to_owned()], 204)] {
            let mut profile = calm(40);
            profile.roles.extend(roles);
            let mut probe = Probe::new(profile);
            let (group, person) = (probe.group("MFA Exempt"), probe.people(1).remove(0));
            assert_eq!(probe.call(Method::DELETE, &format!("/groups/{group}/members/{person}"), &[], None).0, expected);
            assert_eq!(probe.get(&format!("/users/{person}")).0, if expected == 204 { 404 } else { 200 });
            assert_eq!(probe.tenant.violations()[0].rule, Rule::Deletion);
        }
    }

    #[test]
    fn a_replica_that_lags_shows_the_past_and_then_no_more() {
        let mut probe = Probe::new(Profile { read_lag: SignedDuration::from_secs(30), ..calm(40) });
        let (group, people) = (probe.group(ENFORCED_GROUP), probe.people(3));
        assert_eq!(probe.bind(ENFORCED_GROUP, &people).0, 204);
        let path = format!("/groups/{group}/members?$select=id");
        let mut seen: Vec<usize> = (0..20).map(|_| probe.all(&path).len()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [0, 3], "two replicas");
        probe.pass(SignedDuration::from_secs(30));
        assert!((0..20).all(|_| probe.all(&path).len() == 3));
    }
}
