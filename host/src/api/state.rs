//! What handlers may reach.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use super::idempotency::InFlight;
use super::limit::{Rate, RateLimiter};
use crate::domain::id::IdentityUid;
use crate::ports::clock::Clock;
use crate::ports::meter::Meter;
use crate::service::Services;

/// What the operator decides about the API.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// Before authentication, per client address; none: unlimited.
    pub address_rate: Option<Rate>,
    /// After authentication, per identity or API key; none: unlimited.
    pub principal_rate: Option<Rate>,
}

impl Default for ApiSettings {
    /// Far above what people and deployments need, far below what would starve other callers.
    fn default() -> Self {
        Self {
            address_rate: Some(Rate { per_second: 2_000, burst: 10_000 }),
            principal_rate: Some(Rate { per_second: 1_000, burst: 5_000 }),
        }
    }
}

/// What handlers may reach; cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Reach>);

/// See [`ApiState`], which derefs to it.
pub struct Reach {
    pub(crate) services: Services,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) meter: Arc<dyn Meter>,
    pub(crate) addresses: Option<RateLimiter<IpAddr>>,
    pub(crate) principals: Option<RateLimiter<IdentityUid>>,
    pub(crate) in_flight: InFlight,
    /// The OpenAPI document, as JSON.
    pub(crate) document: String,
}

impl ApiState {
    pub(crate) fn new(services: Services, meter: Arc<dyn Meter>, settings: &ApiSettings, document: String) -> Self {
        Self(Arc::new(Reach {
            clock: services.core.clock.clone(),
            services,
            meter,
            addresses: settings.address_rate.map(RateLimiter::new),
            principals: settings.principal_rate.map(RateLimiter::new),
            in_flight: InFlight::default(),
            document,
        }))
    }
}

impl Deref for ApiState {
    type Target = Reach;

    fn deref(&self) -> &Reach {
        &self.0
    }
}
