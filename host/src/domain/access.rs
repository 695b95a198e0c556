//! Who may do what: scopes, the roles that bundle them, and the principal that a request was made by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::IdentityUid;

macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// One permission in one tenant. Deny is the default, and no scope implies another.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Scope {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the wire.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

scopes! {
    /// See integrations and their connections, without credentials.
    IntegrationsRead = "integrations:read";
    /// Make, change, verify and delete integrations and connections.
    IntegrationsWrite = "integrations:write";
    /// See environments, folders and the names of secrets.
    SecretsRead = "secrets:read";
    /// See the values of secrets.
    SecretsReveal = "secrets:reveal";
    /// Make, change and delete environments, folders and secrets.
    SecretsWrite = "secrets:write";
    /// See syncs, their runs and plans.
    SyncsRead = "syncs:read";
    /// Make, change and delete syncs.
    SyncsWrite = "syncs:write";
    /// Run, pause, resume and cancel syncs.
    SyncsRun = "syncs:run";
    /// Approve a plan that the guard stopped.
    SyncsApprove = "syncs:approve";
    /// Read the audit log.
    AuditRead = "audit:read";
    /// See identities and API keys of the tenant.
    IdentitiesRead = "identities:read";
    /// Make and remove identities' membership and API keys.
    IdentitiesWrite = "identities:write";
}

/// A bundle of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Sees everything but values and the audit log.
    Reader,
    /// Runs syncs and writes secrets.
    Operator,
    /// Makes integrations and syncs, approves plans, reads values.
    Manager,
    /// Everything in the tenant.
    Owner,
    /// Reads the audit log.
    Auditor,
}

impl Role {
    /// The scopes of this role.
    #[must_use]
    pub fn scopes(self) -> BTreeSet<Scope> {
        use Scope::{
            AuditRead, IdentitiesRead, IntegrationsRead, IntegrationsWrite, SecretsRead, SecretsReveal, SecretsWrite,
            SyncsApprove, SyncsRead, SyncsRun, SyncsWrite,
        };
        match self {
            Self::Reader => BTreeSet::from([IntegrationsRead, SecretsRead, SyncsRead]),
            Self::Operator => BTreeSet::from([IntegrationsRead, SecretsRead, SecretsWrite, SyncsRead, SyncsRun]),
            Self::Manager => BTreeSet::from([
                IntegrationsRead,
                IntegrationsWrite,
                SecretsRead,
                SecretsReveal,
                SecretsWrite,
                SyncsRead,
                SyncsWrite,
                SyncsRun,
                SyncsApprove,
            ]),
            Self::Owner => Scope::ALL.iter().copied().collect(),
            Self::Auditor => BTreeSet::from([AuditRead, IntegrationsRead, SyncsRead, IdentitiesRead]),
        }
    }
}

/// Who makes a request, once authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub identity: IdentityUid,
    /// The identity's name, for audit events.
    pub name: String,
    /// How the request was authenticated.
    pub source: PrincipalSource,
    /// Whether the identity administers the host: tenants and plugins, and every scope in every tenant but `secrets:reveal`.
    pub is_administrator: bool,
}

/// On whose behalf the host does something later, as audit names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Author {
    pub identity: IdentityUid,
    pub name: String,
    pub source: PrincipalSource,
    /// The request that asked for it.
    pub request_id: String,
}

impl Author {
    /// The host itself; `occasion` stands where a request's id would.
    #[must_use]
    pub fn host(name: &str, occasion: String) -> Self {
        let identity = IdentityUid::from_bytes([0; 16]);
        Self { identity, name: name.to_owned(), source: PrincipalSource::Host, request_id: occasion }
    }
}

/// How a request was authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PrincipalSource {
    AccessToken,
    ApiKey,
    /// The host itself: the sync engine, start-up.
    Host,
}
