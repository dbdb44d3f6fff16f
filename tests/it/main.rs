//! The integration tests: one binary, one module per theme.
#![cfg(test)]

mod broken_plans;
mod conditions;
mod good_plans;
mod tidy;
