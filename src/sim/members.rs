//! Reading membership: direct and transitive members, casts, counts, `checkMemberGroups`. A replica may lag behind.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::call::Call;
use super::group::{self, Group};
use super::json::{Row, write_row};
use super::moment::after;
use super::page::{Mark, Page, size};
use super::person::{self, Person};
use super::reply::{Answer, Refusal, Reply};
use super::route::Depth;
use super::tenant::Tenant;
use super::users::{context, refuse_options, selected};
use crate::rollout::id::ObjectId;

/// An object that can be a member.
enum Member<'a> {
    Person(&'a Person),
    Group(&'a Group),
}

/// Which kinds a cast leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cast {
    None,
    Users,
    Groups,
}

impl Cast {
    fn read(call: &Call, cast: Option<&str>) -> Result<Self, Refusal> {
        let kind = match cast {
            None => return Ok(Self::None),
            Some("microsoft.graph.user") => Self::Users,
            Some("microsoft.graph.group") => Self::Groups,
            Some(other) => return Err(Refusal::unsupported(format!("The cast to '{other}' is not supported."))),
        };
        if call.is_advanced() {
            Ok(kind)
        } else {
            Err(Refusal::unsupported("OData cast needs 'ConsistencyLevel: eventual' and '$count=true'."))
        }
    }
}

impl Tenant {
    pub(super) fn list_members(&mut self, now: Timestamp, call: &Call, group: &str, depth: Depth, cast: Option<&str>) -> Answer {
        refuse_options(call)?;
        let cast = Cast::read(call, cast)?;
        if call.option("$filter").is_some() {
            return Err(Refusal::unsupported("'$filter' is not supported."));
        }
        let mut mark = Mark::read(call)?;
        let as_of = mark.as_of.unwrap_or_else(|| self.replica(now));
        mark.as_of = Some(as_of);
        let empty = self.comes_empty();
        let last = mark.place::<ObjectId>()?;
        let ids = self.member_ids(self.group(group)?, depth, as_of, last);
        let select = |default: &[&str], row: Option<&dyn Row>| selected(call, default, call.option("$select").and(row));
        let people = select(&person::DEFAULT, self.people.first().map(|person| person as &dyn Row))?;
        let groups = select(&group::DEFAULT, None)?;
        let members = ids.iter().filter_map(|id| Some((*id, self.member(*id, cast)?)));
        let name = if cast == Cast::Users { "users" } else { "directoryObjects" };
        let context = context(call, name);
        let count = if call.is_advanced() && last.is_none() {
            Some(ids.iter().filter(|id| self.member(**id, cast).is_some()).count())
        } else {
            None
        };
        let size = size(call, 100, 999)?;
        let page = Page { call, context: &context, size, mark, count, empty };
        // the type is said where it is not clear from the address
        let kind = |kind: &'static str| (cast == Cast::None).then_some(kind);
        Ok(page.of(members, |out, member| match member {
            Member::Person(person) => write_row(out, person, kind("#microsoft.graph.user"), &people),
            Member::Group(group) => write_row(out, group, kind("#microsoft.graph.group"), &groups),
        }))
    }

    pub(super) fn count_members(&mut self, now: Timestamp, call: &Call, group: &str, depth: Depth, cast: Option<&str>) -> Answer {
        if !call.is_eventual() {
            return Err(Refusal::bad("Request_BadRequest", "$count is not currently supported."));
        }
        let as_of = self.replica(now);
        let cast = match cast {
            Some(_) => Cast::Users,
            None => Cast::None,
        };
        let ids = self.member_ids(self.group(group)?, depth, as_of, None);
        Ok(Reply::count(ids.into_iter().filter(|id| self.member(*id, cast).is_some()).count()))
    }

    pub(super) fn check_groups(&mut self, now: Timestamp, call: &Call, user: &str) -> Answer {
        let id = self.person(user)?.id;
        let body = call.json()?;
        let asked = body.get("groupIds").and_then(serde_json::Value::as_array);
        let asked = asked
            .filter(|ids| ids.len() <= 20)
            .ok_or_else(|| Refusal::bad("Request_BadRequest", "'groupIds' must hold at most 20 ids."))?;
        let as_of = self.replica(now);
        let has = |group: &Group| self.member_ids(group, Depth::Transitive, as_of, None).contains(&id);
        let asked = asked.iter().filter_map(serde_json::Value::as_str);
        let found: Vec<&str> = asked.filter(|group| self.group(group).is_ok_and(has)).collect();
        let context = format!("{}/$metadata#Collection(Edm.String)", call.base());
        Ok(Reply::value(&json!({ "@odata.context": context, "value": found })))
    }

    /// The view of the replica that answers: half of them lag.
    fn replica(&mut self, now: Timestamp) -> Timestamp {
        let lag = self.profile.read_lag;
        if lag.is_zero() || self.replicas.happens(0.5) { now } else { after(now, -lag) }
    }

    /// The members' ids, ascending, after `last`.
    pub(super) fn member_ids(&self, group: &Group, depth: Depth, as_of: Timestamp, last: Option<ObjectId>) -> Vec<ObjectId> {
        if depth == Depth::Direct {
            return group.members_at(as_of, last).collect();
        }
        let (mut seen, mut open) = (BTreeSet::new(), vec![group]);
        while let Some(group) = open.pop() {
            for id in group.members_at(as_of, None) {
                if seen.insert(id) && !self.by_id.contains_key(&id) {
                    open.extend(self.groups.iter().filter(|group| group.id == id));
                }
            }
        }
        seen.into_iter().filter(|id| last.is_none_or(|last| *id > last)).collect()
    }

    fn member(&self, id: ObjectId, cast: Cast) -> Option<Member<'_>> {
        let person = self.by_id.get(&id).and_then(|at| self.people.get(*at)).filter(|person| person.exists());
        match (person, cast) {
            (Some(person), Cast::None | Cast::Users) => Some(Member::Person(person)),
            (Some(_), Cast::Groups) | (None, Cast::Users) => None,
            (None, Cast::None | Cast::Groups) => self.groups.iter().find(|group| group.id == id).map(Member::Group),
        }
    }

    /// Object ids of the group's members, nested ones too, at `now`; empty when there is no such group.
    #[must_use]
    pub fn members_of(&self, group: &str, now: Timestamp) -> Vec<ObjectId> {
        let Some(group) = self.group_named(group) else { return Vec::new() };
        let ids = self.member_ids(group, Depth::Transitive, now, None);
        ids.into_iter().filter(|id| self.member(*id, Cast::Users).is_some()).collect()
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::super::probe::{Probe, calm};

    #[test]
    fn members_of_members_are_found_and_casts_need_the_header() {
        let mut probe = Probe::new(calm(300));
        let group = probe.group("MFA Pilot");
        let direct = probe.all(&format!("/groups/{group}/members"));
        let transitive = probe.all(&format!("/groups/{group}/transitiveMembers?$top=3"));
        let of_kind = |rows: &[serde_json::Value], kind: &str| rows.iter().filter(|row| row["@odata.type"] == kind).count();
        assert_eq!((of_kind(&direct, "#microsoft.graph.group"), of_kind(&transitive, "#microsoft.graph.group")), (1, 1));
        assert!(of_kind(&transitive, "#microsoft.graph.user") > of_kind(&direct, "#microsoft.graph.user"));
        let advanced: &[(&str, &str)] = &[("consistencylevel", "eventual")];
        let cast = format!("/groups/{group}/transitiveMembers/microsoft.graph.user?$count=true");
        for (path, headers, expected) in [
            (cast.clone(), &[][..], 400),
            (cast, advanced, 200),
            (format!("/groups/{group}/members/microsoft.graph.orgContact?$count=true"), advanced, 400),
            (format!("/groups/{group}/members/$count"), &[], 400),
            (format!("/groups/{group}/members/$count"), advanced, 200),
        ] {
            assert_eq!(probe.call(Method::GET, &path, headers, None).0, expected, "{path}");
        }
    }

    #[test]
    fn memberships_are_checked_transitively() {
        let mut probe = Probe::new(calm(300));
        let nested = probe.group("MFA Pilot IT");
        let person = probe.all(&format!("/groups/{nested}/members"))[0]["id"].as_str().unwrap().to_owned();
        let asked = json!({ "groupIds": [probe.group("MFA Pilot"), probe.group("MFA Exempt")] });
        let (status, body) = probe.post(&format!("/users/{person}/checkMemberGroups"), asked);
        assert_eq!((status, &body["value"]), (200, &json!([probe.group("MFA Pilot")])));
        let many: Vec<String> = (0..21).map(|_| nested.clone()).collect();
        assert_eq!(probe.post(&format!("/users/{person}/checkMemberGroups"), json!({ "groupIds": many })).0, 400);
    }
}
