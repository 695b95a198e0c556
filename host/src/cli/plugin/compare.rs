//! What changes from one version of a plugin to another: what it may do, imports, hosts, metadata. Pure.

use std::collections::{BTreeMap, BTreeSet};

use keyferry_contract::{EgressEntry, Metadata};
use serde_json::{Map, Value, json};

use crate::cli::output::text;
use crate::service::plugins::capability::{CapabilityDiff, wants_plaintext};

/// One version.
pub(super) struct Side<'a> {
    pub(super) metadata: &'a Metadata,
    pub(super) imports: Vec<String>,
    /// Whether it has a destination to sync to.
    pub(super) syncs: bool,
}

/// What a plugin brings that is not installed yet: everything.
pub(super) fn first(candidate: &Side<'_>) -> Value {
    json!({ "installed": null, "needsReview": CapabilityDiff::between(None, candidate.metadata).asks_for_more() })
}

/// What changes when `next` takes over.
pub(super) fn between(installed: &Side<'_>, next: &Side<'_>) -> Value {
    let mut differences = Differences::default();
    differences.walk("", &described_metadata(installed.metadata), &described_metadata(next.metadata));
    json!({
        "needsReview": CapabilityDiff::between(Some(installed.metadata), next.metadata).asks_for_more(),
        "capabilities": step(&capabilities(installed), &capabilities(next)),
        "imports": step(&set(&installed.imports), &set(&next.imports)),
        "hosts": step(&hosts(installed.metadata), &hosts(next.metadata)),
        "metadata": differences.into_json(),
    })
}

fn step(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Value {
    json!({ "added": after.difference(before).collect::<Vec<_>>(), "removed": before.difference(after).collect::<Vec<_>>() })
}

fn set(words: &[String]) -> BTreeSet<String> {
    words.iter().cloned().collect()
}

fn hosts(metadata: &Metadata) -> BTreeSet<String> {
    metadata.egress.iter().map(|entry| entry.host.clone()).collect()
}

/// What the version may do once its grants are given, each as a phrase.
fn capabilities(side: &Side<'_>) -> BTreeSet<String> {
    let mut capabilities: BTreeSet<String> = side.metadata.egress.iter().map(egress).collect();
    let others = [
        (wants_plaintext(side.metadata), "credentials in plain"),
        (side.syncs, "syncs to a destination"),
        (side.metadata.custom_settings_metadata.is_some(), "executes CUSTOM integrations"),
    ];
    capabilities.extend(others.into_iter().filter(|(has, _)| *has).map(|(_, phrase)| phrase.to_owned()));
    capabilities
}

fn egress(entry: &EgressEntry) -> String {
    let ports = entry.ports.iter().map(|port| format!(":{port}")).collect::<Vec<_>>().join(",");
    let signing =
        entry.signing.as_ref().map(|signing| format!(", signed for {} in {}", signing.service, signing.region));
    format!("egress {}: {} {}{ports}{}", entry.id, entry.methods.join("/"), entry.host, signing.unwrap_or_default())
}

/// The metadata without egress, which stands among the capabilities.
fn described_metadata(metadata: &Metadata) -> Value {
    let mut value = serde_json::to_value(metadata).unwrap_or_default();
    value.as_object_mut().map(|members| members.remove("egress"));
    value
}

/// Differences by place, such as `configMetadata.parametersMetadata.region.required`.
#[derive(Debug, Default)]
struct Differences {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<Value>,
}

impl Differences {
    fn walk(&mut self, path: &str, before: &Value, after: &Value) {
        if before == after {
            return;
        }
        if let (Some(before), Some(after)) = (members(before), members(after)) {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let absent = Value::Null;
                self.walk(&place, before.get(name).unwrap_or(&absent), after.get(name).unwrap_or(&absent));
            }
        } else if before.is_null() {
            self.added.push(path.to_owned());
        } else if after.is_null() {
            self.removed.push(path.to_owned());
        } else {
            self.changed.push(json!({ "path": path, "from": before, "to": after }));
        }
    }

    fn into_json(self) -> Value {
        json!({ "added": self.added, "removed": self.removed, "changed": self.changed })
    }
}

/// The members of an object; a list counts as one whose items have names or are text, so that their order does not matter.
fn members(value: &Value) -> Option<BTreeMap<String, Value>> {
    match value {
        Value::Object(members) => Some(members.iter().map(|(name, value)| (name.clone(), value.clone())).collect()),
        Value::Array(items) => {
            let named: Option<BTreeMap<String, Value>> =
                items.iter().map(|item| Some((name_of(item)?, item.clone()))).collect();
            named.filter(|named| named.len() == items.len())
        }
        _ => None,
    }
}

fn name_of(item: &Value) -> Option<String> {
    match item {
        Value::String(text) => Some(text.clone()),
        Value::Object(members) => name_in(members),
        _ => None,
    }
}

fn name_in(members: &Map<String, Value>) -> Option<String> {
    let names = ["id", "name", "field", "value"].into_iter().filter_map(|key| members.get(key)?.as_str());
    names.map(str::to_owned).next()
}

/// A comparison as text.
pub(super) fn described(comparison: &Value) -> String {
    let review = comparison.get("needsReview") == Some(&Value::Bool(true));
    let review = if review { "an administrator has to agree to it" } else { "it inherits the grants" };
    if comparison.get("installed").is_none_or(Value::is_null) {
        return format!("NOT INSTALLED YET: {review}");
    }
    let state = match comparison.pointer("/installed/isActive") {
        Some(Value::Bool(true)) => "active",
        _ => "inactive",
    };
    let against = format!("AGAINST {} ({state}): {review}", text(comparison, "/installed/version"));
    let sections = ["capabilities", "imports", "hosts", "metadata"].into_iter().filter_map(|name| {
        let lines = lines(comparison.get(name)?);
        (!lines.is_empty()).then(|| format!("{}\n{}", name.to_uppercase(), lines.join("\n")))
    });
    let sections: Vec<String> = sections.collect();
    let sections = if sections.is_empty() { vec!["nothing changes".to_owned()] } else { sections };
    std::iter::once(against).chain(sections).collect::<Vec<_>>().join("\n\n")
}

fn lines(step: &Value) -> Vec<String> {
    let list = |name: &str| step.get(name).and_then(Value::as_array).into_iter().flatten();
    let signed = |sign: char, name: &str| -> Vec<String> {
        list(name).filter_map(Value::as_str).map(|line| format!("{sign} {line}")).collect()
    };
    let changed = list("changed").map(|change| {
        let shown = |side: &str| change.get(side).map(Value::to_string).unwrap_or_default();
        format!("~ {}: {} -> {}", text(change, "/path"), shown("from"), shown("to"))
    });
    signed('+', "added").into_iter().chain(signed('-', "removed")).chain(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(change: impl FnOnce(&mut Value)) -> Metadata {
        let mut document = json!({
            "id": "acme", "version": "1.0.0", "displayName": "Acme", "tags": ["cloud", "old"],
            "configMetadata": {
                "parametersMetadata": [{"name": "region", "required": true}, {"name": "team"}],
                "authMetadata": [{"id": "key", "type": "API_KEY"}]},
            "egress": [
                {"id": "api", "host": "api.acme.example", "methods": ["GET", "PUT"]},
                {"id": "sts", "host": "sts.acme.example", "methods": ["POST"], "ports": [8443],
                 "signing": {"service": "sts", "region": "{region}"}}],
        });
        change(&mut document);
        serde_json::from_value(document).expect("the test's metadata is well-formed")
    }

    fn side<'a>(metadata: &'a Metadata, imports: &[&str], syncs: bool) -> Side<'a> {
        Side { metadata, imports: imports.iter().map(|import| (*import).to_owned()).collect(), syncs }
    }

    #[test]
    fn every_kind_of_change_is_told() {
        let before = metadata(|_| {});
        let after = metadata(|document| {
            document["version"] = json!("1.1.0");
            document["tags"] = json!(["new", "cloud"]);
            document["docsUrl"] = json!("https://docs.acme.example");
            document["configMetadata"]["parametersMetadata"] =
                json!([{"name": "project"}, {"name": "region", "required": false}]);
            document["configMetadata"]["authMetadata"][0]["type"] = json!("CUSTOM");
            document["egress"] = json!([{"id": "api", "host": "api.acme.example", "methods": ["GET", "DELETE"]}]);
        });
        let mut comparison = between(&side(&before, &["http", "random"], false), &side(&after, &["http", "log"], true));
        comparison["installed"] = json!({"version": "1.0.0", "isActive": true});
        let expected = "AGAINST 1.0.0 (active): an administrator has to agree to it

CAPABILITIES
+ credentials in plain
+ egress api: GET/DELETE api.acme.example
+ syncs to a destination
- egress api: GET/PUT api.acme.example
- egress sts: POST sts.acme.example:8443, signed for sts in {region}

IMPORTS
+ log
- random

HOSTS
- sts.acme.example

METADATA
+ configMetadata.parametersMetadata.project
+ docsUrl
+ tags.new
- configMetadata.parametersMetadata.team
- tags.old
~ configMetadata.authMetadata.key.type: \"API_KEY\" -> \"CUSTOM\"
~ configMetadata.parametersMetadata.region.required: true -> false
~ version: \"1.0.0\" -> \"1.1.0\"";
        assert_eq!(described(&comparison), expected);
    }

    #[test]
    fn nothing_is_told_of_what_only_moved() {
        let before = metadata(|_| {});
        let after = metadata(|document| {
            document["tags"] = json!(["old", "cloud"]);
            document["egress"].as_array_mut().expect("it is a list").reverse();
        });
        let mut comparison = between(&side(&before, &["a", "b"], true), &side(&after, &["b", "a"], true));
        comparison["installed"] = json!({"version": "1.0.0", "isActive": false});
        assert_eq!(described(&comparison), "AGAINST 1.0.0 (inactive): it inherits the grants\n\nnothing changes");
    }

    #[test]
    fn first_version_is_told_as_such() {
        let next = metadata(|_| {});
        let comparison = first(&side(&next, &[], false));
        assert_eq!(comparison["needsReview"], true);
        assert_eq!(described(&comparison), "NOT INSTALLED YET: an administrator has to agree to it");
    }

    #[test]
    fn lists_without_names_are_compared_whole() {
        let mut differences = Differences::default();
        differences.walk("", &json!({"range": [1, 2], "twice": ["a", "a"]}), &json!({"range": [1, 3], "twice": ["a"]}));
        assert_eq!(differences.changed.len(), 2, "{differences:?}");
    }
}
