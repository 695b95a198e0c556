//! Who may come in: identities, their keys, and their memberships of tenants.
//!
//! Identities and keys lie in the system range, because a request names them before its tenant is known; what they may do
//! in a tenant lies in the tenant's range.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::key::{Key, Kind};
use crate::domain::Timestamp;
use crate::domain::access::{Role, Scope};
use crate::domain::id::{IdentityUid, KeyUid, TenantUid};
use crate::domain::login::LoginPolicy;
use crate::ports::sealer::KeyedHash;

/// A machine identity, stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityRecord {
    pub uid: IdentityUid,
    /// Unique in the host, compared without case.
    pub name: String,
    pub is_administrator: bool,
    /// A disabled identity is refused everywhere, with every token and key it has.
    pub is_disabled: bool,
    /// Where resources go that are made without naming a tenant; also who may disable or delete it.
    pub home: Option<TenantUid>,
    /// How long the access tokens of this identity are good for, in seconds.
    pub token_ttl_s: u64,
    /// Tokens issued before this are refused.
    pub tokens_valid_from: Timestamp,
    #[serde(default)]
    pub login: LoginPolicy,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(IdentityRecord, Identity);

impl IdentityRecord {
    /// How long a token is good for at most, by renewals, in seconds from its first issue.
    #[must_use]
    pub fn token_max_ttl_s(&self) -> u64 {
        self.login.token_max_ttl_s.max(self.token_ttl_s)
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyPurpose {
    /// Exchanged for an access token.
    ClientSecret,
    /// Sent with every request.
    ApiKey,
}

/// A client secret or an API key, stored: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessKeyRecord {
    pub uid: KeyUid,
    pub purpose: KeyPurpose,
    /// The part of the key that may be seen, and by which it is looked up.
    pub public_id: String,
    pub name: String,
    /// For whom it speaks.
    pub identity: IdentityUid,
    /// The only tenant that an API key opens.
    pub tenant: Option<TenantUid>,
    /// What an API key may do at most; the identity's own scopes bound it as well.
    pub scopes: BTreeSet<Scope>,
    /// Keyed hash of the secret part.
    pub hash: KeyedHash,
    /// How often a client secret was exchanged.
    #[serde(default)]
    pub uses: u64,
    /// How often it may be; 0: any number of times, and then `uses` is not counted.
    #[serde(default)]
    pub uses_max: u64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

crate::json_record!(AccessKeyRecord, AccessKey);

/// What an identity may do in one tenant, stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipRecord {
    pub identity: IdentityUid,
    pub role: Option<Role>,
    /// Beyond those of the role.
    pub scopes: BTreeSet<Scope>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

crate::json_record!(MembershipRecord, Membership);

impl MembershipRecord {
    /// The role's scopes and the single ones.
    #[must_use]
    pub fn all_scopes(&self) -> BTreeSet<Scope> {
        let mut scopes = self.role.map(Role::scopes).unwrap_or_default();
        scopes.extend(&self.scopes);
        scopes
    }
}

/// What is remembered of access tokens that follow each other by renewal: only where they were revoked, or their uses are
/// counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenSessionRecord {
    pub is_revoked: bool,
    /// Requests that were made with these tokens.
    pub uses: u64,
    /// When the last of them ends at the latest; the row is of no use after that.
    pub ends_at: Timestamp,
}

crate::json_record!(TokenSessionRecord, TokenSession);

/// The keys that access tokens are signed with, stored.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeysRecord {
    /// The last one signs; all verify.
    pub keys: Vec<SigningKey>,
}

crate::json_record!(SigningKeysRecord, HostSetting);

/// One key for HMAC-SHA-256.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    pub id: String,
    pub key: [u8; 32],
    #[zeroize(skip)]
    pub created_at: Timestamp,
}

/// Where an identity stands.
#[must_use]
pub fn identity(uid: IdentityUid) -> Key {
    Key::system(Kind::Identity).uid(uid.as_bytes())
}

/// The index entry of an identity's name; its payload is the uid.
#[must_use]
pub fn identity_by_name(name: &str) -> Key {
    Key::system(Kind::IdentityByName).text(&name.to_lowercase())
}

/// Where a key stands.
#[must_use]
pub fn access_key(uid: KeyUid) -> Key {
    Key::system(Kind::AccessKey).uid(uid.as_bytes())
}

/// The index entry of a key's public id; its payload is the uid.
#[must_use]
pub fn access_key_by_id(public_id: &str) -> Key {
    Key::system(Kind::AccessKeyById).text(public_id)
}

/// The index entries of an identity's keys.
#[must_use]
pub fn access_keys_of(identity: IdentityUid) -> Key {
    Key::system(Kind::AccessKeyOfIdentity).uid(identity.as_bytes())
}

/// The index entries of a tenant's API keys.
#[must_use]
pub fn access_keys_in(tenant: TenantUid) -> Key {
    Key::new(tenant, Kind::AccessKeyOfTenant)
}

/// Where all memberships of a tenant stand.
#[must_use]
pub fn memberships(tenant: TenantUid) -> Key {
    Key::new(tenant, Kind::Membership)
}

/// Where an identity's membership of a tenant stands.
#[must_use]
pub fn membership(tenant: TenantUid, identity: IdentityUid) -> Key {
    memberships(tenant).uid(identity.as_bytes())
}

/// The index entry of a membership, from the identity's side.
#[must_use]
pub fn membership_of(identity: IdentityUid, tenant: TenantUid) -> Key {
    memberships_of(identity).uid(tenant.as_bytes())
}

/// The index entries of an identity's memberships.
#[must_use]
pub fn memberships_of(identity: IdentityUid) -> Key {
    Key::system(Kind::MembershipOfIdentity).uid(identity.as_bytes())
}

/// Where all sessions of access tokens stand.
#[must_use]
pub fn token_sessions() -> Key {
    Key::system(Kind::TokenSession)
}

/// Where a session of access tokens stands.
#[must_use]
pub fn token_session(session: &[u8; 16]) -> Key {
    token_sessions().uid(session)
}

/// Where the signing keys stand.
#[must_use]
pub fn signing_keys() -> Key {
    Key::system(Kind::HostSetting).text("access-token-keys")
}
