//! `managers`: for each who manages people that are not ready yet, a list of them, as a page and as a table; and an index.
//!
//! Sends nothing. Names and who reports to whom come from the tenant, everything else from journal and last readings. Invariant:
//! everybody who is not ready and whom the tenant still knows is on one list, and on no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::{Common, Language, Place};
use super::standing::{folder, stand, write_private};
use super::{Exit, Failure, adapters, cells, handout, place, runtime};
use crate::clock::Clock;
use crate::graph::Graph;
use crate::graph::names::Name;
use crate::letter::handouts::Setting;
use crate::letter::handouts::lists::{self, List, Named, Unready};
use crate::rollout::by_manager::{by_manager, unready};
use crate::rollout::id::ObjectId;
use crate::rollout::observed::{Readiness, Trouble};
use crate::rollout::schedule::zone;
use crate::{say, whisper};

/// No more names are held at once.
const NAMES: usize = 1_000;

#[derive(Debug, clap::Args)]
pub(super) struct Managers {
    #[command(flatten)]
    place: Place,
    /// The folder; `index.html` and two files for each list are written into it.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Only people of this stage, or of the `tail`.
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// The language.
    #[arg(long, value_enum, default_value_t = Language::En)]
    language: Language,
}

pub(super) fn managers(common: &Common, verb: &Managers) -> Result<Exit, Failure> {
    let stand = stand(common, &verb.place)?;
    stand.has(verb.stage.as_deref())?;
    let registration = stand.observed.registration.last.as_ref().map(|reading| &reading.value);
    let people = unready(&stand.state, registration, verb.stage.as_deref());
    let known = known(common, &people)?;
    let about = |id: ObjectId| {
        let readiness = registration.map_or(Readiness::Unknown, |read| read.of(id));
        (readiness, stand.state.people.get(id).and_then(|person| person.promise()))
    };
    let lists = lists(&people, &known, about);
    folder(&verb.to)?;
    write(handout::setting(&stand, verb.language.as_str()), &verb.to, &lists)?;
    let on_lists = lists.iter().map(|list| list.people.len()).sum::<usize>();
    let nobodys = lists.iter().filter(|list| list.to.is_none()).map(|list| list.people.len()).sum::<usize>();
    let managers = lists.iter().filter(|list| list.to.is_some()).count();
    if common.json {
        let counts = serde_json::json!({
            "folder": verb.to, "managers": managers, "people": on_lists, "without_manager": nobodys,
        });
        say!("{counts}");
        return Ok(Exit::Done);
    }
    if registration.is_none() {
        whisper!("tidegate: no daemon has read yet who has registered; everybody is listed as not known");
    }
    say!("{} people are not ready: {managers} managers have a list, {nobodys} people have no manager", on_lists);
    say!("written to {}; begin with index.html. People are listed once the roster of their stage is frozen.", verb.to.display());
    Ok(Exit::Done)
}

/// What the tenant knows of people and of whom they report to.
#[derive(Default)]
struct Known {
    managers: Vec<(ObjectId, Option<ObjectId>)>,
    names: BTreeMap<ObjectId, Name>,
}

fn known(common: &Common, people: &[ObjectId]) -> Result<Known, Failure> {
    // Nobody is asked about nobody.
    if people.is_empty() {
        return Ok(Known::default());
    }
    let loaded = place::load(common)?;
    let joined = adapters::over_http(&loaded, &Clock::system(), Arc::default())?;
    runtime()?.block_on(ask(&joined.graph, people)).map_err(|trouble| Failure::new(Exit::Tenant, trouble.why))
}

async fn ask(graph: &Graph, people: &[ObjectId]) -> Result<Known, Trouble> {
    let managers = graph.managers_of(people).await?;
    let mut ids: Vec<ObjectId> = people.iter().copied().chain(managers.iter().filter_map(|(_, manager)| *manager)).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut names = BTreeMap::new();
    for some in ids.chunks(NAMES) {
        graph.read_names(some).await?;
        names.extend(some.iter().filter_map(|id| Some((*id, graph.names().name(*id)?))));
    }
    Ok(Known { managers, names })
}

/// The lists in the order of the names on them; last those whom nobody manages. Whom the tenant no longer knows is on none.
fn lists(people: &[ObjectId], known: &Known, about: impl Fn(ObjectId) -> (Readiness, Option<Timestamp>)) -> Vec<List> {
    let named = |id: ObjectId| {
        let name = known.names.get(&id);
        Named { id, display: name.and_then(|name| name.display.clone()), account: name.map(|name| name.upn.clone()) }
    };
    let order = |who: &Named| (who.name().to_lowercase(), who.id);
    let row = |id: ObjectId| {
        let (readiness, told) = about(id);
        Unready { who: named(id), readiness, told }
    };
    let list = |(manager, ids): (Option<ObjectId>, Vec<ObjectId>)| {
        let mut people: Vec<Unready> = ids.into_iter().map(row).collect();
        people.sort_by_cached_key(|person| order(&person.who));
        List { to: manager.map(named), people }
    };
    let exist: BTreeSet<ObjectId> = known.managers.iter().map(|(person, _)| *person).collect();
    let people: Vec<ObjectId> = people.iter().copied().filter(|id| exist.contains(id)).collect();
    let mut lists: Vec<List> = by_manager(&people, &known.managers).into_iter().map(list).collect();
    lists.sort_by_cached_key(|list| (list.to.is_none(), list.to.as_ref().map(order)));
    lists
}

fn write(setting: Setting<'_>, to: &Path, lists: &[List]) -> Result<(), Failure> {
    let unwritten = |error| Failure::because(Exit::Failed, &error);
    for list in lists {
        let file = list.file();
        write_private(&to.join(format!("{file}.html")), &lists::list(setting, list).map_err(unwritten)?)?;
        write_private(&to.join(format!("{file}.csv")), &table(setting, list)?)?;
    }
    write_private(&to.join("index.html"), &lists::index(setting, lists).map_err(unwritten)?)
}

fn table(setting: Setting<'_>, list: &List) -> Result<String, Failure> {
    let zone = zone(setting.time_zone).unwrap_or(TimeZone::UTC);
    let local = |at: Timestamp| at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    let row = |person: &Unready| {
        let readiness = lists::readiness(person.readiness, setting.language).to_owned();
        vec![person.who.name(), person.who.account(), readiness, person.told.map(local).unwrap_or_default()]
    };
    cells::table(&lists::columns(setting.language), list.people.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::super::world::World;
    use super::*;
    use crate::clock::Pace;
    use crate::sim::{Profile, Tenant};

    #[tokio::test]
    async fn everybody_whom_the_tenant_knows_is_on_the_list_of_whom_they_report_to() {
        let start = "2027-01-11T08:00:00Z".parse().unwrap();
        let world = World::new(Tenant::new(Profile { users: 80, ..Profile::default() }), start, Pace::Max);
        let graph = world.adapters_over(Arc::new(world.clone()), "contoso.example").unwrap().graph;
        let ordinary = world.tenant().ordinary_people();
        let glass: ObjectId = world.tenant().break_glass_ids().first().unwrap().parse().unwrap();
        let gone = ObjectId::from_bits(1);
        let people: Vec<ObjectId> = ordinary.iter().copied().chain([glass, gone]).collect();
        let known = ask(&graph, &people).await.unwrap();
        let about = |id| if id == glass { (Readiness::Unknown, None) } else { (Readiness::Unregistered, Some(start)) };
        let lists = lists(&people, &known, about);

        let mut listed: Vec<ObjectId> = lists.iter().flat_map(|list| &list.people).map(|person| person.who.id).collect();
        listed.sort_unstable();
        let mut expected: Vec<ObjectId> = ordinary.iter().copied().chain([glass]).collect();
        expected.sort_unstable();
        assert_eq!(listed, expected, "once each, and nobody who is gone");
        let (nobodys, led) = lists.split_last().unwrap();
        assert!(nobodys.to.is_none() && nobodys.people.iter().any(|person| person.who.id == glass), "{nobodys:?}");
        assert!(led.len() > 6 && led.iter().all(|list| list.to.as_ref().is_some_and(|to| to.display.is_some())), "{led:?}");
        for list in led {
            let to = list.to.as_ref().unwrap().id;
            assert!(list.people.iter().all(|person| known.managers.contains(&(person.who.id, Some(to)))), "{list:?}");
            assert!(list.people.is_sorted_by_key(|person| (person.who.name().to_lowercase(), person.who.id)), "{list:?}");
        }

        let folder = tempfile::tempdir().unwrap();
        let setting = Setting { time_zone: "Europe/Berlin", helpdesk: "ext. 1", language: "en", now: start };
        write(setting, folder.path(), &lists).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2 * lists.len() + 1);
        let read = |name: String| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let index = read("index.html".to_owned());
        for list in &lists {
            let (page, table) = (read(format!("{}.html", list.file())), read(format!("{}.csv", list.file())));
            assert!(index.contains(&format!("href=\"{}.html\"", list.file())), "{index}");
            assert_eq!(table.lines().next(), Some("Name,Account,Readiness,Date told"));
            assert_eq!(table.lines().count(), 1 + list.people.len(), "{table}");
            for person in &list.people {
                assert!(table.contains(&person.who.account()) && page.contains(&person.who.account()), "{table}");
            }
        }
        let nobodys = read("without-manager.csv".to_owned());
        assert!(nobodys.contains("bg1@contoso.example,not known,\n"), "{nobodys}");
        assert!(nobodys.contains(",has not set up a method yet,2027-01-11 09:00\n"), "{nobodys}");
    }

    #[test]
    fn no_cell_of_a_list_is_a_formula() {
        let who = Named { id: ObjectId::from_bits(1), display: Some("A, =1+1".to_owned()), account: Some("=cmd|x".to_owned()) };
        let people = vec![Unready { who, readiness: Readiness::RegisteredNotAllowed, told: None }];
        let setting = Setting { time_zone: "UTC", helpdesk: "ext. 1", language: "de", now: Timestamp::UNIX_EPOCH };
        let table = table(setting, &List { to: None, people }).unwrap();
        let rest = "\"hat eine Methode eingerichtet, aber keine, die zugelassen ist\",\n";
        assert_eq!(table, format!("Name,Konto,Bereitschaft,Mitgeteilter Termin\n\"A, =1+1\",'=cmd|x,{rest}"));
    }
}
