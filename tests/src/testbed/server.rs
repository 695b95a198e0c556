//! One server process on loopback.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Loaded machines are slow; a server that takes longer than this does not work.
const START_LIMIT: Duration = Duration::from_secs(90);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs a program until its own standard input ends, which the system sees to when the test process is gone.
const KEEPER: &str =
    r#""$0" "$@" </dev/null 3<&- & server=$!; trap 'kill -KILL $server 2>/dev/null; wait' EXIT; cat <&3 >/dev/null"#;

/// A running server with a folder of its own; dropping it ends it.
#[derive(Debug)]
pub(super) struct Server {
    keeper: Child,
    folder: TempDir,
}

impl Server {
    /// Starts a program whose arguments and environment may name its folder.
    pub(super) fn start(configure: impl FnOnce(&std::path::Path) -> Command) -> Self {
        let folder = TempDir::new().expect("temporary folders can be made");
        let server = configure(folder.path());
        let log = File::create(folder.path().join("log")).expect("a new folder is writable");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", &format!("exec 3<&0; {KEEPER}")]).arg(server.get_program()).args(server.get_args());
        for (name, value) in server.get_envs() {
            keeper.env(name, value.unwrap_or_default());
        }
        keeper.current_dir(folder.path()).stdin(Stdio::piped());
        keeper.stdout(log.try_clone().expect("an open file can be shared")).stderr(log);
        let keeper = keeper.spawn().expect("there is a shell");
        Self { keeper, folder }
    }

    /// Asks until the server answers a request to `url` at all.
    ///
    /// # Panics
    /// When it does not in time, with its log.
    pub(super) async fn wait_for(&self, url: &str, is_ready: impl Fn(u16, &str) -> bool) {
        let client = reqwest::Client::new();
        let begin = Instant::now();
        let mut last = "no answer".to_owned();
        while begin.elapsed() < START_LIMIT {
            match client.get(url).send().await {
                Ok(response) => {
                    let status = response.status().as_u16();
                    let body = response.text().await.unwrap_or_default();
                    if is_ready(status, &body) {
                        return;
                    }
                    last = format!("{status} {body}");
                }
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        panic!("{url} is not ready: {last}\n{}", self.log());
    }

    /// What the server wrote.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its input ends, so the keeper ends the server and then itself.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A port of loopback that is free now. Another process could take it before the server does; tests then fail to start it,
/// and never reach a stranger unnoticed, since no stranger knows their credentials.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("a bound listener has an address").port()
}
