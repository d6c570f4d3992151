//! How many requests a key may send: a bucket for each key, which fills evenly over a minute. The buckets are this
//! process's own: several gateways give a key as much each.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use escriba_database::api_keys::Caller;
use escriba_domain::ApiKeyId;
use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
};

const MINUTE: Duration = Duration::from_mins(1);

/// The keys that came in within the last minute; the buckets of others are full.
#[derive(Debug)]
pub struct RateLimits {
    /// Of keys whose workspace's limits say nothing; 0: as much as it likes.
    usual: u32,
    buckets: Mutex<HashMap<ApiKeyId, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    limit: NonZeroU32,
    used_at: Instant,
    requests: DefaultDirectRateLimiter<StateInformationMiddleware>,
}

/// How a key stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many requests it may send a minute.
    pub limit: u32,
    /// How many it may send at once now.
    pub remaining: u32,
    /// When it may send `limit` at once again.
    pub full_in: Duration,
    /// Where this request was one too many: when the next may come.
    pub refused_for: Option<Duration>,
}

impl RateLimits {
    pub fn new(usual: u32) -> Self {
        Self { usual, buckets: Mutex::default() }
    }

    /// How many requests a minute a key may send, by its workspace's limits or else as usual; `None`: any number.
    pub fn limit(&self, of_workspace: Option<u32>) -> Option<NonZeroU32> {
        NonZeroU32::new(of_workspace.unwrap_or(self.usual))
    }

    /// Counts a request. `None` when the key may send as many as it likes.
    pub(super) fn take(&self, caller: &Caller) -> Option<Standing> {
        let limit = self.limit(caller.requests_per_minute)?;
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.get(&caller.key).is_none_or(|bucket| bucket.limit != limit) {
            buckets.retain(|_, bucket| now.duration_since(bucket.used_at) < MINUTE);
            buckets.insert(caller.key, Bucket::new(limit, now));
        }
        Some(buckets.get_mut(&caller.key)?.take(now))
    }
}

impl Bucket {
    fn new(limit: NonZeroU32, now: Instant) -> Self {
        let requests = RateLimiter::direct(Quota::per_minute(limit)).with_middleware();
        Self { limit, used_at: now, requests }
    }

    fn take(&mut self, now: Instant) -> Standing {
        self.used_at = now;
        let limit = self.limit.get();
        let standing = |remaining: u32, refused_for| {
            let full_in = MINUTE * (limit - remaining.min(limit)) / limit;
            Standing { limit, remaining, full_in, refused_for }
        };
        match self.requests.check() {
            Ok(state) => standing(state.remaining_burst_capacity(), None),
            Err(until) => standing(0, Some(until.wait_time_from(DefaultClock::default().now()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use escriba_domain::{Scopes, WorkspaceId};

    use super::*;

    fn caller(requests_per_minute: Option<u32>) -> Caller {
        Caller { key: ApiKeyId::new(), workspace: WorkspaceId::new(), scopes: Scopes::ALL, requests_per_minute }
    }

    #[test]
    fn a_key_has_its_minutes_worth_and_then_waits() {
        let limits = RateLimits::new(3);
        let (key, other) = (caller(None), caller(None));
        let taken: Vec<_> = (0..4).map(|_| limits.take(&key).unwrap()).collect();
        assert_eq!(taken.iter().map(|standing| standing.remaining).collect::<Vec<_>>(), [2, 1, 0, 0]);
        assert_eq!(taken[0].full_in, Duration::from_secs(20));
        assert!(taken[..3].iter().all(|standing| standing.refused_for.is_none()));
        assert!(taken[3].refused_for.is_some_and(|wait| wait <= Duration::from_secs(20)));
        assert_eq!(limits.take(&other).unwrap().remaining, 2, "each key has its own");
    }

    #[test]
    fn a_workspaces_limit_goes_before_the_usual_one() {
        let limits = RateLimits::new(3);
        assert_eq!(limits.take(&caller(Some(0))), None, "as many as it likes");
        let key = caller(Some(100));
        assert_eq!(limits.take(&key).unwrap().limit, 100);
        let less = Caller { requests_per_minute: Some(10), ..key };
        assert_eq!(limits.take(&less).unwrap().remaining, 9, "a new limit holds at once");
        assert_eq!(RateLimits::new(0).take(&caller(None)), None);
    }
}
