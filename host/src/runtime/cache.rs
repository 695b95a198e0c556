//! Compiled code on disk. Whoever can change an entry runs native code in the host, so every entry carries an HMAC under a key
//! that never lies beside it, is checked on the very bytes that are loaded, and is otherwise treated as absent.

use std::ffi::OsStr;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::fs::{self, AtFlags, Mode, OFlags};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

use super::artifact::TrustedArtifact;
use super::options::CodeCacheOptions;
use crate::domain::Secret;
use crate::domain::id::Digest;

const MAC_BYTES: usize = 32;
/// Greater entries are not ours.
const ENTRY_BYTES_MAX: u64 = 512 << 20;
/// Entries kept; the oldest give way. One per version of a plugin and build of the host.
const ENTRIES_MAX: usize = 256;
/// Separates this use of the key from every other.
const PURPOSE: &[u8] = b"keyferry compiled code 1\0";

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The directory could not be made or opened.
    #[error("the directory of compiled code could not be opened")]
    Open(#[source] io::Error),
    /// It belongs to someone else, or others may write to it.
    #[error("the directory of compiled code must belong to this user alone, with mode 0700")]
    NotPrivate,
}

/// The directory of compiled code, for one engine.
pub(crate) struct CodeCache {
    directory: OwnedFd,
    key: Secret<[u8; 32]>,
    /// The compiler's version and settings and the processor's features.
    engine: [u8; 32],
}

impl CodeCache {
    pub(crate) fn open(options: CodeCacheOptions, engine: &Engine) -> Result<Self, CacheError> {
        let directory = open_private(&options.directory)?;
        Ok(Self { directory, key: options.key, engine: fingerprint(engine) })
    }

    /// The artifact of a component, if a whole and authentic one is there.
    pub(crate) fn read(&self, digest: &Digest) -> Option<TrustedArtifact> {
        let name = self.name(digest);
        let mut entry = match self.read_entry(&name) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(plugin.digest = %digest, %error, "an entry of compiled code could not be read");
                return None;
            }
        };
        if !self.is_authentic(&name, &entry) {
            tracing::warn!(plugin.digest = %digest, "an entry of compiled code is not authentic; it is made anew");
            return None;
        }
        entry.drain(..MAC_BYTES);
        Some(TrustedArtifact::vouched_for(entry))
    }

    /// Keeps an artifact. A failure costs only the next start its time, so it is logged and forgotten.
    pub(crate) fn write(&self, digest: &Digest, artifact: &TrustedArtifact) {
        let name = self.name(digest);
        if let Err(error) = self.write_entry(&name, artifact.bytes()).and_then(|()| self.prune()) {
            tracing::warn!(plugin.digest = %digest, %error, "compiled code could not be kept");
        }
    }

    fn name(&self, digest: &Digest) -> String {
        let mut hash = Sha256::new();
        hash.update(digest.as_bytes());
        hash.update(self.engine);
        format!("{}.cwasm", data_encoding::HEXLOWER.encode(&hash.finalize()))
    }

    fn mac(&self, name: &str, artifact: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose()).expect("HMAC takes keys of any length");
        mac.update(PURPOSE);
        // An entry moved to another component's name is foreign there.
        mac.update(name.as_bytes());
        mac.update(artifact);
        mac
    }

    fn is_authentic(&self, name: &str, entry: &[u8]) -> bool {
        entry
            .split_at_checked(MAC_BYTES)
            .is_some_and(|(mac, artifact)| self.mac(name, artifact).verify_slice(mac).is_ok())
    }

    fn read_entry(&self, name: &str) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(fs::openat(&self.directory, name, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > ENTRY_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the entry is no file of a sensible size"));
        }
        let mut entry = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
        file.take(ENTRY_BYTES_MAX).read_to_end(&mut entry)?;
        Ok(entry)
    }

    /// Written beside and renamed into place, so that no reader sees half an entry.
    fn write_entry(&self, name: &str, artifact: &[u8]) -> io::Result<()> {
        let temporary = format!("{}.tmp", uuid::Uuid::new_v4().simple());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(fs::openat(&self.directory, &temporary, flags, Mode::RUSR | Mode::WUSR)?);
        let written = file
            .write_all(&self.mac(name, artifact).finalize().into_bytes())
            .and_then(|()| file.write_all(artifact))
            .and_then(|()| Ok(fs::renameat(&self.directory, &temporary, &self.directory, name)?));
        if written.is_err() {
            // Nothing better can be done about a leftover.
            fs::unlinkat(&self.directory, &temporary, AtFlags::empty()).ok();
        }
        written
    }

    fn prune(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::Dir::read_from(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name().to_owned();
            let is_file = fs::FileType::from_raw_mode(0o100_644) == entry.file_type();
            if is_file {
                let modified = fs::statat(&self.directory, &name, AtFlags::SYMLINK_NOFOLLOW)?.st_mtime;
                entries.push((modified, name));
            }
        }
        entries.sort_unstable();
        let surplus = entries.len().saturating_sub(ENTRIES_MAX);
        for (_, name) in entries.into_iter().take(surplus) {
            fs::unlinkat(&self.directory, &name, AtFlags::empty())?;
        }
        Ok(())
    }
}

fn open_private(path: &Path) -> Result<OwnedFd, CacheError> {
    if let Some(parent) = path.parent().filter(|parent| parent.as_os_str() != OsStr::new("")) {
        std::fs::create_dir_all(parent).map_err(CacheError::Open)?;
    }
    match fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(CacheError::Open(error.into())),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = fs::open(path, flags, Mode::empty()).map_err(|error| CacheError::Open(error.into()))?;
    let stat = fs::fstat(&directory).map_err(|error| CacheError::Open(error.into()))?;
    let is_ours = stat.st_uid == rustix::process::geteuid().as_raw();
    let is_private = Mode::from_raw_mode(stat.st_mode).intersection(Mode::RWXG | Mode::RWXO).is_empty();
    if is_ours && is_private { Ok(directory) } else { Err(CacheError::NotPrivate) }
}

/// What code of this engine fits: two engines with the same fingerprint load each other's artifacts.
fn fingerprint(engine: &Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// `Hash` into SHA-256; the standard hasher promises no stability and too few bits for a name.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(std::array::from_fn(|index| digest[index]))
    }
}

#[cfg(test)]
mod tests;
