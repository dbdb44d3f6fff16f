//! `/users`: lists with `$select`, `$filter` and `$count`, and single users.

use std::collections::BTreeSet;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::attempt::last_sign_in;
use super::call::Call;
use super::filter::Filter;
use super::json::{Row, Value, write_row};
use super::managers::{self, Managers};
use super::moment::after;
use super::page::{Mark, Page, size};
use super::person::{Ability, DEFAULT, Habit, Kind, Person};
use super::planted::Presence;
use super::profile::Licence;
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;
use crate::rollout::id::ObjectId;

/// When somebody last signed in, by name.
const ACTIVITY: &str = "signInActivity";

/// To whom somebody reports, by name.
const MANAGER: &str = "manager";

/// Properties that only a single user has.
const NOT_IN_LISTS: [&str; 7] = ["aboutMe", "skills", "birthday", "interests", "mySite", "schools", "responsibilities"];

const EQUAL: &[&str] = &["eq", "ne", "in"];
const ORDERED: &[&str] = &["eq", "ne", "in", "ge", "le"];
const PREFIX: &[&str] = &["eq", "ne", "in", "ge", "le", "startsWith"];
const AFFIX: &[&str] = &["eq", "ne", "in", "ge", "le", "startsWith", "endsWith"];

/// What may be asked of a property in a filter.
fn operators(path: &str) -> Option<&'static [&'static str]> {
    Some(match path {
        "accountEnabled" | "externalUserState" | "userType" | "onPremisesSyncEnabled" | "id" => EQUAL,
        "department" | "createdDateTime" => ORDERED,
        "companyName" | "country" | "city" | "usageLocation" | "jobTitle" | "officeLocation" | "employeeType" | "displayName"
        | "givenName" | "surname" | "mailNickname" | "preferredLanguage" | "employeeId" => PREFIX,
        "mail" | "userPrincipalName" => AFFIX,
        "otherMails" | "proxyAddresses" | "assignedPlans" | "assignedLicenses" => &["any"],
        "assignedLicenses/$count" => &["eq", "ne"],
        _ => return None,
    })
}

/// The call's filter, when its properties allow what it asks and the call may ask it.
pub(super) fn filter(
    call: &Call,
    resource: &str,
    operators: impl Fn(&str) -> Option<&'static [&'static str]>,
) -> Result<Option<Filter>, Refusal> {
    let Some(text) = call.option("$filter") else { return Ok(None) };
    let filter = Filter::read(text)?;
    let mut wrong = None;
    filter.uses(&mut |path, operator| match operators(path) {
        None => {
            wrong = Some(Refusal::bad(
                "BadRequest",
                format!("Could not find a property named '{path}' on type 'microsoft.graph.{resource}'."),
            ));
        }
        Some(known) if !known.contains(&operator) => {
            wrong = Some(Refusal::unsupported(format!(
                "Unsupported or invalid query filter clause specified for property '{path}' of resource '{resource}'."
            )));
        }
        Some(_) => {}
    });
    if let Some(refusal) = wrong {
        return Err(refusal);
    }
    if filter.is_advanced() && !call.is_advanced() {
        let why = "Operator is not supported without the header 'ConsistencyLevel: eventual' and the option '$count=true'.";
        return Err(Refusal::unsupported(why));
    }
    Ok(Some(filter))
}

/// Refuses what the tenant does not do, and `$search` as the service does.
pub(super) fn refuse_options(call: &Call) -> Result<(), Refusal> {
    refuse(call, &["$skip", "$orderby", "$expand"])
}

fn refuse(call: &Call, options: &[&str]) -> Result<(), Refusal> {
    if call.option("$search").is_some() {
        let why = "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'";
        return Err(Refusal::unsupported(why));
    }
    if let Some(name) = options.iter().find(|name| call.option(name).is_some()) {
        return Err(Refusal::unsupported(format!("'{name}' is not supported.")));
    }
    Ok(())
}

/// The properties that the call selects.
pub(super) fn selected(call: &Call, default: &[&str], row: Option<&dyn Row>) -> Result<Vec<String>, Refusal> {
    let Some(select) = call.option("$select") else { return Ok(default.iter().map(|name| (*name).to_owned()).collect()) };
    let names: Vec<String> = select.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(|name| NOT_IN_LISTS.contains(&name.as_str())) {
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "This operation target is not yet supported."));
    }
    let unknown = row.and_then(|row| names.iter().find(|name| row.property(name).is_none()));
    match unknown {
        Some(name) => Err(Refusal::bad("BadRequest", format!("Could not find a property named '{name}'."))),
        None => Ok(names),
    }
}

/// The context of a listing: its name, and what was selected.
pub(super) fn context(call: &Call, name: &str) -> String {
    call.option("$select").map_or_else(|| name.to_owned(), |select| format!("{name}({select})"))
}

impl Tenant {
    pub(super) fn list_users(&mut self, now: Timestamp, roles: &[String], call: &Call) -> Answer {
        refuse(call, &["$skip", "$orderby"])?;
        let expanded = managers::expanded(call)?;
        let filter = filter(call, "user", operators)?;
        let first = self.people.first().map(|person| Shown { person, activity: Some(Value::Null), manager: None });
        let mut properties = selected(call, &DEFAULT, first.as_ref().map(|first| first as &dyn Row))?;
        let with_activity = properties.iter().any(|name| name == ACTIVITY);
        if with_activity {
            self.may_see_activity(roles)?;
        }
        if expanded.is_some() {
            properties.push(MANAGER.to_owned());
        }
        let mark = Mark::read(call)?;
        let empty = self.comes_empty();
        let from = mark.place::<usize>()?.map_or(0, |last| last.saturating_add(1));
        let meant = |person: &Person| person.exists() && filter.as_ref().is_none_or(|filter| filter.holds(person));
        let count = call.is_advanced().then(|| self.people.iter().filter(|person| meant(person)).count());
        let places = filter.as_ref().and_then(Filter::ids).map_or_else(
            || (from..self.people.len()).collect(),
            |ids| {
                let known = ids.filter_map(|id| self.by_id.get(&id.parse::<ObjectId>().ok()?).copied());
                known.filter(|place| *place >= from).collect::<BTreeSet<usize>>()
            },
        );
        let rows =
            places.into_iter().filter_map(|place| Some((place, self.people.get(place)?))).filter(|(_, person)| meant(person));
        let context = context(call, "users");
        let most = if with_activity { 500 } else { 999 };
        let page = Page { call, context: &context, size: size(call, 100, most)?, mark, count, empty };
        let seed = self.profile.seed;
        let expanded = expanded.map(|names| (Managers::new(seed, &self.people), names));
        Ok(page.of(rows, |out, person| {
            let activity = if with_activity { activity(seed, person, now) } else { None };
            let manager = expanded.as_ref().and_then(|(managers, names)| Some(managers::shown(managers.of(person)?, names)));
            write_row(out, &Shown { person, activity, manager }, None, &properties);
        }))
    }

    /// When people signed in is a matter of a permission of its own, and of the licence.
    fn may_see_activity(&self, roles: &[String]) -> Result<(), Refusal> {
        if !roles.iter().any(|role| role == "AuditLog.Read.All") {
            return Err(Refusal::no_permission());
        }
        if self.profile.licence == Licence::Free {
            return Err(Refusal::no_premium());
        }
        Ok(())
    }

    pub(super) fn count_users(&self, call: &Call) -> Answer {
        if !call.is_eventual() {
            return Err(Refusal::bad("Request_BadRequest", "$count is not currently supported."));
        }
        let filter = filter(call, "user", operators)?;
        let meant =
            self.people.iter().filter(|person| person.exists() && filter.as_ref().is_none_or(|filter| filter.holds(*person)));
        Ok(Reply::count(meant.count()))
    }

    pub(super) fn get_user(&self, call: &Call, user: &str) -> Answer {
        let person = self.person(user)?;
        let properties = selected(call, &DEFAULT, Some(person))?;
        Ok(single(call, &context(call, "users"), person, &properties))
    }

    pub(super) fn user_methods(&self, now: jiff::Timestamp, call: &Call, user: &str) -> Answer {
        let person = self.person(user)?;
        let mut methods = vec![json!({
            "@odata.type": "#microsoft.graph.passwordAuthenticationMethod",
            "id": "28c10230-6103-485e-b985-444c60001490",
            "createdDateTime": person.created.to_string(),
            "password": null,
        })];
        match person.methods.at(now) {
            Ability::Nothing => {}
            Ability::NotAllowed => methods.push(json!({
                "@odata.type": "#microsoft.graph.phoneAuthenticationMethod",
                "id": "3179e48a-750b-4051-897c-87b9720928f7",
                "phoneNumber": "+49 5555550100",
                "phoneType": "mobile",
            })),
            Ability::Capable => methods.push(json!({
                "@odata.type": "#microsoft.graph.microsoftAuthenticatorAuthenticationMethod",
                "id": person.id_text,
                "displayName": if person.methods.habit == Habit::Early { "Phone" } else { "Work phone" },
            })),
        }
        let passes = self.place(user).ok().and_then(|place| self.passes.get(&place));
        methods.extend(passes.map(|pass| pass.shown(now)));
        let context = format!("{}/$metadata#users('{}')/authentication/methods", call.base(), person.id_text);
        Ok(Reply::value(&json!({ "@odata.context": context, "value": methods })))
    }
}

/// A person with when they last signed in and to whom they report.
struct Shown<'a> {
    person: &'a Person,
    activity: Option<Value<'static>>,
    manager: Option<Value<'a>>,
}

impl Row for Shown<'_> {
    fn property(&self, name: &str) -> Option<Value<'_>> {
        match name {
            ACTIVITY => self.activity.clone(),
            MANAGER => self.manager.clone(),
            name => self.person.property(name),
        }
    }
}

/// When somebody last signed in; absent where they never did.
fn activity(seed: u64, person: &Person, now: Timestamp) -> Option<Value<'static>> {
    let ago = |hours| Some(after(now, -SignedDuration::from_hours(hours)));
    let (interactive, other) = match (person.quirks.presence, person.kind) {
        (Presence::Never, _) | (_, Kind::Resource) => return None,
        (Presence::Programs, _) => (None, ago(5)),
        (_, Kind::BreakGlass) => (ago(20 * 24), None),
        (_, Kind::Sync) => (None, ago(1)),
        (_, Kind::Ordinary | Kind::Guest) => {
            let last = last_sign_in(seed, person, now)?;
            (Some(last), Some(last))
        }
    };
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, Value::Time);
    Some(Value::Object(vec![
        ("lastSignInDateTime", time(interactive)),
        ("lastSignInRequestId", Value::Null),
        ("lastNonInteractiveSignInDateTime", time(other)),
        ("lastNonInteractiveSignInRequestId", Value::Null),
        ("lastSuccessfulSignInDateTime", time(interactive.max(other))),
        ("lastSuccessfulSignInRequestId", Value::Null),
    ]))
}

/// One object with its context.
pub(super) fn single(call: &Call, context: &str, row: &dyn Row, properties: &[String]) -> Reply {
    let mut object = String::with_capacity(512);
    write_row(&mut object, row, None, properties);
    let mut body = String::with_capacity(object.len() + 128);
    body.push_str("{\"@odata.context\":");
    super::json::quote(&mut body, &format!("{}/$metadata#{context}/$entity", call.base()));
    if object.len() > 2 {
        body.push(',');
    }
    body.push_str(object.get(1..).unwrap_or("}"));
    Reply::ok(body)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::probe::{Probe, calm};
    use super::super::profile::Profile;

    #[test]
    fn everybody_is_listed_once_over_pages() {
        let mut probe = Probe::new(Profile { empty_pages: 0.3, ..calm(250) });
        for path in ["/users", "/users?$top=999&$select=id,accountEnabled,userType", "/users?$top=7"] {
            let rows = probe.all(path);
            let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
            assert_eq!((rows.len(), ids.len()), (250, 250), "{path}");
        }
    }

    #[test]
    fn options_are_answered_or_refused_as_documented() {
        let mut probe = Probe::new(calm(60));
        let advanced: &[(&str, &str)] = &[("consistencylevel", "eventual")];
        for (path, headers, expected) in [
            ("/users?$filter=department eq 'Finance'", &[][..], 200),
            ("/users?$filter=department ne 'Finance'", &[], 400),
            ("/users?$filter=department ne 'Finance'&$count=true", advanced, 200),
            ("/users?$filter=startsWith(department,'Fin')", &[], 400),
            ("/users?$filter=nonsense eq 'x'", &[], 400),
            ("/users?$select=skills", &[], 501),
            ("/users?$select=nonsense", &[], 400),
            ("/users?$search=\"displayName:a\"", &[], 400),
            ("/users?$top=0", &[], 400),
            ("/users/$count", &[], 400),
            ("/users/$count", advanced, 200),
            ("/users/bg1@contoso.example", &[], 200),
            ("/users/guest1_partner.example%23EXT%23@contoso.example", &[], 200),
            ("/users/nobody@contoso.example", &[], 404),
        ] {
            let path = path.replace('"', "%22");
            assert_eq!(probe.call(Method::GET, &path, headers, None).0, expected, "{path}");
        }
        let (_, body) = probe.call(Method::GET, "/users?$count=true&$top=5", advanced, None);
        assert_eq!(body["@odata.count"], 60);
        assert_eq!(probe.get("/users?$count=true&$top=5").1.get("@odata.count"), None, "ignored without the header");
    }
}
