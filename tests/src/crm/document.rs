//! One document with an entity tag, read and written whole.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use super::{holds, tag};

/// The document, and its revision; none before somebody writes it.
#[derive(Clone, Debug, Default)]
pub struct Document(Arc<Mutex<Option<(Value, u64)>>>);

impl Document {
    /// What stands there; null when nothing does.
    #[must_use]
    pub fn read(&self) -> Value {
        self.stored().map(|(whole, _)| whole).unwrap_or_default()
    }

    /// Writes it as somebody else would.
    pub fn write(&self, whole: Value) {
        self.put(whole);
    }

    pub(super) fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        Router::new().route("/v1/document", get(read).put(write)).with_state(self.clone())
    }

    fn stored(&self) -> Option<(Value, u64)> {
        self.0.lock().expect("no handler panics while it holds this").clone()
    }

    fn put(&self, whole: Value) -> u64 {
        let revision = self.stored().map_or(0, |(_, revision)| revision) + 1;
        *self.0.lock().expect("no handler panics while it holds this") = Some((whole, revision));
        revision
    }
}

async fn read(State(document): State<Document>) -> Response {
    match document.stored() {
        Some((whole, revision)) => ([("etag", tag(revision))], axum::Json(whole)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn write(State(document): State<Document>, headers: HeaderMap, axum::Json(whole): axum::Json<Value>) -> Response {
    if !holds(&headers, document.stored().map(|(_, revision)| revision)) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    let revision = document.put(whole);
    [("etag", tag(revision))].into_response()
}
