//! What handlers of this dialect take from a request: read leniently, as its clients expect.
//!
//! Unknown members are ignored, texts are trimmed, booleans and numbers may be sent as text, what is empty in a query was not
//! said, and clients send JSON bodies with GET and DELETE.

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;

use crate::api::extract::{body_bytes, is_form_request, json_bytes};
use crate::api::fields::{Fields, Read, read, read_body_leniently, read_form_leniently, read_query_leniently};
use crate::api::problem::Problem;
use crate::domain::error::violation;

/// A body: JSON, or a form, as `curl -d` sends it.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Sync, T: Read> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if is_form_request(&request) {
            return Ok(Self(read_form_leniently(&body_bytes(request).await?)?));
        }
        Ok(Self(read_body_leniently(&json_bytes(request).await?)?))
    }
}

/// A query string.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Sync, T: Read> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(read_query_leniently(parts.uri.query().unwrap_or_default())?))
    }
}

/// Characters of a project's UUID or slug.
const PROJECT_CHARS_MAX: usize = 150;

/// The project that a request names, by any of the names that clients use.
///
/// Answers as [`Fields::required`]; the complaint is made at `projectId`.
pub(crate) fn project(fields: &mut Fields<'_>) -> Option<String> {
    optional_project(fields)?.or_else(|| fields.refuse("projectId", violation::REQUIRED, "is required"))
}

/// As [`project`], where the request may leave it out.
#[expect(
    clippy::option_option,
    reason = "the outer option tells whether a complaint was made, as in `Fields::optional`"
)]
pub(crate) fn optional_project(fields: &mut Fields<'_>) -> Option<Option<String>> {
    fields.aliases("projectId", &["workspaceId", "projectSlug", "workspaceSlug"]);
    fields.optional("projectId", read::filled_text(PROJECT_CHARS_MAX))
}
