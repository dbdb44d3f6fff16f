//! One simulated tenant: its state, and the way of a request through it. What each endpoint does stands in its own file.
//!
//! Time is the latest that a request named in `Tidegate-Now`, else the caller's; it never goes back. Nothing is random
//! beyond the seed, and nothing happens between requests: what is due is caught up with when the next one arrives.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::attempt::Calendar;
use super::call::Call;
use super::chance::{Kind as Chance, Stream};
use super::change::Change;
use super::fault::{Effect, Faults, Misfortune};
use super::group::{Group, GroupKind};
use super::oracle::{Oracle, Violation};
use super::people::{Makers, found};
use super::person::{Kind, Person};
use super::policy::{Policy, State};
use super::profile::{Licence, Profile};
use super::reply::{Answer, Body, Refusal, Reply};
use super::route::{Endpoint, Meter, route};
use super::throttle::{Bucket, Window};
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
    pub(super) security_defaults: bool,
    pub(super) tokens: Tokens,
    pub(super) meters: Meters,
    pub(super) faults: Faults,
    pub(super) oracle: Oracle,
    pub(super) calendar: Calendar,
    pub(super) pages: Stream,
    pub(super) replicas: Stream,
    pub(super) shuffle: Stream,
    pub(super) joiners: Makers,
    /// Changes that are due at an instant, in order.
    pub(super) due: Vec<(Timestamp, Change)>,
    /// The registration report shows nothing later.
    pub(super) report_until: Option<Timestamp>,
    heard: Option<Timestamp>,
    requests: u64,
}

/// What calls count against.
#[derive(Debug)]
pub(super) struct Meters {
    writes: Bucket,
    units: Bucket,
    policies: Window,
    reports: Window,
}

impl Meters {
    pub(super) fn new(profile: &Profile) -> Self {
        let quotas = profile.quotas;
        Self {
            writes: Bucket::new(quotas.writes, SignedDuration::from_secs(150)),
            units: Bucket::new(quotas.units, SignedDuration::from_secs(10)),
            policies: Window::new(quotas.policies, SignedDuration::from_secs(1)),
            reports: Window::new(quotas.reports, SignedDuration::from_secs(10)),
        }
    }

    fn count(&mut self, meter: Meter, now: Timestamp) -> Result<(), Refusal> {
        match meter {
            Meter::Directory { units, writes } => {
                self.units.take(now, units).map_err(|wait| throttled_directory(wait, "ResourceUnitLimitExceeded"))?;
                if writes > 0 {
                    self.writes.take(now, writes).map_err(|wait| throttled_directory(wait, "WriteLimitExceeded"))?;
                }
                Ok(())
            }
            Meter::Policies => self.policies.call(now).map_err(|_| Refusal::throttled(None)),
            Meter::Reports => self.reports.call(now).map_err(Refusal::reports_throttled),
            Meter::Outlook => Ok(()),
        }
    }

    /// The headers by which the service tells how much is used.
    fn headers(&self, meter: Meter) -> Vec<(HeaderName, String)> {
        let Meter::Directory { units, writes } = meter else { return Vec::new() };
        let used = if writes > 0 { self.writes.used().max(self.units.used()) } else { self.units.used() };
        let mut headers = vec![(HeaderName::from_static("x-ms-resource-unit"), units.to_string())];
        if used > 0.8 {
            headers.push((HeaderName::from_static("x-ms-throttle-limit-percentage"), format!("{used:.2}")));
        }
        headers
    }
}

fn throttled_directory(wait: f64, why: &str) -> Refusal {
    let mut refusal = Refusal::throttled(Some(wait));
    refusal.headers.push((HeaderName::from_static("x-ms-throttle-information"), why.to_owned()));
    refusal
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
            required: vec![(Timestamp::MIN, true)],
            security_defaults: false,
            tokens: Tokens::new(profile.seed),
            meters: Meters::new(&profile),
            faults: Faults::new(profile.seed, profile.fault_rate),
            oracle: Oracle::new(profile.floor, profile.grace),
            calendar: Calendar::default(),
            pages: Stream::new(profile.seed, Chance::Pages),
            replicas: Stream::new(profile.seed, Chance::Replicas),
            shuffle: Stream::new(profile.seed, Chance::Batches),
            joiners: Makers::for_joiners(&profile, people.len()),
            due: Vec::new(),
            report_until: None,
            heard: None,
            requests: 0,
            people: Vec::new(),
            profile,
        };
        for person in people {
            tenant.admit(person);
        }
        tenant.found_groups(&mut ids);
        tenant.found_policies(&mut ids);
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

    fn found_groups(&mut self, ids: &mut Stream) {
        let ordinary: Vec<ObjectId> = self
            .people
            .iter()
            .filter(|person| person.kind == Kind::Ordinary && person.is_enabled())
            .map(|person| person.id)
            .collect();
        let few = |share: usize, least: usize| (ordinary.len() / share).max(least);
        let some = |skip: usize, take: usize| ordinary.iter().skip(skip).take(take).copied().collect::<Vec<_>>();
        let (exempt, pilot) = (few(100, 1), few(25, 4));
        let nested = pilot / 3 + 1;
        let groups = [
            (ENFORCED_GROUP, GroupKind::Security, Vec::new()),
            (EXEMPT_GROUP, GroupKind::Security, some(0, exempt)),
            ("MFA Pilot IT", GroupKind::Security, some(exempt, nested)),
            (PILOT_GROUP, GroupKind::Security, some(exempt + nested, pilot - nested)),
            ("All Sales", GroupKind::Dynamic, self.of_department("Sales")),
            ("Synced Staff", GroupKind::Synced, some(0, 10)),
            ("Announcements", GroupKind::MailEnabled, some(0, 10)),
            ("Administrators", GroupKind::RoleAssignable, some(2, 2)),
            ("Project Tide", GroupKind::Microsoft365, some(5, 8)),
        ];
        for (name, kind, members) in groups {
            let mut group = Group::new(ObjectId::from_bits(ids.guid()), name, kind);
            for member in members {
                group.add(member, Timestamp::MIN);
            }
            self.groups.push(group);
        }
        let inner = self.group_named("MFA Pilot IT").map(|group| group.id);
        if let (Some(inner), Some(pilot)) = (inner, self.groups.iter_mut().find(|group| group.name == PILOT_GROUP)) {
            pilot.add(inner, Timestamp::MIN);
        }
    }

    fn of_department(&self, department: &str) -> Vec<ObjectId> {
        let people = self.people.iter().filter(|person| person.department.as_deref() == Some(department));
        people.map(|person| person.id).collect()
    }

    fn found_policies(&mut self, ids: &mut Stream) {
        let break_glass = self.people.iter().filter(|person| person.kind == Kind::BreakGlass);
        let break_glass: Vec<String> = break_glass.map(|person| person.id_text.clone()).collect();
        let mut new = |name, state| Policy::new(ObjectId::from_bits(ids.guid()), name, state);
        let mut admins = new("Require MFA for admins", State::Enabled);
        admins.include_roles = vec!["62e90394-69f5-4237-9190-012177145e10".to_owned()];
        admins.exclude_users.clone_from(&break_glass);
        let mut require = new(POLICY, State::Enabled);
        require.include_groups = self.group_named(ENFORCED_GROUP).map(|group| group.id_text.clone()).into_iter().collect();
        require.exclude_users.clone_from(&break_glass);
        let mut managed = new("Microsoft-managed: Block legacy authentication", State::EnabledForReportingButNotEnforced);
        managed.include_users = vec!["All".to_owned()];
        managed.exclude_users = break_glass;
        managed.control = "block";
        managed.template = Some("0b2282f9-2862-4178-88b5-d79340b36cb8");
        self.policies.extend([admins, require, managed]);
    }

    /// The answer to a request at `now`.
    pub fn answer(&mut self, now: Timestamp, request: &Request<Bytes>) -> Fate {
        let now = self.hear(now, request.headers());
        self.catch_up(now);
        if let Some(reply) = self.control(now, request) {
            return Fate::Answer(self.render(now, request.headers(), reply));
        }
        self.requests += 1;
        let fault = self.faults.meet(request.method(), request.uri().path());
        let reply = match &fault {
            Some((misfortune, Effect::Instead)) => misfortune.reply(now),
            _ => self.reply(now, request),
        };
        let reply = match fault {
            Some((Misfortune::Lost, _)) => return Fate::Lost,
            Some((misfortune, Effect::Afterwards)) => misfortune.spoil(reply, now),
            _ => reply,
        };
        Fate::Answer(self.render(now, request.headers(), reply))
    }

    /// The latest time that was heard, or the caller's as long as none was.
    fn hear(&mut self, now: Timestamp, headers: &HeaderMap) -> Timestamp {
        let said = headers.get("tidegate-now").and_then(|text| text.to_str().ok()).and_then(|text| text.parse().ok());
        self.heard = self.heard.max(said);
        self.heard.unwrap_or(now)
    }

    fn reply(&mut self, now: Timestamp, request: &Request<Bytes>) -> Reply {
        if let Some(reply) = self.login(now, request) {
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
        self.meters.count(meter, now)?;
        let mut reply = self.serve(now, roles, call, endpoint)?;
        reply.headers.extend(self.meters.headers(meter));
        Ok(reply)
    }

    fn serve(&mut self, now: Timestamp, roles: &[String], call: &Call, endpoint: Endpoint<'_>) -> Answer {
        match endpoint {
            Endpoint::Users => self.list_users(call),
            Endpoint::UserCount => self.count_users(call),
            Endpoint::User(user) => self.get_user(call, user),
            Endpoint::UserMethods(user) => self.user_methods(now, call, user),
            Endpoint::CheckGroups(user) => self.check_groups(now, call, user),
            Endpoint::SendMail(user) => self.send_mail(now, call, user),
            Endpoint::Groups => self.list_groups(call),
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
            Endpoint::SecurityDefaults => Ok(self.get_security_defaults(call)),
            Endpoint::Registration => self.list_registration(now, call),
            Endpoint::RegistrationOf(user) => self.get_registration(now, call, user),
            Endpoint::SignIns => self.list_sign_ins(now, roles, call),
            Endpoint::RoleAssignments => self.list_roles(call),
            Endpoint::Organization => Ok(self.get_organization(call)),
            Endpoint::Skus => Ok(self.list_skus(call)),
            Endpoint::Domains => Ok(self.list_domains(call)),
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

    /// The tenant's id.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// Whether chance wants the next page to come empty.
    pub(super) fn comes_empty(&mut self) -> bool {
        self.pages.happens(self.profile.empty_pages)
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
}
