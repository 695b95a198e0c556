//! What a version of a plugin may do that the running one may not.

use keyferry_contract::{AuthScheme, Metadata};
use serde::Serialize;

use crate::domain::plugin::Grants;

/// What changes when a version takes over. For a first version everything is new.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CapabilityDiff {
    /// Egress entries that the running version does not have, or has otherwise.
    pub egress_added: Vec<String>,
    /// Egress entries that go away.
    pub egress_removed: Vec<String>,
    /// Whether credentials in plain are asked for that were not before.
    pub plaintext_added: bool,
}

impl CapabilityDiff {
    /// The step from `running` to `next`.
    #[must_use]
    pub fn between(running: Option<&Metadata>, next: &Metadata) -> Self {
        let before = running.map(|metadata| metadata.egress.as_slice()).unwrap_or_default();
        let added = next.egress.iter().filter(|entry| !before.contains(entry));
        let removed = before.iter().filter(|entry| !next.egress.iter().any(|other| other.id == entry.id));
        Self {
            egress_added: added.map(|entry| entry.id.clone()).collect(),
            egress_removed: removed.map(|entry| entry.id.clone()).collect(),
            plaintext_added: wants_plaintext(next) && !running.is_some_and(wants_plaintext),
        }
    }

    /// Whether an administrator has to agree before the version may run.
    #[must_use]
    pub const fn asks_for_more(&self) -> bool {
        !self.egress_added.is_empty() || self.plaintext_added
    }
}

/// Whether an auth method hands its credentials to the plugin.
#[must_use]
pub fn wants_plaintext(metadata: &Metadata) -> bool {
    metadata.config_metadata.auth_metadata.iter().any(|method| method.scheme == AuthScheme::Custom)
}

/// The grants that a version inherits when it asks for nothing more than the running one has.
#[must_use]
pub fn inherited(running: &Grants, next: &Metadata) -> Grants {
    let still_declared = |id: &&String| next.egress.iter().any(|entry| entry.id == **id);
    Grants {
        egress: running.egress.iter().filter(still_declared).cloned().collect(),
        plaintext: running.plaintext && wants_plaintext(next),
        limits: running.limits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(egress: &serde_json::Value, scheme: &str) -> Metadata {
        serde_json::from_value(json!({"id": "p", "version": "1.0.0", "displayName": "P", "egress": egress,
            "configMetadata": {"authMetadata": [{"id": "m", "type": scheme}]}}))
        .expect("the test's metadata is well-formed")
    }

    #[test]
    fn only_more_egress_and_plaintext_ask_for_agreement() {
        let entry = |id: &str, host: &str| json!({"id": id, "host": host, "methods": ["GET"]});
        let running = metadata(&json!([entry("a", "a.example.com"), entry("b", "b.example.com")]), "NONE");
        for (egress, scheme, expect) in [
            (json!([entry("a", "a.example.com"), entry("b", "b.example.com")]), "NONE", false),
            (json!([entry("a", "a.example.com")]), "NONE", false),
            (json!([entry("a", "other.example.com")]), "NONE", true),
            (json!([entry("a", "a.example.com"), entry("c", "c.example.com")]), "NONE", true),
            (json!([entry("a", "a.example.com")]), "CUSTOM", true),
        ] {
            let diff = CapabilityDiff::between(Some(&running), &metadata(&egress, scheme));
            assert_eq!(diff.asks_for_more(), expect, "{diff:?}");
        }
        assert!(CapabilityDiff::between(None, &running).asks_for_more());
    }
}
