//! A process that never outlives the one that started it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::eventually;

/// Longer than a host lets requests in flight end.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Waits until its standard input ends, which the system sees to when the test process is gone.
const WATCHER: &str = r#"cat >/dev/null; kill -KILL "$0" 2>/dev/null"#;

/// A running program.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    watcher: Child,
}

impl Process {
    /// Starts a program whose standard error goes to a new file.
    pub(crate) fn start(command: &mut Command, log: PathBuf) -> Self {
        let log = File::create(log).expect("a temporary folder is writable");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let mut watcher = Command::new("sh");
        watcher.args(["-c", WATCHER, &child.id().to_string()]).stdin(Stdio::piped());
        Self { child, watcher: watcher.spawn().expect("there is a shell") }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// When the program reports a failure, or does not end in time.
    pub(crate) async fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("a child can be told to stop");
        let ended = async || self.child.try_wait().expect("a child can be waited for");
        let status = eventually("the program ends", STOP_LIMIT, ended).await;
        assert!(status.success(), "the program ended with {status}");
    }

    /// Sends SIGKILL and waits for the end.
    pub(crate) fn kill(self) {
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
