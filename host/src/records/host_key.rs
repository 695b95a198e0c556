//! Keys that the host itself needs across starts, by name.

use zeroize::Zeroizing;

use super::{Key, Kind, Record, RecordError};
use crate::domain::Secret;
use crate::domain::id::TenantUid;

/// A random key of this installation.
pub struct HostKey(pub Secret<[u8; 32]>);

impl Record for HostKey {
    const KIND: Kind = Kind::HostSetting;

    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        Ok(Zeroizing::new(self.0.expose().to_vec()))
    }

    fn decode(version: u8, bytes: &[u8]) -> Result<Self, RecordError> {
        let key = (version == 1).then(|| <[u8; 32]>::try_from(bytes).ok()).flatten();
        key.map(|key| Self(Secret::new(key))).ok_or(RecordError::Encoding { kind: Self::KIND })
    }
}

/// The key that authenticates compiled plugins on disk.
#[must_use]
pub fn code_cache() -> Key {
    Key::new(TenantUid::SYSTEM, Kind::HostSetting).text("code-cache-key")
}
