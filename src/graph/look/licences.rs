//! Subscriptions with a premium plan. Who holds one is asked by filter, since rows with plans are large.

use serde_json::Value;

use crate::graph::page;
use crate::graph::request::Read;
use crate::graph::request::look::Look;
use crate::graph::transport::Transport;
use crate::rollout::observed::Trouble;
use crate::rollout::preflight::facts::Premium;

/// The service plan Microsoft Entra ID P1 (`AAD_PREMIUM`).
pub(super) const P1: &str = "41781fb2-bc02-4b7c-bd55-b576c07bb09d";
/// The service plan Microsoft Entra ID P2 (`AAD_PREMIUM_P2`).
pub(super) const P2: &str = "eec0eb4f-6444-4f95-aba0-50c24d67f998";

/// The premium subscriptions, by whether they last.
pub(super) async fn read(transport: &Transport) -> Result<Premium, Trouble> {
    let mut premium = Premium::default();
    let take = |row: Value| count(&mut premium, &row);
    let gone = || "the tenant does not know its subscriptions; check tenant.graph_url".to_owned();
    page::each(transport, &Read::Look(Look::Skus).call(), take).await.map_err(|unread| unread.trouble(gone))?;
    Ok(premium)
}

/// Microsoft counts what is `Enabled` or `Warning` (lapsed, in its grace period).
fn count(premium: &mut Premium, row: &Value) {
    let plans = row.get("servicePlans").and_then(Value::as_array);
    let is_premium = |plan: &Value| {
        plan.get("servicePlanId")
            .and_then(Value::as_str)
            .is_some_and(|id| [P1, P2].iter().any(|known| id.eq_ignore_ascii_case(known)))
            && plan.get("provisioningStatus").and_then(Value::as_str) != Some("Disabled")
    };
    if !plans.into_iter().flatten().any(is_premium) {
        return;
    }
    match row.get("capabilityStatus").and_then(Value::as_str) {
        Some("Enabled") => premium.enabled += 1,
        Some("Warning") => premium.lapsing += 1,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_premium_plan_that_works_counts() {
        for (plan, provisioning, status, expected) in [
            (P1, "Success", "Enabled", (1, 0)),
            (P2, "Success", "Enabled", (1, 0)),
            (P1, "PendingInput", "Warning", (0, 1)),
            (P1, "Disabled", "Enabled", (0, 0)),
            (P1, "Success", "Suspended", (0, 0)),
            ("e866a266-3cff-43a3-acca-0c90a7e00c8b", "Success", "Enabled", (0, 0)),
        ] {
            let mut premium = Premium::default();
            let plans = json!([{"servicePlanId": plan, "provisioningStatus": provisioning}]);
            count(&mut premium, &json!({"capabilityStatus": status, "servicePlans": plans}));
            assert_eq!((premium.enabled, premium.lapsing), expected, "{plan} {provisioning} {status}");
        }
        let mut premium = Premium::default();
        for odd in [json!(null), json!({"servicePlans": null, "capabilityStatus": "Enabled"}), json!({"servicePlans": [null, 1]})]
        {
            count(&mut premium, &odd);
        }
        assert_eq!(premium, Premium::default());
    }
}
