//! The plugin against scripted HTTP, natively: what it sends for a declaration, and what it makes of the answers.

mod unit {
    mod apply;
    mod declaration;
    mod document;
    mod identity;
    mod metadata;
    mod observe;
    mod scene;
    mod verify;
}
