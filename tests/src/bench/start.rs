//! Starts of the real program, from nothing to ready, beside the same program asked for its version: what the system
//! itself takes to bring such a program up and down.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::measure::{Round, Subject, compared, in_turns};
use super::report::Figure;
use super::{Row, Size};
use crate::program::Host;
use crate::program::process::Process;

const LIMIT: Duration = Duration::from_secs(300);
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// Where one start finds its things.
struct Place {
    data: PathBuf,
    root_key: PathBuf,
}

pub(super) async fn run(program: &'static str, size: &Size) -> Vec<Figure> {
    let mut host = Host::dev(program, size.plugins).await;
    host.stop().await;
    let installed = Place { data: host.data(), root_key: host.root_key_file() };
    let plugins = size.plugins.len();
    let warm = async || start(program, &installed).await;
    let cold = async || {
        fs::remove_dir_all(installed.data.join("compiled")).expect("compiled code is kept there");
        start(program, &installed).await
    };
    let first = async || {
        let folder = TempDir::new().expect("temporary folders can be made");
        let place = Place { data: folder.path().join("data"), root_key: folder.path().join("root.key") };
        start(program, &place).await
    };
    let mut figures = beside(&format!("start with {plugins} plugins, compiled before"), size, program, warm).await;
    figures.extend(beside(&format!("start with {plugins} plugins, to be compiled"), size, program, cold).await);
    figures.extend(beside("first start, with nothing there", size, program, first).await);
    figures
}

async fn beside(what: &str, size: &Size, program: &str, mut ours: impl AsyncFnMut() -> Duration) -> Vec<Figure> {
    let round = |wall| Round { count: 1, wall, processor: None };
    let pairs = in_turns(size.rounds, async || round(ours().await), async || round(version(program))).await;
    let beside = "the program's `--version`";
    compared(&Subject { row: Row::Start, what: what.to_owned(), beside }, &pairs)
}

/// Starts `serve`, and stops it when it is ready; how long that took.
async fn start(program: &str, place: &Place) -> Duration {
    let address = free_address();
    let mut command = Command::new(program);
    command.args(["serve", "--listen", &address.to_string(), "--data-dir"]).arg(&place.data);
    command.arg("--administrator-token-file").arg(place.data.with_extension("token"));
    command.env("KEYFERRY__CRYPTO__ROOT_KEY_FILE", &place.root_key);
    let log = place.data.with_extension("log");
    let start = Instant::now();
    let mut process = Process::start(&mut command, log.clone());
    while !is_ready(address) {
        let log = || fs::read_to_string(&log).unwrap_or_default();
        assert!(process.is_running() && start.elapsed() < LIMIT, "the host does not start:\n{}", log());
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let took = start.elapsed();
    process.stop().await;
    took
}

/// A port that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
    listener.local_addr().expect("a bound listener has an address")
}

fn is_ready(address: SocketAddr) -> bool {
    let mut status = [0; 12];
    let answered = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        stream.read_exact(&mut status)
    });
    answered.is_ok() && &status == b"HTTP/1.1 200"
}

fn version(program: &str) -> Duration {
    let start = Instant::now();
    let status = Command::new(Path::new(program)).arg("--version").stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "the program tells its version");
    start.elapsed()
}
