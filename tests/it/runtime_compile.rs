//! From bytes to callable code: the worker process and its limits, and the cache of compiled code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyferry::domain::Secret;
use keyferry::ports::plugin::{InspectFailure, PluginRunner as _};
use keyferry::runtime::{CodeCacheOptions, CompileLimits, CompileWorker, WasmRunner, WasmRunnerOptions};
use keyferry_tests::guests::{component, digest};

fn program(path: &str) -> CompileWorker {
    CompileWorker::ChildProcess { program: PathBuf::from(path), args: Vec::new() }
}

fn real_worker() -> CompileWorker {
    program(env!("CARGO_BIN_EXE_keyferry-compile-worker"))
}

fn runner(worker: CompileWorker, compile: CompileLimits) -> WasmRunner {
    WasmRunner::start(WasmRunnerOptions { compile, ..WasmRunnerOptions::new(worker) }).unwrap()
}

fn cached_runner(worker: CompileWorker, directory: &Path, key: u8) -> WasmRunner {
    let cache = Some(CodeCacheOptions { directory: directory.to_owned(), key: Secret::new([key; 32]) });
    WasmRunner::start(WasmRunnerOptions { cache, ..WasmRunnerOptions::new(worker) }).unwrap()
}

/// A small valid component that compiles in no time.
fn small() -> Vec<u8> {
    component("returns_invalid_utf8")
}

async fn load(runner: &WasmRunner, component: Vec<u8>) -> Result<(), InspectFailure> {
    runner.load(digest(&component), component).await
}

/// Row 7: a component that is quick to read and slow to compile.
fn compile_bomb() -> Vec<u8> {
    let mut text = String::from("(component (core module\n");
    for function in 0..100 {
        write!(text, "(func (export \"{function}\") (param i32) (result i32)").unwrap();
        for number in 0..1000 {
            write!(text, "(block (br_if 0 (i32.eq (local.get 0) (i32.const {number}))) (local.set 0 (i32.mul (local.get 0) (i32.const 3))))").unwrap();
        }
        text.push_str("(local.get 0))\n");
    }
    text.push_str("))");
    wat::parse_str(text).unwrap()
}

#[tokio::test]
async fn the_worker_process_compiles_what_then_runs() {
    let runner = runner(real_worker(), CompileLimits::default());
    let inspected = runner.inspect(component("well_behaved")).await.unwrap();
    assert!(inspected.metadata.contains("test-guest"));
}

#[tokio::test]
async fn the_worker_tells_why_a_component_does_not_compile() {
    let runner = runner(real_worker(), CompileLimits::default());
    let failure = runner.inspect(component("declares_memory64")).await.unwrap_err();
    assert!(matches!(&failure, InspectFailure::Rejected(reason) if reason.contains("memory64")), "{failure:?}");
}

#[tokio::test]
async fn a_compile_bomb_ends_at_the_limit_of_processor_time() {
    let limits = CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() };
    let failure = runner(real_worker(), limits).inspect(compile_bomb()).await.unwrap_err();
    assert_eq!(failure.to_string(), "the component could not be compiled within 1 s of processor time");
}

#[tokio::test]
async fn a_compilation_ends_at_the_limit_of_memory() {
    let limits = CompileLimits { memory_bytes: 16 << 20, ..CompileLimits::default() };
    let failure = runner(real_worker(), limits).inspect(compile_bomb()).await.unwrap_err();
    assert_eq!(failure.to_string(), "the component could not be compiled within 16 MiB of memory");
}

#[tokio::test]
async fn a_worker_that_hangs_is_killed_at_its_deadline() {
    let hanging = CompileWorker::ChildProcess { program: "/bin/sleep".into(), args: vec!["600".into()] };
    let limits = CompileLimits { wall: Duration::from_millis(50), ..CompileLimits::default() };
    let failure = load(&runner(hanging, limits), small()).await.unwrap_err();
    assert_eq!(failure.to_string(), "the component could not be compiled within 50ms");
}

#[tokio::test]
async fn a_worker_that_fails_is_the_hosts_fault() {
    for path in ["/bin/false", "/no/such/program"] {
        let failure = load(&runner(program(path), CompileLimits::default()), small()).await.unwrap_err();
        assert!(matches!(failure, InspectFailure::Internal(_)), "{path}: {failure:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_machine_code_is_not_loaded() {
    // `true` ends well without a word.
    let failure = load(&runner(program("/bin/true"), CompileLimits::default()), small()).await.unwrap_err();
    assert!(matches!(failure, InspectFailure::Rejected(_) | InspectFailure::Internal(_)), "{failure:?}");
}

#[tokio::test]
async fn what_is_no_component_is_refused_before_compilation() {
    let runner = runner(program("/bin/false"), CompileLimits::default());
    for (bytes, expected) in [
        (Vec::new(), "no WebAssembly component"),
        (b"#!/bin/sh".to_vec(), "no WebAssembly component"),
        (wat::parse_str("(module)").unwrap(), "core WebAssembly module"),
        (machine_code(), "precompiled machine code"),
    ] {
        let failure = load(&runner, bytes).await.unwrap_err();
        assert!(matches!(&failure, InspectFailure::Rejected(reason) if reason.contains(expected)), "{failure:?}");
    }
}

fn machine_code() -> Vec<u8> {
    wasmtime::Engine::default().precompile_component(&small()).unwrap()
}

#[tokio::test]
async fn a_component_beyond_the_size_limit_is_refused_unread() {
    let runner = runner(program("/bin/false"), CompileLimits::default());
    let failure = load(&runner, vec![0; (32 << 20) + 1]).await.unwrap_err();
    assert!(matches!(failure, InspectFailure::TooLarge { bytes: 33_554_433, max: 33_554_432 }), "{failure:?}");
}

#[tokio::test]
async fn compiled_code_outlives_the_process_that_made_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("code");
    load(&cached_runner(real_worker(), &path, 1), small()).await.unwrap();
    // Without a working worker, what loads comes from the cache.
    load(&cached_runner(program("/bin/false"), &path, 1), small()).await.unwrap();
    // Under another key the entry is foreign.
    load(&cached_runner(program("/bin/false"), &path, 2), small()).await.unwrap_err();
}

/// Row 28.
#[tokio::test]
async fn a_changed_entry_is_compiled_anew_and_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("code");
    load(&cached_runner(real_worker(), &path, 1), small()).await.unwrap();
    let entry = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&entry).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&entry, &bytes).unwrap();
    load(&cached_runner(program("/bin/false"), &path, 1), small()).await.unwrap_err();
    // Planting machine code in wasmtime's own format helps no one either.
    std::fs::write(&entry, machine_code()).unwrap();
    load(&cached_runner(program("/bin/false"), &path, 1), small()).await.unwrap_err();
    load(&cached_runner(real_worker(), &path, 1), small()).await.unwrap();
    load(&cached_runner(program("/bin/false"), &path, 1), small()).await.unwrap();
}
