//! Reads files and environment, merges them in their order, and refuses what no option is called.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};

use super::reader::Reader;
use super::{Config, Crypto, Egress, Loopback, RootKey, Runtime, Server, Store, Sync, Telemetry};
use crate::domain::Secret;

/// Every option with its default.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");
/// Environment variables of options begin with this.
const PREFIX: &str = "KEYFERRY__";
/// The operating system limits processor time in whole seconds.
const COMPILE_TIMEOUT_LEAST: (Duration, &str) = (Duration::from_secs(1), "`1s`");
/// Against slips of the unit, such as `512` without one.
const COMPILE_MEMORY_LEAST: (u64, &str) = (64 << 20, "`64MiB`");

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("`{}` cannot be read", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` is not TOML", .path.display())]
    Parse {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Every option that is unknown or has a wrong value, with where it came from.
    #[error("the configuration is not valid:\n{}", .0.join("\n"))]
    Invalid(Vec<String>),
}

/// What flags say: `(section, key, value)`, stronger than all else.
#[derive(Clone, Debug, Default)]
pub struct Overrides(pub Vec<(&'static str, &'static str, String)>);

/// The environment as the host sees it.
pub type Environment = Vec<(String, String)>;

/// The process's environment.
#[must_use]
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The path of this program.
///
/// # Errors
/// When the operating system does not tell.
pub fn current_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// What calls this program from here: its name, where the shell would find it by that, else its path.
#[must_use]
pub fn command_name() -> String {
    let name = env!("CARGO_PKG_NAME");
    let Ok(path) = current_program() else { return name.to_owned() };
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|candidate| candidate.is_file());
    if found.is_some_and(|found| found.canonicalize().is_ok_and(|found| found == path)) {
        return name.to_owned();
    }
    let below = std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.unwrap_or(path).display().to_string()
}

/// The value of one variable.
#[must_use]
pub fn variable(environment: &Environment, name: &str) -> Option<String> {
    environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

/// Resolves the configuration: flags, then environment, then the file, then the defaults.
///
/// # Errors
/// [`ConfigError`]; an invalid configuration tells of every problem at once.
pub fn load(file: Option<&Path>, environment: &Environment, overrides: &Overrides) -> Result<Config, ConfigError> {
    let mut reader = Reader::new(defaults());
    if let Some(path) = file {
        reader.merge(parse(path)?, &path.display().to_string());
    }
    reader.merge(from_environment(environment), "the environment");
    reader.merge(from_overrides(overrides), "the command line");
    let config = resolve(&mut reader, environment);
    let problems = reader.into_problems();
    if problems.is_empty() { Ok(config) } else { Err(ConfigError::Invalid(problems)) }
}

fn defaults() -> Table {
    DEFAULTS.parse().expect("the built-in defaults are TOML: a test holds them")
}

fn parse(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    text.parse().map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
}

fn from_environment(environment: &Environment) -> Table {
    let mut table = Table::new();
    for (name, value) in environment {
        let Some((section, key)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__")) else { continue };
        put(&mut table, &section.to_lowercase(), &key.to_lowercase(), value);
    }
    table
}

fn from_overrides(overrides: &Overrides) -> Table {
    let mut table = Table::new();
    for (section, key, value) in &overrides.0 {
        put(&mut table, section, key, value);
    }
    table
}

fn put(table: &mut Table, section: &str, key: &str, value: &str) {
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(section) = section {
        section.insert(key.to_owned(), Value::String(value.to_owned()));
    }
}

fn resolve(reader: &mut Reader, environment: &Environment) -> Config {
    Config {
        server: Server {
            listen: reader
                .parsed("server", "listen", "an address and port, as `127.0.0.1:8080`")
                .unwrap_or_else(|| ([127, 0, 0, 1], 8080).into()),
            requests_per_second: reader.number("server", "requests_per_second"),
            requests_burst: reader.at_least(Reader::number, ("server", "requests_burst"), (1, "1")),
            shutdown_timeout: reader.duration("server", "shutdown_timeout"),
        },
        store: Store {
            data_dir: reader.folder("store", "data_dir"),
            always_check_integrity: reader.one_of("store", "integrity_check", &["after-unclean-shutdown", "always"])
                == 1,
        },
        crypto: Crypto { root: root_key(reader, environment) },
        runtime: Runtime {
            calls_max: reader.at_least(Reader::number, ("runtime", "calls_max"), (1, "1")),
            compile_timeout: reader.at_least(Reader::duration, ("runtime", "compile_timeout"), COMPILE_TIMEOUT_LEAST),
            compile_memory_max: reader.at_least(Reader::bytes, ("runtime", "compile_memory_max"), COMPILE_MEMORY_LEAST),
        },
        egress: Egress {
            private_ranges: reader.list("egress", "private_ranges"),
            loopback: loopback(reader),
            plain_http: reader.list("egress", "plain_http"),
            tenant_origins: reader.list("egress", "tenant_origins"),
        },
        sync: Sync {
            runs_max: reader.at_least(Reader::number, ("sync", "runs_max"), (1, "1")),
            drift_check_interval: reader.duration("sync", "drift_check_interval"),
        },
        telemetry: Telemetry {
            log: reader.text("telemetry", "log"),
            json: reader.one_of("telemetry", "log_format", &["text", "json"]) == 1,
        },
    }
}

fn loopback(reader: &mut Reader) -> Loopback {
    let entries = reader.list("egress", "loopback");
    if entries.iter().any(|entry| entry == "*") {
        return Loopback::All;
    }
    let mut addresses = Vec::new();
    for entry in entries {
        match entry.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => reader.problem("egress", "loopback", "holds addresses as `127.0.0.1:8200`, or `*`"),
        }
    }
    Loopback::Only(addresses)
}

fn root_key(reader: &mut Reader, environment: &Environment) -> RootKey {
    if reader.one_of("crypto", "root_provider", &["file", "env"]) == 0 {
        let path = reader.text("crypto", "root_key_file");
        return RootKey::File(if path.is_empty() { default_root_key_file(environment) } else { path.into() });
    }
    let name = reader.text("crypto", "root_key_variable");
    let value = variable(environment, &name);
    if value.is_none() {
        reader.problem("crypto", "root_key_variable", "names a variable that is not set");
    }
    RootKey::Environment { variable: name, value: Secret::new(value.unwrap_or_default()) }
}

/// `keyferry/root.key` under the user's configuration directory (XDG Base Directory Specification).
fn default_root_key_file(environment: &Environment) -> PathBuf {
    let base = variable(environment, "XDG_CONFIG_HOME").filter(|base| !base.is_empty()).map(PathBuf::from);
    let base = base.or_else(|| variable(environment, "HOME").map(|home| PathBuf::from(home).join(".config")));
    base.unwrap_or_else(|| PathBuf::from("/etc")).join("keyferry").join("root.key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_defaults_are_valid() {
        let config = load(None, &env(&[("HOME", "/home/a")]), &Overrides::default()).expect("valid defaults");
        assert_eq!(config.server.shutdown_timeout, Duration::from_secs(20));
        assert_eq!(config.runtime.compile_memory_max, 2 << 30);
        let RootKey::File(path) = config.crypto.root else { panic!("a file by default") };
        assert_eq!(path, PathBuf::from("/home/a/.config/keyferry/root.key"));
    }

    #[test]
    fn flags_win_over_environment_and_environment_over_file() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("keyferry.toml");
        std::fs::write(&file, "[server]\nlisten = \"127.0.0.1:1\"\nrequests_burst = 7\n[store]\ndata_dir = \"file\"\n")
            .expect("written");
        let environment =
            env(&[("KEYFERRY__SERVER__LISTEN", "127.0.0.1:2"), ("KEYFERRY__STORE__DATA_DIR", "environment")]);
        let overrides = Overrides(vec![("store", "data_dir", "flag".to_owned())]);
        let config = load(Some(&file), &environment, &overrides).expect("valid");
        assert_eq!(config.server.listen.port(), 2);
        assert_eq!(config.server.requests_burst, 7);
        assert_eq!(config.store.data_dir, PathBuf::from("flag"));
    }

    #[test]
    fn values_that_nothing_works_with_are_refused_with_the_least_that_does() {
        for (name, least, below, detail) in [
            ("KEYFERRY__SYNC__RUNS_MAX", "1", "0", "`sync.runs_max` in the environment must be at least 1"),
            ("KEYFERRY__RUNTIME__CALLS_MAX", "1", "0", "`runtime.calls_max` in the environment must be at least 1"),
            (
                "KEYFERRY__RUNTIME__COMPILE_TIMEOUT",
                "1s",
                "999ms",
                "`runtime.compile_timeout` in the environment must be at least `1s`",
            ),
            (
                "KEYFERRY__RUNTIME__COMPILE_MEMORY_MAX",
                "64MiB",
                "1B",
                "`runtime.compile_memory_max` in the environment must be at least `64MiB`",
            ),
            ("KEYFERRY__STORE__DATA_DIR", "x", "", "`store.data_dir` in the environment must name a folder"),
        ] {
            let with = |value| load(None, &env(&[(name, value)]), &Overrides::default());
            assert!(with(least).is_ok(), "{name}={least}");
            let Err(ConfigError::Invalid(problems)) = with(below) else { panic!("{name}={below} is taken") };
            assert_eq!(problems, [detail]);
        }
    }

    #[test]
    fn every_problem_is_told_at_once_with_the_nearest_name() {
        let environment = env(&[
            ("KEYFERRY__SERVER__LISTN", "x"),
            ("KEYFERRY__SERVER__SHUTDOWN_TIMEOUT", "10"),
            ("KEYFERRY__SYNC__RUNS_MAX", "-1"),
        ]);
        let Err(ConfigError::Invalid(problems)) = load(None, &environment, &Overrides::default()) else {
            panic!("invalid")
        };
        let text = problems.join("\n");
        assert_eq!(problems.len(), 3, "{text}");
        assert!(text.contains("`server.listn`") && text.contains("`listen`"), "{text}");
        assert!(text.contains("`server.shutdown_timeout`") && text.contains("`sync.runs_max`"), "{text}");
    }
}
