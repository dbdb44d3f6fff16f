//! The integration tests: one binary, one module per theme.
#![cfg(test)]

mod addresses;
mod between;
mod binary;
mod broken_plans;
mod conditions;
mod crashes;
mod examples;
mod forecasts;
mod good_plans;
mod honeypot;
mod letters;
mod matrix;
mod scenarios;
mod schema;
mod seeds;
mod small;
mod tidy;
mod told;
mod ways;
