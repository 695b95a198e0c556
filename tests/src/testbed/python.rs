//! Python environments, every file of them pinned by hash.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::install::{once, run};

const EMULATORS: &str = include_str!("../../testbeds/requirements.txt");

/// The folder with the programs of the AWS emulators; the first call takes about a minute.
pub(super) fn programs() -> PathBuf {
    let list = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/testbeds/requirements.txt"));
    environment("python", (EMULATORS, list), &[])
}

/// The folder with the programs of an environment that holds what a list names, and where that list stands.
pub(super) fn environment(name: &str, (recipe, list): (&str, &Path), options: &[&str]) -> PathBuf {
    let folder = once(name, recipe, |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder));
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--require-hashes"]).args(options);
        run(pip.arg("--requirement").arg(list));
    });
    folder.join("bin")
}
