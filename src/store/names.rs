//! `<state>/names.json`: names of people for readers, by object id; the journal itself holds no names.
//!
//! A cache: whatever is wrong with it, it reads as empty and is made anew. Written name by name, so that nobody holds them all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::folder;
use crate::rollout::id::ObjectId;

/// Its name in the state folder.
const NAME: &str = "names.json";

/// User principal names by object id.
pub type Names = BTreeMap<ObjectId, String>;

/// The names as they are written anew. Dropped without [`Writing::finish`], the old ones stay.
pub struct Writing {
    state: PathBuf,
    file: BufWriter<File>,
    begun: bool,
}

impl Writing {
    /// Begins to write the names in the state folder `state`.
    pub fn begin(state: &Path) -> io::Result<Self> {
        let file = folder::file_options().write(true).create(true).truncate(true).open(folder::temporary(state, NAME))?;
        Ok(Self { state: state.to_owned(), file: BufWriter::new(file), begun: false })
    }

    /// One person; a later name replaces an earlier one.
    pub fn put(&mut self, id: ObjectId, name: &str) -> io::Result<()> {
        let before = if std::mem::replace(&mut self.begun, true) { "," } else { "{" };
        write!(self.file, "{before}\"{id}\":")?;
        serde_json::to_writer(&mut self.file, name)?;
        Ok(())
    }

    /// Replaces the names that readers find.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.write_all(if self.begun { b"}" } else { b"{}" })?;
        self.file.flush()?;
        fs::rename(folder::temporary(&self.state, NAME), self.state.join(NAME))
    }
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
        for names in [vec![], vec![(7, "a@x.example")], vec![(7, "b\"@x.example"), (8, "c@x.example"), (7, "d@x.example")]] {
            let mut writing = Writing::begin(state.path()).unwrap();
            for (n, name) in &names {
                writing.put(ObjectId::from_bits(*n), name).unwrap();
            }
            let before = read(state.path());
            drop(Writing::begin(state.path()).unwrap());
            assert_eq!(read(state.path()), before, "what is not finished is not read");
            let mut writing = Writing::begin(state.path()).unwrap();
            for (n, name) in &names {
                writing.put(ObjectId::from_bits(*n), name).unwrap();
            }
            writing.finish().unwrap();
            let expected: Names = names.into_iter().map(|(n, name)| (ObjectId::from_bits(n), name.to_owned())).collect();
            assert_eq!(read(state.path()), expected);
        }
        std::fs::write(state.path().join(NAME), "{").unwrap();
        assert_eq!(read(state.path()), Names::new());
    }
}
