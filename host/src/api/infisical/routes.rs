//! One file per resource of the dialect, as its clients know them.

use crate::api::router::Routes;

pub(crate) mod access_tokens;
pub(crate) mod app_connections;
pub(crate) mod environments;
pub(crate) mod folders;
pub(crate) mod imports;
pub(crate) mod integration_auth;
pub(crate) mod integrations;
pub(crate) mod projects;
pub(crate) mod secret_syncs;
pub(crate) mod secrets;
pub(crate) mod tags;
pub(crate) mod universal_auth;

/// Every route of this dialect.
pub(crate) fn all() -> Routes {
    Routes::new()
        .merge(access_tokens::routes())
        .merge(environments::routes())
        .merge(folders::routes())
        .merge(imports::routes())
        .merge(projects::routes())
        .merge(secrets::routes())
        .merge(tags::routes())
        .merge(app_connections::routes())
        .merge(integration_auth::routes())
        .merge(integrations::routes())
        .merge(secret_syncs::routes())
        .merge(universal_auth::routes())
}
