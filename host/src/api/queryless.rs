//! Operations that take no query refuse one, by the names of its parameters, as the others refuse what they do not know: whoever
//! deletes one version of a secret must not delete the secret.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use http::Method;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{PathItem, RefOr};

use super::fields::{Fields, Read, read_query};
use super::problem::Problem;
use super::state::ApiState;

/// The handlers of a path, held to what its documentation says of queries.
pub(super) fn held(item: &PathItem, handlers: MethodRouter<ApiState>) -> MethodRouter<ApiState> {
    let methods = methods_without(item);
    if methods.is_empty() {
        return handlers;
    }
    handlers.layer(from_fn_with_state(methods, refuse))
}

fn methods_without(item: &PathItem) -> Arc<[Method]> {
    let operations = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    let without = operations.into_iter().filter_map(|(method, operation)| {
        let mut parameters = operation.as_ref()?.parameters.iter().flatten();
        let is_of_query = |parameter: &RefOr<Parameter>| match parameter {
            RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
            // What a reference leads to is not looked at: it may be one.
            RefOr::Ref(_) => true,
        };
        (!parameters.any(is_of_query)).then_some(method)
    });
    without.collect()
}

/// A query that says nothing.
struct Nothing;

impl Read for Nothing {
    fn read(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self)
    }
}

/// A query that asks for a page: a list that always comes whole is its own first page.
struct Whole;

impl Read for Whole {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        fields.ignore(&["pageSize", "pageToken", "count"]);
        Some(Self)
    }
}

async fn refuse(State(methods): State<Arc<[Method]>>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let read = match *request.method() {
        Method::GET => read_query::<Whole>(query).map(drop),
        _ => read_query::<Nothing>(query).map(drop),
    };
    match read {
        Err(error) if methods.contains(request.method()) => Problem::from(error).into_response(),
        _ => next.run(request).await,
    }
}
