//! One file per resource of the dialect, as its clients know them.

use crate::api::router::Routes;

pub(crate) mod app_connections;
pub(crate) mod integration_auth;
pub(crate) mod integrations;
pub(crate) mod secret_syncs;
pub(crate) mod universal_auth;

/// Every route of this dialect.
pub(crate) fn all() -> Routes {
    Routes::new()
        .merge(app_connections::routes())
        .merge(integration_auth::routes())
        .merge(integrations::routes())
        .merge(secret_syncs::routes())
        .merge(universal_auth::routes())
}
