//! Files as a build needs them: locks between processes, and folders that appear whole or not at all.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Error, Result};

/// Held while one process works on something that others would work on too. Dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock is held as long as the file is open")] File);

impl Lock {
    /// Waits for its turn. The file stays behind, empty: removing it would let two processes hold two files of one name.
    pub(super) async fn acquire(path: PathBuf) -> Result<Self> {
        tokio::task::spawn_blocking(move || {
            if let Some(parent) = path.parent() {
                create_dir(parent)?;
            }
            let file = File::options().create(true).append(true).open(&path).map_err(Error::file("open", &path))?;
            file.lock().map_err(Error::file("lock", &path))?;
            Ok(Self(file))
        })
        .await
        .expect("taking a lock does not panic")
    }
}

/// Makes a folder and those above it.
pub(super) fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::file("create", path))
}

/// Reads a whole file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::file("read", path))
}

/// Reads a text file.
pub(super) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(Error::file("read", path))
}

/// Writes a file that readers see whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    create_dir(parent)?;
    let readable = fs::Permissions::from_mode(0o644);
    let part = tempfile::Builder::new().permissions(readable).tempfile_in(parent);
    let mut part = part.map_err(Error::file("create a file in", parent))?;
    std::io::Write::write_all(&mut part, bytes).map_err(Error::file("write", path))?;
    part.persist(path).map_err(|error| error.error).map_err(Error::file("write", path))?;
    Ok(())
}

/// A folder beside `place` that becomes `place` with [`Staging::publish`], and otherwise vanishes. Whoever makes one holds
/// the lock of `place`, so what a killed predecessor left behind is removed first.
pub(super) struct Staging {
    folder: tempfile::TempDir,
    place: PathBuf,
}

impl Staging {
    pub(super) fn new(place: PathBuf) -> Result<Self> {
        let parent = place.parent().unwrap_or(Path::new("."));
        create_dir(parent)?;
        let prefix = format!(".part-{}-", place.file_name().unwrap_or_default().display());
        for path in entries(parent)? {
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)) {
                fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
            }
        }
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(parent)
            .map_err(Error::file("create a folder in", parent))?;
        Ok(Self { folder, place })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn publish(self) -> Result<PathBuf> {
        // A temporary folder is for its owner alone; what it becomes is for whoever may read the cache.
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755))
            .map_err(Error::file("open up", self.folder.path()))?;
        fs::rename(self.folder.path(), &self.place).map_err(Error::file("create", &self.place))?;
        let _ = self.folder.keep();
        Ok(self.place)
    }
}

/// The names in a folder, in order.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>())
        .map_err(Error::file("list", folder))?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    #[test]
    fn unpublished_folder_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let staging = Staging::new(root.path().join("cache/place")).unwrap();
        fs::write(staging.path().join("half"), "x").unwrap();
        drop(staging);
        assert_eq!(entries(&root.path().join("cache")).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn what_a_killed_predecessor_left_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let _ = Staging::new(root.path().join("place")).unwrap().folder.keep();
        let other = Staging::new(root.path().join("other")).unwrap();
        let staging = Staging::new(root.path().join("place")).unwrap();
        assert_eq!(entries(root.path()).unwrap().len(), 2, "both live ones, and no third");
        assert!(other.path().is_dir() && staging.path().is_dir());
    }

    #[test]
    fn published_folder_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let staging = Staging::new(root.path().join("place")).unwrap();
        fs::write(staging.path().join("file"), "x").unwrap();
        let place = staging.publish().unwrap();
        assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "x");
        assert_eq!(entries(root.path()).unwrap(), vec![place]);
    }

    #[tokio::test]
    async fn second_lock_waits_for_the_first() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("lock");
        let first = Lock::acquire(path.clone()).await.unwrap();
        let mut second = std::pin::pin!(Lock::acquire(path.clone()));
        let is_pending = std::future::poll_fn(|context| Poll::Ready(second.as_mut().poll(context).is_pending()));
        assert!(is_pending.await);
        assert!(File::open(&path).unwrap().try_lock().is_err());
        drop(first);
        second.await.unwrap();
    }
}
