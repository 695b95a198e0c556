//! Calls of Consul. The host adds the token.

use keyferry_sdk::http::{Method, Request, Response};
use keyferry_sdk::{Error, ErrorKind};

use crate::config::Cluster;

/// The one egress entry: the address that the connection names.
pub(crate) const EGRESS: &str = "api";

/// Consul at a connection's address.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    cluster: &'a Cluster,
}

impl<'a> Client<'a> {
    pub(crate) fn new(cluster: &'a Cluster) -> Self {
        Self { cluster }
    }

    /// The datacenter that the connection names, as Consul spells it.
    pub(crate) fn named_datacenter(self) -> Option<String> {
        self.cluster.datacenter.as_deref().map(str::to_ascii_lowercase)
    }

    /// A request of the HTTP interface, for the datacenter that is meant.
    pub(crate) fn request(self, method: Method, path: &str) -> Request {
        let request = Request::new(method, EGRESS, format!("{}/v1/{path}", self.cluster.base_url()));
        match self.named_datacenter() {
            Some(datacenter) => request.query("dc", &datacenter),
            None => request,
        }
    }

    /// A request for a key, or for all that begins with it.
    pub(crate) fn key_request(self, method: Method, name: &str) -> Request {
        let segments = name.split('/').map(Request::encode_segment).collect::<Vec<_>>();
        self.request(method, &format!("kv/{}", segments.join("/")))
    }
}

/// The answer itself when it is a success, or 404, which says that there is no such key.
pub(crate) fn found(response: Response) -> Result<Option<Response>, Error> {
    match response.status() {
        404 => Ok(None),
        _ => succeed(response).map(Some),
    }
}

pub(crate) fn succeed(response: Response) -> Result<Response, Error> {
    if response.is_success() { Ok(response) } else { Err(error(&response)) }
}

/// The error of an answer; Consul tells an unknown token by its text alone.
pub(crate) fn error(response: &Response) -> Error {
    let error = response.error();
    match error.kind() {
        ErrorKind::PermissionDenied if is_unknown_token(&response.text()) => {
            error.with_kind(ErrorKind::Unauthenticated).with_message("Consul does not know the token")
        }
        ErrorKind::PermissionDenied => error.with_message("the token's policies do not allow this"),
        _ => error,
    }
}

pub(crate) fn is_unknown_token(text: &str) -> bool {
    text.contains("ACL not found")
}
