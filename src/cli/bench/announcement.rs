//! A large announcement from several mailboxes under Outlook's limits, in virtual time: when it was predicted to finish and when it
//! did; and once more with deaths of the process at random moments: who was told how often.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::super::world::{Life, World};
use super::super::{Exit, Failure, run, runtime};
use super::{Bed, Measured};
use crate::clock::Pace;
use crate::config;
use crate::engine::Step;
use crate::graph::wire::{Exchange, Wire, WireError};
use crate::rollout::condition::Conditions;
use crate::rollout::event::Event;
use crate::rollout::hours::Hours;
use crate::rollout::id::{ObjectId, PersonRef, keyed_hash};
use crate::rollout::plan::Plan;
use crate::rollout::sending::finishes;
use crate::rollout::stage::PhaseName;
use crate::rollout::state::{Phase, State};
use crate::sim::memory::{Disk, Memory};
use crate::sim::{Fate, Here, Profile, Quotas, Tenant, ready_plan};

/// Mailboxes that share the announcement.
const MAILBOXES: usize = 5;

/// Deaths of the process.
const DEATHS: usize = 20;

/// Predicted and measured time differ by less than so much of a hundred.
const MOST_OFF: f64 = 5.0;

/// How many ordinary people a tenant has of a hundred accounts.
const ORDINARY: usize = 94;

/// More turns than this end in nothing.
const MOST_TURNS: usize = 1_000_000;

/// Before the announcement begins.
const BEGIN: &str = "2027-01-04T06:00:00Z";

pub(super) fn measure(bed: &Bed, people: usize) -> Result<Vec<Measured>, Failure> {
    let calm = Announcement::run(bed, people, &[])?;
    let first = calm.intents.first().copied().unwrap_or_default();
    let last = calm.mails.values().flatten().max().copied().unwrap_or_default();
    let told = calm.roster.len();
    let predicted = finishes(told, MAILBOXES, &[Hours::always()], first).duration_since(first).as_secs_f64();
    let measured = last.duration_since(first).as_secs_f64();
    let off = (measured - predicted).abs() / predicted.max(1.0) * 100.0;
    let figure = |what: String, value, unit, bound| Measured { what, value, unit, bound, inclusive: true };
    let hours = |seconds: f64| seconds / 3_600.0;
    let deaths: Vec<usize> = random(calm.envelopes);
    let rough = Announcement::run(bed, people, &deaths)?;
    let count = |mails: fn(usize) -> bool| rough.roster.iter().filter(|id| mails(rough.told(id))).count();
    let (never, once, twice) = (count(|n| n == 0), count(|n| n == 1), count(|n| n == 2));
    let untold = rough.roster.iter().filter(|id| rough.told(id) == 0 && !rough.elsewhere.contains(*id)).count();
    let unexplained = rough.roster.iter().filter(|id| rough.told(id) > 1 && !rough.doubtful.contains(*id)).count();
    let f = |count: usize| u32::try_from(count).map_or(f64::INFINITY, f64::from);
    Ok(vec![
        figure(
            format!("announcement, {told} people, {MAILBOXES} mailboxes: as predicted"),
            hours(measured),
            "h",
            hours(predicted) * 1.05,
        ),
        figure(format!("the same: off the prediction of {:.2} h", hours(predicted)), off, "%", MOST_OFF),
        figure("the same: mails that the service refused".to_owned(), f64::from(calm.refused), "", 0.0),
        figure(format!("with {} deaths: told once", rough.deaths), f(once), "", f(told)),
        figure(
            "with deaths: told twice, as their first mail may have been lost".to_owned(),
            f(twice),
            "",
            f(rough.doubtful.len()),
        ),
        figure("with deaths: both mails lost, told another date in the tail".to_owned(), f(never), "", f(rough.doubtful.len())),
        figure("with deaths: never told".to_owned(), f(untold), "", 0.0),
        figure("with deaths: told twice without a doubt, or more often".to_owned(), f(unexplained + count(|n| n > 2)), "", 0.0),
        figure("with deaths: mails that the service refused".to_owned(), f64::from(rough.refused), "", 0.0),
    ])
}

/// At which envelopes of mails the process dies.
fn random(envelopes: usize) -> Vec<usize> {
    let most = u128::try_from(envelopes.max(1)).unwrap_or(1);
    let nth = |n: usize| usize::try_from(keyed_hash("announcement", &["death", &n.to_string()]) % most).unwrap_or(0);
    let all: BTreeSet<usize> = (0..).map(nth).take(DEATHS * 4).collect();
    all.into_iter().take(envelopes.min(DEATHS)).collect()
}

/// What came of an announcement.
struct Announcement {
    roster: Vec<ObjectId>,
    /// When whom a mail with the stage's date reached.
    mails: BTreeMap<ObjectId, Vec<Timestamp>>,
    /// Whom a mail with another date reached: twice in doubt, they have one of their own.
    elsewhere: BTreeSet<ObjectId>,
    /// Of whom the journal says that their mail may have been lost.
    doubtful: BTreeSet<ObjectId>,
    /// When groups were handed to the mailboxes.
    intents: Vec<Timestamp>,
    envelopes: usize,
    refused: u32,
    deaths: usize,
}

impl Announcement {
    fn told(&self, id: &ObjectId) -> usize {
        self.mails.get(id).map_or(0, Vec::len)
    }

    /// Announces, and starts again after each death.
    fn run(bed: &Bed, people: usize, deaths: &[usize]) -> Result<Self, Failure> {
        let calm = Profile { not_allowed: 0.0, missing_rows: 0.0, empty_pages: 0.0, ..Profile::default() };
        let quotas = Quotas { writes: 0, units: 0, policies: 0, reports: 0, ..Quotas::default() };
        let tenant = Tenant::new(Profile { users: people * 100 / ORDINARY, quotas, ..calm });
        let plan = plan(bed, &tenant)?;
        let begin = BEGIN.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let mut world = World::new(tenant, begin, Pace::Max);
        let disk = Disk::default();
        let sent = Arc::new(AtomicUsize::new(0));
        let runtime = runtime()?;
        let mut lives = 0;
        loop {
            let wire = Arc::new(Mortal {
                world: world.clone(),
                sent: Arc::clone(&sent),
                deaths: deaths.to_vec(),
                dead: AtomicBool::new(false),
                told: Notify::new(),
            });
            if runtime.block_on(live(&world, &wire, &disk, &plan))? {
                break;
            }
            lives += 1;
            if lives > deaths.len() {
                return Err(Failure::new(Exit::Failed, "the process died more often than it was made to"));
            }
            let again = world.clock().now() + SignedDuration::from_mins(1);
            world = world.restarted(again, Pace::Max);
        }
        let (mut roster, mut doubtful, mut intents) = (Vec::new(), BTreeSet::new(), Vec::new());
        for record in disk.records() {
            match record.event {
                Event::RosterFrozen { people, .. } => roster = people,
                Event::NoticeOutcome { unknown, .. } => doubtful.extend(unknown),
                Event::NoticeIntent { .. } => intents.push(record.at),
                _ => {}
            }
        }
        let mut mails: BTreeMap<ObjectId, Vec<Timestamp>> = BTreeMap::new();
        let mut elsewhere = BTreeSet::new();
        let start = plan.stages.first().map(|stage| stage.start.instant);
        for mail in world.tenant().mails() {
            if mail.instant == start {
                mails.entry(mail.person).or_default().push(mail.at);
            } else {
                elsewhere.insert(mail.person);
            }
        }
        let refused = world.tenant().mails_refused();
        Ok(Self { roster, mails, elsewhere, doubtful, intents, envelopes: sent.load(Ordering::Relaxed), refused, deaths: lives })
    }
}

/// One life; whether everybody was told in it.
async fn live(world: &World, wire: &Arc<Mortal>, disk: &Disk, plan: &Plan) -> Result<bool, Failure> {
    let mut state = State::default();
    for record in disk.records() {
        state.apply(&record).map_err(|error| Failure::because(Exit::Failed, &error))?;
    }
    let store = Box::new(Memory::new(disk.clone(), None));
    let over = Arc::<Mortal>::clone(wire);
    let life = Life { wire: over, state, store, pause_file: Box::new(|| None), conditions: Conditions::all() };
    let (mut engine, _inputs) = world.engine_over(&plan.tenant, life)?;
    engine.begin(&[]).map_err(|error| run::engine_failure(&error))?;
    drop(engine.offer(Box::new(plan.clone()), "bench", "").map_err(|error| run::engine_failure(&error))?);
    for _ in 0..MOST_TURNS {
        // Where the wire broke, the process stands still for good: what it would do next never happens.
        let step = tokio::select! {
            biased;
            step = engine.step() => step.map_err(|error| run::engine_failure(&error))?,
            () = wire.died() => return Ok(false),
        };
        let phase = engine.state().stages.first().map(|stage| &stage.phase);
        match phase {
            // Whoever was in doubt twice is told another date in the tail.
            Some(Phase::Announced) if engine.state().people.all().iter().all(|person| person.promise_told().is_some()) => {
                return Ok(true);
            }
            Some(Phase::Scheduled | Phase::Announcing | Phase::Announced) | None => {}
            Some(other) => {
                let why = format!("the stage is {}, not announced", PhaseName::as_str(other.name()));
                return Err(Failure::new(Exit::Failed, why));
            }
        }
        if let Step::Idle(wake_at) = step {
            world.clock().sleep_until(wake_at).await;
        }
    }
    Err(Failure::new(Exit::Failed, "the announcement does not end"))
}

/// One stage of everybody, announced from several mailboxes.
fn plan(bed: &Bed, tenant: &Tenant) -> Result<Plan, Failure> {
    let (state, secret) = (bed.state(), bed.secret());
    let pilot = jiff::civil::date(2027, 2, 15);
    let url = "http://127.0.0.1:9";
    let here = Here { url, ca_file: None, state_dir: &state.to_string_lossy(), secret_file: &secret.to_string_lossy(), pilot };
    let ready = ready_plan(tenant, here);
    let head = ready.split("[[gate]]").next().unwrap_or_default();
    let stage = "[[stage]]\nname = \"everyone\"\npeople = [{ everyone_else = true }]\nstart = \"2027-02-15T09:00:00\"\n";
    let file = bed.write(&format!("{head}\n{stage}"))?;
    let mut plan = load(&file)?;
    plan.notices.from = tenant.ordinary_people().into_iter().take(MAILBOXES).map(PersonRef::Id).collect();
    Ok(plan)
}

fn load(file: &Path) -> Result<Plan, Failure> {
    Ok(config::load(file, []).map_err(|problems| Failure::new(Exit::Plan, problems.to_string()))?.plan)
}

/// The way to the tenant, which breaks together with the process at some envelopes of mails: half of them arrive.
struct Mortal {
    world: World,
    sent: Arc<AtomicUsize>,
    deaths: Vec<usize>,
    dead: AtomicBool,
    told: Notify,
}

impl Mortal {
    async fn died(&self) {
        self.told.notified().await;
    }
}

impl Wire for Mortal {
    fn exchange(&self, request: Request<Bytes>) -> Exchange<'_> {
        const MAIL: &[u8] = b"/sendMail";
        let mails =
            request.uri().path().ends_with("/sendMail") || request.body().windows(MAIL.len()).any(|window| window == MAIL);
        let nth = if mails { self.sent.fetch_add(1, Ordering::Relaxed) } else { usize::MAX };
        let dies = self.deaths.contains(&nth);
        if dies {
            self.dead.store(true, Ordering::Relaxed);
            self.told.notify_one();
        }
        let arrives = !self.dead.load(Ordering::Relaxed) || dies && nth % 2 == 0;
        let fate = arrives.then(|| self.world.answer(&request));
        Box::pin(async move {
            match fate {
                Some(Fate::Answer(response)) if !dies => Ok(response),
                _ if dies => std::future::pending().await,
                _ => Err(WireError::Lost { why: "the process died".to_owned() }),
            }
        })
    }
}
