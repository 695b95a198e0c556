//! Installed plugins, their versions, and the components in sealed pieces.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::transaction::{Records, Transaction, View};
use super::{Key, Kind, Record, RecordError};
use crate::domain::id::{Digest, IdentityUid};
use crate::domain::name::Slug;
use crate::domain::plugin::{Grants, Limits};
use crate::domain::plugin_version::PluginVersion;
use crate::domain::{Code, Error, Result, Timestamp};
use crate::transact;

/// The size of one piece of a component, in bytes.
const CHUNK_BYTES: usize = 512 << 10;
/// How many pieces are written in one batch.
const CHUNKS_PER_BATCH: usize = 8;
const CHUNKS_MAX: usize = Limits::COMPONENT_BYTES_MAX / CHUNK_BYTES + 1;

/// A plugin and the history of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginRecord {
    pub id: Slug,
    /// The version that calls go to.
    pub active: Option<PluginVersion>,
    /// Whether an administrator stopped it; `active` is what it comes back with.
    pub disabled: bool,
    /// Every version that was ever installed, in the order of installation: a version never means another component.
    pub versions: Vec<VersionEntry>,
    /// Versions in the order of their activation, each once, the latest last.
    pub activations: Vec<PluginVersion>,
    pub installed_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(PluginRecord, Plugin);

/// What can change of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionEntry {
    pub version: PluginVersion,
    pub digest: Digest,
    /// Whether component and metadata are still there.
    pub kept: bool,
    /// `None`: not reviewed yet.
    pub grants: Option<Grants>,
    /// Since when it is known to break down often.
    pub degraded_since: Option<Timestamp>,
    pub installed_at: Timestamp,
    pub installed_by: IdentityUid,
}

impl PluginRecord {
    /// The entry of a version that is still kept.
    #[must_use]
    pub fn kept(&self, version: &PluginVersion) -> Option<&VersionEntry> {
        self.versions.iter().find(|entry| entry.version == *version && entry.kept)
    }

    /// As [`PluginRecord::kept`], to change it.
    pub fn kept_mut(&mut self, version: &PluginVersion) -> Option<&mut VersionEntry> {
        self.versions.iter_mut().find(|entry| entry.version == *version && entry.kept)
    }

    /// The version that calls go to now.
    #[must_use]
    pub fn running(&self) -> Option<&VersionEntry> {
        self.active.as_ref().filter(|_| !self.disabled).and_then(|version| self.kept(version))
    }
}

/// What never changes of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionRecord {
    pub plugin: Slug,
    pub version: PluginVersion,
    pub digest: Digest,
    pub component_bytes: u64,
    pub has_destination: bool,
    pub imports: Vec<String>,
    /// The document that `describe` returned.
    pub metadata: String,
}

crate::json_record!(VersionRecord, PluginVersion);

/// A piece of a component.
struct Chunk(Vec<u8>);

impl Record for Chunk {
    const KIND: Kind = Kind::ComponentChunk;

    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        Ok(Zeroizing::new(self.0.clone()))
    }

    fn decode(version: u8, bytes: &[u8]) -> Result<Self, RecordError> {
        if version == 1 { Ok(Self(bytes.to_vec())) } else { Err(RecordError::Encoding { kind: Self::KIND }) }
    }
}

/// The key of a plugin.
#[must_use]
pub fn key(id: &Slug) -> Key {
    Key::system(Kind::Plugin).text(id.as_str())
}

fn version_key(id: &Slug, version: &PluginVersion) -> Key {
    Key::system(Kind::PluginVersion).text(id.as_str()).text(version.as_str())
}

fn chunks(digest: Digest) -> Key {
    Key::system(Kind::ComponentChunk).bytes(digest.as_bytes())
}

/// A plugin.
///
/// # Errors
/// As [`View::get`].
pub async fn read(view: &View, id: &Slug) -> Result<Option<PluginRecord>> {
    view.get(&key(id)).await
}

/// Whether a plugin has this id, running or not; held until commit.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn is_installed(tx: &mut Transaction, id: &Slug) -> Result<bool> {
    Ok(tx.get::<PluginRecord>(&key(id)).await?.is_some())
}

/// At most `limit` plugins in the order of their ids.
///
/// # Errors
/// As [`View::get`].
pub async fn list(view: &View, limit: usize) -> Result<Vec<PluginRecord>> {
    let found = view.scan::<PluginRecord>(&Key::system(Kind::Plugin), None, limit).await?;
    Ok(found.into_iter().map(|(_, record)| record).collect())
}

/// One version of a plugin.
///
/// # Errors
/// As [`View::get`].
pub async fn read_version(view: &View, id: &Slug, version: &PluginVersion) -> Result<Option<VersionRecord>> {
    view.get(&version_key(id, version)).await
}

/// Writes a version.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn write_version(tx: &mut Transaction, record: &VersionRecord) -> Result<()> {
    tx.put(&version_key(&record.plugin, &record.version), record).await
}

/// Removes a version. Its component goes with [`remove_component`].
pub fn remove_version(tx: &mut Transaction, id: &Slug, version: &PluginVersion) {
    tx.delete(&version_key(id, version));
}

/// Stores a component under its digest. Several batches: what a crash leaves behind is completed by the next upload.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn write_component(records: &Records, digest: Digest, component: &[u8]) -> Result<()> {
    let pieces: Vec<&[u8]> = component.chunks(CHUNK_BYTES).collect();
    for (batch, group) in pieces.chunks(CHUNKS_PER_BATCH).enumerate() {
        transact!(records, |tx| {
            for (offset, piece) in group.iter().enumerate() {
                let number = (batch * CHUNKS_PER_BATCH + offset) as u64;
                tx.put(&chunks(digest).number(number), &Chunk(piece.to_vec())).await?;
            }
        });
    }
    Ok(())
}

/// The component with this digest, checked against it.
///
/// # Errors
/// `record_unreadable` when it is missing, incomplete or another one; else as [`View::get`].
pub async fn read_component(view: &View, digest: Digest) -> Result<Vec<u8>> {
    let pieces = view.scan::<Chunk>(&chunks(digest), None, CHUNKS_MAX).await?;
    let component: Vec<u8> = pieces.into_iter().flat_map(|(_, chunk)| chunk.0).collect();
    if digest_of(&component) != digest {
        return Err(Error::new(Code::RecordUnreadable, "a stored component is not the one that was installed"));
    }
    Ok(component)
}

/// Removes a component.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn remove_component(records: &Records, digest: Digest) -> Result<()> {
    let view = records.view().await?;
    let keys: Vec<Key> =
        view.scan::<Chunk>(&chunks(digest), None, CHUNKS_MAX).await?.into_iter().map(|(key, _)| key).collect();
    transact!(records, |tx| keys.iter().for_each(|key| tx.delete(key)));
    Ok(())
}

/// SHA-256 of a component.
#[must_use]
pub fn digest_of(component: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(component).into())
}
