//! The system's keys: a few versions of one key, each wrapped by the root, that wrap the keys of tenants.
//!
//! The system row keeps them. Its format has a place for more versions and more wraps, so that rotation and a second
//! root need no other format.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::cache::Cache;
use super::encoding::{KeyState, Reader, Writer, is_signed, primary, split_signed};
use super::envelope::EnvelopeKey;
use super::key::{Authenticator, KeyBytes, is_equal};
use super::random::{self, Randomness, SystemRandomness};
use super::tenant::{self, Owner, TenantKeys};
use crate::domain::id::{DeploymentUid, TenantUid};
use crate::ports::root::{RootError, RootProvider, WrapContext};
use crate::ports::sealer::{SealError, SystemSealer, TenantSealer};

/// The format of the system row.
const FORMAT: u8 = 1;

/// Why the system's keys cannot be made or opened. Never carries key bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The key given is sound, and not the one that this store was made with.
    #[error("the root key is not the one that this store was made with")]
    WrongRootKey,
    /// The store's keys were wrapped by roots of other kinds only.
    #[error("this store's keys are wrapped by {stored}, not by {given}")]
    OtherRootProvider { stored: String, given: String },
    /// Written by a later version of the host.
    #[error("the system row has format {found}; this host knows format {FORMAT}")]
    UnknownFormat { found: u8 },
    /// It does not parse.
    #[error("the system row is damaged")]
    Malformed,
    /// It parses, and is not what was written.
    #[error("the system row was changed or damaged")]
    Refused,
    /// The root failed.
    #[error("the root key provider could not wrap or unwrap the system's keys")]
    Root(#[source] RootError),
    /// No key could be made.
    #[error("new keys could not be made")]
    Generate(#[source] SealError),
}

/// A system key as it is stored, before it is opened.
struct StoredSystemKey {
    id: [u8; 16],
    version: u32,
    state: KeyState,
    wraps: Vec<Wrap>,
}

/// One root's wrap of a key.
struct Wrap {
    provider: String,
    check_value: [u8; 8],
    wrapped: Vec<u8>,
}

struct SystemRow {
    deployment: DeploymentUid,
    keys: Vec<StoredSystemKey>,
}

impl SystemRow {
    fn decode(record: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(record);
        reader.u8()?;
        let deployment = DeploymentUid::from_bytes(reader.array()?);
        let keys = reader.many(|reader| {
            let (id, version, state) = (reader.array()?, reader.u32()?, reader.state()?);
            let wraps = reader.many(|reader| {
                let provider = String::from_utf8(reader.sized()?.to_vec()).ok()?;
                Some(Wrap { provider, check_value: reader.array()?, wrapped: reader.sized()?.to_vec() })
            })?;
            Some(StoredSystemKey { id, version, state, wraps })
        })?;
        reader.is_at_end().then_some(Self { deployment, keys })
    }

    fn encode(&self, authenticator: &Authenticator) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.u8(FORMAT).bytes(self.deployment.as_bytes()).count(self.keys.len());
        for key in &self.keys {
            writer.key_head(&key.id, key.version, key.state).count(key.wraps.len());
            for wrap in &key.wraps {
                writer.sized(wrap.provider.as_bytes()).bytes(&wrap.check_value).sized(&wrap.wrapped);
            }
        }
        writer.signed(authenticator)
    }
}

/// Binds the parts of the system row together: no version of a key can be dropped or given another state.
fn row_authenticator(key: &EnvelopeKey) -> Authenticator {
    Authenticator::new(&key.key().derive(&[b"system row"]))
}

/// The opened system keys.
pub struct Keyring {
    deployment: DeploymentUid,
    keys: Vec<EnvelopeKey>,
    primary: [u8; 16],
    tenants: Cache,
}

impl Keyring {
    /// Makes a new installation: its identity and its first system key. The bytes are the system row, to be stored as
    /// they are before anything is sealed.
    ///
    /// # Errors
    /// [`KeyringError::Generate`], [`KeyringError::Root`].
    pub async fn create(root: &dyn RootProvider) -> Result<(Self, Vec<u8>), KeyringError> {
        let deployment = DeploymentUid::generate();
        let key = new_key(&SystemRandomness).map_err(KeyringError::Generate)?;
        let place = WrapContext { deployment, key_id: key.id(), key_version: 1 };
        let wrap = Wrap {
            provider: root.id().to_owned(),
            check_value: root.key_check_value(deployment),
            wrapped: root.wrap(key.key().expose(), &place).await.map_err(KeyringError::Root)?,
        };
        let stored = StoredSystemKey { id: key.id(), version: 1, state: KeyState::Primary, wraps: vec![wrap] };
        let row = SystemRow { deployment, keys: vec![stored] }.encode(&row_authenticator(&key));
        Ok((Self { deployment, primary: key.id(), keys: vec![key], tenants: Cache::default() }, row))
    }

    /// Opens the keys of an installation.
    ///
    /// # Errors
    /// [`KeyringError`]: a wrong root key is told from damage.
    pub async fn open(root: &dyn RootProvider, system_row: &[u8]) -> Result<Self, KeyringError> {
        match system_row.first() {
            Some(&FORMAT) => {}
            Some(&found) => return Err(KeyringError::UnknownFormat { found }),
            None => return Err(KeyringError::Malformed),
        }
        let (record, code) = split_signed(system_row).ok_or(KeyringError::Malformed)?;
        let row = SystemRow::decode(record).ok_or(KeyringError::Malformed)?;
        let primary = primary(&row.keys, |key| key.state).ok_or(KeyringError::Malformed)?.id;

        let mut keys = Vec::with_capacity(row.keys.len());
        for stored in row.keys.iter().filter(|key| key.state.is_usable()) {
            keys.push(open_key(root, row.deployment, stored).await?);
        }
        let keyring = Self { deployment: row.deployment, keys, primary, tenants: Cache::default() };
        if !is_signed(record, code, &row_authenticator(keyring.primary_key())) {
            return Err(KeyringError::Refused);
        }
        Ok(keyring)
    }

    fn key(&self, id: [u8; 16]) -> Option<&EnvelopeKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    fn primary_key(&self) -> &EnvelopeKey {
        self.key(self.primary).expect("a primary key is usable, and every usable key was opened")
    }

    fn owner(&self, tenant: TenantUid) -> Owner {
        Owner { deployment: self.deployment, tenant }
    }
}

fn new_key(randomness: &dyn Randomness) -> Result<EnvelopeKey, SealError> {
    Ok(EnvelopeKey::new(random::key_id(randomness)?, KeyBytes::generate(randomness)?))
}

async fn open_key(
    root: &dyn RootProvider,
    deployment: DeploymentUid,
    stored: &StoredSystemKey,
) -> Result<EnvelopeKey, KeyringError> {
    let wrap = wrap_of(root, deployment, &stored.wraps)?;
    let place = WrapContext { deployment, key_id: stored.id, key_version: stored.version };
    let key = root.unwrap(&wrap.wrapped, &place).await.map_err(KeyringError::Root)?;
    let key = KeyBytes::from_slice(key.as_slice()).expect("an unwrapped key has 32 bytes");
    Ok(EnvelopeKey::new(stored.id, key))
}

/// The wrap that this root made: by the provider's id, then by the check value, before anything is unwrapped.
fn wrap_of<'w>(
    root: &dyn RootProvider,
    deployment: DeploymentUid,
    wraps: &'w [Wrap],
) -> Result<&'w Wrap, KeyringError> {
    let of_provider = || wraps.iter().filter(|wrap| wrap.provider == root.id());
    if of_provider().next().is_none() {
        let stored: Vec<&str> = wraps.iter().map(|wrap| wrap.provider.as_str()).collect();
        return Err(KeyringError::OtherRootProvider { stored: stored.join(", "), given: root.id().to_owned() });
    }
    let check_value = root.key_check_value(deployment);
    of_provider().find(|wrap| is_equal(&wrap.check_value, &check_value)).ok_or(KeyringError::WrongRootKey)
}

impl SystemSealer for Keyring {
    fn deployment(&self) -> DeploymentUid {
        self.deployment
    }

    fn generate_tenant_keys(&self, tenant: TenantUid) -> Result<Vec<u8>, SealError> {
        tenant::generate(self.owner(tenant), self.primary_key(), &SystemRandomness)
    }

    fn open_tenant_keys(&self, tenant: TenantUid, wrapped: &[u8]) -> Result<Arc<dyn TenantSealer>, SealError> {
        let now = Instant::now();
        if let Some(keys) = self.tenants.get(tenant, wrapped, now) {
            return Ok(keys);
        }
        let keys = Arc::new(TenantKeys::open(self.owner(tenant), wrapped, |id| self.key(id))?);
        self.tenants.keep(tenant, wrapped, &keys, now);
        Ok(keys)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
