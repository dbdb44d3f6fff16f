//! Plans that must load: the example, the reference plan, and the same plan through the environment.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use proptest::prelude::*;
use tidegate::config::{self, Cloud, Loaded, Severity};
use tidegate::rollout::observed::Toggle;
use tidegate::rollout::plan::{Amount, Format, Plan, Selector, Via};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn load(path: &Path, env: &[(&str, &str)]) -> Result<Loaded, config::Problems> {
    config::load(path, env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn the_example_plan_is_good() {
    let loaded = load(&root().join("config/example-plan.toml"), &[]).unwrap_or_else(|problems| panic!("{problems}"));
    // The only warning: no unit has given a credentials folder here.
    assert_eq!(loaded.warnings.iter().map(|warning| warning.key.as_str()).collect::<Vec<_>>(), ["credentials.certificate"]);
    assert_eq!(loaded.plan.stages.len(), 4);
    assert_eq!(loaded.plan.notices.templates, loaded.settings.templates.hash);
    assert!(loaded.plan.notices.templates.is_some());
    assert_eq!(loaded.names.len(), 13);
    let journalled = serde_json::to_string(&loaded.plan).unwrap();
    assert!(!journalled.contains("@fabrikam.com"), "a plan holds no names");
    assert_eq!(serde_json::from_str::<tidegate::rollout::plan::Plan>(&journalled).unwrap().revision(), loaded.plan.revision());
}

#[test]
fn what_if_is_off_unless_the_plan_asks_for_it_and_a_plan_without_it_keeps_its_revision() {
    let load = |env: &[(&str, &str)]| load(&root().join("config/example-plan.toml"), env).unwrap().plan;
    let key = "TIDEGATE_ENFORCEMENT__WHAT_IF";
    let (none, off, on) = (load(&[]), load(&[(key, "off")]), load(&[(key, "on")]));
    assert_eq!((none.what_if, on.what_if), (Toggle::Off, Toggle::On));
    assert_eq!((none.revision(), none.revision() == on.revision()), (off.revision(), false));
    let read = |plan: &Plan| serde_json::from_str::<Plan>(&serde_json::to_string(plan).unwrap()).unwrap();
    assert_eq!((read(&none), read(&on)), (none, on));
}

#[test]
fn a_calendar_file_comes_with_each_notice_unless_the_plan_does_without() {
    let load = |env: &[(&str, &str)]| load(&root().join("config/example-plan.toml"), env).unwrap().plan;
    let key = "TIDEGATE_NOTICES__CALENDAR_FILE";
    let (none, on, off) = (load(&[]), load(&[(key, "on")]), load(&[(key, "off")]));
    assert_eq!((none.notices.calendar_file, off.notices.calendar_file), (Toggle::On, Toggle::Off));
    assert_eq!((none.revision(), none.revision() == off.revision()), (on.revision(), false));
    let read = |plan: &Plan| serde_json::from_str::<Plan>(&serde_json::to_string(plan).unwrap()).unwrap();
    assert_eq!((read(&none), read(&off)), (none, off));
}

#[test]
fn how_notices_look_is_a_part_of_the_plan_and_what_is_left_out_keeps_its_revision() {
    let load = |env: &[(&str, &str)]| load(&root().join("config/example-plan.toml"), env).unwrap();
    let usual = load(&[("TIDEGATE_NOTICES__FORMAT", "html"), ("TIDEGATE_NOTICES__LANGUAGE", "en")]).plan;
    let none = load(&[]).plan;
    assert_eq!((&none.notices.format, none.revision()), (&Format::Html, usual.revision()));
    for (key, value) in [("FORMAT", "text"), ("LANGUAGE", "DE"), ("VERIFY", "https://intranet.fabrikam.com/mfa")] {
        let plan = load(&[(&format!("TIDEGATE_NOTICES__{key}"), value)]).plan;
        assert_ne!(plan.revision(), none.revision(), "{key}");
        assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&plan).unwrap()).unwrap(), plan, "{key}");
    }
    let loaded = load(&[("TIDEGATE_NOTICES__TEST_TO", "You@fabrikam.com,me@fabrikam.com")]);
    assert_eq!(loaded.settings.test_to, ["you@fabrikam.com", "me@fabrikam.com"]);
    assert_eq!(loaded.plan.revision(), none.revision(), "addresses are no part of the plan that is journalled");
}

#[test]
fn a_plan_without_windows_for_notices_keeps_its_revision_and_others_are_read_back() {
    let none = load(&root().join("config/example-plan.toml"), &[]).unwrap().plan;
    assert!(none.notices.windows.is_empty());
    assert!(serde_json::to_value(&none).unwrap()["notices"].get("windows").is_none());
    let some = load(&root().join("tests/fixtures/pace.toml"), &[]).unwrap().plan;
    assert_eq!(some.notices.windows.len(), 1);
    assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&some).unwrap()).unwrap(), some);
}

#[test]
fn a_plan_says_who_reads_in_another_zone_and_one_that_does_not_keeps_its_revision() {
    let usual = std::fs::read_to_string(root().join("tests/fixtures/pace.toml")).unwrap();
    let zones = "[notices]\nzones = [{ zone = \"Asia/Kolkata\", filter = \"usageLocation eq 'IN'\" }]\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.toml");
    // Paths are relative to the plan.
    std::fs::create_dir(folder.path().join("lists")).unwrap();
    std::fs::copy(root().join("tests/fixtures/lists/four.csv"), folder.path().join("lists/four.csv")).unwrap();
    std::fs::write(&file, usual.replace("[notices]\n", zones)).unwrap();
    let (none, some) = (load(&root().join("tests/fixtures/pace.toml"), &[]).unwrap().plan, load(&file, &[]).unwrap().plan);
    assert!(none.notices.zones.is_empty() && serde_json::to_value(&none).unwrap()["notices"].get("zones").is_none());
    let [other] = &some.notices.zones[..] else { panic!("{:?}", some.notices.zones) };
    assert_eq!((other.zone.as_str(), &other.people), ("Asia/Kolkata", &Selector::Filter("usageLocation eq 'IN'".to_owned())));
    assert_ne!(some.revision(), none.revision());
    assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&some).unwrap()).unwrap(), some);
}

#[test]
fn a_plan_says_whether_mailboxes_are_read_and_one_that_does_not_keeps_its_revision() {
    let load = |env: &[(&str, &str)]| load(&root().join("config/example-plan.toml"), env).unwrap().plan;
    let (none, off, read) =
        (load(&[]), load(&[("TIDEGATE_NOTICES__BOUNCES", "off")]), load(&[("TIDEGATE_NOTICES__BOUNCES", "read")]));
    assert_eq!((none.revision(), none.notices.bounces, read.notices.bounces), (off.revision(), Toggle::Off, Toggle::On));
    assert!(serde_json::to_value(&none).unwrap()["notices"].get("bounces").is_none());
    assert_ne!(read.revision(), none.revision());
    assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
}

#[test]
fn a_plan_says_who_is_told_and_when_holds_no_address_and_one_that_does_not_say_keeps_its_revision() {
    let load = |env: &[(&str, &str)]| load(&root().join("config/example-plan.toml"), env).unwrap();
    let (none, usual) = (load(&[]).plan, load(&[("TIDEGATE_REPORTS__DIGEST", "Mon 08:00")]).plan);
    assert_eq!(none.revision(), usual.revision());
    assert!(serde_json::to_value(&none).unwrap().get("reports").is_none());
    let some = load(&[("TIDEGATE_REPORTS__TO", "Ops@contoso.com,lead@contoso.com"), ("TIDEGATE_REPORTS__DIGEST", "off")]);
    assert_eq!(some.settings.reports_to, ["lead@contoso.com", "ops@contoso.com"]);
    let text = serde_json::to_string(&some.plan).unwrap();
    assert!(!text.contains("ops@") && some.plan.reports.digest.is_none(), "{text}");
    assert!(some.plan.reports.to.contains(&tidegate::rollout::plan::addressee(&some.plan.tenant, "ops@contoso.com")));
    assert_ne!(some.plan.revision(), none.revision());
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), some.plan);
}

#[test]
fn a_plan_says_when_managers_get_lists_and_one_that_does_not_keeps_its_revision() {
    let load = |env: &[(&str, &str)]| load(&root().join("config/example-plan.toml"), env).unwrap().plan;
    let (none, some) = (load(&[]), load(&[("TIDEGATE_NOTICES__MANAGERS", "7d")]));
    assert_eq!((none.notices.managers, some.notices.managers.map(|before| before.as_hours())), (None, Some(168)));
    assert!(serde_json::to_value(&none).unwrap()["notices"].get("managers").is_none());
    assert_ne!(some.revision(), none.revision());
    assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&some).unwrap()).unwrap(), some);
}

#[test]
fn a_plan_says_how_mails_travel_and_one_without_a_mail_server_keeps_its_revision() {
    let load = |env: &[(&str, &str)]| load(&root().join("config/example-plan.toml"), env).unwrap();
    let none = load(&[]);
    let smtp = load(&[("TIDEGATE_NOTICES__SMTP__HOST", "smtp.contoso.com")]);
    assert_eq!((none.plan.notices.via, smtp.plan.notices.via), (Via::Graph, Via::Smtp));
    assert!(!serde_json::to_string(&none.plan).unwrap().contains("\"via\""));
    assert_ne!(none.plan.revision(), smtp.plan.revision());
    let journalled = serde_json::to_string(&smtp.plan).unwrap();
    assert!(!journalled.contains("smtp.contoso.com") && !journalled.contains('@'), "no address stands in a plan");
    assert_eq!(serde_json::from_str::<Plan>(&journalled).unwrap(), smtp.plan);
}

#[test]
fn a_passed_date_is_a_warning_only_when_the_time_is_known() {
    let loaded = load(&root().join("config/example-plan.toml"), &[]).unwrap();
    let count = |now: &str| loaded.warnings_at(now.parse().unwrap()).len();
    assert_eq!(count("2027-01-01T00:00:00Z"), 0);
    assert_eq!(count("2027-02-10T00:00:00Z"), 1, "too near for a notice of seven days");
    assert_eq!(count("2028-01-01T00:00:00Z"), 4);
}

#[test]
fn the_reference_plan_loads_as_it_is() {
    let shared = root().join("../shared/design/example-plan.toml");
    let Ok(text) = std::fs::read_to_string(shared) else {
        println!("not run: shared");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    std::fs::write(&plan, text).unwrap();
    std::fs::create_dir_all(folder.path().join("lists")).unwrap();
    std::fs::create_dir_all(folder.path().join("templates")).unwrap();
    std::fs::write(folder.path().join("lists/finance-extra.csv"), "upn\nann@contoso.com\n").unwrap();
    std::fs::copy(root().join("config/templates/en.toml"), folder.path().join("templates/en.toml")).unwrap();
    let loaded = load(&plan, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.warnings.iter().all(|warning| warning.key == "credentials.certificate"), "{:?}", loaded.warnings);
    let plan = &loaded.plan;
    assert_eq!(plan.time_zone, "Europe/Berlin");
    assert_eq!(plan.stages[0].start.instant.to_string(), "2027-01-11T08:00:00Z");
    assert_eq!(plan.stages[1].late_by, SignedDuration::from_hours(4), "a default of every stage");
    assert_eq!(plan.stages[2].include, [Selector::ReadyFirst(1500)]);
    assert_eq!(plan.limits.caps[2].amount, Amount::Share(0.2));
    assert_eq!(plan.gates[0].max_age, SignedDuration::from_hours(12), "taken from observe.max_age");
    assert_eq!(plan.calendar.blackouts[0].to.to_string(), "2027-03-29T22:00:00Z", "the last day is included");
    assert_eq!(loaded.settings.cloud, Cloud::Global);
    assert_eq!(loaded.settings.socket, Path::new("/var/lib/tidegate/tidegate.sock"));
}

#[test]
fn the_environment_lies_over_the_plan() {
    let plan = root().join("config/example-plan.toml");
    let env = [
        ("TIDEGATE_NOTICES__HELPDESK", "ext. 1"),
        ("TIDEGATE_NOTICES__BEFORE", "40d, 2d"),
        ("TIDEGATE_PEOPLE__MAX_FOREIGN", "9"),
        ("TIDEGATE_PEOPLE__INCLUDE_GUESTS", "true"),
        ("TIDEGATE_TENANT__GRAPH_URL", "http://127.0.0.1:9"),
        ("TIDEGATE_STATE__DIR", "state"),
        ("HOME", "/nowhere"),
    ];
    let loaded = load(&plan, &env).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.plan.notices.helpdesk, "ext. 1");
    assert_eq!(loaded.plan.notices.before, [SignedDuration::from_hours(960), SignedDuration::from_hours(48)]);
    assert_eq!((loaded.plan.people.max_foreign, loaded.plan.people.include_guests), (9, true));
    assert_eq!(loaded.settings.graph_url.as_str(), "http://127.0.0.1:9/");
    assert_eq!(loaded.settings.state_dir, root().join("config/state"));
}

#[test]
fn a_wrong_variable_is_named() {
    let plan = root().join("config/example-plan.toml");
    let table = [
        ("TIDEGATE_NOTICES__HELPDSK", "x", "notices.helpdsk: unknown key; did you mean `helpdesk`?"),
        ("TIDEGATE_LIMITS__CANARY", "many", "limits.canary: expected a whole number, found text; "),
        ("TIDEGATE_STAGE__0__SOAK", "1d", "stage.0.soak: a list of tables cannot be overridden from the environment; "),
        ("TIDEGATE_CREDENTIALS__CLIENT_SECRET", "hunter2hunter2", "credentials.client_secret: a secret never stands in a plan"),
        ("TIDEGATE_CREDENTIALS__CLIENT_ID", "hunter2hunter2", "credentials.client_id: is not an application id; "),
        ("TIDEGATE_PEOPLE__MAX_FOREIGN", "-1", "people.max_foreign: -1 is out of range; "),
    ];
    for (variable, value, expected) in table {
        let problems = load(&plan, &[(variable, value)]).err().unwrap();
        let error = problems.0.iter().find(|problem| problem.severity == Severity::Error).unwrap().to_string();
        assert!(error.starts_with(&format!("{variable}: {expected}")), "{error}");
        assert!(!problems.to_string().contains("hunter2"), "a value that may be a secret is never shown");
    }
}

#[test]
fn the_credentials_folder_is_that_of_the_unit() {
    let given = tempfile::tempdir().unwrap();
    std::fs::write(given.path().join("app.pem"), "pem").unwrap();
    let folder = given.path().display().to_string();
    let loaded = load(&root().join("config/example-plan.toml"), &[("CREDENTIALS_DIRECTORY", &folder)]).unwrap();
    let (_, file) = loaded.settings.credentials.kind.file().unwrap();
    assert_eq!(file, given.path().join("app.pem"));
}

#[test]
fn a_missing_plan_is_one_problem() {
    let problems = load(Path::new("no-such-plan.toml"), &[]).err().unwrap();
    assert_eq!(problems.to_string(), "no-such-plan.toml: cannot read the plan: no such file; name a readable plan with --config");
}

#[test]
fn dates_may_be_written_without_quotes() {
    let text = std::fs::read_to_string(root().join("tests/fixtures/warnings.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lists")).unwrap();
    std::fs::copy(root().join("tests/fixtures/lists/four.csv"), folder.path().join("lists/four.csv")).unwrap();
    for written in ["2027-01-11T09:00:00", "2027-01-11 09:00:00", "2027-01-11T09:00:00+01:00", "2027-01-11T08:00:00Z"] {
        let plan = folder.path().join("plan.toml");
        std::fs::write(&plan, text.replace("\"2027-01-11T09:00:00\"", written)).unwrap();
        let loaded = load(&plan, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(loaded.plan.stages[0].start.instant.to_string(), "2027-01-11T08:00:00Z", "{written}");
        assert_eq!(loaded.plan.stages[0].start.civil.to_string(), "2027-01-11T09:00:00", "{written}");
    }
}

#[test]
fn texts_that_keep_microsofts_grace_to_themselves_are_a_warning_under_security_defaults() {
    let text = std::fs::read_to_string(root().join("tests/fixtures/warnings.toml")).unwrap();
    let own = text.replace("[notices]", "[notices]\ntemplates = \"texts\"");
    let group = "kind = \"conditional-access\"\ngroup = \"MFA Enforced\"\npolicy = \"Require MFA\"";
    let defaults = own.replace(group, "kind = \"security-defaults\"");
    let defaults = defaults.replace("[people]", "[people]\ninclude_guests = true");
    let folder = tempfile::tempdir().unwrap();
    for name in ["lists", "texts"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    std::fs::copy(root().join("tests/fixtures/lists/four.csv"), folder.path().join("lists/four.csv")).unwrap();
    let silent = std::fs::read_to_string(root().join("config/templates/en.toml")).unwrap();
    let says = silent.replace("## Help", "{% if grace %}You may put it off for {{ grace }} days.{% endif %}\n\n## Help");
    let plan = folder.path().join("plan.toml");
    for (written, body, warnings) in [(&own, &silent, 0), (&defaults, &silent, 1), (&defaults, &says, 0)] {
        std::fs::write(&plan, written).unwrap();
        std::fs::write(folder.path().join("texts/en.toml"), body).unwrap();
        let loaded = load(&plan, &[]).unwrap_or_else(|problems| panic!("{problems}"));
        let found: Vec<_> = loaded.warnings.iter().filter(|warning| warning.key == "notices.templates").collect();
        assert_eq!(found.len(), warnings, "{found:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_secret_that_everybody_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "x").unwrap();
    let path = secret.display().to_string();
    for (mode, warnings) in [(0o640, 0), (0o644, 1)] {
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
        let plan = root().join("tests/fixtures/warnings.toml");
        let loaded = load(&plan, &[("TIDEGATE_CREDENTIALS__SECRET_FILE", &path)]).unwrap();
        let found = loaded.warnings.iter().filter(|warning| warning.key == "credentials.secret_file");
        assert_eq!(found.count(), warnings, "{mode:o}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]
    #[test]
    fn a_damaged_plan_is_refused_or_read_but_never_a_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "[\\[\\]{}=\"a-z0-9_%.,\n -]{0,8}"), 1..4),
    ) {
        let mut text = std::fs::read_to_string(root().join("config/example-plan.toml")).unwrap();
        for (at, length, insert) in cuts {
            let chars: Vec<char> = text.chars().collect();
            let start = at.index(chars.len());
            text = chars[..start].iter().copied().chain(insert.chars()).chain(chars.iter().copied().skip(start + length)).collect();
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plan.toml"), &text).unwrap();
        if let Err(problems) = load(&folder.path().join("plan.toml"), &[]) {
            prop_assert!(problems.0.iter().any(|problem| problem.severity == Severity::Error));
            prop_assert!(problems.0.iter().all(|problem| !problem.message.is_empty() && !problem.remedy.is_empty()));
        }
    }
}

#[test]
fn a_plan_that_says_how_gates_are_asked_is_read_back_and_one_that_does_not_keeps_its_revision() {
    let none = load(&root().join("tests/fixtures/pace.toml"), &[]).unwrap().plan;
    let json = serde_json::to_value(&none).unwrap();
    for (section, keys) in [("observe", ["codes", "gates"]), ("limits", ["max_hold", "max_hold"])] {
        assert!(keys.iter().all(|key| json[section].get(key).is_none()), "{section}: what the defaults say is not journalled");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lists")).unwrap();
    std::fs::copy(root().join("tests/fixtures/lists/four.csv"), folder.path().join("lists/four.csv")).unwrap();
    let usual = std::fs::read_to_string(root().join("tests/fixtures/pace.toml")).unwrap();
    let with = |gate: &str| {
        let file = folder.path().join("plan.toml");
        std::fs::write(&file, format!("{usual}\n[[gate]]\nname = \"g\"\n{gate}")).unwrap();
        load(&file, &[]).unwrap()
    };
    let mut seen = vec![none.revision()];
    for (gate, asks) in [
        ("measure = \"mfa_failure_share\"\nat = \"during\"\nat_most = 0.1", false),
        ("measure = \"mfa_failure_share\"\nat = \"during\"\nat_most = 0.1\nfails = \"2 of 3\"", false),
        ("measure = \"mfa_failure_share\"\nat = \"during\"\nat_most = 0.1\nshadow = true", false),
        ("measure = \"mfa_failure_share\"\nat = \"during\"\nat_most = 0.1\nversus = \"not-enforced\"\nwindow = \"6h\"", false),
        ("measure = \"contacts_per_100\"\nat = \"during\"\nat_most = 5", false),
        ("measure = \"confirm\"\nat = \"exit\"", false),
        ("measure = \"http\"\nat = \"start\"\nurl = \"https://gates.fabrikam.com/mfa?key=k\"", true),
        ("measure = \"http\"\nat = \"start\"\nurl = \"https://gates.fabrikam.com/mfa?key=l\"", true),
        ("measure = \"command\"\nat = \"during\"\nat_least = 3\ncommand = [\"/bin/true\", \"fabrikam\"]", true),
    ] {
        let loaded = with(gate);
        let text = serde_json::to_string(&loaded.plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), loaded.plan, "{gate}");
        assert!(!text.contains("gates.fabrikam.com") && !text.contains("/bin/true"), "{gate}: neither is journalled");
        assert_eq!(loaded.settings.outside.len(), usize::from(asks), "{gate}");
        assert!(!seen.contains(&loaded.plan.revision()), "{gate}: another plan");
        seen.push(loaded.plan.revision());
    }
}
