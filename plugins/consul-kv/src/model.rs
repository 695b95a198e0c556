//! What Consul sends and gets, as far as this plugin looks at it. Types that hold values have no `Debug`.

use serde::{Deserialize, Serialize};

/// The token that a request came with. Its secret is in the answer too, and is not read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Token {
    #[serde(rename = "AccessorID")]
    pub accessor_id: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub expiration_time: Option<String>,
}

/// A key with its value.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Pair {
    pub key: String,
    /// In base64; null for an empty one.
    #[serde(default)]
    pub value: Option<String>,
    pub modify_index: u64,
}

/// One operation of a transaction.
#[derive(Serialize)]
pub(crate) struct Operation<'a> {
    #[serde(rename = "KV")]
    pub kv: KvOperation<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KvOperation<'a> {
    pub verb: &'static str,
    pub key: &'a str,
    /// In base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For verbs that compare: the index that the key was last modified at, 0 for one that must not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
}

/// What became of a transaction.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Transaction {
    #[serde(default)]
    pub results: Option<Vec<TransactionResult>>,
    #[serde(default)]
    pub errors: Option<Vec<TransactionError>>,
}

#[derive(Deserialize)]
pub(crate) struct TransactionResult {
    #[serde(rename = "KV")]
    pub kv: Option<Written>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Written {
    pub key: String,
    pub modify_index: u64,
}

/// Why a transaction was rolled back. Consul's words are looked at, never repeated: they name tokens.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TransactionError {
    pub op_index: usize,
    #[serde(default)]
    pub what: String,
}
