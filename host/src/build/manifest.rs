//! Reads as much of cargo's manifests as it takes to know what a plugin is made of, without starting cargo.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use toml::{Table, Value};

use super::files::read_text;
use super::{Error, Result};

/// A plugin's package and the workspace that it is built in.
#[derive(Clone, Debug)]
pub(super) struct Manifest {
    /// The package's name.
    pub(super) name: String,
    /// The package's folder.
    pub(super) folder: PathBuf,
    /// The workspace's folder; the package's own when it is in none.
    pub(super) root: PathBuf,
    /// Every folder with a package that is compiled from path, its own included.
    pub(super) sources: BTreeSet<PathBuf>,
    /// The profile that plugins of this workspace are built with.
    pub(super) profile: &'static str,
}

/// Used where the workspace defines it, so that plugins are small while the workspace's other programs are fast.
const PLUGIN_PROFILE: &str = "plugin";

impl Manifest {
    /// Reads the manifest in `folder` and those that it leads to.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().map_err(Error::file("find", folder))?;
        let table = parse(&folder)?;
        let path = folder.join("Cargo.toml");
        let name =
            text_at(&table, &["package", "name"]).ok_or_else(|| Error::manifest(&path, "names no package"))?.to_owned();
        if !builds_cdylib(&table) {
            return Err(Error::manifest(
                &path,
                "has no `crate-type = [\"cdylib\"]` under `[lib]`, so it builds no plugin",
            ));
        }
        let root = workspace_root(&folder, &table)?;
        let root_table = parse(&root)?;
        let has_profile = at(&root_table, &["profile", PLUGIN_PROFILE]).is_some();
        let mut sources = BTreeSet::new();
        collect_sources(&folder, &root, &root_table, &mut sources)?;
        for patch in tables_at(&root_table, "patch") {
            collect_dependencies(&root, patch, (&root, &root_table), &mut sources)?;
        }
        Ok(Self { name, folder, root, sources, profile: if has_profile { PLUGIN_PROFILE } else { "release" } })
    }
}

fn parse(folder: &Path) -> Result<Table> {
    let path = folder.join("Cargo.toml");
    let text = read_text(&path)?;
    text.parse().map_err(|error: toml::de::Error| Error::manifest(path, format!("is not TOML: {}", error.message())))
}

fn at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (last, before) = keys.split_last()?;
    let table = before.iter().try_fold(table, |table, key| table.get(*key)?.as_table())?;
    table.get(*last)
}

fn text_at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a str> {
    at(table, keys)?.as_str()
}

/// The tables inside the table `key`.
fn tables_at<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_table).into_iter().flat_map(Table::values).filter_map(Value::as_table)
}

fn builds_cdylib(table: &Table) -> bool {
    let kinds = at(table, &["lib", "crate-type"]).and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.as_str() == Some("cdylib")))
}

/// Finds the workspace as cargo does: the package's own, the one it names, else the nearest above that does not exclude it.
fn workspace_root(folder: &Path, table: &Table) -> Result<PathBuf> {
    if table.contains_key("workspace") {
        return Ok(folder.to_owned());
    }
    if let Some(named) = text_at(table, &["package", "workspace"]) {
        let named = folder.join(named);
        return named.canonicalize().map_err(Error::file("find", &named));
    }
    for above in folder.ancestors().skip(1) {
        if !above.join("Cargo.toml").is_file() {
            continue;
        }
        let table = parse(above)?;
        if table.contains_key("workspace") {
            let excluded = at(&table, &["workspace", "exclude"]).and_then(Value::as_array).into_iter().flatten();
            let is_excluded = excluded.filter_map(Value::as_str).any(|path| folder.starts_with(above.join(path)));
            return Ok(if is_excluded { folder.to_owned() } else { above.to_owned() });
        }
    }
    Ok(folder.to_owned())
}

/// Adds the package in `folder` and everything that it depends on by path.
fn collect_sources(folder: &Path, root: &Path, root_table: &Table, sources: &mut BTreeSet<PathBuf>) -> Result<()> {
    let folder = normal(folder);
    if !sources.insert(folder.clone()) {
        return Ok(());
    }
    let table = parse(&folder)?;
    let by_platform = tables_at(&table, "target");
    for holder in std::iter::once(&table).chain(by_platform) {
        for kind in ["dependencies", "build-dependencies"] {
            if let Some(dependencies) = holder.get(kind).and_then(Value::as_table) {
                collect_dependencies(&folder, dependencies, (root, root_table), sources)?;
            }
        }
    }
    Ok(())
}

fn collect_dependencies(
    folder: &Path,
    dependencies: &Table,
    (root, root_table): (&Path, &Table),
    sources: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    for (name, dependency) in dependencies {
        let Some(dependency) = dependency.as_table() else { continue };
        let inherits = dependency.get("workspace").and_then(Value::as_bool) == Some(true);
        let place = if inherits {
            text_at(root_table, &["workspace", "dependencies", name, "path"]).map(|path| root.join(path))
        } else {
            text_at(dependency, &["path"]).map(|path| folder.join(path))
        };
        if let Some(place) = place {
            collect_sources(&place, root, root_table, sources)?;
        }
    }
    Ok(())
}

/// Resolves `..` in the text of a path, so that one folder is not taken for two.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut whole, part| {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            part => whole.push(part),
        }
        whole
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const PLUGIN: &str = "[package]\nname = 'acme'\n[lib]\ncrate-type = ['cdylib', 'rlib']\n";

    #[test]
    fn path_dependencies_are_followed_through_the_workspace() {
        let root = tree(&[
            (
                "Cargo.toml",
                "[workspace]\n[workspace.dependencies]\nsdk = { path = 'sdk' }\n[profile.plugin]\ninherits = 'release'\n",
            ),
            ("plugins/acme/Cargo.toml", &format!("{PLUGIN}[dependencies]\nsdk.workspace = true\nserde = '1'\n")),
            (
                "sdk/Cargo.toml",
                "[package]\nname = 'sdk'\n[target.'cfg(unix)'.dependencies]\nwit = { path = '../wit' }\n",
            ),
            ("wit/Cargo.toml", "[package]\nname = 'wit'\n[dependencies]\nsdk = { path = '../sdk' }\n"),
            ("host/Cargo.toml", "[package]\nname = 'host'\n"),
        ]);
        let manifest = Manifest::read(&root.path().join("plugins/acme")).unwrap();
        let root = root.path().canonicalize().unwrap();
        assert_eq!(
            (manifest.name.as_str(), manifest.root.as_path(), manifest.profile),
            ("acme", root.as_path(), "plugin")
        );
        let expected = ["plugins/acme", "sdk", "wit"].map(|folder| root.join(folder));
        assert_eq!(manifest.sources, BTreeSet::from(expected));
    }

    #[test]
    fn workspace_is_found_as_cargo_finds_it() {
        for (own, above, expected) in [
            ("[workspace]\n", "[workspace]\n", "inner/acme"),
            ("", "[workspace]\nexclude = ['inner']\n", "inner/acme"),
            ("", "[workspace]\n", ""),
            ("", "[package]\nname = 'other'\n", "inner/acme"),
        ] {
            let root = tree(&[("inner/acme/Cargo.toml", &format!("{PLUGIN}{own}")), ("Cargo.toml", above)]);
            let manifest = Manifest::read(&root.path().join("inner/acme")).unwrap();
            assert_eq!(manifest.root, root.path().canonicalize().unwrap().join(expected), "{own} under {above}");
        }
    }

    #[test]
    fn what_is_no_plugin_is_refused_with_the_reason() {
        for (text, problem) in [
            ("[package]\nname = 'acme'\n", "cdylib"),
            ("[workspace]\n", "names no package"),
            ("not toml", "is not TOML"),
        ] {
            let root = tree(&[("Cargo.toml", text)]);
            let error = Manifest::read(root.path()).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
        let error = Manifest::read(Path::new("/no/such/folder")).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
    }
}
