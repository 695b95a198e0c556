//! How a settled connection is written: its credential is a record of its own, made anew whenever a secret was entered.

use super::settle::Settled;
use crate::domain::id::{CredentialUid, TenantUid};
use crate::domain::{Result, Timestamp};
use crate::records::Transaction;
use crate::records::connections::{self as rows, ConnectionRecord};
use crate::records::credentials::{self, CredentialRecord};

/// Makes the draft of `record` what was settled, and writes the credential that belongs to it; the record itself is left to
/// the caller to write.
///
/// # Errors
/// As [`Transaction::put`].
pub(in crate::service) async fn apply_settled(
    tx: &mut Transaction,
    tenant: TenantUid,
    record: &mut ConnectionRecord,
    settled: &Settled,
    now: Timestamp,
) -> Result<()> {
    let before = record.draft.credential;
    let is_unchanged = record.draft == settled.state && !settled.is_new_credential;
    record.draft = settled.state.clone();
    record.modified_at = now;
    if settled.is_new_credential {
        record.draft.credential = write_credential(tx, tenant, record, settled, now).await?;
        // A credential that a revision holds lives on; any other has lost its last holder.
        if let Some(before) = before.filter(|uid| !record.held_credentials.contains(uid)) {
            credentials::remove(tx, tenant, before);
        }
    }
    if !is_unchanged {
        rows::forget_verification(tx, tenant, record.uid);
    }
    Ok(())
}

async fn write_credential(
    tx: &mut Transaction,
    tenant: TenantUid,
    record: &ConnectionRecord,
    settled: &Settled,
    now: Timestamp,
) -> Result<Option<CredentialUid>> {
    if settled.secrets.is_empty() {
        return Ok(None);
    }
    let credential = CredentialRecord {
        uid: CredentialUid::generate(),
        connection: record.uid,
        binding: settled.binding.clone(),
        parameters: settled.secrets.parameters.clone(),
        auth: settled.secrets.auth.clone(),
        open_auth: settled.secrets.open_auth.clone(),
        auth_map: Vec::new(),
        sandbox: None,
        created_at: now,
    };
    credentials::write(tx, tenant, &credential).await?;
    Ok(Some(credential.uid))
}
