//! Compilation, in a child process that can be stopped: wasmtime does not hold it a flaw when a hostile component makes the
//! compiler run for ever or take all memory.
//!
//! The parent writes the limits and the component to the worker's stdin and reads the artifact from its stdout.

pub(crate) mod worker;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use wasmtime::Engine;

use super::artifact::TrustedArtifact;
use super::options::{CompileLimits, CompileWorker};
use crate::ports::plugin::InspectFailure;

/// The most that an artifact can hold: machine code is about three times the component.
const ARTIFACT_BYTES_MAX: u64 = 512 << 20;
/// The most of a refusal's text that is kept.
const REFUSAL_BYTES_MAX: usize = 2 << 10;

/// Why the worker gave no artifact, besides the component's own faults.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The worker could not be started.
    #[error("the compile worker could not be started")]
    Spawn(#[source] io::Error),
    /// The pipes to the worker broke in an unforeseen way.
    #[error("the compile worker could not be talked to")]
    Talk(#[source] io::Error),
    /// The worker's answer makes no sense: it is likely another program or another version.
    #[error("the compile worker ended with {0}")]
    Ended(ExitStatus),
    /// The compiling task panicked.
    #[error("the compiling task ended abnormally")]
    Panicked(#[source] tokio::task::JoinError),
}

impl From<CompileError> for InspectFailure {
    fn from(error: CompileError) -> Self {
        Self::Internal(Box::new(error))
    }
}

/// Compiles components, one at a time: two bombs together may not take twice the memory.
pub(crate) struct Compiler {
    worker: CompileWorker,
    limits: CompileLimits,
    turn: Semaphore,
}

impl Compiler {
    pub(crate) fn new(worker: CompileWorker, limits: CompileLimits) -> Self {
        Self { worker, limits, turn: Semaphore::new(1) }
    }

    pub(crate) async fn compile(
        &self,
        engine: &Engine,
        component: Arc<[u8]>,
    ) -> Result<TrustedArtifact, InspectFailure> {
        let _turn = self.turn.acquire().await.expect("the semaphore is never closed");
        match &self.worker {
            CompileWorker::InProcess => compile_in_process(engine.clone(), component).await,
            CompileWorker::ChildProcess { program, args } => self.compile_in_child(program, args, &component).await,
        }
    }

    async fn compile_in_child(
        &self,
        program: &Path,
        args: &[OsString],
        component: &[u8],
    ) -> Result<TrustedArtifact, InspectFailure> {
        let mut child = spawn(program, args)?;
        let talk = tokio::time::timeout(self.limits.wall, talk(&mut child, &self.limits, component)).await;
        let Ok(talk) = talk else {
            // A worker that is gone already is as good as killed.
            child.kill().await.ok();
            return Err(InspectFailure::CompileLimit(format!("{:?}", self.limits.wall)));
        };
        let (status, output) = talk?;
        self.judge(status, output)
    }

    fn judge(&self, status: ExitStatus, output: Vec<u8>) -> Result<TrustedArtifact, InspectFailure> {
        match status.code() {
            Some(worker::EXIT_COMPILED) => Ok(TrustedArtifact::vouched_for(output)),
            Some(worker::EXIT_REFUSED) => Err(InspectFailure::Rejected(refusal(&output))),
            Some(worker::EXIT_OUT_OF_MEMORY) => Err(self.out_of_memory()),
            Some(worker::EXIT_PANICKED) => Err(InspectFailure::Rejected("the compiler failed on it".to_owned())),
            Some(_) => Err(CompileError::Ended(status).into()),
            None => Err(self.killed(status)),
        }
    }

    /// The kernel says by the signal which limit was met; an allocation that fails aborts.
    fn killed(&self, status: ExitStatus) -> InspectFailure {
        use rustix::process::Signal;
        match status.signal().and_then(Signal::from_named_raw) {
            Some(Signal::XCPU | Signal::KILL) => {
                InspectFailure::CompileLimit(format!("{} s of processor time", self.limits.cpu.as_secs()))
            }
            Some(Signal::ABORT | Signal::SEGV | Signal::BUS) => self.out_of_memory(),
            _ => CompileError::Ended(status).into(),
        }
    }

    fn out_of_memory(&self) -> InspectFailure {
        InspectFailure::CompileLimit(format!("{} MiB of memory", self.limits.memory_bytes >> 20))
    }
}

/// The worker gets nothing of the host: no environment, no inherited descriptor (they all are close-on-exec), no secrets.
fn spawn(program: &Path, args: &[OsString]) -> Result<Child, CompileError> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(4));
    Command::new(program)
        .args(args)
        .env_clear()
        // Each thread and each arena reserves address space, which is limited.
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(CompileError::Spawn)
}

async fn talk(
    child: &mut Child,
    limits: &CompileLimits,
    component: &[u8],
) -> Result<(ExitStatus, Vec<u8>), CompileError> {
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let mut stdout = child.stdout.take().expect("stdout is piped").take(ARTIFACT_BYTES_MAX);
    let write = async {
        stdin.write_all(&worker::header(limits)).await?;
        stdin.write_all(component).await?;
        stdin.shutdown().await?;
        drop(stdin);
        io::Result::Ok(())
    };
    let mut output = Vec::new();
    let (written, read) = tokio::join!(write, stdout.read_to_end(&mut output));
    read.map_err(CompileError::Talk)?;
    let status = child.wait().await.map_err(CompileError::Talk)?;
    match written {
        // A worker that died early is judged by how it died.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CompileError::Talk(error)),
        _ => Ok((status, output)),
    }
}

async fn compile_in_process(engine: Engine, component: Arc<[u8]>) -> Result<TrustedArtifact, InspectFailure> {
    tokio::task::spawn_blocking(move || engine.precompile_component(&component))
        .await
        .map_err(CompileError::Panicked)?
        .map(TrustedArtifact::vouched_for)
        .map_err(|error| InspectFailure::Rejected(worker::reason(&error)))
}

/// The worker has handled untrusted bytes: its words are cut and stripped like a plugin's.
fn refusal(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let mut text: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    text.truncate(text.floor_char_boundary(REFUSAL_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// `wait`'s status word: the signal in the low bits, the exit code in the next eight.
    fn judged(status: i32, output: &[u8]) -> String {
        let limits = CompileLimits { memory_bytes: 1 << 20, cpu: Duration::from_secs(7), wall: Duration::from_secs(9) };
        let compiler = Compiler::new(CompileWorker::InProcess, limits);
        match compiler.judge(ExitStatus::from_raw(status), output.to_vec()) {
            Ok(artifact) => format!("{} bytes", artifact.bytes().len()),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn how_the_worker_ended_tells_which_limit_it_met() {
        let within = |limit: &str| format!("the component could not be compiled within {limit}");
        for (status, expected) in [
            (worker::EXIT_COMPILED << 8, "4 bytes".to_owned()),
            (worker::EXIT_REFUSED << 8, "text".to_owned()),
            (worker::EXIT_OUT_OF_MEMORY << 8, within("1 MiB of memory")),
            (worker::EXIT_PANICKED << 8, "the compiler failed on it".to_owned()),
            (6, within("1 MiB of memory")),
            (11, within("1 MiB of memory")),
            (9, within("7 s of processor time")),
            (24, within("7 s of processor time")),
            (15, "the host failed to inspect the component".to_owned()),
            (1 << 8, "the host failed to inspect the component".to_owned()),
        ] {
            assert_eq!(judged(status, b"text"), expected, "status {status}");
        }
    }

    #[test]
    fn a_refusal_is_cut_and_stripped() {
        assert_eq!(refusal(b"a\n\x1b[31mb\xff"), "a  [31mb\u{fffd}");
        assert_eq!(refusal(&[b'x'; 10_000]).len(), REFUSAL_BYTES_MAX);
    }
}
