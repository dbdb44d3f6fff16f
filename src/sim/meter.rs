//! The quotas of the tenant's services, and how each tells about them: with and without `Retry-After`, with headers or none.

use http::HeaderName;
use jiff::{SignedDuration, Timestamp};

use super::profile::{Counted, Profile};
use super::reply::Refusal;
use super::route::Meter;
use super::throttle::{Bucket, Turns, Window};

/// What calls count against.
#[derive(Debug)]
pub(super) struct Meters {
    writes: Writes,
    units: Bucket,
    policies: Window,
    reports: Window,
}

#[derive(Debug)]
enum Writes {
    Bucket(Bucket),
    Window(Turns),
}

impl Writes {
    fn take(&mut self, now: Timestamp, writes: u32) -> Result<(), f64> {
        match self {
            Self::Bucket(bucket) => bucket.take(now, writes),
            Self::Window(window) => window.take(now, writes),
        }
    }

    fn used(&self) -> f64 {
        match self {
            Self::Bucket(bucket) => bucket.used(),
            Self::Window(window) => window.used(),
        }
    }
}

impl Meters {
    pub(super) fn new(profile: &Profile) -> Self {
        let quotas = profile.quotas;
        Self {
            writes: match profile.service.counted {
                Counted::Bucket => Writes::Bucket(Bucket::new(quotas.writes, profile.service.writes_per)),
                Counted::Window => Writes::Window(Turns::new(quotas.writes, profile.service.writes_per)),
            },
            units: Bucket::new(quotas.units, SignedDuration::from_secs(10)),
            policies: Window::new(quotas.policies, SignedDuration::from_secs(1)),
            reports: Window::new(quotas.reports, SignedDuration::from_secs(10)),
        }
    }

    /// Counts a call, or refuses it as its service does.
    pub(super) fn count(&mut self, meter: Meter, now: Timestamp) -> Result<(), Refusal> {
        match meter {
            Meter::Directory { units, writes } => {
                self.units.take(now, units).map_err(|wait| throttled_directory(wait, "ResourceUnitLimitExceeded"))?;
                if writes > 0 {
                    self.writes.take(now, writes).map_err(|wait| throttled_directory(wait, "WriteLimitExceeded"))?;
                }
                Ok(())
            }
            Meter::Policies => self.policies.call(now).map_err(|_| Refusal::throttled(None)),
            Meter::Reports => self.reports.call(now).map_err(Refusal::reports_throttled),
            Meter::Outlook => Ok(()),
        }
    }

    /// The headers by which the service tells how much is used.
    pub(super) fn headers(&self, meter: Meter) -> Vec<(HeaderName, String)> {
        let Meter::Directory { units, writes } = meter else { return Vec::new() };
        let used = if writes > 0 { self.writes.used().max(self.units.used()) } else { self.units.used() };
        let mut headers = vec![(HeaderName::from_static("x-ms-resource-unit"), units.to_string())];
        if used > 0.8 {
            headers.push((HeaderName::from_static("x-ms-throttle-limit-percentage"), format!("{used:.2}")));
        }
        headers
    }
}

fn throttled_directory(wait: f64, why: &str) -> Refusal {
    let mut refusal = Refusal::throttled(Some(wait));
    refusal.headers.push((HeaderName::from_static("x-ms-throttle-information"), why.to_owned()));
    refusal
}
