//! The engine against a tenant of a few lines: turns, and what the guard's own readings do to them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::input::Input;
use super::leave::Leave;
use super::port::{
    Answer, BatchOutcome, Enforce, Leaver, Lists, Memo, Notice, NoticeOutcome, Notify, Offer, PauseFile, Room, Store, StoreError,
    Tenant,
};
use super::step::{Engine, Parts, Step};
use crate::clock::{Clock, Pace};
use crate::rollout::condition::Conditions;
use crate::rollout::event::{Because, By, Event, Record, Switched, VERSION};
use crate::rollout::id::{ObjectId, PersonRef};
use crate::rollout::observed::{
    BreakGlass, Collision, Directory, Evaluation, IdSet, LastSeen, Managed, PerUser, Person, Policy, Readiness, Registration,
    Safety, SignIn, Target, Trouble, TroubleKind,
};
use crate::rollout::plan::{Enforcement, People, Plan};
use crate::rollout::sample::{Perfect, TARGET, hours, id, person, plan};
use crate::rollout::schedule;
use crate::rollout::state::State;
use crate::rollout::switch::{Image, Switch};

/// People of the directory.
const MANY: u128 = 200;

/// What goes wrong, or comes in, while the tenant is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Flaw {
    #[default]
    None,
    /// People cannot be read right before a batch.
    People,
    /// The policy cannot be read every other time.
    Safety,
    /// A group cannot be read every other time.
    Group,
}

#[derive(Default)]
pub(super) struct Small {
    flaw: Flaw,
    /// Writes that are answered only when the test lets them.
    pub(super) slow: Option<Slow>,
    /// The service's clock against ours, and whether only the reading right before a batch tells it.
    skew: Option<SignedDuration>,
    late: bool,
    asked: AtomicU64,
    people_asked: AtomicU64,
    handed: AtomicU64,
    edited: Mutex<bool>,
    /// What comes in while the directory is read.
    meanwhile: Mutex<Option<(mpsc::Sender<Input>, Input)>>,
}

/// Envelopes that began, in order, with the records that were on disk then; two may be under way.
pub(super) struct Slow {
    pub(super) answers: tokio::sync::Semaphore,
    pub(super) begun: Mutex<Vec<Vec<ObjectId>>>,
    pub(super) leaves: Mutex<Vec<Leave>>,
}

impl Default for Slow {
    fn default() -> Self {
        Self { answers: tokio::sync::Semaphore::new(0), begun: Mutex::default(), leaves: Mutex::default() }
    }
}

fn down<T>() -> Result<T, Trouble> {
    Err(Trouble { kind: TroubleKind::Unreachable, why: "down".to_owned() })
}

impl Small {
    /// One whose writes wait for the test.
    pub(super) fn slow() -> Self {
        Self { slow: Some(Slow::default()), skew: Some(SignedDuration::ZERO), ..Self::default() }
    }

    /// Whether this request fails: every other one.
    fn fails(&self, flaw: Flaw) -> bool {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        self.flaw == flaw && asked % 2 == 1
    }
}

impl Tenant for Small {
    fn managers<'a>(&'a self, _: &'a [ObjectId]) -> Answer<'a, Result<Managed, Trouble>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn directory(&self) -> Answer<'_, Result<Directory, Trouble>> {
        Box::pin(async {
            let coming = self.meanwhile.lock().unwrap().take();
            if let Some((inputs, input)) = coming {
                inputs.try_send(input).unwrap();
                tokio::task::yield_now().await;
            }
            Ok((1..=MANY).map(person).collect())
        })
    }

    fn group_people<'a>(&'a self, _: &'a str) -> Answer<'a, Result<IdSet, Trouble>> {
        let fails = self.fails(Flaw::Group);
        Box::pin(async move { if fails { down() } else { Ok(IdSet::default()) } })
    }

    fn filtered_people<'a>(&'a self, _: &'a str) -> Answer<'a, Result<IdSet, Trouble>> {
        Box::pin(async { Ok(IdSet::default()) })
    }

    fn registration(&self) -> Answer<'_, Result<Registration, Trouble>> {
        Box::pin(async { Ok((1..=MANY).map(|n| (id(n), Readiness::Capable)).collect()) })
    }

    fn sign_ins(&self, _: Timestamp) -> Answer<'_, Result<Vec<SignIn>, Trouble>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn last_seen(&self) -> Answer<'_, Result<LastSeen, Trouble>> {
        Box::pin(async { Ok(LastSeen::default()) })
    }

    fn people_now<'a>(&'a self, people: &'a [ObjectId]) -> Answer<'a, Result<Vec<Person>, Trouble>> {
        self.people_asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if self.flaw == Flaw::People {
                return down();
            }
            Ok((1..=MANY).map(person).filter(|person| people.contains(&person.id)).collect())
        })
    }

    fn clock_skew(&self) -> Option<SignedDuration> {
        self.skew.filter(|_| !self.late || self.people_asked.load(Ordering::Relaxed) > 0)
    }

    fn requests(&self) -> u64 {
        0
    }
}

const OTHER: Target = Target::Group { group: ObjectId::from_bits(0xFADE), policy: ObjectId::from_bits(0xBEEF) };

impl Enforce for Small {
    fn resolve<'a>(&'a self, enforcement: &'a Enforcement) -> Answer<'a, Result<Target, Trouble>> {
        let another = matches!(enforcement, Enforcement::ConditionalAccess { group, .. } if group == "Another");
        let target = if another { OTHER } else { TARGET };
        Box::pin(async move { Ok(target) })
    }

    fn safety<'a>(&'a self, _: Target, _: &'a Enforcement, _: &'a [PersonRef]) -> Answer<'a, Result<Safety, Trouble>> {
        let fails = self.fails(Flaw::Safety);
        let sound = |n: u128| BreakGlass { reference: PersonRef::Id(id(n)), id: Some(id(n)), enabled: true, excluded: true };
        let fingerprint = if *self.edited.lock().unwrap() { "edited" } else { "as it was" }.to_owned();
        let safety = Safety {
            policy: Policy { problems: Vec::new(), fingerprint, takes: crate::rollout::observed::Takes::AnyMethod },
            break_glass: vec![sound(1), sound(2)],
            modes: Vec::new(),
            defaults: None,
            reach: None,
        };
        Box::pin(async move { if fails { down() } else { Ok(safety) } })
    }

    fn per_user<'a>(&'a self, _: &'a [ObjectId]) -> Answer<'a, Result<Vec<(ObjectId, PerUser)>, Trouble>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn release<'a>(&'a self, _: &'a Leave, _: Target, _: &'a [Vec<Leaver>]) -> Answer<'a, Vec<BatchOutcome>> {
        Box::pin(async { Vec::new() })
    }

    fn retire<'a>(&'a self, _: &'a Leave, _: &'a [ObjectId]) -> Answer<'a, BatchOutcome> {
        Box::pin(async { BatchOutcome::default() })
    }

    fn collisions<'a>(&'a self, _: Target, _: &'a Enforcement, _: &'a [ObjectId]) -> Answer<'a, Result<Vec<Collision>, Trouble>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn foresee<'a>(&'a self, _: Target, _: &'a [ObjectId]) -> Answer<'a, Result<Vec<Evaluation>, Trouble>> {
        Box::pin(async { down() })
    }

    fn offer<'a>(&'a self, _: Target, _: &'a People, _: &'a [ObjectId]) -> Answer<'a, Result<Offer, Trouble>> {
        Box::pin(async { down() })
    }

    fn switch<'a>(&'a self, _: &'a Leave, _: Switch, _: Option<&'a Image>) -> Answer<'a, Switched> {
        Box::pin(async { Switched::Done })
    }

    fn members<'a>(&'a self, target: Target, _: &'a [ObjectId]) -> Answer<'a, Result<IdSet, Trouble>> {
        Box::pin(async move { Ok((target == OTHER).then_some(id(91)).into_iter().collect()) })
    }

    fn enforce<'a>(&'a self, leave: &'a Leave, _: Target, batches: &'a [Vec<ObjectId>]) -> Answer<'a, Vec<BatchOutcome>> {
        self.handed.fetch_add(1, Ordering::Relaxed);
        let outcome = |batch: &Vec<ObjectId>| BatchOutcome { enforced: batch.clone(), ..BatchOutcome::default() };
        let not_sent = |batch: &Vec<ObjectId>| {
            let because = Because { why: "its leave was taken back".to_owned(), people: batch.clone() };
            BatchOutcome { not_sent: vec![because], ..BatchOutcome::default() }
        };
        Box::pin(async move {
            if let Some(slow) = &self.slow {
                if !leave.holds() {
                    return batches.iter().map(not_sent).collect();
                }
                slow.leaves.lock().unwrap().push(leave.clone());
                slow.begun.lock().unwrap().push(batches.iter().flatten().copied().collect());
                slow.answers.acquire().await.unwrap().forget();
            }
            batches.iter().map(outcome).collect()
        })
    }

    fn room(&self, under_way: usize, wanted: usize) -> Room {
        match (&self.slow, under_way) {
            (None, 0) => Room::Now(wanted),
            (Some(_), 0 | 1) => Room::Now(1),
            _ => Room::Later,
        }
    }
}

impl Notify for Small {
    fn send<'a>(&'a self, notice: &'a Notice) -> Answer<'a, NoticeOutcome> {
        Box::pin(async { NoticeOutcome { accepted: notice.people.clone(), ..NoticeOutcome::default() } })
    }

    fn send_lists<'a>(&'a self, _: &'a Lists) -> Answer<'a, NoticeOutcome> {
        Box::pin(async { NoticeOutcome::default() })
    }

    fn send_memo<'a>(&'a self, memo: &'a Memo) -> Answer<'a, NoticeOutcome> {
        Box::pin(async { NoticeOutcome { accepted: memo.to.clone(), ..NoticeOutcome::default() } })
    }
}

#[derive(Clone, Default)]
pub(super) struct Pages(pub(super) Arc<Mutex<Vec<Record>>>, pub(super) Arc<Mutex<Trap>>);

/// What happens when the next intent is written.
#[derive(Default)]
pub(super) enum Trap {
    #[default]
    None,
    /// This comes in.
    Input(mpsc::Sender<Input>, Box<Input>),
    /// The disk is full from here on.
    Full,
}

impl Store for Pages {
    fn append(&mut self, at: Timestamp, by: By, actor: &str, events: &[Event]) -> Result<Vec<Record>, StoreError> {
        let mut trap = self.1.lock().unwrap();
        match std::mem::take(&mut *trap) {
            Trap::Input(inputs, input) if matches!(events, [Event::EnforceIntent { .. }]) => inputs.try_send(*input).unwrap(),
            Trap::Full => {
                *trap = Trap::Full;
                return Err(StoreError::Full("no room".into()));
            }
            other => *trap = other,
        }
        let mut pages = self.0.lock().unwrap();
        let first = pages.last().map_or(0, |record| record.seq) + 1;
        let record =
            |(seq, event): (u64, &Event)| Record { seq, at, v: VERSION, by, actor: actor.to_owned(), event: event.clone() };
        let records: Vec<_> = (first..).zip(events).map(record).collect();
        pages.extend(records.clone());
        Ok(records)
    }

    fn keeps_checkpoints(&self) -> bool {
        false
    }

    fn checkpoint(&mut self, _: &State) {}

    fn publish(&mut self, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    fn head(&self) -> String {
        String::new()
    }
}

pub(super) struct Stage {
    pub(super) engine: Engine,
    pub(super) tenant: Arc<Small>,
    pub(super) pages: Pages,
    pub(super) inputs: mpsc::Sender<Input>,
}

impl Stage {
    /// An engine that takes over from a perfect world at `clock`; its pilot starts at `start`.
    pub(super) fn new(mut plan: Plan, start: Timestamp, clock: Clock, tenant: Small) -> Self {
        let zone = schedule::zone("Europe/Berlin").unwrap();
        for (stage, days) in plan.stages.iter_mut().zip([0, 14]) {
            stage.start.instant = start + hours(24 * days);
            stage.start.civil = zone.to_datetime(stage.start.instant);
        }
        let before = start - SignedDuration::from_secs(1);
        let mut world = Perfect::new(plan, &(start - hours(240)).to_string());
        world.people = (1..=MANY).map(person).collect();
        world.run(&before.min(clock.now()).to_string());
        Self::over(world, clock, tenant)
    }

    fn over(world: Perfect, clock: Clock, tenant: Small) -> Self {
        let tenant = Arc::new(tenant);
        let pages = Pages(Arc::new(Mutex::new(world.records)), Arc::default());
        let (inputs, received) = mpsc::channel(4);
        let engine = Engine::new(Parts {
            observed: crate::rollout::observed::Observed::default(),
            clock,
            state: world.state,
            tenant: Arc::clone(&tenant) as _,
            enforce: Arc::clone(&tenant) as _,
            notify: Arc::clone(&tenant) as _,
            assist: None,
            gates: None,
            store: Box::new(pages.clone()),
            inputs: received,
            pause_file: Box::new(|| None),
            conditions: Conditions::all(),
        });
        Self { engine, tenant, pages, inputs }
    }

    /// From now on a pause file is made, or not; the reasons that it was given.
    pub(super) fn files_its_pause(&mut self, made: Result<(), String>) -> Arc<Mutex<Vec<String>>> {
        struct Filed(Result<(), String>, Arc<Mutex<Vec<String>>>);
        impl PauseFile for Filed {
            fn reason(&self) -> Option<String> {
                None
            }

            fn make(&self, why: &str) -> Result<(), String> {
                self.1.lock().unwrap().push(why.to_owned());
                self.0.clone()
            }
        }
        let reasons = Arc::<Mutex<Vec<String>>>::default();
        self.engine.pause_file = Box::new(Filed(made, Arc::clone(&reasons)));
        reasons
    }

    /// Turns until it would sleep; how often it turned.
    pub(super) async fn settle(&mut self) -> (u32, Timestamp) {
        for turns in 1..1_000 {
            if let Step::Idle(until) = self.engine.step().await.unwrap() {
                return (turns, until);
            }
        }
        panic!("the engine does not come to rest");
    }

    fn plan(&self) -> Plan {
        self.engine.state().plan.as_ref().unwrap().plan.clone()
    }

    fn holds(&self, id: &str) -> bool {
        self.engine.state().holds.contains_key(id)
    }

    pub(super) fn handed(&self) -> u64 {
        self.tenant.handed.load(Ordering::Relaxed)
    }
}

fn start() -> Timestamp {
    "2027-01-11T08:00:00Z".parse().unwrap()
}

/// Starts are whole seconds, as plans are.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap()
}

fn paced(at: Timestamp) -> Clock {
    Clock::paced(at, Pace::Max)
}

#[tokio::test]
async fn a_clock_that_an_answer_shows_to_be_wrong_stops_the_batch_that_asked() {
    for (skew, late, enforces) in [
        (None, false, true),
        (Some(SignedDuration::from_mins(4)), false, true),
        (Some(hours(1)), false, false),
        (Some(hours(-1)), true, false),
    ] {
        let clock = Clock::system();
        let start = whole_second(clock.now()) - SignedDuration::from_mins(10);
        let mut stage = Stage::new(plan(), start, clock, Small { skew, late, ..Small::default() });
        stage.settle().await;
        assert_eq!(stage.handed() > 0, enforces, "{skew:?} {late}");
        assert_eq!(stage.holds("clock"), !enforces, "{skew:?} {late}");
    }
}

#[tokio::test]
async fn records_of_the_future_do_not_hold_for_ever_when_the_service_confirms_our_clock() {
    for (skew, enforces) in [(None, false), (Some(SignedDuration::ZERO), true)] {
        let clock = Clock::system();
        let start = whole_second(clock.now()) - SignedDuration::from_mins(10);
        let mut stage = Stage::new(plan(), start, clock, Small { skew, ..Small::default() });
        // The host's clock was an hour ahead when this was written.
        let at = stage.engine.clock().now() + hours(1);
        let seq = stage.engine.state().seq + 1;
        let event = Event::Stopped { why: "a test".to_owned() };
        let ahead = Record { seq, at, v: VERSION, by: By::Operator, actor: "test".to_owned(), event };
        stage.pages.0.lock().unwrap().push(ahead.clone());
        stage.engine.state.apply(&ahead).unwrap();
        stage.settle().await;
        assert_eq!(stage.handed() > 0, enforces, "{skew:?}");
        assert_eq!(stage.holds("clock"), !enforces, "{skew:?}");
    }
}

#[tokio::test]
async fn a_reading_that_fails_before_every_batch_does_not_make_the_engine_spin() {
    for flaw in [Flaw::People, Flaw::Safety, Flaw::Group] {
        let mut plan = plan();
        plan.people.exempt_group = Some("Exempt".to_owned());
        let mut stage = Stage::new(plan, start(), paced(start()), Small { flaw, ..Small::default() });
        let (mut turns, end) = (0, start() + hours(3));
        while stage.engine.clock().now() < end {
            let (turned, until) = stage.settle().await;
            turns += turned;
            assert!(until > stage.engine.clock().now(), "{flaw:?}");
            stage.engine.clock().sleep_until(until).await;
        }
        let asked = stage.tenant.people_asked.load(Ordering::Relaxed);
        assert!(turns < 400 && asked < 60, "{flaw:?}: {turns} turns, people asked for {asked} times");
    }
}

#[tokio::test]
async fn a_plan_that_arrives_while_the_tenant_is_read_is_not_decided_upon_with_the_old_one() {
    let mut stage = Stage::new(plan(), start(), paced(start()), Small::default());
    let mut later = stage.plan();
    later.notices.helpdesk = "another".to_owned();
    let revision = later.revision();
    *stage.tenant.meanwhile.lock().unwrap() =
        Some((stage.inputs.clone(), Input::Plan(crate::engine::input::Reread::of(later, "test"))));
    let before = stage.pages.0.lock().unwrap().len();
    assert_eq!(stage.engine.step().await.unwrap(), Step::Acted);
    let records = stage.pages.0.lock().unwrap().split_off(before);
    assert!(
        matches!(&records[..], [Record { event: Event::PlanAccepted { revision: new, .. }, .. }] if *new == revision),
        "{records:?}"
    );
    stage.pages.0.lock().unwrap().extend(records);
    stage.settle().await;
    assert!(!stage.holds("approval") && stage.handed() > 0);
}

#[tokio::test]
async fn the_members_of_one_group_never_become_the_baseline_of_another() {
    let mut stage = Stage::new(plan(), start(), paced(start() - hours(24)), Small::default());
    stage.settle().await;
    assert_eq!(stage.engine.state().baseline.as_deref(), Some(&[][..]));
    let mut other = stage.plan();
    other.enforcement = Enforcement::ConditionalAccess {
        group: "Another".to_owned(),
        policy: "Require MFA".to_owned(),
        manage_policy: false,
        leaves: None,
    };
    assert!(stage.engine.offer(Box::new(other), "test", "").unwrap().is_ok());
    stage.settle().await;
    assert_eq!(stage.engine.state().target, Some(OTHER));
    assert_eq!(stage.engine.state().baseline.as_deref(), Some(&[id(91)][..]));
}

#[tokio::test]
async fn an_edited_policy_is_accepted_by_a_reload_of_the_same_plan_and_by_nothing_else() {
    let mut stage = Stage::new(plan(), start(), paced(start() - hours(24)), Small::default());
    stage.settle().await;
    *stage.tenant.edited.lock().unwrap() = true;
    stage.engine.clock().sleep(hours(14)).await;
    stage.settle().await;
    assert!(stage.holds("policy"));
    let mut other = stage.plan();
    other.notices.helpdesk = "another".to_owned();
    assert!(stage.engine.offer(Box::new(other.clone()), "reload", "").unwrap().is_ok());
    stage.settle().await;
    assert!(stage.holds("policy"), "another plan says nothing of the policy");
    assert!(stage.engine.offer(Box::new(other), "reload", "").unwrap().is_ok());
    let last = stage.pages.0.lock().unwrap().last().unwrap().clone();
    assert!(matches!(&last.event, Event::PolicySeen { fingerprint } if fingerprint == "edited"), "{last:?}");
    assert_eq!((last.by, last.actor.as_str()), (By::Operator, "reload"));
    stage.settle().await;
    assert!(!stage.holds("policy"));
}
