//! Rows: how a record becomes stored bytes.
//!
//! Stored value = codec `u8` | row version `u64`, big-endian | payload. Codec 0: the payload is in clear (index entries,
//! markers, wrapped keys). Codec 1: the payload is an envelope over encoding version `u8` | the record. Codec 2, appended
//! rows: a UUIDv7 of the row's own stands before the envelope, which is bound to it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::key::{Key, Kind};
use crate::domain::{Code, Error, Version};
use crate::ports::sealer::{SealContext, SealError, TenantSealer};

const CODEC_CLEAR: u8 = 0;
const CODEC_SEALED: u8 = 1;
const CODEC_APPENDED: u8 = 2;
/// Codec and row version.
const HEAD_BYTES: usize = 9;

/// A kind of record: its place and its encoding.
pub trait Record: Sized {
    /// The kind in the key and in the sealing context.
    const KIND: Kind;
    /// The version of the encoding that this build writes.
    const VERSION: u8 = 1;
    /// Whether the length is hidden in a bucket: for values.
    const PADDED: bool = false;

    /// The record as bytes of [`Record::VERSION`].
    ///
    /// # Errors
    /// [`RecordError::Encoding`].
    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, RecordError>;

    /// Reads bytes of any version that was ever written.
    ///
    /// # Errors
    /// [`RecordError::Encoding`], also for a version that a later build wrote.
    fn decode(version: u8, bytes: &[u8]) -> Result<Self, RecordError>;
}

/// Encodes as JSON; for [`Record::encode`].
///
/// # Errors
/// [`RecordError::Encoding`].
pub fn to_json<T: Serialize>(kind: Kind, record: &T) -> Result<Zeroizing<Vec<u8>>, RecordError> {
    serde_json::to_vec(record).map(Zeroizing::new).map_err(|_| RecordError::Encoding { kind })
}

/// Decodes JSON of version 1; for [`Record::decode`] of records that have had no other.
///
/// # Errors
/// [`RecordError::Encoding`]; the cause is dropped, since it could quote the record.
pub fn from_json<T: DeserializeOwned>(kind: Kind, version: u8, bytes: &[u8]) -> Result<T, RecordError> {
    if version != 1 {
        return Err(RecordError::Encoding { kind });
    }
    serde_json::from_slice(bytes).map_err(|_| RecordError::Encoding { kind })
}

/// Implements [`Record`] as JSON, version 1.
#[macro_export]
macro_rules! json_record {
    ($type:ty, $kind:ident) => {
        impl $crate::records::Record for $type {
            const KIND: $crate::records::Kind = $crate::records::Kind::$kind;

            fn encode(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, $crate::records::RecordError> {
                $crate::records::row::to_json(Self::KIND, self)
            }

            fn decode(version: u8, bytes: &[u8]) -> Result<Self, $crate::records::RecordError> {
                $crate::records::row::from_json(Self::KIND, version, bytes)
            }
        }
    };
}

/// Why a row cannot be written or read. Carries nothing of the row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    #[error("a `{}` record is not of a known encoding", .kind.text())]
    Encoding { kind: Kind },
    #[error("a `{}` row is cut short or has an unknown codec", .kind.text())]
    Malformed { kind: Kind },
    #[error("a `{}` record could not be sealed or opened", .kind.text())]
    Sealing {
        kind: Kind,
        #[source]
        source: SealError,
    },
}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        let code = match &error {
            RecordError::Sealing { source: SealError::KeyUnavailable { .. }, .. } => Code::KeyUnavailable,
            RecordError::Sealing { source: SealError::Randomness, .. } => Code::Unavailable,
            _ => Code::RecordUnreadable,
        };
        Self::new(code, "a stored record cannot be used; the host's log has the cause").with_source(error)
    }
}

fn context(kind: Kind, resource_id: [u8; 16], row_version: u64) -> SealContext<'static> {
    SealContext { kind: kind.text(), resource_id, field: "row", row_version }
}

fn sealed<R: Record>(sealer: &dyn TenantSealer, context: &SealContext<'_>, record: &R) -> Result<Vec<u8>, RecordError> {
    let body = record.encode()?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(body.len() + 1));
    plaintext.push(R::VERSION);
    plaintext.extend_from_slice(&body);
    sealer.seal(context, &plaintext, R::PADDED).map_err(|source| RecordError::Sealing { kind: R::KIND, source })
}

fn opened<R: Record>(sealer: &dyn TenantSealer, context: &SealContext<'_>, envelope: &[u8]) -> Result<R, RecordError> {
    let plaintext = sealer.open(context, envelope).map_err(|source| RecordError::Sealing { kind: R::KIND, source })?;
    let (version, body) = plaintext.split_first().ok_or(RecordError::Malformed { kind: R::KIND })?;
    R::decode(*version, body)
}

fn head(codec: u8, version: u64, payload_bytes: usize) -> Vec<u8> {
    let mut stored = Vec::with_capacity(HEAD_BYTES + payload_bytes);
    stored.push(codec);
    stored.extend_from_slice(&version.to_be_bytes());
    stored
}

fn split(kind: Kind, stored: &[u8]) -> Result<(u8, u64, &[u8]), RecordError> {
    let malformed = || RecordError::Malformed { kind };
    let (codec, rest) = stored.split_first().ok_or_else(malformed)?;
    let (version, payload) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
    Ok((*codec, u64::from_be_bytes(*version), payload))
}

/// The row version that stands in clear.
pub(super) fn version_of(kind: Kind, stored: &[u8]) -> Result<u64, RecordError> {
    split(kind, stored).map(|(_, version, _)| version)
}

/// A sealed row.
pub(super) fn seal_row<R: Record>(
    sealer: &dyn TenantSealer,
    key: &Key,
    version: u64,
    record: &R,
) -> Result<Vec<u8>, RecordError> {
    let envelope = sealed(sealer, &context(R::KIND, key.resource_id(), version), record)?;
    let mut stored = head(CODEC_SEALED, version, envelope.len());
    stored.extend_from_slice(&envelope);
    Ok(stored)
}

/// Opens a sealed row.
pub(super) fn open_row<R: Record>(sealer: &dyn TenantSealer, key: &Key, stored: &[u8]) -> Result<R, RecordError> {
    let (codec, version, payload) = split(R::KIND, stored)?;
    if codec != CODEC_SEALED {
        return Err(RecordError::Malformed { kind: R::KIND });
    }
    opened(sealer, &context(R::KIND, key.resource_id(), version), payload)
}

/// An appended row: bound to an identity of its own, since its sequence is not known when it is sealed.
pub(super) fn seal_appended<R: Record>(sealer: &dyn TenantSealer, record: &R) -> Result<Vec<u8>, RecordError> {
    let id = *Uuid::now_v7().as_bytes();
    let envelope = sealed(sealer, &context(R::KIND, id, 1), record)?;
    let mut stored = head(CODEC_APPENDED, 1, id.len() + envelope.len());
    stored.extend_from_slice(&id);
    stored.extend_from_slice(&envelope);
    Ok(stored)
}

/// Opens an appended row.
pub(super) fn open_appended<R: Record>(sealer: &dyn TenantSealer, stored: &[u8]) -> Result<R, RecordError> {
    let malformed = || RecordError::Malformed { kind: R::KIND };
    let (codec, version, payload) = split(R::KIND, stored)?;
    let (id, envelope) = payload.split_first_chunk::<16>().ok_or_else(malformed)?;
    if codec != CODEC_APPENDED {
        return Err(malformed());
    }
    opened(sealer, &context(R::KIND, *id, version), envelope)
}

/// The version of a resource: a hash of its sealed row. Every sealing has a salt of its own, so that no two writes share a
/// version, not even of equal records under the same key.
pub(super) fn resource_version(stored: &[u8]) -> Version {
    let mut version = [0; 16];
    version.copy_from_slice(&Sha256::digest(stored)[..16]);
    Version::from_bytes(version)
}

/// A row in clear.
pub(super) fn clear_row(payload: &[u8]) -> Vec<u8> {
    let mut stored = head(CODEC_CLEAR, 0, payload.len());
    stored.extend_from_slice(payload);
    stored
}

/// The payload of a row in clear.
pub(super) fn open_clear(kind: Kind, stored: &[u8]) -> Result<&[u8], RecordError> {
    match split(kind, stored)? {
        (CODEC_CLEAR, _, payload) => Ok(payload),
        _ => Err(RecordError::Malformed { kind }),
    }
}
