//! What every service stands on, and for whom it works.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::idempotency::Claim;
use crate::domain::access::{Author, Principal, Scope};
use crate::domain::id::TenantUid;
use crate::domain::name::Slug;
use crate::domain::{Code, Error, Result};
use crate::ports::clock::Clock;
use crate::ports::egress::Egress;
use crate::ports::plugin::PluginRunner;
use crate::records::Records;

/// The ground under all services; cheap to clone.
#[derive(Clone)]
pub struct Core {
    pub records: Records,
    pub clock: Arc<dyn Clock>,
    pub runner: Arc<dyn PluginRunner>,
    pub egress: Arc<dyn Egress>,
}

/// A principal that was authorised for a tenant. Only the authorising service makes one, so holding it is the proof; no
/// service takes a bare tenant.
#[derive(Clone, Debug)]
pub struct TenantCtx {
    tenant: TenantUid,
    slug: Slug,
    principal: Principal,
    scopes: BTreeSet<Scope>,
    request_id: String,
    claim: Option<Arc<Claim>>,
}

impl TenantCtx {
    /// The outcome of authorising `principal` for a tenant.
    pub(in crate::service) fn authorised(
        tenant: TenantUid,
        slug: Slug,
        principal: Principal,
        scopes: BTreeSet<Scope>,
        request_id: String,
    ) -> Self {
        Self { tenant, slug, principal, scopes, request_id, claim: None }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> TenantUid {
        self.tenant
    }

    /// The tenant's id on the wire.
    #[must_use]
    pub const fn slug(&self) -> &Slug {
        &self.slug
    }

    /// Who asks.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What the principal may do here.
    #[must_use]
    pub const fn scopes(&self) -> &BTreeSet<Scope> {
        &self.scopes
    }

    /// The request, for audit events.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Who asks and by which request, to be remembered for what is done later.
    #[must_use]
    pub fn author(&self) -> Author {
        Author {
            identity: self.principal.identity,
            name: self.principal.name.clone(),
            source: self.principal.source,
            request_id: self.request_id.clone(),
        }
    }

    /// The same, for a request with an idempotency key: its first change records the claim.
    #[must_use]
    pub fn with_claim(self, claim: Arc<Claim>) -> Self {
        Self { claim: Some(claim), ..self }
    }

    /// The claim of a request with an idempotency key.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_deref()
    }

    /// Demands a scope.
    ///
    /// # Errors
    /// `scope_missing`, naming it.
    pub fn require(&self, scope: Scope) -> Result<()> {
        if self.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Error::new(Code::ScopeMissing, format!("this needs the scope `{}`", scope.text())))
    }
}

/// A principal that was found to administer the host. Only the authorising service makes one.
#[derive(Clone, Debug)]
pub struct HostCtx {
    principal: Principal,
    request_id: String,
    claim: Option<Arc<Claim>>,
}

impl HostCtx {
    /// The outcome of authorising `principal` for the host itself.
    pub(in crate::service) const fn authorised(principal: Principal, request_id: String) -> Self {
        Self { principal, request_id, claim: None }
    }

    /// Who asks.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The request, for audit events.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The same, for a request with an idempotency key: its first change records the claim.
    #[must_use]
    pub fn with_claim(self, claim: Arc<Claim>) -> Self {
        Self { claim: Some(claim), ..self }
    }

    /// The claim of a request with an idempotency key.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_deref()
    }
}

#[cfg(test)]
impl TenantCtx {
    /// A context with every scope, for tests of what lies behind authorisation.
    pub(crate) fn for_test(tenant: TenantUid, slug: Slug) -> Self {
        let principal = Principal {
            identity: crate::domain::id::IdentityUid::from_bytes([1; 16]),
            name: "tester".to_owned(),
            source: crate::domain::access::PrincipalSource::Host,
            is_administrator: false,
        };
        Self::authorised(tenant, slug, principal, Scope::ALL.iter().copied().collect(), "request".to_owned())
    }
}
