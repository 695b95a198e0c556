//! What a runner is built from.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::report::CallObserver;
use crate::domain::Secret;

/// How a [`WasmRunner`](super::WasmRunner) is set up.
pub struct WasmRunnerOptions {
    /// Where components are compiled.
    pub worker: CompileWorker,
    /// What one compilation may use.
    pub compile: CompileLimits,
    /// Where compiled code outlives the process; `None` compiles anew at every start.
    pub cache: Option<CodeCacheOptions>,
    /// Calls that run at the same time; further ones queue. Sizes the instance pool.
    pub max_concurrent_calls: u32,
    /// How long a call may queue before it fails as busy.
    pub queue_wait: Duration,
    /// Hears of every call, for metrics.
    pub observer: Option<Arc<dyn CallObserver>>,
}

impl WasmRunnerOptions {
    /// Calls at the same time, by default.
    pub const MAX_CONCURRENT_CALLS: u32 = 64;
    /// Queueing, by default.
    pub const QUEUE_WAIT: Duration = Duration::from_secs(10);

    /// The defaults, compiling with `worker`, without a cache or an observer.
    #[must_use]
    pub fn new(worker: CompileWorker) -> Self {
        Self {
            worker,
            compile: CompileLimits::default(),
            cache: None,
            max_concurrent_calls: Self::MAX_CONCURRENT_CALLS,
            queue_wait: Self::QUEUE_WAIT,
            observer: None,
        }
    }
}

/// Where components are compiled.
#[derive(Clone, Debug)]
pub enum CompileWorker {
    /// In a child process that limits itself: `program` with `args` must call
    /// [`compile_worker_main`](super::compile_worker_main) and do nothing else.
    ChildProcess { program: PathBuf, args: Vec<OsString> },
    /// In this process, where a hostile component cannot be stopped. For tests only.
    InProcess,
}

/// What one compilation may use in its child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Address space, in bytes.
    pub memory_bytes: u64,
    /// Processor time over all threads, in whole seconds.
    pub cpu: Duration,
    /// From spawning to the last byte.
    pub wall: Duration,
}

impl Default for CompileLimits {
    /// A JavaScript or Python component takes about 20 s of processor time on one slow core, and over a gigabyte.
    fn default() -> Self {
        Self { memory_bytes: 4 << 30, cpu: Duration::from_secs(120), wall: Duration::from_secs(180) }
    }
}

/// Where compiled code is kept, and the key that proves it is ours.
pub struct CodeCacheOptions {
    /// Made with mode 0700 when it is missing; must belong to this user alone.
    pub directory: PathBuf,
    /// Authenticates every entry: whoever can write entries under this key runs native code in the host.
    pub key: Secret<[u8; 32]>,
}
