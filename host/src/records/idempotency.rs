//! What became of requests with an idempotency key.

use serde::{Deserialize, Serialize};

use super::key::{Key, Kind};
use crate::domain::Timestamp;
use crate::domain::id::TenantUid;
use crate::ports::sealer::KeyedHash;

/// A request whose effect is in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdempotencyRecord {
    /// Which attempt wrote it: a request may change the store in several transactions.
    pub attempt: uuid::Uuid,
    /// Keyed hash of the body: a plain one would tell whether a guessed secret was sent.
    pub fingerprint: KeyedHash,
    pub at: Timestamp,
    /// The id or path of what was changed.
    pub resource: String,
    /// What was answered; none when the host stopped in between.
    pub status: Option<u16>,
    pub location: Option<String>,
}

crate::json_record!(IdempotencyRecord, Idempotency);

/// Where all such requests of a tenant stand.
#[must_use]
pub fn all(tenant: TenantUid) -> Key {
    Key::new(tenant, Kind::Idempotency)
}

/// Where the request with this keyed name stands.
#[must_use]
pub fn request(tenant: TenantUid, name: &KeyedHash) -> Key {
    all(tenant).bytes(&name.hash)
}
