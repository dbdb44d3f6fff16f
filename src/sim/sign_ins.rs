//! `/auditLogs/signIns`: newest first, late, for 30 days.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::attempt::{Attempt, By, Clients, key};
use super::call::Call;
use super::chance::{Kind, draw};
use super::json::{Row, Value, write_row};
use super::moment::{after, day};
use super::page::{Mark, Page, size};
use super::person::Person;
use super::policy::Policy;
use super::reply::Answer;
use super::route;
use super::tenant::{POLICY, Tenant};
use super::users::{filter, refuse_options, selected};
use crate::rollout::id::ObjectId;

/// How long the log is kept with a premium licence.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

const PROPERTIES: [&str; 22] = [
    "id",
    "createdDateTime",
    "userDisplayName",
    "userPrincipalName",
    "userId",
    "appId",
    "appDisplayName",
    "ipAddress",
    "clientAppUsed",
    "correlationId",
    "conditionalAccessStatus",
    "isInteractive",
    "riskDetail",
    "riskLevelAggregated",
    "riskLevelDuringSignIn",
    "riskState",
    "riskEventTypes",
    "resourceDisplayName",
    "resourceId",
    "status",
    "deviceDetail",
    "location",
];

fn operators(path: &str) -> Option<&'static [&'static str]> {
    Some(match path {
        "createdDateTime" => &["eq", "ge", "le"],
        "status/errorCode"
        | "userId"
        | "appId"
        | "clientAppUsed"
        | "conditionalAccessStatus"
        | "correlationId"
        | "resourceId"
        | "id" => &["eq"],
        "userPrincipalName" | "appDisplayName" | "ipAddress" | "userDisplayName" => &["eq", "startsWith"],
        _ => return None,
    })
}

/// One attempt as the log shows it.
struct Entry<'a> {
    attempt: Attempt,
    person: &'a Person,
    /// Who may not read policies does not see which applied.
    policy: Option<&'a Policy>,
    seed: u64,
}

impl Entry<'_> {
    fn guid(&self, n: u64) -> String {
        let facts = [key(self.person), self.attempt.at.as_millisecond().cast_unsigned(), n];
        let low = draw(self.seed, Kind::Ids, &facts);
        ObjectId::from_bits(u128::from(low.rotate_left(17) ^ n) << 64 | u128::from(low)).to_string()
    }
}

impl Row for Entry<'_> {
    fn property(&self, name: &str) -> Option<Value<'_>> {
        let Attempt { at, code, required, .. } = self.attempt;
        let status = match (required, code) {
            (false, _) => "notApplied",
            (true, 0) => "success",
            (true, _) => "failure",
        };
        Some(match name {
            "id" => Value::Owned(self.guid(1)),
            "correlationId" => Value::Owned(self.guid(2)),
            "createdDateTime" => Value::Time(at),
            "userDisplayName" => Value::Text(&self.person.display_name),
            "userPrincipalName" => Value::Owned(self.person.upn.to_lowercase()),
            "userId" => Value::Text(&self.person.id_text),
            "appId" => Value::Text("4765445b-32c6-49b0-83e6-1d93765276ca"),
            "appDisplayName" => Value::Text("OfficeHome"),
            "resourceId" => Value::Text("00000003-0000-0000-c000-000000000000"),
            "resourceDisplayName" => Value::Text("Microsoft Graph"),
            "ipAddress" => Value::Text("198.51.100.7"),
            "clientAppUsed" => Value::Text(self.attempt.client),
            "conditionalAccessStatus" => Value::Text(status),
            "isInteractive" => Value::Bool(self.attempt.by == By::Person),
            "signInEventTypes" => {
                Value::texts(&[if self.attempt.by == By::Person { "interactiveUser" } else { "nonInteractiveUser" }])
            }
            "riskDetail" | "riskLevelAggregated" | "riskLevelDuringSignIn" | "riskState" => Value::Text("none"),
            "riskEventTypes" => Value::List(Vec::new()),
            "status" => Value::Object(vec![
                ("errorCode", Value::Number(code)),
                ("failureReason", reason(code)),
                ("additionalDetails", Value::Null),
            ]),
            "deviceDetail" => Value::Object(vec![
                ("deviceId", Value::Text("")),
                ("displayName", Value::Null),
                ("operatingSystem", Value::Text("Windows10")),
                ("browser", Value::Text("Edge 140.0.0")),
                ("isCompliant", Value::Null),
                ("isManaged", Value::Null),
                ("trustType", Value::Null),
            ]),
            "location" => Value::Object(vec![
                ("city", Value::Text("Berlin")),
                ("state", Value::Text("Berlin")),
                ("countryOrRegion", Value::Text("DE")),
                ("geoCoordinates", Value::Null),
            ]),
            "appliedConditionalAccessPolicies" => {
                let policy = self.policy?;
                let result = if required { status } else { "notApplied" };
                Value::List(vec![Value::Object(vec![
                    ("id", Value::Owned(policy.id.to_string())),
                    ("displayName", Value::Text(&policy.name)),
                    ("enforcedGrantControls", if required { Value::texts(&["Mfa"]) } else { Value::List(Vec::new()) }),
                    ("enforcedSessionControls", Value::List(Vec::new())),
                    ("result", Value::Text(result)),
                ])])
            }
            _ => return None,
        })
    }
}

fn reason(code: i64) -> Value<'static> {
    Value::Text(match code {
        0 => "Other.",
        50_072 => "User needs to enroll for second factor authentication (interactive).",
        50_126 => "Error validating credentials due to invalid username or password.",
        500_121 => "Authentication failed during strong authentication request.",
        _ => return Value::Null,
    })
}

/// An attempt's place in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(Timestamp, usize);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}", self.0, self.1)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, person) = text.split_once('|').ok_or(())?;
        Ok(Self(at.parse().map_err(|_| ())?, person.parse().map_err(|_| ())?))
    }
}

impl Tenant {
    pub(super) fn list_sign_ins(&mut self, now: Timestamp, roles: &[String], call: &Call) -> Answer {
        if call.option("$orderby").is_none_or(|order| order != "createdDateTime desc") {
            refuse_options(call)?;
        }
        let is_beta = call.base().ends_with("/beta");
        let filter = filter(call, "signIn", |path| match path {
            "signInEventTypes" => is_beta.then_some(&["any"]),
            path => operators(path),
        })?;
        // Those of programs are shown only where they are asked for.
        let by_programs = is_beta && call.option("$filter").is_some_and(|filter| filter.contains("nonInteractiveUser"));
        let only_old = filter.as_ref().is_some_and(|filter| filter.excludes("clientAppUsed", "Browser"));
        let of = if only_old { Clients::Old } else { Clients::All };
        let by = if by_programs { By::Program } else { By::Person };
        let mut properties = selected(call, &PROPERTIES, None)?;
        let shows_policies = roles.iter().any(|role| route::POLICIES.contains(&role.as_str()));
        if shows_policies && call.option("$select").is_none() {
            properties.push("appliedConditionalAccessPolicies".to_owned());
        }
        let size = size(call, 1_000, 1_000)?;
        let mark = Mark::read(call)?;
        let last = mark.place::<Place>()?;
        let empty = self.comes_empty();
        let (from, to) = filter.as_ref().map_or((Timestamp::MIN, Timestamp::MAX), |filter| filter.span("createdDateTime"));
        let from = from.max(after(now, -KEPT));
        let to = last.map_or(now, |last| last.0).min(to).min(now);
        let policy = self.policies.iter().find(|policy| policy.name == POLICY).filter(|_| shows_policies).cloned();
        let seed = self.profile.seed;
        let mut found: Vec<Attempt> = Vec::new();
        let mut on = day(to);
        while on >= day(from) && found.len() <= size {
            let attempts = self.attempts(on, from, to, now, of);
            let attempts =
                attempts.into_iter().filter(|attempt| last.is_none_or(|last| Place(attempt.at, attempt.person) < last));
            let attempts = attempts.filter(|attempt| attempt.by == by);
            let meant = |attempt: &Attempt| match (&filter, self.people.get(attempt.person)) {
                (Some(filter), Some(person)) => filter.holds(&Entry { attempt: *attempt, person, policy: None, seed }),
                (_, person) => person.is_some(),
            };
            found.extend(attempts.filter(meant));
            on -= 1;
        }
        let people = &self.people;
        let entries = found.into_iter().filter_map(|attempt| {
            let person = people.get(attempt.person)?;
            Some((Place(attempt.at, attempt.person), Entry { attempt, person, policy: policy.as_ref(), seed }))
        });
        let page = Page { call, context: "auditLogs/signIns", size, mark, count: None, empty };
        Ok(page.of(entries, |out, entry| write_row(out, &entry, None, &properties)))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::Value;

    use super::super::probe::{Probe, calm};
    use super::super::profile::Profile;
    use super::super::tenant::ENFORCED_GROUP;

    fn at(row: &Value) -> jiff::Timestamp {
        row["createdDateTime"].as_str().unwrap().parse().unwrap()
    }

    #[test]
    fn the_log_is_newest_first_and_pages_lose_nothing() {
        let mut probe = Probe::new(Profile { empty_pages: 0.2, ..calm(60) });
        probe.pass(SignedDuration::from_hours(8));
        let path =
            "/auditLogs/signIns?$filter=createdDateTime ge 2027-01-07T00:00:00Z and createdDateTime le 2027-01-11T12:00:00Z";
        let whole = probe.all(path);
        let paged = probe.all(&format!("{path}&$top=7"));
        assert!(whole.len() > 100, "{}", whole.len());
        assert_eq!(whole, paged);
        assert!(whole.is_sorted_by_key(|row| std::cmp::Reverse(at(row))));
        assert!(probe.all("/auditLogs/signIns").len() > whole.len(), "up to 30 days");
        assert_eq!(probe.get("/auditLogs/signIns?$filter=createdDateTime gt 2027-01-07T00:00:00Z").0, 400);
    }

    #[test]
    fn what_happened_stays_and_what_is_late_comes() {
        let mut probe = Probe::new(calm(300));
        let path =
            "/auditLogs/signIns?$filter=createdDateTime ge 2027-01-11T07:00:00Z and createdDateTime le 2027-01-11T08:00:00Z";
        let early = probe.all(path);
        probe.pass(SignedDuration::from_hours(2));
        let late = probe.all(path);
        assert!(late.len() > early.len());
        assert!(early.iter().all(|row| late.contains(row)));
    }

    #[test]
    fn whoever_is_enforced_without_a_method_registers_at_the_next_sign_in() {
        let mut probe = Probe::new(Profile { registered: 0.0, mfa_failures: 0.0, ..calm(60) });
        let people = probe.people(20);
        assert_eq!(probe.bind(ENFORCED_GROUP, &people).0, 204);
        probe.pass(SignedDuration::from_hours(7 * 24));
        let rows = probe.all("/auditLogs/signIns?$filter=createdDateTime ge 2027-01-11T08:00:00Z");
        for person in &people {
            let mine: Vec<&Value> = rows.iter().rev().filter(|row| row["userId"] == person.as_str()).collect();
            let asked = mine.iter().filter(|row| row["status"]["errorCode"] == 50_072).count();
            assert_eq!(asked, 1, "once, and the next sign-in passes");
            assert_eq!(mine[0]["conditionalAccessStatus"], "failure");
            assert!(mine[1..].iter().all(|row| row["conditionalAccessStatus"] == "success"));
        }
        let report = probe.all("/reports/authenticationMethods/userRegistrationDetails?$filter=isMfaCapable eq true");
        assert!(people.iter().all(|person| report.iter().any(|row| row["id"] == person.as_str())));
    }
}
