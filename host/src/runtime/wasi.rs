//! WASI 0.2 as language runtimes name it at start-up, with nothing behind it: no environment, arguments or directory, closed
//! stdin, a coarse clock, little randomness. Sockets are not linked at all.

use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, random};
use wasmtime_wasi::p2::pipe::{ClosedInputStream, MemoryOutputPipe, SinkOutputStream};
use wasmtime_wasi::random::{Deterministic, WasiRandom};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiView};

use super::state::CallState;

/// The most random bytes in one request; a seed or a key is 32.
const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// The most of the guest's stderr that is kept: a panic message and its place.
pub(crate) const STDERR_BYTES_MAX: usize = 8 << 10;
/// Coarse, to blunt timing attacks.
const CLOCK_RESOLUTION: Duration = Duration::from_millis(1);

/// Interfaces of WASI that a component may import, in any 0.2 version.
pub(crate) const INTERFACES: [&str; 18] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/random",
];
/// Randomness that promises less; the same allow-list, kept apart for its length.
pub(crate) const INSECURE_RANDOM_INTERFACES: [&str; 2] = ["wasi:random/insecure", "wasi:random/insecure-seed"];

/// Whether time passes and randomness surprises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// As in a call.
    Live,
    /// As while describing: the clock stands at zero and the seed is fixed, so that the outcome is reproducible.
    Frozen,
}

/// The stubs of one call, and the pipe that the guest's stderr ends in.
pub(crate) fn context(world: World) -> (WasiCtx, MemoryOutputPipe) {
    let stderr = MemoryOutputPipe::new(STDERR_BYTES_MAX);
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdin(ClosedInputStream)
        .stdout(SinkOutputStream)
        .stderr(stderr.clone())
        .max_random_size(RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    match world {
        World::Live => builder.wall_clock(CoarseClock::start()).monotonic_clock(CoarseClock::start()),
        World::Frozen => builder
            .wall_clock(StoppedClock)
            .monotonic_clock(StoppedClock)
            .secure_random(Deterministic::new(fixed_seed()))
            .insecure_random(Deterministic::new(fixed_seed()))
            .insecure_random_seed(0),
    };
    (builder.build(), stderr)
}

/// Defines the stubs. Written out, so that what a plugin can reach is this list and no default of a dependency.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    type S = CallState;
    cli::environment::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::exit::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stderr::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stdin::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stdout::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_input::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_output::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stderr::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stdin::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stdout::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    clocks::monotonic_clock::add_to_linker::<S, WasiClocks>(linker, S::clocks)?;
    clocks::wall_clock::add_to_linker::<S, WasiClocks>(linker, S::clocks)?;
    filesystem::preopens::add_to_linker::<S, WasiFilesystem>(linker, S::filesystem)?;
    filesystem::types::add_to_linker::<S, WasiFilesystem>(linker, S::filesystem)?;
    random::insecure::add_to_linker::<S, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<S, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    random::random::add_to_linker::<S, WasiRandom>(linker, |state| state.ctx().ctx.random())?;
    link_io(linker)
}

fn link_io(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::io::{error, poll, streams};
    error::add_to_linker::<CallState, Io>(linker, |state| state.ctx().table)?;
    poll::add_to_linker::<CallState, Io>(linker, |state| state.ctx().table)?;
    streams::add_to_linker::<CallState, Io>(linker, |state| state.ctx().table)
}

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

struct CoarseClock {
    start: Instant,
}

impl CoarseClock {
    fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl HostWallClock for CoarseClock {
    fn resolution(&self) -> Duration {
        CLOCK_RESOLUTION
    }

    fn now(&self) -> Duration {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Duration::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

impl HostMonotonicClock for CoarseClock {
    fn resolution(&self) -> u64 {
        nanoseconds(CLOCK_RESOLUTION)
    }

    fn now(&self) -> u64 {
        let elapsed = nanoseconds(self.start.elapsed());
        elapsed - elapsed % nanoseconds(CLOCK_RESOLUTION)
    }
}

struct StoppedClock;

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        CLOCK_RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StoppedClock {
    fn resolution(&self) -> u64 {
        nanoseconds(CLOCK_RESOLUTION)
    }

    fn now(&self) -> u64 {
        0
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Bytes that look random and are always the same; long enough that rejection sampling ends.
fn fixed_seed() -> Vec<u8> {
    (0_u8..128).flat_map(|block| Sha256::digest([block])).collect()
}
