//! Making and changing syncs.

use super::read::found;
use super::source::{follow_source, gone};
use super::{SyncView, Syncs, require_importable, trigger};
use crate::domain::access::Scope;
use crate::domain::error::violation;
use crate::domain::id::{EnvironmentUid, FolderUid, SyncUid, TenantUid};
use crate::domain::name::Slug;
use crate::domain::sync::{SyncSpec, Trigger, mapping};
use crate::domain::{Code, Error, Expected, Result, Violation};
use crate::records::sync_state::{self, Wanted};
use crate::records::syncs::{self, Pause, Removal, SyncRecord};
use crate::records::{Transaction, View, environments};
use crate::service::audit;
use crate::service::context::TenantCtx;
use crate::service::destinations::Target;
use crate::service::resolve::folder_at;
use crate::transact;

/// Characters of a display name.
const DISPLAY_NAME_CHARS_MAX: usize = 100;
/// Globs, tags, metadata members and explicit names, each.
const ENTRIES_MAX: usize = 1_000;

/// When a new sync runs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstRun {
    /// When its source changes, or somebody asks for it.
    Waits,
    AtOnce,
    /// When somebody resumes it.
    Paused,
}

/// Whether a sync runs by itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// As before.
    Stays,
    Pauses,
    Resumes,
}

/// One change of a sync.
#[derive(Clone, Copy)]
pub struct SyncChange<'a> {
    /// Makes the new definition of the present one.
    pub apply: &'a (dyn Fn(SyncSpec) -> SyncSpec + Send + Sync),
    /// Whether it says where to carry from. A source that is gone has to be named anew: a folder that has got its name holds other
    /// secrets.
    pub names_source: bool,
    pub activity: Activity,
}

impl Activity {
    fn pause(self, before: Option<Pause>) -> Option<Pause> {
        match self {
            // What paused it by itself is mended by a change that is accepted.
            Self::Stays => before.filter(|pause| *pause == Pause::Owner),
            Self::Pauses => Some(Pause::Owner),
            Self::Resumes => None,
        }
    }

    /// What it does beside the change, as it is audited.
    const fn action(self) -> Option<&'static str> {
        match self {
            Self::Stays => None,
            Self::Pauses => Some("syncs.pause"),
            Self::Resumes => Some("syncs.resume"),
        }
    }
}

impl Syncs {
    /// Makes a sync and asks whether its destination can be written to. It does not run by that: its first run begins with
    /// the first change of its source, or when somebody asks for it.
    ///
    /// # Errors
    /// `scope_missing`, also without `secrets:write` where the sync imports; `already_exists`, `not_supported`,
    /// `invalid_request` with every violation.
    pub async fn create(&self, ctx: &TenantCtx, spec: SyncSpec) -> Result<SyncView> {
        let record = self.insert(ctx, spec, FirstRun::Waits).await?;
        self.verify(ctx.tenant(), record.uid, &record.spec).await?;
        self.reread(ctx, &record.spec.id).await
    }

    /// As [`Syncs::create`], for a sync whose first run begins at once, where it runs by itself: the run finds out whether the
    /// destination can be written to.
    ///
    /// # Errors
    /// As [`Syncs::create`].
    pub async fn create_and_run(&self, ctx: &TenantCtx, spec: SyncSpec) -> Result<SyncView> {
        let record = self.insert(ctx, spec, FirstRun::AtOnce).await?;
        self.reread(ctx, &record.spec.id).await
    }

    /// As [`Syncs::create`], for a sync that does not run until somebody resumes it.
    ///
    /// # Errors
    /// As [`Syncs::create`].
    pub async fn create_paused(&self, ctx: &TenantCtx, spec: SyncSpec) -> Result<SyncView> {
        let record = self.insert(ctx, spec, FirstRun::Paused).await?;
        self.reread(ctx, &record.spec.id).await
    }

    async fn insert(&self, ctx: &TenantCtx, spec: SyncSpec, first_run: FirstRun) -> Result<SyncRecord> {
        require_scopes(ctx, &spec)?;
        let unworkable = self.unworkable(ctx.tenant(), &spec).await?;
        let now = self.core.clock.now();
        let uid = SyncUid::generate();
        let record = transact!(self.core.records, |tx| {
            let place = self.check(tx.view(), ctx.tenant(), &spec, unworkable.clone()).await;
            let connection = self.destinations.attach(&mut tx, ctx.tenant(), Target::of(&spec)).await;
            let ((environment, folder), connection) = both(place, connection)?;
            let record = SyncRecord {
                uid,
                spec: spec.clone(),
                folder,
                environment,
                connection,
                revision: 1,
                pause: (first_run == FirstRun::Paused).then_some(Pause::Owner),
                removal: None,
                created_at: now,
                modified_at: now,
            };
            if !syncs::insert(&mut tx, ctx.tenant(), &record).await? {
                return Err(Error::new(Code::AlreadyExists, "a sync with this id exists"));
            }
            Wanted { generation: 1, ..Wanted::default() }.write(&mut tx, ctx.tenant(), uid).await?;
            if first_run == FirstRun::AtOnce && record.spec.options.auto_sync {
                let cause = (Trigger::Definition, trigger::Pace::AtOnce);
                trigger::raise(&mut tx, ctx.tenant(), &record, cause, now).await?;
            }
            audit::record(&mut tx, ctx, now, "syncs.create", uid.to_string()).await?;
            record
        });
        Ok(record)
    }

    /// Changes a sync, and pauses or resumes it with that: all of it happens or nothing. The id stays. A changed sync that runs by
    /// itself runs again.
    ///
    /// # Errors
    /// As [`Syncs::create`], and `not_found`, `precondition_failed`, `wrong_state` for one that is being deleted; `invalid_request`
    /// when the source is gone and the change names none.
    pub async fn update(
        &self,
        ctx: &TenantCtx,
        slug: &Slug,
        change: SyncChange<'_>,
        expected: &Expected,
    ) -> Result<SyncView> {
        let activity = change.activity;
        ctx.require(Scope::SyncsWrite)?;
        if activity != Activity::Stays {
            ctx.require(Scope::SyncsRun)?;
        }
        let now = self.core.clock.now();
        let moved = transact!(self.core.records, |tx| {
            let before = for_update(&mut tx, ctx, slug, expected).await?;
            if activity != Activity::Stays || !rests_half_removed(&mut tx, ctx.tenant(), &before).await? {
                refuse_going(&before)?;
            }
            let mut present = before.spec.clone();
            let is_there = follow_source(tx.view(), ctx.tenant(), &before, &mut present.source).await?;
            if !(is_there || change.names_source) {
                return Err(gone());
            }
            let spec = SyncSpec { id: slug.clone(), ..(change.apply)(present) };
            require_scopes(ctx, &spec)?;
            let unworkable = self.unworkable(ctx.tenant(), &spec).await?;
            let place = self.check(tx.view(), ctx.tenant(), &spec, unworkable).await;
            let connection = self.destinations.attach(&mut tx, ctx.tenant(), Target::of(&spec)).await;
            let ((environment, folder), connection) = both(place, connection)?;
            let after = SyncRecord {
                spec,
                folder,
                environment,
                connection,
                revision: before.revision + 1,
                pause: activity.pause(before.pause),
                modified_at: now,
                ..before.clone()
            };
            syncs::update(&mut tx, ctx.tenant(), &before, &after).await?;
            trigger::look_again(&mut tx, ctx.tenant(), after.uid, now).await?;
            let pace = if after.removal.is_some() { trigger::Pace::AtOnce } else { trigger::Pace::Afresh };
            trigger::raise(&mut tx, ctx.tenant(), &after, (Trigger::Definition, pace), now).await?;
            if activity == Activity::Pauses {
                sync_state::delete_due(&mut tx, ctx.tenant(), after.uid);
            }
            audit::record(&mut tx, ctx, now, "syncs.update", after.uid.to_string()).await?;
            if let Some(action) = activity.action() {
                audit::record(&mut tx, ctx, now, action, after.uid.to_string()).await?;
            }
            let is_moved = Target::of(&before.spec) != Target::of(&after.spec);
            is_moved.then_some(after)
        });
        if let Some(moved) = moved {
            self.verify(ctx.tenant(), moved.uid, &moved.spec).await?;
        }
        self.reread(ctx, slug).await
    }

    /// Stops a sync from running; a run that has begun ends.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`.
    pub async fn pause(&self, ctx: &TenantCtx, slug: &Slug) -> Result<SyncView> {
        ctx.require(Scope::SyncsRun)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let before = for_update(&mut tx, ctx, slug, &Expected::Any).await?;
            refuse_going(&before)?;
            let after = SyncRecord { pause: Some(Pause::Owner), modified_at: now, ..before.clone() };
            syncs::update(&mut tx, ctx.tenant(), &before, &after).await?;
            sync_state::delete_due(&mut tx, ctx.tenant(), after.uid);
            audit::record(&mut tx, ctx, now, "syncs.pause", after.uid.to_string()).await?;
        });
        self.reread(ctx, slug).await
    }

    /// Lets a paused sync run again; what changed meanwhile is carried now, where it runs by itself.
    ///
    /// # Errors
    /// `scope_missing`, `not_found`, `invalid_request` when the source is gone.
    pub async fn resume(&self, ctx: &TenantCtx, slug: &Slug) -> Result<SyncView> {
        ctx.require(Scope::SyncsRun)?;
        let now = self.core.clock.now();
        transact!(self.core.records, |tx| {
            let before = for_update(&mut tx, ctx, slug, &Expected::Any).await?;
            refuse_going(&before)?;
            let mut source = before.spec.source.clone();
            let was_missing = before.pause == Some(Pause::SourceMissing);
            if was_missing && !follow_source(tx.view(), ctx.tenant(), &before, &mut source).await? {
                return Err(gone());
            }
            let after = SyncRecord { pause: None, modified_at: now, ..before.clone() };
            syncs::update(&mut tx, ctx.tenant(), &before, &after).await?;
            trigger::look_again(&mut tx, ctx.tenant(), after.uid, now).await?;
            let cause = (Trigger::Definition, trigger::Pace::Afresh);
            trigger::raise(&mut tx, ctx.tenant(), &after, cause, now).await?;
            audit::record(&mut tx, ctx, now, "syncs.resume", after.uid.to_string()).await?;
        });
        self.reread(ctx, slug).await
    }

    pub(super) async fn reread(&self, ctx: &TenantCtx, slug: &Slug) -> Result<SyncView> {
        let view = self.core.records.view().await?;
        self.viewed(&view, ctx.tenant(), found(&view, ctx.tenant(), slug).await?).await
    }

    /// Some name has to lead to a key that the destination allows, and a sync that imports needs values that can be read. What
    /// keeps a destination from being opened at all is told elsewhere, or by the first run.
    async fn unworkable(&self, tenant: TenantUid, spec: &SyncSpec) -> Result<Option<Violation>> {
        let Ok(open) = self.destinations.open(tenant, Target::of(spec)).await else { return Ok(None) };
        if spec.options.imports() {
            require_importable(open.rules.reads, spec)?;
        }
        let environment = spec.source.environment.as_str();
        let pattern = open.rules.name_pattern.as_deref();
        Ok(pattern.and_then(|pattern| mapping::impossible(&spec.options, environment, pattern)))
    }

    /// Everything that can be checked without the vendor, at once, but for the destination: that is the plugin's.
    async fn check(
        &self,
        view: &View,
        tenant: TenantUid,
        spec: &SyncSpec,
        unworkable: Option<Violation>,
    ) -> Result<(EnvironmentUid, FolderUid)> {
        let mut violations = crate::domain::sync::violations(spec);
        violations.extend(too_large(spec));
        violations.extend(unworkable);
        let place = folder_at(view, tenant, &spec.source.environment, &spec.source.path).await;
        match place {
            Ok(place) if violations.is_empty() => Ok(place),
            Ok(_) => Err(Error::invalid(violations)),
            Err(error) if error.code() == Code::NotFound => {
                let has_environment = environments::find(view, tenant, &spec.source.environment).await?.is_some();
                let pointer = if has_environment { "/source/path" } else { "/source/environment" };
                violations.push(Violation::new(pointer, violation::UNKNOWN_REFERENCE, error.detail()));
                Err(Error::invalid(violations))
            }
            Err(error) => Err(error),
        }
    }
}

/// The sync to be changed, held to the version that the caller knows.
pub(super) async fn for_update(
    tx: &mut Transaction,
    ctx: &TenantCtx,
    slug: &Slug,
    expected: &Expected,
) -> Result<SyncRecord> {
    let found = syncs::find_for_update(tx, ctx.tenant(), slug).await?;
    let found = found.ok_or_else(|| Error::not_found("sync"))?;
    expected.check(found.version)?;
    Ok(found.value)
}

/// Whether the removal of a sync's secrets has stopped: then a change may mend what it met, and it goes on with the change.
async fn rests_half_removed(tx: &mut Transaction, tenant: TenantUid, record: &SyncRecord) -> Result<bool> {
    if record.removal != Some(Removal::RemoveSecrets) {
        return Ok(false);
    }
    let wanted = Wanted::read_for_update(tx, tenant, record.uid).await?;
    Ok(wanted.running.is_none() && wanted.pending.is_none())
}

/// A sync whose secrets are being removed can be run again and deleted again, nothing else while that is under way.
fn refuse_going(record: &SyncRecord) -> Result<()> {
    match record.removal {
        None => Ok(()),
        Some(_) => Err(Error::new(Code::WrongState, "the sync is being deleted")),
    }
}

/// A sync that imports writes secrets whenever it runs, whoever runs it: that is decided here.
fn require_scopes(ctx: &TenantCtx, spec: &SyncSpec) -> Result<()> {
    ctx.require(Scope::SyncsWrite)?;
    if spec.options.imports() { ctx.require(Scope::SecretsWrite) } else { Ok(()) }
}

/// What two checks came to; where both complain, the violations of both.
fn both<A, B>(one: Result<A>, other: Result<B>) -> Result<(A, B)> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(one), Err(other)) if one.code() == Code::InvalidRequest && other.code() == Code::InvalidRequest => {
            Err(Error::invalid(one.violations().iter().chain(other.violations()).cloned().collect()))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn too_large(spec: &SyncSpec) -> Vec<Violation> {
    let mut violations = Vec::new();
    if spec.display_name.chars().count() > DISPLAY_NAME_CHARS_MAX {
        let detail = format!("has at most {DISPLAY_NAME_CHARS_MAX} characters");
        violations.push(Violation::new("/displayName", violation::TOO_LONG, detail));
    }
    for (pointer, entries) in [
        ("/source/include", spec.source.include.len()),
        ("/source/exclude", spec.source.exclude.len()),
        ("/source/tags", spec.source.tags.len()),
        ("/source/metadata", spec.source.metadata.len()),
        ("/options/keyNames", spec.options.key_names.len()),
    ] {
        if entries > ENTRIES_MAX {
            violations.push(Violation::new(pointer, violation::TOO_LONG, format!("has at most {ENTRIES_MAX} entries")));
        }
    }
    violations
}
