//! `demo`: the main job on an embedded simulated tenant of 600 people, eight weeks in a minute. Needs no set-up.
//!
//! The same engine, adapters and journal as `run`; only the tenant is simulated and the clock is paced.

use std::path::{Path, PathBuf};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::{Common, Demo};
use super::show::{Colours, instant, report};
use super::timeline::Timeline;
use super::world::{SECRET, World};
use super::{Exit, Failure, place, run};
use crate::clock::Pace;
use crate::config::{self, Loaded};
use crate::engine::{Ending, Engine, Until};
use crate::rollout::condition::Conditions;
use crate::rollout::event::{Event, Record};
use crate::rollout::report::{Report, StageReport};
use crate::rollout::stage::PhaseName;
use crate::say;
use crate::sim::{self, Change, Profile, Tenant};
use crate::store::kept;
use crate::store::records::{records, verify};

const PLAN: &str = include_str!("../../config/demo-plan.toml");

/// People of the simulated tenant.
const USERS: usize = 600;

/// Eight weeks are 4.8 million seconds; at this pace they pass in about a minute and a quarter.
const TIMES: f64 = 75_000.0;

/// The first day: two weeks and a day before the pilot.
const BEGIN: &str = "2027-01-04T07:00:00Z";

/// Somebody switches the policy off the day before a start, and on again two hours after it.
const SWITCHED_OFF: &str = "2027-02-09T13:00:00Z";
const SWITCHED_ON: &str = "2027-02-10T10:00:00Z";

pub(super) fn demo(common: &Common, verb: &Demo) -> Result<Exit, Failure> {
    let folder = folder()?;
    let loaded = prepare(&folder)?;
    let zone = place::zone_of(&loaded);
    let start = at(BEGIN);
    let pace = if verb.fast { Pace::Max } else { Pace::Times(TIMES) };
    let mut tenant =
        Tenant::new(Profile { users: USERS, seed: verb.seed, floor: loaded.plan.notices.min_notice, ..Profile::default() });
    for (when, state) in [(SWITCHED_OFF, sim::State::Disabled), (SWITCHED_ON, sim::State::Enabled)] {
        tenant.change_at(at(when), Change::SetPolicy { policy: sim::POLICY.to_owned(), state });
    }
    let world = World::new(tenant, start, pace);
    let runtime = super::runtime()?;
    let colours = Colours::of_stdout();
    if !common.json {
        say!("A simulated tenant of {USERS} people; eight weeks from {}. Nothing leaves this computer.", instant(start, &zone));
        say!("");
    }
    let found = kept::open(&loaded.settings.state_dir).map_err(|error| Failure::because(Exit::State, &error))?;
    let (last, ending) = runtime.block_on(async {
        let (mut engine, _inputs) = world.engine(&loaded.plan.tenant, found.state, Box::new(found.kept), Conditions::all())?;
        engine.begin(&found.notes).map_err(|error| run::engine_failure(&error))?;
        drop(engine.offer(Box::new(loaded.plan.clone()), "demo", "").map_err(|error| run::engine_failure(&error))?);
        // With --json the report at the end is all there is.
        let mut board = (!common.json).then(|| Board::new(&engine, &loaded, &zone, colours));
        let look = |engine: &Engine| {
            if let Some(board) = &mut board {
                board.show(engine, &world);
            }
        };
        let ending = engine.run(Until::Done, look).await.map_err(|error| run::engine_failure(&error))?;
        if let Some(board) = &mut board {
            board.finish();
        }
        Ok::<_, Failure>((engine.reports().borrow().clone(), ending))
    })?;
    let Some(last) = last else { return Err(Failure::new(Exit::Failed, "the demo published nothing")) };
    if common.json {
        say!("{}", serde_json::to_string(&*last).unwrap_or_default());
    } else {
        summary(&last, &world, &loaded.settings.state_dir, &zone, colours)?;
    }
    match ending {
        Ending::NeedsHuman(why) => Err(Failure::new(Exit::Blocked, why)),
        _ => Ok(Exit::Done),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A folder that stays, so that the journal can be looked at.
fn folder() -> Result<PathBuf, Failure> {
    let folder = config::temporary_folder().join(format!("tidegate-demo-{}", std::process::id()));
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|error| Failure::new(Exit::State, format!("{}: the demo's folder cannot be made: {error}", folder.display())))?;
    Ok(folder)
}

/// Writes plan and secret into the folder, and reads the plan as `run` would.
fn prepare(folder: &Path) -> Result<Loaded, Failure> {
    let plan = folder.join("plan.toml");
    let secret = folder.join("secret");
    std::fs::write(&plan, PLAN)
        .and_then(|()| std::fs::write(&secret, SECRET))
        .and_then(|()| std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)))
        .map_err(|error| Failure::new(Exit::State, format!("{}: cannot be written: {error}", folder.display())))?;
    config::load(&plan, []).map_err(|problems| Failure::new(Exit::Plan, problems.to_string()))
}

/// What is shown while it runs: bars on a terminal, the timeline elsewhere.
struct Board {
    stages: Vec<ProgressBar>,
    foot: ProgressBar,
    timeline: Option<Timeline>,
    lines: MultiProgress,
    zone: TimeZone,
    state_dir: PathBuf,
    seen: u64,
}

impl Board {
    fn new(engine: &Engine, loaded: &Loaded, zone: &TimeZone, colours: Colours) -> Self {
        let lines = MultiProgress::new();
        let style = |text: &str| ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar());
        let stages = engine.state().stages.iter().map(|stage| {
            let bar = lines.add(ProgressBar::new(1));
            bar.set_style(style("{prefix:10} {bar:30.cyan/blue} {msg}"));
            bar.set_prefix(stage.name.clone());
            bar
        });
        let stages = stages.collect();
        let foot = lines.add(ProgressBar::new_spinner());
        foot.set_style(style("{msg}"));
        let timeline = (colours == Colours::Off).then(|| Timeline::new(zone.clone()));
        let state_dir = loaded.settings.state_dir.clone();
        Self { stages, foot, timeline, lines, zone: zone.clone(), state_dir, seen: 0 }
    }

    fn show(&mut self, engine: &Engine, world: &World) {
        if self.timeline.is_some() {
            if engine.state().seq != self.seen {
                self.print_timeline();
            }
            self.seen = engine.state().seq;
            return;
        }
        let reports = engine.reports();
        let report = reports.borrow().clone();
        let Some(report) = report else { return };
        for (bar, stage) in self.stages.iter().zip(&report.stages) {
            let required = of(stage, "enforced") + of(stage, "verified");
            // An empty bar would show as a full one.
            bar.set_length(u64::from(stage.people.max(1)));
            bar.set_position(u64::from(required));
            bar.set_message(format!("{required:>4}/{:<4} {}", stage.people, words(stage)));
        }
        let mails = world.tenant().mails().len();
        let hold = report.holds.first().map_or_else(String::new, |hold| format!("\n  held: {}", hold.why));
        self.foot.set_message(format!("{}   {mails} mails sent{hold}", instant(world.clock().now(), &self.zone)));
    }

    /// Prints what the journal has had since the last look.
    fn print_timeline(&mut self) {
        let Some(timeline) = &mut self.timeline else { return };
        let Ok(all) = records(&self.state_dir) else { return };
        let new = all.filter_map(Result::ok).filter(|record: &Record| record.seq > self.seen);
        for line in new.flat_map(|record| timeline.lines(&record)).collect::<Vec<_>>() {
            say!("{line}");
        }
    }

    fn finish(&mut self) {
        for bar in &self.stages {
            bar.finish();
        }
        self.foot.finish_and_clear();
        let _ = self.lines.clear();
        if let Some(timeline) = &mut self.timeline {
            for line in timeline.flush() {
                say!("{line}");
            }
        }
    }
}

fn of(stage: &StageReport, situation: &str) -> u32 {
    stage.situations.get(situation).copied().unwrap_or(0)
}

fn words(stage: &StageReport) -> String {
    let capable = stage.readiness.get("capable").copied().unwrap_or(0);
    let share = (capable * 100).checked_div(stage.people);
    let registered = share.map_or_else(String::new, |share| format!(", {share} % registered"));
    format!("{}{registered}", stage.phase.map_or("", PhaseName::as_str))
}

fn summary(last: &Report, world: &World, state_dir: &Path, zone: &TimeZone, colours: Colours) -> Result<(), Failure> {
    let verified = verify(state_dir).map_err(|error| Failure::because(Exit::Journal, &error))?;
    say!("{}", report(last, zone, colours).trim_end());
    say!("");
    let all = records(state_dir).map_err(|error| Failure::because(Exit::Journal, &error))?;
    let holds: Vec<Record> = all
        .filter_map(Result::ok)
        .filter(|record| matches!(record.event, Event::HoldPlaced { .. } | Event::HoldCleared { .. }))
        .collect();
    let mut timeline = Timeline::new(zone.clone());
    for line in holds.iter().filter(|record| !of_calendar(record)).flat_map(|record| timeline.lines(record)) {
        say!("{line}");
    }
    let tenant = world.tenant();
    let violations = tenant.violations().len();
    say!("");
    say!(
        "{} mails sent, {} requests; the tenant's own oracle saw {violations} broken promises",
        tenant.mails().len(),
        tenant.requests()
    );
    say!("{} records, the chain holds. The journal: {}", verified.records, state_dir.join("journal").display());
    let plan = state_dir.parent().unwrap_or(state_dir).join("plan.toml");
    say!("Verify it: tidegate journal verify --config {}", plan.display());
    say!("or with the dozen lines of docs/verify_journal.py {}", state_dir.join("journal").display());
    if violations > 0 {
        return Err(Failure::new(Exit::Failed, "a promise was broken; report this"));
    }
    Ok(())
}

/// Windows that close every evening are no news.
fn of_calendar(record: &Record) -> bool {
    let id = match &record.event {
        Event::HoldPlaced { hold } => &hold.id,
        Event::HoldCleared { id, .. } => id,
        _ => return false,
    };
    id.starts_with("calendar:") || id.starts_with("limit:")
}
