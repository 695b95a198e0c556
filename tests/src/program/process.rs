//! A process that never outlives the one that started it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Waits until its standard input ends, which the system sees to when the test process is gone.
const WATCHER: &str = r#"cat >/dev/null; kill -KILL "$0" 2>/dev/null"#;

/// A running program.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    watcher: Child,
}

impl Process {
    /// Starts a program whose standard error goes to a new file.
    pub(super) fn start(command: &mut Command, log: PathBuf) -> Self {
        let log = File::create(log).expect("a temporary folder is writable");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCHER, &child.id().to_string()]).stdin(Stdio::piped());
        Self { child, watcher: watcher.spawn().expect("there is a shell") }
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// Sends SIGKILL and waits for the end.
    pub(super) fn kill(self) {
        drop(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        // The watcher goes first: until the child is waited for, nobody else gets its process id.
        drop(self.watcher.stdin.take());
        let _ = self.watcher.wait();
        let _ = self.child.wait();
    }
}
