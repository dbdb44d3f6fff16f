//! The answer about one person, as text for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::show::instant;
use super::screen::{Protected, Screen};
use crate::rollout::exception::Excepted;
use crate::rollout::observed::Readiness;

/// Failed sign-ins that are shown; JSON has all.
const SHOWN: usize = 5;

pub(super) fn text(screen: &Screen, zone: &TimeZone) -> String {
    let mut out = String::new();
    let at = |at: Timestamp| instant(at, zone);
    let line = |out: &mut String, label: &str, says: &str| {
        let _ = writeln!(out, "{label:<11}{says}");
    };
    let name = screen.name.as_deref().map(|name| format!("{} ", plain(name))).unwrap_or_default();
    let _ = writeln!(out, "{name}({})", screen.id);
    let place = match (&screen.stage, screen.phase) {
        (Some(stage), Some(phase)) => format!("stage `{stage}` ({}): {}", phase.as_str(), screen.situation),
        (Some(stage), None) => format!("{stage}: {}", screen.situation),
        (None, _) => "in no stage and not in the tail".to_owned(),
    };
    let why = screen.why.as_deref().map(|why| format!(", {why}")).unwrap_or_default();
    line(&mut out, "Where", &format!("{place}{why}"));
    let promise = match (screen.promise, screen.first_told) {
        (None, _) => "no date has been told".to_owned(),
        (Some(promise), Some(first)) => format!("MFA from {}; first told {}", at(promise), at(first)),
        (Some(promise), None) => format!("MFA from {}; whether it was told is not certain", at(promise)),
    };
    line(&mut out, "Promise", &promise);
    let required = match (screen.required_since, screen.verified_at) {
        (None, _) => "no".to_owned(),
        (Some(since), Some(verified)) => format!("yes, since {}; verified {}", at(since), at(verified)),
        (Some(since), None) => format!("yes, since {}; not verified yet", at(since)),
    };
    line(&mut out, "Required", &required);
    line(&mut out, "Methods", &methods(screen, zone));
    let protected = match screen.protected {
        Protected::No => "no".to_owned(),
        Protected::By(why) => format!("yes: {why}; it has no end of its own"),
        Protected::Unknown => "not known".to_owned(),
    };
    line(&mut out, "Protected", &protected);
    if let Some(exception) = &screen.exception {
        let what = match exception.what {
            Excepted::Exempt { until } => format!("exempt until {}", at(until)),
            Excepted::Deferred { until } => format!("deferred until {}", at(until)),
            Excepted::Back { at: since } => format!("back since {}", at(since)),
            other => other.says(),
        };
        line(&mut out, "Excepted", &format!("{what}: {}; {} answers for it", plain(&exception.why), plain(&exception.owner)));
    }
    let _ = writeln!(out, "\nTold");
    if screen.told.is_empty() {
        let _ = writeln!(out, "  nothing yet");
    }
    for told in &screen.told {
        let (slot, sent, named) = (told.slot.says(), at(told.sent_at), at(told.instant));
        let _ = writeln!(out, "  {slot:<24}{sent}, by {}, names {named}: {}", told.channel, told.fate.says());
    }
    let _ = writeln!(out, "\nSign-ins that did not go through (7 days)");
    match &screen.failures {
        None => {
            let _ = writeln!(out, "  not known");
        }
        Some(failures) if failures.is_empty() => {
            let _ = writeln!(out, "  none");
        }
        Some(failures) => {
            for failed in failures.iter().take(SHOWN) {
                let app = failed.app.as_deref().map(|app| format!(" at {}", plain(app))).unwrap_or_default();
                let means = failed.means.unwrap_or("not in our list: look it up at login.microsoftonline.com/error");
                let step = if failed.step { " (a step of the sign-in)" } else { "" };
                let _ = writeln!(out, "  {}{app}, {}: {means}{step}", at(failed.at), failed.code);
                if let Some(remedy) = failed.remedy.filter(|_| !failed.step) {
                    let _ = writeln!(out, "    -> {remedy}");
                }
            }
            if failures.len() > SHOWN {
                let _ = writeln!(out, "  and {} older", failures.len() - SHOWN);
            }
        }
    }
    let _ = writeln!(out, "\nNext");
    if screen.advice.next.is_empty() {
        let _ = writeln!(out, "  nothing");
    }
    for coming in &screen.advice.next {
        let when = coming.at.map(|when| format!("{}: ", at(when))).unwrap_or_default();
        let _ = writeln!(out, "  {when}{}", coming.says);
    }
    let _ = writeln!(out, "\nWhat to do");
    for says in &screen.advice.todo {
        let _ = writeln!(out, "  {says}");
    }
    if !screen.missing.is_empty() {
        let _ = writeln!(out, "\nMissing");
    }
    for says in &screen.missing {
        let _ = writeln!(out, "  {says}");
    }
    let published = screen.published_at.map_or_else(
        || "no daemon has published anything".to_owned(),
        |at| format!("a daemon last published {}", instant(at, zone)),
    );
    let _ = writeln!(out, "\nas of {}, record {}; {published}", at(screen.as_of), screen.record);
    out
}

fn methods(screen: &Screen, zone: &TimeZone) -> String {
    let known = &screen.registered;
    let word = match known.readiness {
        Readiness::Capable => "can pass MFA",
        Readiness::RegisteredNotAllowed => "has something registered, but nothing that is allowed",
        Readiness::Unregistered => "has nothing registered that passes MFA",
        Readiness::Unknown => "not known",
    };
    let methods = known.methods.as_ref().filter(|methods| !methods.is_empty());
    let list = methods.map(|methods| {
        let names: Vec<_> = methods.iter().map(|method| method_name(method)).collect();
        format!(": {}", names.join(", "))
    });
    let source = match known.source {
        Some("person") => "asked of the account itself",
        Some("report") => "by the registration report",
        Some(_) => "as the daemon last read it",
        None => return word.to_owned(),
    };
    let as_of = known.as_of.map(|at| format!(" of {}", instant(at, zone))).unwrap_or_default();
    format!("{word}{} ({source}{as_of})", list.unwrap_or_default())
}

/// Microsoft's word for a method as a person says it.
fn method_name(word: &str) -> Cow<'_, str> {
    let name = match word {
        "microsoftAuthenticator" | "microsoftAuthenticatorPush" => "Microsoft Authenticator",
        "microsoftAuthenticatorPasswordless" | "passwordlessMicrosoftAuthenticator" => "Microsoft Authenticator without password",
        "softwareOath" | "softwareOneTimePasscode" => "codes of an app",
        "hardwareOath" | "hardwareOneTimePasscode" => "codes of a device",
        "fido2" | "fido2SecurityKey" => "security key",
        "passKeyDeviceBound" | "passKeyDeviceBoundAuthenticator" | "passKeySynced" | "passKeyDeviceBoundWindowsHello" => {
            "passkey"
        }
        "phone" | "mobilePhone" => "mobile phone",
        "alternateMobilePhone" => "second mobile phone",
        "officePhone" => "office phone",
        "email" => "mail address (for password resets only)",
        "securityQuestion" => "security questions (for password resets only)",
        "temporaryAccessPass" => "Temporary Access Pass",
        "windowsHelloForBusiness" => "Windows Hello",
        "platformCredential" | "macOsSecureEnclaveKey" => "platform credential",
        "external" | "externalAuthMethod" => "another provider",
        other => return Cow::Owned(plain(other)),
    };
    Cow::Borrowed(name)
}

/// Foreign text without what could steer a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
