//! What each client may send a second, as token buckets, and the headers that say what is left
//! (draft-ietf-httpapi-ratelimit-headers-09).
//!
//! A bucket that was not used for as long as it takes to fill is the same as a new one, so it is
//! dropped. Of more clients than [`MAX_CLIENTS`] the one that was quiet the longest is dropped.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use bytes::Bytes;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::id::ClientId;
use super::refusal::{LINKS, Limit, REQUESTS, Refusal};

/// About 40 MB.
const MAX_CLIENTS: u64 = 100_000;

/// How much of something a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) per_second: NonZeroU32,
    /// How much it may send at once.
    pub(super) burst: NonZeroU32,
}

impl Rate {
    /// Returns the seconds in which this much comes back.
    fn seconds_for(self, amount: u32) -> u32 {
        amount.div_ceil(self.per_second.get())
    }
}

/// What is left to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    remaining: u32,
    /// In this time the bucket is full again.
    full_in_seconds: u32,
}

/// How much a client may send: requests, and the links in them. `None` is without a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateLimits {
    pub(super) requests: Option<Rate>,
    pub(super) links: Option<Rate>,
}

/// A clock that all requests read.
pub(super) trait SharedClock: Clock + Clone + Send + Sync + 'static {}

impl<C: Clock + Clone + Send + Sync + 'static> SharedClock for C {}

/// The buckets of all clients.
#[derive(Debug)]
pub(super) struct Rates<C: SharedClock = MonotonicClock> {
    requests: Option<Kind>,
    links: Option<Kind>,
    clients: Cache<ClientId, Arc<Buckets<C>>>,
    policy: Option<HeaderValue>,
    clock: C,
}

/// One of the two limits.
#[derive(Debug, Clone, Copy)]
struct Kind {
    limit: &'static Limit,
    rate: Rate,
}

type Bucket<C> = RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>;

/// What one client may send.
#[derive(Debug)]
pub(super) struct Buckets<C: SharedClock = MonotonicClock> {
    requests: Option<Bucket<C>>,
    links: Option<Bucket<C>>,
}

impl Rates {
    pub(super) fn new(limits: RateLimits) -> Self {
        Self::with_clock(limits, MonotonicClock)
    }
}

impl<C: SharedClock> Rates<C> {
    fn with_clock(limits: RateLimits, clock: C) -> Self {
        let kind = |limit, rate: Option<Rate>| rate.map(|rate| Kind { limit, rate });
        let requests = kind(&REQUESTS, limits.requests);
        let links = kind(&LINKS, limits.links);
        let kinds = [requests, links].into_iter().flatten();
        let longest = kinds.clone().map(|kind| kind.rate.seconds_for(kind.rate.burst.get())).max();
        let clients = Cache::builder()
            .max_capacity(MAX_CLIENTS)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(Duration::from_secs(u64::from(longest.unwrap_or(1)) + 1))
            .build();
        let policies: Vec<String> = kinds.map(policy).collect();
        let policy = (!policies.is_empty()).then(|| policies.join(", "));
        let policy = policy.and_then(|policy| policy.parse().ok());
        Self { requests, links, clients, policy, clock }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// [`Refusal`] if it comes too early.
    pub(super) fn request(&self, client: &Buckets<C>) -> (Result<(), Refusal>, Option<Left>) {
        let Some(kind) = self.requests else { return (Ok(()), None) };
        self.check(kind, client.requests.as_ref(), NonZeroU32::MIN)
    }

    /// Counts the links of a request, all or none of them.
    ///
    /// # Errors
    /// [`Refusal`] if they come too early.
    pub(super) fn links(
        &self,
        client: &Buckets<C>,
        links_count: usize,
    ) -> (Result<(), Refusal>, Option<Left>) {
        let Some(kind) = self.links else { return (Ok(()), None) };
        // More than a burst could never be sent.
        let count = u32::try_from(links_count).unwrap_or(u32::MAX).min(kind.rate.burst.get());
        let Some(count) = NonZeroU32::new(count) else { return (Ok(()), None) };
        self.check(kind, client.links.as_ref(), count)
    }

    /// Returns the value of `RateLimit-Policy`, which is the same for all clients.
    pub(super) fn policy(&self) -> Option<&HeaderValue> {
        self.policy.as_ref()
    }

    /// Returns the buckets of a client, new ones if it has sent nothing for long.
    pub(super) fn buckets(&self, client: &ClientId) -> Arc<Buckets<C>> {
        self.clients.get_with_by_ref(client, || {
            let bucket = |kind: Option<Kind>| {
                let Rate { per_second, burst } = kind?.rate;
                let quota = Quota::per_second(per_second).allow_burst(burst);
                let bucket = RateLimiter::direct_with_clock(quota, self.clock.clone());
                Some(bucket.with_middleware())
            };
            Arc::new(Buckets { requests: bucket(self.requests), links: bucket(self.links) })
        })
    }

    fn check(
        &self,
        kind: Kind,
        bucket: Option<&Bucket<C>>,
        count: NonZeroU32,
    ) -> (Result<(), Refusal>, Option<Left>) {
        let Kind { limit, rate } = kind;
        let (refused, remaining) = match bucket.map(|bucket| bucket.check_n(count)) {
            Some(Ok(Ok(snapshot))) => (Ok(()), snapshot.remaining_burst_capacity()),
            Some(Ok(Err(not_until))) => {
                let wait = not_until.wait_time_from(self.clock.now());
                let missing = wait.as_secs_f64() * f64::from(rate.per_second.get());
                let seconds = (wait.as_secs_f64().ceil() as u64).max(1);
                let refusal = Refusal::new(limit, u64::from(rate.per_second.get()), seconds);
                (Err(refusal), count.get().saturating_sub(missing.ceil() as u32))
            }
            // There is a bucket of each kind, and a count is at most a burst.
            None | Some(Err(_)) => return (Ok(()), None),
        };
        let missing = rate.burst.get().saturating_sub(remaining);
        (refused, Some(Left { remaining, full_in_seconds: rate.seconds_for(missing) }))
    }
}

fn policy(kind: Kind) -> String {
    let Kind { limit, rate } = kind;
    let (name, burst) = (limit.label, rate.burst);
    let seconds = rate.seconds_for(burst.get());
    // A quota counts requests unless it says otherwise.
    let unit = if name == REQUESTS.label { String::new() } else { format!(";qu=\"{name}\"") };
    format!("\"{name}\";q={burst};w={seconds}{unit}")
}

/// Returns the value of `RateLimit`.
pub(super) fn rate_limit(requests: Option<Left>, links: Option<Left>) -> Option<HeaderValue> {
    // Both items, each with two numbers of ten digits.
    let mut text = String::with_capacity(64);
    for (limit, left) in [(&REQUESTS, requests), (&LINKS, links)] {
        let Some(Left { remaining, full_in_seconds }) = left else { continue };
        let comma = if text.is_empty() { "" } else { ", " };
        write!(text, "{comma}\"{}\";r={remaining};t={full_in_seconds}", limit.label).ok()?;
    }
    if text.is_empty() { None } else { HeaderValue::from_maybe_shared(Bytes::from(text)).ok() }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;

    fn rate(per_second: u32, burst: u32) -> Option<Rate> {
        let number = |number| NonZeroU32::new(number).unwrap();
        Some(Rate { per_second: number(per_second), burst: number(burst) })
    }

    fn client(number: u8) -> ClientId {
        ClientId::V4(Ipv4Addr::from([192, 0, 2, number]))
    }

    fn text(value: Option<HeaderValue>) -> String {
        value.unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_client_has_a_burst_and_then_its_rate() {
        let clock = FakeRelativeClock::default();
        let limits = RateLimits { requests: rate(2, 4), links: rate(10, 30) };
        let rates = Rates::with_clock(limits, clock.clone());
        let policy = "\"requests\";q=4;w=2, \"links\";q=30;w=3;qu=\"links\"";
        assert_eq!(rates.policy().unwrap(), policy);
        for left in (0..4).rev() {
            let (answer, remaining) = rates.request(&rates.buckets(&client(1)));
            assert_eq!(answer, Ok(()));
            assert_eq!(remaining.unwrap().remaining, left);
        }
        let (refused, left) = rates.request(&rates.buckets(&client(1)));
        let refusal = refused.unwrap_err();
        assert_eq!((refusal.code(), refusal.retry_after_seconds()), ("client_requests", 1));
        assert_eq!(text(rate_limit(left, None)), "\"requests\";r=0;t=2");
        // Another client is not affected, nor are links.
        assert_eq!(rates.request(&rates.buckets(&client(2))).0, Ok(()));
        let (answer, left) = rates.links(&rates.buckets(&client(1)), 20);
        assert_eq!(answer, Ok(()));
        assert_eq!(text(rate_limit(None, left)), "\"links\";r=10;t=2");
        // All or none: 10 are left.
        let (refused, left) = rates.links(&rates.buckets(&client(1)), 30);
        assert_eq!(refused.unwrap_err().retry_after_seconds(), 2);
        assert_eq!(text(rate_limit(None, left)), "\"links\";r=10;t=2");
        clock.advance(Duration::from_secs(2));
        assert_eq!(rates.links(&rates.buckets(&client(1)), 30).0, Ok(()));
        assert_eq!(rates.request(&rates.buckets(&client(1))).0, Ok(()));
    }

    #[test]
    fn more_links_than_a_burst_are_a_burst() {
        let limits = RateLimits { requests: None, links: rate(10, 30) };
        let rates = Rates::with_clock(limits, FakeRelativeClock::default());
        assert_eq!(rates.links(&rates.buckets(&client(1)), 1_000).0, Ok(()));
        assert!(rates.links(&rates.buckets(&client(1)), 1).0.is_err());
        assert_eq!(rates.links(&rates.buckets(&client(1)), 0), (Ok(()), None));
        assert_eq!(rates.request(&rates.buckets(&client(1))), (Ok(()), None));
    }

    proptest! {
        /// In any time a client is given no more than its burst and its rate.
        #[test]
        fn no_client_is_given_more_than_its_rate(
            per_second in 1_u32..50,
            burst in 1_u32..50,
            steps in proptest::collection::vec((1_usize..60, 0_u64..1_000), 1..100),
        ) {
            let clock = FakeRelativeClock::default();
            let limits = RateLimits { requests: None, links: rate(per_second, burst) };
            let rates = Rates::with_clock(limits, clock.clone());
            let (mut given, mut elapsed_ms) = (0, 0);
            for (count, pause_ms) in steps {
                if rates.links(&rates.buckets(&client(1)), count).0.is_ok() {
                    given += u64::try_from(count).unwrap().min(u64::from(burst));
                }
                let most = u64::from(burst) + (elapsed_ms * u64::from(per_second)).div_ceil(1_000);
                prop_assert!(given <= most, "{given} of {most}");
                clock.advance(Duration::from_millis(pause_ms));
                elapsed_ms += pause_ms;
            }
        }
    }
}
