//! `serve` and `check`.

use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::args::ServeArguments;
use super::exit::{Exit, Failure};
use super::output::Output;
use crate::app::{self, App, Ground, Program, RootKeyOrigin, StartError};
use crate::config::{self, Config, ConfigError, Overrides, source};
use crate::domain::Secret;
use crate::service::identities::TOKEN_TTL_DEFAULT;
use crate::service::plugins::PluginPolicy;
use crate::telemetry::{self, LogFormat};

const ANOTHER_TOKEN: &str = "`keyferry token --administrator` makes another while the host is stopped";

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let failure = match error {
            ConfigError::Invalid(problems) => {
                Self { details: problems, ..Self::usage("the configuration is not valid") }
            }
            error => Self::chain(Exit::Usage, &error),
        };
        failure.hint("every option is described in host/config.default.toml")
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let failure = Self::chain(Exit::of_class(error.class()), &error);
        match error.remedy() {
            Some(remedy) => failure.hint(remedy),
            None => failure,
        }
    }
}

/// Runs the host until it is told to stop.
pub(super) async fn serve(arguments: &ServeArguments, output: Output) -> Result<(), Failure> {
    let config = host(arguments)?;
    begin_logging(&config)?;
    if let Some(path) = &arguments.administrator_token_file
        && app::is_first_start(&config)
    {
        check_writable(path)?;
    }
    // Listened for before anybody can see that the host is ready, and may want it to stop.
    let stop = stop_signal();
    let app = App::start(&config, &program(PluginPolicy::default())?).await?;
    let announced = announce(&app, arguments, output);
    if announced.is_ok() {
        stop.await;
        output.note("stopping");
    }
    app.stop().await?;
    announced
}

/// Checks everything that a start needs, without serving, and without making a store or a root key.
pub(super) async fn check(arguments: &ServeArguments, output: Output) -> Result<(), Failure> {
    let config = host(arguments)?;
    telemetry::check_filter(&config.telemetry.log).map_err(|error| Failure::chain(Exit::Usage, &error))?;
    let program = program(PluginPolicy::default())?;
    let (report, told) = match Ground::find(&config, &program).await? {
        Some(ground) => {
            check_ground(ground).await?;
            let report = json!({ "configuration": "ok", "store": "ok", "rootKey": "ok", "plugins": "ok" });
            (report, "configuration, store, root key and plugins are in order".to_owned())
        }
        None => first_start(&config, &app::check_first_start(&config, &program)?),
    };
    app::check_address(&config).await?;
    output.data(&report, |_| told);
    Ok(())
}

/// What is told where there is no store yet.
fn first_start(config: &Config, root_key: &RootKeyOrigin) -> (Value, String) {
    let (is_there, made) = match root_key {
        RootKeyOrigin::NewFile(path) => ("absent", format!(", and the root key `{}`", path.display())),
        RootKeyOrigin::File(_) | RootKeyOrigin::Environment(_) => ("ok", String::new()),
    };
    let report = json!({ "configuration": "ok", "store": "absent", "rootKey": is_there, "plugins": "ok" });
    let directory = config.store.data_dir.display();
    (report, format!("the configuration is in order; there is no store in `{directory}` yet: `serve` makes it{made}"))
}

async fn check_ground(ground: Ground) -> Result<(), Failure> {
    ground.services.check_ready().await?;
    let failed = ground.services.plugins.load_active().await?;
    ground.close().await?;
    if !failed.is_empty() {
        let mut failure = Failure::new(Exit::Unavailable, "not every active plugin can be loaded");
        failure.details = failed.into_iter().map(|(plugin, error)| format!("{plugin}: {error}")).collect();
        return Err(failure);
    }
    Ok(())
}

fn host(arguments: &ServeArguments) -> Result<Config, Failure> {
    configured(arguments.config.as_deref(), arguments.listen, arguments.data_dir.as_deref())
}

/// The configuration of the host on this machine.
pub(super) fn configured(
    file: Option<&Path>,
    listen: Option<SocketAddr>,
    data_dir: Option<&Path>,
) -> Result<Config, Failure> {
    let mut overrides = Overrides::default();
    if let Some(listen) = listen {
        overrides.0.push(("server", "listen", listen.to_string()));
    }
    if let Some(directory) = data_dir {
        overrides.0.push(("store", "data_dir", directory.display().to_string()));
    }
    Ok(config::load(file, &source::environment(), &overrides)?)
}

pub(super) fn begin_logging(config: &Config) -> Result<(), Failure> {
    let format = if config.telemetry.json { LogFormat::Json } else { LogFormat::Text };
    telemetry::begin_logging(format, &config.telemetry.log).map_err(|error| Failure::chain(Exit::Usage, &error))
}

/// This program, which is its own compile worker.
pub(super) fn program(policy: PluginPolicy) -> Result<Program, Failure> {
    let path = source::current_program().map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
    Ok(Program { compile_worker: (path, vec![OsString::from("compile-worker")]), policy })
}

fn announce(app: &App, arguments: &ServeArguments, output: Output) -> Result<(), Failure> {
    output.note(&format!("listening on http://{}", app.address));
    match &app.root_key {
        RootKeyOrigin::NewFile(path) => output.note(&format!(
            "made the root key {}: keep a copy of it apart from the data; without it nothing stored can be read",
            path.display()
        )),
        RootKeyOrigin::File(path) => output.note(&format!("root key: {}", path.display())),
        RootKeyOrigin::Environment(variable) => output.note(&format!(
            "root key: ${variable}; whoever may read the environment of this process has it too: a file is safer"
        )),
    }
    let Some(token) = &app.administrator_token else { return Ok(()) };
    let days = TOKEN_TTL_DEFAULT.as_secs() / 86_400;
    match &arguments.administrator_token_file {
        Some(path) => {
            write_private(path, token).map_err(|failure| failure.hint(ANOTHER_TOKEN))?;
            output.note(&format!("wrote the administrator's token, good for {days} days, to {}", path.display()));
        }
        None => {
            let token = token.expose();
            output.note(&format!("the administrator's token, good for {days} days, shown this once: {token}"));
        }
    }
    output.note(ANOTHER_TOKEN);
    Ok(())
}

/// Fails unless a file can be written there, and leaves everything as it is.
fn check_writable(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let opened = match path.exists() {
        true => std::fs::OpenOptions::new().write(true).open(path),
        false => tempfile::tempfile_in(folder),
    };
    opened.map(drop).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("`{}` cannot be written: {error}", path.display()))
}

pub(super) fn write_private(path: &Path, content: &Secret<String>) -> Result<(), Failure> {
    let opened = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let written = opened.and_then(|mut file| {
        // The mode above is for a new file only: one that was there may be open to others.
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.set_len(0)?;
        writeln!(file, "{}", content.expose())
    });
    written.map_err(|error| unwritable(path, &error))
}

/// The signal to stop, SIGINT or SIGTERM; either counts from now on, awaited or not.
pub(super) fn stop_signal() -> impl Future<Output = ()> {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        match signals {
            [Ok(mut interrupt), Ok(mut terminate)] => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            // Without a handler the signal ends the process by itself.
            _ => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_open_to_others_is_closed_before_a_secret_is_written() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("token");
        std::fs::write(&path, "something much longer than the token").expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("opened to others");
        write_private(&path, &Secret::from("token")).expect("written");
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).expect("readable"), "token\n");
    }
}
