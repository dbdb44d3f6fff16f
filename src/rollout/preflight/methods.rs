//! What people may register, and what helps them to.

use super::{Finding, Ground, Severity, known};
use crate::rollout::plan::Enforcement;

/// Methods that pass MFA, by their id in the policy; `Email` is for resets only, `TemporaryAccessPass` for the first registration.
const STRONG: [&str; 5] = ["Fido2", "MicrosoftAuthenticator", "SoftwareOath", "HardwareOath", "X509Certificate"];
/// Methods that pass MFA and can be talked or swapped out of people.
const WEAK: [&str; 2] = ["Sms", "Voice"];
/// All that counts under security defaults.
const DEFAULTS: [&str; 2] = ["MicrosoftAuthenticator", "SoftwareOath"];

/// What is to be said about methods.
pub(super) fn judge(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let Some(methods) = known(&ground.facts.methods, "the methods that people may register", findings) else { return };
    let any = |names: &[&str]| names.iter().any(|name| methods.has(name));
    let mut found = |severity, id, title: &str, why: &str, remedy: &str| {
        findings.push(Finding::new(severity, id, title, why, remedy));
    };
    if !any(&STRONG) && !any(&WEAK) {
        // Until the migration is complete, older settings may still allow something.
        let severity = if methods.migrated == Some(true) { Severity::Error } else { Severity::Warning };
        found(
            severity,
            "methods-none",
            "the methods policy lets nobody register a method that passes MFA",
            "whoever is required to use MFA is locked out",
            "enable Microsoft Authenticator and passkeys in the authentication methods policy",
        );
    } else if !any(&STRONG) {
        found(
            Severity::Warning,
            "methods-weak-only",
            "only text messages and calls may be registered",
            "both can be intercepted, cost money, and fail where there is no network",
            "enable Microsoft Authenticator and passkeys in the authentication methods policy",
        );
    } else if matches!(ground.plan.enforcement, Enforcement::SecurityDefaults { .. }) && !any(&DEFAULTS) {
        found(
            Severity::Error,
            "methods-not-for-defaults",
            "neither Microsoft Authenticator nor software codes may be registered",
            "under security defaults nothing else counts, so that nobody could pass",
            "enable one of them in the authentication methods policy",
        );
    }
    if methods.migrated == Some(false) {
        found(
            Severity::Warning,
            "methods-migration",
            "older settings of methods still count beside the methods policy",
            "what people may register is then said at three places, and readiness can change when the older ones end",
            "complete the migration in the authentication methods policy before the first stage",
        );
    }
    if !methods.has("TemporaryAccessPass") {
        found(
            Severity::Warning,
            "temporary-access-pass-off",
            "the help desk cannot issue a Temporary Access Pass",
            "whoever has lost their phone, or joins without one, cannot register and cannot be let in for a day",
            "enable it in the authentication methods policy for those who may need it",
        );
    }
    match methods.prompt.as_deref() {
        Some("enabled") => {}
        Some("disabled") | None => found(
            Severity::Warning,
            "registration-prompt-off",
            "nobody is asked at sign-in to register Microsoft Authenticator",
            "Microsoft's own prompt moves more people than any mail; without it many wait for their date",
            "enable the registration prompt in the authentication methods policy for the people of the stages",
        ),
        Some(_) => found(
            Severity::Note,
            "registration-prompt-default",
            "Microsoft decides who is asked at sign-in to register Microsoft Authenticator",
            "whom it asks, and when, can change without notice",
            "enable the registration prompt for the people of the stages, to decide it yourself",
        ),
    }
}
