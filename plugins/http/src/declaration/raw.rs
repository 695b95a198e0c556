//! `pluginSettings` as written. Which member an operation may have is the schema's to say; here they share one shape.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) verify: Option<Operation>,
    pub(super) list: Option<Operation>,
    pub(super) create: Option<Operation>,
    pub(super) put: Option<Operation>,
    pub(super) delete: Option<Operation>,
    pub(super) replace: Option<Operation>,
    pub(super) sync: Option<Sync>,
    #[serde(default)]
    pub(super) destination_metadata: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Operation {
    pub(super) method: Option<String>,
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    pub(super) json: Option<Value>,
    pub(super) body: Option<String>,
    pub(super) form: Option<BTreeMap<String, String>>,
    pub(super) account: Option<Account>,
    pub(super) items: Option<String>,
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
    pub(super) version: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) next: Option<String>,
    pub(super) paging: Option<Paging>,
    pub(super) at: Option<String>,
    pub(super) into: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Account {
    pub(super) id: Option<String>,
    pub(super) display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, tag = "type")]
pub(super) enum Paging {
    Page {
        #[serde(default = "one")]
        first: u64,
        size: Option<usize>,
    },
    Link {},
}

fn one() -> u64 {
    1
}

/// The host narrows its rules by this; here only one member matters.
#[derive(Deserialize)]
pub(super) struct Sync {
    #[serde(default)]
    pub(super) document: bool,
}

/// The host reads parameters; templates need their names.
#[derive(Deserialize)]
pub(super) struct Parameter {
    pub(super) name: String,
}
