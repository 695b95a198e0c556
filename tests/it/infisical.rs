//! The Infisical dialect: the routes that its clients call, in the shapes that they expect.

mod access_tokens;
mod app_connections;
mod auth;
mod both;
mod client;
mod environments;
mod folders;
mod imports;
mod limits;
mod listing;
mod native;
mod project;
mod projects;
mod recorded;
mod secret_syncs;
mod secrets;
mod secrets_batch;
mod secrets_personal;
mod tags;
mod universal_auth;
