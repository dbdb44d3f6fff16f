//! Whose manager is who, for lists of people who are not ready yet.
//!
//! Does not decide who gets a list. Invariant: who has no manager, or one that cannot be read, is listed under nobody.

use serde_json::Value;

use super::people::id;
use super::request::look::Look;
use super::request::{IDS, Read};
use super::{Graph, page};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Managed, Trouble};

impl Graph {
    /// The managers of these people, ascending by person; who does not exist is missing.
    pub async fn managers_of(&self, people: &[ObjectId]) -> Result<Managed, Trouble> {
        let mut wanted = people.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = Vec::with_capacity(wanted.len());
        for some in wanted.chunks(IDS) {
            let take = |row: Value| found.extend(id(&row).map(|person| (person, row.get("manager").and_then(id))));
            let call = Read::Look(Look::ManagersOf(some.to_vec())).call();
            let gone = || "the tenant does not know /users; check tenant.graph_url".to_owned();
            page::each(&self.transport, &call, take).await.map_err(|unread| unread.trouble(gone))?;
        }
        found.retain(|(person, _)| wanted.binary_search(person).is_ok());
        found.sort_unstable();
        found.dedup_by_key(|(person, _)| *person);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::graph::script::{Script, answer, id};

    #[tokio::test]
    async fn managers_are_read_for_a_few_at_once_and_nobody_is_invented() {
        let script = Script::answers([
            answer(
                200,
                &json!({"value": [
                    {"id": id(2), "manager": {"id": id(99), "@odata.type": "#microsoft.graph.user"}},
                    {"id": id(1)}, {"id": id(3), "manager": null}, {"id": id(777), "manager": {"id": id(99)}},
                    {"id": id(4), "manager": {"id": "rubbish"}}, 7,
                ]}),
            ),
            answer(200, &json!({"value": [{"id": id(16), "manager": {"id": id(98)}}]})),
        ]);
        let (graph, _) = script.graph();
        let people: Vec<_> = (1..=16).rev().map(id).collect();
        let managers = graph.managers_of(&people).await.unwrap();
        let expected = [(id(1), None), (id(2), Some(id(99))), (id(3), None), (id(4), None), (id(16), Some(id(98)))];
        assert_eq!(managers, expected);
        let seen = script.seen();
        assert_eq!(seen.len(), 2, "fifteen at once");
        assert!(seen[0].uri.contains("$expand=manager($select=id)") && seen[0].uri.contains("$select=id&"), "{}", seen[0].uri);
    }
}
