//! Golden transcripts of what people are told when something changes for them: dates that move, stages that are missed, mails that fail,
//! exceptions, and people who come, go and move.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::SignedDuration;
use jiff::civil::time;
use tidegate::cli::trial::{of_script, of_script_telling};
use tidegate::cli::world::OPERATORS;
use tidegate::letter::{Kind, Source, Style, Texts};
use tidegate::rollout::condition::Conditions;
use tidegate::rollout::event::{Event, Slot};
use tidegate::rollout::id::{ObjectId, PersonRef};
use tidegate::rollout::plan::{Format, ReaderZone, Reports, Selector, Unseen, Window, addressee};
use tidegate::sim::{Change, DeathAt, Deed, Edit, Effect, Exceptional, Fault, Misfortune, Script, Tenant, When};

use crate::scenarios::{compare, last_person, pilot, play, two_stages};
use crate::small::{self, act, at, death, hours, refused, stage};

fn on(script: &mut Script, instant: &str, deed: Deed) {
    act(script, When::At(at(instant)), deed);
}

fn days(days: i64) -> SignedDuration {
    hours(24 * days)
}

#[test]
fn a_date_that_moves_later_twice_is_told_each_time() {
    let (tenant, mut script) = pilot(60, 12);
    on(&mut script, "2027-01-13T10:00:00Z", Deed::Reload(Edit::Move { stage: 0, by: hours(48) }));
    on(&mut script, "2027-01-16T10:00:00Z", Deed::Reload(Edit::Move { stage: 0, by: hours(72) }));
    script.end = at("2027-01-27T12:00:00Z");
    play("date-moved-later-twice", tenant, script);
}

/// The text of a notice whose subject is the whole date.
fn dated(before: &str) -> Source {
    Source { subject: format!("{before} {{{{ date }}}}"), body: "{{ date }}, {{ helpdesk }}".to_owned() }
}

#[test]
fn five_thousand_people_in_three_languages_and_zones_are_told_by_day_over_a_dst_change() {
    let tenant = small::tenant(5_320);
    let mut everyone = stage("everyone", "2027-04-05T16:30:00", vec![Selector::EveryoneElse]);
    everyone.finish_by = days(3);
    let mut plan = small::plan(&tenant, vec![everyone]);
    // On Friday afternoon, two days before the clocks of Berlin change; those of New York have changed already.
    plan.notices.before = vec![days(10), days(3)];
    plan.notices.windows = vec![Window { days: 0b1_1111, from: time(8, 0, 0, 0), to: Some(time(17, 0, 0, 0)) }];
    let zones = [("America/New_York", "US"), ("Asia/Kolkata", "IN")];
    plan.notices.zones = zones
        .map(|(zone, country)| ReaderZone {
            zone: zone.to_owned(),
            people: Selector::Filter(format!("usageLocation eq '{country}'")),
        })
        .to_vec();
    let script = small::script(&tenant, plan, "2027-03-25T20:00:00Z", "2027-04-09T12:00:00Z");
    let mut texts = Texts::built_in(Style::default()).unwrap();
    for (language, before) in [("en", "From"), ("de", "Ab"), ("fr", "A partir du")] {
        for kind in [Kind::Announcement, Kind::Reminder] {
            texts.set(language, kind, &dated(before)).unwrap();
        }
    }
    let people = Tenant::new(script.profile.clone());
    let outcome = of_script_telling(texts, tenant, script).unwrap();
    let mut mails: BTreeMap<(&str, &str, String), (usize, String, String)> = BTreeMap::new();
    for mail in &outcome.mails {
        let country = people.country(mail.person).unwrap();
        let zone = zones.iter().find(|(_, code)| *code == country).map_or("Europe/Berlin", |(zone, _)| zone);
        let local = mail.at.in_tz(zone).unwrap();
        let (day, hour) = (local.strftime("%a %-d %b").to_string(), local.strftime("%H:%M").to_string());
        let row = mails.entry((zone, &mail.subject, day)).or_insert((0, hour.clone(), hour.clone()));
        *row = (row.0 + 1, row.1.clone().min(hour.clone()), row.2.clone().max(hour));
    }
    let mut more = "\nmails by zone, subject and day, with the hours there of the first and the last:\n".to_owned();
    for ((zone, subject, day), (count, first, last)) in mails {
        writeln!(more, "{zone}, `{subject}`, {day}: {count}, {first} to {last}").unwrap();
        assert!("08:00" <= first.as_str() && last.as_str() < "17:00", "{zone} {day}: {first} to {last}");
    }
    compare("languages-and-zones-over-a-dst-change", outcome, &more);
}

#[test]
fn a_stage_missed_during_two_weeks_of_downtime_is_rebooked_and_told() {
    let (tenant, mut script) = two_stages(60);
    death(&mut script, DeathAt::Instant(at("2027-01-17T12:00:00Z")), days(14));
    on(&mut script, "2027-02-01T10:00:00Z", Deed::Rebook { stage: 0, ahead: hours(30) });
    on(&mut script, "2027-02-01T11:00:00Z", Deed::Rebook { stage: 0, ahead: days(4) });
    on(&mut script, "2027-02-02T10:00:00Z", Deed::Rebook { stage: 1, ahead: days(12) });
    script.end = at("2027-02-20T12:00:00Z");
    script.calm = script.end;
    play("missed-and-rebooked", tenant, script);
}

#[test]
fn while_mail_is_down_for_three_days_nobody_counts_as_told() {
    let (tenant, mut script) = pilot(60, 12);
    on(&mut script, "2027-01-11T07:00:00Z", refused("sendMail", 100_000, 503, None));
    on(&mut script, "2027-01-14T07:30:00Z", Deed::EndFaults);
    play("mail-down-for-three-days", tenant, script);
}

#[test]
fn a_send_whose_answer_is_lost_is_repeated_once() {
    let (tenant, mut script) = pilot(60, 12);
    let what = Misfortune::Lost;
    let path = "sendMail".to_owned();
    let fault = Fault { method: None, path, times: 14, skip: 4, effect: Effect::Afterwards, what };
    on(&mut script, "2027-01-11T07:00:00Z", Deed::Fault(fault));
    play("ambiguous-sends", tenant, script);
}

#[test]
fn whose_notice_came_back_is_told_again_and_keeps_the_minimum_notice() {
    let (tenant, mut script) = pilot(60, 12);
    let people = tenant.ordinary_people();
    let [.., late, early] = people[..] else { panic!("there are people") };
    on(&mut script, "2027-01-12T10:00:00Z", Deed::Bounced(early));
    // Too late for another notice before the date.
    on(&mut script, "2027-01-16T10:00:00Z", Deed::Bounced(late));
    script.end = at("2027-02-06T12:00:00Z");
    script.calm = script.end;
    play("bounces", tenant, script);
}

#[test]
fn a_report_of_non_delivery_is_read_and_the_person_is_told_again() {
    let (_, mut script) = pilot(60, 12);
    script.profile.roles.push("Mail.Read".to_owned());
    let tenant = tidegate::sim::Tenant::new(script.profile.clone());
    script.plan.notices.bounces = tidegate::rollout::observed::Toggle::On;
    let person = last_person(&tenant);
    let change = |script: &mut Script, instant: &str, change: Change| on(script, instant, Deed::Tenant(change));
    change(&mut script, "2027-01-11T07:00:00Z", Change::Bounce(person.to_string()));
    // The address is put right before they are told again.
    change(&mut script, "2027-01-12T07:30:00Z", Change::Arrive(person.to_string()));
    script.end = at("2027-02-06T12:00:00Z");
    script.calm = script.end;
    play("bounce-read", tenant, script);
}

#[test]
fn each_manager_gets_the_list_of_their_people_once_whatever_dies_in_between() {
    let (tenant, mut script) = pilot(80, 50);
    script.plan.notices.managers = Some(days(3));
    // Announcements leave in 13 requests; behind the second of the lists nothing is recorded any more.
    death(&mut script, DeathAt::AfterMail(15), hours(2));
    play("managers", tenant, script);
}

#[test]
fn an_exemption_ends_with_a_fresh_notice_and_then_the_person_is_enforced() {
    let (tenant, mut script) = pilot(60, 12);
    let person = last_person(&tenant);
    on(&mut script, "2027-01-12T10:00:00Z", Deed::Except { person, what: Exceptional::Exempt(days(30)) });
    script.end = at("2027-02-16T12:00:00Z");
    script.calm = script.end;
    play("exemption-expiring", tenant, script);
}

#[test]
fn a_deferral_is_told_kept_and_bounded() {
    let (tenant, mut script) = pilot(60, 12);
    let person = last_person(&tenant);
    on(&mut script, "2027-01-12T10:00:00Z", Deed::Except { person, what: Exceptional::Deferred(days(60)) });
    on(&mut script, "2027-01-12T11:00:00Z", Deed::Except { person, what: Exceptional::Deferred(days(14)) });
    script.end = at("2027-02-02T12:00:00Z");
    script.calm = script.end;
    play("deferral", tenant, script);
}

#[test]
fn an_absentee_has_a_date_some_days_after_they_are_back() {
    let (tenant, mut script) = pilot(60, 12);
    let person = last_person(&tenant);
    script.plan.exceptions.absent = vec![PersonRef::Id(person)];
    on(&mut script, "2027-01-15T18:00:00Z", Deed::Tenant(Change::Away { person: person.to_string(), days: 10 }));
    script.end = at("2027-02-10T12:00:00Z");
    script.calm = script.end;
    play("absentee-returning", tenant, script);
}

#[test]
fn whoever_was_not_seen_since_they_were_told_is_absent_until_they_are_back_or_for_so_long() {
    let (tenant, mut script) = pilot(60, 12);
    script.plan.exceptions.unseen = Unseen::Absent;
    script.plan.exceptions.absent_longest = days(21);
    let people = tenant.ordinary_people();
    let [.., stays, returns] = people[..] else { panic!("there are people") };
    for (person, away) in [(returns, 16), (stays, 200)] {
        on(&mut script, "2027-01-10T21:00:00Z", Deed::Tenant(Change::Away { person: person.to_string(), days: away }));
    }
    script.end = at("2027-02-20T12:00:00Z");
    script.calm = script.end;
    play("unseen-since-told", tenant, script);
}

#[test]
fn reminders_after_the_start_go_to_people_who_have_not_signed_in_since() {
    let tenant = small::tenant(60);
    let stages = vec![stage("pilot", "2027-01-18T09:00:00", vec![small::some(&tenant, 12)])];
    let mut plan = small::plan(&tenant, stages);
    plan.notices.before = [30, 7, 1, 0, -1].map(days).to_vec();
    let mut script = small::script(&tenant, plan, "2026-12-17T20:00:00Z", "2027-01-25T12:00:00Z");
    let away = last_person(&tenant);
    on(&mut script, "2027-01-16T10:00:00Z", Deed::Tenant(Change::Away { person: away.to_string(), days: 30 }));
    play("reminders-after-the-start", tenant, script.clone());
    let outcome = of_script(small::tenant(60), script, Conditions::all()).unwrap();
    let mut reminded: BTreeMap<u8, Vec<ObjectId>> = BTreeMap::new();
    for record in outcome.records {
        if let Event::NoticeIntent { slot: Slot::Reminder(n), people, .. } = record.event {
            reminded.entry(n).or_default().extend(people);
        }
    }
    for n in [3, 4] {
        let people = &reminded[&n];
        assert_eq!(people.iter().filter(|person| **person == away).count(), 1, "reminder {n} once");
        assert_eq!(people.iter().collect::<BTreeSet<_>>().len(), people.len(), "reminder {n} to nobody twice");
    }
    assert!(reminded[&3].len() < 12, "whoever has signed in by then is not reminded: {reminded:?}");
}

#[test]
fn whom_no_mail_reaches_is_handed_a_letter_and_enforced_on_its_date() {
    let (tenant, mut script) = pilot(60, 12);
    let people = tenant.ordinary_people();
    let [.., bounced, mailless] = people[..] else { panic!("there are people") };
    on(&mut script, "2027-01-10T21:00:00Z", Deed::Tenant(Change::RemoveMail(mailless.to_string())));
    // The first letter names a date that is too near, the second is handed over anew.
    on(&mut script, "2027-01-13T09:00:00Z", Deed::Hand { person: mailless, date: at("2027-01-18T08:00:00Z") });
    on(&mut script, "2027-01-14T09:00:00Z", Deed::Hand { person: mailless, date: at("2027-01-27T08:00:00Z") });
    // A mail came back, and in its place a letter with the date of the stage is in time.
    on(&mut script, "2027-01-12T10:00:00Z", Deed::Bounced(bounced));
    on(&mut script, "2027-01-12T15:00:00Z", Deed::Hand { person: bounced, date: at("2027-01-18T08:00:00Z") });
    script.end = at("2027-02-06T12:00:00Z");
    script.calm = script.end;
    play("letters-handed-over", tenant, script);
}

#[test]
fn a_volunteer_is_told_and_enforced_at_once() {
    let (tenant, mut script) = two_stages(60);
    let person = tenant.ordinary_people()[3];
    on(&mut script, "2027-01-12T10:00:00Z", Deed::Except { person, what: Exceptional::Volunteer });
    play("volunteer", tenant, script);
}

#[test]
fn a_joiner_on_the_last_day_has_a_date_of_their_own() {
    let (tenant, mut script) = two_stages(60);
    on(&mut script, "2027-01-25T16:00:00Z", Deed::Tenant(Change::Join(1)));
    script.end = at("2027-02-12T12:00:00Z");
    script.calm = script.end;
    play("joiner-on-the-last-day", tenant, script);
}

#[test]
fn a_mover_keeps_the_later_date() {
    let tenant = small::tenant(60);
    let stages = vec![
        stage("finance", "2027-01-18T09:00:00", vec![Selector::Filter("department eq 'Finance'".to_owned())]),
        stage("everyone", "2027-01-25T09:00:00", vec![Selector::EveryoneElse]),
    ];
    let plan = small::plan(&tenant, stages);
    let mut script = small::script(&tenant, plan, "2027-01-10T20:00:00Z", "2027-02-01T12:00:00Z");
    for person in tenant.ordinary_people().into_iter().take(5) {
        let change = Change::Move { person: person.to_string(), department: "Finance".to_owned() };
        on(&mut script, "2027-01-13T10:00:00Z", Deed::Tenant(change));
    }
    play("mover", tenant, script);
}

#[test]
fn a_leaver_who_is_restored_starts_anew() {
    let (tenant, mut script) = pilot(60, 12);
    let people: Vec<_> = tenant.ordinary_people().into_iter().rev().take(2).map(|id| id.to_string()).collect();
    let change = |script: &mut Script, instant: &str, change: Change| on(script, instant, Deed::Tenant(change));
    // One leaves before the date, one after it.
    change(&mut script, "2027-01-14T10:00:00Z", Change::DeleteUser(people[0].clone()));
    change(&mut script, "2027-01-19T10:00:00Z", Change::DeleteUser(people[1].clone()));
    change(&mut script, "2027-01-23T10:00:00Z", Change::RestoreUser(people[0].clone()));
    change(&mut script, "2027-01-23T10:00:00Z", Change::RestoreUser(people[1].clone()));
    script.end = at("2027-02-12T12:00:00Z");
    script.calm = script.end;
    play("leaver-restored", tenant, script);
}

#[test]
fn what_is_told_is_told_to_nobody_else() {
    let (tenant, mut script) = pilot(60, 12);
    let person = last_person(&tenant);
    on(&mut script, "2027-01-12T10:00:00Z", Deed::Except { person, what: Exceptional::Exempt(days(30)) });
    let outcome = of_script(tenant, script, Conditions::all()).unwrap();
    let told = outcome.records.iter().filter_map(|record| match &record.event {
        Event::NoticeIntent { slot: Slot::Exempt, people, .. } => Some(people),
        _ => None,
    });
    assert_eq!(told.flatten().copied().collect::<Vec<_>>(), [person]);
}

#[test]
fn the_end_of_a_stage_and_the_week_are_told_once_whatever_dies_in_between() {
    let (tenant, mut script) = two_stages(60);
    let domain = tenant.profile().domain.clone();
    script.plan.reports = Reports { to: vec![addressee(&domain, OPERATORS)], ..Reports::default() };
    on(&mut script, "2027-01-13T10:00:00Z", Deed::Pause);
    on(&mut script, "2027-01-13T15:00:00Z", Deed::Unpause { allow_start: true });
    // Behind the mail about the first week nothing is recorded any more; and nobody is there when the pilot ends.
    death(&mut script, DeathAt::AfterMail(1), hours(0));
    death(&mut script, DeathAt::Instant(at("2027-01-19T07:30:00Z")), hours(2));
    let texts = Texts::built_in(Style { format: Format::Text, ..Style::default() }).unwrap();
    let outcome = of_script_telling(texts, tenant, script).unwrap();
    let mut memos = String::new();
    for memo in &outcome.memos {
        writeln!(memos, "\n==== {} to {}: {}\n{}", memo.at, memo.to, memo.subject, memo.text).unwrap();
    }
    let taken = |event: &Event| if let Event::MemoOutcome { accepted, .. } = event { accepted.len() } else { 0 };
    let taken: usize = outcome.records.iter().map(|record| taken(&record.event)).sum();
    let due = outcome.records.iter().filter(|record| matches!(record.event, Event::Reported { .. })).count();
    writeln!(memos, "\n{due} reports were due, {taken} mails to operators were taken").unwrap();
    compare("reports", outcome, &memos);
}

#[test]
fn operators_are_told_of_each_hold_once_whatever_dies_in_between() {
    let (tenant, mut script) = pilot(60, 12);
    let domain = tenant.profile().domain.clone();
    script.plan.reports = Reports { to: vec![addressee(&domain, OPERATORS)], digest: None };
    on(&mut script, "2027-01-13T10:00:00Z", Deed::Pause);
    // The announcement takes 3 requests; behind the alert's own mail nothing is recorded any more.
    death(&mut script, DeathAt::AfterMail(4), hours(2));
    on(&mut script, "2027-01-14T10:00:00Z", Deed::Unpause { allow_start: true });
    let outcome = of_script(tenant, script, Conditions::all()).unwrap();
    let mut memos = outcome.memos.iter().fold(String::from("\n"), |mut all, memo| {
        writeln!(all, "{} to {}: {}\n", memo.at, memo.to, memo.subject).unwrap();
        all
    });
    writeln!(memos, "{} mails to operators", outcome.memos.len()).unwrap();
    compare("operators-told", outcome, &memos);
}
