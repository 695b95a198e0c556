//! The Infisical dialect (`/api/v1` to `/api/v4`): other names for the same services, so that clients of Infisical's API work
//! here unmodified. What differs and why is told in `host/docs/infisical-compatibility.md`.
//!
//! A project is a tenant. Routes name it in the query or the body, by its UUID or its slug, or not at all: [`Client`] finds
//! the tenant and authorises the caller for it. Successes are 200; failures have this dialect's own shape ([`error`]).

pub(crate) mod client;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod extract;
pub(crate) mod native;
pub(crate) mod place;
pub(crate) mod refusal;
pub(crate) mod routes;
pub(crate) mod time;

use http::Uri;
use http::uri::PathAndQuery;

/// Where the routes of this dialect begin.
const PREFIX: &str = "/api/";

/// Whether a path belongs to this dialect.
pub(crate) fn is_spoken_at(path: &str) -> bool {
    path.starts_with(PREFIX) || path == "/api"
}

/// The same address without the slashes at the end of its path; none where there are none, or in another dialect.
pub(crate) fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !is_spoken_at(path) || !path.ends_with('/') {
        return None;
    }
    let path = path.trim_end_matches('/');
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_spelling() {
        for (given, expect) in [
            ("/api/v1/auth/universal-auth/login/", Some("/api/v1/auth/universal-auth/login")),
            ("/api/v3/secrets/raw/?environment=dev", Some("/api/v3/secrets/raw?environment=dev")),
            ("/api/v3/secrets/raw", None),
            ("/v1/tenants/", None),
        ] {
            let uri: Uri = given.parse().expect("it is an address");
            assert_eq!(without_trailing_slash(&uri).map(|uri| uri.to_string()).as_deref(), expect, "{given}");
        }
    }
}
