//! A root key in a file of its own, outside the data directory, readable by nobody but the host's user.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{LocalRoot, RootKeyError};
use crate::crypto::key::KeyBytes;
use crate::crypto::random::SystemRandomness;

const KEY_BYTES: u64 = 32;

/// Reads the root key from `path`.
///
/// # Errors
/// [`RootKeyError`] unless it is a regular file of 32 bytes, owned by the user who runs this process, with mode 0400 or
/// 0600, not reached by a symbolic link, and outside `data_directory`.
pub fn open(path: &Path, data_directory: &Path) -> Result<LocalRoot, RootKeyError> {
    refuse_inside(path, data_directory).map_err(|error| error.into_refusal(path, false))?;
    // Without waiting, so that a pipe in the file's place cannot hold the start up.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP => RootKeyError::SymbolicLink { path: path.to_owned() },
        errno => RootKeyError::Open { path: path.to_owned(), source: errno.into() },
    })?;
    let mut file = File::from(file);
    refuse_unsafe(path, &file)?;
    let mut bytes = Zeroizing::new([0; KEY_BYTES as usize]);
    file.read_exact(bytes.as_mut_slice()).map_err(|source| RootKeyError::Open { path: path.to_owned(), source })?;
    LocalRoot::from_bytes(bytes.as_slice())
}

/// Checks the file that is open, not the name, which may mean another file by now.
fn refuse_unsafe(path: &Path, file: &File) -> Result<(), RootKeyError> {
    let path = || path.to_owned();
    let metadata = file.metadata().map_err(|source| RootKeyError::Open { path: path(), source })?;
    if !metadata.is_file() {
        return Err(RootKeyError::NotRegular { path: path() });
    }
    let expected = rustix::process::geteuid().as_raw();
    if metadata.uid() != expected {
        return Err(RootKeyError::OtherOwner { path: path(), owner: metadata.uid(), expected });
    }
    let mode = metadata.mode() & 0o7777;
    if !matches!(mode, 0o400 | 0o600) {
        return Err(RootKeyError::OpenToOthers { path: path(), mode });
    }
    if metadata.len() != KEY_BYTES {
        return Err(RootKeyError::WrongLength { path: path(), bytes: metadata.len() });
    }
    Ok(())
}

/// Makes a random root key in a new file at `path`, mode 0400, and its directory with mode 0700 where that is missing.
/// The file appears whole or not at all. Returns where it is, for the operator to keep a copy of.
///
/// # Errors
/// [`RootKeyError::Exists`] when something is there; otherwise [`RootKeyError`] when it cannot be made.
pub fn create(path: &Path, data_directory: &Path) -> Result<PathBuf, RootKeyError> {
    check_place(path, data_directory)?;
    let key = KeyBytes::generate(&SystemRandomness).map_err(RootKeyError::Generate)?;
    write_new(path, key.expose()).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => RootKeyError::Exists { path: path.to_owned() },
        _ => RootKeyError::Create { path: path.to_owned(), source },
    })?;
    fs::canonicalize(path).map_err(|source| RootKeyError::Create { path: path.to_owned(), source })
}

/// Whether [`create`] would take this place.
///
/// # Errors
/// [`RootKeyError::InsideDataDirectory`], or that it cannot be told.
pub fn check_place(path: &Path, data_directory: &Path) -> Result<(), RootKeyError> {
    refuse_inside(path, data_directory).map_err(|error| error.into_refusal(path, true))
}

fn write_new(path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let mut file = tempfile::Builder::new()
        .prefix(".keyferry-root-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(key)?;
    file.as_file().set_permissions(Permissions::from_mode(0o400))?;
    file.as_file().sync_all()?;
    file.persist_noclobber(&path).map_err(|error| error.error)?;
    // The name must be as durable as the file: sealed records without their root key are lost.
    File::open(directory)?.sync_all()
}

enum Misplaced {
    Inside { data_directory: PathBuf },
    Unresolved(io::Error),
}

impl Misplaced {
    fn into_refusal(self, path: &Path, is_new: bool) -> RootKeyError {
        let path = path.to_owned();
        match self {
            Self::Inside { data_directory } => RootKeyError::InsideDataDirectory { path, data_directory },
            Self::Unresolved(source) if is_new => RootKeyError::Create { path, source },
            Self::Unresolved(source) => RootKeyError::Open { path, source },
        }
    }
}

/// Compares real directories, so that neither `..` nor a linked directory hides where the key lies.
fn refuse_inside(path: &Path, data_directory: &Path) -> Result<(), Misplaced> {
    let directory = std::path::absolute(path).map_err(Misplaced::Unresolved)?;
    let directory = resolved(directory.parent().unwrap_or(Path::new("/"))).map_err(Misplaced::Unresolved)?;
    let data_directory = resolved(data_directory).map_err(Misplaced::Unresolved)?;
    if directory.starts_with(&data_directory) { Err(Misplaced::Inside { data_directory }) } else { Ok(()) }
}

/// The path with every link that exists already followed.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    for ancestor in path.ancestors() {
        match ancestor.canonicalize() {
            Ok(real) => {
                let missing = path.strip_prefix(ancestor).expect("an ancestor is a prefix");
                return Ok(if missing.as_os_str().is_empty() { real } else { real.join(missing) });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::domain::id::DeploymentUid;
    use crate::ports::root::RootProvider;

    /// A directory with a `data` directory and a place for the key.
    struct Place {
        root: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir(root.path().join("data")).unwrap();
            Self { root }
        }

        fn data(&self) -> PathBuf {
            self.root.path().join("data")
        }

        fn key(&self) -> PathBuf {
            self.root.path().join("keys/root.key")
        }

        fn write(&self, bytes: &[u8], mode: u32) -> PathBuf {
            let path = self.key();
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    fn sound_key() -> Vec<u8> {
        (0..32).collect()
    }

    #[test]
    fn a_new_key_is_private_random_and_opens_again() {
        let place = Place::new();
        let path = create(&place.key(), &place.data()).unwrap();
        assert_eq!(path, place.key().canonicalize().unwrap());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o400);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);

        let other = create(&place.root.path().join("other.key"), &place.data()).unwrap();
        let check_value =
            |path: &Path| open(path, &place.data()).unwrap().key_check_value(DeploymentUid::from_bytes([1; 16]));
        assert_eq!(check_value(&path), check_value(&path));
        assert_ne!(check_value(&path), check_value(&other));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_key_that_is_there_is_never_overwritten() {
        let place = Place::new();
        let path = place.write(&sound_key(), 0o600);
        assert!(matches!(create(&path, &place.data()), Err(RootKeyError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), sound_key());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_key_that_others_could_read_is_refused() {
        for (mode, expect) in [
            (0o400, true),
            (0o600, true),
            (0o440, false),
            (0o604, false),
            (0o660, false),
            (0o700, false),
            (0o4600, false),
            (0o200, false),
        ] {
            let place = Place::new();
            let path = place.write(&sound_key(), mode);
            let opened = open(&path, &place.data());
            assert_eq!(opened.is_ok(), expect, "{mode:o}");
        }
    }

    #[test]
    fn a_file_of_another_length_is_refused() {
        for length in [0u64, 31, 33, 64] {
            let place = Place::new();
            let path = place.write(&vec![7; length as usize], 0o600);
            let refusal = open(&path, &place.data()).expect_err("not 32 bytes");
            assert!(matches!(refusal, RootKeyError::WrongLength { bytes, .. } if bytes == length), "{refusal}");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let place = Place::new();
        let directory = place.root.path().join("directory");
        fs::create_dir(&directory).unwrap();
        assert!(matches!(open(&directory, &place.data()), Err(RootKeyError::NotRegular { .. })));

        let link = place.root.path().join("link");
        symlink(place.write(&sound_key(), 0o600), &link).unwrap();
        assert!(matches!(open(&link, &place.data()), Err(RootKeyError::SymbolicLink { .. })));

        let socket = place.root.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(open(&socket, &place.data()).is_err());
        assert!(matches!(open(&place.root.path().join("none"), &place.data()), Err(RootKeyError::Open { .. })));
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        let place = Place::new();
        // Root can give its file away; anybody else finds one of root's.
        let path = if rustix::process::geteuid().is_root() {
            let path = place.write(&sound_key(), 0o400);
            std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
            path
        } else {
            PathBuf::from("/etc/passwd")
        };
        assert!(matches!(open(&path, &place.data()), Err(RootKeyError::OtherOwner { .. })));
    }

    #[test]
    fn a_key_inside_the_data_directory_is_refused_however_it_is_named() {
        let place = Place::new();
        let inside = place.data().join("root.key");
        assert!(matches!(create(&inside, &place.data()), Err(RootKeyError::InsideDataDirectory { .. })));
        assert!(!inside.exists());

        fs::write(&inside, sound_key()).unwrap();
        fs::set_permissions(&inside, Permissions::from_mode(0o600)).unwrap();
        let alias = place.root.path().join("alias");
        symlink(place.data(), &alias).unwrap();
        for path in [inside.clone(), alias.join("root.key"), place.data().join("../data/root.key")] {
            assert!(matches!(open(&path, &place.data()), Err(RootKeyError::InsideDataDirectory { .. })), "{path:?}");
            assert!(matches!(open(&path, &alias), Err(RootKeyError::InsideDataDirectory { .. })), "{path:?}");
        }
        let missing_data = place.root.path().join("keys/data");
        assert!(matches!(
            create(&missing_data.join("deep/root.key"), &missing_data),
            Err(RootKeyError::InsideDataDirectory { .. })
        ));
    }

    #[test]
    fn a_name_that_begins_like_the_data_directory_is_not_inside_it() {
        let place = Place::new();
        assert!(create(&place.root.path().join("data-keys/root.key"), &place.data()).is_ok());
    }
}
