//! The plugin against scripted HTTP, natively: what it sends to Consul, and what it makes of the answers.

mod unit {
    mod apply;
    mod check;
    mod metadata;
    mod observe;
    mod scene;
}
