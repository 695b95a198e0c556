//! Benchmarks: Keyferry beside the barest thing that could do the same work, in one run and in turns.
//!
//! Machines differ, and are busy with other things: the ratio of two things that were measured in turns says more than
//! either of them.

mod bare;
mod creates;
mod load;
mod measure;
mod memory;
mod plugin_call;
mod processor;
mod reads;
mod report;
mod start;
mod sync;

use clap::ValueEnum;
use serde::Serialize;

use crate::program::Host;

pub use report::{Beside, Figure, Report};

/// The plugin that the rows with a real host use.
const PLUGIN: &str = "http";

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// Reads through the HTTP API, beside a bare axum handler
    Reads,
    /// Durable creates of secrets, beside bare redb
    Creates,
    /// Calls of a plugin, beside bare wasmtime
    Calls,
    /// Runs of a sync, beside a loop that sends the same requests
    Sync,
    /// Starts of the program
    Start,
    /// Memory and file size with many secrets
    Memory,
}

/// How much of everything is done.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rounds that count; one more goes before, to warm up.
    pub rounds: usize,
    /// Requests of one round of reads, per client.
    pub reads: usize,
    /// Durable writes of one round, per client.
    pub creates: usize,
    /// Calls of a plugin in one round.
    pub calls: usize,
    /// Keys of the sync.
    pub keys: usize,
    /// Plugins that a start finds installed.
    pub plugins: &'static [&'static str],
    /// Secrets in memory's row; a multiple of what one batch takes.
    pub secrets: usize,
}

impl Size {
    /// Minutes, for figures.
    pub const FULL: Self = Self {
        rounds: 7,
        reads: 1_000,
        creates: 100,
        calls: 2_000,
        keys: 1_000,
        plugins: &["aws-parameter-store", "consul-kv", PLUGIN],
        secrets: 100_000,
    };
    /// Seconds, to see that everything works.
    pub const TINY: Self =
        Self { rounds: 1, reads: 3, creates: 2, calls: 3, keys: 5, plugins: &[PLUGIN], secrets: 1_000 };
}

/// What to measure, and with which program.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The host's program, of the same build as the caller.
    pub program: &'static str,
    /// In this order.
    pub rows: Vec<Row>,
    pub size: Size,
}

/// Measures row by row. `told` hears the name of each row before it begins.
///
/// # Panics
/// When anything does not work as it should: a benchmark of failures would be none.
pub async fn run(settings: &Settings, told: &dyn Fn(Row)) -> Report {
    let Settings { program, rows, size } = settings;
    let mut host = None;
    let mut figures = Vec::new();
    for row in rows {
        told(*row);
        if matches!(row, Row::Reads | Row::Creates | Row::Sync) && host.is_none() {
            host = Some(Host::dev(program, &[PLUGIN]).await);
        }
        let host = || host.as_ref().expect("it was started");
        figures.extend(match row {
            Row::Reads => reads::run(host(), size).await,
            Row::Creates => creates::run(host(), size).await,
            Row::Calls => plugin_call::run(size).await,
            Row::Sync => sync::run(host(), size).await,
            Row::Start => start::run(program, size).await,
            Row::Memory => memory::run(program, size).await,
        });
    }
    Report::new(figures)
}
