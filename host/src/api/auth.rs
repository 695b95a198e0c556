//! Who may call a handler: the signature is the check.
//!
//! `Authorized<scope>` opens a tenant's route, `Administrator` the host's own, `Authenticated` those that only need to
//! know who asks. A handler without one of them is public, and the coverage test lists those.

use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::{FromRequestParts, RawPathParams};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::idempotency::{Keyed, Turned};
use super::middleware::{self, RequestId, is_exempt};
use super::problem::Problem;
use super::state::ApiState;
use crate::domain::access::Scope;
use crate::domain::id::TenantUid;
use crate::domain::{Code, Error, Result};
use crate::service::access::{Caller, Presented};
use crate::service::context::{HostCtx, TenantCtx};

/// The header of an API key.
pub(crate) const API_KEY_HEADER: &str = "x-api-key";

/// Somebody whose credential is good.
#[derive(Clone, Debug)]
pub(crate) struct Authenticated {
    pub(crate) caller: Caller,
    pub(crate) request_id: RequestId,
}

impl FromRequestParts<ApiState> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        // A request is authenticated once, however many extractors ask: it is one use of a token, and one of a bucket.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let address = middleware::address(&parts.extensions);
        let caller = state.services.access.authenticate(presented(&parts.headers)?, address).await?;
        if let Some(principals) = &state.principals
            && !is_exempt(&parts.extensions)
        {
            principals.take(caller.principal().identity, state.clock.now())?;
        }
        let request_id = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
        let known = Self { caller, request_id };
        parts.extensions.insert(known.clone());
        Ok(known)
    }
}

/// The one credential of a request. Two are refused: which of them counts must not be open to doubt.
fn presented(headers: &HeaderMap) -> Result<Presented<'_>> {
    let refused = || Error::new(Code::Unauthenticated, Code::Unauthenticated.title());
    let mut found = Vec::with_capacity(1);
    for value in headers.get_all(AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(refused)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused());
        }
        found.push(Presented::Bearer(token.trim()));
    }
    for value in headers.get_all(API_KEY_HEADER) {
        found.push(Presented::ApiKey(value.to_str().map_err(|_| refused())?));
    }
    match found.as_slice() {
        [only] => Ok(*only),
        _ => Err(refused()),
    }
}

/// Somebody who may do what `S` names in the tenant of the path.
#[derive(Debug)]
pub(crate) struct Authorized<S>(TenantCtx, PhantomData<S>);

impl<S> Deref for Authorized<S> {
    type Target = TenantCtx;

    fn deref(&self) -> &TenantCtx {
        &self.0
    }
}

impl<S: Needs> FromRequestParts<ApiState> for Authorized<S> {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Turned> {
        let Authenticated { caller, request_id } = Authenticated::from_request_parts(parts, state).await?;
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(Error::internal)?;
        let tenant = params.iter().find(|(name, _)| *name == "tenant").map(|(_, value)| value);
        let tenant = tenant.ok_or_else(|| Error::not_found("tenant"))?;
        tracing::Span::current().record("tenant.id", tenant);
        let ctx = state.services.access.authorise(&caller, tenant, request_id.as_str()).await?;
        S::SCOPES.iter().try_for_each(|scope| ctx.require(*scope))?;
        Ok(Self(
            match parts.extensions.get::<Keyed>() {
                Some(keyed) => {
                    let claim = keyed.begin(ctx.tenant(), ctx.principal()).await?;
                    ctx.with_claim(claim)
                }
                None => ctx,
            },
            PhantomData,
        ))
    }
}

/// An administrator of the host.
#[derive(Debug)]
pub(crate) struct Administrator(HostCtx);

impl Deref for Administrator {
    type Target = HostCtx;

    fn deref(&self) -> &HostCtx {
        &self.0
    }
}

impl FromRequestParts<ApiState> for Administrator {
    type Rejection = Turned;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Turned> {
        let Authenticated { caller, request_id } = Authenticated::from_request_parts(parts, state).await?;
        let ctx = state.services.access.authorise_host(&caller, request_id.as_str())?;
        Ok(Self(match parts.extensions.get::<Keyed>() {
            Some(keyed) => {
                let claim = keyed.begin(TenantUid::SYSTEM, ctx.principal()).await?;
                ctx.with_claim(claim)
            }
            None => ctx,
        }))
    }
}

/// What a handler needs of a caller in a tenant.
pub(crate) trait Needs: Send + 'static {
    /// All of these; none when being a member is enough.
    const SCOPES: &'static [Scope];
}

/// Names of scopes as types, for [`Authorized`].
pub(crate) mod scopes {
    use super::{Needs, Scope};

    macro_rules! needs {
        ($($name:ident),*) => {$(
            #[derive(Debug)]
            pub(crate) struct $name;

            impl Needs for $name {
                const SCOPES: &'static [Scope] = &[Scope::$name];
            }
        )*};
    }

    needs!(
        IntegrationsRead,
        IntegrationsWrite,
        SecretsRead,
        SecretsWrite,
        SyncsRead,
        SyncsWrite,
        SyncsRun,
        AuditRead,
        IdentitiesRead,
        IdentitiesWrite
    );

    /// Whoever has any part in the tenant.
    #[derive(Debug)]
    pub(crate) struct Membership;

    impl Needs for Membership {
        const SCOPES: &'static [Scope] = &[];
    }

    /// What importing takes: it is a run, and it writes secrets.
    #[derive(Debug)]
    pub(crate) struct SyncsImport;

    impl Needs for SyncsImport {
        const SCOPES: &'static [Scope] = &[Scope::SyncsRun, Scope::SecretsWrite];
    }
}
