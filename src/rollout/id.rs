//! Ids: object ids of the tenant, keyed hashes of names, and hashes of revisions.
//!
//! The journal holds people by object id only; a plan names people by user principal name. A [`NameHash`] lets a
//! journalled plan point at a person whose object id is not known yet without holding the name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The object id (a GUID) of a user, group or policy, in lower case with hyphens when shown.
///
/// Bytes and no number, so that a row of the directory is no longer than it must be.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectId([u8; 16]);

impl Ord for ObjectId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bits().cmp(&other.bits())
    }
}

impl PartialOrd for ObjectId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What is wrong with the text of an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id")]
pub struct IdError(String);

/// Where the hyphens of an id stand.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl ObjectId {
    /// The id whose 128 bits are `bits`.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits.to_be_bytes())
    }

    /// Writes it into `text`; ids are most of what a journal and a request hold.
    fn written(self, text: &mut [u8; 36]) -> &str {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        /// Where each byte stands; hyphens are between some.
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let digit = |four: u8| DIGITS.get(usize::from(four)).copied().unwrap_or_default();
        text.fill(b'-');
        for (byte, at) in self.0.into_iter().zip(PLACES) {
            if let Some(two) = text.get_mut(at..at + 2) {
                two.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
        }
        // It is ASCII.
        std::str::from_utf8(text).unwrap_or_default()
    }

    /// The 128 bits of the id, most significant first as it is written.
    #[must_use]
    pub const fn bits(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl FromStr for ObjectId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // Listings hold millions of these.
        let wrong = || IdError(text.to_owned());
        if text.len() != 36 {
            return Err(wrong());
        }
        let mut bits = 0_u128;
        for (place, byte) in text.bytes().enumerate() {
            match (byte, HYPHENS.contains(&place)) {
                (b'-', true) => {}
                (digit, false) => {
                    let digit = char::from(digit).to_digit(16).ok_or_else(wrong)?;
                    bits = bits << 4 | u128::from(digit);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(Self::from_bits(bits))
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.written(&mut [0; 36]))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::hash::Hash for ObjectId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u128(self.bits());
    }
}

/// Hashes object ids: they are random numbers already, so folding them is enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl std::hash::Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the halves are folded")]
    fn write_u128(&mut self, bits: u128) {
        self.0 = (bits as u64 ^ (bits >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// Finds things by object id.
pub type ById<T> = std::collections::HashMap<ObjectId, T, std::hash::BuildHasherDefault<IdHasher>>;

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.written(&mut [0; 36]))
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A keyed hash of a user principal name; equal for names that differ only in case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameHash(u128);

impl NameHash {
    /// The hash of `name` in the tenant `tenant` (the plan's `tenant.id`, which is the key).
    #[must_use]
    pub fn new(tenant: &str, name: &str) -> Self {
        Self(keyed_hash(tenant, &["name", &name.to_lowercase()]))
    }
}

impl NameHash {
    /// Its first half.
    #[must_use]
    pub const fn key(self) -> NameKey {
        NameKey((self.0 >> 64) as u64)
    }
}

/// The first half of a [`NameHash`]: what is kept of each person's name. Two names of a tenant that share it would have to be
/// looked for among as many as there are grains of sand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NameKey(u64);

impl NameKey {
    /// As bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl From<&[u8; 8]> for NameKey {
    fn from(bytes: &[u8; 8]) -> Self {
        Self(u64::from_be_bytes(*bytes))
    }
}

impl fmt::Debug for NameHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "name:{:032x}", self.0)
    }
}

/// A person as a plan points at them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PersonRef {
    /// By object id.
    Id(ObjectId),
    /// By the hash of the user principal name; written `name:<hex>`.
    Name(NameHash),
}

impl PersonRef {
    /// Reads an object id or a user principal name.
    #[must_use]
    pub fn new(tenant: &str, text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(NameHash::new(tenant, text)), Self::Id)
    }
}

impl Serialize for PersonRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => id.serialize(serializer),
            Self::Name(name) => serializer.collect_str(&format_args!("{name:?}")),
        }
    }
}

impl<'de> Deserialize<'de> for PersonRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if let Some(hex) = text.strip_prefix("name:") {
            return u128::from_str_radix(hex, 16)
                .map(|bits| Self::Name(NameHash(bits)))
                .map_err(|_| serde::de::Error::custom(IdError(text.to_string())));
        }
        text.parse().map(Self::Id).map_err(serde::de::Error::custom)
    }
}

/// SHA-256 over the key and the parts, each ended by a zero byte, cut to its first 128 bits.
#[must_use]
pub fn keyed_hash(key: &str, parts: &[&str]) -> u128 {
    let mut hasher = Sha256::new();
    for part in std::iter::once(&key).chain(parts) {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    digest.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
}

/// SHA-256 of `bytes` in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_id_reads_and_shows_itself() {
        let text = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
        let id: ObjectId = text.to_uppercase().parse().unwrap();
        assert_eq!(id.to_string(), text);
        for wrong in [
            "",
            "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f",
            "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg",
        ] {
            assert!(wrong.parse::<ObjectId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_hashed_with_the_tenant_and_without_case() {
        assert_eq!(NameHash::new("t", "A@x.example"), NameHash::new("t", "a@X.example"));
        assert_ne!(NameHash::new("t", "a@x.example"), NameHash::new("u", "a@x.example"));
        let reference = PersonRef::new("t", "a@x.example");
        let json = serde_json::to_string(&reference).unwrap();
        assert!(!json.contains("a@x"), "{json}");
        assert_eq!(serde_json::from_str::<PersonRef>(&json).unwrap(), reference);
    }
}
