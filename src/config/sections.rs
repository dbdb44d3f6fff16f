//! The plain sections of a plan: enforcement, people, limits, notices, observe.

use jiff::SignedDuration;

use super::calendar;
use super::letters;
use super::people::Register;
use super::read::{Node, Section};
use super::settings;
use super::stages;
use super::value;
use crate::rollout::observed::Toggle;
use crate::rollout::person::MOST_REMINDERS;
use crate::rollout::plan::{
    Access, Amount, Cap, Channel, Codes, Enforcement, Exceptions, Leaves, Licence, Limits, Notices, Observe, People, ReaderZone,
    RetireTo, Selector, Unseen, Via,
};
use crate::rollout::preflight::permissions::is_dangerous;

pub(super) const ENFORCEMENT: [&str; 10] =
    ["kind", "group", "policy", "manage_policy", "what_if", "from", "turn_on", "switch_after", "retire_to", "turn_off"];
pub(super) const PEOPLE: [&str; 4] = ["break_glass", "exempt_group", "include_guests", "max_foreign"];
pub(super) const LIMITS: [&str; 6] = ["canary", "canary_wait", "caps", "start_late", "max_hold", "auto_rollback"];
pub(super) const NOTICES: [&str; 18] = [
    "from",
    "channel",
    "before",
    "windows",
    "zones",
    "min_notice",
    "renotice",
    "helpdesk",
    "templates",
    "calendar_file",
    "format",
    "language",
    "verify",
    "test_to",
    "bounces",
    "managers",
    "smtp",
    "webhook",
];
pub(super) const EXCEPTIONS: [&str; 7] =
    ["defer_most", "defer_longest", "exempt_longest", "absent_grace", "absent_longest", "absent", "unseen"];
pub(super) const OBSERVE: [&str; 10] = [
    "registration",
    "sign_ins",
    "members",
    "directory",
    "gates",
    "max_age",
    "mfa_failure_codes",
    "lockout_codes",
    "legacy_codes",
    "step_codes",
];

#[derive(Clone, Copy)]
enum Kind {
    ConditionalAccess,
    PerUser,
    SecurityDefaults,
}

pub(super) fn enforcement(table: &Section<'_>) -> Option<Enforcement> {
    let kinds = [
        ("conditional-access", Kind::ConditionalAccess),
        ("per-user", Kind::PerUser),
        ("security-defaults", Kind::SecurityDefaults),
    ];
    let kind = table.need("kind", "`kind = \"conditional-access\"`").and_then(|node| node.word(&kinds));
    let named = |key: &str, example: &str| table.need(key, example).and_then(|node| node.text().map(str::to_owned));
    let group = || named("group", "`group = \"MFA Enforced\"`");
    let policy = || named("policy", "`policy = \"Require MFA\"`");
    let foreign = |keys: &[&str], kind: &str| {
        for node in keys.iter().filter_map(|key| table.get(key)) {
            node.error(format!("does not belong to `{kind}`"), "take the key out");
        }
    };
    let manage_policy = table.get("manage_policy").and_then(|node| node.flag());
    match kind? {
        Kind::ConditionalAccess => {
            foreign(&["retire_to", "turn_off"], "conditional-access");
            let (group, policy, leaves) = (group(), policy(), leaves(table, manage_policy));
            Some(Enforcement::ConditionalAccess {
                group: group?,
                policy: policy?,
                manage_policy: manage_policy?,
                leaves: leaves.ok()?,
            })
        }
        Kind::PerUser => {
            foreign(&["turn_off", "from", "turn_on", "switch_after"], "per-user");
            let retire_to =
                table.optional("retire_to", |node| node.word(&[("conditional-access", "conditional-access")])).ok()?;
            if retire_to.is_some() {
                // Both are named at once, so that the plan is complete when people move on.
                let (group, policy) = (group(), policy());
                let retire_to = Some(RetireTo { group: group?, policy: policy? });
                return Some(Enforcement::PerUser { retire_to });
            }
            foreign(&["group", "policy"], "per-user without `retire_to`");
            Some(Enforcement::PerUser { retire_to: None })
        }
        Kind::SecurityDefaults => {
            foreign(&["group", "policy", "retire_to", "from", "turn_on", "switch_after"], "security-defaults");
            let policies = table.optional("turn_off", |node| node.each(|name| name.text().map(str::to_owned))).ok()?;
            Some(Enforcement::SecurityDefaults { turn_off: policies.unwrap_or_default() })
        }
    }
}

/// Whether What-If is asked about each stage; Conditional Access alone has it.
pub(super) fn what_if(table: &Section<'_>) -> Option<Toggle> {
    let node = table.get("what_if")?;
    let toggle = node.word(&[("off", Toggle::Off), ("on", Toggle::On)])?;
    let kind = table.get("kind").and_then(|kind| kind.text().map(str::to_owned));
    if let Some(kind) = kind.filter(|kind| toggle == Toggle::On && kind != "conditional-access") {
        node.error(format!("`{kind}` has no policy that What-If could be asked about"), "take the key out");
        return None;
    }
    Some(toggle)
}

/// What a rollout to Conditional Access leaves behind; an error when that is not well said, and was complained about.
fn leaves(table: &Section<'_>, manage_policy: Option<bool>) -> Result<Option<Leaves>, Unclear> {
    let from = table
        .optional("from", |node| node.word(&[("security-defaults", ())]))
        .map_err(|_| Unclear)?
        .and_then(|()| table.get("from"));
    let turn_on = table.optional("turn_on", |node| node.each(|name| name.text().map(str::to_owned))).map_err(|_| Unclear)?;
    let after = table.optional("switch_after", |node| node.text().map(str::to_owned)).map_err(|_| Unclear)?;
    let Some(from) = from else {
        for node in ["turn_on", "switch_after"].iter().filter_map(|key| table.get(key)) {
            node.error("belongs to `from = \"security-defaults\"`", "write that too, or take the key out");
        }
        return if turn_on.is_none() && after.is_none() { Ok(None) } else { Err(Unclear) };
    };
    if manage_policy == Some(false) {
        from.error(
            "needs `manage_policy = true`",
            "the policy goes on right after security defaults go off; nobody else is quick enough",
        );
        return Err(Unclear);
    }
    Ok(Some(Leaves { turn_on: turn_on.unwrap_or_default(), after }))
}

/// Something was complained about.
struct Unclear;

/// The part of `[tenant]` that says what the tenant may be asked for.
pub(super) fn access(table: &Section<'_>) -> Option<Access> {
    let licence = table.get("licence").and_then(|node| node.word(&[("p1", Licence::P1), ("none", Licence::None)]));
    let accepted = table.get("accept_permissions").and_then(|node| {
        node.each(|name| {
            let text = name.text()?;
            if !is_dangerous(text) {
                name.warn("is no permission that is refused, so that accepting it says nothing", "take it out");
            }
            Some(text.to_owned())
        })
    });
    Some(Access { licence: licence?, accept_permissions: accepted? })
}

pub(super) fn people(table: &Section<'_>, register: &Register) -> Option<People> {
    let break_glass = table.need("break_glass", "`break_glass = [\"bg1@contoso.com\", \"bg2@contoso.com\"]`");
    let break_glass = break_glass.and_then(|node| register.people(&node));
    let exempt_group = table.optional("exempt_group", |node| node.text().map(str::to_owned));
    let include_guests = table.get("include_guests").and_then(|node| node.flag());
    let max_foreign = table.get("max_foreign").and_then(|node| node.count(0..=u32::MAX));
    Some(People {
        break_glass: break_glass?,
        exempt_group: exempt_group.ok()?,
        include_guests: include_guests?,
        max_foreign: max_foreign?,
    })
}

pub(super) fn limits(table: &Section<'_>) -> Option<Limits> {
    let canary = table.get("canary").and_then(|node| node.count(1..=20));
    let canary_wait = table.get("canary_wait").and_then(|node| node.some_time());
    let caps = table.get("caps").and_then(|node| node.each(|entry| cap(&entry.section(&["people", "share", "per"]))));
    let start_late = table.get("start_late").and_then(|node| node.duration());
    let max_hold = table.get("max_hold").and_then(|node| node.some_time());
    let auto_rollback = table.get("auto_rollback").and_then(|node| node.flag());
    let auto_rollback = auto_rollback.map(|on| if on { Toggle::On } else { Toggle::Off });
    Some(Limits {
        auto_rollback: auto_rollback?,
        canary: canary?,
        canary_wait: canary_wait?,
        caps: caps?,
        start_late: start_late?,
        max_hold: max_hold?,
    })
}

fn cap(table: &Section<'_>) -> Option<Cap> {
    let per = table.need("per", "`per = \"1h\"`").and_then(|node| node.some_time());
    let amount = match (table.get("people"), table.get("share")) {
        (Some(node), None) => node.count(1..=u32::MAX).map(Amount::People),
        (None, Some(node)) => node.parsed(value::share).map(Amount::Share),
        (None, None) => {
            table.missing("people", "`people = 500`, or `share = \"20%\"`");
            None
        }
        (Some(_), Some(node)) => {
            node.error("a cap has one size; this one has two", "write two caps: all of them hold");
            None
        }
    };
    Some(Cap { amount: amount?, per: per? })
}

/// `[notices]`, but for the hash of the templates.
pub(super) fn notices(table: &Section<'_>, register: &Register) -> Option<Notices> {
    let from = table.need("from", "`from = [\"it-security@contoso.com\"]`");
    let from = from.and_then(|node| {
        let people = register.people(&node)?;
        if people.is_empty() {
            node.error("names no mailbox", "write at least one: notices are mails");
            return None;
        }
        Some(people)
    });
    let channel = table.get("channel").and_then(|node| {
        let channels = node.each(|name| name.word(&[("mail", Channel::Mail), ("webhook", Channel::Webhook)]))?;
        if !channels.contains(&Channel::Mail) {
            node.error("has no `mail`", "add it: only a mail counts as a person's notice");
            return None;
        }
        Some(channels)
    });
    let before = table.get("before").and_then(|node| {
        let slots = node.each(|slot| slot.parsed(value::before))?;
        let first = slots.first().is_some_and(SignedDuration::is_positive);
        if !first || !slots.is_sorted_by(|earlier, later| earlier > later) {
            let remedy = "write at least one duration before the start, the largest first, none twice; \"+1d\" is after it";
            node.error("is not in order", remedy);
            return None;
        }
        if slots.len() > usize::from(MOST_REMINDERS) + 1 {
            node.error(format!("has {} slots", slots.len()), format!("write at most {}", MOST_REMINDERS + 1));
            return None;
        }
        Some(slots)
    });
    let windows = table.get("windows").and_then(|node| node.each(calendar::window));
    let zones = table.optional("zones", |list| list.each(|entry| reader_zone(entry)));
    let min_notice = table.get("min_notice").and_then(|node| stages::floor(&node));
    let renotice = table.get("renotice").and_then(|node| node.some_time());
    let helpdesk = table.need("helpdesk", "`helpdesk = \"https://help.contoso.com/mfa, ext. 4242\"`");
    let helpdesk = helpdesk.and_then(|node| node.text().map(str::to_owned));
    let calendar_file = table.get("calendar_file").and_then(|node| node.word(&[("on", Toggle::On), ("off", Toggle::Off)]));
    let format = letters::format(table);
    let language = letters::language(table);
    let verify = letters::verify(table);
    let bounces = bounces(table);
    let managers = table.optional("managers", super::read::Node::some_time);
    Some(Notices {
        from: from?,
        channel: channel?,
        before: before?,
        min_notice: min_notice?,
        renotice: renotice?,
        helpdesk: helpdesk?,
        templates: None,
        windows: windows?,
        zones: zones.ok()?.unwrap_or_default(),
        calendar_file: calendar_file?,
        format: format?,
        language: language?,
        verify: verify.ok()?,
        via: if table.get("smtp").is_some() { Via::Smtp } else { Via::Graph },
        bounces: bounces?,
        managers: managers.ok()?,
    })
}

/// Readers in another zone; a list of theirs may be long, so that only groups and filters are taken.
fn reader_zone(node: &Node<'_>) -> Option<ReaderZone> {
    let table = node.section(&["zone", "group", "filter"]);
    let zone = table.need("zone", "`zone = \"Asia/Kolkata\"`").and_then(|node| node.parsed(settings::time_zone));
    let text = |key: &str| table.get(key).map(|node| node.text().map(str::to_owned));
    let people = match (text("group"), text("filter")) {
        (Some(group), None) => group.map(Selector::Group),
        (None, Some(filter)) => filter.map(Selector::Filter),
        _ => {
            node.error(
                "does not say who reads in it",
                "write either `group` or `filter`, such as `filter = \"usageLocation eq 'IN'\"`",
            );
            None
        }
    };
    Some(ReaderZone { zone: zone?.iana_name()?.to_owned(), people: people? })
}

/// Whether the sending mailboxes are read; those of another mail server are not the tenant's.
fn bounces(table: &Section<'_>) -> Option<Toggle> {
    let node = table.get("bounces")?;
    let toggle = node.word(&[("off", Toggle::Off), ("read", Toggle::On)])?;
    if toggle == Toggle::On && table.get("smtp").is_some() {
        node.error(
            "cannot be `read` beside `notices.smtp`: the mailboxes there are not the tenant's",
            "write `bounces = \"off\"`, and import what came back with `tidegate bounced --file`",
        );
        return None;
    }
    Some(toggle)
}

pub(super) fn exceptions(table: &Section<'_>, register: &Register) -> Option<Exceptions> {
    let time = |key: &str| table.get(key).and_then(|node| node.some_time());
    let defer_most = table.get("defer_most").and_then(|node| node.count(0..=20));
    let (defer_longest, exempt_longest) = (time("defer_longest"), time("exempt_longest"));
    let (absent_grace, absent_longest) = (time("absent_grace"), time("absent_longest"));
    let absent = table.get("absent").and_then(|node| register.listed(&node));
    let unseen = table.get("unseen").and_then(|node| node.word(&[("enforce", Unseen::Enforce), ("absent", Unseen::Absent)]));
    Some(Exceptions {
        defer_most: defer_most?,
        defer_longest: defer_longest?,
        exempt_longest: exempt_longest?,
        absent_grace: absent_grace?,
        absent_longest: absent_longest?,
        absent: absent?,
        unseen: unseen?,
    })
}

pub(super) fn observe(table: &Section<'_>) -> Option<Observe> {
    let time = |key: &str| table.get(key).and_then(|node| node.some_time());
    let (registration, sign_ins, members) = (time("registration"), time("sign_ins"), time("members"));
    let (directory, max_age) = (time("directory"), time("max_age"));
    let gates = time("gates");
    let codes = |key: &str| table.get(key).and_then(|node| node.each(super::read::Node::whole));
    let failures = codes("mfa_failure_codes");
    let (lockout, legacy, step) = (codes("lockout_codes"), codes("legacy_codes"), codes("step_codes"));
    Some(Observe {
        registration: registration?,
        sign_ins: sign_ins?,
        members: members?,
        directory: directory?,
        max_age: max_age?,
        mfa_failure_codes: failures?,
        codes: Codes { lockout: lockout?, legacy: legacy?, step: step? },
        gates: gates?,
    })
}
