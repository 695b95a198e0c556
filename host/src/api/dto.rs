//! What several routes share of requests and answers.

use std::collections::BTreeSet;

use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::etag::Tagged;
use super::fields::{At, read};
use crate::domain::Secret;
use crate::domain::access::Scope;
use crate::domain::error::violation;

/// 201 with the resource and where it is.
#[derive(Debug)]
pub(crate) struct Created<T> {
    pub(crate) location: String,
    pub(crate) resource: Tagged<T>,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, self.resource).into_response();
        if let Ok(location) = HeaderValue::try_from(self.location) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }
}

/// 204: done, and nothing more to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// A value on its way to a caller who asked for it and may have it: the one place where a stored secret is serialized.
#[derive(ToSchema)]
#[schema(value_type = String)]
pub(crate) struct Revealed(pub(crate) Secret<String>);

impl Serialize for Revealed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

/// Scopes by their names.
pub(crate) fn scope_set(at: &At<'_>, value: Value) -> Option<BTreeSet<Scope>> {
    let scopes = read::list(Scope::ALL.len(), scope)(at, value)?;
    Some(scopes.into_iter().collect())
}

fn scope(at: &At<'_>, value: Value) -> Option<Scope> {
    let name = read::text(64)(at, value)?;
    let known = Scope::ALL.iter().copied().find(|scope| scope.text() == name);
    known.map_or_else(|| at.refuse(violation::NOT_AN_OPTION, "is no scope of this host"), Some)
}
