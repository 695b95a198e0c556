//! The Python environment of the AWS emulators, every file of it pinned by hash.

use std::path::PathBuf;
use std::process::Command;

use super::install::{once, run};

const REQUIREMENTS: &str = include_str!("../../testbeds/requirements.txt");

/// The folder with the programs of the environment; the first call takes about a minute.
pub(super) fn programs() -> PathBuf {
    let folder = once("python", REQUIREMENTS, |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder));
        let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/testbeds/requirements.txt");
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", requirements]));
    });
    folder.join("bin")
}
