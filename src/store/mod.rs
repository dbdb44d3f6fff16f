//! The state folder: the journal, which is the truth, and what can be made anew from it.
//!
//! | in the folder | file here |
//! |---|---|
//! | `lock` | [`lock`]: one writer |
//! | `journal/000001.log` … | [`journal`] appends, [`records`] reads; [`chain`] is the format of a line |
//! | `reserve` | space that is given up for the last records on a full disk |
//! | `checkpoint/` | [`checkpoint`]: the state as of one record, rebuildable |
//! | `status.json`, `names.json` | [`status`], [`names`]: for readers, rebuildable |
//!
//! Nothing here decides or knows what a record means. Only the engine appends; readers take no lock and never open the
//! checkpoint. Order of opening: lock, checkpoint, journal.

pub mod chain;
pub mod checkpoint;
pub mod delivered;
pub mod error;
pub mod folder;
mod form;
pub mod journal;
pub mod kept;
pub mod lock;
pub mod names;
pub mod readings;
pub mod records;
pub mod status;

mod pen;
mod reserve;
mod segment;
mod squeeze;
mod tail;
mod walk;
