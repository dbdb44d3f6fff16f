//! Judges the bytes after the last valid record of the newest segment: torn off by a crash, or damage.
//!
//! They are torn when no valid record is among them. A record counts as valid when its hash fits what stands before it, even
//! if that is itself broken (in its hash, its text or its line feed), so that damage to the last record but one is not
//! taken for a crash.

use super::chain::{ChainHash, Head, split};

/// How every record begins, behind its hash.
const BEGIN: &[u8] = b" {\"seq\":";

/// Whether no valid record is among the bytes `rest`, which follow `head` and begin with something that is none.
pub(super) fn is_torn(head: Head, rest: &[u8]) -> bool {
    // What the hash of the record before may be: that of `head`, the one written there, the one its text asks for.
    let mut previous = vec![*head.hash.hex()];
    previous.extend(rest.first_chunk());
    let mut from = 0;
    while let Some((start, line)) = find_record(rest, from) {
        let Some((hex, json)) = split(line) else { break };
        let fits = previous.iter().any(|previous| ChainHash::of(previous, json).hex() == hex);
        if fits {
            return false;
        }
        previous = vec![*head.hash.hex(), *hex, *ChainHash::of(head.hash.hex(), json).hex()];
        from = start + 1;
    }
    true
}

/// The next line that begins like a record, at or after `from`, wherever in a line that is; and where it begins.
fn find_record(rest: &[u8], from: usize) -> Option<(usize, &[u8])> {
    let behind_hash = rest.get(from..)?.get(64..)?;
    let start = from + behind_hash.windows(BEGIN.len()).position(|window| window == BEGIN)?;
    let rest = rest.get(start..)?;
    let end = rest.iter().skip(64).position(|byte| *byte == b'\n')? + 64;
    Some((start, rest.get(..end)?))
}
