//! Folders (`v1` and `v2`, which are alike but for what goes with a deleted folder).

mod body;
mod handlers;
mod output;

pub(crate) use handlers::routes;
