//! Personal overrides: what an identity holds in place of a secret's value, for itself alone.

use super::gather::Found;
use super::write::check;
use super::{Presence, SecretChange, SecretRead, Secrets};
use crate::domain::access::Scope;
use crate::domain::error::violation;
use crate::domain::id::OverrideUid;
use crate::domain::name::SecretName;
use crate::domain::{Code, Error, Result, Timestamp, Violation};
use crate::records::Transaction;
use crate::records::overrides::{self, PersonalOverride};
use crate::records::secrets::{self, SecretOverview};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::service::folders::{Place, hold};
use crate::transact;

impl Secrets {
    /// Sets what the caller holds in place of a secret's value; of the change, value and comment count.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the secret or an override that must be there, `already_exists` for one that must not,
    /// `invalid_request`.
    pub async fn set_override(
        &self,
        ctx: &TenantCtx,
        place: &Place,
        name: &SecretName,
        change: &SecretChange,
        presence: Presence,
    ) -> Result<Found> {
        ctx.require(Scope::SecretsWrite)?;
        let mut violations = Vec::new();
        check(change, "", &mut violations);
        if !violations.is_empty() {
            return Err(Error::invalid(violations));
        }
        let now = self.core.clock.now();
        let (overview, written) = transact!(self.core.records, |tx| {
            let (overview, found) = held(&mut tx, ctx, place, name).await?;
            let written = written(ctx, &overview, found, (change, presence), now)?;
            overrides::write(&mut tx, ctx.tenant(), &written).await?;
            audit::record(&mut tx, ctx, now, "secrets.override", written.uid.to_string()).await?;
            (overview, written)
        });
        Ok(found(place, overview, written))
    }

    /// Deletes what the caller holds in place of a secret's value; answers what it was.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn delete_override(&self, ctx: &TenantCtx, place: &Place, name: &SecretName) -> Result<Found> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let (overview, deleted) = transact!(self.core.records, |tx| {
            let (overview, found) = held(&mut tx, ctx, place, name).await?;
            let deleted = found.ok_or_else(missing)?;
            overrides::remove(&mut tx, ctx.tenant(), &deleted);
            audit::record(&mut tx, ctx, now, "secrets.delete-override", deleted.uid.to_string()).await?;
            (overview, deleted)
        });
        Ok(found(place, overview, deleted))
    }
}

fn missing() -> Error {
    Error::not_found("personal override")
}

fn found(place: &Place, overview: SecretOverview, personal: PersonalOverride) -> Found {
    let version = overview.version();
    let read = SecretRead { overview, path: place.path.clone(), version, value: None };
    Found { environment: place.environment.clone(), read, personal: Some(personal) }
}

async fn held(
    tx: &mut Transaction,
    ctx: &TenantCtx,
    place: &Place,
    name: &SecretName,
) -> Result<(SecretOverview, Option<PersonalOverride>)> {
    let folder = hold(tx, ctx.tenant(), place).await?;
    let overview = secrets::find_for_update(tx, ctx.tenant(), folder, name).await?;
    let overview = overview.ok_or_else(|| Error::not_found("secret"))?;
    let found = overrides::read_for_update(tx, ctx.tenant(), overview.uid, ctx.principal().identity).await?;
    Ok((overview, found))
}

fn written(
    ctx: &TenantCtx,
    overview: &SecretOverview,
    found: Option<PersonalOverride>,
    (change, presence): (&SecretChange, Presence),
    now: Timestamp,
) -> Result<PersonalOverride> {
    match (found, presence) {
        (Some(_), Presence::Absent) => {
            Err(Error::new(Code::AlreadyExists, "there is a personal override of this secret already"))
        }
        (Some(found), _) => Ok(PersonalOverride {
            value: change.value.clone().unwrap_or_else(|| found.value.clone()),
            comment: change.comment.clone().unwrap_or_else(|| found.comment.clone()),
            version: found.version + 1,
            modified_at: now,
            ..found
        }),
        (None, Presence::Present | Presence::OnlyIfPresent) => Err(missing()),
        (None, _) => {
            let value = change.value.clone().ok_or_else(|| {
                Error::invalid(vec![Violation::new("/value", violation::REQUIRED, "a new override needs a value")])
            })?;
            Ok(PersonalOverride {
                uid: OverrideUid::generate(),
                secret: overview.uid,
                identity: ctx.principal().identity,
                value,
                comment: change.comment.clone().unwrap_or_default(),
                version: 1,
                created_at: now,
                modified_at: now,
            })
        }
    }
}
