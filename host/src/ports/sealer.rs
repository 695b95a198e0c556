//! Sealing: authenticated encryption of whole records, bound to where they stand.

use std::sync::Arc;

use zeroize::Zeroizing;

pub use crate::domain::KeyedHash;
use crate::domain::id::{DeploymentUid, TenantUid};

/// Where a sealed record stands. It is not stored: the reader rebuilds it from where it found the record, so a record
/// moved to another tenant, resource, field or version does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// The kind of record, in ASCII: `secret`, `credential`, `ledger`.
    pub kind: &'a str,
    /// The identity in the record's key, or the first sixteen bytes of SHA-256 of a composite key.
    pub resource_id: [u8; 16],
    /// The part of the resource: `value`, `overview`, `row`.
    pub field: &'a str,
    /// The version that stands in clear before the envelope.
    pub row_version: u64,
}

/// Why a record cannot be sealed or opened. Never carries bytes of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// No key with this id is at hand.
    #[error("the key {} is not available", data_encoding::HEXLOWER.encode(.key_id))]
    KeyUnavailable { key_id: [u8; 16] },
    /// The bytes are no envelope of a known format.
    #[error("the record is no envelope of a known format")]
    Malformed,
    /// The record was changed, moved or damaged.
    #[error("the record does not open in its place: it was changed, moved or damaged")]
    Refused,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness,
}

/// What a keyed hash is for; each purpose has an independent random key, so hashes cannot be compared across purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HashPurpose {
    /// What a sync last wrote.
    Ownership,
    /// Index entries over what must not be readable.
    Index,
    /// Page tokens and other handles given out to callers.
    Cursor,
    /// Fingerprints of request bodies.
    Fingerprint,
}

/// The keys of one tenant: seals, opens and hashes under them.
pub trait TenantSealer: Send + Sync {
    /// Whose keys these are.
    fn tenant(&self) -> TenantUid;

    /// Seals `plaintext`; with `padded` its length shows only as a bucket (64 B, 256 B, 1 KiB, then steps of 1 KiB).
    ///
    /// # Errors
    /// [`SealError::Randomness`].
    fn seal(&self, context: &SealContext<'_>, plaintext: &[u8], padded: bool) -> Result<Vec<u8>, SealError>;

    /// Opens an envelope.
    ///
    /// # Errors
    /// [`SealError`] for every envelope that was not sealed by this tenant in this context.
    fn open(&self, context: &SealContext<'_>, envelope: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError>;

    /// HMAC-SHA-256 over the length-prefixed parts, under the present key of this purpose.
    fn hash(&self, purpose: HashPurpose, parts: &[&[u8]]) -> KeyedHash;

    /// Whether `expected` is the hash of these parts under the key that it names; compares in constant time.
    ///
    /// # Errors
    /// [`SealError::KeyUnavailable`] when that key is gone.
    fn hash_matches(&self, purpose: HashPurpose, parts: &[&[u8]], expected: &KeyedHash) -> Result<bool, SealError>;
}

/// The system's keys: makes and opens the keys of tenants.
pub trait SystemSealer: Send + Sync {
    /// The installation that these keys belong to.
    fn deployment(&self) -> DeploymentUid;

    /// Makes the keys of a new tenant, wrapped; what comes back is to be stored as it is.
    ///
    /// # Errors
    /// [`SealError::Randomness`].
    fn generate_tenant_keys(&self, tenant: TenantUid) -> Result<Vec<u8>, SealError>;

    /// Opens the stored keys of a tenant.
    ///
    /// # Errors
    /// [`SealError`] when they are not that tenant's, were changed, or their key is not available.
    fn open_tenant_keys(&self, tenant: TenantUid, wrapped: &[u8]) -> Result<Arc<dyn TenantSealer>, SealError>;
}
