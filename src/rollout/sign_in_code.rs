//! Microsoft's sign-in error codes in words, for whoever answers a call.
//!
//! Decides nothing: Microsoft changes the codes and asks that no program depends on them, so that one that is not here is shown as its
//! number. The facts are those of Microsoft's published list of 2024; 500121 is not on it and is known from practice.

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The number behind `AADSTS`.
    pub code: i64,
    /// What happened, for a person at the telephone.
    pub means: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// Whether it is a step of an ordinary sign-in, and no failure.
    pub kind: Kind,
}

/// What sort of thing a code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The sign-in stopped here.
    Failure,
    /// A step on the way; the sign-in usually goes on.
    Step,
}

const RETRY: &str = "nothing; have them try once more if the sign-in did not go on";
const REGISTER: &str =
    "have them add a method at aka.ms/mysecurityinfo; without a phone at hand, `tidegate assist` issues a pass";
const DEVICE: &str = "nothing to do with MFA: send them to whoever looks after devices";
const APP: &str = "nothing to do with MFA: send them to the owner of the app";
const ACCESS: &str = "look at the sign-in's Conditional Access tab in the Entra admin center: another policy decided this";

const fn failure(code: i64, means: &'static str, remedy: &'static str) -> Meaning {
    Meaning { code, means, remedy, kind: Kind::Failure }
}

const fn step(code: i64, means: &'static str, remedy: &'static str) -> Meaning {
    Meaning { code, means, remedy, kind: Kind::Step }
}

/// The codes that a helpdesk meets, ascending.
pub const KNOWN: &[Meaning] = &[
    failure(
        16_000,
        "they signed in with an account that does not exist in this tenant, a private one perhaps",
        "have them sign out and choose their work account",
    ),
    failure(50_020, "they signed in with an account of another organisation", "have them sign out and choose their work account"),
    failure(50_034, "the user name does not exist in this tenant", "have them check how they typed it"),
    failure(
        50_053,
        "the account is locked for a while after too many wrong passwords, or the address they come from is known for attacks",
        "have them wait or reset the password; the sign-in's failure reason in the Entra admin center says which of the two it was",
    ),
    failure(50_055, "the password has expired", "have them change it, or reset it"),
    failure(50_056, "no valid password was given, or the account has none", "have them type it again, or reset it"),
    failure(50_057, "the account is disabled", "find out who disabled it, and why, before anybody enables it again"),
    step(50_058, "no session could be used, so they must sign in; usual before a first sign-in", RETRY),
    failure(50_064, "user name or password was not accepted", "have them type it again, or reset the password"),
    step(50_072, "they were asked to add a method for the second step", REGISTER),
    failure(
        50_074,
        "they were asked for the second step and did not pass it",
        "have them try again and take what they are asked for; with a lost or new phone, add another method first",
    ),
    step(50_076, "the second step is required, by a policy or a new place; they were asked for it", RETRY),
    step(50_078, "their last second step is too long ago, and they were asked again", RETRY),
    step(
        50_079,
        "the second step is required and they have no method yet, or their own identity provider did not do it",
        REGISTER,
    ),
    failure(50_087, "the second step failed for a moment at Microsoft's", "have them try again"),
    failure(50_088, "too many calls or text messages were asked for", "have them wait some minutes, or use the app"),
    failure(50_097, "the device must prove itself, and could not", DEVICE),
    failure(50_105, "they are not assigned to the app", APP),
    step(50_125, "they were asked to register for the password reset", "have them finish that registration"),
    failure(50_126, "user name or password is wrong", "have them type it again, or reset the password"),
    failure(50_131, "Conditional Access refused: the state of the device, or something suspicious", ACCESS),
    failure(50_133, "the session ended because the password changed or expired", "have them sign in again"),
    step(50_140, "they were asked whether to stay signed in", RETRY),
    failure(50_144, "the password of the directory on the premises has expired", "have them change it there, or reset it"),
    failure(
        50_158,
        "a second step at another provider was asked for and not passed",
        "have them try again; if it stays so, look at that provider",
    ),
    failure(50_173, "the session was ended, by them or by an administrator", "have them sign in again"),
    step(50_199, "they were asked whether this is the app that they meant to sign in to", RETRY),
    failure(53_000, "the device is not compliant, and a policy asks for one that is", DEVICE),
    failure(53_001, "the device is not joined to the domain, and a policy asks for that", DEVICE),
    failure(53_002, "the app is not an approved one", "have them use an app that the policy names"),
    failure(53_003, "Conditional Access blocked it", ACCESS),
    failure(
        53_004,
        "they have to add a method and may not, because the sign-in looks risky",
        "settle the risk first (Identity Protection), then have them register; or meet them and use `tidegate assist`",
    ),
    failure(
        53_010,
        "a method may only be added from certain places or devices",
        "have them do it there, or use `tidegate assist`: a pass counts as the second step",
    ),
    failure(53_011, "blocked because of a risk in their home tenant", "their own organisation has to settle it"),
    failure(65_001, "nobody has consented to the app", APP),
    failure(65_004, "they declined to consent to the app", "have them sign in again and consent, if the app is a good one"),
    failure(70_008, "the session was unused for too long", "have them sign in again"),
    step(70_043, "a policy asks for a new sign-in after a while", RETRY),
    failure(
        90_072,
        "an account of another organisation is not known as a guest here",
        "have them sign out and choose their work account, or invite the guest",
    ),
    failure(500_011, "the app's resource does not exist in this tenant", APP),
    failure(
        500_121,
        "the second step was denied, ran out of time, or failed",
        "have them try again and confirm it in time; if they did not ask for it, treat it as an attack and reset the password",
    ),
    failure(530_032, "Conditional Access blocked it by a security policy", ACCESS),
    failure(
        530_035,
        "security defaults blocked it: an old protocol, or a sign-in that looks unsafe",
        "have them use a current app or browser",
    ),
    failure(700_016, "the app does not exist in this tenant", APP),
];

/// What a code means; nothing for one that is not known here.
#[must_use]
pub fn meaning(code: i64) -> Option<&'static Meaning> {
    KNOWN.binary_search_by_key(&code, |known| known.code).ok().and_then(|at| KNOWN.get(at))
}

/// The codes of steps of an ordinary sign-in, ascending.
pub fn steps() -> impl Iterator<Item = i64> {
    KNOWN.iter().filter(|known| known.kind == Kind::Step).map(|known| known.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_each_says_what_it_means_and_what_to_do() {
        assert!(KNOWN.is_sorted_by(|a, b| a.code < b.code));
        for known in KNOWN {
            assert_eq!(meaning(known.code), Some(known));
            assert!(known.means.len() > 15 && known.remedy.len() > 8, "{known:?}");
        }
        assert_eq!((meaning(0), meaning(1)), (None, None));
    }

    #[test]
    fn the_codes_of_the_second_step_are_there_and_steps_are_no_failures() {
        for (code, kind) in [
            (50_074, Kind::Failure),
            (50_076, Kind::Step),
            (50_079, Kind::Step),
            (50_058, Kind::Step),
            (50_140, Kind::Step),
            (50_126, Kind::Failure),
            (53_003, Kind::Failure),
            (500_121, Kind::Failure),
        ] {
            assert_eq!(meaning(code).map(|known| known.kind), Some(kind), "{code}");
        }
    }
}
