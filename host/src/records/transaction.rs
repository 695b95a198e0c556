//! Reading and writing records: consistent views, and optimistic transactions that are retried when they lose.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::key::{Key, Kind};
use super::located;
use super::row::{self, Record, RecordError};
use crate::domain::id::TenantUid;
use crate::domain::{Code, Error, Result, Version, Versioned};
use crate::ports::kv::{Append, Batch, CommitError, KvStore, ReadError, Requirement, Revision, Snapshot};
use crate::ports::sealer::{SystemSealer, TenantSealer};

/// How long unwrapped tenant keys stay in memory without being looked up anew.
const SEALER_AGE_MAX: Duration = Duration::from_secs(600);
/// How many tenants' keys stay in memory.
const SEALERS_MAX: usize = 10_000;
/// How often a transaction that lost is tried again.
const ATTEMPTS_MAX: u32 = 12;

/// All records of the host.
#[derive(Clone)]
pub struct Records(Arc<Inner>);

struct Inner {
    store: Arc<dyn KvStore>,
    system: Arc<dyn SystemSealer>,
    sealers: Mutex<HashMap<TenantUid, CachedSealer>>,
}

/// A tenant's keys, and since when they are held.
type CachedSealer = (Instant, Arc<dyn TenantSealer>);

impl Records {
    /// Records in this store, sealed with these keys.
    #[must_use]
    pub fn new(store: Arc<dyn KvStore>, system: Arc<dyn SystemSealer>) -> Self {
        Self(Arc::new(Inner { store, system, sealers: Mutex::new(HashMap::new()) }))
    }

    /// The store beneath.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn KvStore> {
        &self.0.store
    }

    /// The keys of the installation.
    #[must_use]
    pub fn system_sealer(&self) -> &Arc<dyn SystemSealer> {
        &self.0.system
    }

    /// Makes the keys of the system range, once in the life of an installation.
    ///
    /// # Errors
    /// `unavailable` when the store or the operating system's randomness fails.
    pub async fn initialise(&self) -> Result<()> {
        let mut attempts = self.attempts();
        loop {
            let mut tx = self.begin().await?;
            if tx.get_clear(&Key::system(Kind::TenantKeys)).await?.is_none() {
                tx.create_tenant_keys(TenantUid::SYSTEM)?;
            }
            if attempts.commit(tx).await? {
                return Ok(());
            }
        }
    }

    /// The keys of a tenant.
    ///
    /// # Errors
    /// `not_found` when there is no such tenant (any more), `key_unavailable` when its keys do not open.
    pub async fn sealer(&self, tenant: TenantUid) -> Result<Arc<dyn TenantSealer>> {
        match self.cached_sealer(tenant) {
            Some(sealer) => Ok(sealer),
            None => self.view().await?.sealer(tenant).await,
        }
    }

    /// Forgets a tenant's keys, after they were destroyed.
    pub fn forget_sealer(&self, tenant: TenantUid) {
        self.0.sealers.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }

    fn cached_sealer(&self, tenant: TenantUid) -> Option<Arc<dyn TenantSealer>> {
        let sealers = self.0.sealers.lock().unwrap_or_else(PoisonError::into_inner);
        sealers.get(&tenant).filter(|(since, _)| since.elapsed() < SEALER_AGE_MAX).map(|(_, sealer)| sealer.clone())
    }

    fn keep_sealer(&self, sealer: &Arc<dyn TenantSealer>) {
        let mut sealers = self.0.sealers.lock().unwrap_or_else(PoisonError::into_inner);
        if sealers.len() >= SEALERS_MAX {
            sealers.retain(|_, (since, _)| since.elapsed() < SEALER_AGE_MAX / 2);
        }
        sealers.insert(sealer.tenant(), (Instant::now(), sealer.clone()));
    }

    /// One consistent view of everything committed so far.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn view(&self) -> Result<View> {
        let snapshot = self.0.store.snapshot().await.map_err(unreadable)?;
        Ok(View { records: self.clone(), snapshot })
    }

    /// Begins a transaction on a fresh view.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn begin(&self) -> Result<Transaction> {
        Ok(Transaction {
            view: self.view().await?,
            sealers: Vec::new(),
            seen: HashMap::new(),
            writes: BTreeMap::new(),
            append: Vec::new(),
        })
    }

    /// Deletes every row of a tenant and what the system range holds of them by uid, `batch` rows at a time: for tenants
    /// whose keys are destroyed.
    ///
    /// # Errors
    /// `unavailable` when the store fails; what was deleted stays deleted.
    pub async fn purge(&self, tenant: TenantUid, batch: usize) -> Result<()> {
        loop {
            let snapshot = self.0.store.snapshot().await.map_err(unreadable)?;
            let range = crate::ports::kv::KeyRange::prefix(tenant.as_bytes());
            let items = snapshot.scan(range, batch).await.map_err(unreadable)?;
            if items.is_empty() {
                return Ok(());
            }
            let located: Vec<Vec<u8>> = items.iter().filter_map(|item| located::entry_of(&item.key)).collect();
            let delete = items.into_iter().map(|item| item.key).chain(located).collect();
            self.0
                .store
                .commit(Batch { delete, ..Batch::default() })
                .await
                .map_err(|error| Error::new(Code::Unavailable, "the store cannot be written").with_source(error))?;
        }
    }

    /// Counts the attempts of one transaction.
    #[must_use]
    pub fn attempts(&self) -> Attempts {
        Attempts { records: self.clone(), made: 0 }
    }
}

fn unreadable(error: ReadError) -> Error {
    Error::new(Code::Unavailable, "the store cannot be read").with_source(error)
}

/// Runs `$body` in a transaction until it commits: `transact!(records, |tx| body)`. `$body` is evaluated anew for each attempt
/// and may use `?` and `return` of the enclosing function.
#[macro_export]
macro_rules! transact {
    ($records:expr, |$tx:ident| $body:expr) => {{
        let mut attempts = $records.attempts();
        loop {
            #[expect(clippy::allow_attributes, reason = "a body that only reads leaves it unchanged")]
            #[allow(unused_mut)]
            let mut $tx = $records.begin().await?;
            let outcome = $body;
            if attempts.commit($tx).await? {
                break outcome;
            }
        }
    }};
}

/// The bounded attempts of one transaction.
pub struct Attempts {
    records: Records,
    made: u32,
}

impl Attempts {
    /// Commits; `false` when another transaction won and this one must be made anew.
    ///
    /// # Errors
    /// `contention` after the last attempt, `unavailable` when the store fails.
    pub async fn commit(&mut self, transaction: Transaction) -> Result<bool> {
        self.made += 1;
        if transaction.is_read_only() {
            return Ok(true);
        }
        match self.records.0.store.commit(transaction.into_batch()).await {
            Ok(_) => Ok(true),
            Err(CommitError::Conflict) if self.made < ATTEMPTS_MAX => {
                tokio::time::sleep(Duration::from_micros(fastrand::u64(0..200u64 << self.made.min(8)))).await;
                Ok(false)
            }
            Err(CommitError::Conflict) => {
                Err(Error::new(Code::Contention, "concurrent changes kept winning; try again"))
            }
            Err(error) => Err(Error::new(Code::Unavailable, "the store cannot be written").with_source(error)),
        }
    }
}

/// A consistent view of all records.
pub struct View {
    records: Records,
    snapshot: Box<dyn Snapshot>,
}

impl View {
    /// The keys of a tenant.
    ///
    /// # Errors
    /// `not_found` when there is no such tenant, `key_unavailable` when its keys do not open.
    pub async fn sealer(&self, tenant: TenantUid) -> Result<Arc<dyn TenantSealer>> {
        if let Some(sealer) = self.records.cached_sealer(tenant) {
            return Ok(sealer);
        }
        let wrapped =
            self.get_clear(&Key::new(tenant, Kind::TenantKeys)).await?.ok_or_else(|| Error::not_found("tenant"))?;
        let sealer = self.records.0.system.open_tenant_keys(tenant, &wrapped).map_err(|source| {
            Error::new(Code::KeyUnavailable, "the tenant's keys cannot be opened").with_source(source)
        })?;
        self.records.keep_sealer(&sealer);
        Ok(sealer)
    }

    /// The record at `key`.
    ///
    /// # Errors
    /// `record_unreadable` when it does not open, `unavailable` when the store fails.
    pub async fn get<R: Record>(&self, key: &Key) -> Result<Option<R>> {
        Ok(self.get_versioned(key).await?.map(|(record, _)| record))
    }

    /// The record at `key` and its revision, which changes with every write: the source of an `ETag`.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn get_versioned<R: Record>(&self, key: &Key) -> Result<Option<(R, Revision)>> {
        debug_assert_eq!(key.kind(), R::KIND);
        let Some(found) = self.snapshot.get(key.as_bytes()).await.map_err(unreadable)? else { return Ok(None) };
        let sealer = self.sealer(key.tenant()).await?;
        Ok(Some((row::open_row(&*sealer, key, &found.value)?, found.revision)))
    }

    /// The record at `key` with the version that callers may hold a change to.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn get_with_version<R: Record>(&self, key: &Key) -> Result<Option<Versioned<R>>> {
        debug_assert_eq!(key.kind(), R::KIND);
        let Some(found) = self.snapshot.get(key.as_bytes()).await.map_err(unreadable)? else { return Ok(None) };
        let sealer = self.sealer(key.tenant()).await?;
        let value = row::open_row(&*sealer, key, &found.value)?;
        Ok(Some(Versioned { value, version: row::resource_version(&found.value) }))
    }

    /// The bytes in clear at `key`.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn get_clear(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        match self.snapshot.get(key.as_bytes()).await.map_err(unreadable)? {
            None => Ok(None),
            Some(found) => Ok(Some(row::open_clear(key.kind(), &found.value)?.to_vec())),
        }
    }

    /// At most `limit` records whose keys begin with `prefix`, in order, after the key `after` where given.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn scan<R: Record>(&self, prefix: &Key, after: Option<&[u8]>, limit: usize) -> Result<Vec<(Key, R)>> {
        debug_assert_eq!(prefix.kind(), R::KIND);
        let items = self.items(prefix, after, limit).await?;
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let sealer = self.sealer(prefix.tenant()).await?;
        items
            .into_iter()
            .map(|item| {
                let key = prefix.found(item.key);
                let record = row::open_row(&*sealer, &key, &item.value)?;
                Ok((key, record))
            })
            .collect()
    }

    /// As [`View::scan`], of appended records; the sequence number is the last eight bytes of the key.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn scan_appended<R: Record>(
        &self,
        prefix: &Key,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(u64, R)>> {
        let items = self.items(prefix, after, limit).await?;
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let sealer = self.sealer(prefix.tenant()).await?;
        let malformed = || Error::from(RecordError::Malformed { kind: prefix.kind() });
        items
            .into_iter()
            .map(|item| {
                let sequence =
                    item.key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).ok_or_else(malformed)?;
                Ok((sequence, row::open_appended(&*sealer, &item.value)?))
            })
            .collect()
    }

    /// As [`View::scan`], of rows in clear.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn scan_clear(&self, prefix: &Key, after: Option<&[u8]>, limit: usize) -> Result<Vec<(Key, Vec<u8>)>> {
        let items = self.items(prefix, after, limit).await?;
        items
            .into_iter()
            .map(|item| {
                let payload = row::open_clear(prefix.kind(), &item.value)?.to_vec();
                Ok((prefix.found(item.key), payload))
            })
            .collect()
    }

    async fn items(&self, prefix: &Key, after: Option<&[u8]>, limit: usize) -> Result<Vec<crate::ports::kv::Item>> {
        let mut range = prefix.range();
        if let Some(after) = after {
            range = range.after(after);
        }
        self.snapshot.scan(range, limit).await.map_err(unreadable)
    }
}

/// What a transaction read of a key.
#[derive(Clone, Copy)]
struct Seen {
    revision: Option<Revision>,
    row_version: u64,
}

/// Reads on one view, and writes that happen together or not at all.
///
/// Every key read through [`Transaction::get`] and [`Transaction::get_clear`] must be unchanged at commit. Scans, and reads
/// through [`Transaction::view`], are not held to that. Only reads of single keys see the transaction's own writes.
pub struct Transaction {
    view: View,
    sealers: Vec<Arc<dyn TenantSealer>>,
    seen: HashMap<Vec<u8>, Seen>,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    append: Vec<Append>,
}

impl Transaction {
    /// The view beneath, for reads that need not hold at commit.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// The record at `key`, which must be unchanged at commit.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn get<R: Record>(&mut self, key: &Key) -> Result<Option<R>> {
        Ok(self.get_versioned(key).await?.map(|(record, _)| record))
    }

    /// The record at `key` with its revision; both must be unchanged at commit.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn get_versioned<R: Record>(&mut self, key: &Key) -> Result<Option<(R, Revision)>> {
        debug_assert_eq!(key.kind(), R::KIND);
        let Some((stored, revision)) = self.read(key).await? else { return Ok(None) };
        let sealer = self.sealer(key.tenant()).await?;
        Ok(Some((row::open_row(&*sealer, key, &stored)?, revision)))
    }

    /// The record at `key` with the version that callers may hold a change to; both must be unchanged at commit.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn get_with_version<R: Record>(&mut self, key: &Key) -> Result<Option<Versioned<R>>> {
        debug_assert_eq!(key.kind(), R::KIND);
        let Some((stored, _)) = self.read(key).await? else { return Ok(None) };
        let sealer = self.sealer(key.tenant()).await?;
        let value = row::open_row(&*sealer, key, &stored)?;
        Ok(Some(Versioned { value, version: row::resource_version(&stored) }))
    }

    /// The bytes in clear at `key`, which must be unchanged at commit.
    ///
    /// # Errors
    /// As [`View::get`].
    pub async fn get_clear(&mut self, key: &Key) -> Result<Option<Vec<u8>>> {
        match self.read(key).await? {
            None => Ok(None),
            Some((stored, _)) => Ok(Some(row::open_clear(key.kind(), &stored)?.to_vec())),
        }
    }

    /// Writes a record; the key must be unchanged at commit since this transaction's view.
    ///
    /// # Errors
    /// As [`View::get`], and `unavailable` without randomness.
    pub async fn put<R: Record>(&mut self, key: &Key, record: &R) -> Result<()> {
        self.put_with_version(key, record).await.map(|_| ())
    }

    /// As [`Transaction::put`]; answers the version that the record will have.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub async fn put_with_version<R: Record>(&mut self, key: &Key, record: &R) -> Result<Version> {
        debug_assert_eq!(key.kind(), R::KIND);
        if !self.seen.contains_key(key.as_bytes()) {
            self.read(key).await?;
        }
        let row_version = self.seen.get(key.as_bytes()).map_or(0, |seen| seen.row_version) + 1;
        let sealer = self.sealer(key.tenant()).await?;
        let stored = row::seal_row(&*sealer, key, row_version, record)?;
        let version = row::resource_version(&stored);
        self.writes.insert(key.as_bytes().to_vec(), Some(stored));
        Ok(version)
    }

    /// Writes bytes in clear, blind: whatever stands there is replaced, unless the key was read before in this transaction.
    pub fn put_clear(&mut self, key: &Key, payload: &[u8]) {
        self.writes.insert(key.as_bytes().to_vec(), Some(row::clear_row(payload)));
    }

    /// Deletes a key, blind unless it was read before in this transaction.
    pub fn delete(&mut self, key: &Key) {
        self.writes.insert(key.as_bytes().to_vec(), None);
    }

    /// Appends a record to the log at `prefix`: never a conflict.
    ///
    /// # Errors
    /// `unavailable` without randomness.
    pub async fn append<R: Record>(&mut self, prefix: &Key, record: &R) -> Result<()> {
        debug_assert_eq!(prefix.kind(), R::KIND);
        let sealer = self.sealer(prefix.tenant()).await?;
        let value = row::seal_appended(&*sealer, record)?;
        self.append.push(Append { prefix: prefix.as_bytes().to_vec(), value });
        Ok(())
    }

    /// Makes the keys of a new tenant; its records can be written in this transaction already.
    ///
    /// # Errors
    /// `unavailable` without randomness.
    pub fn create_tenant_keys(&mut self, tenant: TenantUid) -> Result<()> {
        let system = self.view.records.system_sealer().clone();
        let wrapped = system.generate_tenant_keys(tenant).map_err(Error::internal)?;
        let sealer = system.open_tenant_keys(tenant, &wrapped).map_err(Error::internal)?;
        self.put_clear(&Key::new(tenant, Kind::TenantKeys), &wrapped);
        self.sealers.push(sealer);
        Ok(())
    }

    /// The keys of a tenant, also of one made in this transaction.
    ///
    /// # Errors
    /// As [`View::sealer`].
    pub async fn sealer(&mut self, tenant: TenantUid) -> Result<Arc<dyn TenantSealer>> {
        if let Some(sealer) = self.sealers.iter().find(|sealer| sealer.tenant() == tenant) {
            return Ok(sealer.clone());
        }
        let sealer = self.view.sealer(tenant).await?;
        self.sealers.push(sealer.clone());
        Ok(sealer)
    }

    async fn read(&mut self, key: &Key) -> Result<Option<(Vec<u8>, Revision)>> {
        if let Some(written) = self.writes.get(key.as_bytes()) {
            return Ok(written.clone().map(|value| (value, Revision(0))));
        }
        let found = self.view.snapshot.get(key.as_bytes()).await.map_err(unreadable)?;
        let seen = match &found {
            None => Seen { revision: None, row_version: 0 },
            Some(found) => {
                Seen { revision: Some(found.revision), row_version: row::version_of(key.kind(), &found.value)? }
            }
        };
        self.seen.insert(key.as_bytes().to_vec(), seen);
        Ok(found.map(|found| (found.value, found.revision)))
    }

    fn is_read_only(&self) -> bool {
        self.writes.is_empty() && self.append.is_empty()
    }

    fn into_batch(self) -> Batch {
        let mut batch = Batch { append: self.append, ..Batch::default() };
        batch.require = self.seen.into_iter().map(|(key, seen)| Requirement { key, revision: seen.revision }).collect();
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.put.push((key, value)),
                None => batch.delete.push(key),
            }
        }
        batch
    }
}
