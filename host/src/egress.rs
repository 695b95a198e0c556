//! Everything that leaves the host: checked, resolved once, dialled at a vetted address, authenticated here and attributed.
//!
//! A request passes `gate` (what the plugin declared and was granted), then `broker` (the credential, which the sandbox
//! never sees), then `transport` (addresses, TLS, limits), and its answer passes `canary` on the way back. Redirects are
//! answers like any other: following one takes a new request through all of it.

mod address;
mod answer;
mod broker;
mod canary;
mod dial;
mod draft;
mod gate;
mod header;
mod pattern;
mod policy;
mod pool;
mod record;
mod resolve;
mod session;
mod tls;
mod transport;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::AssumedRoles;
use pool::Pool;
use session::HyperSession;

pub use pattern::{HostRule, InvalidHostRule};
pub use policy::{EgressPolicy, Loopback};
pub use record::{Outcome, RequestObserver, RequestRecord};
pub use resolve::{Resolve, SystemResolver};

use crate::ports::clock::{Clock, SystemClock};
use crate::ports::egress::{Egress, EgressFailure, EgressScope, EgressSession};

/// How long each part of a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// One DNS lookup.
    pub lookup: Duration,
    /// One attempt to connect to one address.
    pub connect: Duration,
    /// From the start of a request to the end of the answer's headers, lookup and connect included.
    pub headers: Duration,
    /// From the start of a request to the end of the answer's body, a credential exchange included.
    pub total: Duration,
    /// How long an unused connection is kept: less than the keep-alive time of common servers, so that a re-used connection
    /// is rarely one that the server is just closing.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            lookup: Duration::from_secs(2),
            connect: Duration::from_secs(4),
            headers: Duration::from_secs(10),
            total: Duration::from_secs(30),
            idle: Duration::from_secs(4),
        }
    }
}

/// The egress of this host, over HTTP/1.1 and TLS 1.2 or 1.3. Proxy variables of the environment are not read.
#[derive(Clone)]
pub struct HyperEgress {
    shared: Arc<Shared>,
}

/// What all sessions of a host stand on.
struct Shared {
    policy: EgressPolicy,
    resolver: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
    observer: Option<Arc<dyn RequestObserver>>,
    /// Idle connections of sessions that have a connection id.
    pool: Arc<Pool>,
    /// Roles assumed for connections that have an id.
    roles: Arc<AssumedRoles>,
}

impl HyperEgress {
    /// An egress that allows what `policy` allows, with the system's resolver and clock.
    #[must_use]
    pub fn new(policy: EgressPolicy) -> Self {
        HyperEgressBuilder::new(policy).build()
    }

    /// Starts from `policy` with the system's resolver and clock, to be changed.
    #[must_use]
    pub fn builder(policy: EgressPolicy) -> HyperEgressBuilder {
        HyperEgressBuilder::new(policy)
    }
}

impl Egress for HyperEgress {
    fn open(&self, scope: EgressScope, deadline: Option<Instant>) -> Arc<dyn EgressSession> {
        Arc::new(HyperSession::open(Arc::clone(&self.shared), scope, deadline))
    }

    fn permits(&self, origin: &str) -> Result<(), EgressFailure> {
        self.shared.policy.permits(origin).map_err(|rule| EgressFailure::Denied(rule.to_owned()))
    }
}

/// Makes a [`HyperEgress`].
pub struct HyperEgressBuilder {
    policy: EgressPolicy,
    resolver: Arc<dyn Resolve>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
    observer: Option<Arc<dyn RequestObserver>>,
}

impl HyperEgressBuilder {
    fn new(policy: EgressPolicy) -> Self {
        Self {
            policy,
            resolver: Arc::new(SystemResolver),
            clock: Arc::new(SystemClock),
            timeouts: Timeouts::default(),
            observer: None,
        }
    }

    /// Asks `resolver` for addresses. Its answers are vetted like any other.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Signs and expires by `clock`. Timeouts run on tokio's time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Replaces the limits of time.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Tells `observer` of every request, for metrics.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn RequestObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The egress.
    #[must_use]
    pub fn build(self) -> HyperEgress {
        let pool = Pool::new(self.timeouts.idle);
        HyperEgress {
            shared: Arc::new(Shared {
                policy: self.policy,
                resolver: self.resolver,
                clock: self.clock,
                timeouts: self.timeouts,
                observer: self.observer,
                pool,
                roles: Arc::new(AssumedRoles::default()),
            }),
        }
    }
}
