//! Where test beds are installed, and how two processes do not do it at once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Written when everything else in a folder is in place.
const COMPLETE: &str = ".complete";

/// The folder `testbeds` in the target folder, where `cargo clean` finds it.
fn home() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in a folder of the checkout");
    target.unwrap_or_else(|| checkout.join("target")).join("testbeds")
}

/// Installs into a folder that is keyed by what goes in and by where it lies, unless it is there already: installed scripts
/// name their interpreter by its path, and a target folder may be moved.
///
/// # Panics
/// When `fill` does.
pub(super) fn once(name: &str, recipe: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    let place = home();
    let digest = Sha256::new_with_prefix(place.as_os_str().as_encoded_bytes()).chain_update(recipe).finalize();
    let key = data_encoding::HEXLOWER.encode(&digest).split_off(48);
    let folder = place.join(format!("{name}-{key}"));
    if folder.join(COMPLETE).is_file() {
        return folder;
    }
    fs::create_dir_all(&place).expect("the target folder is writable");
    let lock = File::create(folder.with_extension("lock")).expect("the target folder is writable");
    lock.lock().expect("files can be locked");
    if !folder.join(COMPLETE).is_file() {
        // What is there is half of an installation that was killed.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("the target folder is writable");
        fill(&folder);
        fs::write(folder.join(COMPLETE), recipe).expect("the target folder is writable");
    }
    folder
}

/// Runs a program to its end.
///
/// # Panics
/// When it cannot be run or fails, with its output.
pub(super) fn run(command: &mut Command) {
    output(command);
}

/// Runs a program to its end, and answers what it printed.
///
/// # Panics
/// As [`run`].
pub(super) fn output(command: &mut Command) -> String {
    let output =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(output.status.success(), "{command:?} failed:\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Runs a program to its end, and answers what it printed as JSON.
///
/// # Panics
/// As [`run`], and when it printed something else.
pub(super) fn answer(command: &mut Command) -> Value {
    let printed = output(command);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}
