//! The only way out: requests are checked, resolved, pinned, authenticated and sent by the host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use keyferry_contract::{AuthMethod, EgressEntry};

use crate::domain::Secret;
use crate::domain::id::{ConnectionUid, TenantUid};

/// For whom and where to a session may send.
#[derive(Clone, Debug)]
pub struct EgressScope {
    /// Connections are never pooled across tenants.
    pub tenant: TenantUid,
    /// Nor across connections. `None` while credentials are only being tested: then nothing is pooled beyond the session.
    pub connection: Option<ConnectionUid>,
    /// The plugin's id, for attribution.
    pub plugin: String,
    /// The entries that are declared and granted.
    pub entries: Vec<EgressEntry>,
    /// Connection settings that host patterns and signing regions may name.
    pub settings: BTreeMap<String, String>,
    /// What to authenticate with.
    pub auth: EgressAuth,
    /// PEM certificates that servers of this connection may chain to, besides the public roots.
    pub ca_bundle: Option<String>,
    /// The tenant's external id for AssumeRole, made by the host and never chosen by a user.
    pub external_id: Option<String>,
    /// Requests allowed in one session.
    pub requests_max: u32,
}

/// A connection's auth method with its credentials.
#[derive(Clone, Debug, Default)]
pub struct EgressAuth {
    /// `None`: requests go out as they are.
    pub method: Option<AuthMethod>,
    /// Values of the method's parameters, secret or not.
    pub credentials: BTreeMap<String, Secret<String>>,
}

/// A request as the guest wrote it; nothing of it is trusted.
#[derive(Clone, Debug)]
pub struct OutboundRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    /// The egress entry that it belongs to.
    pub entry: String,
    pub authenticate: bool,
    /// Never longer than the host's own limit.
    pub timeout: Option<Duration>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct InboundResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// At most 8 MiB, decoded.
    pub body: Vec<u8>,
}

/// Why there is no response. Reasons name hosts and rules, never headers, bodies or credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EgressFailure {
    /// Not declared, not granted, malformed, or an address that is never allowed.
    #[error("denied: {0}")]
    Denied(String),
    /// Certainly never left the host.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Bytes left and no answer came.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The response is larger than allowed.
    #[error("the response is larger than allowed")]
    TooLarge,
    /// The session's requests or time are spent.
    #[error("the budget of requests or time is spent")]
    Budget,
    /// The credential could not be applied: exchange refused, or incomplete.
    #[error("authentication could not be applied: {0}")]
    Authentication(String),
}

/// Opens sessions.
pub trait Egress: Send + Sync + 'static {
    /// A session for one plugin call, or for the calls of one run. No request is sent, and none ends, after `deadline`.
    fn open(&self, scope: EgressScope, deadline: Option<Instant>) -> Arc<dyn EgressSession>;

    /// Whether the server's configuration lets requests go to an origin that a tenant enters, as far as the origin itself tells:
    /// what a name resolves to is looked at when a request is sent. Nothing is known to be closed where there is no network.
    ///
    /// # Errors
    /// [`EgressFailure::Denied`], naming the rule.
    fn permits(&self, _origin: &str) -> Result<(), EgressFailure> {
        Ok(())
    }
}

/// Sends requests for one scope.
#[async_trait]
pub trait EgressSession: Send + Sync {
    /// Sends one request; redirects are not followed.
    ///
    /// # Errors
    /// [`EgressFailure`], with what is known of whether it left.
    async fn send(&self, request: OutboundRequest) -> Result<InboundResponse, EgressFailure>;

    /// Sees each answered request: whether any status of 2xx came back from a granted host, and how many requests were sent.
    fn observed(&self) -> EgressObserved;
}

/// What a session has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EgressObserved {
    /// Requests that left the host.
    pub sent: u32,
    /// Authenticated requests that were answered with a status of 2xx.
    pub authenticated_successes: u32,
    /// Answers with status 429.
    pub throttled: u32,
}
