//! Handlers, one file per resource: wire types, and at most a few lines between an extractor and a service.

pub(crate) mod health;
pub(crate) mod tenants;
pub(crate) mod tokens;
