//! Tidegate: from "MFA is optional" to "MFA is required of everyone", stage by stage, on announced dates.
//!
//! In reading order: [`rollout`] decides (pure), [`engine`] runs it, [`store`] keeps the journal (truth) and the checkpoint,
//! [`graph`] speaks to the tenant, [`enforcement`] requires MFA, [`letter`] writes what [`notify`] sends, [`outside`] asks what answers gates, [`admin`] takes commands,
//! [`sim`] is a tenant to practise on, [`config`] reads the plan, [`cli`] puts them together. [`clock`] alone reads time,
//! [`lifecycle`] talks to the service manager and stops in order, [`telemetry`] logs.

pub mod admin;
pub mod cli;
pub mod clock;
pub mod config;
pub mod enforcement;
pub mod engine;
pub mod graph;
pub mod letter;
pub mod lifecycle;
pub mod notify;
pub mod outside;
pub mod rollout;
pub mod sim;
pub mod store;
pub mod telemetry;
