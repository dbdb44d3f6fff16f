//! When a credential ends, and when that is worth a warning: 60, 30, 14, 7 and 1 days before.
//!
//! Pure. Invariant: a warning names the thing, the day and the next step, and is new once per threshold.

use jiff::Timestamp;

/// Days before the end at which a warning begins.
pub const DAYS: [i64; 5] = [60, 30, 14, 7, 1];

const DAY_S: i64 = 86_400;

/// The end of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// What ends: `the certificate in /etc/tidegate/app.pem`.
    pub what: String,
    /// What to do: `make a new one`.
    pub remedy: &'static str,
    /// When.
    pub at: Timestamp,
}

impl Expiry {
    /// Of a certificate in this file.
    #[must_use]
    pub fn of_certificate(file: &str, at: Timestamp) -> Self {
        let remedy = "make a new one, upload it to the app, and put it there";
        Self { what: format!("the certificate in {file}"), remedy, at }
    }

    /// Of a client secret, as the plan says it.
    #[must_use]
    pub fn of_secret(at: Timestamp) -> Self {
        let remedy =
            "make a new one, put it into the file that credentials.secret_file names, and correct credentials.secret_expires";
        Self { what: "the client secret".to_owned(), remedy, at }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.at <= now
    }

    /// The least threshold in days that has come; 0 when it is over.
    #[must_use]
    pub fn threshold(&self, now: Timestamp) -> Option<i64> {
        if self.is_over(now) {
            return Some(0);
        }
        let left = self.at.duration_since(now).as_secs();
        DAYS.into_iter().filter(|days| left <= days * DAY_S).min()
    }

    /// What is to be said, from the first threshold on; without the remedy.
    #[must_use]
    pub fn message(&self, now: Timestamp) -> Option<String> {
        let _ = self.threshold(now)?;
        let what = &self.what;
        let at = self.at.strftime("%Y-%m-%d %H:%M UTC");
        if self.is_over(now) {
            return Some(format!("{what} expired on {at}"));
        }
        let left = match self.at.duration_since(now).as_secs() / DAY_S {
            0 => "in less than a day".to_owned(),
            1 => "in 1 day".to_owned(),
            days => format!("in {days} days"),
        };
        Some(format!("{what} expires on {at}, {left}"))
    }

    /// The same with the remedy, as one sentence.
    #[must_use]
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        Some(format!("{}; {}", self.message(now)?, self.remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_warning_begins_at_each_threshold() {
        let expiry = Expiry::of_certificate("app.pem", "2027-05-01T12:00:00Z".parse().unwrap());
        let before = |hours: i64| expiry.at.checked_sub(SignedDuration::from_hours(hours)).unwrap();
        for (hours, threshold, part) in [
            (61 * 24, None, ""),
            (60 * 24, Some(60), "in 60 days"),
            (31 * 24, Some(60), "in 31 days"),
            (30 * 24, Some(30), "in 30 days"),
            (15 * 24, Some(30), "in 15 days"),
            (14 * 24, Some(14), "in 14 days"),
            (7 * 24, Some(7), "expires on 2027-05-01 12:00 UTC, in 7 days; make a new one"),
            (25, Some(7), "in 1 day;"),
            (24, Some(1), "in 1 day;"),
            (1, Some(1), "in less than a day"),
            (0, Some(0), "the certificate in app.pem expired on 2027-05-01 12:00 UTC; make"),
            (-100, Some(0), "expired"),
        ] {
            assert_eq!(expiry.threshold(before(hours)), threshold, "{hours}");
            let warning = expiry.warning(before(hours)).unwrap_or_default();
            assert!(warning.contains(part) && warning.is_empty() == threshold.is_none(), "{hours}: {warning}");
        }
    }
}
