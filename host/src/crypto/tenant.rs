//! The keys of one tenant: the key that seals its records, and independent keys for its hashes.
//!
//! Hash keys are random and wrapped by the tenant key, not derived from it: a rotation of the tenant key must not make
//! every ownership hash unknown.

use std::fmt;

use zeroize::Zeroizing;

use super::context;
use super::encoding::{KeyState, Reader, StoredKey, Writer, is_signed, primary, split_signed};
use super::envelope::{self, EnvelopeKey};
use super::key::{Authenticator, KeyBytes, is_equal};
use super::random::{self, Randomness, SystemRandomness};
use crate::domain::id::{DeploymentUid, TenantUid};
use crate::ports::sealer::{HashPurpose, KeyedHash, SealContext, SealError, TenantSealer};

/// The format of a stored bundle.
const FORMAT: u8 = 1;
const KIND_TENANT_KEY: &str = "tenant-key";
const KIND_HASH_KEY: &str = "hash-key";
const PURPOSES: [HashPurpose; 4] =
    [HashPurpose::Ownership, HashPurpose::Index, HashPurpose::Cursor, HashPurpose::Fingerprint];

fn purpose_code(purpose: HashPurpose) -> u8 {
    match purpose {
        HashPurpose::Ownership => 1,
        HashPurpose::Index => 2,
        HashPurpose::Cursor => 3,
        HashPurpose::Fingerprint => 4,
    }
}

fn purpose_field(purpose: HashPurpose) -> &'static str {
    match purpose {
        HashPurpose::Ownership => "ownership",
        HashPurpose::Index => "index",
        HashPurpose::Cursor => "cursor",
        HashPurpose::Fingerprint => "fingerprint",
    }
}

/// Whose keys are meant, and in which installation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) deployment: DeploymentUid,
    pub(crate) tenant: TenantUid,
}

impl Owner {
    fn context(&self, kind: &str, field: &str, id: [u8; 16], version: u32) -> Vec<u8> {
        let record = SealContext { kind, resource_id: id, field, row_version: u64::from(version) };
        context::encode(self.deployment, self.tenant, &record)
    }
}

/// Makes the keys of a new tenant and wraps them: the tenant key by `system_key`, the hash keys by the tenant key.
pub(crate) fn generate(
    owner: Owner,
    system_key: &EnvelopeKey,
    randomness: &dyn Randomness,
) -> Result<Vec<u8>, SealError> {
    let tenant_key = EnvelopeKey::new(random::key_id(randomness)?, KeyBytes::generate(randomness)?);
    let place = owner.context(KIND_TENANT_KEY, "key", tenant_key.id(), 1);
    let wrapped = system_key.seal(&place, tenant_key.key().expose(), false, randomness)?;

    let mut bundle = Writer::default();
    bundle.u8(FORMAT).count(1);
    bundle.key(&StoredKey { id: tenant_key.id(), version: 1, state: KeyState::Primary, wrapped });
    bundle.count(PURPOSES.len());
    for purpose in PURPOSES {
        let (id, key) = (random::key_id(randomness)?, KeyBytes::generate(randomness)?);
        let place = owner.context(KIND_HASH_KEY, purpose_field(purpose), id, 1);
        let wrapped = tenant_key.seal(&place, key.expose(), false, randomness)?;
        bundle.u8(purpose_code(purpose)).key(&StoredKey { id, version: 1, state: KeyState::Primary, wrapped });
    }
    Ok(bundle.signed(&bundle_authenticator(&tenant_key)))
}

/// Binds the parts of a bundle together, so that none can be dropped, added or given another state.
fn bundle_authenticator(tenant_key: &EnvelopeKey) -> Authenticator {
    Authenticator::new(&tenant_key.key().derive(&[b"tenant key bundle"]))
}

/// A bundle as it is stored, read but not yet believed.
struct Bundle {
    tenant_keys: Vec<StoredKey>,
    hash_keys: Vec<(HashPurpose, StoredKey)>,
}

fn decode(record: &[u8]) -> Option<Bundle> {
    let mut reader = Reader::new(record);
    if reader.u8()? != FORMAT {
        return None;
    }
    let tenant_keys = reader.many(Reader::key)?;
    let hash_keys = reader.many(|reader| {
        let code = reader.u8()?;
        let purpose = PURPOSES.into_iter().find(|purpose| purpose_code(*purpose) == code)?;
        Some((purpose, reader.key()?))
    })?;
    reader.is_at_end().then_some(Bundle { tenant_keys, hash_keys })
}

/// One hash key, keyed once.
struct HashKey {
    purpose: HashPurpose,
    id: [u8; 16],
    state: KeyState,
    authenticator: Authenticator,
}

/// The opened keys of a tenant. Families are a few keys long: a walk is quicker than a map.
pub(crate) struct TenantKeys {
    owner: Owner,
    sealing: Vec<EnvelopeKey>,
    primary: [u8; 16],
    hashing: Vec<HashKey>,
}

impl TenantKeys {
    /// Opens a bundle; `unwrap` gives the system key that an envelope names.
    pub(crate) fn open<'k>(
        owner: Owner,
        bundle: &[u8],
        system_key: impl Fn([u8; 16]) -> Option<&'k EnvelopeKey>,
    ) -> Result<Self, SealError> {
        let (record, code) = split_signed(bundle).ok_or(SealError::Malformed)?;
        let bundle = decode(record).ok_or(SealError::Malformed)?;
        let primary = primary(&bundle.tenant_keys, |key| key.state).ok_or(SealError::Malformed)?.id;

        let usable = bundle.tenant_keys.iter().filter(|key| key.state.is_usable());
        let sealing = usable
            .map(|stored| {
                let wrapped_by = envelope::key_id(&stored.wrapped)?;
                let key = system_key(wrapped_by).ok_or(SealError::KeyUnavailable { key_id: wrapped_by })?;
                let place = owner.context(KIND_TENANT_KEY, "key", stored.id, stored.version);
                Ok(EnvelopeKey::new(stored.id, unwrapped(key, &place, &stored.wrapped)?))
            })
            .collect::<Result<Vec<_>, SealError>>()?;
        let keys = Self { owner, sealing, primary, hashing: Vec::new() };
        if !is_signed(record, code, &bundle_authenticator(keys.primary_key())) {
            return Err(SealError::Refused);
        }
        let hashing = bundle.hash_keys.iter().map(|(purpose, stored)| keys.open_hash_key(*purpose, stored));
        let hashing = hashing.collect::<Result<Vec<_>, SealError>>()?;
        let is_complete = PURPOSES.iter().all(|purpose| {
            hashing.iter().filter(|key| key.purpose == *purpose && key.state == KeyState::Primary).count() == 1
        });
        if is_complete { Ok(Self { hashing, ..keys }) } else { Err(SealError::Malformed) }
    }

    fn open_hash_key(&self, purpose: HashPurpose, stored: &StoredKey) -> Result<HashKey, SealError> {
        let key = self.sealing_key(envelope::key_id(&stored.wrapped)?)?;
        let place = self.owner.context(KIND_HASH_KEY, purpose_field(purpose), stored.id, stored.version);
        let opened = unwrapped(key, &place, &stored.wrapped)?;
        let authenticator = Authenticator::new(opened.expose());
        Ok(HashKey { purpose, id: stored.id, state: stored.state, authenticator })
    }

    fn sealing_key(&self, id: [u8; 16]) -> Result<&EnvelopeKey, SealError> {
        self.sealing.iter().find(|key| key.id() == id).ok_or(SealError::KeyUnavailable { key_id: id })
    }

    fn primary_key(&self) -> &EnvelopeKey {
        self.sealing_key(self.primary).expect("a primary key is usable, and every usable key was opened")
    }

    fn context(&self, record: &SealContext<'_>) -> Vec<u8> {
        context::encode(self.owner.deployment, self.owner.tenant, record)
    }
}

fn unwrapped(key: &EnvelopeKey, place: &[u8], wrapped: &[u8]) -> Result<KeyBytes, SealError> {
    KeyBytes::from_slice(&key.open(place, wrapped)?).ok_or(SealError::Malformed)
}

impl TenantSealer for TenantKeys {
    fn tenant(&self) -> TenantUid {
        self.owner.tenant
    }

    fn seal(&self, context: &SealContext<'_>, plaintext: &[u8], padded: bool) -> Result<Vec<u8>, SealError> {
        self.primary_key().seal(&self.context(context), plaintext, padded, &SystemRandomness)
    }

    fn open(&self, context: &SealContext<'_>, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.sealing_key(envelope::key_id(envelope)?)?.open(&self.context(context), envelope)
    }

    fn hash(&self, purpose: HashPurpose, parts: &[&[u8]]) -> KeyedHash {
        let mut keys = self.hashing.iter().filter(|key| key.purpose == purpose && key.state == KeyState::Primary);
        let key = keys.next().expect("opening refuses a bundle that lacks a primary key for a purpose");
        KeyedHash { key_id: key.id, hash: key.authenticator.sign_prefixed(parts) }
    }

    fn hash_matches(&self, purpose: HashPurpose, parts: &[&[u8]], expected: &KeyedHash) -> Result<bool, SealError> {
        let mut keys = self.hashing.iter().filter(|key| key.purpose == purpose && key.state.is_usable());
        let key =
            keys.find(|key| key.id == expected.key_id).ok_or(SealError::KeyUnavailable { key_id: expected.key_id })?;
        Ok(is_equal(&key.authenticator.sign_prefixed(parts), &expected.hash))
    }
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantKeys").field("owner", &self.owner).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
