//! How fast people are added, and what it costs: each figure beside the best that the service allows.
//!
//! Each case is a process of its own against a simulated tenant in another one. In short runs the quotas are scaled with the people, so
//! that the same share of them goes with the burst.

use std::process::{Child, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::args::Bench;
use super::super::{Exit, Failure, adapters, runtime};
use super::rollout::{Keeping, Served, Until, engine, finish, plan};
use super::wire::{Counted, Counts};
use super::{Bed, Measured};
use crate::graph::Quota;
use crate::graph::wire::Wire;
use crate::rollout::id::ObjectId;
use crate::rollout::person::Enforced;
use crate::rollout::state::State;
use crate::sim::ENFORCED_GROUP;

/// The cases.
pub(super) const CASES: &[&str] = &["bucket", "window", "slow", "mixed", "crowd", "links"];

/// The people of a full measurement, and its quota: 3,000 writes per 150 s.
const FULL: u32 = 100_000;

/// The sizes of a run.
struct Size {
    people: usize,
    quota: Quota,
}

impl Size {
    fn of(verb: &Bench) -> Self {
        let people = if verb.full { FULL } else { verb.users.clamp(2_000, FULL) };
        let scale = f64::from(people) / f64::from(FULL);
        let seconds = (150.0 * scale).round().max(1.0);
        // Twenty a second, whatever the size.
        let per = SignedDuration::from_secs_f64(seconds);
        let quota = Quota { writes: u32::try_from(per.as_secs() * 20).unwrap_or(u32::MAX), per };
        Self { people: people as usize, quota }
    }

    fn options(&self, latency_ms: u32) -> Vec<String> {
        let Quota { writes, per } = self.quota;
        [
            "--write-quota",
            &writes.to_string(),
            "--quota-period",
            &per.as_secs().to_string(),
            "--latency-ms",
            &latency_ms.to_string(),
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

/// What came of a case.
struct Came {
    counts: Counts,
    people: usize,
    gone: usize,
    already: usize,
}

/// Measures one case in this process.
pub(super) fn measure(bed: &Bed, case: &str, verb: &Bench) -> Result<Vec<Measured>, Failure> {
    let size = Size::of(verb);
    let mut options = size.options(if case == "slow" { 500 } else { 50 });
    let mut add = |more: &[&str]| options.extend(more.iter().map(|text| (*text).to_owned()));
    match case {
        "window" => add(&["--quota", "window"]),
        "mixed" => add(&["--vanishing", "0.001"]),
        "crowd" => add(&["--max-inflight", "5"]),
        "links" => add(&["--charge-links"]),
        _ => {}
    }
    let share = |of: u32, count: u32| if of == 0 { 0.0 } else { 1_000.0 * f64::from(count) / f64::from(of) };
    let run = |keeping, people, foreign, until| run(bed, &size, &options, keeping, people, foreign, until);
    Ok(match case {
        "bucket" => {
            let came = run(Keeping::Disk, size.people, 0, Until::Out)?;
            let memory = run(Keeping::Memory, size.people, 0, Until::Out)?;
            let thousands = came.people as f64 / 1_000.0;
            let (took, cpu) = came.counts.took();
            let (without, _) = memory.counts.took();
            vec![
                at_most("writes per 1,000 new users, beyond the canary's", f64::from(came.counts.writes) / thousands, "", 50.0),
                at_most("HTTP calls per 1,000", f64::from(came.counts.calls) / thousands, "", 10.0),
                wall("bucket", &came.counts, size.bucket(came.people.div_ceil(20)), 50, 1.05),
                at_most("429s per 1,000 writes, bucket", share(came.counts.writes, came.counts.throttled), "", 1.0),
                at_most(
                    &format!("with journal and checkpoint / without ({took:.1} s / {without:.1} s)"),
                    took / without,
                    "",
                    1.02,
                ),
                at_most("CPU per 1,000 users added", cpu / thousands, "ms", 10.0),
            ]
        }
        "window" => {
            let came = run(Keeping::Disk, size.people, 0, Until::Out)?;
            // The window opened with the canary.
            let counts = Counts { first: came.counts.canary, ..came.counts };
            vec![wall("window", &counts, size.window(came.people.div_ceil(20)), 50, 1.05)]
        }
        "slow" => {
            let came = run(Keeping::Disk, size.people, 0, Until::Out)?;
            vec![wall("500 ms latency", &came.counts, size.bucket(came.people.div_ceil(20)), 500, 1.10)]
        }
        "mixed" => {
            let came = run(Keeping::Disk, size.people, size.people / 100, Until::Known)?;
            let ideal = (came.people - came.already - came.gone).div_ceil(20);
            let what = format!("writes / ideal, {} members already, {} vanished, 0 lost", came.already, came.gone);
            vec![at_most(&what, f64::from(came.counts.writes) / ideal as f64, "", 1.05)]
        }
        "crowd" => {
            let came = run(Keeping::Disk, size.people, 0, Until::Out)?;
            vec![at_most("5 PATCHes at once: 503s per 1,000 writes", share(came.counts.writes, came.counts.busy), "", 20.0)]
        }
        _ => {
            // Enough that the refill takes as long as in the other cases.
            let people = usize::try_from(size.quota.writes).unwrap_or(0) * 2 + 600;
            let came = run(Keeping::Disk, people, 0, Until::Out)?;
            vec![wall("links charged singly", &came.counts, size.bucket(came.people), 50, 1.10)]
        }
    })
}

impl Size {
    /// The seconds that a bucket needs for so many writes.
    fn bucket(&self, writes: usize) -> f64 {
        (writes as f64 - f64::from(self.quota.writes)).max(0.0) / 20.0
    }

    /// The seconds that windows need.
    fn window(&self, writes: usize) -> f64 {
        let turns = writes.saturating_sub(1) / usize::try_from(self.quota.writes).unwrap_or(1).max(1);
        turns as f64 * self.quota.per.as_secs_f64()
    }
}

fn at_most(what: &str, value: f64, unit: &'static str, bound: f64) -> Measured {
    Measured { what: what.to_owned(), value, unit, bound, inclusive: true }
}

/// The time taken against the longer of what the quota and what the latency allows.
fn wall(what: &str, counts: &Counts, quota: f64, latency_ms: u32, target: f64) -> Measured {
    let latency = f64::from(counts.calls) * f64::from(latency_ms) / 1_000.0 / f64::from(counts.abreast.max(1));
    let bound = quota.max(latency);
    let (took, _) = counts.took();
    at_most(&format!("wall / bound, {what} ({took:.1} s / {bound:.1} s)"), took / bound, "", target)
}

fn run(
    bed: &Bed,
    size: &Size,
    options: &[String],
    keeping: Keeping,
    people: usize,
    foreign: usize,
    until: Until,
) -> Result<Came, Failure> {
    let served = Served::begin(people, options)?;
    let people = served.people(people);
    let loaded = plan(bed, &served, &people)?;
    let wire = Arc::new(Counted::new(adapters::https(&loaded)?));
    let (counts, members, state) = runtime()?.block_on(async {
        for person in people.iter().step_by(people.len() / foreign.max(1)).take(foreign) {
            let change = json!({ "add-member": { "group": ENFORCED_GROUP, "person": person.to_string() } });
            control(&wire, &served.url, "change", Some(&change)).await?;
        }
        let mut engine = engine(bed, &loaded, &served, Arc::clone(&wire), size.quota, keeping, &people)?;
        finish(&mut engine, until).await?;
        let counts = wire.counts();
        let members = control(&wire, &served.url, "members", None).await?;
        Ok::<_, Failure>((counts, members, engine.state().clone()))
    })?;
    if keeping == Keeping::Disk {
        let _ = std::fs::remove_dir_all(bed.state());
    }
    let members = members.pointer(&format!("/members/{ENFORCED_GROUP}")).and_then(Value::as_array).cloned().unwrap_or_default();
    let members: Vec<ObjectId> = members.iter().filter_map(Value::as_str).filter_map(|id| id.parse().ok()).collect();
    judge(counts, &state, &members, foreign, until)
}

/// Journal and tenant must agree about everybody.
fn judge(counts: Counts, state: &State, members: &[ObjectId], already: usize, until: Until) -> Result<Came, Failure> {
    let all = state.people.all();
    let count = |which: fn(Enforced) -> bool| all.iter().filter(|person| which(person.enforced())).count();
    let enforced = count(|enforced| matches!(enforced, Enforced::Accepted(_) | Enforced::Verified(_)));
    let gone = count(|enforced| matches!(enforced, Enforced::Gone(_)));
    let unknown = all.len() - enforced - gone;
    let lies = all.iter().filter(|person| person.is_enforced() && members.binary_search(&person.id).is_err()).count();
    if lies > 0 || until == Until::Known && (unknown > 0 || members.len() != enforced) {
        let says = format!(
            "{lies} people are recorded as required and are not; {enforced} recorded, {gone} gone, {unknown} open, {} members",
            members.len()
        );
        return Err(Failure::new(Exit::Failed, says));
    }
    Ok(Came { counts, people: all.len(), gone, already })
}

/// Asks the simulated tenant's own controls.
async fn control(wire: &Counted, url: &str, name: &str, body: Option<&Value>) -> Result<Value, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, format!("the tenant's control {name}: {error}"));
    let request = Request::builder().uri(format!("{url}/_sim/{name}")).method(if body.is_some() { "POST" } else { "GET" });
    let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
    let answer = wire.exchange(request.body(body).map_err(|error| failed(&error))?).await.map_err(|error| failed(&error))?;
    if !answer.status().is_success() {
        return Err(failed(&String::from_utf8_lossy(answer.body())));
    }
    serde_json::from_slice(answer.body()).map_err(|error| failed(&error))
}

/// A case in a process of its own.
pub(super) struct Case(Child, &'static str);

impl Case {
    pub(super) fn begin(case: &'static str, verb: &Bench) -> Result<Self, Failure> {
        let mut command = super::this()?;
        command.args(["--json", "bench", "--only", case]);
        if verb.full {
            command.arg("--full");
        } else {
            command.args(["--users", &verb.users.to_string()]);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Ok(Self(process.map_err(|error| Failure::new(Exit::Failed, error.to_string()))?, case))
    }

    pub(super) fn end(self) -> Result<Vec<Measured>, Failure> {
        let output = self.0.wait_with_output().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if rows.is_empty() {
            let says = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::new(Exit::Failed, format!("the measurement `{}` failed: {says}", self.1)));
        }
        Ok(rows.iter().filter_map(read).collect())
    }
}

fn read(row: &Value) -> Option<Measured> {
    let unit = if row.get("unit")?.as_str()? == "ms" { "ms" } else { "" };
    Some(at_most(row.get("what")?.as_str()?, row.get("value")?.as_f64()?, unit, row.get("bound")?.as_f64()?))
}
