//! Plugin sources: found, built, installed, and built anew when they change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::app::App;
use crate::build::{self, BuiltPlugin, Options};
use crate::cli::args::DevArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::service::context::HostCtx;

/// Changes of one save come in a burst; building begins when they pause for so long.
const SETTLE: Duration = Duration::from_millis(300);

/// A component that was built.
pub(super) struct Component {
    name: String,
    bytes: Vec<u8>,
}

/// The folders to build: those given, else the bundled plugins of the checkout that this program was built from.
pub(super) fn sources(arguments: &DevArguments) -> Result<Vec<PathBuf>, Failure> {
    if !arguments.plugins.is_empty() {
        return Ok(arguments.plugins.clone());
    }
    let Some(bundled) = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(|root| root.join("plugins")) else {
        return Ok(Vec::new());
    };
    let Ok(entries) = std::fs::read_dir(&bundled) else { return Ok(Vec::new()) };
    let mut folders: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join("Cargo.toml").is_file()).collect();
    folders.sort();
    Ok(folders)
}

/// Builds what changed.
pub(super) async fn build(sources: &[PathBuf], output: Output) -> Result<Vec<Component>, Failure> {
    let options = Options::from_environment()?;
    let built = build::build_all(sources, &options, &|line: &str| output.note(line)).await?;
    built.iter().map(read).collect()
}

fn read(plugin: &BuiltPlugin) -> Result<Component, Failure> {
    let bytes = std::fs::read(&plugin.path).map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
    Ok(Component { name: plugin.name.clone(), bytes })
}

/// Installs and activates components; one that fails is told, and the others go on.
pub(super) async fn install(
    app: &App,
    host: &HostCtx,
    components: Vec<Component>,
    output: Output,
) -> Result<(), Failure> {
    for component in components {
        match app.services.plugins.install_trusted(host, component.bytes).await {
            Ok(plugin) => output.note(&format!("plugin {} is active", plugin.value.record.id)),
            Err(error) => output.failure(&Failure {
                message: format!("plugin `{}` cannot be installed: {error}", component.name),
                ..Failure::from(error)
            }),
        }
    }
    Ok(())
}

/// Builds and installs anew whenever sources change; ends only when watching fails.
pub(super) async fn watch(
    arguments: &DevArguments,
    sources: Vec<PathBuf>,
    app: &App,
    host: &HostCtx,
    output: Output,
) -> Result<(), Failure> {
    if arguments.no_reload || sources.is_empty() {
        return std::future::pending().await;
    }
    let (changed, mut changes) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_change = event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_)));
        // A full channel already tells of a change.
        let _ = is_change.then(|| changed.try_send(()));
    });
    let mut watcher = watcher.map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
    for source in &sources {
        let watched = watcher.watch(&source.join("src"), RecursiveMode::Recursive);
        watched.map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
    }
    while changes.recv().await.is_some() {
        while tokio::time::timeout(SETTLE, changes.recv()).await.is_ok() {}
        output.note("plugin sources changed");
        match build(&sources, output).await {
            Ok(components) => install(app, host, components, output).await?,
            Err(failure) => output.failure(&failure),
        }
    }
    Ok(())
}
