//! How long a rollback takes to be felt, and what helps faster meanwhile, as sentences.
//!
//! Decides nothing and paces nothing: times are estimates from the service's limits and Microsoft's words. Invariant: a help that is named
//! takes nothing away that the rollback needs.

use jiff::SignedDuration;

use super::person::{Home, PersonState};
use super::plan::{Enforcement, Plan};
use super::state::{State, TAIL};

/// Writes of a group's members in a minute: 3,000 per 150 s for an app in one tenant.
const MEMBERS_A_MINUTE: u64 = 1_200;

/// Writes of people's own states in a minute: 10 a second, as we pace ourselves.
const OWN_A_MINUTE: u64 = 600;

/// Two readings at least a minute apart end it.
const READ_BACK: i64 = 2;

/// How many of a stage, or of the tail, would be released now.
#[must_use]
pub fn to_be_released(state: &State, name: &str) -> u64 {
    let ours = |person: &PersonState| person.is_to_be_released();
    if name == TAIL {
        return state.people.all().iter().filter(|person| person.home() == Home::Tail && ours(person)).count() as u64;
    }
    let Some((_, stage)) = state.stage(name) else { return 0 };
    stage.roster.iter().filter_map(|place| state.people.at(*place)).filter(ours).count() as u64
}

/// How many people a rollback releases, how long that takes, when it is felt, and what helps faster.
#[must_use]
pub fn lines(plan: &Plan, people: u64) -> Vec<String> {
    let mut lines = vec![writes(plan, people)];
    let (felt, everybody) = match &plan.enforcement {
        Enforcement::ConditionalAccess { policy, .. } => (
            "felt at people's next sign-ins: mostly within minutes of their write, though Microsoft grants itself up to a day for a group",
            format!(
                "for everybody at once: set the policy `{policy}` to report-only in the Entra admin center; that is one edit, felt within \
                 minutes to hours. Tidegate holds then, goes on with the rollback, and does not switch it on again"
            ),
        ),
        Enforcement::PerUser { .. } => (
            "felt at people's next sign-ins, mostly within minutes of their write",
            "for everybody at once there is no faster way: with per-user MFA each person's own state is one write".to_owned(),
        ),
        Enforcement::SecurityDefaults { .. } => (
            "felt at people's next sign-ins: mostly within minutes of the switch, and up to some hours after it",
            "for everybody at once there is no faster way: switching security defaults off is the rollback's first step; where this program \
             cannot reach the tenant, do it in the Entra admin center"
                .to_owned(),
        ),
    };
    lines.push(felt.to_owned());
    lines.push(
        "one person who cannot get in: `tidegate assist PERSON --reason …` issues a Temporary Access Pass, where the tenant's policy allows \
         it; it counts as MFA and works within a few minutes"
            .to_owned(),
    );
    lines.push(everybody);
    lines
}

/// How many people, at what pace, and how long.
fn writes(plan: &Plan, people: u64) -> String {
    let are = if people == 1 { "1 person is".to_owned() } else { format!("{people} people are") };
    let a_minute = match plan.enforcement {
        Enforcement::ConditionalAccess { .. } => MEMBERS_A_MINUTE,
        Enforcement::PerUser { .. } => OWN_A_MINUTE,
        Enforcement::SecurityDefaults { .. } => {
            return format!("{are} released by switching security defaults off, once and for all of them");
        }
    };
    if people == 0 {
        return "nobody is left to be released; it is over when two readings show that".to_owned();
    }
    let takes = time(takes(people, a_minute));
    format!("{are} released, up to {a_minute} a minute: about {takes}, two readings of the tenant included")
}

fn takes(people: u64, a_minute: u64) -> SignedDuration {
    let minutes = i64::try_from(people.div_ceil(a_minute)).unwrap_or(i64::MAX / 120);
    SignedDuration::from_mins(minutes.saturating_add(READ_BACK))
}

fn time(time: SignedDuration) -> String {
    match time.as_mins() {
        minutes if minutes < 90 => format!("{minutes} minutes"),
        minutes => format!("{} hours", (minutes + 30) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Perfect, plan};
    use super::*;

    fn by(enforcement: Enforcement) -> Plan {
        Plan { enforcement, ..plan() }
    }

    #[test]
    fn each_enforcement_has_its_pace_its_time_and_its_faster_help() {
        let group = plan;
        let own = || by(Enforcement::PerUser { retire_to: None });
        let switch = || by(Enforcement::SecurityDefaults { turn_off: Vec::new() });
        for (plan, people, first, felt, help) in [
            (group(), 0, "nobody is left", "up to a day", "`Require MFA` to report-only"),
            (group(), 1, "1 person is released, up to 1200 a minute: about 3 minutes", "up to a day", "report-only"),
            (group(), 1_200, "about 3 minutes", "up to a day", "report-only"),
            (group(), 1_201, "about 4 minutes", "up to a day", "report-only"),
            (group(), 100_000, "about 86 minutes", "up to a day", "report-only"),
            (group(), 1_000_000, "about 14 hours", "up to a day", "report-only"),
            (own(), 100_000, "up to 600 a minute: about 3 hours", "next sign-ins", "no faster way: with per-user MFA"),
            (switch(), 5_000, "5000 people are released by switching", "next sign-ins", "is the rollback's first step"),
        ] {
            let lines = lines(&plan, people);
            assert_eq!(lines.len(), 4);
            assert!(lines[0].contains(first) && lines[1].contains(felt) && lines[3].contains(help), "{people}: {lines:#?}");
            assert!(lines[2].contains("`tidegate assist PERSON --reason …`"));
        }
    }

    #[test]
    fn only_whom_the_program_enforced_is_counted() {
        let mut world = Perfect::new(plan(), "2027-01-01T08:00:00Z");
        world.run("2027-01-10T08:00:00Z");
        assert_eq!(to_be_released(&world.state, "pilot"), 0);
        world.run("2027-01-12T08:00:00Z");
        assert_eq!((to_be_released(&world.state, "pilot"), to_be_released(&world.state, TAIL)), (5, 0));
        assert_eq!(to_be_released(&world.state, "no stage"), 0);
    }
}
