//! Secrets, in the two shapes that clients of this dialect know: `v3` (raw) and `v4`.

mod batch;
mod input;
mod moving;
mod output;
mod query;
mod tree;
mod v3;
mod v4;
mod work;

use crate::api::router::Routes;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(v3::routes())
        .merge(v4::routes())
        .merge(batch::routes())
        .merge(moving::routes())
        .merge(tree::routes())
}
