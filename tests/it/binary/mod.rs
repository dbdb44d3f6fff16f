//! The real binary over real HTTP, against the simulated tenant served by the test itself. Nothing leaves loopback.

mod abreast;
mod bed;
mod certificate;
mod credentials;
mod damage;
mod doctor;
mod example;
mod helpdesk;
mod kept;
mod kill;
mod manager;
mod orders;
mod plans;
mod preview;
mod proxy;
mod redaction;
mod refusals;
mod reload;
mod reports;
mod setup;
mod stop;

mod ways;
mod whole;
mod words;
