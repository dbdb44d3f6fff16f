//! The integration tests: one binary, one module per theme.
#![cfg(test)]

mod binary;
mod broken_plans;
mod conditions;
mod good_plans;
mod schema;
mod seeds;
mod tidy;
