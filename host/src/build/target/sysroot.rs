//! Builds the standard library for the target and lays it out as a sysroot beside the toolchain's own, which stays as it was.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::build::files::{create_dir, entries};
use crate::build::process::{command, stdout_of};
use crate::build::target::sources::{LIBC_FILES, Sources};
use crate::build::target::{TARGET, Toolchain, has_library};
use crate::build::{Error, Progress, Result};

/// Takes 45 s on two free cores; a busy machine gets much longer.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// Whether a sysroot lies at `place` that this compiler can use.
pub(super) fn is_whole(place: &Path, toolchain: &Toolchain) -> bool {
    let libraries = Toolchain::libraries_in(place);
    let libc = libraries.join("self-contained");
    has_library(&libraries, "libcore-")
        && has_library(&libraries, "libstd")
        && LIBC_FILES.iter().all(|file| libc.join(file).is_file())
        && place.join("lib/rustlib").join(&toolchain.host).is_dir()
}

/// Builds into the folder `sysroot`.
pub(super) async fn build(
    sources: &Sources,
    toolchain: &Toolchain,
    sysroot: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    let out = sysroot.join("out");
    compile(sources, toolchain, &out).await?;
    progress.line("putting the standard library into place");
    let rustlib = sysroot.join("lib/rustlib");
    let libraries = Toolchain::libraries_in(sysroot);
    create_dir(&libraries.join("self-contained"))?;
    let own = toolchain.sysroot.join("lib/rustlib").join(&toolchain.host);
    symlink(&own, rustlib.join(&toolchain.host)).map_err(Error::file("link to", &own))?;
    for library in entries(&out.join(TARGET).join("release/deps"))? {
        if library.extension().is_some_and(|extension| extension == "rlib") {
            copy_into(&library, &libraries)?;
        }
    }
    for file in LIBC_FILES {
        copy_into(&sources.libc.join(file), &libraries.join("self-contained"))?;
    }
    let about = sysroot.join("rustc.txt");
    fs::write(&about, &toolchain.verbose_version).map_err(Error::file("write", &about))?;
    fs::remove_dir_all(&out).map_err(Error::file("remove", &out))
}

async fn compile(sources: &Sources, toolchain: &Toolchain, out: &Path) -> Result<()> {
    // By path, since rustup chooses by folder, and the sources lie outside the folder that chose this compiler.
    let cargo = Some(toolchain.sysroot.join("bin/cargo")).filter(|path| path.is_file());
    let mut cargo = command(cargo.unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--target", TARGET, "--manifest-path", "sysroot/Cargo.toml"])
        .args(["--no-default-features", "--features", "panic-unwind backtrace compiler-builtins-mem"])
        .args(["--config", "profile.release.panic=\"abort\""])
        .current_dir(&sources.library)
        .env("CARGO_TARGET_DIR", out)
        .env("RUSTC", toolchain.sysroot.join("bin/rustc"))
        // The standard library uses unstable features by nature, and exactly this compiler's.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Cembed-bitcode=yes -Zforce-unstable-if-unmarked");
    stdout_of(&mut cargo, BUILD_LIMIT).await.map(drop)
}

fn copy_into(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().expect("listed and named files have names");
    fs::copy(file, folder.join(name)).map(drop).map_err(Error::file("copy", file))
}
