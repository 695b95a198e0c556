//! What a build may be told, and what it takes from the environment when it is not told.

use std::env;
use std::path::{Path, PathBuf};

/// Names the folder with the sources of the target's standard library.
const SOURCES_VARIABLE: &str = "KEYFERRY_TOOLCHAIN_SOURCES";
/// Names the folder that keeps what was built or fetched once.
const CACHE_VARIABLE: &str = "KEYFERRY_CACHE_DIR";

/// How to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// A folder with `rust-<version>-library.tar.xz` and `wasi-libc-wasip2.tar.xz`, for machines without a network.
    pub toolchain_sources: Option<PathBuf>,
    /// Keeps a privately built standard library, per compiler.
    pub cache_dir: PathBuf,
    /// Where cargo builds. `None`: the folder `plugins` in the target folder of the plugin's workspace.
    pub target_dir: Option<PathBuf>,
    /// cargo's home, whose path must not end up in a plugin.
    pub cargo_home: Option<PathBuf>,
    /// Whether `rustup target add` may be tried.
    pub rustup: bool,
    /// Whether Debian's mirror may be tried.
    pub debian: bool,
}

impl Options {
    /// Reads `KEYFERRY_TOOLCHAIN_SOURCES`, `KEYFERRY_CACHE_DIR` (else `$XDG_CACHE_HOME/keyferry`, else
    /// `~/.cache/keyferry`), `CARGO_TARGET_DIR` and `CARGO_HOME`.
    #[must_use]
    pub fn from_environment() -> Self {
        let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = path("HOME");
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let user_cache = path("XDG_CACHE_HOME").or_else(|| in_home(".cache"));
        Self {
            toolchain_sources: path(SOURCES_VARIABLE),
            cache_dir: path(CACHE_VARIABLE)
                .or_else(|| user_cache.map(|cache| cache.join("keyferry")))
                .unwrap_or_else(|| env::temp_dir().join("keyferry-cache")),
            target_dir: path("CARGO_TARGET_DIR").map(|target| target.join("plugins")),
            cargo_home: path("CARGO_HOME").or_else(|| in_home(".cargo")),
            rustup: true,
            debian: true,
        }
    }

    /// Where plugins of the workspace at `root` are built.
    pub(super) fn target_dir_for(&self, root: &Path) -> PathBuf {
        self.target_dir.clone().unwrap_or_else(|| root.join("target").join("plugins"))
    }
}
