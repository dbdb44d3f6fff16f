//! Every example, and what the product does with it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use tidegate::engine::leave::Leave;
use tidegate::engine::port::{BatchOutcome, Enforce, Notice, NoticeOutcome, Notify, Tenant as _};
use tidegate::notify::{Mail, Texts};
use tidegate::rollout::event::{Slot, Switched};
use tidegate::rollout::id::{ObjectId, PersonRef};
use tidegate::rollout::observed::{Mode, PerUser, Target, Toggle, Trouble, TroubleKind, Way};
use tidegate::rollout::switch::Switch;

use super::canned::{NOTHING, ROOT, TENANT, Tenant, unanswered, wait};
use super::readers::{GROUP, LISTINGS, POLICY, by_policy, target};
use super::{example, folder, looked, proofs, text};

/// What the product does with an example. The function gets its text.
enum Use {
    /// It reads it as a listing, or as the one row of one: `readers` says how.
    Listing,
    /// It reads it.
    Read(fn(&str)),
    /// It writes what the example shows.
    Write(fn(&str)),
    /// It is read or written by code that nothing outside sees; the tests beside that code, in this file, say how.
    Beside(&'static str),
    /// The product has no use for it; why.
    Not(&'static str),
}

use Use::{Beside, Listing, Not, Read, Write};

const MEMBERS: &str = "members are read whole: when a change of them shows in groups/delta is not documented";

const TABLE: [(&str, Use); 57] = [
    ("group-member-add.request.json", Not("people are bound by twenty, never posted one by one")),
    ("group-members-bind.request.json", Write(binds)),
    ("group-member-add-already-member.400.response.json", Read(already_a_member)),
    ("directory-object-not-found.404.response.json", Read(not_found)),
    ("directory-onprem-synced-object.400.response.json", Read(synced)),
    ("group-members-list.200.response.json", Listing),
    ("group-transitivemembers.200.response.json", Listing),
    ("group-delta-initial-page.200.response.json", Not(MEMBERS)),
    ("group-delta-member-added-removed.200.response.json", Not(MEMBERS)),
    ("checkmembergroups.request.json", Not("the members of a group are listed, which costs less than asking for each person")),
    (
        "checkmembergroups.200.response.json",
        Not("the members of a group are listed, which costs less than asking for each person"),
    ),
    ("group-create-security.request.json", Beside("src/enforcement/setup_tests.rs")),
    ("group-create-security.201.response.json", Listing),
    ("batch.200.response.json", Read(envelope)),
    ("batch-dependson.request.json", Not("members of our envelopes never depend on each other")),
    ("error-authorization-denied.403.response.json", Read(no_permission)),
    ("error-envelope.response.json", Read(any_error)),
    ("throttled.429.response.json", Read(throttled)),
    ("error-token-expired.401.response.json", Read(token_expired)),
    ("signins-no-premium-license.403.response.json", Read(no_licence)),
    ("error-search-needs-consistencylevel.response.json", Read(advanced_query)),
    ("users-list.200.response.json", Listing),
    ("users-list-by-assigned-license.200.response.json", Listing),
    ("users-delta-first-page-removed.200.response.json", Read(round)),
    ("userregistrationdetails-list.200.response.json", Listing),
    ("user-authentication-methods.200.response.json", Not("methods of single people are not read")),
    ("tap-create.request.json", Not("Temporary Access Passes are handed out by people")),
    ("tap-create.201.response.json", Not("Temporary Access Passes are handed out by people")),
    ("authenticationmethodspolicy.200.response.json", Read(looked::methods)),
    ("authenticationmethodspolicy-update-campaign.request.json", Not("the policy of methods is read and never changed")),
    ("ca-policy-create-mfa-group.request.json", Beside("src/enforcement/setup_tests.rs")),
    ("ca-policy-create-mfa-group.201.response.json", Read(policy)),
    ("ca-policies-list.200.response.json", Listing),
    ("ca-policy-update.request.json", Not("of a policy only the state is ever changed, never its conditions")),
    ("ca-policy-enabled-while-securitydefaults.400.response.json", Read(not_beside_defaults)),
    ("ca-evaluate-whatif.request.json", Write(looked::evaluates)),
    ("ca-evaluate-whatif.200.response.json", Read(looked::evaluated)),
    ("authenticationstrength-policies.200.response.json", Read(looked::strengths)),
    ("securitydefaults.200.response.json", Read(defaults)),
    ("peruser-mfa.200.response.json", Read(own_state)),
    ("signinpreferences-update.request.json", Not("nobody's preferred method is changed")),
    ("signins-list.200.response.json", Listing),
    ("signins-list-beta-failure-50126.200.response.json", Listing),
    ("directoryaudits-list.200.response.json", Not("who changed the group is for people to find out")),
    ("sendmail.request.json", Write(mail)),
    ("sendmail-application-access-policy-denied.response.json", Read(mailbox_out_of_scope)),
    ("teams-webhook-adaptive-card.request.json", Not("a channel is no tenant: see notify::webhook::body")),
    ("domains-list.200.response.json", Read(looked::domains)),
    ("subscribedskus-list.200.response.json", Read(looked::licences)),
    ("organization-list.200.response.json", Read(looked::organization)),
    ("roleassignments-globaladmin-expand-principal.200.response.json", Listing),
    ("token-client-credentials.200.response.json", Read(token)),
    ("token-invalid-scope.400.response.json", Read(token_refused)),
    ("client-assertion-header.jwt.json", Write(proofs::header)),
    ("client-assertion-claims.jwt.json", Write(proofs::claims)),
    ("imds-token.200.response.json", Read(proofs::imds)),
    ("index.tsv", Not("it is the list of the others")),
];

#[test]
fn every_example_is_read_or_written_by_what_deals_with_it() {
    let Ok(folder) = std::fs::read_dir(folder()) else { return println!("not run: shared") };
    let there: BTreeSet<String> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let known: BTreeSet<String> = TABLE.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(there, known, "the table names every example");
    let index = text("index.tsv").unwrap();
    let listed: BTreeSet<String> = index.lines().skip(1).filter_map(|line| line.split('\t').next()).map(str::to_owned).collect();
    assert!(listed.is_subset(&known));
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for (file, what) in &TABLE {
        let text = text(file).unwrap();
        let kind = match what {
            Listing => {
                listing(file);
                "read"
            }
            Read(read) => {
                read(&text);
                "read"
            }
            Write(write) => {
                write(&text);
                "written"
            }
            Beside(tests) => {
                let tests = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(tests)).unwrap();
                assert!(tests.contains(file), "{file} is named there");
                "read or written beside the code"
            }
            Not(why) => {
                println!("not used by the product: {file} ({why})");
                "not used"
            }
        };
        *counts.entry(kind).or_default() += 1;
    }
    println!("{counts:?}");
}

/// Every row of the example is taken.
fn listing(file: &str) {
    let readers: Vec<_> = LISTINGS.iter().filter(|listing| listing.file == file).collect();
    assert!(!readers.is_empty(), "{file} has a reader");
    for reader in readers {
        let page = reader.page(&example(file).unwrap());
        let taken = reader.of(&page).unwrap();
        assert_eq!(taken.len(), page["value"].as_array().unwrap().len(), "{}", reader.name);
    }
}

/// The example as a round's first page: whom it removes is gone, and those of whom it does not say everything are read.
fn round(example: &str) {
    let (page, gone) = (example.to_owned(), "86462606-fde0-4fc4-9e0c-a20eb73e54c6");
    let there =
        ["ffff7b1a-13b6-477b-8c0c-380905cd99f7", "605d1257-ffff-40b6-8e6f-528a53f5dc55", "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"];
    let tenant = Tenant::new(move |(_, path, _)| {
        let body = match path {
            _ if path.contains("latest") || path.contains("skiptoken") => {
                json!({ "value": [], "@odata.deltaLink": format!("{ROOT}/v1.0/users/delta?$deltatoken=1") }).to_string()
            }
            _ if path.contains("/users/delta") => page.clone(),
            _ if path.contains("$batch") => {
                let body = json!({ "value": there.map(|id| json!({ "id": id, "accountEnabled": true })) });
                json!({ "responses": [{ "id": "1", "status": 200, "body": body }] }).to_string()
            }
            _ if path.contains("/users?") && path.contains("id%20in") => {
                json!({ "value": there.map(|id| json!({ "id": id, "accountEnabled": true })) }).to_string()
            }
            _ if path.contains("/users?") => json!({ "value": [{ "id": gone }, { "id": there[0] }] }).to_string(),
            _ => return unanswered(),
        };
        (200, None, body)
    });
    let read = || wait(tenant.graph.directory()).unwrap().iter().map(|person| person.id.to_string()).collect::<BTreeSet<_>>();
    assert!(read().contains(gone) && read().contains(gone));
    assert_eq!(read(), there.map(str::to_owned).into());
    assert_eq!(tenant.times("preferredLanguage&$top"), 2);
}

pub(super) fn somebody(n: u128) -> ObjectId {
    ObjectId::from_bits(n)
}

/// What becomes of one person when every bind is answered like this; reads show a sound group without members, and the person.
fn bound(status: u16, body: &str) -> BatchOutcome {
    let body = body.to_owned();
    let tenant = Tenant::new(move |(method, path, _)| match path {
        _ if method == "PATCH" => (status, None, body.clone()),
        _ if path.contains("/members") => (200, None, NOTHING.to_owned()),
        _ if path.contains(GROUP) => (200, None, json!({ "id": GROUP, "securityEnabled": true }).to_string()),
        _ => unanswered(),
    });
    wait(tenant.enforce.enforce(&Leave::default(), target(), &[vec![somebody(1)]])).remove(0)
}

/// The places of a value that hold something, without the numbers of lists.
fn shape(value: &Value, here: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| shape(inner, &format!("{here}/{name}"), all)),
        Value::Array(items) => items.iter().for_each(|inner| shape(inner, &format!("{here}/*"), all)),
        _ => drop(all.insert(here.to_owned())),
    }
}

pub(super) fn shape_of(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    shape(&serde_json::from_str(text).unwrap(), "", &mut all);
    all
}

fn binds(example: &str) {
    let tenant = Tenant::new(|(method, ..)| if method == "PATCH" { (204, None, String::new()) } else { unanswered() });
    let people = vec![somebody(1), somebody(2), somebody(3)];
    let outcome = wait(tenant.enforce.enforce(&Leave::default(), target(), std::slice::from_ref(&people)));
    assert_eq!(outcome[0].enforced, people);
    let ours = tenant.bodies(&format!("/v1.0/groups/{GROUP}")).into_iter().find(|body| !body.is_empty()).unwrap();
    assert_eq!(shape_of(&ours), shape_of(example));
    let written: Value = serde_json::from_str(&ours).unwrap();
    let shown: Value = serde_json::from_str(example).unwrap();
    let filled = shown["members@odata.bind"][0].as_str().unwrap().replace("{id}", &somebody(1).to_string());
    assert_eq!(written["members@odata.bind"][0], filled);
}

fn already_a_member(example: &str) {
    let outcome = bound(400, example);
    assert_eq!((outcome.unknown.len(), outcome.refused.len()), (1, 0), "read back, for no listing shows it: {outcome:?}");
}

fn not_found(example: &str) {
    assert_eq!(bound(404, example).gone, [somebody(1)]);
}

fn synced(example: &str) {
    let outcome = bound(400, example);
    assert!(outcome.refused.iter().any(|because| because.people == [somebody(1)]), "{outcome:?}");
}

/// Five answers to an envelope of six questions: the first is missing, one is a page, two are refusals.
fn envelope(example: &str) {
    let example = example.to_owned();
    let tenant =
        Tenant::new(move |(_, path, _)| if path.ends_with("/$batch") { (200, None, example.clone()) } else { unanswered() });
    let people: Vec<ObjectId> = (1..=90).map(somebody).collect();
    let trouble = wait(tenant.graph.people_now(&people)).unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Refused, "{trouble:?}");
    assert!(trouble.why.contains("lacks the permission User.Read.All"), "{}", trouble.why);
    assert_eq!(tenant.times("/me/memberOf"), 1, "its nextLink is followed");
}

fn directory_trouble(part: &'static str, status: u16, example: &str) -> Trouble {
    wait(Tenant::with(part, status, example).graph.directory()).unwrap_err()
}

/// Of whom MFA is required when security defaults show this.
fn defaults(example: &str) {
    let tenant = Tenant::with("/identitySecurityDefaultsEnforcementPolicy", 200, example);
    let people = wait(tenant.enforce.members(Target::Plain { way: Way::Tenant }, &[somebody(1)])).unwrap();
    assert_eq!(people.ascending(), [somebody(1)], "they are on, for everybody");
}

fn own_state(example: &str) {
    let tenant = Tenant::with("/authentication/requirements", 200, example);
    let states = wait(tenant.enforce.per_user(&[somebody(1)])).unwrap();
    assert_eq!(states, [(somebody(1), PerUser::Enforced)]);
}

fn not_beside_defaults(example: &str) {
    let tenant = Tenant::with("/conditionalAccess/policies/", 400, example);
    let policy = POLICY.parse().unwrap();
    let switched = wait(tenant.enforce.switch(
        &Leave::default(),
        Switch::Policy { policy, from: Mode::ReportOnly, to: Mode::Enabled },
        None,
    ));
    assert!(matches!(&switched, Switched::Refused(why) if !why.is_empty()), "{switched:?}");
}

fn no_permission(example: &str) {
    let trouble = directory_trouble("/users", 403, example);
    assert!(trouble.kind == TroubleKind::Refused && trouble.why.contains("grant it with admin consent"), "{trouble:?}");
}

fn any_error(example: &str) {
    for (status, kind) in [(400, TroubleKind::Refused), (500, TroubleKind::Unreachable), (429, TroubleKind::Throttled)] {
        let trouble = directory_trouble("/users", status, example);
        assert_eq!(trouble.kind, kind, "{status}");
        assert!(!trouble.why.contains("Uploaded fragment"), "messages are not repeated: {}", trouble.why);
    }
    assert!(directory_trouble("/users", 400, example).why.contains("invalidRange"));
}

fn throttled(example: &str) {
    let (example, users) = (example.to_owned(), text("users-list.200.response.json").unwrap());
    let first = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let tenant = Tenant::new(move |(_, path, _)| {
        if !path.contains("/users?") {
            unanswered()
        } else if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            (429, Some("2.128"), example.clone())
        } else {
            (200, None, users.clone())
        }
    });
    let began = tenant.clock.now();
    assert_eq!(wait(tenant.graph.directory()).unwrap().len(), 2);
    assert_eq!(tenant.clock.now().duration_since(began).as_millis(), 2_128);
}

fn token_expired(example: &str) {
    let tenant = Tenant::with("/users", 401, example);
    let trouble = wait(tenant.graph.directory()).unwrap_err();
    assert!(trouble.why.contains("not even a new one"), "{trouble:?}");
    assert_eq!(tenant.times("/token"), 2);
}

fn no_licence(example: &str) {
    let tenant = Tenant::with("/signIns", 403, example);
    let trouble = wait(tenant.graph.sign_ins(tenant.clock.now())).unwrap_err();
    assert!(trouble.why.contains("P1 licence"), "{trouble:?}");
}

fn advanced_query(example: &str) {
    let tenant = Tenant::with("/users?", 400, example);
    let trouble = wait(tenant.graph.filtered_people("x")).unwrap_err();
    assert!(trouble.kind == TroubleKind::Unusable && trouble.why.contains("Request_UnsupportedQuery"), "{trouble:?}");
    assert_eq!(tenant.times("$count=true"), 1, "it is tried as an advanced query too");
}

/// Read as the policy in force: it covers one application only.
fn policy(example: &str) {
    let group: Value = serde_json::from_str(example).unwrap();
    let group = group.pointer("/conditions/users/includeGroups/0").unwrap().as_str().unwrap().to_owned();
    let (example, id) = (example.to_owned(), group.clone());
    let tenant = Tenant::new(move |(_, path, _)| match path {
        _ if path.contains(POLICY) => (200, None, example.clone()),
        _ if path.contains(&id) => (200, None, json!({ "id": id, "securityEnabled": true }).to_string()),
        _ => unanswered(),
    });
    let target = Target::Group { group: group.parse().unwrap(), policy: POLICY.parse().unwrap() };
    let problems = wait(tenant.enforce.safety(target, &by_policy(), &[])).unwrap().policy.problems;
    assert!(problems.iter().any(|problem| problem.contains("all resources")), "{problems:?}");
    assert!(!problems.iter().any(|problem| problem.contains("does not include the enforcement group")), "{problems:?}");
}

fn notice() -> Notice {
    Notice {
        intent: 7,
        stage: "pilot".to_owned(),
        slot: Slot::Announcement,
        instant: "2027-02-01T08:00:00Z".parse().unwrap(),
        time_zone: "Europe/Berlin".to_owned(),
        helpdesk: "extension 4242".to_owned(),
        grace: 0,
        from: vec![PersonRef::new(TENANT, "admin@contoso.com")],
        via: Vec::new(),
        calendar_file: Toggle::Off,
        at: "2027-01-01T08:00:00Z".parse().unwrap(),
        people: vec!["6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0".parse().unwrap()],
    }
}

fn mailed(status: u16, body: &str) -> (Tenant, NoticeOutcome) {
    let (body, users) = (body.to_owned(), text("users-list.200.response.json").unwrap());
    let tenant = Tenant::new(move |(_, path, _)| match path {
        _ if path.ends_with("/sendMail") => (status, None, body.clone()),
        _ if path.contains("/users?") => (200, None, users.clone()),
        _ => unanswered(),
    });
    let (_, texts) = tokio::sync::watch::channel(Arc::new(Texts::built_in(tidegate::letter::Style::default()).unwrap()));
    let outcome = wait(Mail::new(tenant.graph.clone(), texts).send(&notice()));
    (tenant, outcome)
}

fn mail(example: &str) {
    let (tenant, outcome) = mailed(202, "");
    assert_eq!(outcome.accepted.len(), 1, "{outcome:?}");
    let ours = shape_of(&tenant.bodies("/sendMail")[0]);
    let theirs: BTreeSet<String> = shape_of(example).into_iter().filter(|place| !place.contains("ccRecipients")).collect();
    assert!(theirs.is_subset(&ours), "{ours:?}");
    // A header of our own tells one notice from another; the API knows these members, the example does not show them.
    let more: Vec<_> = ours.difference(&theirs).filter(|place| !place.contains("/internetMessageHeaders/")).collect();
    assert!(more.is_empty(), "{more:?}");
}

fn mailbox_out_of_scope(example: &str) {
    let (_, outcome) = mailed(403, example);
    assert!(
        outcome.not_sent.iter().any(|because| because.why.contains("the app may not use this sending mailbox")),
        "{outcome:?}"
    );
}

fn token(example: &str) {
    let tenant = Tenant::with("/oauth2/v2.0/token", 200, example);
    assert!(wait(tenant.graph.directory()).unwrap().is_empty());
    assert_eq!(tenant.times("/token"), 1);
}

fn token_refused(example: &str) {
    let trouble = directory_trouble("/oauth2/v2.0/token", 400, example);
    assert!(trouble.why.contains("AADSTS70011") && trouble.why.contains("tenant.cloud"), "{trouble:?}");
}
