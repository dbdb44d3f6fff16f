//! Who is in a simulated tenant at its beginning: ordinary people, and the accounts that must never be enforced.

use jiff::{SignedDuration, Timestamp};

use super::chance::{Kind as Chance, Stream, draw, unit};
use super::moment::after;
use super::person::{Account, Habit, Kind, Methods, PerUser, Person};
use super::planted::Quirks;
use super::profile::Profile;
use crate::rollout::id::ObjectId;

const GIVEN: [&str; 24] = [
    "Anna",
    "Ben",
    "Chloé",
    "David",
    "Elif",
    "Farid",
    "Greta",
    "Hanna",
    "Igor",
    "Jörg",
    "Katarzyna",
    "Liam",
    "Mia",
    "Nils",
    "Olga",
    "Priya",
    "Quentin",
    "Renée",
    "Søren",
    "Tomás",
    "Uwe",
    "Vera",
    "Wei",
    "Zoë",
];
const FAMILY: [&str; 26] = [
    "Adams",
    "Bauer",
    "Çelik",
    "Dubois",
    "Eriksson",
    "Fischer",
    "García",
    "Huber",
    "Ivanova",
    "Jansen",
    "Kowalski",
    "Li",
    "Müller",
    "Nowak",
    "O'Brien",
    "Petrov",
    "Quist",
    "Rossi",
    "Schmidt",
    "Takahashi",
    "Ulrich",
    "Varga",
    "Weber",
    "Xu",
    "Yılmaz",
    "Zimmermann",
];
/// Departments of ordinary people.
pub(super) const DEPARTMENTS: [&str; 6] = ["Finance", "Sales", "Engineering", "HR", "Legal", "Operations"];
const JOBS: [&str; 5] = ["Specialist", "Engineer", "Manager", "Assistant", "Analyst"];
const LANGUAGES: [Option<&str>; 5] = [Some("de-DE"), Some("en-US"), Some("fr-FR"), Some("es-ES"), None];

/// The oldest account.
const FOUNDED: Timestamp = Timestamp::constant(1_709_280_000, 0);

/// Everybody, for a profile; ordinary people last.
pub(super) fn found(profile: &Profile) -> Vec<Person> {
    let total = profile.users.max(20);
    let mut makers = Makers::new(profile);
    let mut people = Vec::with_capacity(total);
    for n in 1..=2 {
        people.push(makers.special(Kind::BreakGlass, &format!("bg{n}"), &format!("Emergency access {n}")));
    }
    people.push(makers.special(Kind::Sync, "Sync_DC01_0f1e2d3c4b5a", "On-Premises Directory Synchronization Service Account"));
    people.push(makers.special(Kind::Resource, "it-security", "IT Security"));
    for n in 1..=(total / 100).max(1) {
        people.push(makers.special(Kind::Resource, &format!("room{n}"), &format!("Room {n}")));
    }
    for n in 1..=(total / 50).max(1) {
        people.push(makers.special(Kind::Guest, &format!("guest{n}_partner.example#EXT#"), &format!("Guest {n}")));
    }
    for _ in 0..(total / 100).max(1) {
        let mut person = makers.ordinary(FOUNDED);
        person.account = Account::Disabled;
        people.push(person);
    }
    while people.len() < total {
        let since = after(FOUNDED, SignedDuration::from_hours(makers.names.next().cast_signed().rem_euclid(15_000)));
        people.push(makers.ordinary(since));
    }
    people
}

/// Makes people one after the other.
#[derive(Clone, Debug)]
pub(super) struct Makers {
    profile: Profile,
    ids: Stream,
    names: Stream,
    habits: Stream,
    made: usize,
}

impl Makers {
    pub(super) fn new(profile: &Profile) -> Self {
        Self {
            ids: Stream::new(profile.seed, Chance::Ids),
            names: Stream::new(profile.seed, Chance::Names),
            habits: Stream::new(profile.seed, Chance::Reaction),
            profile: profile.clone(),
            made: 0,
        }
    }

    /// For people who join a tenant that has `people` already: other ids than theirs.
    pub(super) fn for_joiners(profile: &Profile, people: usize) -> Self {
        let mut profile = profile.clone();
        profile.seed ^= 0x6a6f_696e;
        Self { made: people, ..Self::new(&profile) }
    }

    /// An ordinary person; everyone's address is their own because their number is in it.
    pub(super) fn ordinary(&mut self, since: Timestamp) -> Person {
        self.made += 1;
        let pick = |names: &mut Stream, of: &[&'static str]| names.pick(of).copied().unwrap_or("Sam");
        let (given, family) = (pick(&mut self.names, &GIVEN), pick(&mut self.names, &FAMILY));
        let upn = format!("{}.{}{}@{}", ascii(given), ascii(family), self.made, self.profile.domain);
        let department = self.names.pick(&DEPARTMENTS).map(|department| (*department).to_owned());
        let mut person = self.person(Kind::Ordinary, upn.clone(), format!("{given} {family}"), since);
        person.mail = Some(upn);
        person.given_name = Some(given.to_owned());
        person.surname = Some(family.to_owned());
        person.department = department;
        person.job_title = self.names.pick(&JOBS).copied();
        person.language = self.names.pick(&LANGUAGES).copied().flatten();
        person.methods = self.methods();
        if self.profile.per_user > 0.0 {
            let roll = draw(self.profile.seed, Chance::PerUser, &[self.made as u64]);
            if unit(roll) < self.profile.per_user {
                let is_registered = person.methods.habit == Habit::Already;
                person.per_user.push((Timestamp::MIN, if is_registered { PerUser::Enforced } else { PerUser::Enabled }));
            }
        }
        person
    }

    fn special(&mut self, kind: Kind, name: &str, display_name: &str) -> Person {
        self.made += 1;
        let mut person = self.person(kind, format!("{name}@{}", self.profile.domain), display_name.to_owned(), FOUNDED);
        person.mail = match kind {
            Kind::BreakGlass | Kind::Sync | Kind::Ordinary => None,
            Kind::Guest => name.strip_suffix("#EXT#").map(|address| address.replace('_', "@")),
            Kind::Resource => Some(person.upn.clone()),
        };
        if kind == Kind::Resource {
            person.account = Account::Disabled;
        }
        if kind == Kind::BreakGlass {
            person.methods = Methods { habit: Habit::Already, own: Some(Timestamp::MIN), required: None, mails: 0 };
        }
        person
    }

    fn person(&mut self, kind: Kind, upn: String, display_name: String, since: Timestamp) -> Person {
        let id = ObjectId::from_bits(self.ids.guid());
        Person {
            id,
            id_text: id.to_string(),
            upn,
            mail: None,
            display_name,
            given_name: None,
            surname: None,
            department: None,
            job_title: None,
            language: None,
            kind,
            account: Account::Enabled,
            account_since: Timestamp::MIN,
            created: since,
            deleted: None,
            changed: None,
            methods: Methods { habit: Habit::Never, own: None, required: None, mails: 0 },
            per_user: Vec::new(),
            away: None,
            quirks: Quirks::default(),
        }
    }

    fn methods(&mut self) -> Methods {
        let profile = &self.profile;
        let chance = unit(self.habits.next());
        if let Some(behaviour) = &profile.behaviour {
            let already = chance < behaviour.already();
            let own = already.then_some(Timestamp::MIN);
            return Methods { habit: if already { Habit::Already } else { Habit::Early }, own, required: None, mails: 0 };
        }
        let shares = [
            (profile.never, Habit::Never),
            (profile.not_allowed, Habit::NotAllowed),
            (profile.last_day, Habit::LastDay),
            (profile.registered, Habit::Already),
        ];
        let mut below = 0.0;
        let known = shares.into_iter().find(|(share, _)| {
            below += share;
            chance < below
        });
        let prompted =
            [Habit::Early, Habit::Prompted(1), Habit::Prompted(1), Habit::Prompted(1), Habit::Prompted(2), Habit::Prompted(3)];
        let other = self.habits.pick(&prompted).copied().unwrap_or(Habit::Early);
        let habit = known.map_or(other, |(_, habit)| habit);
        let own = matches!(habit, Habit::Already | Habit::NotAllowed).then_some(Timestamp::MIN);
        Methods { habit, own, required: None, mails: 0 }
    }
}

/// A name as it stands in an address.
fn ascii(name: &str) -> String {
    let plain = |c: char| match c {
        'é' | 'ë' => Some('e'),
        'ö' | 'ø' => Some('o'),
        'ü' => Some('u'),
        'á' => Some('a'),
        'í' | 'ı' => Some('i'),
        'Ç' => Some('c'),
        c if c.is_ascii_alphabetic() => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    name.chars().filter_map(plain).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_people_follow_from_the_profile_and_nobody_is_there_twice() {
        let profile = Profile { users: 600, ..Profile::default() };
        let people = found(&profile);
        assert_eq!(people.len(), 600);
        let again: Vec<_> = found(&profile).iter().map(|person| (person.id, person.upn.clone())).collect();
        assert_eq!(people.iter().map(|person| (person.id, person.upn.clone())).collect::<Vec<_>>(), again);
        let unique = |key: fn(&Person) -> String| people.iter().map(key).collect::<BTreeSet<_>>().len();
        assert_eq!(unique(|person| person.id_text.clone()), 600);
        assert_eq!(unique(|person| person.upn.to_lowercase()), 600);
        let count = |kind| people.iter().filter(|person| person.kind == kind).count();
        assert_eq!((count(Kind::BreakGlass), count(Kind::Sync), count(Kind::Guest)), (2, 1, 12));
        let never = people.iter().filter(|person| person.kind == Kind::Ordinary && person.methods.habit == Habit::Never).count();
        assert!((8..30).contains(&never), "about 3 %: {never}");
    }
}
