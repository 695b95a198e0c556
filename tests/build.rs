//! Lists the test guests, so that a guest without a test fails the build.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut guests = Vec::new();
    for (folder, extension) in [("guests/examples", "rs"), ("guests/wat", "wat")] {
        println!("cargo::rerun-if-changed={folder}");
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == extension) {
                guests.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
            }
        }
    }
    guests.sort_unstable();
    let mut source = String::from(
        "/// Calls a macro with the name of every test guest.\nmacro_rules! for_each_guest {\n    ($call:ident) => {\n",
    );
    for guest in guests {
        writeln!(source, "        $call!({guest});").expect("writing to a string cannot fail");
    }
    source.push_str("    };\n}\n");
    let directory = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    fs::write(Path::new(&directory).join("guests.rs"), source)
}
