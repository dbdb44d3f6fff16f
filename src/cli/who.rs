//! Whom an operator means: an object id, or a user principal name that a running daemon has read.

use std::path::Path;

use crate::rollout::event::Record;
use crate::rollout::id::{NameHash, ObjectId};
use crate::rollout::state::State;
use crate::store::names::{self, Names};
use crate::store::records::records;

use super::journal::unread;
use super::{Exit, Failure};

/// The person whom the text means, as far as the state folder knows.
pub(super) fn known(tenant: &str, state_dir: &Path, text: &str) -> Option<ObjectId> {
    if let Ok(id) = text.parse() {
        return Some(id);
    }
    among(tenant, &names::read(state_dir), text)
}

/// The same, where the names were read already.
pub(super) fn among(tenant: &str, names: &Names, text: &str) -> Option<ObjectId> {
    let wanted = NameHash::new(tenant, text);
    names.iter().find(|(_, name)| NameHash::new(tenant, name) == wanted).map(|(id, _)| *id)
}

/// The state that the journal adds up to; `each` sees every record on the way.
pub(super) fn replayed(state_dir: &Path, mut each: impl FnMut(Record)) -> Result<State, Failure> {
    let mut state = State::default();
    for record in records(state_dir).map_err(|error| unread(&error))? {
        let record: Record = record.map_err(|error| unread(&error))?;
        state.apply(&record).map_err(|error| Failure::because(Exit::Journal, &error))?;
        each(record);
    }
    Ok(state)
}
