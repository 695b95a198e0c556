//! What a build may be told, and what it takes from the environment when it is not told.

use std::env;
use std::path::{Path, PathBuf};

use super::component::digest;
use super::{Error, Result};

/// Names the folder with the sources of the target's standard library.
const SOURCES_VARIABLE: &str = "KEYFERRY_TOOLCHAIN_SOURCES";
/// Names the folder that keeps what was built or fetched once.
const CACHE_VARIABLE: &str = "KEYFERRY_CACHE_DIR";
/// Lists the ways to the target that may be tried, for instance `archives,debian` where toolchains are to stay as they are.
const WAYS_VARIABLE: &str = "KEYFERRY_TARGET_WAYS";

/// A way to the target when the toolchain lacks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `rustup target add`.
    Rustup,
    /// A private sysroot from the sources in [`Options::toolchain_sources`].
    Archives,
    /// A private sysroot from the sources on Debian's mirror.
    Debian,
}

impl Way {
    /// Every way, the quickest first.
    pub const ALL: [Self; 3] = [Self::Rustup, Self::Archives, Self::Debian];

    /// The name in `KEYFERRY_TARGET_WAYS`.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Rustup => "rustup",
            Self::Archives => "archives",
            Self::Debian => "debian",
        }
    }

    /// Reads a list as it stands in `KEYFERRY_TARGET_WAYS`.
    fn parse_list(list: &str) -> Result<Vec<Self>> {
        let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
        let way = |word: &str| Self::ALL.into_iter().find(|way| way.text() == word);
        let known = || Self::ALL.map(Self::text).join(", ");
        let unknown = |word: &str| Error::Setting {
            name: WAYS_VARIABLE,
            problem: format!("names `{word}`; there are: {}", known()),
        };
        words.map(|word| way(word).ok_or_else(|| unknown(word))).collect()
    }
}

/// How to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// A folder with `rust-<version>-library.tar.xz` and `wasi-libc-wasip2.tar.xz`, for machines without a network.
    pub toolchain_sources: Option<PathBuf>,
    /// Keeps a privately built standard library, per compiler.
    pub cache_dir: PathBuf,
    /// Where the plugins of one workspace are built. `None`: the folder `plugins` in the workspace's own target folder.
    pub target_dir: Option<PathBuf>,
    /// A target folder that many workspaces share; each gets a folder of its own in it.
    pub shared_target_dir: Option<PathBuf>,
    /// cargo's home, whose path must not end up in a plugin.
    pub cargo_home: Option<PathBuf>,
    /// The ways to the target that may be tried, in this order.
    pub ways: Vec<Way>,
}

impl Options {
    /// Reads `KEYFERRY_TOOLCHAIN_SOURCES`, `KEYFERRY_CACHE_DIR` (else `$XDG_CACHE_HOME/keyferry`, else
    /// `~/.cache/keyferry`), `KEYFERRY_TARGET_WAYS`, `CARGO_TARGET_DIR` and `CARGO_HOME`.
    ///
    /// # Errors
    /// [`Error::Setting`] when a variable cannot be understood.
    pub fn from_environment() -> Result<Self> {
        let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = path("HOME");
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let user_cache = path("XDG_CACHE_HOME").or_else(|| in_home(".cache"));
        let ways = env::var(WAYS_VARIABLE).map_or_else(|_| Ok(Way::ALL.to_vec()), |list| Way::parse_list(&list))?;
        Ok(Self {
            toolchain_sources: path(SOURCES_VARIABLE),
            cache_dir: path(CACHE_VARIABLE)
                .or_else(|| user_cache.map(|cache| cache.join("keyferry")))
                .unwrap_or_else(|| env::temp_dir().join("keyferry-cache")),
            target_dir: None,
            shared_target_dir: path("CARGO_TARGET_DIR"),
            cargo_home: path("CARGO_HOME").or_else(|| in_home(".cargo")),
            ways,
        })
    }

    /// Where plugins of the workspace at `root` are built.
    pub(super) fn target_dir_for(&self, root: &Path) -> PathBuf {
        if let Some(target_dir) = &self.target_dir {
            return target_dir.clone();
        }
        let Some(shared) = &self.shared_target_dir else { return root.join("target").join("plugins") };
        let key = digest(root.as_os_str().as_encoded_bytes());
        let name = root.file_name().unwrap_or_default().display();
        shared.join("plugins").join(format!("{name}-{}", key.get(..8).expect("a digest has 64 digits")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspaces_that_share_a_target_folder_do_not_share_plugins() {
        let mut options = Options {
            toolchain_sources: None,
            cache_dir: PathBuf::new(),
            target_dir: None,
            shared_target_dir: None,
            cargo_home: None,
            ways: Vec::new(),
        };
        assert_eq!(options.target_dir_for(Path::new("/one/acme")), Path::new("/one/acme/target/plugins"));
        options.shared_target_dir = Some(PathBuf::from("/shared"));
        let one = options.target_dir_for(Path::new("/one/acme"));
        assert!(one.starts_with("/shared/plugins") && one != options.target_dir_for(Path::new("/two/acme")), "{one:?}");
        options.target_dir = Some(PathBuf::from("/given"));
        assert_eq!(options.target_dir_for(Path::new("/one/acme")), Path::new("/given"));
    }

    #[test]
    fn ways_are_read_from_a_list() {
        assert_eq!(Way::parse_list(" debian, archives ").unwrap(), [Way::Debian, Way::Archives]);
        assert_eq!(Way::parse_list("").unwrap(), []);
        let error = Way::parse_list("rustup,apt").unwrap_err().to_string();
        assert!(error.contains("`apt`") && error.contains("rustup, archives, debian"), "{error}");
    }
}
