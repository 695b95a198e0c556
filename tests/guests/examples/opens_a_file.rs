//! Looks for directories, variables, arguments and input, and tries to open whatever it finds.
//!
//! By WASI itself: the standard library's own files would bring sockets along, and those are refused at installation.

use keyferry_test_guests::*;
use wasip2::cli::{environment, stdin};
use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

struct OpensAFile;

impl Behaviour for OpensAFile {
    fn verify(_connection: Connection) -> Result<Account, Error> {
        let mut found = Vec::new();
        for (directory, name) in preopens::get_directories() {
            for path in ["etc/passwd", "../../etc/passwd", "proc/self/environ"] {
                let flags = (PathFlags::SYMLINK_FOLLOW, OpenFlags::empty(), DescriptorFlags::READ);
                if directory.open_at(flags.0, path, flags.1, flags.2).is_ok() {
                    found.push(path.to_owned());
                }
            }
            found.push(name);
        }
        found.extend(environment::get_environment().into_iter().map(|(name, _)| name));
        found.extend(environment::get_arguments());
        found.extend(environment::initial_cwd());
        if let Ok(input) = stdin::get_stdin().blocking_read(1024) {
            found.push(format!("{} bytes of input", input.len()));
        }
        Ok(account(found.join(" ")))
    }
}

keyferry_test_guests::guest!(OpensAFile);
