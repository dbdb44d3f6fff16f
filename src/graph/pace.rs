//! The pace of directory writes: the burst, then the refill, whether the service refills a bucket or counts in windows.
//!
//! Pure arithmetic on what left and what the answers said. A write is assumed to cost one, until the answers say that every link in it
//! is charged. Invariant: while the service behaves as assumed, no more leaves than its quota allows.

use jiff::{SignedDuration, Timestamp};

use super::throttle::{Rate, later};

/// What the service allows.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// So many writes,
    pub writes: u32,
    /// in this time.
    pub per: SignedDuration,
}

impl Default for Quota {
    /// 3,000 per 150 s for an app in one tenant (Microsoft's table of 2023).
    fn default() -> Self {
        Self { writes: 3_000, per: SignedDuration::from_secs(150) }
    }
}

/// What some requests may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Requests.
    pub(crate) requests: u32,
    /// Links that they set.
    pub(crate) links: u32,
}

impl Cost {
    /// Requests that set one link each, or none.
    pub(crate) const fn of(requests: u32) -> Self {
        Self { requests, links: requests }
    }
}

/// What the service charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charge {
    Request,
    Link,
}

/// The window that the service is believed to count in.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// When it opened, or opens.
    opened: Timestamp,
    left: u32,
}

/// The pace.
#[derive(Debug)]
pub(crate) struct Pace {
    quota: Quota,
    by_request: Rate,
    by_link: Rate,
    charge: Charge,
    /// When an answer last spoke for the charge by link.
    confirmed: Option<Timestamp>,
    window: Option<Window>,
    /// The last refusal that was not an echo of the one before.
    refused: Option<Timestamp>,
    /// How often the refill was found to be slower than assumed.
    slow: u8,
}

/// Of the refill, so much is used: clocks differ, and requests bunch on their way. In thousandths.
const USED: i64 = 980;
/// A refusal that asks for more than this speaks of a window: a bucket has room for one write again in a moment.
const LONG: SignedDuration = SignedDuration::from_secs(5);
/// What left before a refusal was known is refused too; that says nothing new.
const ECHO: SignedDuration = SignedDuration::from_secs(3);
/// Refusals that follow each other so closely say that the refill is slower than assumed.
const CLOSE: SignedDuration = SignedDuration::from_secs(30);
/// By what the pace then slows down each time.
const SLOWER: f64 = 1.25;
/// Without an answer that speaks for it, the charge by link is doubted after this.
const DOUBT: SignedDuration = SignedDuration::from_mins(3);
/// By how much the level that the service tells of may differ from ours without a reason.
const APART: f64 = 0.3;

impl Pace {
    pub(crate) fn new(quota: Quota) -> Self {
        let interval = quota.per.checked_mul(1_000).unwrap_or(quota.per)
            / i32::try_from(i64::from(quota.writes.max(1)) * USED).unwrap_or(i32::MAX);
        let rate = Rate::new(interval, quota.writes);
        Self {
            quota,
            by_request: rate,
            by_link: rate,
            charge: Charge::Request,
            confirmed: None,
            window: None,
            refused: None,
            slow: 0,
        }
    }

    fn charged(&self, cost: Cost) -> u32 {
        match self.charge {
            Charge::Request => cost.requests,
            Charge::Link => cost.links,
        }
    }

    const fn rate(&mut self) -> &mut Rate {
        match self.charge {
            Charge::Request => &mut self.by_request,
            Charge::Link => &mut self.by_link,
        }
    }

    /// When requests may leave.
    pub(crate) fn opens(&self, now: Timestamp, cost: Cost) -> Timestamp {
        let charged = self.charged(cost);
        if let Some(window) = self.window {
            let turns = later(window.opened, self.quota.per);
            return if window.left >= charged { window.opened.max(now) } else { turns.max(now) };
        }
        match self.charge {
            Charge::Request => self.by_request.opens(now, charged),
            Charge::Link => self.by_link.opens(now, charged),
        }
    }

    /// Takes requests and says when they may leave.
    pub(crate) fn take(&mut self, now: Timestamp, cost: Cost) -> Timestamp {
        if self.charge == Charge::Link && self.confirmed.is_none_or(|at| now.duration_since(at) > DOUBT) {
            self.charge = Charge::Request;
        }
        if self.slow > 0 && self.refused.is_some_and(|at| now.duration_since(at) > self.quota.per) {
            self.slow -= 1;
            self.refused = Some(now);
            self.stretch(now, 1.0 / SLOWER);
        }
        let at = self.opens(now, cost);
        self.by_request.take(now, cost.requests);
        self.by_link.take(now, cost.links);
        let (charged, quota) = (self.charged(cost), self.quota);
        if let Some(window) = &mut self.window {
            if at >= later(window.opened, quota.per) {
                *window = Window { opened: at, left: quota.writes };
            }
            window.left = window.left.saturating_sub(charged);
        }
        at
    }

    /// Of `wanted` requests with so many links each, how many may leave together, and when. What must wait leaves by the second.
    pub(crate) fn room(&self, now: Timestamp, wanted: u32, links: u32) -> (u32, Timestamp) {
        let cost = |requests: u32| Cost { requests, links: requests.saturating_mul(links) };
        if self.opens(now, cost(wanted)) <= now {
            return (wanted, now);
        }
        let each = self.charged(cost(1)).max(1);
        if let Some(window) = self.window.filter(|window| window.opened <= now && window.left >= each) {
            // What is left of a window is lost when it turns.
            let few = (window.left / each).min(wanted);
            return (few, self.opens(now, cost(few)));
        }
        let second = u32::try_from(i64::from(self.quota.writes) * USED / 1_000 / self.quota.per.as_secs().max(1)).unwrap_or(1);
        let few = if self.window.is_some() { wanted } else { (second / each).clamp(1, wanted.max(1)) };
        (few, self.opens(now, cost(few)))
    }

    /// The service says how much of its quota is used, between 0 and 1.
    pub(crate) fn told(&mut self, now: Timestamp, used: f64) {
        self.weigh(now, used);
        let rate = self.rate();
        if used > rate.used(now) {
            rate.set_used(now, used.min(1.0));
        }
    }

    /// The service refused, and asks for a wait.
    pub(crate) fn refused(&mut self, now: Timestamp, wait: SignedDuration) {
        if self.window.is_none() {
            self.weigh(now, 1.0);
        }
        let since = self.refused.map(|at| now.duration_since(at));
        let echo = since.is_some_and(|since| since <= ECHO);
        if !echo {
            self.refused = Some(now);
        }
        let untouched = self.window.is_some_and(|window| window.left == self.quota.writes);
        if wait > LONG || untouched {
            // The whole allowance, as soon as the window has turned.
            self.window = Some(Window { opened: later(now, wait), left: self.quota.writes });
            return;
        }
        if !echo && self.slow < 12 && self.window.is_none() && since.is_some_and(|since| since <= CLOSE) {
            self.slow += 1;
            self.stretch(now, SLOWER);
        }
        self.window = None;
        self.rate().set_used(now, 1.0);
    }

    fn stretch(&mut self, now: Timestamp, times: f64) {
        self.by_request.stretch(now, times);
        self.by_link.stretch(now, times);
    }

    /// What the service says of its level tells what it charges.
    fn weigh(&mut self, now: Timestamp, used: f64) {
        let (request, link) = (self.by_request.used(now), self.by_link.used(now));
        match self.charge {
            Charge::Request if request < used - APART && link >= used - APART => {
                tracing::info!("the service charges each link of a write; the pace follows");
                self.charge = Charge::Link;
                self.confirmed = Some(now);
                self.by_link.set_used(now, used);
            }
            Charge::Link if used >= link - APART => self.confirmed = Some(now),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(n: f64) -> Timestamp {
        let start: Timestamp = "2027-01-11T08:00:00Z".parse().unwrap();
        start + SignedDuration::from_secs_f64(n)
    }

    /// A service that counts writes, or their links.
    struct Service {
        counts: Counts,
        links: u32,
    }

    enum Counts {
        Bucket { level: f64, at: Timestamp },
        Window { opened: Option<Timestamp>, taken: u32 },
    }

    impl Service {
        fn bucket(links: u32) -> Self {
            Self { counts: Counts::Bucket { level: 3_000.0, at: second(0.0) }, links }
        }

        fn window() -> Self {
            Self { counts: Counts::Window { opened: None, taken: 0 }, links: 1 }
        }

        /// How much is used, or how long to wait.
        fn write(&mut self, now: Timestamp) -> Result<f64, SignedDuration> {
            let cost = self.links;
            match &mut self.counts {
                Counts::Bucket { level, at } => {
                    *level = (*level + now.duration_since(*at).as_secs_f64() * 20.0).min(3_000.0);
                    *at = now;
                    let lacks = f64::from(cost) - *level;
                    if lacks > 0.0 {
                        return Err(SignedDuration::from_secs_f64(lacks / 20.0).max(SignedDuration::from_secs(1)));
                    }
                    *level -= f64::from(cost);
                    Ok(1.0 - *level / 3_000.0)
                }
                Counts::Window { opened, taken } => {
                    let per = SignedDuration::from_secs(150);
                    let open = opened.filter(|at| now.duration_since(*at) < per);
                    if open.is_none() {
                        (*opened, *taken) = (Some(now), 0);
                    }
                    if *taken + cost > 3_000 {
                        return Err(per - now.duration_since(open.unwrap()));
                    }
                    *taken += cost;
                    Ok(f64::from(*taken) / 3_000.0)
                }
            }
        }
    }

    /// Writes of 20 links each until so many are through, `wide` at once: seconds taken, and refusals.
    fn run(service: &mut Service, pace: &mut Pace, writes: u32, wide: u32) -> (f64, u32) {
        let (mut now, mut shut) = (second(0.0), second(0.0));
        let (mut through, mut refusals) = (0, 0);
        while through < writes {
            let (few, at) = pace.room(now, wide.min(writes - through), 20);
            if at.max(shut) > now {
                now = at.max(shut);
                continue;
            }
            pace.take(now, Cost { requests: few, links: few * 20 });
            let mut waits = Vec::new();
            for _ in 0..few {
                match service.write(now) {
                    Ok(used) => {
                        through += 1;
                        if used > 0.8 {
                            pace.told(now, used);
                        }
                    }
                    Err(wait) => waits.push(wait),
                }
            }
            refusals += u32::try_from(waits.len()).unwrap();
            if let Some(wait) = waits.into_iter().max() {
                shut = now + wait;
                pace.refused(now, wait);
            }
            // an answer takes its time
            now += SignedDuration::from_millis(4);
        }
        (now.duration_since(second(0.0)).as_secs_f64(), refusals)
    }

    #[test]
    fn a_bucket_is_spent_and_then_its_refill_without_a_refusal() {
        for wide in [1, 5, 19, 20] {
            let (took, refusals) = run(&mut Service::bucket(1), &mut Pace::new(Quota::default()), 5_000, wide);
            assert!(took <= 100.0 * 1.03, "{wide}: {took}");
            assert_eq!(refusals, 0, "{wide}");
        }
    }

    #[test]
    fn a_window_is_spent_whole_whenever_it_turns() {
        for (writes, turns) in [(5_000, 1.0), (6_000, 1.0), (9_000, 2.0)] {
            let (took, refusals) = run(&mut Service::window(), &mut Pace::new(Quota::default()), writes, 20);
            assert!(took <= turns * 150.0 + 5.0, "{writes}: {took}");
            assert!(refusals <= 40, "{writes}: {refusals}");
        }
    }

    #[test]
    fn links_that_are_charged_singly_are_noticed_before_they_are_refused_often() {
        let (took, refusals) = run(&mut Service::bucket(20), &mut Pace::new(Quota::default()), 500, 20);
        let bound = f64::from(500 * 20 - 3_000) / 20.0;
        assert!(took / bound <= 1.06, "{took} of {bound}");
        assert!(refusals <= 20, "{refusals}");
    }

    #[test]
    fn a_long_wait_of_a_bucket_is_no_window_for_long() {
        let mut pace = Pace::new(Quota::default());
        let mut service = Service::bucket(1);
        let (_, _) = run(&mut service, &mut pace, 3_000, 20);
        pace.refused(second(1.0), SignedDuration::from_secs(60));
        assert_eq!(pace.opens(second(2.0), Cost::of(3_000)), second(61.0), "all of it once the window has turned");
        pace.take(second(61.0), Cost::of(1_300));
        pace.refused(second(62.0), SignedDuration::from_secs(1));
        let at = pace.opens(second(63.0), Cost::of(20));
        assert!(at > second(62.9) && at < second(63.2), "it refills: {at}");
    }

    #[test]
    fn a_slower_refill_than_assumed_is_followed() {
        let mut pace = Pace::new(Quota::default());
        pace.take(second(0.0), Cost::of(3_000));
        for n in 0..4 {
            pace.refused(second(10.0 * f64::from(n)), SignedDuration::from_secs(1));
        }
        let at = pace.opens(second(30.0), Cost::of(20));
        assert!(at > second(31.9), "three refusals in a row, and half the speed: {at}");
        for n in 1..=3 {
            pace.take(second(200.0 * f64::from(n)), Cost::of(1));
        }
        pace.take(second(900.0), Cost::of(3_000));
        let at = pace.opens(second(900.0), Cost::of(20));
        assert!(at < second(901.1), "and forgiven: {at}");
    }

    proptest! {
        #[test]
        fn a_bucket_never_sees_more_than_it_holds(takes in proptest::collection::vec((0_u32..40, 0.0_f64..3.0), 1..400)) {
            let mut pace = Pace::new(Quota::default());
            let mut now = second(0.0);
            let mut sent = 0.0;
            for (requests, rest) in takes {
                now = pace.take(now, Cost::of(requests)).max(now);
                sent += f64::from(requests);
                let allowed = 3_000.0 + now.duration_since(second(0.0)).as_secs_f64() * 20.0;
                prop_assert!(sent <= allowed, "{} of {}", sent, allowed);
                now += SignedDuration::from_secs_f64(rest);
            }
        }
    }
}
