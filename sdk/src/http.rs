//! HTTP through the host: the only way out of a plugin.
//!
//! A request names the egress entry of the plugin's metadata that it belongs to. The host checks it against what was
//! declared and granted, applies the connection's authentication, and never follows a redirect. `Authorization`, `Host`,
//! `Content-Length`, hop-by-hop and proxy headers are the host's and refused from a plugin.

mod date;
mod failure;
mod request;
mod response;

pub use failure::Failure;
pub use request::{Header, Method, Request};
pub use response::Response;
