//! Writing secrets: one transaction for a whole batch.

use std::collections::BTreeSet;

use super::{
    BATCH_MAX, BatchDelete, BatchSet, COMMENT_CHARS_MAX, Edit, Effect, METADATA_MAX, Presence, REMINDER_NOTE_CHARS_MAX,
    SecretChange, Secrets, TAGS_MAX, VALUE_BYTES_MAX, Written,
};
use crate::domain::access::{Author, Scope};
use crate::domain::error::violation;
use crate::domain::id::{FolderUid, IdentityUid, SecretUid, TenantUid};
use crate::domain::name::{SecretName, Slug};
use crate::domain::{Code, Error, Expected, Patch, Result, Secret, Timestamp, Version, Violation};
use crate::records::secrets::{SecretHints, SecretOverview, SecretVersion};
use crate::records::{Transaction, environments, folders as folder_records, secrets};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::service::folders::{Place, ensure, hold};
use crate::service::resolve::{folder_at, referenced_folders, referenced_places};
use crate::service::tags::{self, Room};
use crate::transact;

impl Secrets {
    /// Makes or changes one secret; missing folders are made.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the environment, `precondition_failed`, `invalid_request` with every violation.
    pub async fn set(
        &self,
        ctx: &TenantCtx,
        place: &Place,
        name: &SecretName,
        change: SecretChange,
        expected: &Expected,
    ) -> Result<Written> {
        let set = BatchSet { path: place.path.clone(), name: name.clone(), change, expected: expected.clone() };
        let mut violations = Vec::new();
        check(&set.change, "", &mut violations);
        if !violations.is_empty() {
            return Err(Error::invalid(violations));
        }
        let mut written = self.apply(ctx, &place.environment, (&[set], |_| String::new()), &[]).await?;
        written.pop().ok_or_else(|| Error::internal("a batch of one wrote nothing"))
    }

    /// Makes, changes and deletes secrets, all or none. What comes back tells of each that was set, in order.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the environment, `invalid_request` with every violation, also for a secret that is
    /// to be deleted and does not exist.
    pub async fn batch(
        &self,
        ctx: &TenantCtx,
        environment: &Slug,
        sets: &[BatchSet],
        deletes: &[BatchDelete],
    ) -> Result<Vec<Written>> {
        let violations = check_batch(sets, deletes);
        if !violations.is_empty() {
            return Err(Error::invalid(violations));
        }
        self.apply(ctx, environment, (sets, |index| format!("/set/{index}")), deletes).await
    }

    /// Makes, changes, renames and deletes secrets one step after another, all steps or none. What comes back tells of each that
    /// was set or deleted, in order; with `show` together with its value, where the caller may see it.
    ///
    /// # Errors
    /// `scope_missing`, `not_found` for the environment, a folder or a secret, `already_exists` also for a name that a secret is to
    /// be given, `invalid_request` with every violation.
    pub async fn edit(&self, ctx: &TenantCtx, environment: &Slug, edits: &[Edit], show: bool) -> Result<Vec<Written>> {
        let violations = check_edits(edits);
        if !violations.is_empty() {
            return Err(Error::invalid(violations));
        }
        ctx.require(Scope::SecretsWrite)?;
        let show = show && ctx.scopes().contains(&Scope::SecretsReveal);
        let now = self.core.clock.now();
        let written = transact!(self.core.records, |tx| {
            let mut work = Writing::new(&mut tx, ctx, now);
            let mut written = Vec::with_capacity(edits.len());
            for edit in edits {
                written.extend(work.edit(environment, edit, show).await?);
            }
            work.finish();
            written
        });
        Ok(written)
    }

    /// Deletes one secret with all its versions.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn delete(&self, ctx: &TenantCtx, place: &Place, name: &SecretName, expected: &Expected) -> Result<()> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let folder = folder_at(tx.view(), ctx.tenant(), &place.environment, &place.path).await;
            let (_, folder) = folder.map_err(|error| error.renamed_if_not_found("secret"))?;
            let found = secrets::find_for_update(&mut tx, ctx.tenant(), folder, name).await?;
            let found = found.ok_or_else(|| Error::not_found("secret"))?;
            expected.check(Version::of(&found))?;
            secrets::remove(&mut tx, ctx.tenant(), &found).await?;
            folder_records::mark_dirty(&mut tx, ctx.tenant(), folder);
            audit::record(&mut tx, ctx, now, "secrets.delete", found.uid.to_string()).await?;
        });
        Ok(())
    }

    /// `pointer` tells where in the request a set stands.
    async fn apply(
        &self,
        ctx: &TenantCtx,
        environment: &Slug,
        (sets, pointer): (&[BatchSet], fn(usize) -> String),
        deletes: &[BatchDelete],
    ) -> Result<Vec<Written>> {
        ctx.require(Scope::SecretsWrite)?;
        let now = self.core.clock.now();
        let written = transact!(self.core.records, |tx| {
            let mut work = Writing::new(&mut tx, ctx, now);
            let absent = work.delete_all(environment, deletes).await?;
            let mut violations = Vec::new();
            let mut written = Vec::with_capacity(sets.len());
            for (index, set) in sets.iter().enumerate() {
                match work.set(environment, set).await {
                    Ok(one) => written.push(one),
                    Err(error) => violations.extend(below(&pointer(index), error)?),
                }
            }
            violations.extend(absent);
            if !violations.is_empty() {
                return Err(Error::invalid(violations));
            }
            work.finish();
            written
        });
        Ok(written)
    }
}

/// Sets secrets of one folder in the caller's transaction, on behalf of somebody whose scopes were checked when it was asked
/// for: each value becomes a new secret or a new version, unless it is the present one. The caller keeps to the limits of
/// a value. Audited, and the folder is marked as changed.
///
/// # Errors
/// As [`Transaction::put`].
pub async fn set_all(
    tx: &mut Transaction,
    (tenant, author): (TenantUid, &Author),
    folder: FolderUid,
    values: &[(SecretName, Secret<String>)],
    now: Timestamp,
) -> Result<()> {
    let mut work = Writing { tx, tenant, by: By::Author(author), now, changed: BTreeSet::new(), tags: Room::default() };
    for (name, value) in values {
        let change = SecretChange { value: Some(value.clone()), ..SecretChange::default() };
        work.set_in(folder, name, &change, &Expected::Any).await?;
    }
    work.finish();
    Ok(())
}

/// Who writes.
#[derive(Clone, Copy)]
enum By<'a> {
    /// A request that is being answered.
    Request(&'a TenantCtx),
    /// The host, on behalf of somebody who asked for it before.
    Author(&'a Author),
}

/// One batch in the making.
pub(super) struct Writing<'a> {
    pub(super) tx: &'a mut Transaction,
    pub(super) tenant: TenantUid,
    by: By<'a>,
    pub(super) now: Timestamp,
    pub(super) changed: BTreeSet<FolderUid>,
    tags: Room,
}

impl<'a> Writing<'a> {
    pub(super) fn new(tx: &'a mut Transaction, ctx: &'a TenantCtx, now: Timestamp) -> Self {
        let (changed, tags) = (BTreeSet::new(), Room::default());
        Self { tx, tenant: ctx.tenant(), by: By::Request(ctx), now, changed, tags }
    }

    async fn set(&mut self, environment: &Slug, set: &BatchSet) -> Result<Written> {
        let place = Place { environment: environment.clone(), path: set.path.clone() };
        let (_, folder) = ensure(self.tx, self.tenant, &place, self.now).await?;
        let (overview, effect) = self.set_in(folder, &set.name, &set.change, &set.expected).await?;
        Ok(Written { overview, path: set.path.clone(), effect, value: None })
    }

    async fn set_in(
        &mut self,
        folder: FolderUid,
        name: &SecretName,
        change: &SecretChange,
        expected: &Expected,
    ) -> Result<(SecretOverview, Effect)> {
        let found = secrets::find_for_update(self.tx, self.tenant, folder, name).await?;
        let (overview, effect) = match found {
            None if matches!(expected, Expected::OneOf(_)) => {
                return Err(Error::new(Code::PreconditionFailed, Code::PreconditionFailed.title()));
            }
            Some(found) if expected.check(Version::of(&found)).is_err() => {
                return Err(Error::new(Code::PreconditionFailed, Code::PreconditionFailed.title()));
            }
            Some(found) => self.update(found, change).await?,
            None => (self.create(folder, name, change).await?, Effect::Created),
        };
        self.note(folder, effect, change).await?;
        Ok((overview, effect))
    }

    async fn note(&mut self, folder: FolderUid, effect: Effect, change: &SecretChange) -> Result<()> {
        if effect != Effect::Unchanged {
            self.changed.insert(folder);
            self.note_references(folder, change).await?;
        }
        Ok(())
    }

    async fn edit(&mut self, environment: &Slug, edit: &Edit, show: bool) -> Result<Option<Written>> {
        let (Edit::Set { set: BatchSet { path, name, .. }, .. } | Edit::Delete(BatchDelete { path, name })) = edit;
        let place = Place { environment: environment.clone(), path: path.clone() };
        let folder = hold(self.tx, self.tenant, &place).await?;
        let found = secrets::find_for_update(self.tx, self.tenant, folder, name).await?;
        let present = || Error::not_found("secret");
        let (overview, effect) = match (edit, found) {
            (Edit::Set { presence: Presence::OnlyIfPresent, .. }, None) => return Ok(None),
            (Edit::Set { presence: Presence::Present, .. } | Edit::Delete(_), None) => return Err(present()),
            (Edit::Set { presence: Presence::Absent, .. }, Some(found)) => return Err(taken(&found.name)),
            (Edit::Set { set, .. }, None) => (self.create(folder, name, &set.change).await?, Effect::Created),
            (Edit::Set { set, .. }, Some(found)) => self.update(found, &set.change).await?,
            (Edit::Delete(_), Some(found)) => (found, Effect::Deleted),
        };
        let value = if show { self.shown_value(&overview, edit).await? } else { None };
        match edit {
            Edit::Set { set, .. } => self.note(folder, effect, &set.change).await?,
            Edit::Delete(_) => self.remove(&overview).await?,
        }
        Ok(Some(Written { overview, path: path.clone(), effect, value }))
    }

    /// The present value. Where it was not sent along, showing it is a reveal.
    async fn shown_value(&mut self, overview: &SecretOverview, edit: &Edit) -> Result<Option<Secret<String>>> {
        if let Edit::Set { set, .. } = edit
            && set.change.value.is_some()
        {
            return Ok(set.change.value.clone());
        }
        self.audit("secrets.reveal", overview).await?;
        secrets::present_value(self.tx, self.tenant, overview).await
    }

    pub(super) async fn remove(&mut self, found: &SecretOverview) -> Result<()> {
        secrets::remove(self.tx, self.tenant, found).await?;
        self.changed.insert(found.folder);
        self.audit("secrets.delete", found).await
    }

    async fn create(&mut self, folder: FolderUid, name: &SecretName, change: &SecretChange) -> Result<SecretOverview> {
        let Some(value) = &change.value else {
            let violation = Violation::new("/value", violation::REQUIRED, "a new secret needs a value");
            return Err(Error::invalid(vec![violation]));
        };
        let overview = SecretOverview {
            uid: SecretUid::generate(),
            folder,
            name: name.clone(),
            comment: change.comment.clone().unwrap_or_default(),
            tags: change.tags.clone().unwrap_or_default(),
            metadata: change.metadata.clone().unwrap_or_default(),
            hints: hints(SecretHints::default(), change),
            versions: vec![self.version(1)],
            created_at: self.now,
            modified_at: self.now,
        };
        self.attach_tags(&overview).await?;
        secrets::insert(self.tx, self.tenant, &overview, value).await?;
        self.audit("secrets.create", &overview).await?;
        Ok(overview)
    }

    async fn update(&mut self, found: SecretOverview, change: &SecretChange) -> Result<(SecretOverview, Effect)> {
        let value = match &change.value {
            Some(value) if self.differs(&found, value.expose()).await? => Some(value),
            _ => None,
        };
        let mut updated = SecretOverview {
            comment: change.comment.clone().unwrap_or_else(|| found.comment.clone()),
            tags: change.tags.clone().unwrap_or_else(|| found.tags.clone()),
            metadata: change.metadata.clone().unwrap_or_else(|| found.metadata.clone()),
            hints: hints(found.hints.clone(), change),
            ..found.clone()
        };
        if let Some(name) = change.name.as_ref().filter(|name| **name != found.name) {
            self.take_name(&found, name).await?;
            updated.name = name.clone();
        }
        if value.is_none() && updated == found {
            return Ok((found, Effect::Unchanged));
        }
        if updated.tags != found.tags {
            self.attach_tags(&updated).await?;
        }
        if value.is_some() {
            updated.versions.push(self.version(found.version() + 1));
        }
        updated.modified_at = self.now;
        let kept = secrets::write(self.tx, self.tenant, &updated, value).await?;
        self.audit("secrets.update", &kept).await?;
        Ok((kept, Effect::Updated))
    }

    async fn attach_tags(&mut self, overview: &SecretOverview) -> Result<()> {
        let who = (self.tenant, self.author());
        tags::attach((&mut *self.tx, &mut self.tags), who, overview, self.now).await
    }

    async fn take_name(&mut self, found: &SecretOverview, name: &SecretName) -> Result<()> {
        let place = (found.folder, name);
        if secrets::find_for_update(self.tx, self.tenant, found.folder, name).await?.is_some() {
            return Err(taken(name));
        }
        secrets::move_index(self.tx, self.tenant, found, place);
        Ok(())
    }

    async fn differs(&mut self, found: &SecretOverview, value: &str) -> Result<bool> {
        let stored = secrets::present_value(self.tx, self.tenant, found).await?;
        Ok(stored.is_none_or(|stored| stored.expose() != value))
    }

    fn version(&self, number: u64) -> SecretVersion {
        SecretVersion { number, created_at: self.now, created_by: self.author() }
    }

    fn author(&self) -> IdentityUid {
        match self.by {
            By::Request(ctx) => ctx.principal().identity,
            By::Author(author) => author.identity,
        }
    }

    async fn note_references(&mut self, folder: FolderUid, change: &SecretChange) -> Result<()> {
        match &change.value {
            Some(value) => self.note_references_of(folder, value).await,
            None => Ok(()),
        }
    }

    pub(super) async fn note_references_of(&mut self, folder: FolderUid, value: &Secret<String>) -> Result<()> {
        if !value.expose().contains("${") {
            return Ok(());
        }
        for target in referenced_folders(self.tx.view(), self.tenant, folder, value).await? {
            folder_records::add_referrer(self.tx, self.tenant, target, folder);
        }
        for (environment, path) in referenced_places(value) {
            folder_records::note_address(self.tx, self.tenant, (&environment, &path), folder);
        }
        Ok(())
    }

    /// Answers a violation for each that is not there.
    async fn delete_all(&mut self, environment: &Slug, deletes: &[BatchDelete]) -> Result<Vec<Violation>> {
        let found = environments::find(self.tx.view(), self.tenant, environment).await?;
        found.ok_or_else(|| Error::not_found("environment"))?;
        let mut violations = Vec::new();
        for (index, delete) in deletes.iter().enumerate() {
            if !self.delete(environment, delete).await? {
                let pointer = format!("/delete/{index}");
                violations.push(Violation::new(pointer, violation::UNKNOWN_REFERENCE, "there is no such secret"));
            }
        }
        Ok(violations)
    }

    async fn delete(&mut self, environment: &Slug, delete: &BatchDelete) -> Result<bool> {
        let folder = match folder_at(self.tx.view(), self.tenant, environment, &delete.path).await {
            Ok((_, folder)) => folder,
            Err(error) if error.code() == Code::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let found = secrets::find_for_update(self.tx, self.tenant, folder, &delete.name).await?;
        let Some(found) = found else { return Ok(false) };
        self.remove(&found).await?;
        Ok(true)
    }

    pub(super) async fn audit(&mut self, action: &'static str, overview: &SecretOverview) -> Result<()> {
        let resource = overview.uid.to_string();
        match self.by {
            By::Request(ctx) => audit::record(self.tx, ctx, self.now, action, resource).await,
            By::Author(author) => audit::record_by(self.tx, (self.tenant, author), self.now, action, resource).await,
        }
    }

    pub(super) fn finish(self) {
        for folder in &self.changed {
            folder_records::mark_dirty(self.tx, self.tenant, *folder);
        }
    }
}

/// The violations of a part of a request, as they stand in the whole; any other failure stays what it is.
fn below(pointer: &str, error: Error) -> Result<Vec<Violation>> {
    if error.violations().is_empty() {
        return Err(error);
    }
    let moved = |violation: &Violation| {
        Violation::new(format!("{pointer}{}", violation.pointer), violation.code, violation.detail.clone())
    };
    Ok(error.violations().iter().map(moved).collect())
}

pub(super) fn taken(name: &SecretName) -> Error {
    Error::new(Code::AlreadyExists, format!("a secret with the name `{name}` exists here"))
}

fn hints(found: SecretHints, change: &SecretChange) -> SecretHints {
    SecretHints {
        skip_multiline_encoding: change.skip_multiline_encoding.clone().apply(found.skip_multiline_encoding),
        reminder_note: change.reminder_note.clone().apply(found.reminder_note),
        reminder_repeat_days: change.reminder_repeat_days.clone().apply(found.reminder_repeat_days),
    }
}

fn check_edits(edits: &[Edit]) -> Vec<Violation> {
    let mut violations = Vec::new();
    if edits.len() > BATCH_MAX {
        let detail = format!("a batch has at most {BATCH_MAX} changes; this one has {}", edits.len());
        violations.push(Violation::new("/secrets", violation::TOO_LONG, detail));
    }
    for (index, edit) in edits.iter().enumerate() {
        if let Edit::Set { set, .. } = edit {
            check(&set.change, &format!("/secrets/{index}"), &mut violations);
        }
    }
    violations
}

fn check_batch(sets: &[BatchSet], deletes: &[BatchDelete]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let total = sets.len() + deletes.len();
    if total > BATCH_MAX {
        let detail = format!("a batch has at most {BATCH_MAX} changes; this one has {total}");
        violations.push(Violation::new("", violation::TOO_LONG, detail));
    }
    let mut seen = BTreeSet::new();
    for (index, set) in sets.iter().enumerate() {
        check(&set.change, &format!("/set/{index}"), &mut violations);
        if !seen.insert((&set.path, &set.name)) {
            violations.push(twice(format!("/set/{index}")));
        }
    }
    for (index, delete) in deletes.iter().enumerate() {
        if !seen.insert((&delete.path, &delete.name)) {
            violations.push(twice(format!("/delete/{index}")));
        }
    }
    violations
}

fn twice(pointer: String) -> Violation {
    Violation::new(pointer, violation::DUPLICATE, "this secret stands twice in the batch")
}

pub(super) fn check(change: &SecretChange, pointer: &str, violations: &mut Vec<Violation>) {
    let mut too_long = |member: &str, detail: String| {
        violations.push(Violation::new(format!("{pointer}/{member}"), violation::TOO_LONG, detail));
    };
    if change.value.as_ref().is_some_and(|value| value.expose().len() > VALUE_BYTES_MAX) {
        too_long("value", format!("a value has at most {VALUE_BYTES_MAX} bytes"));
    }
    if change.comment.as_ref().is_some_and(|comment| comment.chars().count() > COMMENT_CHARS_MAX) {
        too_long("comment", format!("a comment has at most {COMMENT_CHARS_MAX} characters"));
    }
    let note = match &change.reminder_note {
        Patch::Set(note) => note.chars().count(),
        Patch::Keep | Patch::Clear => 0,
    };
    if note > REMINDER_NOTE_CHARS_MAX {
        too_long("reminderNote", format!("the note of a reminder has at most {REMINDER_NOTE_CHARS_MAX} characters"));
    }
    if change.tags.as_ref().is_some_and(|tags| tags.len() > TAGS_MAX) {
        too_long("tags", format!("a secret has at most {TAGS_MAX} tags"));
    }
    let Some(metadata) = &change.metadata else { return };
    if metadata.len() > METADATA_MAX {
        too_long("metadata", format!("a secret has at most {METADATA_MAX} members of metadata"));
    }
    if metadata.iter().any(|(name, value)| name.chars().count() > 100 || value.chars().count() > 2_000) {
        too_long("metadata", "a member's name has at most 100 characters and its value 2,000".to_owned());
    }
}
