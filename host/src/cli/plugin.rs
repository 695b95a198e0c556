//! `plugin`: write, build, inspect, install.

mod compare;
mod inspect;

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::args::{Language, PluginCommand, ServerArguments};
use super::client::{Client, segment};
use super::exit::{Exit, Failure};
use super::output::{Output, table, text};
use crate::build::{self, Options, Sdk};

pub(super) async fn run(command: PluginCommand, server: &ServerArguments, output: Output) -> Result<(), Failure> {
    match command {
        PluginCommand::New { name, lang, path } => new(&name, lang, path.as_deref(), output),
        PluginCommand::Build { paths } => build(&paths, output).await,
        PluginCommand::Inspect { component } => inspect::inspect(&component, server, output).await,
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
        let exit = exit_of(&error);
        match error {
            // cargo's own words were shown as they came.
            build::Error::Compile { plugins, stderr } => {
                let mut failure = Self::new(exit, format!("cannot build {}", plugins.join(", ")));
                failure.problem = Some(json!({ "detail": failure.message, "output": stderr }));
                failure
            }
            error => Self::chain(exit, &error),
        }
    }
}

/// Whether the author has something to mend, or this machine lacks something.
fn exit_of(error: &build::Error) -> Exit {
    match error {
        build::Error::Manifest { .. }
        | build::Error::Setting { .. }
        | build::Error::Compile { .. }
        | build::Error::NotAComponent { .. }
        | build::Error::Scaffold(_) => Exit::Usage,
        build::Error::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Exit::Usage,
        build::Error::Spawn { .. }
        | build::Error::TimedOut { .. }
        | build::Error::TargetUnavailable { .. }
        | build::Error::Fetch { .. }
        | build::Error::NoSources(_) => Exit::Unavailable,
        _ => Exit::Unexpected,
    }
}

fn new(name: &str, lang: Language, path: Option<&Path>, output: Output) -> Result<(), Failure> {
    let language = match lang {
        Language::Rust => build::Language::Rust,
    };
    let parent = path.unwrap_or_else(|| Path::new("."));
    let sdk = checkout_sdk().map_or_else(|| Sdk::Version(env!("CARGO_PKG_VERSION").to_owned()), Sdk::Path);
    let project = build::new_plugin(parent, name, language, &sdk)?;
    let folder = project.folder.strip_prefix("./").unwrap_or(&project.folder).display().to_string();
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

async fn install(
    component: &Path,
    (allow_plaintext, inactive): (bool, bool),
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let bytes = read_component(component)?;
    let digest = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&bytes)));
    output.note("uploading, compiling and inspecting the component");
    let mut plugin = client.upload("/v1/plugins", bytes).await?;
    if !inactive {
        let entries = egress(&plugin, &digest);
        for entry in &entries {
            let methods = words(entry.get("methods")).join("/");
            output.note(&format!("granting egress {}: {methods} {}", text(entry, "/id"), text(entry, "/host")));
        }
        if allow_plaintext {
            output.note("granting credentials in plain");
        }
        let ids: Vec<String> = entries.iter().map(|entry| text(entry, "/id")).collect();
        let activation = json!({ "digest": digest, "grants": { "egress": ids, "plaintext": allow_plaintext } });
        let path = format!("/v1/plugins/{}:activate", segment(&text(&plugin, "/id")));
        plugin = client.send(Method::POST, &path, &activation).await?;
    }
    output.data(&plugin, |plugin| installed(plugin, &digest));
    Ok(())
}

fn installed(plugin: &Value, digest: &str) -> String {
    let version = versions(plugin).find(|version| text(version, "/digest") == digest);
    let version = version.map(|version| text(version, "/version")).unwrap_or_default();
    let is_active = text(plugin, "/activeVersion") == version;
    format!("installed `{}` {version}{}", text(plugin, "/id"), if is_active { "" } else { ", which is not active" })
}

fn versions(plugin: &Value) -> impl Iterator<Item = &Value> {
    plugin.get("versions").and_then(Value::as_array).into_iter().flatten()
}

/// The egress entries that a version declares.
fn egress(plugin: &Value, digest: &str) -> Vec<Value> {
    let version = versions(plugin).find(|version| text(version, "/digest") == digest);
    version.and_then(|version| version.get("egress")?.as_array().cloned()).unwrap_or_default()
}

fn words(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
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
