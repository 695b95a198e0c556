//! The wasmtime engine: Cranelift only, few proposals, a pool of instances, and an epoch that a thread of its own advances.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy, WasmBacktraceDetails};

use super::limits;
use crate::domain::plugin::Limits;

/// One epoch: the granularity of processor time, and how long a guest can hold a thread before it yields.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The engine of a runner, with its clock.
#[derive(Clone)]
pub(crate) struct PluginEngine {
    pub(crate) engine: Engine,
    /// Ticks since the start; advances together with the epoch.
    pub(crate) ticks: Arc<AtomicU64>,
    /// Dropped with the last handle, which ends the ticker.
    _ticker: Sender<Never>,
}

/// Nothing is ever sent to the ticker.
enum Never {}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// wasmtime refused the configuration.
    #[error("the WebAssembly engine could not be configured")]
    Configure(#[source] wasmtime::Error),
    /// The linker could not be filled.
    #[error("the imports of plugins could not be defined")]
    Link(#[source] wasmtime::Error),
    /// The operating system gave no thread.
    #[error("the epoch thread could not be started")]
    StartTicker(#[source] io::Error),
}

impl PluginEngine {
    /// An engine with room for so many calls at a time, and its running epoch.
    pub(crate) fn start(max_concurrent_calls: u32) -> Result<Self, EngineError> {
        let engine = pooled_or_on_demand(max_concurrent_calls).map_err(EngineError::Configure)?;
        let ticks = Arc::new(AtomicU64::new(0));
        let ticker = start_ticker(&engine, Arc::clone(&ticks)).map_err(EngineError::StartTicker)?;
        Ok(Self { engine, ticks, _ticker: ticker })
    }
}

/// An engine that only compiles. Its artifacts fit [`PluginEngine`]: how instances are allocated leaves no mark in code.
pub(crate) fn compile_only() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// The pool reserves address space for every slot at once; under a tight `ulimit -v` it falls back to memory on demand.
fn pooled_or_on_demand(max_concurrent_calls: u32) -> wasmtime::Result<Engine> {
    let mut pooled = config();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(max_concurrent_calls)));
    Engine::new(&pooled).or_else(|error| {
        tracing::warn!(error = %error, "no address space for the instance pool; plugin instances are allocated on demand");
        compile_only()
    })
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        // Stacks are pooled across tenants.
        .async_stack_zeroing(true)
        // The debug information of an untrusted file is not parsed, and a core dump would hold secrets.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .debug_info(false)
        // Proposals that no guest toolchain needs here, and that past advisories needed.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false);
    config
}

fn pool(max_concurrent_calls: u32) -> PoolingAllocationConfig {
    let calls = max_concurrent_calls.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(calls)
        .total_core_instances(calls.saturating_mul(limits::CORE_INSTANCES_MAX))
        .total_memories(calls.saturating_mul(2))
        .total_tables(calls.saturating_mul(4))
        // A stack that was given back may still wait to be zeroed.
        .total_stacks(calls.saturating_mul(2))
        .max_core_instances_per_component(limits::CORE_INSTANCES_MAX)
        .max_memories_per_component(limits::MEMORIES_MAX)
        .max_tables_per_component(limits::TABLES_MAX)
        .max_tables_per_module(limits::TABLES_MAX)
        .table_elements(limits::TABLE_ELEMENTS_MAX)
        .max_memory_size(usize::try_from(Limits::MEMORY_BYTES_CEILING).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(64 << 10)
        .max_unused_warm_slots(calls.min(16));
    pool
}

/// A thread of the operating system: a timer of the async runtime could be starved by the very guests it must stop.
fn start_ticker(engine: &Engine, ticks: Arc<AtomicU64>) -> io::Result<Sender<Never>> {
    let engine = engine.weak();
    let (ticker, ended) = mpsc::channel::<Never>();
    thread::Builder::new().name("plugin-epoch".to_owned()).spawn(move || {
        while matches!(ended.recv_timeout(TICK), Err(RecvTimeoutError::Timeout)) {
            let Some(engine) = engine.upgrade() else { break };
            ticks.fetch_add(1, Ordering::Relaxed);
            engine.increment_epoch();
        }
    })?;
    Ok(ticker)
}
