//! `/reports/authenticationMethods/userRegistrationDetails`: refreshed every full hour, and some rows are missing.

use jiff::Timestamp;

use super::attempt::key;
use super::call::Call;
use super::chance::{Kind as Chance, draw, unit};
use super::json::{Row, Value, write_row};
use super::page::{Mark, Page, size};
use super::person::{Ability, Kind, Person};
use super::reply::{Answer, Refusal};
use super::tenant::Tenant;
use super::users::{filter, refuse_options, selected, single};

const PROPERTIES: [&str; 16] = [
    "id",
    "userPrincipalName",
    "userDisplayName",
    "userType",
    "isAdmin",
    "isSsprRegistered",
    "isSsprEnabled",
    "isSsprCapable",
    "isMfaRegistered",
    "isMfaCapable",
    "isPasswordlessCapable",
    "methodsRegistered",
    "isSystemPreferredAuthenticationMethodEnabled",
    "systemPreferredAuthenticationMethods",
    "userPreferredMethodForSecondaryAuthentication",
    "lastUpdatedDateTime",
];

const NAME: &str = "reports/authenticationMethods/userRegistrationDetails";

fn operators(path: &str) -> Option<&'static [&'static str]> {
    Some(match path {
        "userPrincipalName" | "userDisplayName" => &["eq", "startsWith"],
        "methodsRegistered" => &["any"],
        "id" | "userType" => &["eq"],
        is if is.starts_with("is") && is != "isAdmin" => &["eq"],
        _ => return None,
    })
}

/// A row of the report.
struct Details<'a> {
    person: &'a Person,
    /// What they could do when the report was made.
    ability: Ability,
    as_of: &'a str,
}

impl Row for Details<'_> {
    fn property(&self, name: &str) -> Option<Value<'_>> {
        let (methods, system, second): (&[&str], &[&str], &str) = match self.ability {
            Ability::Nothing => (&[], &[], ""),
            Ability::NotAllowed => (&["mobilePhone"], &[], "sms"),
            Ability::Capable => (&["microsoftAuthenticatorPush", "softwareOneTimePasscode"], &["push"], "push"),
        };
        Some(match name {
            "id" => Value::Text(&self.person.id_text),
            "userPrincipalName" => Value::Text(&self.person.upn),
            "userDisplayName" => Value::Text(&self.person.display_name),
            "userType" => Value::Text(if self.person.kind == Kind::Guest { "guest" } else { "member" }),
            "isAdmin" => Value::Bool(self.person.kind == Kind::BreakGlass),
            "isSsprEnabled" | "isSystemPreferredAuthenticationMethodEnabled" => Value::Bool(true),
            "isSsprRegistered" | "isSsprCapable" | "isMfaRegistered" => Value::Bool(self.ability != Ability::Nothing),
            "isMfaCapable" => Value::Bool(self.ability == Ability::Capable),
            "isPasswordlessCapable" => Value::Bool(false),
            "methodsRegistered" => Value::texts(methods),
            "systemPreferredAuthenticationMethods" => Value::texts(system),
            "userPreferredMethodForSecondaryAuthentication" => Value::Text(second),
            "lastUpdatedDateTime" => Value::Text(self.as_of),
            _ => return None,
        })
    }
}

impl Tenant {
    /// When the report that is shown at `now` was made.
    fn report_at(&self, now: Timestamp) -> Timestamp {
        let at = self.report_until.map_or(now, |until| until.min(now)).as_second();
        Timestamp::from_second(at - at.rem_euclid(3_600)).unwrap_or(now)
    }

    /// The person's row, where the report made at `as_of` (which `text` shows) has one.
    fn details<'a>(&self, person: &'a Person, as_of: Timestamp, text: &'a str) -> Option<Details<'a>> {
        let is_gone = person.deleted.is_some_and(|deleted| deleted <= as_of);
        if is_gone || person.created > as_of || person.kind == Kind::Resource {
            return None;
        }
        let roll = draw(self.profile.seed, Chance::Report, &[key(person), as_of.as_second().cast_unsigned()]);
        (unit(roll) >= self.profile.missing_rows).then(|| Details { person, ability: person.methods.at(as_of), as_of: text })
    }

    pub(super) fn list_registration(&mut self, now: Timestamp, call: &Call) -> Answer {
        refuse_options(call)?;
        let filter = filter(call, "userRegistrationDetails", operators)?;
        let properties = selected(call, &PROPERTIES, None)?;
        let mut mark = Mark::read(call)?;
        let as_of = mark.as_of.unwrap_or_else(|| self.report_at(now));
        mark.as_of = Some(as_of);
        let empty = self.comes_empty();
        let from = mark.place::<usize>()?.map_or(0, |last| last.saturating_add(1));
        let size = size(call, 500, 999)?;
        let page = Page { call, context: NAME, size, mark, count: None, empty };
        let text = as_of.to_string();
        let rows = self.people.iter().enumerate().skip(from);
        let rows = rows.filter_map(|(at, person)| Some((at, self.details(person, as_of, &text)?)));
        let rows = rows.filter(|(_, details)| filter.as_ref().is_none_or(|filter| filter.holds(details)));
        Ok(page.of(rows, |out, details| write_row(out, &details, None, &properties)))
    }

    pub(super) fn get_registration(&self, now: Timestamp, call: &Call, user: &str) -> Answer {
        let as_of = self.report_at(now);
        let text = as_of.to_string();
        let details = self.details(self.person(user)?, as_of, &text).ok_or_else(|| Refusal::missing(user))?;
        let properties: Vec<String> = PROPERTIES.iter().map(|name| (*name).to_owned()).collect();
        Ok(single(call, NAME, &details, &properties))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::change::Change;
    use super::super::probe::{Probe, calm};
    use super::super::profile::Profile;

    const PATH: &str = "/reports/authenticationMethods/userRegistrationDetails";

    fn capable(probe: &mut Probe) -> usize {
        probe.all(PATH).iter().filter(|row| row["isMfaCapable"] == true).count()
    }

    #[test]
    fn the_report_moves_in_hours_and_can_stand_still() {
        let mut probe = Probe::new(calm(100));
        probe.pass(SignedDuration::from_mins(10));
        let before = capable(&mut probe);
        let person =
            probe.all(PATH).iter().find(|row| row["isMfaCapable"] == false && row["userType"] == "member").unwrap()["id"].clone();
        let person = person.as_str().unwrap().to_owned();
        probe.tenant.change(probe.now, Change::Register(person)).unwrap();
        assert_eq!(capable(&mut probe), before);
        probe.tenant.change(probe.now, Change::StaleReport(true)).unwrap();
        probe.pass(SignedDuration::from_mins(50));
        assert_eq!(capable(&mut probe), before, "stale");
        probe.tenant.change(probe.now, Change::StaleReport(false)).unwrap();
        assert_eq!(capable(&mut probe), before + 1);
        assert_eq!(probe.all(PATH)[0]["lastUpdatedDateTime"], "2027-01-11T09:00:00Z");
    }

    #[test]
    fn some_rows_are_missing_and_others_the_next_hour() {
        let mut probe = Probe::new(Profile { missing_rows: 0.1, ..calm(300) });
        let first = probe.all(&format!("{PATH}?$top=40"));
        probe.pass(SignedDuration::from_hours(1));
        let second = probe.all(PATH);
        assert!((240..295).contains(&first.len()), "{}", first.len());
        assert_ne!(
            first.iter().map(|row| &row["id"]).collect::<Vec<_>>(),
            second.iter().map(|row| &row["id"]).collect::<Vec<_>>()
        );
    }
}
