//! What SSM and KMS send and get, as far as this plugin looks at it. Types that hold values have no `Debug`.

use serde::{Deserialize, Serialize};

use crate::tags::Tag;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetParametersByPath<'a> {
    pub path: &'a str,
    pub recursive: bool,
    pub with_decryption: bool,
    pub max_results: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetParameters<'a> {
    pub names: &'a [String],
    pub with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameters {
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    #[serde(default)]
    pub next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameter {
    pub name: String,
    #[serde(default)]
    pub value: String,
    pub version: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeParameters<'a> {
    pub parameter_filters: Vec<ParameterFilter<'a>>,
    pub max_results: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ParameterFilter<'a> {
    pub key: &'static str,
    pub option: &'static str,
    pub values: Vec<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Descriptions {
    #[serde(default)]
    pub parameters: Vec<ParameterDescription>,
    #[serde(default)]
    pub next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ParameterDescription {
    pub name: String,
    #[serde(default)]
    pub key_id: Option<String>,
    #[serde(default)]
    pub tier: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutParameter<'a> {
    pub name: &'a str,
    pub value: &'a str,
    #[serde(rename = "Type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<&'a str>,
    pub overwrite: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Written {
    pub version: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteParameters<'a> {
    pub names: &'a [String],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Deleted {
    #[serde(default)]
    pub deleted_parameters: Vec<String>,
    /// Those that were not there.
    #[serde(default)]
    pub invalid_parameters: Vec<String>,
}

/// A parameter, as the calls about tags name it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Resource<'a> {
    resource_type: &'static str,
    resource_id: &'a str,
}

impl<'a> Resource<'a> {
    pub(crate) fn parameter(name: &'a str) -> Self {
        Self { resource_type: "Parameter", resource_id: name }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagList {
    #[serde(default)]
    pub tag_list: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AddTags<'a> {
    #[serde(flatten)]
    pub resource: Resource<'a>,
    pub tags: Vec<Tag>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RemoveTags<'a> {
    #[serde(flatten)]
    pub resource: Resource<'a>,
    pub tag_keys: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListAliases<'a> {
    pub limit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Aliases {
    #[serde(default)]
    pub aliases: Vec<Alias>,
    #[serde(default)]
    pub next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Alias {
    pub alias_name: String,
    #[serde(default)]
    pub target_key_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeKey<'a> {
    pub key_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyDescription {
    pub key_metadata: KeyMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyMetadata {
    #[serde(default)]
    pub key_state: Option<String>,
    #[serde(default)]
    pub key_usage: Option<String>,
    #[serde(default)]
    pub key_spec: Option<String>,
}
