//! Requests that may be sent twice and act once (`Idempotency-Key`).
//!
//! A context carries the claim of its request. Recording the audit event of a change records the claim too, in the same
//! transaction: so no service needs to know of it, and an effect is never in the store without its claim.

use std::sync::Arc;
use std::time::Duration;

use super::context::Core;
use crate::domain::access::Principal;
use crate::domain::id::TenantUid;
use crate::domain::{Code, Error, Result, Timestamp};
use crate::ports::sealer::{HashPurpose, KeyedHash};
use crate::records::idempotency::{self as rows, IdempotencyRecord};
use crate::records::tenant::TenantRecord;
use crate::records::{Key, Kind, Transaction};
use crate::transact;

/// How long a request is remembered.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Rows looked at, at a time, when old ones are dropped.
const SWEEP_PAGE: usize = 500;

/// Remembers requests.
#[derive(Clone)]
pub struct Idempotency {
    core: Core,
}

/// What names a request: who sent what, where.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The documented path and the method.
    pub route: &'r str,
    /// The client's key.
    pub key: &'r str,
    /// SHA-256 of the path and the body.
    pub digest: &'r [u8; 32],
}

/// A request that has not acted yet.
#[derive(Debug)]
pub struct Claim {
    row: Key,
    attempt: uuid::Uuid,
    fingerprint: KeyedHash,
}

/// What an earlier request with the same key was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: Option<u16>,
    pub location: Option<String>,
    /// The id or path of what was changed.
    pub resource: String,
}

/// How a request with an idempotency key begins.
#[derive(Debug)]
pub enum Beginning {
    /// It is the first.
    Claimed(Arc<Claim>),
    /// It has acted already.
    Answered(Answer),
}

impl Claim {
    /// What names the request in this process.
    #[must_use]
    pub fn row(&self) -> &Key {
        &self.row
    }

    /// Records, in the transaction of the change, that the request acts.
    ///
    /// # Errors
    /// `idempotency_in_flight` when another request with the same key has acted meanwhile.
    pub(in crate::service) async fn record(&self, tx: &mut Transaction, now: Timestamp, resource: &str) -> Result<()> {
        let present: Option<IdempotencyRecord> = tx.get(&self.row).await?;
        if present.is_some_and(|present| present.attempt != self.attempt && !is_over(&present, now)) {
            return Err(in_flight());
        }
        let record = IdempotencyRecord {
            attempt: self.attempt,
            fingerprint: self.fingerprint.clone(),
            at: now,
            resource: resource.to_owned(),
            status: None,
            location: None,
        };
        tx.put(&self.row, &record).await
    }
}

/// The request is being worked on elsewhere.
#[must_use]
pub fn in_flight() -> Error {
    Error::new(Code::IdempotencyInFlight, Code::IdempotencyInFlight.title()).with_retry_after(Duration::from_secs(1))
}

fn is_over(record: &IdempotencyRecord, now: Timestamp) -> bool {
    now.since(record.at) > KEPT
}

impl Idempotency {
    pub(in crate::service) const fn new(core: Core) -> Self {
        Self { core }
    }

    /// Begins a request in a tenant's range, or in the system's.
    ///
    /// # Errors
    /// `idempotency_mismatch` when the key was used for another request.
    pub async fn begin(&self, tenant: TenantUid, principal: &Principal, request: Request<'_>) -> Result<Beginning> {
        let sealer = self.core.records.sealer(tenant).await?;
        let identity = principal.identity;
        let named: [&[u8]; 4] = [b"idempotency", identity.as_bytes(), request.route.as_bytes(), request.key.as_bytes()];
        let row = rows::request(tenant, &sealer.hash(HashPurpose::Index, &named));
        let body: [&[u8]; 2] = [b"idempotency", request.digest];
        let present: Option<IdempotencyRecord> = self.core.records.view().await?.get(&row).await?;
        let Some(present) = present.filter(|present| !is_over(present, self.core.clock.now())) else {
            let fingerprint = sealer.hash(HashPurpose::Fingerprint, &body);
            return Ok(Beginning::Claimed(Arc::new(Claim { row, attempt: uuid::Uuid::now_v7(), fingerprint })));
        };
        let same = sealer.hash_matches(HashPurpose::Fingerprint, &body, &present.fingerprint);
        if !same.map_err(|fault| Error::new(Code::KeyUnavailable, Code::KeyUnavailable.title()).with_source(fault))? {
            return Err(Error::new(Code::IdempotencyMismatch, Code::IdempotencyMismatch.title()));
        }
        let IdempotencyRecord { status, location, resource, .. } = present;
        Ok(Beginning::Answered(Answer { status, location, resource }))
    }

    /// Adds to a request that has acted what it was answered; one that changed nothing is not remembered.
    ///
    /// # Errors
    /// `unavailable` when the store fails: the request is then remembered without its answer.
    pub async fn settle(&self, claim: &Claim, status: u16, location: Option<String>) -> Result<()> {
        transact!(self.core.records, |tx| {
            let present: Option<IdempotencyRecord> = tx.get(&claim.row).await?;
            if let Some(mut present) = present.filter(|present| present.attempt == claim.attempt) {
                present.status = Some(status);
                present.location.clone_from(&location);
                tx.put(&claim.row, &present).await?;
            }
        });
        Ok(())
    }

    /// Forgets what is older than [`KEPT`]; answers how many.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn sweep(&self) -> Result<usize> {
        let mut swept = self.sweep_tenant(TenantUid::SYSTEM).await?;
        let prefix = Key::system(Kind::Tenant);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page: Vec<(Key, TenantRecord)> =
                self.core.records.view().await?.scan(&prefix, after.as_deref(), SWEEP_PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(swept) };
            after = Some(last.as_bytes().to_vec());
            for (_, tenant) in page.iter().filter(|(_, tenant)| tenant.deleting_since.is_none()) {
                swept += self.sweep_tenant(tenant.uid).await?;
            }
        }
    }

    async fn sweep_tenant(&self, tenant: TenantUid) -> Result<usize> {
        let now = self.core.clock.now();
        let prefix = rows::all(tenant);
        let mut after: Option<Vec<u8>> = None;
        let mut swept = 0;
        loop {
            let page: Vec<(Key, IdempotencyRecord)> =
                self.core.records.view().await?.scan(&prefix, after.as_deref(), SWEEP_PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(swept) };
            after = Some(last.as_bytes().to_vec());
            let old: Vec<&Key> = page.iter().filter(|(_, row)| is_over(row, now)).map(|(key, _)| key).collect();
            swept += old.len();
            transact!(self.core.records, |tx| old.iter().for_each(|key| tx.delete(key)));
        }
    }
}
