//! Handlers, one file per resource: wire types, and at most a few lines between an extractor and a service.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod auth_metadata;
pub(crate) mod configs;
pub(crate) mod connection;
pub(crate) mod environments;
pub(crate) mod folders;
pub(crate) mod health;
pub(crate) mod identities;
pub(crate) mod integrations;
pub(crate) mod plugins;
pub(crate) mod secrets;
pub(crate) mod syncs;
pub(crate) mod tenants;
pub(crate) mod tokens;
