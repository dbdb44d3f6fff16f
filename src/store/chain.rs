//! One line of the journal: `<sha256 hex> <compact JSON>\n`, each hash over the previous line's hex, a space and this JSON.
//!
//! Pure: no files. Whatever passes [`check`] is what some program wrote in this place of this chain.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::rollout::event::{Record, VERSION};

/// Length of a hash as it is written.
pub(super) const HEX: usize = 64;

/// The hash of a line: SHA-256 in lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; HEX]);

/// A place in the journal: everything up to record `seq`, whose line has the hash `hash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the record; 0 is before the first.
    pub seq: u64,
    /// Hash of its line.
    pub hash: ChainHash,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineFault {
    /// It does not look like a record.
    #[error("the line is not a hash, a space and a record")]
    Form,
    /// It has no line feed at its end.
    #[error("the line has no end")]
    Unended,
    /// It was changed, or a line before it is missing or was changed.
    #[error("the hash does not fit the record and the line before it")]
    Hash,
    /// The hash fits, the record does not make sense.
    #[error("the record cannot be understood")]
    Json(#[source] serde_json::Error),
    /// The hash fits, the number does not.
    #[error("the record has number {found} in place of {expected}")]
    Sequence {
        /// One more than the number before.
        expected: u64,
        /// The number in the record.
        found: u64,
    },
    /// A newer program wrote it.
    #[error("the record has version {0}")]
    TooNew(u64),
}

impl LineFault {
    /// Whether a write that was cut off can leave such a line.
    #[must_use]
    pub const fn may_be_torn(&self) -> bool {
        matches!(self, Self::Form | Self::Unended | Self::Hash)
    }
}

impl Head {
    /// Before the first record.
    pub const START: Self = Self { seq: 0, hash: ChainHash([b'0'; HEX]) };
}

/// The part of a record that every version has.
#[derive(Deserialize)]
struct Stamp {
    seq: u64,
    v: u64,
}

/// The line of `record`, line feed included, and its hash.
pub fn encode(previous: &ChainHash, record: &Record) -> Result<(Vec<u8>, ChainHash), serde_json::Error> {
    let json = serde_json::to_vec(record)?;
    let hash = ChainHash::of(&previous.0, &json);
    let mut line = Vec::with_capacity(HEX + 2 + json.len());
    line.extend_from_slice(&hash.0);
    line.push(b' ');
    line.extend_from_slice(&json);
    line.push(b'\n');
    Ok((line, hash))
}

/// Checks a line (without its line feed) that follows `head`: its hash, version and number. Returns the new head.
pub fn check(head: Head, line: &[u8]) -> Result<Head, LineFault> {
    let (hex, json) = split(line).ok_or(LineFault::Form)?;
    let hash = ChainHash::of(&head.hash.0, json);
    if hash.0 != *hex {
        return Err(LineFault::Hash);
    }
    let stamp: Stamp = serde_json::from_slice(json).map_err(LineFault::Json)?;
    if stamp.v > u64::from(VERSION) {
        return Err(LineFault::TooNew(stamp.v));
    }
    let expected = head.seq.saturating_add(1);
    if stamp.seq != expected {
        return Err(LineFault::Sequence { expected, found: stamp.seq });
    }
    Ok(Head { seq: stamp.seq, hash })
}

/// The record in a line (without its line feed); does not look at the hash.
pub fn decode(line: &[u8]) -> Result<Record, LineFault> {
    let (_, json) = split(line).ok_or(LineFault::Form)?;
    serde_json::from_slice(json).map_err(LineFault::Json)
}

/// Hash and JSON of a line, as written.
pub(super) fn split(line: &[u8]) -> Option<(&[u8; HEX], &[u8])> {
    let (hex, rest) = line.split_first_chunk::<HEX>()?;
    Some((hex, rest.strip_prefix(b" ")?))
}

impl ChainHash {
    /// SHA-256 over the hex of the line before, a space, and the JSON.
    pub(super) fn of(previous_hex: &[u8; HEX], json: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(previous_hex).chain_update(b" ").chain_update(json).finalize();
        let mut hex = [0; HEX];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(digest) {
            pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
        Self(hex)
    }

    /// The hash as it is written.
    pub(super) const fn hex(&self) -> &[u8; HEX] {
        &self.0
    }
}

/// The hex digit of a number below 16.
const fn hex_digit(number: u8) -> u8 {
    if number < 10 { b'0' + number } else { b'a' + (number - 10) }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a hash")]
pub struct HashError(String);

impl FromStr for ChainHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        match <[u8; HEX]>::try_from(text.as_bytes()) {
            Ok(hex) if hex.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) => Ok(Self(hex)),
            _ => Err(HashError(text.to_owned())),
        }
    }
}

impl Serialize for ChainHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChainHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::event::{By, Event};

    fn record(seq: u64, v: u32) -> Record {
        let at = "2027-01-04T08:00:00Z".parse().unwrap();
        Record { seq, at, v, by: By::Operator, actor: "anna".into(), event: Event::paused("a\nb — c") }
    }

    #[test]
    fn a_line_is_the_format_that_the_pages_promise() {
        let (line, hash) = encode(&Head::START.hash, &record(1, 1)).unwrap();
        let json = r#"{"seq":1,"at":"2027-01-04T08:00:00Z","v":1,"by":"operator","actor":"anna","event":{"type":"paused","why":"a\nb — c"}}"#;
        let zeros = "0".repeat(64);
        let by_hand = crate::rollout::id::sha256_hex(format!("{zeros} {json}").as_bytes());
        assert_eq!(String::from_utf8(line).unwrap(), format!("{by_hand} {json}\n"));
        assert_eq!(hash.to_string(), by_hand);
        assert_eq!(by_hand.parse(), Ok(hash));
    }

    #[test]
    fn a_line_comes_back_and_only_in_its_place() {
        let (line, hash) = encode(&Head::START.hash, &record(1, 1)).unwrap();
        let line = line.strip_suffix(b"\n").unwrap();
        let head = check(Head::START, line).unwrap();
        assert_eq!(head, Head { seq: 1, hash });
        assert_eq!(decode(line).unwrap(), record(1, 1));
        assert!(matches!(check(head, line), Err(LineFault::Hash)));
    }

    #[test]
    fn a_wrong_number_and_a_newer_version_are_told_apart_from_damage() {
        let (line, _) = encode(&Head::START.hash, &record(3, 1)).unwrap();
        let fault = check(Head::START, line.strip_suffix(b"\n").unwrap()).unwrap_err();
        assert!(matches!(fault, LineFault::Sequence { expected: 1, found: 3 }) && !fault.may_be_torn());
        let (line, _) = encode(&Head::START.hash, &record(1, VERSION + 1)).unwrap();
        let fault = check(Head::START, line.strip_suffix(b"\n").unwrap()).unwrap_err();
        assert!(matches!(fault, LineFault::TooNew(2)) && !fault.may_be_torn());
    }
}
