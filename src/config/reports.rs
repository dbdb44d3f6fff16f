//! `[reports]`: which operators are told what happens, and when the week is told.
//!
//! Invariant: addresses are settings; the plan holds what stands for them.

use jiff::civil::Time;

use super::letters;
use super::read::Section;
use super::value::{self, Wrong};
use crate::rollout::plan::{Reports, Weekly, addressee};

pub(super) const KEYS: [&str; 2] = ["to", "digest"];

/// More operators than this are a list of the mail system's.
const MOST: usize = 20;

/// What the plan holds, and the addresses.
pub(super) fn section(table: &Section<'_>, tenant: Option<&str>) -> Option<(Reports, Vec<String>)> {
    let to = table.get("to").and_then(|node| {
        let mut addresses = node.each(|address| address.parsed(letters::address))?;
        if addresses.len() > MOST {
            node.error(
                format!("has {} addresses", addresses.len()),
                format!("write at most {MOST}, or one address of a mailing list"),
            );
            return None;
        }
        addresses.sort_unstable();
        addresses.dedup();
        Some(addresses)
    });
    let digest = table.get("digest").and_then(|node| node.parsed(weekly));
    let (to, digest) = (to?, digest?);
    let reports = Reports { to: to.iter().map(|address| addressee(tenant.unwrap_or_default(), address)).collect(), digest };
    Some((reports, to))
}

/// A day and a time, such as `Mon 08:00`, or `off`.
fn weekly(text: &str) -> Result<Option<Weekly>, Wrong> {
    if text == "off" {
        return Ok(None);
    }
    let wrong = || Wrong::new(format!("`{text}` is no time of the week"), "write one such as \"Mon 08:00\", or \"off\"");
    let (day, at) = text.split_once(' ').ok_or_else(wrong)?;
    let day = value::days(day).ok().filter(|bits| bits.is_power_of_two()).ok_or_else(wrong)?;
    let at: Time = value::time(at.trim()).map_err(|_| wrong())?;
    Ok(Some(Weekly { day: u8::try_from(day.trailing_zeros()).unwrap_or(0), at }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_week_is_one_day_and_one_time() {
        let at = |day, hour, minute| Ok(Some(Weekly { day, at: Time::constant(hour, minute, 0, 0) }));
        for (text, expected) in [
            ("Mon 08:00", at(0, 8, 0)),
            ("sun 23:30", at(6, 23, 30)),
            ("off", Ok(None)),
            ("Mon", Err(())),
            ("Mon-Fri 08:00", Err(())),
            ("Mon 8", Err(())),
            ("Someday 08:00", Err(())),
            ("", Err(())),
        ] {
            assert_eq!(weekly(text).map_err(|_| ()), expected, "{text}");
        }
    }
}
