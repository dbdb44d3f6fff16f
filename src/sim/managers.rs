//! Who reports to whom: `manager` of a user, alone and expanded in lists.
//!
//! Follows from the directory as it stands, and from the seed: the first people of a department manage the others, and the first of all
//! reports to nobody. Invariant: nobody manages themselves, and a manager is an account that exists and is enabled.

use std::collections::BTreeMap;

use super::call::Call;
use super::chance::{Kind as Chance, draw};
use super::json::{Row as _, Value};
use super::person::{DEFAULT, Kind, Person};
use super::reply::{Answer, Refusal};
use super::tenant::Tenant;

/// Managers of a department.
const MANAGERS: usize = 3;

/// Which properties of the managers a list expands; `None` when it expands nothing. Anything else than `manager` is refused.
pub(super) fn expanded(call: &Call) -> Result<Option<Vec<&'static str>>, Refusal> {
    let Some(expand) = call.option("$expand") else { return Ok(None) };
    let refused = || Refusal::unsupported(format!("'$expand={expand}' is not supported."));
    let options = match expand.strip_prefix("manager").ok_or_else(refused)? {
        "" => return Ok(Some(DEFAULT.to_vec())),
        options => options.strip_prefix('(').and_then(|options| options.strip_suffix(')')).ok_or_else(refused)?,
    };
    let selected = options.strip_prefix("$select=").ok_or_else(refused)?.split(',').map(str::trim);
    let known = selected.map(|name| DEFAULT.into_iter().find(|known| *known == name).ok_or_else(refused));
    known.collect::<Result<Vec<_>, _>>().map(Some)
}

/// The managers of each department, first the one who reports to nobody.
pub(super) struct Managers<'a> {
    seed: u64,
    of: BTreeMap<&'a str, Vec<&'a Person>>,
}

impl<'a> Managers<'a> {
    pub(super) fn new(seed: u64, people: &'a [Person]) -> Self {
        let mut of: BTreeMap<&str, Vec<&Person>> = BTreeMap::new();
        for person in people.iter().filter(|person| person.kind == Kind::Ordinary && person.exists() && person.is_enabled()) {
            let Some(department) = &person.department else { continue };
            let managers = of.entry(department).or_default();
            if managers.len() < MANAGERS {
                managers.push(person);
            }
        }
        Self { seed, of }
    }

    /// To whom somebody reports.
    pub(super) fn of(&self, person: &Person) -> Option<&'a Person> {
        let managers = self.of.get(person.department.as_deref()?)?;
        match managers.iter().position(|manager| manager.id == person.id) {
            Some(0) => None,
            Some(_) => managers.first().copied(),
            None => {
                let facts = person.id_text.bytes().map(u64::from).collect::<Vec<_>>();
                let drawn = draw(self.seed, Chance::Managers, &facts) % u64::try_from(managers.len().max(1)).unwrap_or(1);
                managers.get(usize::try_from(drawn).unwrap_or(0)).copied()
            }
        }
    }
}

/// A manager as a list shows them beside a person.
pub(super) fn shown<'a>(manager: &'a Person, properties: &[&'static str]) -> Value<'a> {
    let kind = ("@odata.type", Value::Text("#microsoft.graph.user"));
    let properties = properties.iter().filter_map(|name| Some((*name, manager.property(name)?)));
    Value::Object(std::iter::once(kind).chain(properties).collect())
}

impl Tenant {
    pub(super) fn get_manager(&self, call: &Call, user: &str) -> Answer {
        let person = self.person(user)?;
        let manager = Managers::new(self.profile.seed, &self.people).of(person);
        let manager = manager.ok_or_else(|| Refusal::missing("manager"))?;
        let properties = super::users::selected(call, &DEFAULT, Some(manager))?;
        Ok(super::users::single(call, "directoryObjects", manager, &properties))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::probe::{Probe, calm};

    const LIST: &str = "/users?$select=id,department&$expand=manager($select=id)";

    #[test]
    fn each_person_of_a_department_reports_to_one_of_a_few_of_it() {
        let mut probe = Probe::new(calm(300));
        let rows = probe.all(LIST);
        let department: BTreeMap<_, _> = rows.iter().map(|row| (row["id"].clone().to_string(), &row["department"])).collect();
        let mut managers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut alone = BTreeSet::new();
        for row in &rows {
            let (id, own) = (row["id"].to_string(), row["department"].to_string());
            match row.get("manager") {
                None if row["department"].is_null() => {}
                None => assert!(alone.insert(own), "one of each department reports to nobody: {row}"),
                Some(manager) => {
                    let manager = manager["id"].to_string();
                    assert_ne!(manager, id);
                    assert_eq!(department[&manager].to_string(), own, "{row}");
                    managers.entry(own).or_default().insert(manager);
                }
            }
        }
        assert_eq!((managers.len(), alone.len()), (6, 6));
        assert!(managers.values().all(|managers| (2..=3).contains(&managers.len())), "{managers:?}");
        assert_eq!(Probe::new(calm(300)).all(LIST), rows, "it follows from the seed");
    }

    #[test]
    fn a_manager_can_be_asked_for_alone_and_nothing_else_is_expanded() {
        let mut probe = Probe::new(calm(60));
        let rows = probe.all("/users?$select=id,department&$expand=manager($select=id,displayName)");
        let of_somebody = rows.iter().find(|row| row.get("manager").is_some()).unwrap();
        let (status, manager) = probe.get(&format!("/users/{}/manager", of_somebody["id"].as_str().unwrap()));
        assert_eq!((status, &manager["id"]), (200, &of_somebody["manager"]["id"]));
        assert_eq!(manager["displayName"], of_somebody["manager"]["displayName"]);
        for (path, expected) in [
            ("/users/bg1@contoso.example/manager", 404),
            ("/users/nobody@contoso.example/manager", 404),
            ("/users?$expand=manager", 200),
            ("/users?$expand=manager($levels=max)", 400),
            ("/users?$expand=manager($select=skills)", 400),
            ("/users?$expand=directReports", 400),
            ("/users/delta?$expand=manager", 400),
        ] {
            assert_eq!(probe.get(path).0, expected, "{path}");
        }
    }
}
