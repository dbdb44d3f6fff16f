//! How long the rehearsal of a plan of about eight weeks takes for 5,000 people.

use super::super::{Exit, Failure};
use super::{Bed, Measured, program};
use crate::clock::Clock;
use crate::sim::{Profile, Tenant};

const USERS: usize = 5_000;
const MOST_SECONDS: f64 = 10.0;

pub(super) fn measure(bed: &Bed) -> Result<Measured, Failure> {
    let tenant = Tenant::new(Profile { users: USERS, ..Profile::default() });
    let plan = bed.plan(&tenant, "http://127.0.0.1:9")?;
    let began = Clock::monotonic();
    let ended = program(&plan)?.args(["rehearse", "--users", &USERS.to_string()]).status();
    let value = Clock::monotonic().duration_since(began).as_secs_f64();
    match ended {
        Ok(status) if status.success() => {}
        other => return Err(Failure::new(Exit::Failed, format!("the rehearsal did not come to its end: {other:?}"))),
    }
    let what = format!("rehearsal of eight weeks for {USERS} people");
    Ok(Measured { what, value, unit: "s", bound: MOST_SECONDS, inclusive: false })
}
