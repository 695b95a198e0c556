//! From a sync to a guarded plan: everything of a run that writes nothing. A preview is exactly this.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::caller::Caller;
use super::guard::{GuardInput, guard, major};
use super::halt::Halt;
use super::observe::{Look, look};
use super::plan::{HashKeyGone, KeyedHasher, PlanError, PlanInput, PlanPolicy, plan};
use super::resolve::resolve;
use super::validate::{self, BrokenRule, Checked, Invalid, Offender};
use crate::domain::destination::{DestinationIdentity, OpaqueContext};
use crate::domain::id::{SyncUid, TenantUid};
use crate::domain::name::SecretName;
use crate::domain::sync::{
    Block, BlockReason, Deletion, DesiredItem, DesiredSecret, FailureClass, LedgerEntry, LeftOut, OnConflict, OnDrift,
    Plan, PlanBasis, RunEvent, mapping,
};
use crate::domain::{Code, KeyedHash};
use crate::ports::sealer::{HashPurpose, TenantSealer};
use crate::records::sync_state::{self, Applied, Place};
use crate::records::syncs::SyncRecord;
use crate::records::{View, claims, ledger, syncs};

/// How many keys a message names.
const NAMED_MAX: usize = 20;

/// A tenant's key of ownership hashes.
pub(super) struct OwnershipHasher(pub(super) Arc<dyn TenantSealer>);

impl KeyedHasher for OwnershipHasher {
    fn hash(&self, parts: &[&[u8]]) -> KeyedHash {
        self.0.hash(HashPurpose::Ownership, parts)
    }

    fn matches(&self, parts: &[&[u8]], expected: &KeyedHash) -> Result<bool, HashKeyGone> {
        self.0.hash_matches(HashPurpose::Ownership, parts, expected).map_err(|_| HashKeyGone)
    }
}

/// What a run goes by.
pub(super) struct Prepared {
    pub(super) plan: Plan,
    pub(super) left_out: Option<LeftOut>,
    pub(super) block: Option<Block>,
    pub(super) identity: DestinationIdentity,
    pub(super) items: HashMap<String, DesiredItem>,
    pub(super) ledger: BTreeMap<String, LedgerEntry>,
    /// Rows of the place that the sync led to before.
    pub(super) abandoned: Option<(DestinationIdentity, Vec<String>)>,
    pub(super) document_version: Option<String>,
    pub(super) context: Option<OpaqueContext>,
    pub(super) restore_epoch: u64,
    pub(super) is_first_run: bool,
    /// Whether the listing tells of versions or digests.
    pub(super) shows_versions: bool,
}

/// Hears of each step.
pub(super) trait Steps: Send + Sync {
    fn step(&self, event: RunEvent);
}

/// Resolves, validates, looks, plans and guards.
pub(super) struct Preparation<'a> {
    pub(super) tenant: TenantUid,
    pub(super) record: &'a SyncRecord,
    pub(super) generation: u64,
    pub(super) view: &'a View,
    pub(super) caller: &'a Caller<'a>,
    pub(super) steps: &'a dyn Steps,
    pub(super) imports: Imports,
    /// Whether what is ours shall go, whatever the source says.
    pub(super) removes: bool,
}

/// How far imports have come when a plan is made.
#[derive(Default)]
pub(super) struct Imports {
    /// Foreign keys that were wanted have been imported: what is left of them is a conflict.
    pub(super) are_done: bool,
    /// Secrets as the first run will have imported them; for a plan that is made before.
    pub(super) foreseen: BTreeMap<SecretName, DesiredSecret>,
}

impl Preparation<'_> {
    pub(super) async fn run(&self) -> Result<Prepared, Halt> {
        let items = self.desired().await?;
        self.steps.step(RunEvent::Resolved { secrets: items.len() as u64 });
        let identity = self.caller.identify().await?;
        let checked = validate::check(items, &self.caller.open.rules, &identity.prefix, self.options().on_invalid)
            .map_err(invalid)?;
        let place = Place::read(self.view, self.tenant, self.sync()).await?;
        let mut rows = ledger::read_all(self.view, self.tenant, self.sync()).await?;
        let abandoned = abandoned(&place, &identity, &mut rows);
        let restore_epoch = sync_state::restore_epoch(self.view).await?;
        let applied = Applied::read(self.view, self.tenant, self.sync()).await?;
        let is_first_run = !self.removes && (applied.at.is_none() || abandoned.is_some());
        self.refuse_claimed(&checked, &identity).await?;

        let look = look(self.caller, &asked(&checked, &rows, &identity)).await?;
        self.steps.step(RunEvent::Observed { entries: look.observed.entries.len() as u64 });
        let basis = self.basis(&identity, restore_epoch);
        let plan = self.plan(&checked, &basis, &look, (&rows, is_first_run)).await?;
        self.steps.step(RunEvent::Planned { plan_hash: plan.hash.clone(), counts: plan.counts });
        let abandons = abandoned.as_ref().is_some_and(|(_, names)| !names.is_empty());
        let block = self.guard(&plan, &place, &basis, abandons);
        Ok(Prepared {
            plan,
            left_out: left_out(&checked.skipped),
            block,
            items: checked.items.into_iter().map(|item| (item.key.clone(), item)).collect(),
            ledger: rows,
            abandoned,
            document_version: look.document_version,
            context: look.context,
            restore_epoch,
            is_first_run,
            shows_versions: look.observed.entries.iter().any(|entry| {
                entry.version.is_some() || matches!(entry.value, crate::domain::destination::ObservedValue::Digest(_))
            }),
            identity,
        })
    }

    fn sync(&self) -> SyncUid {
        self.record.uid
    }

    fn options(&self) -> &crate::domain::sync::SyncOptions {
        &self.record.spec.options
    }

    /// What shall be there: nothing, where what is ours is to go.
    async fn desired(&self) -> Result<Vec<DesiredItem>, Halt> {
        if self.removes {
            return Ok(Vec::new());
        }
        let mut secrets = resolve(self.view, self.tenant, self.record).await?;
        foresee(&mut secrets, &self.imports.foreseen);
        let open = self.caller.open;
        mapping::map(secrets, self.options(), &open.rules.attributes, &open.destination).map_err(|problems| {
            let listed = named(problems.iter().map(ToString::to_string));
            Halt::failed(FailureClass::Configuration, Code::InvalidRequest, format!("keys cannot be made: {listed}"))
        })
    }

    /// Within a tenant a key of a place belongs to one sync. Fails closed.
    async fn refuse_claimed(&self, checked: &Checked, identity: &DestinationIdentity) -> Result<(), Halt> {
        let claims = claims::under(self.view, self.tenant, identity).await?;
        let mut others: BTreeMap<SyncUid, Vec<&str>> = BTreeMap::new();
        for item in &checked.items {
            if let Some(other) = claims.get(&identity.absolute(&item.key)).filter(|other| **other != self.sync()) {
                others.entry(*other).or_default().push(&item.key);
            }
        }
        let mut told = Vec::new();
        for (other, keys) in others {
            let other = syncs::read(self.view, self.tenant, other).await?;
            let owner =
                other.map_or_else(|| "a sync that is being deleted".to_owned(), |other| format!("`{}`", other.spec.id));
            told.push(format!("{owner} writes {}", named(keys.into_iter().map(str::to_owned))));
        }
        if told.is_empty() {
            return Ok(());
        }
        Err(Halt::failed(FailureClass::Configuration, Code::DestinationClaimed, told.join("; ")))
    }

    async fn plan(
        &self,
        checked: &Checked,
        basis: &PlanBasis,
        look: &Look,
        (rows, is_first_run): (&BTreeMap<String, LedgerEntry>, bool),
    ) -> Result<Plan, Halt> {
        let open = self.caller.open;
        let held = checked.held();
        let hasher = OwnershipHasher(self.view.sealer(self.tenant).await?);
        let input = PlanInput {
            sync: self.sync(),
            config_revision: &format!("{} {}", self.record.revision, open.revision),
            plugin_digest: open.digest,
            basis,
            generation: self.generation,
            desired: &checked.items,
            held: &held,
            observed: &look.observed,
            ledger: rows,
            policy: self.policy(is_first_run),
        };
        plan(&input, &hasher).map_err(|error| match error {
            PlanError::HashKeyGone(_) => Halt::failed(FailureClass::Ours, Code::KeyUnavailable, error.to_string()),
            PlanError::WantedTwice { .. } => Halt::failed(FailureClass::Ours, Code::Internal, error.to_string()),
            PlanError::ListedTwice { .. } => super::caller::broken(&error.to_string()),
        })
    }

    fn policy(&self, is_first_run: bool) -> PlanPolicy {
        let (options, rules) = (self.options(), &self.caller.open.rules);
        let on_conflict = match options.conflict_policy(is_first_run) {
            OnConflict::Import if self.imports.are_done => OnConflict::Stop,
            policy => policy,
        };
        let policy = PlanPolicy {
            on_conflict,
            on_drift: options.on_drift,
            deletion: options.deletion,
            is_first_run,
            reads: rules.reads,
            deletes: rules.deletes,
        };
        if !self.removes {
            return policy;
        }
        // Whoever asks for the secrets to go means those that are ours, whatever the sync did in its life.
        PlanPolicy { on_conflict: OnConflict::Stop, on_drift: OnDrift::Report, deletion: Deletion::Owned, ..policy }
    }

    fn basis(&self, identity: &DestinationIdentity, restore_epoch: u64) -> PlanBasis {
        PlanBasis { identity: identity.clone(), plugin_major: major(&self.caller.open.plugin_version), restore_epoch }
    }

    fn guard(&self, plan: &Plan, place: &Place, basis: &PlanBasis, abandons: bool) -> Option<Block> {
        let before = place.identity.as_ref();
        if self.removes {
            return before.and_then(|before| stands_elsewhere(before, &basis.identity));
        }
        let input = GuardInput {
            identity_before: before,
            identity: &basis.identity,
            plugin_version_before: before.map(|_| place.plugin_version.as_str()),
            plugin_version: &self.caller.open.plugin_version,
            store_restored: before.is_some() && place.restore_epoch != basis.restore_epoch,
            abandons,
        };
        guard(plan, &input)
    }
}

/// What stands against a removal. That much is deleted is what was asked for; but keys that the settings no longer lead to
/// would be given up, and not removed.
fn stands_elsewhere(before: &DestinationIdentity, identity: &DestinationIdentity) -> Option<Block> {
    let DestinationIdentity { namespace, prefix } = before;
    let message = format!(
        "the keys of this sync stand in `{namespace}` under `{prefix}`, where its settings no longer lead: set the destination \
         back, or delete the sync without removing its secrets"
    );
    (before != identity).then(|| Block { reasons: vec![BlockReason::DestinationChanged], message })
}

/// Puts secrets in as an import will have written them.
fn foresee(secrets: &mut Vec<DesiredSecret>, foreseen: &BTreeMap<SecretName, DesiredSecret>) {
    let mut new = foreseen.clone();
    for secret in secrets.iter_mut() {
        if let Some(imported) = new.remove(&secret.name) {
            secret.value = imported.value.clone();
        }
    }
    secrets.extend(new.into_values());
}

/// In another namespace nothing is ours: rows of the old place are set aside, and the new one gets a first run.
fn abandoned(
    place: &Place,
    identity: &DestinationIdentity,
    rows: &mut BTreeMap<String, LedgerEntry>,
) -> Option<(DestinationIdentity, Vec<String>)> {
    let before = place.identity.as_ref().filter(|before| before.namespace != identity.namespace)?;
    Some((before.clone(), std::mem::take(rows).into_keys().collect()))
}

/// Keys whose absence matters.
fn asked(checked: &Checked, rows: &BTreeMap<String, LedgerEntry>, identity: &DestinationIdentity) -> BTreeSet<String> {
    let ours = rows.keys().filter_map(|absolute| absolute.strip_prefix(&identity.prefix)).map(str::to_owned);
    checked.items.iter().map(|item| item.key.clone()).chain(ours).collect()
}

pub(super) fn invalid(invalid: Invalid) -> Halt {
    let message = match &invalid {
        Invalid::Offenders(offenders) => format!("{invalid}: {}", named(offenders.iter().map(ToString::to_string))),
        Invalid::TooMany { .. } | Invalid::Pattern => invalid.to_string(),
    };
    Halt::failed(FailureClass::Configuration, Code::InvalidRequest, message)
}

/// What a run tells of the keys that it leaves out: first of those whose values say something.
fn left_out(skipped: &[Offender]) -> Option<LeftOut> {
    let (empty, lost): (Vec<&Offender>, Vec<&Offender>) =
        skipped.iter().partition(|offender| offender.rules == [BrokenRule::ValueEmpty]);
    let told = named(lost.iter().chain(&empty).map(ToString::to_string));
    let message = match skipped.len() {
        0 => return None,
        1 => format!("1 key is left out: {told}"),
        keys => format!("{keys} keys are left out: {told}"),
    };
    Some(LeftOut { keys: skipped.len() as u64, empty: empty.len() as u64, message })
}

/// The first of many, and how many more there are.
pub(super) fn named(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    let mut told = all.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join("; ");
    if all.len() > NAMED_MAX {
        told.push_str(&format!("; and {} more", all.len() - NAMED_MAX));
    }
    told
}
