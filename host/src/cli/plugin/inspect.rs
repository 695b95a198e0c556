//! `plugin inspect`: what a component is, and what would change if it took over from the installed version.

use std::path::Path;

use keyferry_contract::Metadata;
use serde_json::{Value, json};

use super::compare::{self, Side};
use super::{read_component, versions, words};
use crate::cli::args::ServerArguments;
use crate::cli::client::{Client, segment};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, table, text};
use crate::domain::integration::ValidMetadata;

/// Looks at a component; with a token also at the version of its plugin that the server has.
pub(super) async fn inspect(component: &Path, server: &ServerArguments, output: Output) -> Result<(), Failure> {
    let bytes = read_component(component)?;
    let inspected = crate::app::inspect(bytes, &crate::cli::serve::program(Default::default())?).await?;
    let metadata = ValidMetadata::parse(&inspected.metadata).map_err(|violations| {
        let mut failure = Failure::usage("no host would install it: its metadata makes no sense");
        failure.details = violations.iter().map(|found| format!("{}: {}", found.pointer, found.detail)).collect();
        failure
    })?;
    if metadata.sync.is_some() != inspected.has_destination {
        return Err(Failure::usage(
            "no host would install it: a plugin exports `destination` exactly when its metadata has `sync`",
        ));
    }
    let candidate = Side { metadata: &metadata, imports: inspected.imports.clone(), syncs: inspected.has_destination };
    let mut shown = json!({
        "digest": inspected.digest.to_string(),
        "bytes": inspected.component_bytes,
        "imports": inspected.imports,
        "canSync": inspected.has_destination,
        "metadata": *metadata,
    });
    if server.token.is_some()
        && let Some(comparison) = compared(&candidate, server, output).await
    {
        shown["comparison"] = comparison;
    }
    output.data(&shown, described);
    Ok(())
}

/// What would change at the server. A server that does not tell is no reason to show nothing.
async fn compared(candidate: &Side<'_>, server: &ServerArguments, output: Output) -> Option<Value> {
    match against_installed(candidate, server).await {
        Ok(comparison) => Some(comparison),
        Err(failure) => {
            output.note(&format!("not compared with the server: {}", failure.message));
            None
        }
    }
}

async fn against_installed(candidate: &Side<'_>, server: &ServerArguments) -> Result<Value, Failure> {
    let client = Client::new(server)?;
    let path = format!("/v1/plugins/{}", segment(&candidate.metadata.id));
    let plugin = match client.get(&path).await {
        Err(failure) if failure.exit == Exit::NotFound => return Ok(compare::first(candidate)),
        plugin => plugin?,
    };
    let metadata: Metadata = serde_json::from_value(client.get(&format!("{path}/metadata")).await?)
        .map_err(|_| Failure::new(Exit::Unexpected, "it answers with metadata that this program does not know"))?;
    let digest = text(&plugin, "/digest");
    let Some(version) = versions(&plugin).find(|version| text(version, "/digest") == digest) else {
        return Err(Failure::new(Exit::Unexpected, "it does not tell of the version that it runs"));
    };
    let imports = version.get("imports").and_then(Value::as_array).into_iter().flatten();
    let installed = Side {
        metadata: &metadata,
        imports: imports.filter_map(|import| import.as_str().map(str::to_owned)).collect(),
        syncs: version.get("hasDestination") == Some(&Value::Bool(true)),
    };
    let mut comparison = compare::between(&installed, candidate);
    comparison["installed"] = json!({
        "version": text(version, "/version"),
        "digest": digest,
        "isActive": version.get("isActive"),
    });
    Ok(comparison)
}

fn described(shown: &Value) -> String {
    let egress: Vec<Vec<String>> = shown
        .pointer("/metadata/egress")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|entry| vec![text(entry, "/id"), text(entry, "/host"), words(entry.get("methods")).join("/")])
        .collect();
    let heading = format!(
        "{} {} ({})\n{}\n{} bytes, can sync: {}",
        text(shown, "/metadata/id"),
        text(shown, "/metadata/version"),
        text(shown, "/metadata/displayName"),
        text(shown, "/digest"),
        text(shown, "/bytes"),
        text(shown, "/canSync"),
    );
    let egress = table(&["egress", "host", "methods"], &egress);
    let imports = match words(shown.get("imports")) {
        none if none.is_empty() => "imports nothing".to_owned(),
        imports => format!("IMPORTS\n{}", imports.join("\n")),
    };
    let comparison = shown.get("comparison").map(compare::described);
    [heading, egress, imports].into_iter().chain(comparison).collect::<Vec<_>>().join("\n\n")
}
