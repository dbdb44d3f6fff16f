//! The small languages inside a plan: durations, times, days, dates, shares. Pure; every refusal says what to write.
//!
//! Durations are exact: `1d` is 24 h. Dates without an offset are left civil: the zone is the caller's matter.

use std::fmt::Write as _;

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp};

/// Why a text is refused, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) remedy: String,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }
}

/// How long before a start a slot falls; one with a plus sign falls after it, and is negative.
pub(super) fn before(text: &str) -> Result<SignedDuration, Wrong> {
    text.strip_prefix('+').map_or_else(|| duration(text), |after| duration(after).map(|after| -after))
}

/// `90s`, `15m`, `6h`, `5d`, or larger units before smaller ones: `1d12h`.
pub(super) fn duration(text: &str) -> Result<SignedDuration, Wrong> {
    let wrong = || Wrong::new(format!("`{text}` is not a duration"), "write one such as \"15m\", \"6h\", \"5d\" or \"1d12h\"");
    let mut total: i64 = 0;
    let mut smallest = i64::MAX;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let mut letters = after.chars();
        let unit = match letters.next() {
            Some('d') => 86_400,
            Some('h') => 3_600,
            Some('m') => 60,
            Some('s') => 1,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        if unit >= smallest {
            return Err(wrong());
        }
        smallest = unit;
        total = number.checked_mul(unit).and_then(|seconds| total.checked_add(seconds)).ok_or_else(wrong)?;
        rest = letters.as_str();
    }
    // A century is enough, and keeps all sums far from the ends of time.
    if text.is_empty() || total > 100 * 366 * 86_400 { Err(wrong()) } else { Ok(SignedDuration::from_secs(total)) }
}

/// A duration as people write it.
pub(super) fn show(duration: SignedDuration) -> String {
    let mut rest = duration.as_secs();
    let mut text = String::new();
    for (seconds, unit) in [(86_400, 'd'), (3_600, 'h'), (60, 'm'), (1, 's')] {
        if rest >= seconds {
            // Writing to a String cannot fail.
            write!(text, "{}{unit}", rest / seconds).unwrap_or_default();
            rest %= seconds;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// `HH:MM`.
pub(super) fn time(text: &str) -> Result<Time, Wrong> {
    let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
    parts
        .and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok())
        .ok_or_else(|| Wrong::new(format!("`{text}` is not a time"), "write one such as \"08:30\""))
}

/// The end of a window: `HH:MM`, or `24:00` for midnight at the end of the day (`None`).
pub(super) fn end_time(text: &str) -> Result<Option<Time>, Wrong> {
    if text == "24:00" { Ok(None) } else { time(text).map(Some) }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Days and ranges of days, such as `mon-thu` or `mon,wed`; bit 0 is Monday. A range may run over the weekend's end.
pub(super) fn days(text: &str) -> Result<u8, Wrong> {
    let wrong = || Wrong::new(format!("`{text}` names no days"), "write days such as \"mon-thu\", \"mon,wed\" or \"sat\"");
    let day = |name: &str| DAYS.iter().position(|day| *day == name.trim().to_lowercase()).ok_or_else(wrong);
    let mut bits = 0_u8;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut at, last) = (day(first)?, day(last)?);
        bits |= 1 << last;
        while at != last {
            bits |= 1 << at;
            at = (at + 1) % 7;
        }
    }
    Ok(bits)
}

/// A date as a plan writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// A whole day.
    Day(Date),
    /// A civil time.
    Civil(DateTime),
    /// With an offset: an instant.
    Instant(Timestamp),
}

/// `2027-01-11`, `2027-01-11T09:00:00`, or with an offset.
pub(super) fn when(text: &str) -> Result<When, Wrong> {
    if text.len() == 10
        && let Ok(day) = text.parse()
    {
        return Ok(When::Day(day));
    }
    let when = text.parse().map(When::Instant).or_else(|_| text.parse().map(When::Civil)).ok();
    // What people are told, and what is kept of it, are whole seconds.
    let whole = |when: &When| match when {
        When::Day(_) => true,
        When::Civil(civil) => civil.subsec_nanosecond() == 0,
        When::Instant(at) => at.subsec_nanosecond() == 0,
    };
    when.filter(whole).ok_or_else(|| {
        Wrong::new(
            format!("`{text}` is not a date and time in whole seconds"),
            "write one such as \"2027-01-11T09:00:00\", local to `tenant.time_zone`",
        )
    })
}

/// A share such as `20%`, as 0 to 1 without 0.
pub(super) fn share(text: &str) -> Result<f64, Wrong> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse().ok());
    let number = number.ok_or_else(|| Wrong::new(format!("`{text}` is not a share"), "write one such as \"20%\""))?;
    percent(number)
}

/// A number of per cent, as 0 to 1 without 0.
pub(super) fn percent(number: f64) -> Result<f64, Wrong> {
    if number > 0.0 && number <= 100.0 {
        return Ok(number / 100.0);
    }
    Err(Wrong::new(format!("{number} % is out of range"), "write a share above 0 % and up to 100 %"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("6h", 21_600), ("5d", 432_000), ("1d12h", 129_600), ("0s", 0)] {
            assert_eq!(duration(text), Ok(SignedDuration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "5x", "5 d", "-5d", "12h1d", "1d1d", "1.5h", "99999999999999999999d", "99999999d", "d"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["1d12h", "90m", "45s", "0s"] {
            assert_eq!(duration(&show(duration(text).unwrap())), duration(text));
        }
    }

    #[test]
    fn times_and_days_are_read() {
        assert_eq!(time("08:30").unwrap(), Time::constant(8, 30, 0, 0));
        assert_eq!(end_time("24:00"), Ok(None));
        for text in ["8:30", "24:00", "08:60", "08.30", ""] {
            assert!(time(text).is_err(), "{text}");
        }
        for (text, bits) in
            [("mon-thu", 0b1111), ("mon,wed", 0b101), ("mon-sun", 0b111_1111), ("sat", 0b10_0000), ("fri-mon", 0b111_0001)]
        {
            assert_eq!(days(text), Ok(bits), "{text}");
        }
        assert!(days("monday").is_err() && days("").is_err() && days("mon-").is_err());
    }

    #[test]
    fn a_date_may_carry_an_offset() {
        assert!(matches!(when("2027-03-29"), Ok(When::Day(_))));
        assert!(matches!(when("2027-03-29T09:00"), Ok(When::Civil(_))));
        assert_eq!(when("2027-03-29T09:00:00+02:00"), Ok(When::Instant("2027-03-29T07:00:00Z".parse().unwrap())));
        assert!(when("29.03.2027").is_err() && when("2027-02-30").is_err());
    }

    #[test]
    fn shares_lie_above_zero_and_up_to_one() {
        assert_eq!(share("20%"), Ok(0.2));
        assert_eq!(percent(100.0), Ok(1.0));
        for text in ["0%", "101%", "20", "x%", "NaN%"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
