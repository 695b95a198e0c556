//! `plugin`: write, build, inspect, install.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use super::args::{Language, PluginCommand, ServerArguments};
use super::client::{Client, segment};
use super::exit::{Exit, Failure};
use super::output::{Output, table, text};
use crate::build::{self, Options, Sdk};

pub(super) async fn run(command: PluginCommand, server: &ServerArguments, output: Output) -> Result<(), Failure> {
    match command {
        PluginCommand::New { name, lang, path } => new(&name, lang, path.as_deref(), output),
        PluginCommand::Build { paths } => build(&paths, output).await,
        PluginCommand::Inspect { component } => inspect(&component, output).await,
        PluginCommand::Install { component, allow_plaintext, inactive } => {
            let client = Client::new(server)?;
            install(&component, (allow_plaintext, inactive), &client, output).await
        }
        PluginCommand::List => {
            let items = Client::new(server)?.list("/v1/plugins").await?;
            output.data(&Value::Array(items), listing);
            Ok(())
        }
    }
}

impl From<build::Error> for Failure {
    fn from(error: build::Error) -> Self {
        Self::chain(Exit::Unexpected, &error)
    }
}

fn new(name: &str, lang: Language, path: Option<&Path>, output: Output) -> Result<(), Failure> {
    let language = match lang {
        Language::Rust => build::Language::Rust,
    };
    let parent = path.unwrap_or_else(|| Path::new("."));
    let sdk = checkout_sdk().map_or_else(|| Sdk::Version(env!("CARGO_PKG_VERSION").to_owned()), Sdk::Path);
    let project = build::new_plugin(parent, name, language, &sdk)?;
    let folder = project.folder.display().to_string();
    let made = json!({ "folder": folder, "files": project.files });
    output.data(&made, |_| {
        format!(
            "made {folder}; next:\n  cd {folder}\n  cargo test\n  keyferry plugin build\n  keyferry plugin install target/plugins/{name}.wasm"
        )
    });
    Ok(())
}

/// The SDK of the checkout that this program was built from, where it is still there.
fn checkout_sdk() -> Option<PathBuf> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("sdk");
    sdk.join("Cargo.toml").is_file().then_some(sdk)
}

async fn build(paths: &[PathBuf], output: Output) -> Result<(), Failure> {
    let options = Options::from_environment()?;
    let built = build::build_all(paths, &options, &|line: &str| output.note(line)).await?;
    let items: Vec<Value> = built
        .iter()
        .map(|plugin| {
            json!({ "name": plugin.name, "component": plugin.path, "digest": format!("sha256:{}", plugin.digest),
                "bytes": plugin.bytes, "rebuilt": plugin.rebuilt })
        })
        .collect();
    output.data(&Value::Array(items), |items| {
        let rows = items.as_array().into_iter().flatten();
        rows.map(|item| text(item, "/component")).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

fn read_component(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", path.display())))
}

async fn inspect(component: &Path, output: Output) -> Result<(), Failure> {
    let bytes = read_component(component)?;
    let inspected = crate::app::inspect(bytes, &super::serve::program(Default::default())?).await?;
    let metadata: Value = serde_json::from_str(&inspected.metadata).unwrap_or_default();
    let shown = json!({
        "digest": inspected.digest.to_string(),
        "bytes": inspected.component_bytes,
        "imports": inspected.imports,
        "canSync": inspected.has_destination,
        "metadata": metadata,
    });
    output.data(&shown, described);
    Ok(())
}

fn described(shown: &Value) -> String {
    let egress: Vec<Vec<String>> = shown
        .pointer("/metadata/egress")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|entry| vec![text(entry, "/id"), text(entry, "/host"), text(entry, "/methods")])
        .collect();
    format!(
        "{} {} ({})\n{}\n{} bytes, can sync: {}\n\n{}\n\nIMPORTS\n{}",
        text(shown, "/metadata/id"),
        text(shown, "/metadata/version"),
        text(shown, "/metadata/displayName"),
        text(shown, "/digest"),
        text(shown, "/bytes"),
        text(shown, "/canSync"),
        table(&["egress", "host", "methods"], &egress),
        shown
            .get("imports")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

async fn install(
    component: &Path,
    (allow_plaintext, inactive): (bool, bool),
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    output.note("uploading, compiling and inspecting the component");
    let mut plugin = client.upload("/v1/plugins", read_component(component)?).await?;
    let path = format!("/v1/plugins/{}", segment(&text(&plugin, "/id")));
    if !inactive {
        let digest = newest(&plugin);
        let entries: Vec<Value> = egress_ids(&plugin, &digest);
        let grants = json!({ "digest": digest, "egress": entries, "plaintext": allow_plaintext });
        client.send(Method::PUT, &format!("{path}/grants"), &grants).await?;
        plugin = client.send(Method::POST, &format!("{path}:activate"), &json!({ "digest": digest })).await?;
    }
    output.data(&plugin, |plugin| format!("installed `{}`", text(plugin, "/id")));
    Ok(())
}

fn versions(plugin: &Value) -> impl Iterator<Item = &Value> {
    plugin.get("versions").and_then(Value::as_array).into_iter().flatten()
}

/// The digest of the version that was installed last.
fn newest(plugin: &Value) -> String {
    let newest = versions(plugin).max_by_key(|version| version.get("installedAt").and_then(Value::as_i64));
    newest.map(|version| text(version, "/digest")).unwrap_or_default()
}

fn egress_ids(plugin: &Value, digest: &str) -> Vec<Value> {
    let version = versions(plugin).find(|version| text(version, "/digest") == digest);
    let entries = version.and_then(|version| version.get("egress")).and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(|entry| entry.get("id").cloned()).collect()
}

fn listing(items: &Value) -> String {
    let rows: Vec<Vec<String>> = items
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| vec![text(item, "/id"), text(item, "/version"), text(item, "/state"), text(item, "/digest")])
        .collect();
    table(&["id", "version", "state", "digest"], &rows)
}
