//! A person's own authentication methods: for few people, since Microsoft advises against whole populations.

use serde_json::Value;

use super::page;
use super::request::{Question, Read};
use super::transport::Transport;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::Trouble;

/// Methods that security defaults take: notifications of Microsoft's app, and codes of any app.
const TAKEN: [&str; 2] =
    ["#microsoft.graph.microsoftAuthenticatorAuthenticationMethod", "#microsoft.graph.softwareOathAuthenticationMethod"];

/// Whether the person has registered a method that security defaults take.
pub(super) async fn passes_mfa(transport: &Transport, person: ObjectId) -> Result<bool, Trouble> {
    let mut passes = false;
    let call = Read::Switch(Question::Methods(person)).call();
    let take = |row: Value| {
        let kind = row.get("@odata.type").and_then(Value::as_str).unwrap_or_default();
        passes |= TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(kind));
    };
    let gone = || format!("the methods of {person} cannot be read: the account does not exist");
    page::each(transport, &call, take).await.map_err(|unread| unread.trouble(gone))?;
    Ok(passes)
}
