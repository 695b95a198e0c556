//! The plugin against scripted HTTP, natively: what it sends to AWS, and what it makes of the answers.

mod unit {
    mod apply;
    mod check;
    mod errors;
    mod identity;
    mod metadata;
    mod observe;
    mod scene;
}
