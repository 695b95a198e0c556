//! Configuration -> adapters.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use super::error::StartError;
use crate::config::{self, Config, RootKey};
use crate::crypto::root::file;
use crate::crypto::{Keyring, LocalRoot};
use crate::domain::{Error, Secret};
use crate::egress::{EgressPolicy, HyperEgress, Loopback, RequestObserver, RequestRecord};
use crate::ports::clock::{Clock, SystemClock};
use crate::ports::kv::KvStore;
use crate::ports::meter::Meter;
use crate::records::{Records, system};
use crate::runtime::{CallReport, CodeCacheOptions, CompileLimits, CompileWorker, WasmRunner, WasmRunnerOptions};
use crate::service::context::Core;
use crate::service::host_key::code_cache_key;
use crate::service::plugins::PluginPolicy;
use crate::service::plugins::watch::WatchedRunner;
use crate::store::{IntegrityCheck, OpenError, RedbOptions, RedbStore};

/// What this process is.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program that compiles one component and ends, with its arguments: this one, with its hidden command.
    pub compile_worker: (PathBuf, Vec<OsString>),
    pub policy: PluginPolicy,
}

/// Where the root key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootKeyOrigin {
    /// A file that was there.
    File(PathBuf),
    /// A file that this start made: it is to be backed up apart from the data.
    NewFile(PathBuf),
    /// An environment variable.
    Environment(String),
}

/// What is done where there is no store yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    Make,
    Refuse,
}

/// Opens the store and its keys; the first start makes them.
pub(super) async fn store(
    config: &Config,
    absent: Absent,
) -> Result<(Arc<RedbStore>, RootKeyOrigin, Keyring), StartError> {
    let directory = &config.store.data_dir;
    if absent == Absent::Make {
        make_private(directory)?;
    }
    let store = Arc::new(open_store(config, absent == Absent::Make).await?);
    let kv: Arc<dyn KvStore> = store.clone();
    let wrapped = system::wrapped_keys(&kv).await.map_err(StartError::ReadStore)?;
    if wrapped.is_none() && absent == Absent::Refuse {
        // A first start ended before its first record: to every reader there is nothing yet.
        store.close().await.map_err(StartError::Close)?;
        return Err(StartError::Store(OpenError::Missing { path: store_file(config) }));
    }
    let (root, origin) = root_key(&config.crypto.root, directory, wrapped.is_none())?;
    let keyring = match wrapped {
        Some(wrapped) => Keyring::open(&root, &wrapped).await.map_err(StartError::Keyring)?,
        None => {
            let (keyring, wrapped) = Keyring::create(&root).await.map_err(StartError::Keyring)?;
            system::insert_wrapped_keys(&kv, &wrapped).await.map_err(StartError::ReadStore)?;
            keyring
        }
    };
    Ok((store, origin, keyring))
}

/// The file of the store.
pub(super) fn store_file(config: &Config) -> PathBuf {
    config.store.data_dir.join("keyferry.redb")
}

async fn open_store(config: &Config, creates_missing: bool) -> Result<RedbStore, StartError> {
    let integrity_check = match config.store.always_check_integrity {
        true => IntegrityCheck::Always,
        false => IntegrityCheck::AfterUncleanShutdown,
    };
    let options = RedbOptions { integrity_check, creates_missing, ..RedbOptions::default() };
    let path = store_file(config);
    let opened = tokio::task::spawn_blocking(move || RedbStore::open(&path, options)).await;
    opened.map_err(|error| StartError::Services(Error::internal(error)))?.map_err(StartError::Store)
}

fn make_private(directory: &Path) -> Result<(), StartError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|source| StartError::DataDirectory { path: directory.to_owned(), source })
}

/// The environment holds the key for as long as the process lives: no core dump and no other process of the user's gets at it
/// (prctl(2), `PR_SET_DUMPABLE`).
fn conceal_environment() {
    #[cfg(target_os = "linux")]
    if let Err(fault) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(error.causes = %fault, "the process can be dumped, and the root key with it");
    }
}

pub(super) fn root_key(
    root: &RootKey,
    data_directory: &Path,
    is_first_start: bool,
) -> Result<(LocalRoot, RootKeyOrigin), StartError> {
    match root {
        RootKey::Environment { variable, value } => {
            conceal_environment();
            let root = LocalRoot::from_text(value).map_err(StartError::RootKey)?;
            Ok((root, RootKeyOrigin::Environment(variable.clone())))
        }
        RootKey::File(path) => {
            let is_new = is_first_start && !path.exists();
            if is_new {
                path.parent().map_or(Ok(()), make_private)?;
                file::create(path, data_directory).map_err(StartError::RootKey)?;
            }
            let root = file::open(path, data_directory).map_err(StartError::RootKey)?;
            let origin = if is_new { RootKeyOrigin::NewFile(path.clone()) } else { RootKeyOrigin::File(path.clone()) };
            Ok((root, origin))
        }
    }
}

/// Puts records, runtime and egress together.
pub(super) async fn core(
    config: &Config,
    (store, keyring): (Arc<RedbStore>, Keyring),
    program: &Program,
    (meter, listener): (Arc<dyn Meter>, Option<SocketAddr>),
) -> Result<Core, StartError> {
    let records = Records::new(store, Arc::new(keyring));
    records.initialise().await.map_err(StartError::Services)?;
    let key = code_cache_key(&records).await.map_err(StartError::Services)?;
    let runner = runner(config, program, key, meter.clone())?;
    let egress = egress(&config.egress, meter, listener)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runner = WatchedRunner::new(Arc::new(runner), records.clone(), clock.clone());
    Ok(Core { records, clock, runner: Arc::new(runner), egress: Arc::new(egress) })
}

fn runner(
    config: &Config,
    program: &Program,
    key: Secret<[u8; 32]>,
    meter: Arc<dyn Meter>,
) -> Result<WasmRunner, StartError> {
    let (path, arguments) = program.compile_worker.clone();
    let worker = CompileWorker::ChildProcess { program: path, args: arguments };
    let limits = CompileLimits {
        memory_bytes: config.runtime.compile_memory_max,
        wall: config.runtime.compile_timeout,
        // Compilation runs on all processors, and each second of each counts.
        cpu: config.runtime.compile_timeout.saturating_mul(2),
    };
    let observer = move |report: &CallReport| {
        meter.plugin_call(&report.plugin, report.operation, report.outcome, report.usage.wall);
    };
    let options = WasmRunnerOptions {
        compile: limits,
        cache: Some(CodeCacheOptions { directory: config.store.data_dir.join("compiled"), key }),
        max_concurrent_calls: u32::try_from(config.runtime.calls_max).unwrap_or(u32::MAX),
        observer: Some(Arc::new(observer)),
        ..WasmRunnerOptions::new(worker)
    };
    WasmRunner::start(options).map_err(StartError::Runtime)
}

/// A runner that keeps nothing, to look at one component.
pub(super) fn bare_runner(program: &Program) -> Result<WasmRunner, StartError> {
    let (path, arguments) = program.compile_worker.clone();
    let worker = CompileWorker::ChildProcess { program: path, args: arguments };
    WasmRunner::start(WasmRunnerOptions::new(worker)).map_err(StartError::Runtime)
}

pub(super) fn egress(
    config: &config::Egress,
    meter: Arc<dyn Meter>,
    listener: Option<SocketAddr>,
) -> Result<HyperEgress, StartError> {
    let policy = EgressPolicy {
        private_networks: parsed("private_ranges", &config.private_ranges)?,
        loopback: match &config.loopback {
            config::Loopback::All => Loopback::Open,
            config::Loopback::Only(addresses) if addresses.is_empty() => Loopback::Closed,
            config::Loopback::Only(addresses) => Loopback::Only(addresses.clone()),
        },
        plain_http_hosts: parsed("plain_http", &config.plain_http)?,
        own_listeners: listener.into_iter().collect(),
        tenant_hosts: parsed("tenant_origins", &config.tenant_origins)?,
    };
    Ok(HyperEgress::builder(policy).observer(Arc::new(EgressMeter(meter))).build())
}

/// Counts what leaves the host.
struct EgressMeter(Arc<dyn Meter>);

impl RequestObserver for EgressMeter {
    fn request_ended(&self, record: &RequestRecord) {
        self.0.egress_request(&record.plugin, record.outcome.as_str(), record.duration);
    }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(key: &'static str, entries: &[String]) -> Result<Vec<T>, StartError> {
    let failed = |error: T::Err| StartError::Egress { key, detail: error.to_string() };
    entries.iter().map(|entry| entry.parse().map_err(failed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_root_key_from_the_environment_is_in_no_core_dump() {
        use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};
        set_dumpable_behavior(DumpableBehavior::Dumpable).expect("a process may be dumped");
        let value = Secret::from("6bde1c".repeat(10) + "11aa");
        let root = RootKey::Environment { variable: "KEYFERRY_ROOT_KEY".to_owned(), value };
        root_key(&root, Path::new("data"), true).map(drop).expect("it is a key");
        let behaviour = dumpable_behavior().expect("Linux tells");
        // Other tests share the process, and may look into `/proc/self`.
        set_dumpable_behavior(DumpableBehavior::Dumpable).expect("a process may be dumped");
        assert_eq!(behaviour, DumpableBehavior::NotDumpable);
    }
}
