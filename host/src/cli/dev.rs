//! `dev`: the host for one developer: bundled plugins built and installed, a tenant, a token, loopback open.

mod changes;
mod plugins;
mod seed;

use std::path::{Path, PathBuf};
use std::pin::pin;

use super::args::DevArguments;
use super::exit::{Exit, Failure};
use super::output::Output;
use super::serve;
use crate::app::{App, RootKeyOrigin};
use crate::config::{self, Overrides, source};
use crate::domain::Secret;
use crate::service::context::HostCtx;
use crate::service::plugins::PluginPolicy;
use changes::Changes;
use plugins::Component;

/// The tenant that `dev` makes.
const TENANT: &str = "dev";

/// Where a development host keeps its things.
struct Place {
    data: PathBuf,
    /// The folder around `data` where none was given; it is there as long as this is, and goes with it.
    temporary_folder: Option<tempfile::TempDir>,
}

/// Runs a development host until it is told to stop.
pub(super) async fn dev(arguments: &DevArguments, output: Output) -> Result<(), Failure> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Failure::usage("`dev` listens on loopback only").hint("`keyferry serve` is for other addresses"));
    }
    // Before there is anything that must not be left behind.
    let mut stop = pin!(serve::stop_signal());
    let place = place(arguments)?;
    let config = configured(arguments, &place)?;
    serve::begin_logging(&config)?;
    let sources = plugins::sources(arguments)?;
    // From before the first build on: nothing that is edited meanwhile is missed.
    let changes = if arguments.no_reload { None } else { Some(Changes::of(&sources)?) };
    let components = tokio::select! {
        components = plugins::build(&sources, output) => components?,
        () = &mut stop => {
            output.note("stopping");
            return Ok(());
        }
    };
    let app = App::start(&config, &serve::program(PluginPolicy { replaces_versions: true })?).await?;
    tokio::select! {
        outcome = work(&app, &place, components, (changes, &sources), output) => outcome?,
        () = stop => {}
    }
    output.note("stopping");
    app.stop().await?;
    Ok(())
}

/// Fills the host, and keeps its plugins up to date. Ends only when it fails.
async fn work(
    app: &App,
    place: &Place,
    components: Vec<Component>,
    (changes, sources): (Option<Changes>, &[PathBuf]),
    output: Output,
) -> Result<(), Failure> {
    let session = seed::session(app).await?;
    plugins::install(app, &session.host, components, output).await?;
    let environment = write_environment(&place.data, app, &session.token)?;
    greet(app, place, &environment, output);
    reload(changes, sources, (app, &session.host), output).await
}

/// Ends only when watching fails.
async fn reload(
    changes: Option<Changes>,
    sources: &[PathBuf],
    (app, host): (&App, &HostCtx),
    output: Output,
) -> Result<(), Failure> {
    match changes {
        Some(changes) => plugins::reload(changes, sources, app, host, output).await,
        None => std::future::pending().await,
    }
}

fn place(arguments: &DevArguments) -> Result<Place, Failure> {
    if let Some(data) = &arguments.data_dir {
        // What is told of it is entered in other folders too.
        let data = std::path::absolute(data).map_err(|error| Failure::chain(Exit::Usage, &error))?;
        return Ok(Place { data, temporary_folder: None });
    }
    let folder = tempfile::Builder::new().prefix("keyferry-dev-").tempdir();
    let folder = folder.map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
    Ok(Place { data: folder.path().join("data"), temporary_folder: Some(folder) })
}

/// The root key lies beside the data directory, never inside.
fn root_key_file(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(".root-key");
    data.with_file_name(name)
}

fn configured(arguments: &DevArguments, place: &Place) -> Result<config::Config, Failure> {
    let overrides = Overrides(vec![
        ("server", "listen", arguments.listen.to_string()),
        ("server", "requests_per_second", "0".to_owned()),
        ("store", "data_dir", place.data.display().to_string()),
        ("crypto", "root_provider", "file".to_owned()),
        ("crypto", "root_key_file", root_key_file(&place.data).display().to_string()),
        ("egress", "loopback", "*".to_owned()),
        ("egress", "plain_http", "localhost,127.0.0.1,[::1]".to_owned()),
    ]);
    Ok(config::load(None, &source::environment(), &overrides)?)
}

/// What scripts source to reach this host.
fn write_environment(data: &Path, app: &App, token: &Secret<String>) -> Result<PathBuf, Failure> {
    let path = data.join("dev.env");
    let lines =
        format!("KEYFERRY_URL=http://{}\nKEYFERRY_TOKEN={}\nKEYFERRY_TENANT={TENANT}", app.address, token.expose());
    serve::write_private(&path, &Secret::new(lines))?;
    Ok(path)
}

/// A word of a shell's command line that stands for exactly this.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn greet(app: &App, place: &Place, environment: &Path, output: Output) {
    let url = format!("http://{}", app.address);
    if let RootKeyOrigin::NewFile(path) = &app.root_key {
        output.note(&format!("made the root key {}", path.display()));
    }
    let kept = if place.temporary_folder.is_some() { "removed at the end" } else { "kept" };
    output.note(&format!(
        "\nDEVELOPMENT HOST: plugins may reach loopback over plain http, the token below may do everything.\n\n  \
         API       {url}      reference: {url}/docs\n  \
         data      {} ({kept})\n  \
         tenant    {TENANT}, with the environments dev, staging and prod\n\n\
         Try, in another terminal:\n\n  \
         set -a; . {}; set +a\n  \
         {program} secret set /app/GREETING=hello\n  \
         {program} integration list\n",
        place.data.display(),
        shell_word(&environment.display().to_string()),
        program = shell_word(&source::command_name()),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_read_a_word_back_as_it_was() {
        for (text, expected) in [
            ("/tmp/keyferry-dev-x1Yz/data/dev.env", "/tmp/keyferry-dev-x1Yz/data/dev.env"),
            ("/home/ann/my data", "'/home/ann/my data'"),
            ("/home/ann's/$data", r"'/home/ann'\''s/$data'"),
        ] {
            assert_eq!(shell_word(text), expected);
        }
    }
}
