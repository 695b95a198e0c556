//! Where a connection leads, said only with its first sync: clients of the Infisical dialect may name an address with the
//! credential or with the integration.

use serde_json::Value;

use super::settle::{Entered, Form, Standing, settle};
use super::write::apply_settled;
use super::{ConnectionView, Connections, belongs, publish_draft, rows, unknown};
use crate::domain::access::Scope;
use crate::domain::id::ConnectionUid;
use crate::domain::name::Slug;
use crate::domain::settings::{Given, MASK};
use crate::domain::{Code, Error, Patch, Result};
use crate::records::credentials;
use crate::service::context::TenantCtx;
use crate::transact;

impl Connections {
    /// Whether the server's configuration lets requests go to an origin, as far as the origin itself tells.
    ///
    /// # Errors
    /// `egress_denied`, naming the rule.
    pub fn require_permitted(&self, origin: &str) -> Result<()> {
        self.core.egress.permits(origin).map_err(|failure| Error::new(Code::EgressDenied, failure.to_string()))
    }

    /// Gives a connection the one parameter that says where it leads, and publishes it. Only whoever entered the credential may
    /// do so, and only until the first sync was made with it: nobody learns a credential by this that did not have it.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `credential_rebind_refused` for anybody else and at any later time, `invalid_request` with
    /// every violation.
    pub async fn settle_origin(
        &self,
        ctx: &TenantCtx,
        (integration, uid): (&Slug, ConnectionUid),
        (parameter, origin): (&str, &str),
    ) -> Result<ConnectionView> {
        ctx.require(Scope::IntegrationsWrite)?;
        let resolved = self.resolved(ctx, integration).await?;
        let now = self.core.clock.now();
        let record = transact!(self.core.records, |tx| {
            let present = rows::read_for_update(&mut tx, ctx.tenant(), uid).await?;
            let present = present.filter(|found| belongs(&found.value, integration, false)).ok_or_else(unknown)?;
            let mut record = present.value;
            let may = record.unsettled_by.take() == Some(ctx.principal().identity);
            if !may || rows::is_used(tx.view(), ctx.tenant(), uid).await? {
                return Err(refused());
            }
            let mut credential = Self::credential(tx.view(), ctx.tenant(), uid, &record.draft).await?;
            if let Some(credential) = &mut credential {
                credential.binding.hosts.insert(parameter.to_owned(), origin.to_owned());
                credentials::write(&mut tx, ctx.tenant(), credential).await?;
            }
            let mut parameters = record.draft.parameters.clone().unwrap_or_default();
            parameters.extend(record.draft.secret_parameters.iter().map(|name| (name.clone(), Value::from(MASK))));
            parameters.insert(parameter.to_owned(), Value::from(origin));
            let entered = Entered { parameters: Patch::Set(Given::from(parameters)), ..Entered::default() };
            let standing = Standing { state: Some(&record.draft), credential: credential.as_ref() };
            let settled = settle(&resolved, entered, standing, &Form::of_connection())?;
            apply_settled(&mut tx, ctx.tenant(), &mut record, &settled, now).await?;
            publish_draft(&mut tx, ctx, (&resolved, &mut record), (None, now)).await?;
            tx.put(&rows::key(ctx.tenant(), uid), &record).await?;
            record
        });
        Ok(ConnectionView { record, verification: None })
    }

    /// Notes that a sync was made with a connection: from now on it leads where it leads.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn note_settled(&self, ctx: &TenantCtx, uid: ConnectionUid) -> Result<()> {
        transact!(self.core.records, |tx| {
            let Some(mut present) = rows::read_for_update(&mut tx, ctx.tenant(), uid).await? else { return Ok(()) };
            if present.value.unsettled_by.take().is_some() {
                tx.put(&rows::key(ctx.tenant(), uid), &present.value).await?;
            }
        });
        Ok(())
    }
}

fn refused() -> Error {
    let detail =
        "the stored credential was entered for another address: say the address where the credential is entered";
    Error::new(Code::CredentialRebindRefused, detail)
}
