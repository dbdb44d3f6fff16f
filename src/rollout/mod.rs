//! The pure core: what may be done to whom, when, and why not. No I/O, no async, no clock, no randomness, no logging.

pub mod about;
pub mod acknowledge;
pub mod advice;
pub mod alert;
#[cfg(test)]
mod alert_tests;
pub mod apply;
mod apply_gates;
mod apply_lists;
mod apply_memos;
mod apply_operated;
#[cfg(test)]
mod apply_tests;
mod apply_told;
mod apply_undo;
pub mod approval;
pub mod assist;
pub mod bounces;
pub mod by_manager;
pub mod change;
mod chunk;
pub mod closing;
pub mod condition;
pub mod counts;
#[cfg(test)]
mod counts_tests;
pub mod dated;
pub mod decide;
#[cfg(test)]
mod decide_tests;
pub mod diary;
pub mod differences;
pub mod digest;
pub mod event;
mod everybody;
pub mod exception;
#[cfg(test)]
mod exception_tests;
pub mod felt;
pub mod finish;
pub mod forecast;
pub mod gate;
#[cfg(test)]
mod gate_tests;
#[cfg(test)]
mod gate_waits_tests;
pub mod guard;
pub mod handed;
#[cfg(test)]
mod handed_tests;
pub mod hold;
pub mod holds;
pub mod hours;
#[cfg(test)]
mod hours_tests;
pub mod id;
pub mod late;
pub mod ledger;
pub mod limit;
pub mod lists;
#[cfg(test)]
mod lists_tests;
pub mod memo;
pub mod milestones;
#[cfg(test)]
mod model_tests;
pub mod moves;
pub mod need;
pub mod observed;
#[cfg(test)]
mod operated_tests;
pub mod overriding;
pub mod page;
pub mod pause;
pub mod person;
mod places;
pub mod plan;
pub mod post;
pub mod preflight;
pub mod readers;
mod readings;
pub mod rebook;
pub mod release;
pub mod report;
pub mod retire;
pub mod roll;
mod runs;
#[cfg(test)]
pub(crate) mod sample;
pub mod schedule;
pub mod select;
#[cfg(test)]
mod select_tests;
pub mod sending;
pub mod settle;
pub mod sign_in_code;
pub mod stage;
mod stamp;
#[cfg(test)]
mod started_tests;
pub mod state;
pub mod switch;
pub mod tail;
pub mod told;
pub mod tranche;
#[cfg(test)]
mod traps_tests;
#[cfg(test)]
mod undo_tests;
pub mod unmet;
pub mod unseen;
pub mod verb;
mod waited_for;
pub mod what_if;
#[cfg(test)]
mod what_if_tests;
