//! What every package declares, and what may lie at the top of the checkout.

use std::fs;

use toml::{Table, Value};

use super::tree::{Source, TREE, root};
use super::{Finding, assert_tidy};

/// The top level is a table of contents; dot-files and build output besides.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "host",
    "plugins",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "sdk",
    "target",
    "tests",
    "wit",
];

fn is_workspace_root(source: &Source) -> bool {
    source.path == "Cargo.toml"
}

/// Packages of the workspace; the hostile guests and the templates stand outside it.
fn packages() -> impl Iterator<Item = &'static Source> {
    let is_package = |source: &&Source| source.path.ends_with("/Cargo.toml");
    let outside = ["tests/guests/", "sdk/templates/"];
    TREE.iter().filter(is_package).filter(move |source| !outside.iter().any(|folder| source.path.starts_with(folder)))
}

fn check(source: &Source) -> Vec<Finding> {
    let table: Table = match source.text.parse() {
        Ok(table) => table,
        Err(_) => return vec![Finding::new(&source.path, 0, "it is not TOML", "mend it")],
    };
    let inherits = |keys: [&str; 2]| {
        let part = table.get(keys[0]).and_then(Value::as_table);
        let value = part.and_then(|part| part.get(keys[1]));
        value == Some(&Value::Boolean(true))
            || value.and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true))
    };
    let mut findings = Vec::new();
    for keys in [["lints", "workspace"], ["package", "license"], ["package", "edition"], ["package", "rust-version"]] {
        if !inherits(keys) {
            let instead = "inherit it with `workspace = true`";
            findings.push(Finding::new(
                &source.path,
                0,
                format!("`{}.{}` is not the workspace's", keys[0], keys[1]),
                instead,
            ));
        }
    }
    if table.get("package").and_then(|package| package.get("description")).is_none() {
        findings.push(Finding::new(&source.path, 0, "no `description`", "say in one sentence what the package is"));
    }
    findings.extend(own_versions(&table).map(|name| {
        let instead = "name version and features once, in the root's `workspace.dependencies`";
        Finding::new(&source.path, 0, format!("`{name}` has a version of its own"), instead)
    }));
    findings
}

/// Dependencies that do not come from the workspace.
fn own_versions(table: &Table) -> impl Iterator<Item = &String> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let tables = kinds.into_iter().filter_map(|kind| table.get(kind).and_then(Value::as_table));
    tables.flatten().filter(|(_, value)| value.get("workspace") != Some(&Value::Boolean(true))).map(|(name, _)| name)
}

#[test]
fn packages_inherit_what_the_workspace_says() {
    assert!(packages().count() >= 8, "the packages lie elsewhere");
    let findings: Vec<_> = packages().flat_map(check).collect();
    assert_tidy(&findings);
}

/// Packages of ours that a package may stand on, besides those for its tests.
const STANDS_ON: &[(&str, &[&str])] = &[
    ("wit/", &[]),
    ("sdk/macros/", &[]),
    ("sdk/testing/", &["keyferry", "keyferry-contract", "keyferry-sdk"]),
    ("sdk/", &["keyferry-contract", "keyferry-sdk-macros"]),
    ("plugins/", &["keyferry-sdk"]),
    ("host/", &["keyferry-contract"]),
    ("tests/", &["keyferry", "keyferry-contract"]),
];

fn stands_on_others(source: &Source) -> Vec<Finding> {
    let table: Table = source.text.parse().unwrap_or_default();
    let (_, allowed) =
        STANDS_ON.iter().find(|(folder, _)| source.path.starts_with(folder)).expect("a folder of packages");
    let dependencies = table.get("dependencies").and_then(Value::as_table).into_iter().flat_map(Table::keys);
    let ours = dependencies.filter(|name| name.starts_with("keyferry") && !allowed.contains(&name.as_str()));
    let instead = format!("it may stand on {allowed:?}");
    ours.map(|name| Finding::new(&source.path, 0, format!("it stands on `{name}`"), &instead)).collect()
}

#[test]
fn packages_stand_on_each_other_in_one_direction() {
    let findings: Vec<_> = packages().flat_map(stands_on_others).collect();
    assert_tidy(&findings);
    for (path, dependency) in
        [("host/Cargo.toml", "keyferry-sdk"), ("plugins/x/Cargo.toml", "keyferry"), ("sdk/Cargo.toml", "keyferry")]
    {
        let text = format!("[dependencies]\n{dependency}.workspace = true\n");
        assert_eq!(stands_on_others(&Source::new(path, &text)).len(), 1, "{path} on {dependency}");
    }
}

#[test]
fn packages_outside_the_workspace_have_the_licence_too() {
    let guests =
        TREE.iter().filter(|source| source.path.starts_with("tests/guests/") && source.path.ends_with("Cargo.toml"));
    let lacks = guests.filter(|source| !source.text.contains("license") && source.text.contains("[package]"));
    let findings: Vec<_> =
        lacks.map(|source| Finding::new(&source.path, 0, "no `license`", "`license = \"Apache-2.0\"`")).collect();
    assert_tidy(&findings);
}

#[test]
fn dependencies_are_used_by_some_package() {
    let root = TREE.iter().find(|source| is_workspace_root(source)).expect("the workspace has a manifest");
    let table: Table = root.text.parse().unwrap();
    let declared = table.get("workspace").and_then(|part| part.get("dependencies")).and_then(Value::as_table).unwrap();
    let is_used = |name: &str| {
        packages().any(|source| {
            source.text.lines().any(|line| {
                let key = line.split(['=', '.', ' ']).next().unwrap_or_default();
                key == name
            })
        })
    };
    // Packages of the workspace are there for whoever needs them.
    let foreign = declared.iter().filter(|(_, value)| value.get("path").is_none()).map(|(name, _)| name);
    let unused = foreign.filter(|name| !is_used(name));
    let findings: Vec<_> =
        unused.map(|name| Finding::new("Cargo.toml", 0, format!("no package uses `{name}`"), "remove it")).collect();
    assert_tidy(&findings);
}

#[test]
fn top_level_is_a_table_of_contents() {
    let names = fs::read_dir(root()).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let stray = names.filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()));
    let findings: Vec<_> = stray
        .map(|name| Finding::new(&name, 0, "it lies at the top level", "put it where its subject lives"))
        .collect();
    assert_tidy(&findings);
}

#[test]
fn careless_manifest_is_caught() {
    let good = "[package]\ndescription = 'x'\nlicense.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
                [lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n";
    assert_eq!(check(&Source::new("x/Cargo.toml", good)), []);
    for (from, to) in [
        ("license.workspace = true", "license = 'MIT'"),
        ("[lints]\nworkspace = true\n", ""),
        ("rust-version.workspace = true", ""),
        ("description = 'x'", ""),
        ("serde.workspace = true", "serde = '1'"),
        ("serde.workspace = true", "[dev-dependencies]\nserde = { version = '1' }"),
    ] {
        assert_eq!(check(&Source::new("x/Cargo.toml", &good.replace(from, to))).len(), 1, "{from} -> {to}");
    }
}
