//! Keyferry plugin `http`.
