//! What a credential was entered for, so that it is never sent anywhere else.
//!
//! Where a request goes is decided by two parties: the administrator, who grants a plugin's host patterns, and the tenant,
//! whose settings fill them in. A binding holds the tenant's part: were it free to change under a stored credential,
//! whoever may edit a connection could have its secret sent to a server of their own.

use std::collections::{BTreeMap, BTreeSet};

use keyferry_contract::vocabulary::type_name;
use keyferry_contract::{EgressEntry, Parameter};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::integration::settings_named;

/// What a credential was entered for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialBinding {
    /// The plugin that works with it.
    pub plugin: String,
    /// The auth method.
    pub method: String,
    /// Each setting that can name a host, with its value.
    pub hosts: BTreeMap<String, String>,
    /// Settings that each sync chooses for itself: the credential was entered for whatever it may choose.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub open: BTreeSet<String>,
    /// SHA-256 of the connection's own CA certificates, in hexadecimal.
    pub ca_bundle_sha256: Option<String>,
}

/// The parts of a connection that a binding is made of.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    pub plugin: &'a str,
    pub method: &'a str,
    /// The connection's parameters, with their types.
    pub parameters: &'a [Parameter],
    pub settings: &'a Map<String, Value>,
    /// Names of parameters that are left to each sync.
    pub open: &'a BTreeSet<String>,
    pub ca_bundle: Option<&'a str>,
}

impl CredentialBinding {
    /// The binding of a credential entered for this connection.
    #[must_use]
    pub fn of(bound: Bound<'_>) -> Self {
        let names_host = |parameter: &&Parameter| {
            matches!(parameter.type_name.as_deref(), Some(type_name::LABEL | type_name::ORIGIN))
        };
        let hosts = bound.parameters.iter().filter(names_host).filter_map(|parameter| {
            let value = bound.settings.get(&parameter.name)?.as_str()?;
            Some((parameter.name.clone(), value.to_owned()))
        });
        Self {
            plugin: bound.plugin.to_owned(),
            method: bound.method.to_owned(),
            hosts: hosts.collect(),
            open: bound.open.clone(),
            ca_bundle_sha256: bound
                .ca_bundle
                .map(|pem| data_encoding::HEXLOWER.encode(&Sha256::digest(pem.as_bytes()))),
        }
    }

    /// This binding for a credential of which a part was entered with `before`: an address that it did not have then is not
    /// taken over, even where no egress leads there yet.
    #[must_use]
    pub fn within(mut self, before: &Self) -> Self {
        self.hosts.retain(|name, value| before.open.contains(name) || before.hosts.get(name) == Some(value));
        self
    }

    /// Whether a credential with this binding may be used as `wanted` asks, through these egress entries. Where the entries
    /// are not known (the plugin is not there), every setting that can name a host counts.
    ///
    /// Less is allowed, nothing else: a setting that is no longer set closes its entry, and a CA bundle that is gone leaves
    /// the public roots. Settings that were left to each sync when the credential was entered may be anything; none becomes so
    /// later.
    #[must_use]
    pub fn permits(&self, wanted: &Self, entries: Option<&[EgressEntry]>) -> bool {
        let same_owner = self.plugin == wanted.plugin && self.method == wanted.method;
        let same_roots = wanted.ca_bundle_sha256.is_none() || self.ca_bundle_sha256 == wanted.ca_bundle_sha256;
        let same = |(name, value): (&String, &String)| self.open.contains(name) || self.hosts.get(name) == Some(value);
        let same_hosts = match entries {
            None => wanted.hosts.iter().all(same),
            Some(entries) => {
                entries.iter().flat_map(settings_named).filter_map(|name| wanted.hosts.get_key_value(name)).all(same)
            }
        };
        same_owner && same_roots && same_hosts && wanted.open.is_subset(&self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyferry_contract::Signing;
    use serde_json::json;

    fn parameters() -> Vec<Parameter> {
        [("region", Some("label")), ("endpoint", Some("origin")), ("note", None)]
            .map(|(name, type_name)| Parameter {
                name: name.to_owned(),
                type_name: type_name.map(str::to_owned),
                ..Parameter::default()
            })
            .into()
    }

    fn entries() -> Vec<EgressEntry> {
        let signing = Some(Signing { service: "ssm".to_owned(), region: "{region}".to_owned() });
        ["ssm.{region}.amazonaws.com", "{endpoint}"]
            .map(|host| EgressEntry { host: host.to_owned(), signing: signing.clone(), ..EgressEntry::default() })
            .into()
    }

    fn binding(plugin: &str, method: &str, settings: &Value, ca_bundle: Option<&str>) -> CredentialBinding {
        let (parameters, settings) = (parameters(), settings.as_object().unwrap().clone());
        let open = BTreeSet::new();
        CredentialBinding::of(Bound {
            plugin,
            method,
            parameters: &parameters,
            settings: &settings,
            open: &open,
            ca_bundle,
        })
    }

    #[test]
    fn a_kept_secret_takes_over_no_new_address() {
        let entered = binding("aws", "key", &json!({"region": "us-east-1"}), None);
        let wanted = binding("aws", "key", &json!({"region": "us-east-1", "endpoint": "https://evil.example"}), None);
        let (ungranted, granted) = (&entries()[..1], entries());
        assert!(entered.permits(&wanted, Some(ungranted)));
        assert!(!wanted.clone().within(&entered).permits(&wanted, Some(&granted)));
        assert!(wanted.clone().within(&entered).permits(&wanted, Some(ungranted)));
    }

    #[test]
    fn what_is_left_to_each_sync_is_free_and_nothing_else() {
        let open_to = |settings: &Value, open: &[&str]| {
            let bound = binding("aws", "key", settings, None);
            CredentialBinding { open: open.iter().map(ToString::to_string).collect(), ..bound }
        };
        let entered = open_to(&json!({"region": "us-east-1"}), &["region"]);
        let chosen = json!({"region": "eu-west-1"});
        assert!(entered.permits(&open_to(&chosen, &["region"]), Some(&entries())));
        assert!(entered.permits(&open_to(&chosen, &[]), Some(&entries())));
        let endpoint = json!({"region": "eu-west-1", "endpoint": "https://evil.example"});
        assert!(!entered.permits(&open_to(&endpoint, &["region"]), Some(&entries())));
        let closed = open_to(&json!({"region": "us-east-1"}), &[]);
        assert!(!closed.permits(&open_to(&json!({"region": "us-east-1"}), &["region"]), Some(&entries())));
    }

    #[test]
    fn a_credential_goes_nowhere_but_where_it_was_entered_for() {
        let settings = json!({"region": "eu-west-1", "endpoint": "http://127.0.0.1:5000", "note": "a"});
        let entered = binding("aws", "key", &settings, Some("pem"));
        let (here, elsewhere) = (json!("http://127.0.0.1:5000"), json!("https://evil.example"));
        for (plugin, method, wanted, ca_bundle, expect) in [
            ("aws", "key", settings.clone(), Some("pem"), true),
            ("aws", "key", json!({"region": "eu-west-1", "endpoint": here, "note": "b"}), Some("pem"), true),
            ("aws", "key", json!({"region": "eu-west-1"}), None, true),
            ("aws", "key", json!({"region": "eu-west-1", "endpoint": elsewhere}), Some("pem"), false),
            ("aws", "key", json!({"region": "us-east-1"}), Some("pem"), false),
            ("aws", "key", settings.clone(), Some("other pem"), false),
            ("aws", "role", settings.clone(), Some("pem"), false),
            ("http", "key", settings, Some("pem"), false),
        ] {
            let wanted = binding(plugin, method, &wanted, ca_bundle);
            assert_eq!(entered.permits(&wanted, Some(&entries())), expect, "{wanted:?}");
        }
    }

    #[test]
    fn a_host_that_was_not_set_is_not_set_later() {
        let entered = binding("aws", "key", &json!({"region": "eu-west-1"}), None);
        let wanted = binding("aws", "key", &json!({"region": "eu-west-1", "endpoint": "https://evil.example"}), None);
        assert!(!entered.permits(&wanted, Some(&entries())));
        let another_ca = binding("aws", "key", &json!({"region": "eu-west-1"}), Some("pem"));
        assert!(!entered.permits(&another_ca, Some(&entries())));
        assert!(!entered.permits(&wanted, None));
    }
}
