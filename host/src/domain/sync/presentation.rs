//! How a sync was written down in words other than its own, so that it reads back as it was sent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{SyncOptions, SyncSpec};

/// The resource that a request described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Form {
    /// A native integration of the Infisical dialect.
    Integration,
    /// A secret sync of the Infisical dialect.
    SecretSync,
}

/// What a request said, and what that came to. It holds while the sync still says the same; a change that is made in other
/// words makes it void.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Presentation {
    pub form: Form,
    /// The members as they were sent. No secret is among them.
    pub members: Map<String, Value>,
    meant: Meant,
}

/// The parts of a sync that have other words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meant {
    parameters: Map<String, Value>,
    destination: Map<String, Value>,
    options: SyncOptions,
    recursive: bool,
}

impl Meant {
    /// Whether a sync runs by itself has a member of its own everywhere, and is left out.
    fn of(spec: &SyncSpec) -> Self {
        Self {
            parameters: spec.parameters.clone(),
            destination: spec.destination.clone(),
            options: SyncOptions { auto_sync: true, ..spec.options.clone() },
            recursive: spec.source.recursive,
        }
    }
}

impl Presentation {
    /// What was sent for `spec`.
    #[must_use]
    pub fn of(form: Form, members: Map<String, Value>, spec: &SyncSpec) -> Self {
        Self { form, members, meant: Meant::of(spec) }
    }

    /// Whether the sync still says what the members came to.
    #[must_use]
    pub fn holds_for(&self, spec: &SyncSpec) -> bool {
        self.meant == Meant::of(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sync::Deletion;
    use serde_json::json;

    #[test]
    fn a_presentation_holds_until_the_sync_says_something_else() {
        let spec = json!({"id": "a", "displayName": "a", "integration": "i", "config": null,
            "source": {"environment": "prod"}, "destination": {"path": "/"}});
        let spec: SyncSpec = serde_json::from_value(spec).expect("all else has defaults");
        let shown = Presentation::of(Form::SecretSync, Map::new(), &spec);
        let mut changed = spec.clone();
        changed.options.auto_sync = false;
        changed.display_name = "b".to_owned();
        assert!(shown.holds_for(&spec) && shown.holds_for(&changed));
        changed.options.deletion = Deletion::Never;
        assert!(!shown.holds_for(&changed));
        let elsewhere = SyncSpec { destination: Map::from_iter([("path".to_owned(), json!("/b/"))]), ..spec };
        assert!(!shown.holds_for(&elsewhere));
    }
}
