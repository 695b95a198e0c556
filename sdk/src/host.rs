//! What this host can do beyond the contract.

use crate::transport;

/// Whether the host has an optional ability, by its name in the published vocabulary.
pub fn has_feature(name: &str) -> bool {
    transport::features().iter().any(|feature| feature == name)
}
