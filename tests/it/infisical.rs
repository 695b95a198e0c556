//! The Infisical dialect: the routes that its clients call, in the shapes that they expect.

mod auth;
mod native;
