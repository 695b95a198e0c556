//! Credentials: sealed records of their own, each bound to what it was entered for. No operation returns one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::transaction::{Transaction, View};
use super::{Key, Kind, Record, RecordError};
use crate::domain::binding::CredentialBinding;
use crate::domain::id::{ConnectionUid, CredentialUid, TenantUid};
use crate::domain::{Result, Secret, Timestamp};

/// Named secret values.
pub type SecretValues = BTreeMap<String, Secret<String>>;

/// A credential.
#[derive(Clone)]
pub struct CredentialRecord {
    pub uid: CredentialUid,
    /// The connection it was entered for; it serves no other.
    pub connection: ConnectionUid,
    pub binding: CredentialBinding,
    /// Secret parameters of the connection.
    pub parameters: SecretValues,
    /// The parameters of the auth method, secret or not.
    pub auth: SecretValues,
    /// Names of those that were declared to be no secret when they were entered. What is declared later makes none of the others
    /// public.
    pub open_auth: BTreeSet<String>,
    /// One for each entry of the auth map, in order.
    pub auth_map: Vec<SecretValues>,
    /// The secrets of the sandbox variant, as JSON.
    pub sandbox: Option<Secret<String>>,
    pub created_at: Timestamp,
}

impl fmt::Debug for CredentialRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialRecord").field("uid", &self.uid).finish_non_exhaustive()
    }
}

/// As it is stored: the only place where secrets are serialized.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored<'a> {
    uid: CredentialUid,
    connection: ConnectionUid,
    binding: &'a CredentialBinding,
    parameters: BTreeMap<&'a str, &'a str>,
    auth: BTreeMap<&'a str, &'a str>,
    open_auth: &'a BTreeSet<String>,
    auth_map: Vec<BTreeMap<&'a str, &'a str>>,
    sandbox: Option<&'a str>,
    created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Loaded {
    uid: CredentialUid,
    connection: ConnectionUid,
    binding: CredentialBinding,
    parameters: SecretValues,
    auth: SecretValues,
    #[serde(default)]
    open_auth: BTreeSet<String>,
    auth_map: Vec<SecretValues>,
    sandbox: Option<Secret<String>>,
    created_at: Timestamp,
}

impl Record for CredentialRecord {
    const KIND: Kind = Kind::Credential;
    const PADDED: bool = true;

    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        super::row::to_json(
            Self::KIND,
            &Stored {
                uid: self.uid,
                connection: self.connection,
                binding: &self.binding,
                parameters: exposed(&self.parameters),
                auth: exposed(&self.auth),
                open_auth: &self.open_auth,
                auth_map: self.auth_map.iter().map(exposed).collect(),
                sandbox: self.sandbox.as_ref().map(|secret| secret.expose().as_str()),
                created_at: self.created_at,
            },
        )
    }

    fn decode(version: u8, bytes: &[u8]) -> Result<Self, RecordError> {
        let loaded: Loaded = super::row::from_json(Self::KIND, version, bytes)?;
        Ok(Self {
            uid: loaded.uid,
            connection: loaded.connection,
            binding: loaded.binding,
            parameters: loaded.parameters,
            auth: loaded.auth,
            open_auth: loaded.open_auth,
            auth_map: loaded.auth_map,
            sandbox: loaded.sandbox,
            created_at: loaded.created_at,
        })
    }
}

fn exposed(values: &SecretValues) -> BTreeMap<&str, &str> {
    values.iter().map(|(name, value)| (name.as_str(), value.expose().as_str())).collect()
}

fn key(tenant: TenantUid, uid: CredentialUid) -> Key {
    Key::new(tenant, Kind::Credential).uid(uid.as_bytes())
}

/// The credential with this uid, when it belongs to `connection`.
///
/// # Errors
/// As [`View::get`].
pub async fn read(
    view: &View,
    tenant: TenantUid,
    connection: ConnectionUid,
    uid: CredentialUid,
) -> Result<Option<CredentialRecord>> {
    let found = view.get::<CredentialRecord>(&key(tenant, uid)).await?;
    Ok(found.filter(|credential| credential.connection == connection))
}

/// Writes a credential.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn write(tx: &mut Transaction, tenant: TenantUid, credential: &CredentialRecord) -> Result<()> {
    tx.put(&key(tenant, credential.uid), credential).await
}

/// Removes a credential.
pub fn remove(tx: &mut Transaction, tenant: TenantUid, uid: CredentialUid) {
    tx.delete(&key(tenant, uid));
}
