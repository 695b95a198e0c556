//! Keys: tenant uid, kind, then the components of that kind. A tenant is one contiguous range.

use sha2::{Digest as _, Sha256};

use crate::domain::id::TenantUid;
use crate::ports::kv::KeyRange;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $byte:literal, $text:literal;)*) => {
        /// The kind of a record: the byte after the tenant in its key, and the word its envelope is bound to. Never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $name = $byte,)*
        }

        impl Kind {
            /// Every kind, for the documentation of the format.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word in the sealing context.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// The wrapped system keys; in clear, they protect themselves.
    SystemKeys = 0x01, "system-keys";
    /// A tenant's wrapped keys; in clear, they protect themselves.
    TenantKeys = 0x02, "tenant-keys";
    /// System range: access tokens of one session that are revoked or counted, by session id.
    TokenSession = 0x03, "token-session";
    /// System range: a tenant, by uid.
    Tenant = 0x10, "tenant";
    /// System range, index: slug -> tenant uid.
    TenantBySlug = 0x11, "tenant-by-slug";
    /// System range: a machine identity, by uid.
    Identity = 0x12, "identity";
    /// System range, index: name -> identity uid.
    IdentityByName = 0x13, "identity-by-name";
    /// System range: a client secret or API key, by uid.
    AccessKey = 0x14, "access-key";
    /// System range, index: public key id -> uid.
    AccessKeyById = 0x15, "access-key-by-id";
    /// System range, index: identity uid, key uid.
    AccessKeyOfIdentity = 0x16, "access-key-of-identity";
    /// Tenant range: an identity's scopes in this tenant, by identity uid.
    Membership = 0x17, "membership";
    /// System range: a plugin, by id.
    Plugin = 0x18, "plugin";
    /// System range: one version of a plugin, by id and version.
    PluginVersion = 0x19, "plugin-version";
    /// System range: a piece of a component, by digest and number.
    ComponentChunk = 0x1a, "component-chunk";
    /// Tenant range, index: the tenant's API keys, by key uid.
    AccessKeyOfTenant = 0x1b, "access-key-of-tenant";
    /// System range, index: identity uid, tenant uid of a membership.
    MembershipOfIdentity = 0x1c, "membership-of-identity";
    /// System range, index: uid of a record that the Infisical dialect names without its tenant -> tenant uid.
    Located = 0x1d, "located";
    /// System range: what the host itself needs to keep, by name.
    HostSetting = 0x1e, "host-setting";
    /// Tenant range: the answer to a request with an idempotency key, by keyed hash.
    Idempotency = 0x1f, "idempotency";
    /// An environment, by uid.
    Environment = 0x20, "environment";
    /// Index: slug -> environment uid.
    EnvironmentBySlug = 0x21, "environment-by-slug";
    /// A folder, by uid.
    Folder = 0x22, "folder";
    /// Index: parent folder uid, name -> folder uid.
    FolderByName = 0x23, "folder-by-name";
    /// A secret without its value, by uid.
    SecretOverview = 0x24, "secret-overview";
    /// A secret's value, by uid and version.
    SecretValue = 0x25, "secret-value";
    /// Index: folder uid, name -> secret uid.
    SecretByName = 0x26, "secret-by-name";
    /// The imports of a folder, by folder uid.
    FolderImports = 0x28, "folder-imports";
    /// Index: imported folder uid, importing folder uid -> import uid.
    FolderImportedBy = 0x29, "folder-imported-by";
    /// Index: keyed hash of a tag, secret uid.
    SecretByTag = 0x2a, "secret-by-tag";
    /// System range: tenant uid, folder uid: something under the folder changed. In clear.
    Dirty = 0x2b, "dirty";
    /// Members of a folder, a tag or a secret, put blind by each of them and by each import of a folder: its uid.
    Members = 0x2c, "members";
    /// Index: folder uid that a reference reaches into, folder uid that holds it.
    FolderReferencedBy = 0x2d, "folder-referenced-by";
    /// One import of a folder, by its own uid.
    FolderImport = 0x2e, "folder-import";
    /// A tag, by uid.
    Tag = 0x2f, "tag";
    /// Index: slug -> tag uid.
    TagBySlug = 0x50, "tag-by-slug";
    /// What an identity holds in place of a secret's value, by secret uid and identity uid.
    PersonalOverride = 0x51, "personal-override";
    /// Index: hash of an environment's slug and a folder's path that a reference leads to, folder uid that holds it.
    FolderAddressedBy = 0x52, "folder-addressed-by";
    /// A CUSTOM integration, by uid.
    Integration = 0x30, "integration";
    /// Index: slug -> integration uid.
    IntegrationBySlug = 0x31, "integration-by-slug";
    /// A connection, by uid.
    Connection = 0x32, "connection";
    /// Index: integration slug, connection uid.
    ConnectionOfIntegration = 0x33, "connection-of-integration";
    /// A published revision of a connection, by connection uid and version.
    ConnectionRevision = 0x34, "connection-revision";
    /// A credential, by uid.
    Credential = 0x35, "credential";
    /// The last verification of a connection, by connection uid.
    Verification = 0x36, "verification";
    /// A sync's definition, by uid.
    Sync = 0x40, "sync";
    /// Index: slug -> sync uid.
    SyncBySlug = 0x41, "sync-by-slug";
    /// Generations and schedule of a sync, by uid and part.
    SyncState = 0x42, "sync-state";
    /// Index: folder uid, sync uid.
    SyncOfFolder = 0x43, "sync-of-folder";
    /// Index: connection uid, sync uid.
    SyncOfConnection = 0x44, "sync-of-connection";
    /// What a sync wrote, by sync uid and absolute key.
    Ledger = 0x45, "ledger";
    /// Which sync owns an absolute name, by namespace and name.
    Claim = 0x46, "claim";
    /// A run, by sync uid and run uid.
    Run = 0x47, "run";
    /// An event of a run, appended: run uid.
    RunEvent = 0x48, "run-event";
    /// The stored plan of a run, by run uid.
    Plan = 0x49, "plan";
    /// System range: tenant uid, sync uid: the engine has something to do. In clear.
    SyncDue = 0x4a, "sync-due";
    /// An approval, by sync uid.
    Approval = 0x4b, "approval";
    /// How often a plugin's digest broke down for this tenant, by digest.
    Quarantine = 0x4c, "quarantine";
    /// System range, index: time, tenant uid, sync uid: whether a check for drift is due is asked then. In clear.
    SyncCheck = 0x4d, "sync-check";
    /// System range: plugin id: another version runs, or what it may do changed. In clear.
    PluginChanged = 0x4e, "plugin-changed";
    /// An audit event, appended.
    Audit = 0x60, "audit";
}

/// A record's key. Components are appended in order; ordered scans follow the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    tenant: TenantUid,
    kind: Kind,
    bytes: Vec<u8>,
}

impl Key {
    /// The key of `kind` in `tenant`, so far without components.
    #[must_use]
    pub fn new(tenant: TenantUid, kind: Kind) -> Self {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend_from_slice(tenant.as_bytes());
        bytes.push(kind as u8);
        Self { tenant, kind, bytes }
    }

    /// The key of `kind` in the system range.
    #[must_use]
    pub fn system(kind: Kind) -> Self {
        Self::new(TenantUid::SYSTEM, kind)
    }

    /// Appends an identity.
    #[must_use]
    pub fn uid(self, uid: &[u8; 16]) -> Self {
        self.bytes(uid)
    }

    /// Appends text, ended by a zero byte so that no text is a prefix of another; names hold no control characters.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        debug_assert!(!text.as_bytes().contains(&0), "a name in a key holds no zero byte");
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self
    }

    /// Appends a number, so that greater numbers follow smaller ones.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Appends bytes of a fixed length.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The tenant whose range it lies in.
    #[must_use]
    pub const fn tenant(&self) -> TenantUid {
        self.tenant
    }

    /// The kind of record.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes in the store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes after tenant and kind.
    #[must_use]
    pub fn components(&self) -> &[u8] {
        self.bytes.get(HEAD_BYTES..).unwrap_or_default()
    }

    /// All keys that begin with this one.
    #[must_use]
    pub fn range(&self) -> KeyRange {
        KeyRange::prefix(&self.bytes)
    }

    /// The key with these bytes, where a scan over keys of `self`'s tenant and kind found it.
    #[must_use]
    pub fn found(&self, bytes: Vec<u8>) -> Self {
        debug_assert!(bytes.starts_with(self.bytes.get(..HEAD_BYTES).unwrap_or_default()));
        Self { tenant: self.tenant, kind: self.kind, bytes }
    }

    /// The identity that an envelope is bound to: the uid of a key that is nothing but a uid, else the first sixteen bytes of
    /// SHA-256 of the key.
    #[must_use]
    pub fn resource_id(&self) -> [u8; 16] {
        if let Ok(uid) = <[u8; 16]>::try_from(self.components()) {
            return uid;
        }
        let hash = Sha256::digest(&self.bytes);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        id
    }
}

/// Tenant uid and kind.
const HEAD_BYTES: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_their_own_byte_and_word() {
        let mut bytes = std::collections::BTreeSet::new();
        let mut words = std::collections::BTreeSet::new();
        for kind in Kind::ALL {
            assert!(bytes.insert(*kind as u8) && words.insert(kind.text()), "{kind:?}");
        }
    }

    #[test]
    fn text_components_do_not_run_into_each_other() {
        let tenant = TenantUid::generate();
        let joined = Key::new(tenant, Kind::SecretByName).text("ab").text("c");
        let other = Key::new(tenant, Kind::SecretByName).text("a").text("bc");
        assert_ne!(joined, other);
    }
}
