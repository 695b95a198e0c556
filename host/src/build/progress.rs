//! How a build tells what it is doing; who shows it is the caller's affair.

/// Receives one line at a time, for people: what was begun, or a line of cargo's own talk.
pub trait Progress: Send + Sync {
    /// Takes one line without its newline.
    fn line(&self, text: &str);
}

impl<F: Fn(&str) + Send + Sync> Progress for F {
    fn line(&self, text: &str) {
        self(text);
    }
}

/// Drops every line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn line(&self, _text: &str) {}
}
