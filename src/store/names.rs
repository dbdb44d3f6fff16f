//! `<state>/names.json`: names of people for readers, by object id; the journal itself holds no names.
//!
//! A cache: whatever is wrong with it, it reads as empty and is made anew.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::folder;
use crate::rollout::id::ObjectId;

/// Its name in the state folder.
const NAME: &str = "names.json";

/// User principal names by object id.
pub type Names = BTreeMap<ObjectId, String>;

/// Replaces the names in the state folder `state`.
pub fn publish(state: &Path, names: &Names) -> io::Result<()> {
    folder::replace(state, NAME, &serde_json::to_vec(names)?)
}

/// The names that are known.
#[must_use]
pub fn read(state: &Path) -> Names {
    let content = folder::read(state, NAME).ok().flatten().unwrap_or_default();
    serde_json::from_slice(&content).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_rubbish_reads_as_none() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(read(state.path()), Names::new());
        let names = Names::from([(ObjectId::from_bits(7), "a@x.example".to_owned())]);
        publish(state.path(), &names).unwrap();
        assert_eq!(read(state.path()), names);
        std::fs::write(state.path().join(NAME), "{").unwrap();
        assert_eq!(read(state.path()), Names::new());
    }
}
