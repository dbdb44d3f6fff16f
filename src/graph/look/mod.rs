//! What only the preflight reads, one file per subject; every read is complete or says why not.
//!
//! Judges nothing. Invariant: rows of people are taken in one by one and become ids or nothing, whatever the size of the tenant.

mod accounts;
mod domains;
mod legacy;
mod licences;
pub(super) mod methods;
mod organization;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use serde::de::MapAccess;
use serde_json::Value;

use super::Graph;
use super::groups::{Depth, members};
use super::people::matching;
use super::roles::{ADMIN, holders};
use super::row::{Fields, value};
use super::transport::Transport;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{LastSeen, Target, Trouble, TroubleKind};
use crate::rollout::preflight::facts::{Exclusions, Facts};

/// How far back sign-ins are looked at; a premium licence keeps the log for 30 days.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Graph {
    /// The facts that a preflight judges, as of `now`. Names are needed: the directory must have been read before.
    ///
    /// `break_glass` are those accounts that exist. Fails only when the tenant cannot be spoken to at all.
    pub async fn facts(&self, now: Timestamp, target: Option<Target>, break_glass: &[ObjectId]) -> Result<Facts, Trouble> {
        let (transport, roll) = (&*self.transport, self.names.roll());
        transport.signs_in().await?;
        let since = now.checked_sub(LOOK_BACK).unwrap_or(now);
        let premium = format!("assignedPlans/any(p:p/servicePlanId eq {})", licences::P1);
        let premium_2 = format!("assignedPlans/any(p:p/servicePlanId eq {})", licences::P2);
        let without = "accountEnabled eq true and userType eq 'Member' and assignedLicenses/$count eq 0";
        // What is asked here stands in no plan, whatever the trouble says.
        let asked = |trouble: Trouble| match trouble.kind {
            TroubleKind::Unusable => {
                Trouble { why: "the tenant does not answer a question about licences".to_owned(), ..trouble }
            }
            _ => trouble,
        };
        let both = async {
            let mut people = matching(transport, roll, &premium).await.map_err(asked)?;
            people.extend(matching(transport, roll, &premium_2).await.map_err(asked)?.iter());
            Ok::<_, Trouble>(people.ascending())
        };
        let premium_log = self.own_methods.get().is_none();
        let no_log = || Trouble { kind: TroubleKind::Refused, why: "without a P1 licence there is no sign-in log".to_owned() };
        Ok(Facts {
            organization: organization::read(transport).await,
            premium: licences::read(transport).await,
            domains: domains::read(transport).await,
            methods: methods::policy(transport).await,
            licensed: both.await,
            unlicensed: matching(transport, roll, without).await.map(|people| people.ascending()).map_err(asked),
            activity: if premium_log { accounts::activity(transport).await } else { Err(no_log()) },
            legacy: if premium_log { legacy::read(transport, since).await } else { Err(no_log()) },
            admins: holders(transport, roll, ADMIN).await,
            break_glass: accounts::read(transport, break_glass).await,
            exclusions: exclusions(self, target).await,
            clock_skew: transport.clock_skew(),
            granted: transport.named(),
        })
    }
}

/// When everybody last signed in, whoever or whatever did it for them.
pub(super) async fn last_seen(transport: &Transport) -> Result<LastSeen, Trouble> {
    let all = accounts::activity(transport).await?;
    Ok(LastSeen::new(all.into_iter().map(|activity| (activity.person, activity.interactive.max(activity.other))).collect()))
}

/// Whom the policy excludes, members of excluded groups included.
async fn exclusions(graph: &Graph, target: Option<Target>) -> Result<Exclusions, Trouble> {
    let Some(target) = target else {
        let why = "the policy of the plan is not known".to_owned();
        return Err(Trouble { kind: TroubleKind::Unusable, why });
    };
    let Target::Group { policy, .. } = target else {
        return Ok(Exclusions { people: Vec::new(), roles: Vec::new() });
    };
    let policy = graph.policy(policy).await?;
    let ids = |name: &str| -> Vec<ObjectId> {
        let list = policy.pointer(&format!("/conditions/users/{name}")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).filter_map(|id| id.parse().ok()).collect()
    };
    let mut people = ids("excludeUsers");
    for group in ids("excludeGroups") {
        match members(&graph.transport, graph.names.roll(), group, Depth::Transitive).await {
            Ok(members) => people.extend(members.iter()),
            // Deleted groups leave their ids behind in policies; they exclude nobody.
            Err(trouble) if trouble.kind == TroubleKind::Unusable => {}
            Err(trouble) => return Err(trouble),
        }
    }
    people.sort_unstable();
    people.dedup();
    Ok(Exclusions { people, roles: ids("excludeRoles") })
}

/// One object, in the fields that `F` names.
async fn one<F: Fields + super::row::Row>(transport: &Transport, look: super::request::look::Look) -> Result<F, Trouble> {
    let parse = |body: &[u8]| F::read(&mut serde_json::Deserializer::from_slice(body)).ok();
    let call = super::request::Read::Look(look).call();
    let template = call.template();
    let gone = || format!("the tenant does not know {template}; it may not exist in this cloud");
    transport.read(&call, parse).await.map_err(|unread| unread.trouble(gone))
}

/// A text, in lower case.
fn lower<'de, A: MapAccess<'de>>(row: &mut A) -> Result<Option<String>, A::Error> {
    Ok(value::<String, _>(row)?.map(|text| text.to_lowercase()))
}
