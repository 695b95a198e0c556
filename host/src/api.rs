//! The HTTP API: a frame that every request passes, and routes that translate between the wire and the services.
//!
//! Handlers decide nothing: extractors read and authorise, services act, and `problem` words every failure. `axum` and
//! `utoipa` are known here and nowhere else.

use std::sync::Arc;

use crate::ports::meter::Meter;
use crate::service::Services;

pub(crate) mod auth;
pub(crate) mod colon;
pub(crate) mod dto;
pub(crate) mod etag;
pub(crate) mod extract;
pub(crate) mod fields;
pub(crate) mod idempotency;
pub(crate) mod infisical;
pub(crate) mod limit;
pub(crate) mod middleware;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod problem;
mod queryless;
pub(crate) mod router;
pub(crate) mod routes;
pub mod serve;
pub(crate) mod state;

pub use limit::Rate;
pub use serve::serve;
pub use state::{ApiSettings, ApiState};

/// The whole API over these services.
pub fn router(services: Services, meter: Arc<dyn Meter>, settings: &ApiSettings) -> axum::Router {
    router::build(services, meter, settings)
}

/// The OpenAPI document of this build, as it is committed: indented JSON with a line feed at its end.
#[must_use]
pub fn openapi_json() -> String {
    router::documented().document()
}

#[cfg(test)]
mod tests;
