//! Tells whether a plugin has changed since it was built, from file contents alone: neither cargo nor the clock is asked.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{entries, read};
use super::manifest::Manifest;
use super::target::Toolchain;
use super::{Result, component};

/// Kept beside a built plugin.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Of the compiler, the profile and all sources, as they were before the build.
    pub(super) inputs: String,
    /// Of the lock file, which the build itself may have written.
    pub(super) lock: String,
    /// Of the plugin.
    pub(super) digest: String,
}

/// The digest of everything that a build of this plugin reads, but for the lock file.
pub(super) fn inputs(manifest: &Manifest, toolchain: &Toolchain) -> Result<String> {
    let mut hash = Sha256::new();
    let mut add = |name: &str, bytes: &[u8]| {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add("rustc", toolchain.verbose_version.as_bytes());
    add("profile", manifest.profile.as_bytes());
    for name in ["Cargo.toml", ".cargo/config.toml"] {
        if let Ok(bytes) = read(&manifest.root.join(name)) {
            add(name, &bytes);
        }
    }
    for folder in &manifest.sources {
        for path in files_below(folder)? {
            add(&path.to_string_lossy(), &read(&path)?);
        }
    }
    Ok(data_encoding::HEXLOWER.encode(&hash.finalize()))
}

/// The digest of the workspace's lock file, or of nothing when there is none yet.
pub(super) fn lock(manifest: &Manifest) -> String {
    component::digest(&read(&manifest.root.join("Cargo.lock")).unwrap_or_default())
}

/// All files of a package, in order: what is hidden, built or a package of its own is none of it, nor is the lock file.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || name == "target" || name == "Cargo.lock" {
                continue;
            }
            if path.is_file() {
                files.push(path);
            } else if path.is_dir() && !path.is_symlink() && !path.join("Cargo.toml").is_file() {
                folders.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn toolchain(verbose_version: &str) -> Toolchain {
        let text = |text: &str| text.to_owned();
        Toolchain { verbose_version: text(verbose_version), release: text("1"), host: text("h"), sysroot: "/".into() }
    }

    #[test]
    fn every_input_counts_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("Cargo.toml", "[package]\nname = 'acme'\n[lib]\ncrate-type = ['cdylib']\n");
        write("src/lib.rs", "one");
        let now = |compiler: &str| inputs(&Manifest::read(root.path()).unwrap(), &toolchain(compiler)).unwrap();
        let first = now("1.95");
        assert_ne!(first, now("1.96"), "the compiler counts");
        for irrelevant in ["target/x", ".git/x", "Cargo.lock", ".hidden/x", "inner/Cargo.toml", "inner/src/lib.rs"] {
            write(irrelevant, "x");
        }
        assert_eq!(first, now("1.95"));
        for relevant in ["src/lib.rs", "src/deep/new.rs", "build.rs", "fixtures/x.json", ".cargo/config.toml"] {
            let before = now("1.95");
            write(relevant, "two");
            assert_ne!(before, now("1.95"), "{relevant} counts");
        }
    }
}
