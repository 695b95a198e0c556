//! The guests of `tests/guests`: built once, run on the real runtime, against an egress that follows a script.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use keyferry::build::{Options, Silent, Target};
use keyferry::domain::Secret;
use keyferry::domain::id::Digest;
use keyferry::domain::plugin::Limits;
use keyferry::ports::egress::{EgressFailure, EgressObserved, EgressSession, InboundResponse, OutboundRequest};
use keyferry::ports::plugin::{ConnectionView, PluginCall, PluginRunner as _};
use keyferry::runtime::{CodeCacheOptions, CompileWorker, WasmRunner, WasmRunnerOptions};
use serde_json::{Map, Value};
use sha2::Digest as _;

/// The bytes of a guest's component, from Rust or from WebAssembly text.
///
/// # Panics
/// When there is no such guest, or the guests do not build.
#[must_use]
pub fn component(guest: &str) -> Vec<u8> {
    let text = guests_directory().join("wat").join(guest).with_extension("wat");
    if let Ok(text) = fs::read(text) {
        return wat::parse_bytes(&text).expect("the text of a guest is well-formed").into_owned();
    }
    let path = built_guests().join(guest).with_extension("wasm");
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A component that does nothing but describe itself with this metadata, which has no `sync`.
///
/// # Panics
/// When the metadata is larger than a page of memory.
#[must_use]
pub fn describing(metadata: &Value) -> Vec<u8> {
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let document = metadata.to_string();
    let length = u16::try_from(document.len()).expect("metadata of a test is small");
    let text = include_str!("../guests/describing.wat")
        .replace("{{length}}", &escaped(&u32::from(length).to_le_bytes()))
        .replace("{{document}}", &escaped(document.as_bytes()));
    wat::parse_str(text).expect("the text of a guest is well-formed")
}

/// The name by which the runtime knows these bytes.
#[must_use]
pub fn digest(component: &[u8]) -> Digest {
    Digest::from_bytes(sha2::Sha256::digest(component).into())
}

fn guests_directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/guests"))
}

/// Beside the binaries of this build: `target/debug/deps/it-...` -> `target/guests`.
fn target_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a test binary has a path");
    test.ancestors().nth(3).expect("a test binary lies in the target directory").join("guests")
}

/// Builds every guest, once per process.
fn built_guests() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = target_directory();
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "--locked", "--examples"])
            .args(wasm_target().cargo_arguments([]))
            .current_dir(guests_directory())
            .env("CARGO_TARGET_DIR", &target)
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("wasm32-wasip2/release/examples")
    })
}

/// The target, made available if need be: in a thread of its own, since tests may run inside a runtime.
fn wasm_target() -> Target {
    let ensure = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let options = Options::from_environment().expect("the environment is understood");
        runtime.block_on(Target::ensure(guests_directory(), &options, &Silent))
    };
    let target = std::thread::spawn(ensure).join().expect("the thread ends well");
    target.unwrap_or_else(|error| panic!("{}", error.chain()))
}

/// Options that compile in this process and keep what was compiled for the next run of the tests.
#[must_use]
pub fn runner_options() -> WasmRunnerOptions {
    let directory = target_directory().join("compiled");
    let cache = Some(CodeCacheOptions { directory, key: Secret::new([7; 32]) });
    WasmRunnerOptions { cache, ..WasmRunnerOptions::new(CompileWorker::InProcess) }
}

/// The runner that most tests share.
///
/// # Panics
/// When it does not start.
#[must_use]
pub fn runner() -> &'static WasmRunner {
    static RUNNER: OnceLock<WasmRunner> = OnceLock::new();
    RUNNER.get_or_init(|| WasmRunner::start(runner_options()).expect("the runner starts"))
}

/// Loads a guest into the shared runner and makes a call for it, with default limits and an egress that refuses everything.
///
/// # Panics
/// When the guest does not load.
pub async fn call(guest: &str) -> PluginCall {
    call_on(runner(), guest).await
}

/// The same for a runner of one's own.
///
/// # Panics
/// When the guest does not load.
pub async fn call_on(runner: &WasmRunner, guest: &str) -> PluginCall {
    let component = component(guest);
    let digest = digest(&component);
    runner.load(digest, component).await.unwrap_or_else(|error| panic!("`{guest}` does not load: {error}"));
    PluginCall {
        digest,
        plugin: guest.to_owned(),
        limits: Limits::default(),
        connection: ConnectionView::default(),
        egress: ScriptedEgress::refusing(),
        secrets: Vec::new(),
    }
}

/// A JSON object of strings.
#[must_use]
pub fn settings<const N: usize>(members: [(&str, &str); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// What an egress answers.
pub type Answer = Result<InboundResponse, EgressFailure>;

/// An egress that answers by a script and remembers what it was asked.
pub struct ScriptedEgress {
    answer: Box<dyn Fn(&OutboundRequest) -> Answer + Send + Sync>,
    pub requests: Mutex<Vec<OutboundRequest>>,
}

impl ScriptedEgress {
    /// Answers every request by `answer`.
    pub fn new(answer: impl Fn(&OutboundRequest) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), requests: Mutex::default() })
    }

    /// Answers every request with this status and body.
    #[must_use]
    pub fn answering(status: u16, body: &str) -> Arc<Self> {
        let body = body.as_bytes().to_vec();
        Self::new(move |_| Ok(InboundResponse { status, headers: Vec::new(), body: body.clone() }))
    }

    /// Denies every request.
    #[must_use]
    pub fn refusing() -> Arc<Self> {
        Self::new(|request| Err(EgressFailure::Denied(format!("`{}` is closed", request.entry))))
    }

    /// The addresses that were asked for, in order.
    ///
    /// # Panics
    /// After a panic of the script.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.requests.lock().expect("the script does not panic").iter().map(|request| request.url.clone()).collect()
    }
}

#[async_trait]
impl EgressSession for ScriptedEgress {
    async fn send(&self, request: OutboundRequest) -> Answer {
        let answer = (self.answer)(&request);
        self.requests.lock().expect("the script does not panic").push(request);
        answer
    }

    fn observed(&self) -> EgressObserved {
        EgressObserved::default()
    }
}
