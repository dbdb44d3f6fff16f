//! For the guard table: a case, what becomes of it, and the conditions that can be taken away from it.

use jiff::{SignedDuration, Timestamp, civil};

use crate::rollout::condition::Ground;
use crate::rollout::decide::{Action, decide};
use crate::rollout::event::{By, Deed, Event, Slot};
use crate::rollout::gate::{Posts, Yes, read};
use crate::rollout::hold::{Blocks, Scope};
use crate::rollout::observed::{Readiness, Registration, Source};
use crate::rollout::overriding::{self, Asked, of_gate};
use crate::rollout::pause::{self, Ending};
use crate::rollout::person::Home;
use crate::rollout::plan::{Amount, Blackout, Bound, Cap, Expected, Gate, GateAt, Measure, Plan, Selector, Window};
use crate::rollout::release::Extent;
use crate::rollout::sample::{Perfect, at, attempts, days, during, hours, id, plan};
use crate::rollout::stage::PhaseName;
use crate::rollout::state::{Batch, NoticeBatch, Phase};
use crate::rollout::unmet::of_stage;
use crate::rollout::verb::Verb;
use crate::rollout::{acknowledge, closing, late, post, rebook, release};

/// The stage that is looked at: the second of two.
pub(super) const SUBJECT: &str = "everyone";

/// The gate that a human answers.
const READ: &str = "feedback was read";

/// A world, and what a decision in it stands on besides.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) world: Perfect,
    revision: Option<String>,
    booted: Timestamp,
    /// Whether whoever is required to use MFA fails at it.
    hurt: Hurt,
    /// The world as it was when the subject came into its phase.
    entered: Option<Box<Perfect>>,
    /// What `rebook` names, and what whoever overrides looked at.
    rebooked: civil::DateTime,
    seen: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Hurt {
    Nobody,
    Everybody,
}

/// What becomes of a case when it is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Taken {
    /// The stage moves, and why.
    Moves(PhaseName, String),
    /// It stays; what is done instead.
    Stays(String),
}

/// Whereto the subject moves by this record, and why.
pub(super) fn says(event: &Event) -> Option<(PhaseName, String)> {
    match event {
        Event::StageMoved { stage, to, why, .. } if stage == SUBJECT => Some((*to, why.clone())),
        _ => None,
    }
}

fn gate(name: &str, measure: Measure, at: GateAt, bound: Bound) -> Gate {
    Gate { name: name.to_owned(), measure, at, bound, ..during(1) }
}

impl Case {
    pub(super) fn new() -> Self {
        Self::of(|_| {})
    }

    pub(super) fn of(edit: fn(&mut Plan)) -> Self {
        let mut plan = plan();
        plan.gates = vec![
            gate("registered", Measure::RegisteredShare, GateAt::Start, Bound::AtLeast(0.5)),
            during(1),
            Gate {
                stages: vec![SUBJECT.to_owned()],
                max_age: days(3),
                ..gate(READ, Measure::Confirm, GateAt::Exit, Bound::Judged)
            },
        ];
        edit(&mut plan);
        let world = Perfect::new(plan, "2027-01-01T08:00:00Z");
        Self { world, revision: None, booted: Timestamp::MIN, hurt: Hurt::Nobody, entered: None, rebooked: REBOOKED, seen: None }
    }

    /// From now on whoever signs in fails at MFA.
    pub(super) fn hurt(mut self) -> Self {
        self.hurt = Hurt::Everybody;
        self
    }

    /// People sign in, and somebody reads the feedback of a stage that soaks.
    fn lives(&mut self) {
        let code = if self.hurt == Hurt::Everybody { 500_121 } else { 0 };
        self.world.sign_ins = Some(attempts(3..=30, self.world.now, code));
        let answered = self.world.records.iter().any(|record| matches!(record.event, Event::Confirmed { .. }));
        if self.phase() == PhaseName::Soaking && !answered {
            let read = post::confirm(&self.world.state, &self.world.plan, SUBJECT, READ, Yes::Yes, "read".to_owned()).unwrap();
            self.world.commit(By::Operator, vec![read]);
        }
    }

    pub(super) fn run(mut self, until: &str) -> Self {
        let until = at(until);
        loop {
            self.lives();
            if !self.world.turn(until) {
                return self;
            }
        }
    }

    /// Nobody runs until then.
    pub(super) fn asleep(mut self, until: &str) -> Self {
        self.world.now = at(until);
        self
    }

    /// Runs until the subject is in that phase.
    pub(super) fn entering(mut self, phase: PhaseName) -> Self {
        while self.phase() != phase {
            self.lives();
            assert!(self.world.turn(at("2027-03-01T12:00:00Z")), "it never is {phase:?}: {:?}", self.world.moves());
        }
        self
    }

    /// Runs until the next record is this move, which is not made.
    pub(super) fn before(mut self, from: PhaseName, to: PhaseName) -> Self {
        loop {
            if self.phase() == from && self.entered.is_none() {
                self.entered = Some(Box::new(self.world.clone()));
            }
            self.lives();
            let decision = self.world.decision();
            let moves = match &decision.action {
                Some(Action::Record(_, events)) => events.iter().find_map(says),
                _ => None,
            };
            if moves.is_some_and(|(became, _)| became == to && self.phase() == from) {
                return self;
            }
            let goes_on = self.world.carry_out(decision, at("2027-03-01T12:00:00Z"));
            assert!(goes_on, "it never goes from {from:?} to {to:?}: {:?}", self.world.moves());
        }
    }

    pub(super) fn phase(&self) -> PhaseName {
        self.world.state.stage(SUBJECT).unwrap().1.phase.name()
    }

    pub(super) fn says(&mut self, events: Vec<Event>) {
        self.world.commit(By::Operator, events);
    }

    pub(super) fn pauses(&mut self, scope: Scope, blocks: Blocks) {
        let events = pause::begin(&self.world.state, self.world.now, scope, blocks, None, "a test".to_owned()).unwrap();
        self.says(events);
    }

    pub(super) fn unpauses(&mut self, hold: &str) {
        let ending = Ending { hold: Some(hold.to_owned()), ..Ending::default() };
        let event = pause::end(&self.world.state, ending).unwrap();
        self.says(vec![event]);
    }

    fn ground<T>(&self, ask: impl FnOnce(&Ground<'_>) -> T) -> T {
        self.world.with_ground(|ground| {
            let revision = self.revision.as_deref().unwrap_or(ground.revision);
            ask(&Ground { revision, booted: self.booted, ..*ground })
        })
    }

    /// Looks, and makes every record that is made at this instant.
    pub(super) fn taken(&self) -> Taken {
        let mut case = self.clone();
        for _ in 0..30 {
            let action = case.ground(|ground| decide(ground).action);
            let act = match action {
                Some(Action::Record(by, events)) => {
                    if let Some((to, why)) = events.iter().find_map(says) {
                        return Taken::Moves(to, case.words(&why));
                    }
                    case.world.commit(by, events);
                    continue;
                }
                Some(Action::Notify(_)) => "stays, notices are sent",
                Some(Action::List(_)) => "stays, lists are sent",
                Some(Action::Enforce(_)) => "stays, people are added",
                Some(Action::Release(_)) => "stays, people are released",
                Some(Action::Switch(_)) => "stays, a switch is thrown",
                Some(Action::Memo(_)) => "stays, operators are told",
                Some(Action::Retire(_) | Action::Finish) => "stays, something else is done",
                None => "stays",
            };
            return Taken::Stays(act.to_owned());
        }
        Taken::Stays("stays, and records without end".to_owned())
    }

    /// What the subject waits for, after every record of this instant is made.
    pub(super) fn unmet(&self) -> Vec<String> {
        let mut case = self.clone();
        for _ in 0..30 {
            match case.ground(|ground| decide(ground).action) {
                Some(Action::Record(by, events)) if !events.iter().any(|event| says(event).is_some()) => {
                    case.world.commit(by, events);
                }
                _ => break,
            }
        }
        let unmet = case.ground(|ground| {
            let (ix, stage) = ground.state.stage(SUBJECT).unwrap();
            of_stage(ground, ix, stage)
        });
        unmet.into_iter().map(|one| format!("stays: {}", case.words(&one.what))).collect()
    }

    /// Without what changes whenever a plan gets a key.
    fn words(&self, text: &str) -> String {
        let revision: String = self.world.plan.revision().chars().take(12).collect();
        let accepted: String =
            self.world.state.plan.as_ref().map(|plan| plan.revision.chars().take(12).collect()).unwrap_or_default();
        text.replace(&revision, "REVISION").replace(&accepted, "REVISION")
    }

    /// Says something of the subject: what it comes to, or why not.
    pub(super) fn told(&self, verb: Verb, why: &str) -> Result<String, String> {
        let state = &self.world.state;
        let events = match verb {
            Verb::StartLate => self.ground(|ground| late::begin(ground, SUBJECT, why)),
            Verb::Rebook => self.ground(|ground| rebook::begin(ground, SUBJECT, self.rebooked, why.to_owned())),
            Verb::Skip => closing::skip(state, SUBJECT, why),
            Verb::Cancel => closing::cancel(state, SUBJECT, why),
            Verb::Rollback => release::begin(state, SUBJECT, Extent::AndBehind, why),
            Verb::Pause => {
                let scope = Scope::Stage(SUBJECT.to_owned());
                pause::begin(state, self.world.now, scope, Blocks::Forward, None, why.to_owned())
            }
            Verb::Override => self.ground(|ground| {
                let (_, stage) = state.stage(SUBJECT).unwrap();
                let evidence = of_gate(ground.plan, SUBJECT, READ)
                    .map(|gate| acknowledge::digest(&read(ground.plan, state, ground.observed, ground.now, stage, &gate)));
                let evidence = self.seen.map_or_else(|| evidence.unwrap_or_default(), str::to_owned);
                overriding::begin(ground, &Asked { stage: SUBJECT, what: READ, evidence: &evidence, until: None, why })
            }),
        };
        let events = events.map_err(|why| self.words(&why))?;
        let to = events.iter().find_map(says).map(|(to, _)| to.as_str().to_owned());
        Ok(to.unwrap_or_else(|| if events.is_empty() { "nothing more".to_owned() } else { "recorded".to_owned() }))
    }

    /// Edits the plan in force, as if it had always been so.
    fn edit(&mut self, edit: impl FnOnce(&mut Plan)) {
        edit(&mut self.world.plan);
        if let Some(accepted) = &mut self.world.state.plan {
            accepted.plan = self.world.plan.clone();
        }
    }

    /// A notice to one of its people has left, and is not answered yet.
    fn tells(&mut self, slot: Slot) {
        let (at, people) = (self.world.now, vec![self.somebody()]);
        self.world.state.notices.insert(1, NoticeBatch { at, slot, instant: at, people });
    }

    fn before_it(&mut self, phase: Phase) {
        self.world.state.stages[0].phase = phase;
    }

    /// One of the stage's people.
    fn somebody(&self) -> crate::rollout::id::ObjectId {
        let roster = &self.world.state.stage(SUBJECT).unwrap().1.roster;
        roster.first().and_then(|place| self.world.state.people.at(*place)).map_or(id(20), |person| person.id)
    }
}

/// A Monday long after everything.
const REBOOKED: civil::DateTime = civil::date(2027, 3, 1).at(9, 0, 0, 0);

/// Takes a condition away.
pub(super) type Change = fn(&mut Case);

/// What can be taken away.
pub(super) const CONDITIONS: [(&str, Change); 41] = [
    ("it was decided under another revision", |case| case.revision = Some("another".to_owned())),
    ("an approval is missing", |case| case.edit(|plan| plan.approvals_needed = 1)),
    ("the plan file is refused", |case| case.world.observed.plan_doubt = Some("a test".to_owned())),
    ("the clock differs from the service's", |case| case.world.observed.clock_doubt = Some("a test".to_owned())),
    ("the clock is behind the journal", |case| {
        case.world.now = case.world.state.at.unwrap() - SignedDuration::from_mins(1);
    }),
    ("the rollout is paused", |case| case.pauses(Scope::Rollout, Blocks::Forward)),
    ("the rollout is paused with --all", |case| case.pauses(Scope::Rollout, Blocks::All)),
    ("the pause file is there", |case| case.world.observed.pause_file = Some("a test".to_owned())),
    ("the stage is paused already", |case| {
        // Where the command may not be said, the hold may stand all the same.
        let hold = pause::pause_hold(case.world.now, Scope::Stage(SUBJECT.to_owned()), Blocks::Forward, None, "a test");
        case.says(vec![Event::HoldPlaced { hold }]);
    }),
    ("the stage before is paused", |case| {
        let hold = pause::pause_hold(case.world.now, Scope::Stage("pilot".to_owned()), Blocks::Forward, None, "a test");
        case.says(vec![Event::HoldPlaced { hold }]);
    }),
    ("one of its people is paused", |case| case.pauses(Scope::Person(case.somebody()), Blocks::Forward)),
    ("the policy has a problem", |case| {
        case.world.observed.safety.last.as_mut().unwrap().value.policy.problems.push("a test".to_owned());
    }),
    ("the policy was edited", |case| {
        case.world.observed.safety.last.as_mut().unwrap().value.policy.fingerprint = "edited".to_owned();
    }),
    ("a break-glass account is disabled", |case| {
        case.world.observed.safety.last.as_mut().unwrap().value.break_glass[0].enabled = false;
    }),
    ("the policy was not read", |case| case.world.observed.safety = Source::default()),
    ("the app's permissions are refused", |case| case.world.observed.permissions_doubt = Some("a test".to_owned())),
    ("the directory was not read", |case| case.world.observed.directory = Source::default()),
    ("the members were not read", |case| case.world.observed.members = Source::default()),
    ("somebody is not a member yet", |case| {
        let (now, one) = (case.world.now, case.somebody());
        let members: Vec<_> = case.world.members.iter().copied().filter(|id| *id != one).collect();
        case.world.observed.members = Source::default();
        case.world.observed.members.take(now, Ok(members.into_iter().collect()));
    }),
    ("the outcome of a write is not known", |case| {
        let one = case.somebody();
        let (at, home) = (case.world.now, Home::Stage(1));
        case.world.state.batches.insert(1, Batch { at, home, deed: Deed::Enforce, people: vec![one] });
    }),
    ("no window is open", |case| {
        let today = case.world.now.to_zoned_datetime(jiff::tz::TimeZone::UTC).weekday().to_monday_zero_offset();
        let other = 1 << ((today + 3) % 7);
        let window = Window { days: other, from: civil::time(9, 0, 0, 0), to: Some(civil::time(9, 1, 0, 0)) };
        case.edit(|plan| plan.calendar.windows = vec![window]);
    }),
    ("a blackout is on", |case| {
        let (from, to) = (case.world.now - days(1), case.world.now + days(200));
        case.edit(|plan| plan.calendar.blackouts = vec![Blackout { from, to, why: "a test".to_owned() }]);
    }),
    ("a cap is reached", |case| {
        case.world.state.handed.push((case.world.now, 1_000));
        case.edit(|plan| plan.limits.caps = vec![Cap { amount: Amount::People(1), per: hours(1) }]);
    }),
    ("the stage before is being enforced", |case| case.before_it(Phase::Enforcing { canary: None })),
    ("the stage before is scheduled", |case| case.before_it(Phase::Scheduled)),
    ("the stage before is rolled back", |case| case.before_it(Phase::RolledBack)),
    ("nobody is selected", |case| case.edit(|plan| plan.stages[1].include = vec![Selector::Users(Vec::new())])),
    ("other numbers are expected", |case| case.edit(|plan| plan.stages[1].expect = Some(Expected { least: 1, most: 2 }))),
    ("nobody is registered", |case| {
        let now = case.world.now;
        let rows = case.world.people.iter().map(|person| (person.id, Readiness::Unregistered));
        let rows = rows.collect::<Registration>();
        case.world.observed.registration.take(now, Ok(rows));
    }),
    ("people fail at MFA", |case| {
        let now = case.world.now;
        case.world.observed.sign_ins = Source::default();
        case.world.observed.sign_ins.take(now, Ok(attempts(3..=30, now, 500_121)));
    }),
    ("the sign-in log was not read", |case| case.world.observed.sign_ins = Source::default()),
    ("it has just come into its phase", |case| {
        if let Some(entered) = case.entered.take() {
            case.world = *entered;
        }
    }),
    ("a notice is on its way", |case| case.tells(Slot::Announcement)),
    ("its people are being told that its date does not hold", |case| case.tells(Slot::Withdrawn)),
    ("nobody answered its gate", |case| case.world.state.posts = Posts::default()),
    ("its gate was answered", |case| {
        // Before it soaks no answer is taken.
        let read = post::confirm(&case.world.state, &case.world.plan, SUBJECT, READ, Yes::Yes, "read".to_owned());
        case.says(read.into_iter().collect());
    }),
    ("the new date is tomorrow", |case| {
        case.rebooked = (case.world.now + days(1)).to_zoned_datetime(jiff::tz::TimeZone::UTC).datetime();
    }),
    ("other evidence was looked at", |case| case.seen = Some("0000")),
    ("its time has not come", |case| {
        // The journal knows nothing later, so that the clock is not behind it.
        case.world.now -= hours(12);
        case.world.state.at = Some(case.world.now);
    }),
    ("a day has passed unseen", |case| case.world.now += days(1)),
    ("the program has just begun", |case| case.booted = case.world.now),
];
