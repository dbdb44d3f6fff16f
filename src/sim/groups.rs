//! `/groups`: lists and single groups.

use jiff::Timestamp;

use super::call::Call;
use super::group::DEFAULT;
use super::json::{Row, write_row};
use super::page::{Mark, Page, size};
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;
use super::users::{context, filter, refuse_options, selected, single};

fn operators(path: &str) -> Option<&'static [&'static str]> {
    Some(match path {
        "id" | "mailEnabled" | "securityEnabled" | "onPremisesSyncEnabled" | "isAssignableToRole" => &["eq", "ne", "in"],
        "displayName" | "mailNickname" | "description" | "mail" => &["eq", "ne", "in", "ge", "le", "startsWith"],
        "createdDateTime" => &["eq", "ne", "in", "ge", "le"],
        "groupTypes" => &["any"],
        _ => return None,
    })
}

impl Tenant {
    pub(super) fn list_groups(&mut self, now: Timestamp, call: &Call) -> Answer {
        refuse_options(call)?;
        let filter = filter(call, "group", operators)?;
        let properties = selected(call, &DEFAULT, self.groups.first().map(|group| group as &dyn Row))?;
        let mark = Mark::read(call)?;
        let empty = self.comes_empty();
        let from = mark.place::<usize>()?.map_or(0, |last| last.saturating_add(1));
        let meant =
            |group: &super::group::Group| group.known_from <= now && filter.as_ref().is_none_or(|filter| filter.holds(group));
        let count = call.is_advanced().then(|| self.groups.iter().filter(|group| meant(group)).count());
        let rows = self.groups.iter().enumerate().skip(from).filter(|(_, group)| meant(group));
        let context = context(call, "groups");
        let size = size(call, 100, 999)?;
        let page = Page { call, context: &context, size, mark, count, empty };
        Ok(page.of(rows, |out, group| write_row(out, group, None, &properties)))
    }

    pub(super) fn count_groups(&self, call: &Call) -> Answer {
        if !call.is_eventual() {
            return Err(Refusal::bad("Request_BadRequest", "$count is not currently supported."));
        }
        let filter = filter(call, "group", operators)?;
        let meant = self.groups.iter().filter(|group| filter.as_ref().is_none_or(|filter| filter.holds(*group)));
        Ok(Reply::count(meant.count()))
    }

    pub(super) fn get_group(&self, call: &Call, group: &str) -> Answer {
        let group = self.group(group)?;
        let properties = selected(call, &DEFAULT, Some(group))?;
        Ok(single(call, &context(call, "groups"), group, &properties))
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::Change;
    use super::super::probe::{Probe, calm};

    #[test]
    fn groups_are_found_by_name_and_one_name_may_be_two_groups() {
        let mut probe = Probe::new(calm(40));
        let by_name = "/groups?$filter=displayName eq 'MFA Enforced'&$select=id,groupTypes,isAssignableToRole";
        assert_eq!(probe.all(by_name).len(), 1);
        probe.tenant.change(probe.now, Change::AddGroup("MFA Enforced".to_owned())).unwrap();
        assert_eq!(probe.all(by_name).len(), 2);
        let dynamic = probe.all("/groups?$filter=groupTypes/any(c:c eq 'DynamicMembership')");
        assert_eq!((dynamic.len(), &dynamic[0]["displayName"]), (1, &"All Sales".into()));
        let id = probe.group("MFA Pilot");
        assert_eq!(probe.get(&format!("/groups/{id}")).1["displayName"], "MFA Pilot");
        assert_eq!(probe.get("/groups/99999999-9999-4999-8999-999999999999").0, 404);
    }
}
