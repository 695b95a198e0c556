//! The Infisical dialect: the routes that its clients call, in the shapes that they expect.

mod app_connections;
mod auth;
mod native;
mod secret_syncs;
