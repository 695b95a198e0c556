//! The bundled plugins as components, built once by the project's own tool.

use std::fs;
use std::path::{Path, PathBuf};

use keyferry::build::{BuiltPlugin, Options, Silent, build_all};
use tokio::sync::OnceCell;

/// Every plugin in `plugins/`, in the order of names.
///
/// # Panics
/// When they do not build, with cargo's words.
pub async fn bundled_plugins() -> &'static [BuiltPlugin] {
    static BUILT: OnceCell<Vec<BuiltPlugin>> = OnceCell::const_new();
    BUILT
        .get_or_init(|| async {
            let options = Options::from_environment().expect("the environment is understood");
            let built = build_all(&folders(), &options, &Silent).await;
            built.unwrap_or_else(|error| panic!("{}", error.chain()))
        })
        .await
}

fn folders() -> Vec<PathBuf> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout").join("plugins");
    let entries = fs::read_dir(plugins).expect("the checkout has plugins").flatten().map(|entry| entry.path());
    let mut folders: Vec<_> = entries.filter(|path| path.join("Cargo.toml").is_file()).collect();
    folders.sort();
    folders
}
