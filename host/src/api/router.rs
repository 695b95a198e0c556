//! Which routes there are, and how they become one service.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Paths;
use utoipa_axum::router::UtoipaMethodRouter;

use super::colon::{self, CustomMethods};
use super::infisical;
use super::middleware;
use super::openapi;
use super::problem::Problem;
use super::queryless;
use super::routes;
use super::state::{ApiSettings, ApiState};
use crate::domain::Code;
use crate::ports::meter::Meter;
use crate::service::Services;

/// Where the routes of the native dialect begin.
const NATIVE: &str = "/v1/";

/// Every documented route.
pub(crate) fn documented() -> Routes {
    Routes::new()
        .merge(routes::health::routes())
        .merge(routes::tokens::routes())
        .merge(routes::tenants::routes())
        .merge(routes::configs::routes())
        .merge(routes::environments::routes())
        .merge(routes::folders::routes())
        .merge(routes::integrations::routes())
        .merge(routes::plugins::routes())
        .merge(routes::secrets::routes())
        .merge(routes::syncs::routes())
        .merge(routes::identities::routes())
        .merge(routes::api_keys::routes())
        .merge(routes::audit::routes())
        .merge(routes::auth_metadata::routes())
        .merge(infisical::routes::all())
}

/// Routes with their documentation; the only way to route a handler, so none can be left out of the document.
pub(crate) struct Routes {
    router: axum::Router<ApiState>,
    document: OpenApi,
}

impl Routes {
    pub(crate) fn new() -> Self {
        // The checks refuse a segment that begins with a colon, which is how custom methods are routed.
        Self { router: axum::Router::new().without_v07_checks(), document: OpenApi::default() }
    }

    /// Adds handlers of one path: `.add(routes!(list, create))`.
    pub(crate) fn add(mut self, (schemas, paths, handlers): UtoipaMethodRouter<ApiState>) -> Self {
        for (path, item) in &paths.paths {
            let handlers = handlers.clone();
            // Probes and the other dialect ignore what they do not know.
            let handlers = if path.starts_with(NATIVE) { queryless::held(item, handlers) } else { handlers };
            self.router = self.router.route(&colon::routed(path), handlers);
        }
        self.document.components.get_or_insert_default().schemas.extend(schemas);
        self.add_paths(paths);
        self
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        let schemas = other.document.components.unwrap_or_default().schemas;
        self.document.components.get_or_insert_default().schemas.extend(schemas);
        self.add_paths(other.document.paths);
        self
    }

    fn add_paths(&mut self, paths: Paths) {
        for (path, item) in paths.paths {
            match self.document.paths.paths.get_mut(&path) {
                Some(known) => known.merge_operations(item),
                None => drop(self.document.paths.paths.insert(path, item)),
            }
        }
    }

    /// The document, with what is common to all operations filled in.
    pub(crate) fn document(&self) -> String {
        openapi::to_json(&openapi::complete(self.document.clone()))
    }
}

/// The service: paths of custom methods and slashes at the end of the Infisical dialect's are rewritten, then routed, and
/// every answer passes the middleware.
pub(crate) fn build(services: Services, meter: Arc<dyn Meter>, settings: &ApiSettings) -> axum::Router {
    let routes = documented();
    let methods = Arc::new(CustomMethods::of(routes.document.paths.paths.keys()));
    let state = ApiState::new(services, meter, settings, routes.document());
    let routed = routes
        .router
        .fallback(|| async { Problem::from(Code::RouteNotFound).into_response() })
        .method_not_allowed_fallback(|| async { Problem::from(Code::MethodNotAllowed).into_response() })
        .layer(from_fn_with_state(state.clone(), middleware::observe))
        .with_state(state);
    let rewriting = routed.map_request(move |mut request: axum::extract::Request| {
        let uri = infisical::without_trailing_slash(request.uri()).or_else(|| methods.rewrite(request.uri()));
        if let Some(uri) = uri {
            *request.uri_mut() = uri;
        }
        request
    });
    axum::Router::new().fallback_service(rewriting)
}
