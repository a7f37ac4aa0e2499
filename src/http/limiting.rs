//! Rate limits at the edge: which bucket a request is counted in, and what it is told of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::services::Services;
use super::visit::Visit;
use crate::access::throttle::{
    Caller, Decision, Load, RateClass, RateLimits, RequestFacts, Throttle,
};
use crate::access::{Principal, Proof, policy};
use crate::base::Clock;

/// The edge's buckets.
pub struct Limits {
    throttle: Throttle,
    clock: Clock,
    started: Instant,
    load: Box<dyn Fn() -> Load + Send + Sync>,
    /// As last set: settings are compared with it at every request, so that a change counts at
    /// once.
    limits: ArcSwap<RateLimits>,
}

impl Limits {
    /// Empty buckets; `load` says how busy the server is.
    #[must_use]
    pub fn new(
        limits: RateLimits,
        clock: Clock,
        load: Box<dyn Fn() -> Load + Send + Sync>,
    ) -> Self {
        let throttle = Throttle::new(limits);
        let limits = ArcSwap::from_pointee(limits);
        Self { throttle, started: clock.now(), clock, load, limits }
    }

    /// Changes how much is allowed; nothing when it is the same.
    pub(super) fn follow(&self, limits: &RateLimits) {
        if **self.limits.load() != *limits {
            self.limits.store(Arc::new(*limits));
            self.throttle.set_limits(*limits);
        }
    }

    /// Frees buckets nobody uses. Call about once a minute.
    pub fn clean_up(&self) {
        self.throttle.clean_up(self.now_ms());
    }

    pub(super) fn check(&self, facts: &RequestFacts) -> Decision {
        self.throttle.check(self.now_ms(), facts, (self.load)())
    }

    /// Gives back what a right guess was counted.
    pub(super) fn succeeded(&self, facts: &RequestFacts) {
        self.throttle.succeeded(facts);
    }

    fn now_ms(&self) -> u64 {
        let since = self.clock.now().saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What is left for the client, for its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    limit: u32,
    remaining: u32,
    reset_s: u32,
}

/// Counts a request.
///
/// # Errors
/// 429, with the bucket that is full and how long to wait (A32).
pub(super) fn count(services: &Services, facts: &RequestFacts) -> Result<Quota, Problem> {
    services.limits.follow(&services.access.settings().installation().rate);
    match services.limits.check(facts) {
        Decision::Allowed { limit, remaining, reset_s } => Ok(Quota { limit, remaining, reset_s }),
        Decision::Refused { scope, limit, retry_after_s } => {
            let detail = format!("too many requests; try again in {retry_after_s} s");
            Err(full("rate_limited", detail, scope.as_str(), limit, retry_after_s))
        }
    }
}

/// 429 of a full bucket, with its headers.
pub(super) fn full(
    code: &'static str,
    detail: String,
    scope: &'static str,
    limit: u32,
    retry_after_s: u32,
) -> Problem {
    let problem =
        Problem::too_many(code, detail, retry_after_s).with("scope", scope).with("limit", limit);
    let quota = Quota { limit, remaining: 0, reset_s: retry_after_s };
    quota
        .headers()
        .into_iter()
        .fold(problem, |problem, (name, value)| problem.with_header(name, value))
}

impl Quota {
    /// Into the headers of an answer, unless a bucket further in has said more.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        for (name, value) in self.headers() {
            headers.entry(name).or_insert(value);
        }
    }

    fn headers(self) -> [(HeaderName, HeaderValue); 3] {
        [(LIMIT, self.limit), (REMAINING, self.remaining), (RESET, self.reset_s)]
            .map(|(name, value)| (name, HeaderValue::from(value)))
    }
}

/// The bucket of a route's requests.
pub(super) fn class_of(rate: policy::RateClass) -> RateClass {
    match rate {
        policy::RateClass::General => RateClass::General,
        policy::RateClass::Auth => RateClass::Auth,
        policy::RateClass::PublicForm => RateClass::PublicForm,
        policy::RateClass::Expensive => RateClass::Expensive,
        policy::RateClass::Static => RateClass::Static,
    }
}

/// What a request is counted by: who sends it, as far as that is proved, and from where.
pub(super) fn facts_of(
    class: RateClass,
    ip: IpAddr,
    principal: Option<&Principal>,
) -> RequestFacts {
    let caller = principal.map_or(Caller::Anonymous, |principal| {
        let id = *principal.session_id.as_bytes();
        match principal.proof {
            Proof::ApiKey(_) => Caller::Token(id),
            Proof::Cookie | Proof::Enrolling | Proof::Token => Caller::Session(id),
        }
    });
    RequestFacts { caller, ..RequestFacts::anonymous(class, ip) }
}

/// Wraps what is in no table of rights: unknown paths, files, health.
#[derive(Clone)]
pub(super) struct Limited {
    pub(super) services: Arc<Services>,
    pub(super) class: RateClass,
}

pub(super) async fn limited(
    State(limited): State<Limited>,
    request: Request,
    next: Next,
) -> Response {
    let visit = match Visit::of(request.extensions()) {
        Ok(visit) => visit,
        Err(problem) => return problem.into_response(),
    };
    let facts = RequestFacts::anonymous(limited.class, visit.ip);
    match count(&limited.services, &facts) {
        Ok(quota) => {
            let mut response = next.run(request).await;
            quota.write(response.headers_mut());
            response
        }
        Err(problem) => problem.into_response(),
    }
}

const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
