//! Domains, and of federated ones what their identity provider's MFA counts for and who their people are.
//!
//! A person's domain is what stands behind the last `@` of the user principal name.

use std::collections::BTreeMap;

use serde::de::MapAccess;

use super::lower;
use crate::graph::page;
use crate::graph::request::Read;
use crate::graph::request::look::Look;
use crate::graph::row::{Fields, value};
use crate::graph::transport::{Transport, Unread};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Trouble;
use crate::rollout::preflight::facts::{Behaviour, Domain, SignIn};

#[derive(Default)]
struct Row {
    name: Option<String>,
    kind: Option<String>,
    initial: Option<bool>,
}

impl Fields for Row {
    const NAMES: &'static [&'static str] = &["id", "authenticationType", "isInitial"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.name = lower(row)?,
            "authenticationType" => self.kind = lower(row)?,
            _ => self.initial = value(row)?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Federation {
    behaviour: Option<String>,
}

impl Fields for Federation {
    const NAMES: &'static [&'static str] = &["federatedIdpMfaBehavior"];

    fn take<'de, A: MapAccess<'de>>(&mut self, _: &'static str, row: &mut A) -> Result<(), A::Error> {
        self.behaviour = value(row)?;
        Ok(())
    }
}

/// A person, as far as their domain goes.
#[derive(Default)]
struct Person {
    id: Option<ObjectId>,
    upn: Option<String>,
}

impl Fields for Person {
    const NAMES: &'static [&'static str] = &["id", "userPrincipalName"];

    fn take<'de, A: MapAccess<'de>>(&mut self, name: &'static str, row: &mut A) -> Result<(), A::Error> {
        match name {
            "id" => self.id = value(row)?,
            _ => self.upn = value(row)?,
        }
        Ok(())
    }
}

/// Every domain, by name.
pub(super) async fn read(transport: &Transport) -> Result<Vec<Domain>, Trouble> {
    let mut rows = Vec::new();
    let gone = || "the tenant does not know its domains; check tenant.graph_url".to_owned();
    page::each(transport, &Read::Look(Look::Domains).call(), |row: Row| rows.push(row))
        .await
        .map_err(|unread| unread.trouble(gone))?;
    let mut domains = BTreeMap::new();
    for row in rows {
        let Some(name) = row.name else { continue };
        let sign_in = if row.kind.as_deref() == Some("federated") {
            SignIn::Federated(behaviour(transport, &name).await?)
        } else {
            SignIn::Managed
        };
        domains.insert(name.clone(), Domain { name, initial: row.initial == Some(true), sign_in, people: Vec::new() });
    }
    if domains.values().any(|domain| domain.sign_in != SignIn::Managed) {
        let take = |person: Person| {
            if let (Some(id), Some(upn)) = (person.id, &person.upn) {
                settle(&mut domains, id, upn);
            }
        };
        let gone = || "the tenant does not know its people; check tenant.graph_url".to_owned();
        page::each(transport, &Read::Users.call(), take).await.map_err(|unread| unread.trouble(gone))?;
    }
    for domain in domains.values_mut() {
        domain.people.sort_unstable();
    }
    Ok(domains.into_values().collect())
}

/// Puts a person to their domain, when that is federated.
fn settle(domains: &mut BTreeMap<String, Domain>, person: ObjectId, upn: &str) {
    let name = super::accounts::domain_of(upn);
    if let Some(domain) = domains.get_mut(&name).filter(|domain| domain.sign_in != SignIn::Managed) {
        domain.people.push(person);
    }
}

async fn behaviour(transport: &Transport, domain: &str) -> Result<Behaviour, Trouble> {
    let mut found = Behaviour::Unset;
    let take = |row: Federation| found = understand(row.behaviour.as_deref());
    match page::each(transport, &Read::Look(Look::Federation(domain.to_owned())).call(), take).await {
        // A subdomain has no settings of its own.
        Ok(()) | Err(Unread::Gone) => Ok(found),
        Err(unread) => Err(unread.trouble(String::new)),
    }
}

fn understand(word: Option<&str>) -> Behaviour {
    match word {
        Some("acceptIfMfaDoneByFederatedIdp") => Behaviour::Accept,
        Some("enforceMfaByFederatedIdp") => Behaviour::Enforce,
        Some("rejectMfaByFederatedIdp") => Behaviour::Reject,
        None => Behaviour::Unset,
        Some(other) => Behaviour::Other(other.chars().filter(char::is_ascii_alphanumeric).take(60).collect()),
    }
}
