//! The switches by which an app requires MFA: changing and making policies, security defaults, per-user states; and What-If.
//!
//! A change of a policy works only after a while. What becomes required by a switch is judged as enforcing is.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::chance::{Kind as Chance, Stream};
use super::group::{Group, GroupKind};
use super::moment::after;
use super::person::{Kind, PerUser};
use super::policy::{Policy, State};
use super::reply::{Answer, Refusal, Reply};
use super::tenant::{POLICY, Tenant};
use crate::rollout::id::ObjectId;

impl Tenant {
    pub(super) fn create_policy(&mut self, now: Timestamp, call: &Call) -> Answer {
        let id = self.new_id(self.policies.len());
        let mut policy = Policy::new(id, "", State::Disabled);
        (policy.client_apps, policy.applications, policy.controls) = (Vec::new(), Vec::new(), Vec::new());
        policy.created = now;
        policy.take(&call.json()?, now).filter(|()| policy.is_whole()).ok_or_else(no_policy)?;
        self.may_stand(now, &policy)?;
        policy.works_from(after(now, self.profile.policy_delay));
        let mut body = policy.body();
        if let Some(members) = body.as_object_mut() {
            let context = format!("{}/$metadata#identity/conditionalAccess/policies/$entity", call.base());
            members.insert("@odata.context".to_owned(), context.into());
        }
        self.policies.push(policy);
        self.judge_switched(after(now, self.profile.policy_delay));
        Ok(Reply::json(StatusCode::CREATED, body.to_string()))
    }

    pub(super) fn change_policy(&mut self, now: Timestamp, call: &Call, id: &str) -> Answer {
        let given = call.json()?;
        let at = self.policies.iter().position(|policy| policy.id.to_string().eq_ignore_ascii_case(id));
        let known = at.and_then(|at| self.policies.get(at)).ok_or_else(|| Refusal::missing(id))?;
        let mut policy = known.clone();
        policy.take(&given, now).filter(|()| policy.is_whole()).ok_or_else(no_policy)?;
        self.may_stand(now, &policy)?;
        policy.modified = Some(now);
        let from = after(now, self.profile.policy_delay);
        policy.works_from(from);
        if policy.name == POLICY {
            self.required.retain(|(at, _)| *at < from);
            self.required.push((from, policy.state == State::Enabled));
        }
        if let Some(place) = at.and_then(|at| self.policies.get_mut(at)) {
            *place = policy;
        }
        self.judge_switched(from);
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// No policy is on beside security defaults; groups and strengths that it names exist.
    fn may_stand(&self, now: Timestamp, policy: &Policy) -> Result<(), Refusal> {
        if policy.state == State::Enabled && self.has_defaults() {
            let why = "Security Defaults is enabled in the tenant. You must disable Security defaults before enabling a Conditional Access policy.";
            return Err(Refusal::bad("BadRequest", why));
        }
        let unknown = |group: &&String| !self.groups.iter().any(|known| known.id_text == **group && known.known_from <= now);
        let malformed = policy.include_groups.iter().any(|group| unknown(&group));
        if malformed || policy.strength.as_deref().is_some_and(|id| !super::strengths::exists(id)) {
            let why = "The server could not process the request because it is malformed or incorrect.";
            return Err(Refusal::bad("BadRequest", why));
        }
        Ok(())
    }

    pub(super) fn set_security_defaults(&mut self, now: Timestamp, call: &Call) -> Answer {
        let body = call.json()?;
        let is_on = body.get("isEnabled").and_then(Value::as_bool);
        let is_on = is_on.ok_or_else(|| Refusal::bad("BadRequest", "The request body names no switch."))?;
        if is_on && self.policies.iter().any(|policy| policy.state == State::Enabled) {
            // Not documented; that it is refused is.
            let why = "Conditional Access policies are enabled in the tenant. Disable them before enabling Security Defaults.";
            return Err(Refusal::bad("BadRequest", why));
        }
        if is_on != self.has_defaults() {
            self.defaults.push((now, is_on));
            self.judge_switched(now);
        }
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// Whether security defaults are on.
    pub(super) fn has_defaults(&self) -> bool {
        self.defaults.last().is_some_and(|(_, is_on)| *is_on)
    }

    pub(super) fn get_per_user(&self, now: Timestamp, user: &str) -> Answer {
        let state = self.per_user_at(self.person(user)?, now);
        Ok(Reply::value(&json!({ "perUserMfaState": state.as_str() })))
    }

    pub(super) fn set_per_user(&mut self, now: Timestamp, call: &Call, user: &str) -> Answer {
        let at = self.place(user)?;
        let state = call.json()?.get("perUserMfaState").cloned().unwrap_or_default();
        let state: PerUser =
            serde_json::from_value(state).map_err(|_| Refusal::bad("BadRequest", "The state of per-user MFA is not known."))?;
        let Some(person) = self.people.get_mut(at) else { return Err(Refusal::missing(user)) };
        person.per_user.push((now, state));
        let id = person.id;
        if self.switched_one(now, id) {
            self.judge_enforcing(now, id);
        }
        if state != PerUser::Disabled {
            self.register_at_sign_in(id, now);
            self.oracle.note_write(now, vec![id]);
        }
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    /// Whether MFA is required of the person from `now` on, and never was before.
    fn switched_one(&self, now: Timestamp, id: ObjectId) -> bool {
        self.required_since(id, now) == Some(now) && self.first_required(id, now) == Some(now)
    }

    /// Whoever is new is judged; under security defaults, which leave nobody out, ordinary people only, and nobody is exempt.
    fn judge_switched(&mut self, at: Timestamp) {
        for id in self.switched(at) {
            let is_ordinary = self.standing(at, id).is_some_and(|standing| standing.kind == Kind::Ordinary);
            if !self.has_defaults() {
                self.judge_enforcing(at, id);
            } else if is_ordinary {
                self.judge_including(at, id);
            }
        }
    }

    pub(super) fn create_group(&mut self, now: Timestamp, call: &Call) -> Answer {
        let body = call.json()?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let flag = |name: &str| body.get(name).and_then(Value::as_bool);
        let bad = |what: &str| Refusal::bad("Request_BadRequest", format!("Invalid value specified for property '{what}'."));
        let name = text("displayName").ok_or_else(|| bad("displayName"))?;
        let nickname = text("mailNickname").filter(|name| name.len() <= 64 && !name.contains([' ', '@', '(', ')', ',', ';']));
        nickname.ok_or_else(|| bad("mailNickname"))?;
        if flag("securityEnabled") != Some(true) || flag("mailEnabled") != Some(false) {
            return Err(bad("securityEnabled"));
        }
        let mut group = Group::new(self.new_id(self.groups.len()), name, GroupKind::Security);
        group.known_from = after(now, self.profile.group_delay);
        let body = json!({
            "@odata.context": format!("{}/$metadata#groups/$entity", call.base()),
            "id": group.id_text,
            "displayName": name,
            "description": body.get("description"),
            "groupTypes": [],
            "mailEnabled": false,
            "mailNickname": body.get("mailNickname"),
            "securityEnabled": true,
            "createdDateTime": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        self.groups.push(group);
        Ok(Reply::json(StatusCode::CREATED, body.to_string()))
    }

    fn new_id(&self, n: usize) -> ObjectId {
        let made = n as u64 + ((self.groups.len() + self.policies.len()) as u64) * 1_000;
        ObjectId::from_bits(Stream::new(self.profile.seed ^ made ^ 0x6d61_6465, Chance::Ids).guid())
    }

    /// Whether a group was made so lately that replicas do not know it.
    pub(super) fn is_fresh(&self, now: Timestamp, group: &str) -> bool {
        self.groups.iter().any(|known| known.known_from > now && known.id_text.eq_ignore_ascii_case(group))
    }

    pub(super) fn what_if(&self, now: Timestamp, call: &Call) -> Answer {
        let body = call.json()?;
        let malformed = || Refusal::bad("BadRequest", "The sign-in to evaluate is malformed.");
        let user = body.pointer("/signInIdentity/userId").and_then(Value::as_str).ok_or_else(malformed)?;
        let apps = body.pointer("/signInContext/includeApplications").and_then(Value::as_array).ok_or_else(malformed)?;
        body.get("signInConditions").filter(|conditions| conditions.is_object()).ok_or_else(malformed)?;
        let person = self.person(user)?;
        let only_applied = body.get("appliedPoliciesOnly").and_then(Value::as_bool) == Some(true);
        let names_app = |policy: &Policy| {
            policy.applications.iter().any(|app| app == "All" || apps.iter().any(|asked| asked.as_str() == Some(app)))
        };
        let mut rows = Vec::new();
        for policy in &self.policies {
            let reason = match policy.state {
                State::Disabled => Some("policyNotEnabled"),
                _ if !self.covers(policy, person, now) => Some("users"),
                _ if !names_app(policy) => Some("application"),
                _ => None,
            };
            let mut row = policy.body();
            if let Some(members) = row.as_object_mut() {
                members.insert("policyApplies".to_owned(), reason.is_none().into());
                members.insert("analysisReasons".to_owned(), reason.unwrap_or("notSet").into());
            }
            if reason.is_none() || !only_applied {
                rows.push(row);
            }
        }
        let context = format!("{}/$metadata#Collection(microsoft.graph.whatIfAnalysisResult)", call.base());
        Ok(Reply::value(&json!({ "@odata.context": context, "value": rows })))
    }
}

fn no_policy() -> Refusal {
    let why =
        "1007: Incoming ConditionalAccessPolicy object is null or does not match the schema of ConditionalAccessPolicy type.";
    Refusal::bad("BadRequest", why)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::super::change::Change;
    use super::super::oracle::Rule;
    use super::super::person::PerUser;
    use super::super::policy::State;
    use super::super::probe::{Probe, calm};
    use super::super::profile::{Foreign, Profile};
    use super::super::required::Way;
    use super::super::tenant::{ENFORCED_GROUP, POLICY};

    const DEFAULTS: &str = "/policies/identitySecurityDefaultsEnforcementPolicy";
    const POLICIES: &str = "/identity/conditionalAccess/policies";

    /// An app that may change everything here.
    fn able(profile: Profile) -> Profile {
        let more = [
            "Policy.ReadWrite.ConditionalAccess",
            "Policy.ReadWrite.SecurityDefaults",
            "Policy.ReadWrite.AuthenticationMethod",
            "Group.Create",
        ];
        let roles = profile.roles.iter().cloned().chain(more.map(str::to_owned)).collect();
        Profile { roles, ..profile }
    }

    fn patch(probe: &mut Probe, path: &str, body: Value) -> (u16, Value) {
        probe.call(Method::PATCH, path, &[], Some(body))
    }

    fn policy(probe: &mut Probe, name: &str) -> String {
        let policies = probe.all(POLICIES);
        let found = policies.iter().find(|policy| policy["displayName"] == name).unwrap();
        format!("{POLICIES}/{}", found["id"].as_str().unwrap())
    }

    #[test]
    fn policies_and_security_defaults_are_never_on_together() {
        let mut probe = Probe::new(able(calm(60)));
        assert_eq!(patch(&mut probe, DEFAULTS, json!({"isEnabled": true})).0, 400, "policies are on");
        for name in [POLICY, "Require MFA for admins"] {
            let path = policy(&mut probe, name);
            assert_eq!(patch(&mut probe, &path, json!({"state": "disabled"})).0, 204);
        }
        assert_eq!(patch(&mut probe, DEFAULTS, json!({"isEnabled": true})).0, 204);
        assert_eq!(probe.get(DEFAULTS).1["isEnabled"], true);
        let path = policy(&mut probe, POLICY);
        let (status, body) = patch(&mut probe, &path, json!({"state": "enabled"}));
        assert_eq!(status, 400);
        assert!(body["error"]["message"].as_str().unwrap().starts_with("Security Defaults is enabled"), "{body}");
        assert_eq!(patch(&mut probe, &path, json!({"state": "enabledForReportingButNotEnforced"})).0, 204);
        assert_eq!(patch(&mut probe, &path, json!({"state": "sometimes"})).0, 400);
        assert_eq!(patch(&mut probe, &path, json!({"noSuchMember": 1})).0, 400);
    }

    #[test]
    fn a_switch_needs_its_own_permission() {
        let mut probe = Probe::new(calm(60));
        let (path, person) = (policy(&mut probe, POLICY), probe.people(1).remove(0));
        let requirements = format!("http://127.0.0.1:9/beta/users/{person}/authentication/requirements");
        for (path, body) in [
            (path.as_str(), json!({"state": "disabled"})),
            (DEFAULTS, json!({"isEnabled": false})),
            (requirements.as_str(), json!({"perUserMfaState": "enabled"})),
        ] {
            assert_eq!(patch(&mut probe, path, body).0, 403, "{path}");
        }
        assert_eq!(probe.post("/groups", json!({})).0, 403);
    }

    #[test]
    fn a_change_of_a_policy_works_after_a_while_and_gaps_are_measured() {
        let mut probe = Probe::new(able(calm(60)));
        let people = probe.people(2);
        probe.bind(ENFORCED_GROUP, &people);
        let id = people[0].parse().unwrap();
        assert_eq!(probe.tenant.ways(id, probe.now), [Way::Policy(POLICY.to_owned())]);
        let path = policy(&mut probe, POLICY);
        probe.pass(SignedDuration::from_mins(10));
        assert_eq!(patch(&mut probe, &path, json!({"state": "disabled"})).0, 204);
        assert_eq!(probe.tenant.without_mfa(probe.now), [], "it still works");
        probe.pass(SignedDuration::from_mins(10));
        assert_eq!(probe.tenant.without_mfa(probe.now).len(), 2);
        patch(&mut probe, &path, json!({"state": "enabled"}));
        probe.pass(SignedDuration::from_mins(10));
        assert_eq!(probe.tenant.without_mfa(probe.now), []);
        let gaps = probe.tenant.gaps(probe.now);
        assert_eq!((gaps.len(), gaps[&id]), (2, SignedDuration::from_mins(10)));
        assert!(probe.tenant.required_since(id, probe.now).unwrap() < probe.now);
        let group = probe.group(ENFORCED_GROUP);
        let remove = format!("/groups/{group}/members/{}/$ref", people[0]);
        assert_eq!(probe.call(Method::DELETE, &remove, &[], None).0, 204);
        assert_eq!(probe.tenant.without_mfa(probe.now), [id]);
    }

    #[test]
    fn per_user_states_exist_below_beta_and_settle_after_registration() {
        let mut probe = Probe::new(able(calm(60)));
        let person = probe.people(1).remove(0);
        let path = format!("http://127.0.0.1:9/beta/users/{person}/authentication/requirements");
        assert_eq!(probe.get(&path.replace("beta", "v1.0")).0, 400);
        assert_eq!(probe.get(&path).1["perUserMfaState"], "disabled");
        probe.tenant.change(probe.now, Change::Register(person.clone())).unwrap();
        assert_eq!(patch(&mut probe, &path, json!({"perUserMfaState": "enabled"})).0, 204);
        assert_eq!(probe.get(&path).1["perUserMfaState"], "enabled");
        assert_eq!(probe.tenant.ways(person.parse().unwrap(), probe.now), [Way::PerUser]);
        probe.pass(SignedDuration::from_hours(1));
        assert_eq!(probe.get(&path).1["perUserMfaState"], "enforced");
        assert_eq!(patch(&mut probe, &path, json!({"perUserMfaState": "on"})).0, 400);
        assert_eq!(patch(&mut probe, &path, json!({"perUserMfaState": "disabled"})).0, 204);
        assert_eq!(probe.tenant.without_mfa(probe.now), [person.parse().unwrap()]);
        assert_eq!(probe.tenant.violations()[0].rule, Rule::Told, "nobody told them");
        let before = probe.tenant.violations().len();
        patch(&mut probe, &path, json!({"perUserMfaState": "enabled"}));
        assert_eq!(probe.tenant.violations().len(), before, "they had it before");
    }

    #[test]
    fn whoever_registered_under_security_defaults_has_mfa() {
        let mut probe = Probe::new(able(Profile { security_defaults: true, per_user: 0.3, ..calm(100) }));
        let (now, people) = (probe.now, probe.tenant.ordinary_people());
        let by_defaults =
            |probe: &Probe, now| people.iter().filter(|id| probe.tenant.ways(**id, now).contains(&Way::SecurityDefaults)).count();
        assert!(probe.all(POLICIES).iter().all(|policy| policy["state"] != "enabled"));
        assert!(by_defaults(&probe, now) > 50, "long on: whoever has nothing had to register, too");
        let left = people.iter().filter(|id| probe.tenant.ways(**id, now).contains(&Way::PerUser)).count();
        assert!((15..45).contains(&left), "{left}");
        assert_eq!(patch(&mut probe, DEFAULTS, json!({"isEnabled": false})).0, 204);
        assert!(probe.tenant.without_mfa(probe.now).len() > 30);
        probe.pass(SignedDuration::from_secs(7));
        assert_eq!(patch(&mut probe, DEFAULTS, json!({"isEnabled": true})).0, 204);
        assert!(probe.tenant.gaps(probe.now).values().all(|gap| *gap == SignedDuration::from_secs(7)));
    }

    #[test]
    fn a_new_group_is_known_after_a_moment_and_a_policy_about_it_only_then() {
        let mut probe = Probe::new(able(calm(60)));
        let body = json!({"displayName": "New", "mailNickname": "new", "mailEnabled": false, "securityEnabled": true});
        let (status, group) = probe.post("/groups", body);
        assert_eq!(status, 201);
        let id = group["id"].as_str().unwrap().to_owned();
        let body = json!({
            "displayName": "P", "state": "enabledForReportingButNotEnforced",
            "conditions": {"clientAppTypes": ["all"], "applications": {"includeApplications": ["All"]},
                "users": {"includeGroups": [id]}},
            "grantControls": {"operator": "OR", "authenticationStrength": {"id": "00000000-0000-0000-0000-000000000002"}},
        });
        let seen = |probe: &mut Probe| {
            let listed = probe.all("/groups?$filter=displayName eq 'New'").len();
            (probe.get(&format!("/groups/{id}")).0, listed, probe.post(POLICIES, body.clone()).0)
        };
        assert_eq!(seen(&mut probe), (404, 0, 400));
        let person = probe.people(1);
        assert_eq!(probe.bind("New", &person).0, 400);
        probe.pass(SignedDuration::from_secs(5));
        assert_eq!(seen(&mut probe), (200, 1, 201));
        assert_eq!(probe.bind("New", &person).0, 204);
        let path = policy(&mut probe, "P");
        let (_, made) = probe.get(&path);
        assert_eq!(made["grantControls"]["authenticationStrength"]["policyType"], "builtIn");
        assert_eq!(patch(&mut probe, &path, json!({"state": "enabled"})).0, 204);
        probe.pass(SignedDuration::from_mins(1));
        assert_eq!(probe.tenant.ways(person[0].parse().unwrap(), probe.now), [Way::Policy("P".to_owned())]);
        assert!(probe.tenant.violations().iter().any(|violation| violation.rule == Rule::Told));
        assert_eq!(probe.post(POLICIES, json!({"displayName": "no more than a name"})).0, 400);
    }

    #[test]
    fn a_what_if_says_which_policies_apply_and_why_not() {
        let foreign = vec![Foreign::AllUsers, Foreign::ManagedSoon, Foreign::Twin, Foreign::Baseline, Foreign::SecondGroup];
        let mut probe = Probe::new(able(Profile { foreign, ..calm(60) }));
        let person = probe.people(1).remove(0);
        let ask = |applied: bool| {
            json!({
                "signInIdentity": {"@odata.type": "#microsoft.graph.userSignIn", "userId": person},
                "signInContext": {"@odata.type": "#microsoft.graph.applicationContext", "includeApplications": ["x"]},
                "signInConditions": {}, "appliedPoliciesOnly": applied,
            })
        };
        let (status, body) = probe.post("/identity/conditionalAccess/evaluate", ask(true));
        assert_eq!(status, 200);
        let names: Vec<&str> = body["value"].as_array().unwrap().iter().map(|row| row["displayName"].as_str().unwrap()).collect();
        assert!(names.contains(&"MFA for all users") && !names.contains(&"Require MFA for admins"), "{names:?}");
        let (_, body) = probe.post("/identity/conditionalAccess/evaluate", ask(false));
        let all = body["value"].as_array().unwrap();
        assert!(all.iter().any(|row| row["analysisReasons"] == "users" && row["policyApplies"] == false));
        let required = probe.tenant.ways(person.parse().unwrap(), probe.now).len();
        assert!(required >= 2, "all users, and the baseline");
        probe.tenant.change(probe.now, Change::SetPerUser { person: person.clone(), state: PerUser::Enabled }).unwrap();
        let off = Change::SetPolicy { policy: "MFA for all users".to_owned(), state: State::Disabled };
        probe.tenant.change(probe.now, off).unwrap();
        assert_eq!(probe.tenant.ways(person.parse().unwrap(), probe.now).len(), required);
    }
}
