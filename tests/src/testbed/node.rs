//! Packages of npm, at the versions of a lock file.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::install::{once, run};

/// A folder with the packages of a `package.json` and its `package-lock.json`. No script of theirs is run.
///
/// # Panics
/// When they cannot be installed.
pub(super) fn packages(name: &str, (package, lock): (&str, &str)) -> PathBuf {
    once(name, &format!("{package}{lock}"), |folder| {
        fs::write(folder.join("package.json"), package).expect("a new folder is writable");
        fs::write(folder.join("package-lock.json"), lock).expect("a new folder is writable");
        let mut npm = Command::new("npm");
        run(npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder));
    })
}
