//! The host as a process of its own: started, killed, started again on the same data, and spoken to over its socket.

mod client;
pub(crate) mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyferry::build::Options;
use tempfile::TempDir;

use self::process::Process;

pub use client::{Client, Exchange, assert_run};

/// The first start builds plugins, and on a new machine the library they are built on.
const START_LIMIT: Duration = Duration::from_secs(600);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Which command is run.
#[derive(Clone, Debug)]
enum Mode {
    /// `serve`, without plugins.
    Serve,
    /// `dev` with these bundled plugins.
    Dev(Vec<PathBuf>),
}

/// A host with a data directory of its own; dropping it ends the process and removes the data.
#[derive(Debug)]
pub struct Host {
    program: &'static str,
    mode: Mode,
    environment: Vec<(&'static str, String)>,
    folder: TempDir,
    starts: usize,
    process: Option<Process>,
    client: Option<Client>,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Host {
    /// A host of `serve`, for its administrator.
    pub async fn serve(program: &'static str) -> Self {
        Self::begin(program, Mode::Serve, Vec::new()).await
    }

    /// A host of `dev` with the tenant `dev` and these plugins of the checkout.
    pub async fn dev(program: &'static str, plugins: &[&str]) -> Self {
        Self::dev_with(program, plugins, Vec::new()).await
    }

    /// The same with more environment variables.
    pub async fn dev_with(program: &'static str, plugins: &[&str], environment: Vec<(&'static str, String)>) -> Self {
        let bundled = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins"));
        let bundled = bundled.canonicalize().expect("the checkout has its plugins");
        let plugins = plugins.iter().map(|name| bundled.join(name)).collect();
        Self::begin(program, Mode::Dev(plugins), environment).await
    }

    async fn begin(program: &'static str, mode: Mode, environment: Vec<(&'static str, String)>) -> Self {
        let folder = TempDir::new().expect("temporary folders can be made");
        let exchanges = Arc::default();
        let mut host = Self { program, mode, environment, folder, starts: 0, process: None, client: None, exchanges };
        host.start().await;
        host
    }

    /// Starts the host, which is ready when this returns.
    ///
    /// # Panics
    /// When it runs already, ends, or is not ready in time; with its log.
    pub async fn start(&mut self) {
        assert!(self.process.is_none(), "the host runs");
        let _ = fs::remove_file(self.environment_file());
        self.starts += 1;
        let process = Process::start(&mut self.command(), self.log_file(self.starts));
        self.process = Some(process);
        let (url, token) = self.reached().await;
        let client = Client::new(url, token, self.exchanges.clone());
        self.until(async || client.is_ready().await.then_some(())).await;
        self.client = Some(client);
    }

    /// Ends the process at once, as the system does when it runs out of memory.
    pub fn kill(&mut self) {
        self.client = None;
        self.process.take().expect("the host runs").kill();
    }

    /// Tells the process to stop, and waits until it has.
    ///
    /// # Panics
    /// When it does not run, or ends otherwise than it should.
    pub async fn stop(&mut self) {
        self.client = None;
        self.process.take().expect("the host runs").stop().await;
    }

    /// The number of the process.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.as_ref().expect("the host runs").id()
    }

    /// Somebody who may do everything.
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("the host runs")
    }

    /// What all processes of this host wrote to standard error.
    #[must_use]
    pub fn log(&self) -> String {
        let read = |start| fs::read_to_string(self.log_file(start)).unwrap_or_default();
        (1..=self.starts).map(read).collect()
    }

    /// What was asked and answered so far.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().expect("no test panics while it holds this").clone()
    }

    /// Holds the database.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The root key of a host of `dev`.
    #[must_use]
    pub fn root_key_file(&self) -> PathBuf {
        self.folder.path().join("data.root-key")
    }

    fn environment_file(&self) -> PathBuf {
        self.data().join("dev.env")
    }

    fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    fn log_file(&self, start: usize) -> PathBuf {
        self.folder.path().join(format!("log-{start}"))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        // What was built for earlier tests is found where it was left.
        let cache = Options::from_environment().expect("the environment is understood").cache_dir;
        command.env("KEYFERRY_CACHE_DIR", cache).env("XDG_CONFIG_HOME", self.folder.path().join("config"));
        command.env("KEYFERRY__SERVER__REQUESTS_PER_SECOND", "0").current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        match &self.mode {
            Mode::Serve => {
                command.arg("serve").arg("--administrator-token-file").arg(self.token_file());
            }
            Mode::Dev(plugins) => {
                command.args(["dev", "--no-reload"]);
                for plugin in plugins {
                    command.arg("--plugins").arg(plugin);
                }
            }
        }
        command.args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(self.data());
        command
    }

    /// Address and token, as soon as the process tells.
    async fn reached(&mut self) -> (String, String) {
        let (log, token, environment) = (self.log_file(self.starts), self.token_file(), self.environment_file());
        let is_dev = matches!(self.mode, Mode::Dev(_));
        self.until(async || {
            if is_dev {
                let lines = fs::read_to_string(&environment).ok()?;
                Some((value(&lines, "KEYFERRY_URL=")?, value(&lines, "KEYFERRY_TOKEN=")?))
            } else {
                let log = fs::read_to_string(&log).ok()?;
                Some((value(&log, "listening on ")?, value(&fs::read_to_string(&token).ok()?, "")?))
            }
        })
        .await
    }

    async fn until<T>(&mut self, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            let is_running = self.process.as_mut().is_some_and(Process::is_running);
            assert!(is_running, "the host ended:\n{}", self.log());
            assert!(begin.elapsed() < START_LIMIT, "the host is not ready:\n{}", self.log());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// The rest of the first whole line that begins with `prefix`.
fn value(text: &str, prefix: &str) -> Option<String> {
    let line = text.split_inclusive('\n').find_map(|line| line.strip_prefix(prefix)?.strip_suffix('\n'))?;
    Some(line.to_owned())
}

/// Asks until there is an answer.
///
/// # Panics
/// When there is none within `limit`.
pub async fn eventually<T>(what: &str, limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(begin.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(POLL_INTERVAL * 5).await;
    }
}
