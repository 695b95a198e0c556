//! Where calls of the host's imports go: into the host inside a component, into the installed script elsewhere.

use crate::http::{Failure, Request, Response};
use crate::log::Level;

#[cfg(target_arch = "wasm32")]
mod component {
    use super::{Failure, Level, Request, Response};
    use crate::bindings::plugin::keyferry::integration::{host_info, http, log as host_log};
    use crate::http::Header;

    pub(crate) fn send(request: Request) -> Result<Response, Failure> {
        let headers = request.headers.into_iter().map(|Header { name, value }| http::Header { name, value }).collect();
        let answer = http::send(&http::Request {
            method: request.method.as_str().to_owned(),
            url: request.url,
            headers,
            body: request.body,
            egress: request.egress,
            authenticate: request.authenticate,
            timeout_ms: request.timeout_ms,
        });
        match answer {
            Ok(response) => {
                let headers = response.headers.into_iter();
                let headers = headers.map(|http::Header { name, value }| Header { name, value }).collect();
                Ok(Response::new(response.status, headers, response.body).answering(request.method))
            }
            Err(failure) => Err(match failure {
                http::Failure::Denied(detail) => Failure::Denied(detail),
                http::Failure::NotSent(detail) => Failure::NotSent(detail),
                http::Failure::OutcomeUnknown(detail) => Failure::OutcomeUnknown(detail),
                http::Failure::TooLarge => Failure::TooLarge,
                http::Failure::Budget => Failure::Budget,
                http::Failure::Other(detail) => Failure::Other(detail),
            }),
        }
    }

    pub(crate) fn log(level: Level, message: &str) {
        host_log::emit(level.as_str(), message);
    }

    pub(crate) fn features() -> Vec<String> {
        host_info::features()
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use component::{features, log, send};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::scripted::{features, log, send};

#[cfg(not(target_arch = "wasm32"))]
const _: fn(Request) -> Result<Response, Failure> = send;
#[cfg(not(target_arch = "wasm32"))]
const _: fn(Level, &str) = log;
