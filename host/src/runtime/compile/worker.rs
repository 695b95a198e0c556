//! The compile worker: limits itself, reads a component, writes machine code. It runs in a process of its own and holds nothing
//! but what the parent wrote to its stdin.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::super::engine;
use super::super::options::CompileLimits;
use crate::domain::plugin::Limits;

pub(crate) const EXIT_COMPILED: i32 = 0;
/// The component is at fault; stdout says why.
pub(crate) const EXIT_REFUSED: i32 = 3;
/// The operating system gave no more memory.
pub(crate) const EXIT_OUT_OF_MEMORY: i32 = 4;
/// The worker could not limit itself, or its pipes broke.
const EXIT_UNUSABLE: i32 = 5;
/// What Rust's runtime ends with after a panic.
pub(crate) const EXIT_PANICKED: i32 = 101;

const HEADER_BYTES: usize = 16;

/// What the parent writes first: bytes of address space and seconds of processor time, as little-endian `u64`.
pub(crate) fn header(limits: &CompileLimits) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&limits.memory_bytes.to_le_bytes());
    header[8..].copy_from_slice(&limits.cpu.as_secs().max(1).to_le_bytes());
    header
}

/// The whole of the compile worker's program: reads limits and a component from stdin, writes the compiled artifact to stdout.
///
/// The binary calls it for its hidden subcommand `compile-worker`, before anything else is set up.
#[must_use]
pub fn compile_worker_main() -> ExitCode {
    let code = match work() {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => EXIT_OUT_OF_MEMORY,
        Err(_) => EXIT_UNUSABLE,
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn work() -> io::Result<i32> {
    let mut stdin = io::stdin().lock();
    let mut header = [0; HEADER_BYTES];
    stdin.read_exact(&mut header)?;
    limit_this_process(&header)?;
    let mut component = Vec::new();
    stdin.take(Limits::COMPONENT_BYTES_MAX as u64 + 1).read_to_end(&mut component)?;
    let (code, output) = compile(&component);
    let mut stdout = io::stdout().lock();
    stdout.write_all(&output)?;
    stdout.flush()?;
    Ok(code)
}

fn limit_this_process(header: &[u8; HEADER_BYTES]) -> io::Result<()> {
    let (memory, cpu) = header.split_at(8);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("each half of the header has eight bytes"));
    let both = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    let cpu = number(cpu);
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::As, both(number(memory)))?;
    // The soft limit's signal tells the parent which limit it was; the hard one ends a worker that ignores it.
    setrlimit(Resource::Cpu, Rlimit { current: Some(cpu), maximum: Some(cpu.saturating_add(1)) })?;
    Ok(())
}

fn compile(component: &[u8]) -> (i32, Vec<u8>) {
    match engine::compile_only().and_then(|engine| engine.precompile_component(component)) {
        Ok(artifact) => (EXIT_COMPILED, artifact),
        Err(error) if is_out_of_memory(&error) => (EXIT_OUT_OF_MEMORY, Vec::new()),
        Err(error) => (EXIT_REFUSED, reason(&error).into_bytes()),
    }
}

fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::OutOfMemory)
}

/// Why a component does not compile, with the offset: for its author.
pub(crate) fn reason(error: &wasmtime::Error) -> String {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    format!("it does not compile: {}", chain.join(": "))
}
