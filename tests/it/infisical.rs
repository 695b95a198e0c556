//! The Infisical dialect: the routes that its clients call, in the shapes that they expect.

mod auth;
mod environments;
mod folders;
mod imports;
mod listing;
mod project;
mod projects;
mod secrets;
mod secrets_batch;
mod secrets_personal;
mod tags;
