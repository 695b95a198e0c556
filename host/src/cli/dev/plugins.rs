//! Plugin sources: found, built, installed, and built anew when they change.

use std::path::{Path, PathBuf};

use super::changes::Changes;
use crate::app::App;
use crate::build::{self, BuiltPlugin, Options};
use crate::cli::args::DevArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::service::context::HostCtx;

/// A component that was built.
pub(super) struct Component {
    name: String,
    bytes: Vec<u8>,
    /// Whether it was built just now, or found as an earlier build left it.
    is_new: bool,
}

/// The folders to build: those given, else the bundled plugins of the checkout that this program was built from.
pub(super) fn sources(arguments: &DevArguments) -> Result<Vec<PathBuf>, Failure> {
    if !arguments.plugins.is_empty() {
        return arguments.plugins.iter().map(|folder| found(folder)).collect();
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

fn found(folder: &Path) -> Result<PathBuf, Failure> {
    let found = folder.canonicalize();
    found.map_err(|error| Failure::usage(format!("`{}` cannot be found: {error}", folder.display())))
}

/// Builds what changed.
pub(super) async fn build(sources: &[PathBuf], output: Output) -> Result<Vec<Component>, Failure> {
    let options = Options::from_environment()?;
    let built = build::build_all(sources, &options, &|line: &str| output.note(line)).await?;
    built.iter().map(read).collect()
}

fn read(plugin: &BuiltPlugin) -> Result<Component, Failure> {
    let bytes = std::fs::read(&plugin.path).map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
    Ok(Component { name: plugin.name.clone(), bytes, is_new: plugin.rebuilt })
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

/// Builds and installs anew whenever sources change. What cannot be built or installed is told, and what runs stays.
pub(super) async fn reload(
    mut changes: Changes,
    sources: &[PathBuf],
    app: &App,
    host: &HostCtx,
    output: Output,
) -> Result<(), Failure> {
    loop {
        changes.next().await?;
        output.note("plugin sources changed");
        match build(sources, output).await {
            Ok(mut components) => {
                components.retain(|component| component.is_new);
                if components.is_empty() {
                    output.note("nothing is to be built anew");
                }
                install(app, host, components, output).await?;
            }
            Err(failure) => {
                output.failure(&failure.hint("the plugins stay as they are until the sources can be built"))
            }
        }
    }
}
