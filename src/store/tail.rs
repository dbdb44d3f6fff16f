//! Judges the bytes after the last valid record of the newest segment: torn off by a crash, or damage.
//!
//! They are torn when nothing behind their beginning has the form of a whole record. Its hash is not asked for: it hangs on
//! what stands before it, which is broken. So damage to any record but the last is never taken for a crash.

use serde::de::IgnoredAny;

use super::chain::split;

/// How every record begins, behind its hash.
const BEGIN: &[u8] = b" {\"seq\":";

/// Whether a crash can have left `rest`, which follows a valid record and begins with something that is none.
pub(super) fn is_torn(rest: &[u8]) -> bool {
    let mut from = 1;
    while let Some((start, line)) = find_record(rest, from) {
        let whole = split(line).is_some_and(|(hex, json)| {
            hex.iter().all(u8::is_ascii_hexdigit) && serde_json::from_slice::<IgnoredAny>(json).is_ok()
        });
        if whole {
            return false;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_record_behind_the_beginning_speaks_against_a_crash() {
        let record = format!("{} {{\"seq\":7,\"v\":1}}\n", "0a".repeat(32));
        let cases = [
            (true, String::new()),
            (true, "\n\n\n".to_owned()),
            (true, record.clone()),
            (true, record.replace('\n', "")),
            (true, format!("\0\0\0\0{}", record.replace('}', "\0"))),
            (false, format!("\n{record}")),
            (false, format!("{record}{record}")),
            (false, format!("{}?{record}", record.trim_end())),
            (false, format!("{}\n{record}", record.replace('}', "\0"))),
            (true, format!("{}{}", record, record.trim_end())),
        ];
        for (torn, rest) in cases {
            assert_eq!(is_torn(rest.as_bytes()), torn, "{rest:?}");
        }
    }
}
