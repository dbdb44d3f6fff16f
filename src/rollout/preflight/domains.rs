//! Domains whose people sign in elsewhere, and what an on-premises directory calls for.

use jiff::SignedDuration;

use super::facts::{Behaviour, Domain, SignIn};
use super::{Finding, Ground, Severity, Who, known};

/// A directory that synchronises does so every half hour; Microsoft warns after a day.
const STALLED: SignedDuration = SignedDuration::from_hours(24);

/// What is to be said about domains and synchronisation.
pub(super) fn judge(ground: &Ground<'_>, findings: &mut Vec<Finding>) {
    let mut federated = false;
    if let Some(domains) = known(&ground.facts.domains, "domains and how federated ones treat MFA", findings) {
        for domain in domains {
            if let SignIn::Federated(behaviour) = &domain.sign_in {
                federated = true;
                findings.push(of_behaviour(domain, behaviour));
            }
        }
        if federated {
            findings.push(provider(domains));
        }
    }
    let Some(organization) = known(&ground.facts.organization, "whether the directory is synchronised", findings) else {
        return;
    };
    if !organization.synced {
        return;
    }
    findings.push(Finding::new(
        Severity::Note,
        "sync-vpn-nps",
        "people come from an on-premises directory",
        "VPNs and Wi-Fi that ask a RADIUS server (NPS) with Microsoft's MFA extension refuse people without a method as soon as it is \
         installed, and a phone's prompt takes longer than the usual 10 s timeout",
        "if there are any: check that their users register first, set timeouts of 60 s, and take their service accounts out of scope",
    ));
    if organization.last_sync.is_none_or(|at| ground.now.duration_since(at) > STALLED) {
        let when = organization.last_sync.map_or("never".to_owned(), |at| format!("last on {}", at.strftime("%Y-%m-%d %H:%MZ")));
        findings.push(Finding::new(
            Severity::Warning,
            "sync-stalled",
            format!("the on-premises directory has not synchronised for more than a day ({when})"),
            "joiners, leavers and groups are not what the on-premises directory says, so that the wrong people would be told",
            "repair the synchronisation before the first announcement",
        ));
    }
}

fn of_behaviour(domain: &Domain, behaviour: &Behaviour) -> Finding {
    let name = &domain.name;
    let finding = |severity, id, title: String, why: &str, remedy: &str| {
        Finding::new(severity, id, title, why, remedy).of(Who::People(domain.people.clone()))
    };
    match behaviour {
        Behaviour::Accept => finding(
            Severity::Note,
            "federated-mfa-accepted",
            format!("{name} is federated, and MFA done by its identity provider counts"),
            "whom the provider asks for MFA is not asked again by Microsoft, so that they may never register there",
            "if everybody is to register at Microsoft, set federatedIdpMfaBehavior to rejectMfaByFederatedIdp",
        ),
        Behaviour::Reject => finding(
            Severity::Note,
            "federated-mfa-rejected",
            format!("{name} is federated, and MFA done by its identity provider does not count"),
            "whoever is asked by the provider is asked again by Microsoft",
            "switch the provider's own MFA off for these people when their stage starts",
        ),
        Behaviour::Enforce => finding(
            Severity::Warning,
            "federated-mfa-enforced",
            format!("{name} is federated, and Microsoft sends its people to the identity provider for MFA"),
            "if the provider cannot do MFA these people are locked out on their date, whatever they have registered at Microsoft",
            "try it with one account; or set federatedIdpMfaBehavior to acceptIfMfaDoneByFederatedIdp or rejectMfaByFederatedIdp",
        ),
        Behaviour::Unset => finding(
            Severity::Warning,
            "federated-mfa-unset",
            format!("{name} is federated, and federatedIdpMfaBehavior is not set"),
            "an older setting (SupportsMfa) decides then who asks for MFA, and nobody can tell from here",
            "set federatedIdpMfaBehavior: rejectMfaByFederatedIdp makes Microsoft ask, always",
        ),
        Behaviour::Other(word) => finding(
            Severity::Warning,
            "federated-mfa-unset",
            format!("{name} is federated, and federatedIdpMfaBehavior is `{word}`"),
            "that word is not known here, so that nobody can tell who asks for MFA",
            "look it up in Microsoft's documentation and try it with one account",
        ),
    }
}

fn provider(domains: &[Domain]) -> Finding {
    let federated = domains.iter().filter(|domain| domain.sign_in != SignIn::Managed);
    let names: Vec<String> = federated.map(|domain| domain.name.clone()).collect();
    Finding::new(
        Severity::Warning,
        "federation-first",
        "an identity provider of your own is to be prepared first",
        "Microsoft's guide asks for it before MFA is required: rules of AD FS that answer for MFA, its MFA adapter, and old protocols it \
         still serves decide whether people get in",
        "check the provider's access rules and MFA adapter; move domains to managed sign-in where you can; try the first stage with a few \
         people of these domains",
    )
    .of(Who::Things(names))
}
