//! Commands, one file each. This is the only part that prints, and the only one that joins adapters.

mod adapters;
mod announce;
mod args;
mod assist;
mod bench;
mod calls;
mod cells;
mod check;
mod collide;
mod completions;
mod consent;
mod dates;
mod demo;
mod doctor;
mod except;
mod exit;
mod explain;
mod finish;
mod forecast;
mod handed;
mod handout;
mod journal;
mod managers;
mod notices;
mod pause;
mod person;
mod place;
mod plan;
mod post;
mod rehearse;
mod reload;
mod report;
mod rereading;
mod run;
pub mod scored;
mod setup;
mod show;
pub mod simulate;
mod simulate_tenant;
mod spool;
mod stages;
mod standing;
mod status;
mod timeline;
pub mod trial;
mod what_if;
mod who;
mod wording;
pub mod world;

use std::process::ExitCode;

use clap::Parser;

use crate::engine::command::{Exception, What};
use args::{Args, Verb};
pub use exit::{Exit, Failure};

/// Parses the command line, runs the command, prints what went wrong, and gives the exit code.
#[must_use]
#[expect(clippy::print_stderr, reason = "the command line speaks here")]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            // Nothing more can be done when the terminal is gone.
            let _ = error.print();
            return exit.into();
        }
    };
    match dispatch(&args) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.says.is_empty() {
                eprintln!("tidegate: {}", failure.says);
            }
            failure.exit.into()
        }
    }
}

fn dispatch(args: &Args) -> Result<Exit, Failure> {
    let common = &args.common;
    match &args.verb {
        Verb::Run(verb) => run::run(common, verb),
        Verb::Check => check::check(common),
        Verb::Plan(verb) if verb.against == Some(args::Against::Running) => reload::show(common),
        Verb::Plan(_) => plan::plan(common),
        Verb::Setup(verb) => setup::setup(common, verb),
        Verb::Finish(verb) => finish::finish(common, verb),
        Verb::WhatIf(verb) => what_if::what_if(common, verb),
        Verb::Doctor(verb) => doctor::doctor(common, verb),
        Verb::Notices(verb) => notices::notices(common, verb),
        Verb::Status(verb) => status::status(common, verb),
        Verb::Explain(verb) => explain::explain(common, verb),
        Verb::Forecast(verb) => forecast::forecast(common, verb),
        Verb::Report(verb) => report::report(common, verb),
        Verb::Person(verb) => person::person(common, verb),
        Verb::Assist(verb) => assist::assist(common, verb),
        Verb::Letters(verb) => handout::letters(common, verb),
        Verb::Managers(verb) => managers::managers(common, verb),
        Verb::Poster(verb) => handout::poster(common, verb),
        Verb::Page(verb) => handout::page(common, verb),
        Verb::Calendar(verb) => dates::calendar(common, verb),
        Verb::Journal(verb) => journal::journal(common, verb),
        Verb::Pause(verb) => pause::pause(common, verb),
        Verb::Unpause(verb) => pause::unpause(common, verb),
        Verb::StartLate(verb) => stages::start_late(common, verb),
        Verb::Confirm(verb) => post::confirm(common, verb),
        Verb::Contacts(verb) => post::contacts(common, verb),
        Verb::Rebook(verb) => stages::rebook(common, verb),
        Verb::Skip(verb) => stages::skip(common, verb),
        Verb::Cancel(verb) => stages::cancel(common, verb),
        Verb::Override(verb) => stages::pass(common, verb),
        Verb::Approve(verb) => stages::of_revision(common, verb, |revision, why| What::Approve { revision, why }),
        Verb::Reject(verb) => stages::of_revision(common, verb, |revision, why| What::Reject { revision, why }),
        Verb::Reload(verb) => reload::reload(common, verb),
        Verb::Abort(verb) => stages::abort(common, verb),
        Verb::Defer(verb) => except::defer(common, verb),
        Verb::Exempt(verb) => except::exempt(common, verb),
        Verb::Volunteer(verb) => except::single(common, verb, Exception::Volunteer),
        Verb::Absent(verb) => except::single(common, verb, Exception::Absent),
        Verb::Back(verb) => except::single(common, verb, Exception::Back),
        Verb::Bounced(verb) => except::bounced(common, verb),
        Verb::Handed(verb) => handed::handed(common, verb),
        Verb::Rollback(verb) => stages::rollback(common, verb),
        Verb::Rehearse(verb) => rehearse::rehearse(common, verb),
        Verb::Simulate(verb) => simulate::simulate(common, verb),
        Verb::SimulateTenant(verb) => simulate_tenant::simulate_tenant(common, verb),
        Verb::Demo(verb) => demo::demo(common, verb),
        Verb::Bench(verb) => bench::bench(common, verb),
        Verb::Completions(verb) => completions::completions(verb),
    }
}

/// A runtime for a command that speaks to the network.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("the runtime cannot start: {error}")))
}
