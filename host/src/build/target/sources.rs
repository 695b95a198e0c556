//! The library sources of one compiler, and the C library for the target, unpacked for a build.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::files::{create_dir, entries};
use crate::build::process::{command, stdout_of};
use crate::build::target::Toolchain;
use crate::build::{Error, Result};

/// Unpacking reads some ten thousand small files at most.
const UNPACK_LIMIT: Duration = Duration::from_secs(180);

/// The files of wasi-libc that rustc links every component with.
pub(super) const LIBC_FILES: [&str; 3] = ["crt1-command.o", "crt1-reactor.o", "libc.a"];

/// Unpacked sources, in a folder of their own.
#[derive(Debug)]
pub(super) struct Sources {
    folder: PathBuf,
    /// Rust's `library` folder.
    pub(super) library: PathBuf,
    /// Holds [`LIBC_FILES`] for the target.
    pub(super) libc: PathBuf,
}

impl Sources {
    /// Finds what is needed in what was unpacked to `folder`.
    pub(super) fn find(folder: PathBuf) -> Result<Self> {
        let library = find(&folder, &|path| path.ends_with("library") && path.join("sysroot/Cargo.toml").is_file());
        // The package has this library for other targets too, in folders beside it.
        let libc = find(&folder, &|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().replace('-', "");
            name.contains("wasip2") && LIBC_FILES.iter().all(|file| path.join(file).is_file())
        });
        let missing = |what: &str| Error::NoSources(format!("what was unpacked has no {what}"));
        Ok(Self {
            library: library.ok_or_else(|| missing("`library/sysroot/Cargo.toml`"))?,
            libc: libc.ok_or_else(|| missing("wasi-libc for wasip2"))?,
            folder,
        })
    }

    /// Removes them once they are built.
    pub(super) fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.folder).map_err(Error::file("remove", &self.folder))
    }
}

/// Unpacks the two archives of `given` below `work`.
pub(super) async fn from_archives(given: &Path, toolchain: &Toolchain, work: &Path) -> Result<Sources> {
    let archives = [format!("rust-{}-library.tar.xz", toolchain.release), "wasi-libc-wasip2.tar.xz".to_owned()];
    let missing: Vec<_> =
        archives.iter().filter(|name| !given.join(name).is_file()).map(|name| format!("`{name}`")).collect();
    if !missing.is_empty() {
        return Err(Error::NoSources(format!("the folder has no {}", missing.join(" and no "))));
    }
    let folder = work.join("sources");
    for name in archives {
        unpack(&given.join(name), &folder, &[]).await?;
    }
    Sources::find(folder)
}

/// Unpacks a tar archive of any compression, or only `members` of it.
pub(super) async fn unpack(archive: &Path, folder: &Path, members: &[&OsStr]) -> Result<()> {
    create_dir(folder)?;
    let mut tar = command("tar");
    tar.arg("--extract")
        .arg("--no-same-owner")
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(folder)
        .arg("--")
        .args(members);
    stdout_of(&mut tar, UNPACK_LIMIT).await.map(drop)
}

/// The nearest folder that is wanted, by breadth: a vendored copy deeper down is never taken for the real one.
fn find(root: &Path, is_wanted: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut level = vec![root.to_owned()];
    while !level.is_empty() {
        if let Some(found) = level.iter().find(|path| is_wanted(path)) {
            return Some(found.clone());
        }
        let below = level.iter().filter_map(|path| entries(path).ok()).flatten();
        level = below.filter(|path| path.is_dir() && !path.is_symlink()).collect();
    }
    None
}
