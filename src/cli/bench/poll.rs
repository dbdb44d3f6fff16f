//! How long a poll of the registration report takes at the service's limit of 5 requests per 10 s, and that none is refused.
//!
//! In virtual time, over the adapter and the simulated tenant's own count.

use std::sync::Arc;

use jiff::Timestamp;

use super::super::world::World;
use super::super::{Exit, Failure};
use super::Measured;
use crate::clock::Pace;
use crate::sim::{Profile, Tenant};

const USERS: usize = 60_000;

pub(super) fn measure(users: Option<usize>) -> Result<Vec<Measured>, Failure> {
    let tenant = Tenant::new(Profile { users: users.unwrap_or(USERS), ..Profile::default() });
    let world = World::new(tenant, Timestamp::UNIX_EPOCH, Pace::Max);
    let adapters = world.adapters_over(Arc::new(world.clone()), "contoso.example")?;
    let clock = world.clock().clone();
    let report = || {
        let (begun, before) = (clock.now(), adapters.tenant.requests());
        let read = super::super::runtime()?.block_on(adapters.tenant.registration());
        read.map_err(|trouble| Failure::new(Exit::Failed, trouble.why))?;
        Ok::<_, Failure>((clock.now().duration_since(begun).as_secs_f64(), adapters.tenant.requests() - before))
    };
    let (took, requests) = report()?;
    let pages = requests as f64;
    let bound = (pages - 5.0).max(0.0) / 0.5;
    let figure = |what: String, value, unit, bound| Measured { what, value, unit, bound, inclusive: true };
    Ok(vec![figure(
        format!("registration poll of {requests} pages / bound ({took:.1} s / {bound:.1} s)"),
        took / bound,
        "",
        1.02,
    )])
}
