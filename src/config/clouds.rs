//! The national clouds: their roots, and what Microsoft Graph lacks in each of them.
//!
//! Pure. Facts: Microsoft's v1.0 metadata of each cloud, August 2026. Invariant: tokens do not cross a cloud, so the two roots of one
//! cloud go together.

use crate::rollout::plan::{Enforcement, Plan};

/// A national cloud; tokens do not cross it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Global, GCC.
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (DoD).
    UsDod,
    /// China, run by 21Vianet.
    China,
}

/// What not every cloud has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// `grantControls.authenticationStrength` of Conditional Access.
    AuthenticationStrengths,
    /// `users/{id}/authentication` in v1.0: a person's own methods.
    OwnMethods,
    /// Temporary Access Passes.
    TemporaryAccessPasses,
    /// `registrationEnforcement`: the nudge to register.
    RegistrationNudge,
    /// Conditional Access policies that were deleted and can be restored.
    DeletedPolicies,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AuthenticationStrengths,
        Self::OwnMethods,
        Self::TemporaryAccessPasses,
        Self::RegistrationNudge,
        Self::DeletedPolicies,
    ];

    /// In words, as the subject of a sentence in the plural.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::AuthenticationStrengths => "authentication strengths",
            Self::OwnMethods => "people's own authentication methods",
            Self::TemporaryAccessPasses => "Temporary Access Passes",
            Self::RegistrationNudge => "Microsoft's nudges to register",
            Self::DeletedPolicies => "deleted policies",
        }
    }
}

impl Cloud {
    pub(super) const WORDS: [(&'static str, Self); 4] =
        [("global", Self::Global), ("us-gov", Self::UsGov), ("us-dod", Self::UsDod), ("china", Self::China)];

    /// As a plan writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, cloud)| *cloud == self).map_or("", |(word, _)| word)
    }

    /// Microsoft's roots of Graph and of the login service in this cloud.
    #[must_use]
    pub const fn roots(self) -> (&'static str, &'static str) {
        match self {
            Self::Global => ("https://graph.microsoft.com", "https://login.microsoftonline.com"),
            Self::UsGov => ("https://graph.microsoft.us", "https://login.microsoftonline.us"),
            Self::UsDod => ("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
            Self::China => ("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
        }
    }

    /// Why a plan cannot have it there.
    #[must_use]
    pub fn refuses(self, capability: Capability) -> Option<String> {
        let why = || format!("needs {}, which Microsoft Graph lacks in the cloud `{}`", capability.words(), self.word());
        self.lacks(capability).then(why)
    }

    /// Whether Graph lacks it there.
    #[must_use]
    pub const fn lacks(self, capability: Capability) -> bool {
        match capability {
            Capability::DeletedPolicies => !matches!(self, Self::Global),
            Capability::AuthenticationStrengths
            | Capability::OwnMethods
            | Capability::TemporaryAccessPasses
            | Capability::RegistrationNudge => matches!(self, Self::China),
        }
    }
}

/// What a plan cannot do without: each with the section and the key that ask for it, and what to do where it lacks.
pub(super) type Needed = (Capability, [&'static str; 2], &'static str);

/// What this plan cannot do without. Conditional Access with the `mfa` control, states of single users (beta) and security defaults
/// are there in every cloud.
pub(super) const fn needs(plan: &Plan) -> &'static [Needed] {
    match &plan.enforcement {
        Enforcement::ConditionalAccess { .. } | Enforcement::PerUser { .. } | Enforcement::SecurityDefaults { .. } => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_brings_its_roots_and_addresses_of_the_plan_win() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("plan.toml");
        let demo = include_str!("../../config/demo-plan.toml");
        let plain: String =
            demo.lines().filter(|line| !line.contains("simulated.invalid")).flat_map(|line| [line, "\n"]).collect();
        for (word, cloud) in Cloud::WORDS {
            std::fs::write(&plan, plain.replace("[tenant]", &format!("[tenant]\ncloud = \"{word}\""))).unwrap();
            let settings = super::super::load(&plan, std::iter::empty()).unwrap().settings;
            let found = (settings.graph_url.as_str().trim_end_matches('/'), settings.login_url.as_str().trim_end_matches('/'));
            assert_eq!((settings.cloud, found), (cloud, cloud.roots()));
        }
        std::fs::write(&plan, demo.replace("[tenant]", "[tenant]\ncloud = \"china\"")).unwrap();
        assert_eq!(
            super::super::load(&plan, std::iter::empty()).unwrap().settings.graph_url.as_str(),
            "https://simulated.invalid/"
        );
    }

    #[test]
    fn what_a_cloud_lacks_is_in_one_table() {
        for (cloud, lacking) in [
            (Cloud::Global, &[][..]),
            (Cloud::UsGov, &[Capability::DeletedPolicies]),
            (Cloud::UsDod, &[Capability::DeletedPolicies]),
            (Cloud::China, &Capability::ALL),
        ] {
            let found: Vec<_> = Capability::ALL.into_iter().filter(|capability| cloud.lacks(*capability)).collect();
            assert_eq!(found, lacking, "{}", cloud.word());
            assert!(
                lacking.iter().all(|capability| cloud.refuses(*capability).unwrap().ends_with(&format!("`{}`", cloud.word())))
            );
        }
        assert_eq!(Cloud::Global.refuses(Capability::DeletedPolicies), None);
    }
}
