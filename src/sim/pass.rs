//! Temporary Access Passes: one per person, a new one in place of an old one, within the bounds of the methods policy.
//!
//! Whether a pass works at sign-in is not simulated. The pass itself is shown once, when it is made.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::chance::{Kind as Chance, draw};
use super::moment::after;
use super::planted::Planted;
use super::reply::{Answer, Refusal, Reply};
use super::tenant::Tenant;
use crate::rollout::id::ObjectId;

/// The bounds of the policy, which are the service's own defaults.
const LEAST: u64 = 60;
const MOST: u64 = 480;
const LENGTH: usize = 8;

/// What the methods policy says about passes beside its state and its targets.
pub(super) fn limits() -> Map<String, Value> {
    let limits = json!({
        "defaultLength": LENGTH,
        "defaultLifetimeInMinutes": LEAST,
        "minimumLifetimeInMinutes": LEAST,
        "maximumLifetimeInMinutes": MOST,
        "isUsableOnce": false,
    });
    limits.as_object().cloned().unwrap_or_default()
}

/// A pass as it was made, less the pass itself.
#[derive(Debug)]
pub(super) struct Issued {
    id: String,
    created: Timestamp,
    minutes: u64,
    once: bool,
}

impl Issued {
    /// As it is listed: the pass itself is never shown again.
    pub(super) fn shown(&self, now: Timestamp) -> Value {
        let ends = after(self.created, SignedDuration::from_mins(i64::try_from(self.minutes).unwrap_or(i64::MAX)));
        let is_usable = now < ends;
        json!({
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
            "id": self.id,
            "temporaryAccessPass": null,
            "createdDateTime": self.created.to_string(),
            "startDateTime": self.created.to_string(),
            "lifetimeInMinutes": self.minutes,
            "isUsableOnce": self.once,
            "isUsable": is_usable,
            "methodUsabilityReason": if is_usable { "EnabledByPolicy" } else { "Expired" },
        })
    }
}

impl Tenant {
    pub(super) fn list_passes(&self, now: Timestamp, call: &Call, user: &str) -> Answer {
        let rows: Vec<Value> = self.passes.get(&self.place(user)?).map(|pass| pass.shown(now)).into_iter().collect();
        let context = format!("{}/$metadata#users('{user}')/authentication/temporaryAccessPassMethods", call.base());
        Ok(Reply::value(&json!({ "@odata.context": context, "value": rows })))
    }

    pub(super) fn issue_pass(&mut self, now: Timestamp, call: &Call, user: &str) -> Answer {
        let place = self.place(user)?;
        let body = call.json()?;
        let wrong = |why: &str| Err(Refusal::bad("badRequest", why));
        let minutes = match body.get("lifetimeInMinutes") {
            None | Some(Value::Null) => LEAST,
            Some(given) => match given.as_u64().filter(|minutes| (LEAST..=MOST).contains(minutes)) {
                Some(minutes) => minutes,
                None => return wrong("The lifetime is outside of the bounds of the policy."),
            },
        };
        let once = match body.get("isUsableOnce") {
            None | Some(Value::Null) => false,
            Some(given) => match given.as_bool() {
                Some(once) => once,
                None => return wrong("The property 'isUsableOnce' is a flag."),
            },
        };
        if self.has(Planted::PassOff) {
            return wrong("Temporary Access Pass is disabled by the policy of the tenant.");
        }
        let low = draw(self.profile.seed, Chance::Ids, &[place as u64, now.as_millisecond().cast_unsigned(), 3]);
        let id = ObjectId::from_bits(u128::from(low.rotate_left(23)) << 64 | u128::from(low)).to_string();
        let issued = Issued { id, created: now, minutes, once };
        let mut made = issued.shown(now);
        if let Some(members) = made.as_object_mut() {
            let context = format!("{}/$metadata#users('{user}')/authentication/temporaryAccessPassMethods/$entity", call.base());
            members.insert("@odata.context".to_owned(), context.into());
            members.insert("temporaryAccessPass".to_owned(), code(low).into());
        }
        self.passes.insert(place, issued);
        Ok(Reply::json(StatusCode::CREATED, made.to_string()))
    }
}

/// A pass of [`LENGTH`] characters out of a number.
fn code(number: u64) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789+#@&";
    let letters = (0..LENGTH).scan(number, |rest, _| {
        let count = LETTERS.len() as u64;
        let letter = LETTERS.get(usize::try_from(*rest % count).unwrap_or(0)).copied().unwrap_or(b'A');
        *rest /= count;
        Some(char::from(letter))
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use http::Method;
    use serde_json::json;

    use super::super::planted::Planted;
    use super::super::probe::{Probe, calm};
    use super::super::profile::Profile;

    const PATH: &str = "/users/bg1@contoso.example/authentication/temporaryAccessPassMethods";

    fn probe(planted: Vec<Planted>) -> Probe {
        let roles = ["UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.Read.All"].map(str::to_owned);
        let roles = Profile::default().roles.into_iter().chain(roles).collect();
        Probe::new(Profile { roles, planted, ..calm(40) })
    }

    #[test]
    fn a_pass_is_shown_once_and_a_new_one_replaces_it() {
        let mut probe = probe(Vec::new());
        let (status, first) = probe.call(Method::POST, PATH, &[], Some(json!({"lifetimeInMinutes": 90, "isUsableOnce": true})));
        assert_eq!((status, first["lifetimeInMinutes"].as_u64(), first["isUsableOnce"].as_bool()), (201, Some(90), Some(true)));
        assert_eq!(first["temporaryAccessPass"].as_str().unwrap().len(), 8);
        probe.pass(jiff::SignedDuration::from_mins(5));
        let (_, second) = probe.call(Method::POST, PATH, &[], Some(json!({})));
        assert_ne!(first["temporaryAccessPass"], second["temporaryAccessPass"]);
        let listed = probe.all(PATH);
        assert_eq!((listed.len(), &listed[0]["id"]), (1, &second["id"]));
        assert!(listed[0]["temporaryAccessPass"].is_null());
        let methods = probe.all("/users/bg1@contoso.example/authentication/methods");
        assert!(methods.iter().any(|row| row["id"] == second["id"]));
    }

    #[test]
    fn what_the_policy_does_not_allow_is_refused() {
        let mut allowing = probe(Vec::new());
        for body in [json!({"lifetimeInMinutes": 10}), json!({"lifetimeInMinutes": 481}), json!({"isUsableOnce": "yes"})] {
            assert_eq!(allowing.call(Method::POST, PATH, &[], Some(body.clone())).0, 400, "{body}");
        }
        assert_eq!(probe(vec![Planted::PassOff]).call(Method::POST, PATH, &[], Some(json!({}))).0, 400);
        assert_eq!(Probe::new(calm(40)).call(Method::POST, PATH, &[], Some(json!({}))).0, 403);
        let (_, policy) =
            allowing.get("/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass");
        assert_eq!((policy["state"].as_str(), policy["maximumLifetimeInMinutes"].as_u64()), (Some("enabled"), Some(480)));
    }
}
