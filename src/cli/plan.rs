//! `plan`: the plan resolved against the tenant. Reads only; changes nothing, the state folder included.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::args::Common;
use super::calls::{self, Calls, Counts};
use super::doctor::sentence;
use super::journal::unread;
use super::show::instant;
use super::{Exit, Failure, adapters, place, runtime};
use crate::clock::Clock;
use crate::config::Loaded;
use crate::engine::survey::survey;
use crate::rollout::change::forbidden;
use crate::rollout::hours::Hours;
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Observed, Readiness};
use crate::rollout::person::Home;
use crate::rollout::plan::{Amount, Plan, Stage};
use crate::rollout::preflight::{Severity, permissions};
use crate::rollout::select::{Roster, roster};
use crate::rollout::state::State;
use crate::rollout::{limit, schedule, sending};
use crate::say;
use crate::store::error::JournalError;
use crate::store::records::records;

/// What the plan would do.
#[derive(Debug, Serialize)]
struct Preview {
    at: Timestamp,
    revision: String,
    stages: Vec<StagePreview>,
    out: BTreeMap<String, u32>,
    total: usize,
    calls: Calls,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StagePreview {
    name: String,
    people: usize,
    out: BTreeMap<String, usize>,
    readiness: BTreeMap<&'static str, usize>,
    announces: Timestamp,
    /// When the last person is told, at the pace of the mailboxes; none once the announcement has begun.
    announced: Option<Timestamp>,
    mailboxes: usize,
    /// When managers get the lists of their people who are not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    lists: Option<Timestamp>,
    notice_deadline: Timestamp,
    start: Timestamp,
    latest_start: Timestamp,
    finish_by: Timestamp,
}

pub(super) fn plan(common: &Common) -> Result<Exit, Failure> {
    let loaded = place::load(common)?;
    let clock = Clock::system();
    let now = clock.now();
    let state = state_so_far(&loaded)?;
    let reasons = forbidden(&state, &loaded.plan, now);
    if !reasons.is_empty() {
        return Err(Failure::new(Exit::Blocked, format!("the plan asks for what may not be: {}", reasons.join("; "))));
    }
    let joined = adapters::over_http(&loaded, &clock, std::sync::Arc::default())?;
    let (survey, granted) = runtime()?.block_on(async {
        let survey = survey(&*joined.tenant, &*joined.enforce, &loaded.plan, state, now).await;
        (survey, joined.graph.granted().await)
    });
    let (state, observed) = survey.map_err(|trouble| {
        let exit = match trouble.kind {
            crate::rollout::observed::TroubleKind::Unusable => Exit::Blocked,
            _ => Exit::Tenant,
        };
        Failure::new(exit, trouble.why)
    })?;
    let zone = place::zone_of(&loaded);
    let mut preview = preview(&loaded.plan, &state, &observed, now, &zone)?;
    let permissions = permissions::judge(&loaded.plan, granted.as_deref());
    let matters = permissions.iter().filter(|finding| finding.severity != Severity::Note);
    preview.warnings.extend(matters.map(|finding| format!("{}: {}", sentence(finding), finding.remedy)));
    preview.warnings.extend(joined.tenant.warnings());
    if common.json {
        say!("{}", serde_json::to_string(&preview).unwrap_or_default());
    } else {
        print(&preview, &zone);
        say!("Graph calls for this look: {}", joined.tenant.requests());
    }
    if let Some(says) = granted.and_then(|granted| permissions::objection(&loaded.plan, &granted)) {
        return Err(Failure::new(Exit::Blocked, says));
    }
    let unread = [observed.registration.trouble.as_ref(), observed.sign_ins.trouble.as_ref()];
    if let Some(trouble) = unread.into_iter().flatten().next() {
        return Err(Failure::new(Exit::Tenant, trouble.why.clone()));
    }
    let empty = preview.stages.iter().find(|stage| stage.people == 0);
    if let Some(stage) = empty {
        let says = format!("stage `{}` selects nobody who may be enforced; correct its `people`", stage.name);
        return Err(Failure::new(Exit::Blocked, says));
    }
    let broken = observed.safety.last.as_ref().map(|reading| reading.value.policy.problems.join("; ")).unwrap_or_default();
    if !broken.is_empty() {
        return Err(Failure::new(Exit::Blocked, broken));
    }
    Ok(Exit::Done)
}

/// What the journal says so far; nothing where there is none yet.
pub(super) fn state_so_far(loaded: &Loaded) -> Result<State, Failure> {
    let mut state = State::default();
    match records(&loaded.settings.state_dir) {
        Ok(known) => {
            for record in known {
                let record = record.map_err(|error| unread(&error))?;
                state.apply(&record).map_err(|error| Failure::because(Exit::Journal, &error))?;
            }
        }
        // A journal that does not exist yet has no records.
        Err(JournalError::NoJournal { .. }) => {}
        Err(error) => return Err(unread(&error)),
    }
    Ok(state)
}

/// The people of a stage, fixed or as they would be now, and those whom it selects and who are out.
pub(super) fn people_of(
    plan: &Plan,
    state: &State,
    observed: &Observed,
    now: Timestamp,
    (ix, stage): (u16, &Stage),
    taken: &BTreeSet<ObjectId>,
) -> Result<Roster, String> {
    let people: Vec<_> =
        state.people.all().iter().filter(|person| person.home() == Home::Stage(ix)).map(|person| person.id).collect();
    if people.is_empty() { roster(plan, state, observed, now, stage, taken) } else { Ok(Roster { people, out: Vec::new() }) }
}

fn preview(plan: &Plan, state: &State, observed: &Observed, now: Timestamp, zone: &TimeZone) -> Result<Preview, Failure> {
    let mut taken = BTreeSet::new();
    let mut stages = Vec::new();
    let mut out: BTreeMap<String, u32> = BTreeMap::new();
    let mut warnings = Vec::new();
    let (mailboxes, hours) = (sending::mailboxes(plan, observed).len(), Hours::of(plan));
    let mut busy_until = now;
    for (ix, stage) in (0_u16..).zip(&plan.stages) {
        let roster = people_of(plan, state, observed, now, (ix, stage), &taken);
        let Roster { people, out: left_out } = roster.map_err(|why| Failure::new(Exit::Blocked, why))?;
        taken.extend(people.iter().copied());
        taken.extend(left_out.iter().flat_map(|because| &because.people).copied());
        for because in &left_out {
            *out.entry(because.why.clone()).or_default() += u32::try_from(because.people.len()).unwrap_or(u32::MAX);
        }
        let mut ready: BTreeMap<&'static str, usize> = BTreeMap::new();
        for id in &people {
            let rows = observed.registration.last.as_ref();
            let word = match rows.map_or(Readiness::Unknown, |reading| reading.value.of(*id)) {
                Readiness::Capable => "capable",
                Readiness::RegisteredNotAllowed => "registered-not-allowed",
                Readiness::Unregistered => "unregistered",
                Readiness::Unknown => "unknown",
            };
            *ready.entry(word).or_default() += 1;
        }
        let start = stage.start.instant;
        let latest = schedule::latest_start(&plan.calendar, zone, start, stage.late_by);
        let before = |wait: SignedDuration| start.checked_sub(wait).unwrap_or(Timestamp::MIN);
        let deadline = latest.checked_sub(plan.floor(stage)).unwrap_or(Timestamp::MIN);
        if deadline < now && frozen_is_empty(state, ix) {
            warnings.push(format!("stage `{}` cannot be told in time any more; it would be missed", stage.name));
        }
        let announces = before(plan.notices.before.first().copied().unwrap_or_default());
        let begin = announces.max(busy_until);
        let announced = frozen_is_empty(state, ix).then(|| sending::finishes(people.len(), mailboxes, &hours, begin));
        busy_until = announced.unwrap_or(busy_until);
        warnings.extend(announced.filter(|finished| deadline >= now && *finished > deadline).map(|finished| {
            let remedy = sending::remedy(people.len(), &hours, begin, finished, deadline);
            let name = &stage.name;
            format!("stage `{name}`: its announcement ends at {finished}, too late for the minimum notice ({deadline}): {remedy}")
        }));
        warnings.extend(too_tight(plan, stage.finish_by, people.len(), &stage.name));
        stages.push(StagePreview {
            name: stage.name.clone(),
            people: people.len(),
            out: left_out.into_iter().map(|because| (because.why, because.people.len())).collect(),
            readiness: ready,
            announces,
            announced,
            mailboxes,
            lists: plan.notices.managers.map(before),
            notice_deadline: deadline,
            start,
            latest_start: latest,
            finish_by: start.checked_add(stage.finish_by).unwrap_or(Timestamp::MAX),
        });
    }
    let total = observed.directory.last.as_ref().map_or(0, |reading| reading.value.len());
    let counts = Counts {
        directory: total,
        selections: observed.selections.values().map(|source| source.last.as_ref().map_or(0, |read| read.value.len())).collect(),
        stages: stages.iter().map(|stage| stage.people).collect(),
    };
    let calls = calls::expected(plan, &counts);
    Ok(Preview { at: now, revision: plan.revision(), stages, out, total, calls, warnings })
}

fn frozen_is_empty(state: &State, ix: u16) -> bool {
    !state.people.all().iter().any(|person| person.home() == Home::Stage(ix))
}

/// Caps that do not let a stage through before its `finish_by`.
fn too_tight(plan: &Plan, finish_by: SignedDuration, people: usize, stage: &str) -> Option<String> {
    let through = plan.limits.caps.iter().filter_map(|cap| {
        let Amount::People(_) = cap.amount else { return None };
        let periods = finish_by.as_secs().div_euclid(cap.per.as_secs().max(1)).saturating_add(1);
        let each = i64::from(limit::size(cap.amount, 0));
        usize::try_from(periods.saturating_mul(each)).ok()
    });
    let most = through.min()?;
    (most < people).then(|| {
        format!(
            "stage `{stage}`: the caps let {most} of {people} people through before finish_by; the rest would move to the tail"
        )
    })
}

fn print(preview: &Preview, zone: &TimeZone) {
    say!("plan {} against the tenant as of {}", preview.revision.get(..12).unwrap_or_default(), instant(preview.at, zone));
    for (stage, changes) in preview.stages.iter().zip(&preview.calls.stages) {
        say!("{}: {} people", stage.name, stage.people);
        let counts: Vec<_> = stage.readiness.iter().map(|(word, count)| format!("{count} {word}")).collect();
        if !counts.is_empty() {
            say!("    readiness: {}", counts.join(", "));
        }
        for (why, count) in &stage.out {
            say!("    out: {count} ({why})");
        }
        say!("    announces     {}", instant(stage.announces, zone));
        if let Some(announced) = stage.announced {
            let hours = announced.duration_since(stage.announces).as_secs_f64().max(0.0) / 3_600.0;
            let (from, finished) = (stage.mailboxes, instant(announced, zone));
            say!("    its announcement takes about {hours:.1} h from {from} mailboxes, finished {finished}");
        }
        say!("    told at last  {}", instant(stage.notice_deadline, zone));
        if let Some(lists) = stage.lists {
            say!("    managers get lists of who is not ready {}", instant(lists, zone));
        }
        say!("    starts        {}", instant(stage.start, zone));
        say!("    at the latest {}", instant(stage.latest_start, zone));
        say!("    finishes by   {}", instant(stage.finish_by, zone));
        say!(
            "    Graph calls expected: {} writes in {} requests; mails: at most {}",
            changes.batches,
            changes.envelopes,
            changes.mails_at_most
        );
    }
    let staged: usize = preview.stages.iter().map(|stage| stage.people).sum();
    let out: u32 = preview.out.values().sum();
    let rest = preview.total.saturating_sub(staged).saturating_sub(out as usize);
    say!("{} people in the directory: {staged} in stages, {out} out, {rest} in no stage", preview.total);
    for (why, count) in &preview.out {
        say!("    out: {count} ({why})");
    }
    say!("Graph calls expected, reads: at most {} a day while a stage is near or under way", preview.calls.reads_a_day_at_most);
    for reads in &preview.calls.reads {
        say!("    {}: {} a look, {} looks a day", reads.what, reads.calls_each, reads.looks_a_day);
    }
    for warning in &preview.warnings {
        say!("warning: {warning}");
    }
}
