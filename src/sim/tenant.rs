//! One simulated tenant: its state, and the way of a request through it. What each endpoint does stands in its own file.
//!
//! Time is the latest that a request named in `Tidegate-Now`, else the caller's; it never goes back. Nothing is random
//! beyond the seed, and nothing happens between requests: what is due is caught up with when the next one arrives.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;

use super::assertion::AppKey;
use super::attempt::Calendar;
use super::call::Call;
use super::chance::{Kind as Chance, Stream};
use super::change::Change;
use super::fault::{Effect, Faults, Misfortune};
use super::group::Group;
use super::mailbox::Mailboxes;
use super::meter::Meters;
use super::oracle::{Oracle, Violation};
use super::people::{Makers, found};
use super::person::Person;
use super::policy::Policy;
use super::profile::{Charge, Licence, Profile};
use super::reply::{Answer, Body, Refusal, Reply};
use super::reports::Reports;
use super::route::{Endpoint, Meter, route};
use super::token::Tokens;
use crate::rollout::id::ObjectId;

/// The group that the policy requires MFA of.
pub const ENFORCED_GROUP: &str = "MFA Enforced";
/// The group whose members are exempt.
pub const EXEMPT_GROUP: &str = "MFA Exempt";
/// The group of the pilot; one of its members is a group.
pub const PILOT_GROUP: &str = "MFA Pilot";
/// The policy that requires MFA.
pub const POLICY: &str = "Require MFA";

/// What comes back for a request.
#[derive(Debug)]
pub enum Fate {
    /// An answer.
    Answer(Response<Bytes>),
    /// Nothing: the connection breaks.
    Lost,
}

/// A simulated tenant.
#[derive(Debug)]
pub struct Tenant {
    pub(super) profile: Profile,
    pub(super) id: ObjectId,
    pub(super) people: Vec<Person>,
    pub(super) by_id: HashMap<ObjectId, usize>,
    /// By user principal name in lower case.
    pub(super) by_name: HashMap<String, usize>,
    /// By mail address in lower case.
    pub(super) by_mail: HashMap<String, usize>,
    pub(super) groups: Vec<Group>,
    pub(super) policies: Vec<Policy>,
    /// Since when the policy has required MFA of the group's members, or has not; oldest first.
    pub(super) required: Vec<(Timestamp, bool)>,
    /// Since when security defaults have been on, or off; oldest first.
    pub(super) defaults: Vec<(Timestamp, bool)>,
    pub(super) tokens: Tokens,
    pub(super) meters: Meters,
    pub(super) mailboxes: Mailboxes,
    pub(super) reports: Reports,
    pub(super) faults: Faults,
    pub(super) oracle: Oracle,
    pub(super) calendar: Calendar,
    pub(super) pages: Stream,
    pub(super) replicas: Stream,
    pub(super) shuffle: Stream,
    pub(super) joiners: Makers,
    /// Temporary Access Passes, by the person's place; one each.
    pub(super) passes: std::collections::BTreeMap<usize, super::pass::Issued>,
    /// Changes that are due at an instant, in order.
    pub(super) due: Vec<(Timestamp, Change)>,
    /// The registration report shows nothing later.
    pub(super) report_until: Option<Timestamp>,
    heard: Option<Timestamp>,
    requests: u64,
    /// Writes of requests whose answers have not left, and of the request at hand.
    under_way: u32,
    held: u32,
}

impl Tenant {
    /// A tenant of this profile, before anything happened.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        let people = found(&profile);
        let mut ids = Stream::new(profile.seed ^ 0x7465_6e61_6e74, Chance::Ids);
        let mut tenant = Self {
            id: ObjectId::from_bits(ids.guid()),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
            by_mail: HashMap::new(),
            groups: Vec::new(),
            policies: Vec::new(),
            required: vec![(Timestamp::MIN, !profile.security_defaults)],
            defaults: vec![(Timestamp::MIN, profile.security_defaults)],
            tokens: Tokens::new(profile.seed),
            meters: Meters::new(&profile),
            mailboxes: Mailboxes::default(),
            reports: Reports::default(),
            faults: Faults::new(profile.seed, profile.fault_rate),
            oracle: Oracle::new(profile.floor, profile.grace),
            calendar: Calendar::default(),
            pages: Stream::new(profile.seed, Chance::Pages),
            replicas: Stream::new(profile.seed, Chance::Replicas),
            shuffle: Stream::new(profile.seed, Chance::Batches),
            joiners: Makers::for_joiners(&profile, people.len()),
            passes: std::collections::BTreeMap::new(),
            due: Vec::new(),
            report_until: None,
            heard: None,
            requests: 0,
            under_way: 0,
            held: 0,
            people: Vec::new(),
            profile,
        };
        for person in people {
            tenant.admit(person);
        }
        tenant.found_groups(&mut ids);
        tenant.found_policies(&mut ids);
        tenant.plant();
        tenant
    }

    /// Takes a person into the directory.
    pub(super) fn admit(&mut self, person: Person) {
        let at = self.people.len();
        self.by_id.insert(person.id, at);
        self.by_name.insert(person.upn.to_lowercase(), at);
        if let Some(mail) = &person.mail {
            self.by_mail.insert(mail.to_lowercase(), at);
        }
        self.people.push(person);
        self.calendar.forget();
    }

    /// The answer to a request at `now`, which leaves at once.
    pub fn answer(&mut self, now: Timestamp, request: &Request<Bytes>) -> Fate {
        let (fate, held) = self.begin(now, request);
        self.end(held);
        fate
    }

    /// As [`Tenant::answer`], and how many writes count as under way until [`Tenant::end`] is told so.
    pub(super) fn begin(&mut self, now: Timestamp, request: &Request<Bytes>) -> (Fate, u32) {
        self.held = 0;
        let fate = self.fate(now, request);
        (fate, self.held)
    }

    /// So many writes are no longer under way.
    pub(super) const fn end(&mut self, held: u32) {
        self.under_way = self.under_way.saturating_sub(held);
    }

    fn fate(&mut self, now: Timestamp, request: &Request<Bytes>) -> Fate {
        let now = self.hear(now, request.headers());
        self.catch_up(now);
        if let Some(reply) = self.control(now, request) {
            return Fate::Answer(self.render(now, request.headers(), reply));
        }
        self.requests += 1;
        let uri = request.uri();
        let query = || Call::read(request).map_or_else(String::new, |call| call.query());
        let fault = self.faults.meet(request.method(), uri.path(), query);
        let delivery = fault.as_ref().and_then(|(misfortune, _)| misfortune.delivery());
        let reply = match &fault {
            Some((misfortune, Effect::Instead)) => misfortune.reply(now),
            _ => self.reply(now, request),
        };
        let reply = match fault {
            Some((Misfortune::Lost, _)) => return Fate::Lost,
            Some((misfortune, Effect::Afterwards)) => misfortune.spoil(reply, now),
            _ => reply,
        };
        let mut response = self.render(now, request.headers(), reply);
        if let Some(delivery) = delivery {
            response.extensions_mut().insert(delivery);
        }
        Fate::Answer(response)
    }

    /// The latest time that was heard, or the caller's as long as none was.
    fn hear(&mut self, now: Timestamp, headers: &HeaderMap) -> Timestamp {
        let said = headers.get("tidegate-now").and_then(|text| text.to_str().ok()).and_then(|text| text.parse().ok());
        self.heard = self.heard.max(said);
        self.heard.unwrap_or(now)
    }

    /// From now on the time is the caller's again, as long as no request names another. It must not be earlier than what was heard.
    pub const fn forget_time(&mut self) {
        self.heard = None;
    }

    fn reply(&mut self, now: Timestamp, request: &Request<Bytes>) -> Reply {
        if let Some(reply) = self.login(now, request).or_else(|| self.identity(now, request)) {
            return reply;
        }
        let answer = match Call::read(request) {
            None => Err(Refusal::bad("BadRequest", "Invalid version.")),
            Some(call) => self.authorised(now, &call),
        };
        answer.unwrap_or_else(|refusal| self.refuse(refusal, now, request.headers()))
    }

    fn authorised(&mut self, now: Timestamp, call: &Call) -> Answer {
        let token = call.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        let unauthorized = |why: &str| Refusal::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", why);
        let token = token.ok_or_else(|| unauthorized("Access token is empty."))?;
        let roles = self.tokens.roles(token, now);
        let roles = roles.ok_or_else(|| unauthorized("Lifetime validation failed, the token is expired."))?;
        if call.segments == ["$batch"] {
            return self.batch(now, &roles, call);
        }
        self.single(now, &roles, call)
    }

    /// One call, from the wire or out of a batch.
    pub(super) fn single(&mut self, now: Timestamp, roles: &[String], call: &Call) -> Answer {
        let (endpoint, permissions, meter) = route(call)?;
        if let Endpoint::DeleteMemberObject { member } = endpoint {
            self.oracle.deletion(now, member);
        }
        if !permissions.iter().any(|permission| roles.iter().any(|role| role == permission)) {
            return Err(Refusal::no_permission());
        }
        let is_premium = matches!(endpoint, Endpoint::Registration | Endpoint::RegistrationOf(_) | Endpoint::SignIns);
        if is_premium && self.profile.licence == Licence::Free {
            return Err(Refusal::no_premium());
        }
        let meter = self.admit_write(call, endpoint, meter)?;
        self.meters.count(meter, now)?;
        let mut reply = self.serve(now, roles, call, endpoint)?;
        reply.headers.extend(self.meters.headers(meter));
        Ok(reply)
    }

    /// Counts a write among those under way, or refuses it; and what it costs.
    fn admit_write(&mut self, call: &Call, endpoint: Endpoint<'_>, meter: Meter) -> Result<Meter, Refusal> {
        let Meter::Directory { units, writes: 1.. } = meter else { return Ok(meter) };
        let service = self.profile.service;
        if service.at_once > 0 && self.under_way >= service.at_once {
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", "The service is unavailable."));
        }
        self.under_way += 1;
        self.held += 1;
        if service.charge == Charge::Link && matches!(endpoint, Endpoint::BindMembers(_)) {
            let body = call.json()?;
            let links = body.get("members@odata.bind").and_then(serde_json::Value::as_array).map_or(1, Vec::len);
            return Ok(Meter::Directory { units, writes: u32::try_from(links).unwrap_or(1).max(1) });
        }
        Ok(meter)
    }

    fn serve(&mut self, now: Timestamp, roles: &[String], call: &Call, endpoint: Endpoint<'_>) -> Answer {
        match endpoint {
            Endpoint::AddMember(group) | Endpoint::BindMembers(group) if self.is_fresh(now, group) => {
                let why = "The source resource object or one of the objects being referenced do not exist.";
                Err(Refusal::bad("Request_BadRequest", why))
            }
            Endpoint::Group(group) | Endpoint::Members { group, .. } if self.is_fresh(now, group) => Err(Refusal::missing(group)),
            Endpoint::Users => self.list_users(now, roles, call),
            Endpoint::UsersDelta => self.users_delta(now, call),
            Endpoint::UserCount => self.count_users(call),
            Endpoint::User(user) => self.get_user(call, user),
            Endpoint::ReportsTo(user) => self.get_manager(call, user),
            Endpoint::UserMethods(user) => self.user_methods(now, call, user),
            Endpoint::Passes(user) => self.list_passes(now, call, user),
            Endpoint::IssuePass(user) => self.issue_pass(now, call, user),
            Endpoint::CheckGroups(user) => self.check_groups(now, call, user),
            Endpoint::SendMail(user) => self.send_mail(now, call, user),
            Endpoint::Messages(user) => self.list_messages(now, call, user),
            Endpoint::Groups => self.list_groups(now, call),
            Endpoint::GroupsDelta => self.groups_delta(now, call),
            Endpoint::CreateGroup => self.create_group(now, call),
            Endpoint::GroupCount => self.count_groups(call),
            Endpoint::Group(group) => self.get_group(call, group),
            Endpoint::Members { group, depth, cast } => self.list_members(now, call, group, depth, cast),
            Endpoint::MemberCount { group, depth, cast } => self.count_members(now, call, group, depth, cast),
            Endpoint::AddMember(group) => self.add_member(now, roles, call, group),
            Endpoint::BindMembers(group) => self.bind_members(now, roles, call, group),
            Endpoint::RemoveMember { group, member } => self.remove_member(now, roles, group, member),
            Endpoint::DeleteMemberObject { member } => self.delete_member_object(now, member),
            Endpoint::Policies => self.list_policies(call),
            Endpoint::Policy(policy) => self.get_policy(call, policy),
            Endpoint::CreatePolicy => self.create_policy(now, call),
            Endpoint::ChangePolicy(policy) => self.change_policy(now, call, policy),
            Endpoint::WhatIf => self.what_if(now, call),
            Endpoint::Strengths => Ok(super::strengths::list(call)),
            Endpoint::SecurityDefaults => Ok(self.get_security_defaults(call)),
            Endpoint::SetSecurityDefaults => self.set_security_defaults(now, call),
            Endpoint::PerUser(user) => self.get_per_user(now, user),
            Endpoint::SetPerUser(user) => self.set_per_user(now, call, user),
            Endpoint::Registration => self.list_registration(now, call),
            Endpoint::RegistrationOf(user) => self.get_registration(now, call, user),
            Endpoint::SignIns => self.list_sign_ins(now, roles, call),
            Endpoint::RoleAssignments => self.list_roles(call),
            Endpoint::Organization => Ok(self.get_organization(call)),
            Endpoint::Skus => Ok(self.list_skus(call)),
            Endpoint::Domains => Ok(self.list_domains(call)),
            Endpoint::Federation(domain) => self.list_federation(call, domain),
            Endpoint::MethodsPolicy => Ok(self.get_methods_policy(call)),
            Endpoint::MethodPolicy(method) => self.get_method_policy(call, method),
        }
    }

    /// The envelope of a refusal, with the ids of this request.
    pub(super) fn refuse(&self, refusal: Refusal, now: Timestamp, headers: &HeaderMap) -> Reply {
        let client = headers.get("client-request-id").and_then(|id| id.to_str().ok());
        let own = self.request_id();
        refusal.into_reply(now, &own, client.unwrap_or(&own))
    }

    fn request_id(&self) -> String {
        let low = super::chance::draw(self.profile.seed, Chance::Ids, &[self.requests]);
        ObjectId::from_bits(u128::from(self.requests) << 64 | u128::from(low)).to_string()
    }

    fn render(&self, now: Timestamp, asked: &HeaderMap, reply: Reply) -> Response<Bytes> {
        let (body, kind) = match reply.body {
            Body::None => (Bytes::new(), None),
            Body::Json(body) => {
                (body, Some("application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"))
            }
            Body::Text(body) => (body, Some("text/plain")),
        };
        let mut response = Response::new(body);
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert("content-type", HeaderValue::from_static(kind));
        }
        if let Some(id) = asked.get("client-request-id") {
            headers.insert("client-request-id", id.clone());
        }
        let own = [
            (HeaderName::from_static("request-id"), self.request_id()),
            (http::header::DATE, now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ];
        for (name, value) in own.into_iter().chain(reply.headers) {
            // a later one wins: a fault's own content type
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }

    /// What the app did wrong so far, as the tenant saw it.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        self.oracle.violations()
    }

    /// Mails that were refused so far because their mailbox had sent too much.
    #[must_use]
    pub const fn mails_refused(&self) -> u32 {
        self.mailboxes.refused
    }

    /// Requests so far, control aside.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// The profile that the tenant was made of.
    #[must_use]
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// From now on this is the app's certificate.
    pub fn set_app_key(&mut self, key: AppKey) {
        self.profile.app_key = Some(key);
    }

    /// The tenant's id.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// Whether chance wants the next page to come empty.
    pub(super) fn comes_empty(&mut self) -> bool {
        self.pages.happens(self.profile.empty_pages)
    }

    /// The object id of the person with this user principal name or id, if they exist.
    #[must_use]
    pub fn object_id(&self, user: &str) -> Option<ObjectId> {
        self.person(user).ok().map(|person| person.id)
    }

    /// The object id of the first group with this name.
    #[must_use]
    pub fn group_id(&self, name: &str) -> Option<ObjectId> {
        self.group_named(name).map(|group| group.id)
    }

    pub(super) fn group_named(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The group with the id.
    pub(super) fn group(&self, id: &str) -> Result<&Group, Refusal> {
        self.groups.iter().find(|group| group.id_text.eq_ignore_ascii_case(id)).ok_or_else(|| Refusal::missing(id))
    }

    /// The place of the person with this id or user principal name.
    pub(super) fn place(&self, user: &str) -> Result<usize, Refusal> {
        let at =
            user.parse().ok().and_then(|id: ObjectId| self.by_id.get(&id)).or_else(|| self.by_name.get(&user.to_lowercase()));
        let at = at.copied().filter(|at| self.people.get(*at).is_some_and(Person::exists));
        at.ok_or_else(|| Refusal::missing(user))
    }

    /// The person with this id or user principal name.
    pub(super) fn person(&self, user: &str) -> Result<&Person, Refusal> {
        let at = self.place(user)?;
        self.people.get(at).ok_or_else(|| Refusal::missing(user))
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use jiff::SignedDuration;

    use super::super::change::Change;
    use super::super::probe::{Probe, calm};
    use super::super::profile::{Licence, Profile, Quotas};

    #[test]
    fn a_call_needs_a_good_token_its_permission_and_a_licence() {
        let mut probe = Probe::new(Profile { token_lifetime: SignedDuration::from_secs(3_599), ..calm(20) });
        assert_eq!(probe.get("/users").0, 200);
        probe.pass(SignedDuration::from_secs(3_599));
        let (status, body) = probe.get("/users");
        assert_eq!((status, body["error"]["code"].as_str().unwrap()), (401, "InvalidAuthenticationToken"));
        let mut probe = Probe::new(Profile { roles: vec!["User.Read.All".to_owned()], ..calm(20) });
        let (status, body) = probe.get("/auditLogs/signIns");
        assert_eq!((status, body["error"]["code"].as_str().unwrap()), (403, "Authorization_RequestDenied"));
        let mut probe = Probe::new(Profile { licence: Licence::Free, ..calm(20) });
        let (status, body) = probe.get("/auditLogs/signIns");
        assert_eq!(
            (status, body["error"]["code"].as_str().unwrap()),
            (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")
        );
        probe.tenant.change(probe.now, Change::RevokeTokens).unwrap();
        assert_eq!(probe.get("/users").0, 401);
    }

    #[test]
    fn quotas_refuse_in_each_services_own_way() {
        let mut probe = Probe::new(Profile { quotas: Quotas::default(), ..calm(20) });
        let policies = "/identity/conditionalAccess/policies";
        assert_eq!(probe.get(policies).0, 200);
        let (status, body) = probe.get(policies);
        assert_eq!((status, body.get("retry-after")), (429, None), "{body}");
        probe.pass(SignedDuration::from_secs(1));
        assert_eq!(probe.get(policies).0, 200);
        let report = "/reports/authenticationMethods/userRegistrationDetails";
        assert!((0..5).all(|_| probe.get(report).0 == 200));
        let (status, body) = probe.get(report);
        assert_eq!((status, body["error"]["code"].as_str().unwrap()), (429, "UnknownError"));
        assert_eq!(body["retry-after"], "10.000");
        probe.pass(SignedDuration::from_secs(10));
        assert_eq!(probe.get(report).0, 200);
    }

    #[test]
    fn the_time_is_the_latest_that_was_heard() {
        let mut probe = Probe::new(calm(20));
        for (said, expected) in
            [("2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"), ("2027-02-01T00:00:00Z", "2027-03-01T00:00:00Z")]
        {
            let (_, body) = probe.call(Method::GET, "http://127.0.0.1:9/_sim/state", &[("tidegate-now", said)], None);
            assert_eq!(body["now"], expected);
        }
    }

    #[test]
    fn the_same_seed_and_requests_give_the_same_answers() {
        let run = || {
            let mut probe =
                Probe::new(Profile { empty_pages: 0.2, missing_rows: 0.1, read_lag: SignedDuration::from_secs(60), ..calm(120) });
            probe.tenant.change(probe.now, Change::FaultRate(0.2)).unwrap();
            let group = probe.group(super::ENFORCED_GROUP);
            let mut answers = Vec::new();
            for round in 0..30 {
                probe.pass(SignedDuration::from_mins(40));
                let people = probe.people(3);
                answers.push(probe.notify(&people[0], probe.now, &format!("n{round}")));
                answers.push(probe.bind(super::ENFORCED_GROUP, &people));
                for path in ["/users?$top=50", &format!("/groups/{group}/members"), "/auditLogs/signIns?$top=20"] {
                    answers.push(probe.get(path));
                }
            }
            answers
        };
        let (first, second) = (run(), run());
        assert_eq!(first, second);
        assert!(first.iter().any(|(status, _)| *status == 0) && first.iter().any(|(status, _)| *status == 204));
    }

    #[test]
    fn writes_at_once_and_each_link_may_cost() {
        use super::super::profile::{Charge, Service};
        let service = Service { charge: Charge::Link, at_once: 2, ..Service::default() };
        let quotas = Quotas { writes: 7, units: 0, policies: 0, reports: 0, mails: 0, recipients: 0 };
        let mut probe = Probe::new(Profile { quotas, service, ..calm(60) });
        let (group, people) = (probe.group("MFA Enforced"), probe.people(12));
        let binds = people.chunks(3).enumerate().map(|(id, people)| {
            let people: Vec<_> = people.iter().map(|id| format!("https://g.example/v1.0/directoryObjects/{id}")).collect();
            let headers = serde_json::json!({ "content-type": "application/json" });
            let body = serde_json::json!({ "members@odata.bind": people });
            serde_json::json!({ "id": id.to_string(), "method": "PATCH", "url": format!("/groups/{group}"), "headers": headers, "body": body })
        });
        let binds: Vec<_> = binds.collect();
        let mut statuses = |binds: &[serde_json::Value]| {
            let (_, body) = probe.post("/$batch", serde_json::json!({ "requests": binds }));
            let rows = body["responses"].as_array().unwrap().iter();
            let mut statuses: Vec<_> = rows.map(|row| row["status"].as_u64().unwrap()).collect();
            statuses.sort_unstable();
            statuses
        };
        assert_eq!(statuses(&binds[..3]), [204, 204, 503], "two at once");
        assert_eq!(statuses(&binds[2..3]), [429], "six of seven are used");
    }

    #[test]
    fn an_account_vanishes_just_when_it_is_added() {
        use super::super::profile::Service;
        let service = Service { vanishing: 1.0, ..Service::default() };
        let mut probe = Probe::new(Profile { service, ..calm(60) });
        let people = probe.people(1);
        assert_eq!(probe.get(&format!("/users/{}", people[0])).0, 200);
        assert_eq!(probe.bind("MFA Enforced", &people).0, 404);
        assert_eq!(probe.get(&format!("/users/{}", people[0])).0, 404);
    }
}
