//! The published examples of Microsoft Graph: each is read, or made, by the code of the product that deals with such bodies.
//!
//! They lie beside the repository; where they are absent the tests say so and pass.

mod canned;
mod looked;
mod odd;
mod proofs;
mod readers;
mod table;

use std::path::PathBuf;

use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/graph-examples")
}

/// An example's text.
fn text(file: &str) -> Option<String> {
    std::fs::read_to_string(folder().join(file)).ok()
}

fn example(file: &str) -> Option<Value> {
    Some(serde_json::from_str(&text(file)?).unwrap())
}
