//! Personal overrides: what one identity holds in place of a secret's value. Nobody else sees it, and no sync carries it.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::transaction::{Transaction, View};
use super::{Key, Kind, Record, RecordError};
use crate::domain::id::{IdentityUid, OverrideUid, SecretUid, TenantUid};
use crate::domain::{Result, Secret, Timestamp};

/// An override as it is stored.
#[derive(Clone, Debug)]
pub struct PersonalOverride {
    pub uid: OverrideUid,
    pub secret: SecretUid,
    /// Whose it is.
    pub identity: IdentityUid,
    pub value: Secret<String>,
    pub comment: String,
    /// How often it was written, from 1; earlier values are not kept.
    pub version: u64,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored<'a> {
    uid: OverrideUid,
    secret: SecretUid,
    identity: IdentityUid,
    value: &'a str,
    comment: &'a str,
    version: u64,
    created_at: Timestamp,
    modified_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Loaded {
    uid: OverrideUid,
    secret: SecretUid,
    identity: IdentityUid,
    value: Secret<String>,
    comment: String,
    version: u64,
    created_at: Timestamp,
    modified_at: Timestamp,
}

impl Record for PersonalOverride {
    const KIND: Kind = Kind::PersonalOverride;
    const PADDED: bool = true;

    fn encode(&self) -> Result<Zeroizing<Vec<u8>>, RecordError> {
        let Self { uid, secret, identity, value, comment, version, created_at, modified_at } = self;
        let stored = Stored {
            uid: *uid,
            secret: *secret,
            identity: *identity,
            value: value.expose(),
            comment,
            version: *version,
            created_at: *created_at,
            modified_at: *modified_at,
        };
        super::row::to_json(Self::KIND, &stored)
    }

    fn decode(version: u8, bytes: &[u8]) -> Result<Self, RecordError> {
        let loaded: Loaded = super::row::from_json(Self::KIND, version, bytes)?;
        let Loaded { uid, secret, identity, value, comment, version, created_at, modified_at } = loaded;
        Ok(Self { uid, secret, identity, value, comment, version, created_at, modified_at })
    }
}

fn of_secret(tenant: TenantUid, secret: SecretUid) -> Key {
    Key::new(tenant, Kind::PersonalOverride).uid(secret.as_bytes())
}

fn key(tenant: TenantUid, secret: SecretUid, identity: IdentityUid) -> Key {
    of_secret(tenant, secret).uid(identity.as_bytes())
}

/// The key that changes whenever a secret is given an override; removing the secret requires its revision.
fn members_key(tenant: TenantUid, secret: SecretUid) -> Key {
    Key::new(tenant, Kind::Members).uid(secret.as_bytes())
}

/// What an identity holds in place of a secret's value.
///
/// # Errors
/// As [`View::get`].
pub async fn read(
    view: &View,
    tenant: TenantUid,
    secret: SecretUid,
    identity: IdentityUid,
) -> Result<Option<PersonalOverride>> {
    view.get(&key(tenant, secret, identity)).await
}

/// As [`read`], held to stand still until the transaction commits.
///
/// # Errors
/// As [`Transaction::get`].
pub async fn read_for_update(
    tx: &mut Transaction,
    tenant: TenantUid,
    secret: SecretUid,
    identity: IdentityUid,
) -> Result<Option<PersonalOverride>> {
    tx.get(&key(tenant, secret, identity)).await
}

/// Writes an override.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn write(tx: &mut Transaction, tenant: TenantUid, written: &PersonalOverride) -> Result<()> {
    tx.put_clear(&members_key(tenant, written.secret), written.uid.as_bytes());
    tx.put(&key(tenant, written.secret, written.identity), written).await
}

/// Removes an override.
pub fn remove(tx: &mut Transaction, tenant: TenantUid, removed: &PersonalOverride) {
    tx.delete(&key(tenant, removed.secret, removed.identity));
}

/// Removes what identities hold in place of a secret's value, for a secret that goes; fails to commit when one is written
/// meanwhile.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn remove_all(tx: &mut Transaction, tenant: TenantUid, secret: SecretUid) -> Result<()> {
    let members = members_key(tenant, secret);
    tx.get_clear(&members).await?;
    tx.delete(&members);
    for found in tx.view().keys(&of_secret(tenant, secret)).await? {
        tx.delete(&found);
    }
    Ok(())
}
