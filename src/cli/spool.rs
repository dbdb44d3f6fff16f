//! Joins the names that Graph hands on to the name cache in the state folder.
//!
//! Losing it loses nothing: a name that cannot be written is left out, and the log says so once.

use std::io;
use std::path::{Path, PathBuf};

use crate::graph::names::{BeginSpool, Spool};
use crate::rollout::id::ObjectId;
use crate::store::names::Writing;

/// Everybody's names into the state folder `state`.
pub(super) fn into(state: &Path) -> BeginSpool {
    let state: PathBuf = state.to_owned();
    Box::new(move || match Writing::begin(&state) {
        Ok(writing) => Some(Box::new(Names(Ok(writing)))),
        Err(error) => {
            tracing::debug!(error = %error, "the name cache could not be written");
            None
        }
    })
}

struct Names(io::Result<Writing>);

impl Spool for Names {
    fn put(&mut self, id: ObjectId, upn: &str) {
        if let Ok(writing) = &mut self.0
            && let Err(error) = writing.put(id, upn)
        {
            self.0 = Err(error);
        }
    }

    fn complete(self: Box<Self>) {
        if let Err(error) = self.0.and_then(Writing::finish) {
            tracing::debug!(error = %error, "the name cache could not be written");
        }
    }
}
