//! Makes the target that plugins are built for available: the toolchain's own if it has it, else by rustup, else a private
//! sysroot built from the library sources of exactly this compiler. Nothing touches the network when the target is there.

mod debian;
mod index;
mod sources;
mod sysroot;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::files::{Lock, Staging};
use super::process::{command, stdout_of};
use super::{Attempt, Error, Options, Progress, Result, Way};

/// The target that plugins are built for: rustc writes a component directly.
pub const TARGET: &str = "wasm32-wasip2";

/// rustc answers questions about itself at once, unless rustup is busy.
const QUESTION_LIMIT: Duration = Duration::from_secs(30);
/// One standard library is about 20 MB; a machine that needs longer had better be given an archive.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// The compiler that a folder's cargo would use.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// All that `rustc -vV` prints: compiled libraries fit this and nothing else.
    pub verbose_version: String,
    /// For instance `1.95.0`.
    pub release: String,
    /// The machine's own target, for instance `x86_64-unknown-linux-gnu`.
    pub host: String,
    /// Where the compiler and its libraries lie.
    pub sysroot: PathBuf,
}

impl Toolchain {
    /// Asks the compiler that `folder` selects; `rust-toolchain.toml` files and overrides count.
    ///
    /// # Errors
    /// [`Error::Spawn`] when there is no rustc, [`Error::Failed`] when it cannot answer.
    pub async fn of(folder: &Path) -> Result<Self> {
        let ask = |arguments: &'static [&'static str]| async move {
            stdout_of(command("rustc").args(arguments).current_dir(folder), QUESTION_LIMIT).await
        };
        let verbose_version = ask(&["-vV"]).await?;
        let sysroot = PathBuf::from(ask(&["--print", "sysroot"]).await?.trim());
        let field = |name: &str| {
            let line = verbose_version.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(str::to_owned).ok_or_else(|| Error::NoSources(format!("`rustc -vV` does not tell its {name}")))
        };
        Ok(Self { release: field("release")?, host: field("host")?, sysroot, verbose_version })
    }

    /// Where a sysroot for this compiler has the target's libraries.
    fn libraries_in(sysroot: &Path) -> PathBuf {
        sysroot.join("lib/rustlib").join(TARGET).join("lib")
    }

    fn has_target(&self) -> bool {
        has_library(&Self::libraries_in(&self.sysroot), "libcore-")
            && has_library(&Self::libraries_in(&self.sysroot), "libstd")
    }

    /// Names what may be kept for this compiler. The sysroot counts too, since a private one links to it.
    fn key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.verbose_version);
        hash.update(self.sysroot.as_os_str().as_encoded_bytes());
        data_encoding::HEXLOWER.encode(hash.finalize().get(..8).expect("SHA-256 has 32 bytes"))
    }
}

fn has_library(folder: &Path, prefix: &str) -> bool {
    super::files::entries(folder).is_ok_and(|paths| {
        paths.iter().any(|path| {
            path.extension().is_some_and(|extension| extension == "rlib")
                && path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
    })
}

/// The target, ready to build for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The compiler that it belongs to.
    pub toolchain: Toolchain,
    /// The private sysroot to name to rustc, or `None` when the toolchain has the target itself.
    pub sysroot: Option<PathBuf>,
}

impl Target {
    /// Makes the target available for the compiler that `folder` selects.
    ///
    /// # Errors
    /// [`Error::TargetUnavailable`] names each way that was tried and why it did not work.
    pub async fn ensure(folder: &Path, options: &Options, progress: &dyn Progress) -> Result<Self> {
        let toolchain = Toolchain::of(folder).await?;
        if toolchain.has_target() {
            return Ok(Self { toolchain, sysroot: None });
        }
        let place = options.cache_dir.join(format!("{TARGET}-{}", toolchain.key()));
        if sysroot::is_whole(&place, &toolchain) {
            return Ok(Self { toolchain, sysroot: Some(place) });
        }
        let _lock = Lock::acquire(place.with_extension("lock")).await?;
        // Whoever held the lock may have done all the work.
        if toolchain.has_target() {
            return Ok(Self { toolchain, sysroot: None });
        }
        if sysroot::is_whole(&place, &toolchain) {
            return Ok(Self { toolchain, sysroot: Some(place) });
        }
        Setup { folder, options, progress, toolchain }.run(place).await
    }
}

impl Target {
    /// Arguments for cargo that make it compile for the target with these flags besides. Flags given this way add to what
    /// a project's own configuration says, and may contain spaces.
    #[must_use]
    pub fn cargo_arguments(&self, flags: impl IntoIterator<Item = String>) -> [String; 4] {
        let sysroot = self.sysroot.iter().map(|sysroot| format!("--sysroot={}", sysroot.display()));
        let flags = toml::Value::Array(sysroot.chain(flags).map(toml::Value::String).collect());
        ["--target".to_owned(), TARGET.to_owned(), "--config".to_owned(), format!("target.{TARGET}.rustflags={flags}")]
    }
}

/// One pass over the ways to the target.
struct Setup<'a> {
    folder: &'a Path,
    options: &'a Options,
    progress: &'a dyn Progress,
    toolchain: Toolchain,
}

impl Setup<'_> {
    async fn run(self, place: PathBuf) -> Result<Target> {
        let mut attempts = Vec::new();
        for way in &self.options.ways {
            let tried = match way {
                Way::Rustup => self.by_rustup().await.map(|()| None),
                Way::Archives => self.build_from_archives(&place).await.map(Some),
                Way::Debian => self.build_from_debian(&place).await.map(Some),
            };
            match tried {
                Ok(sysroot) => return Ok(Target { toolchain: self.toolchain, sysroot }),
                Err(error) => {
                    self.progress.line(&format!("{}: {error}", way.phrase()));
                    attempts.push(Attempt::new(way.phrase(), &error));
                }
            }
        }
        let compiler = format!("rustc {} ({})", self.toolchain.release, self.toolchain.sysroot.display());
        Err(Error::TargetUnavailable { compiler, attempts })
    }

    async fn by_rustup(&self) -> Result<()> {
        self.progress.line(&format!("adding the target {TARGET} with rustup"));
        let mut rustup = command("rustup");
        rustup.args(["target", "add", TARGET]).current_dir(self.folder).env("RUSTUP_MAX_RETRIES", "1");
        stdout_of(&mut rustup, RUSTUP_LIMIT).await?;
        if self.toolchain.has_target() {
            return Ok(());
        }
        Err(Error::NoSources("rustup is content, but this compiler is not one of its toolchains".to_owned()))
    }

    async fn build_from_archives(&self, place: &Path) -> Result<PathBuf> {
        let Some(folder) = &self.options.toolchain_sources else {
            let release = &self.toolchain.release;
            return Err(Error::NoSources(format!(
                "none given; KEYFERRY_TOOLCHAIN_SOURCES may name a folder with `rust-{release}-library.tar.xz` and \
                 `wasi-libc-wasip2.tar.xz`"
            )));
        };
        let staging = Staging::new(place.to_owned())?;
        let sources = sources::from_archives(folder, &self.toolchain, staging.path()).await?;
        self.build(staging, &sources).await
    }

    async fn build_from_debian(&self, place: &Path) -> Result<PathBuf> {
        let staging = Staging::new(place.to_owned())?;
        let sources = debian::sources(&self.toolchain, staging.path(), self.progress).await?;
        self.build(staging, &sources).await
    }

    async fn build(&self, staging: Staging, sources: &sources::Sources) -> Result<PathBuf> {
        self.progress.line(&format!("building the standard library for {TARGET} (once per compiler, about a minute)"));
        sysroot::build(sources, &self.toolchain, staging.path(), self.progress).await?;
        sources.remove()?;
        staging.publish()
    }
}

impl Way {
    fn phrase(self) -> String {
        match self {
            Self::Rustup => format!("`rustup target add {TARGET}`"),
            Self::Archives => "building from given archives".to_owned(),
            Self::Debian => "building from Debian's packages".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::build::Silent;

    /// A compiler of a release that nobody packages, in a folder that rustup knows nothing of.
    fn unknown_toolchain(sysroot: &Path) -> Toolchain {
        let text = |text: &str| text.to_owned();
        Toolchain {
            verbose_version: text("x"),
            release: text("0.0.1"),
            host: text("none"),
            sysroot: sysroot.to_owned(),
        }
    }

    fn options(cache_dir: &Path, ways: Vec<Way>) -> Options {
        Options {
            toolchain_sources: None,
            cache_dir: cache_dir.to_owned(),
            target_dir: None,
            shared_target_dir: None,
            cargo_home: None,
            ways,
        }
    }

    async fn failure(options: Options) -> String {
        let toolchain = unknown_toolchain(&options.cache_dir);
        let place = options.cache_dir.join("place");
        let setup = Setup { folder: Path::new("/"), options: &options, progress: &Silent, toolchain };
        setup.run(place).await.expect_err("no way leads there").to_string()
    }

    #[tokio::test]
    async fn message_names_every_way_and_its_cause() {
        let cache = tempfile::tempdir().unwrap();
        let mut options = options(cache.path(), vec![Way::Archives, Way::Archives]);
        let text = failure(options.clone()).await;
        assert_eq!(text.matches("building from given archives: none given").count(), 2, "{text}");
        assert!(text.contains("wasm32-wasip2 is not available for rustc 0.0.1"), "{text}");
        options.toolchain_sources = Some(cache.path().to_owned());
        let text = failure(options).await;
        assert!(text.contains("has no `rust-0.0.1-library.tar.xz` and no `wasi-libc-wasip2.tar.xz`"), "{text}");
    }

    #[tokio::test]
    async fn broken_archive_leaves_nothing_behind() {
        let (cache, given) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["rust-0.0.1-library.tar.xz", "wasi-libc-wasip2.tar.xz"] {
            fs::write(given.path().join(name), "not an archive").unwrap();
        }
        let mut options = options(cache.path(), vec![Way::Archives]);
        options.toolchain_sources = Some(given.path().to_owned());
        let text = failure(options).await;
        assert!(text.contains("`tar` failed"), "{text}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    #[test]
    fn private_sysroot_is_named_to_the_compiler() {
        let toolchain = unknown_toolchain(Path::new("/own"));
        let own = Target { toolchain: toolchain.clone(), sysroot: None };
        assert_eq!(own.cargo_arguments([])[3], "target.wasm32-wasip2.rustflags=[]");
        let private = Target { toolchain, sysroot: Some("/a b".into()) };
        let flags = r#"target.wasm32-wasip2.rustflags=["--sysroot=/a b", "-Cx"]"#;
        assert_eq!(private.cargo_arguments(["-Cx".to_owned()])[3], flags);
    }

    #[test]
    fn another_compiler_has_another_key() {
        let one = unknown_toolchain(Path::new("/one"));
        assert_ne!(one.key(), unknown_toolchain(Path::new("/two")).key());
        assert_ne!(one.key(), Toolchain { verbose_version: "y".to_owned(), ..one.clone() }.key());
    }
}
