//! Tells when the sources of plugins change.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::cli::exit::{Exit, Failure};

/// Changes of one save come in a burst; they are told when they pause for so long.
const SETTLE: Duration = Duration::from_millis(300);

/// Changes below some folders.
pub(super) struct Changes {
    told: mpsc::Receiver<()>,
    #[expect(dead_code, reason = "changes are told as long as it is there")]
    watcher: RecommendedWatcher,
}

impl Changes {
    /// Watches these projects from now on: all that lies in them, but for what is hidden or made by a build.
    ///
    /// # Errors
    /// When the operating system does not let it.
    pub(super) fn of(projects: &[PathBuf]) -> Result<Self, Failure> {
        let (tell, told) = mpsc::channel(1);
        let roots = projects.to_vec();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| is_change(&event, &roots)) {
                // A full channel already tells of a change.
                let _ = tell.try_send(());
            }
        });
        let mut watcher = watcher.map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
        for project in projects {
            watch(&mut watcher, project).map_err(|error| Failure::chain(Exit::Unexpected, &error))?;
        }
        Ok(Self { told, watcher })
    }

    /// Waits for changes, and for the quiet after them.
    ///
    /// # Errors
    /// When watching has failed.
    pub(super) async fn next(&mut self) -> Result<(), Failure> {
        let told = self.told.recv().await;
        told.ok_or_else(|| Failure::new(Exit::Unexpected, "plugin sources are no longer watched"))?;
        while tokio::time::timeout(SETTLE, self.told.recv()).await.is_ok_and(|told| told.is_some()) {}
        Ok(())
    }
}

/// The folder itself and each folder of sources in it: the target folder of a build is too large to be watched.
fn watch(watcher: &mut RecommendedWatcher, project: &Path) -> notify::Result<()> {
    watcher.watch(project, RecursiveMode::NonRecursive)?;
    for entry in std::fs::read_dir(project)?.flatten() {
        let path = entry.path();
        if path.is_dir() && is_source(&path, project) {
            watcher.watch(&path, RecursiveMode::Recursive)?;
        }
    }
    Ok(())
}

fn is_change(event: &Event, projects: &[PathBuf]) -> bool {
    let is_of_source = |path: &PathBuf| projects.iter().any(|project| is_source(path, project));
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(is_of_source)
}

/// Whether a path lies in a project and is neither hidden nor made by a build.
fn is_source(path: &Path, project: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(project) else { return false };
    let mut names = inside.components().map(|part| part.as_os_str().to_string_lossy());
    names.all(|name| !name.starts_with('.') && name != "target" && name != "Cargo.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_makes_is_no_source() {
        let project = Path::new("/home/ann/target/acme");
        for (path, expected) in [
            ("/home/ann/target/acme/src/lib.rs", true),
            ("/home/ann/target/acme/Cargo.toml", true),
            ("/home/ann/target/acme/fixtures/deep/a.json", true),
            ("/home/ann/target/acme/Cargo.lock", false),
            ("/home/ann/target/acme/target/plugins/acme.wasm", false),
            ("/home/ann/target/acme/src/.lib.rs.swp", false),
            ("/home/ann/target/acme/.git/index", false),
            ("/home/ann/target/other/src/lib.rs", false),
        ] {
            assert_eq!(is_source(Path::new(path), project), expected, "{path}");
        }
    }

    #[tokio::test]
    async fn changes_of_manifest_sources_and_folders_below_are_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let project = folder.path().canonicalize().expect("it is there");
        std::fs::create_dir_all(project.join("src/deep")).expect("it is writable");
        let mut changes = Changes::of(std::slice::from_ref(&project)).expect("it can be watched");
        for path in ["src/lib.rs", "src/deep/a.rs", "Cargo.toml"] {
            std::fs::write(project.join(path), "x").expect("it is writable");
            changes.next().await.expect("the change is told");
        }
    }
}
