//! A hash that only who holds the key can make.

use serde::{Deserialize, Serialize};

/// A keyed hash with the id of its key, so that a rotation does not make old hashes unverifiable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyedHash {
    pub key_id: [u8; 16],
    pub hash: [u8; 32],
}
