//! Keyferry plugin `consul-kv`.
