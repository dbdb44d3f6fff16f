//! What was read comes back as it was, or not at all.

use jiff::SignedDuration;

use super::*;
use crate::rollout::id::NameHash;
use crate::rollout::observed::{Client, Person, Readiness};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_mins(minute)
}

fn id(n: u128) -> ObjectId {
    ObjectId::from_bits(n * 0x9E37_79B9_7F4A_7C15)
}

fn about() -> About {
    About { tenant: "contoso.example".to_owned(), target: Some(Target::Group { group: id(1), policy: id(2) }) }
}

fn kept(state: &Path, about: &About, now: Timestamp) -> (Observed, Arc<Roll>) {
    read(state).map(|earlier| earlier.of(about, now)).unwrap_or_default()
}

fn observed() -> Observed {
    let roll = Arc::<Roll>::default();
    let mut observed = Observed::default();
    let directory = |people: u128| {
        let mut directory = Directory::new(Arc::clone(&roll));
        for n in 0..people {
            let name = NameHash::new("t", &n.to_string()).key();
            directory.put(&Person { id: id(n), name, enabled: Some(n % 5 > 0), guest: n % 7 == 0, mail: n % 3 > 0 });
        }
        directory.sync_accounts = vec![id(3)];
        directory.unreadable = 4;
        directory
    };
    observed.directory.take(at(0), Ok(directory(1_500)));
    let report = |shift: u128| {
        let mut report = Registration::new(Arc::clone(&roll));
        (0..1_400).for_each(|n| {
            report.put(id(n), if (n + shift).is_multiple_of(4) { Readiness::Unregistered } else { Readiness::Capable });
        });
        report.refreshed = Some(at(-9));
        report
    };
    observed.registration.take(at(1), Ok(report(0)));
    observed.registration.take(at(9), Ok(report(1)));
    let set = |step: usize| {
        let mut set = IdSet::new(Arc::clone(&roll));
        set.extend((0..1_500).step_by(step).map(id));
        set
    };
    observed.members.take(at(2), Ok(set(9)));
    observed.members.take(at(8), Ok(set(5)));
    observed.selections.entry("group:Exempt".to_owned()).or_default().take(at(3), Ok(set(100)));
    let client = |n: u128| if n.is_multiple_of(2) { Client::Legacy } else { Client::Modern };
    let attempt = |n: u128| SignIn {
        id: String::new(),
        person: id(n),
        at: at(4) + SignedDuration::from_nanos(7),
        code: -3,
        client: client(n),
    };
    observed.sign_ins.take(at(5), Ok((0..20).map(attempt).collect()));
    observed
}

/// What is compared: everything that decides.
fn told(observed: &Observed) -> String {
    let directory = observed.directory.last.as_ref().map(|read| (read.as_of, read.value.iter().collect::<Vec<_>>()));
    let ready = |read: &Reading<Registration>| {
        (read.as_of, read.value.refreshed, (0..1_500).map(|n| read.value.of(id(n))).collect::<Vec<_>>())
    };
    let set = |read: &Reading<IdSet>| (read.as_of, read.value.ascending());
    format!(
        "{directory:?} {:?} {:?} {:?} {:?} {:?}",
        both(&observed.registration).map(ready).collect::<Vec<_>>(),
        both(&observed.members).map(set).collect::<Vec<_>>(),
        observed
            .selections
            .iter()
            .map(|(key, source)| (key, source.asked, both(source).map(set).collect::<Vec<_>>()))
            .collect::<Vec<_>>(),
        observed.sign_ins.last,
        (observed.directory.asked, observed.registration.asked, observed.members.asked, observed.sign_ins.asked),
    )
}

#[test]
fn readings_come_back_with_the_instants_at_which_they_were_read() {
    let state = tempfile::tempdir().unwrap();
    let observed = observed();
    write(state.path(), about(), &observed).unwrap();
    let (back, roll) = kept(state.path(), &about(), at(10));
    assert_eq!(told(&back), told(&observed));
    assert_eq!(roll.len(), 1_500);
    assert_eq!(back.directory.last.unwrap().value.sync_accounts, [id(3)]);
    assert!(back.safety.last.is_none() && back.safety.asked.is_none(), "policy and break-glass accounts are read anew");
    write(state.path(), about(), &Observed::default()).unwrap();
    assert!(kept(state.path(), &about(), at(10)).1.is_empty());
}

#[test]
fn people_over_another_roll_are_not_kept_since_their_bits_would_mean_others() {
    let mut observed = observed();
    let foreign: IdSet = (0..1_500).step_by(4).map(id).collect();
    observed.members.take(at(10), Ok(foreign.clone()));
    observed.selections.entry("group:Exempt".to_owned()).or_default().take(at(10), Ok(foreign));
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), about(), &observed).unwrap();
    let (read, _) = kept(folder.path(), &about(), at(20));
    assert!(read.directory.last.is_some());
    let sources = read.selections.values().chain([&read.members]);
    assert!(sources.clone().all(|source| source.last.is_none() && source.earlier.is_none() && source.asked.is_none()));
}

#[test]
fn readings_of_another_tenant_group_or_clock_do_not_count() {
    let state = tempfile::tempdir().unwrap();
    assert!(kept(state.path(), &about(), at(10)).0.directory.last.is_none(), "nothing was kept");
    write(state.path(), about(), &observed()).unwrap();
    let other = About { tenant: "other.example".to_owned(), ..about() };
    assert!(kept(state.path(), &other, at(10)).0.directory.last.is_none());
    let moved = About { target: Some(Target::Group { group: id(9), policy: id(2) }), ..about() };
    let (back, _) = kept(state.path(), &moved, at(10));
    assert!(back.directory.last.is_some() && back.members.last.is_none() && back.members.earlier.is_none());
    let (back, _) = kept(state.path(), &about(), at(4));
    assert!(back.directory.last.is_some() && back.selections["group:Exempt"].last.is_some());
    let later = (back.registration.last.is_some(), back.members.last.is_some(), back.sign_ins.last.is_some());
    assert_eq!(later, (false, false, false), "what was read after now was read by another clock");
}

#[test]
fn damaged_readings_are_no_readings() {
    let state = tempfile::tempdir().unwrap();
    write(state.path(), about(), &observed()).unwrap();
    let whole = fs::read(state.path().join(NAME)).unwrap();
    for step in 0..60 {
        let mut changed = whole.clone();
        let place = whole.len() * step / 60;
        changed[place] ^= 0x10;
        fs::write(state.path().join(NAME), &changed).unwrap();
        assert!(kept(state.path(), &about(), at(10)).0.directory.last.is_none(), "byte {place}");
        fs::write(state.path().join(NAME), &whole[..place]).unwrap();
        assert!(kept(state.path(), &about(), at(10)).0.directory.last.is_none(), "the first {place} bytes");
    }
}
