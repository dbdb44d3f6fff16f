//! A tenant to practise on: a stateful model of one Microsoft 365 tenant that answers as Microsoft Graph does, warts included.
//!
//! In reading order: [`profile`] says what the tenant is like, [`tenant`] answers requests, `people`, `group` and `policy` are
//! its directory, `reaction`, [`behaviour`] and `attempt` what its people do, `route` and the files it names are the endpoints, [`fault`]
//! and [`change`] are what goes wrong, [`oracle`] watches what is done to people, [`server`] puts it on a socket, and [`plan`]
//! writes a plan for it. It shares no code with `graph`, so that a misreading there is not repeated here. Everything in it
//! follows from the seed, the requests and their times.

pub mod behaviour;
pub mod change;
pub mod dice;
pub mod fault;
pub mod judge;
pub mod memory;
pub mod oracle;
pub mod plan;
pub mod planted;
pub mod profile;
pub mod script;
pub mod server;
pub mod spoken;
pub mod tenant;

mod about;
mod amend;
mod assertion;
mod attempt;
mod base64;
mod batch;
mod call;
mod chance;
mod control;
mod delta;
mod filter;
mod filter_text;
mod founding;
mod group;
mod groups;
mod identity;
mod json;
mod mail;
mod mailbox;
mod managers;
mod members;
mod membership;
mod meter;
mod methods;
mod moment;
mod page;
mod pass;
mod people;
mod person;
mod policies;
mod policy;
#[cfg(test)]
mod probe;
mod reaction;
mod registration;
mod reply;
mod reports;
mod required;
mod route;
mod sign_ins;
mod strengths;
mod switches;
mod throttle;
mod token;
mod truth;
mod users;
mod view;
mod wire;

pub use amend::{Amendment, How};
pub use assertion::AppKey;
pub use change::{Change, ChangeError};
pub use fault::{Delivery, Effect, Fault, Misfortune};
pub use judge::{Breach, Judge, Reached};
pub use oracle::{List, Mail, MemoMail, Rule, Violation, Write};
pub use person::PerUser;
pub use plan::{Here, ready_plan};
pub use planted::Planted;
pub use policy::State;
pub use policy::State as PolicyState;
pub use profile::{Charge, Counted, Federation, Foreign, Licence, Profile, Quotas, Service};
pub use required::Way;
pub use script::{Act, Death, DeathAt, Deed, Edit, Exceptional, Script, When};
pub use server::{Answerer, Moment, Options, Pass, ServerError, Transport, Watch, serve, serve_answers, serve_watched};
pub use tenant::{ENFORCED_GROUP, EXEMPT_GROUP, Fate, PILOT_GROUP, POLICY, Tenant};
pub use token::SECRET;
