//! One change with everything that writing it down needs.

use uuid::Uuid;

use crate::domain::destination::{Attributes, Change, Precondition};
use crate::domain::sync::{
    Action, DesiredItem, Intent, IntentOperation, ItemOutcome, ItemResult, LedgerEntry, Owned, PlanItem, PlannedWrite,
    RunFailure,
};
use crate::domain::{KeyedHash, Secret};
use crate::sync::journal::Row;
use crate::sync::prepare::Prepared;

/// One change of a plan.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) key: String,
    pub(super) absolute: String,
    pub(super) action: Action,
    write: Write,
    precondition: Precondition,
    pub(super) reference: Option<String>,
    /// What is ours now.
    before: Option<Owned>,
}

#[derive(Clone)]
enum Write {
    Put { value: Secret<String>, attributes: Attributes, hash: KeyedHash },
    Delete,
}

/// The puts and the deletes of a plan, in its order. A conflict that got here was approved.
pub(super) fn of_plan(prepared: &Prepared) -> (Vec<Work>, Vec<Work>) {
    let works = prepared.plan.items.iter().filter(|item| item.action.is_write());
    works.filter_map(|item| Work::new(item, prepared)).partition(|work| work.action != Action::Delete)
}

impl Work {
    fn new(item: &PlanItem, prepared: &Prepared) -> Option<Self> {
        let PlannedWrite { precondition, reference, hash } = item.write.clone()?;
        let write = match hash {
            None => Write::Delete,
            Some(hash) => {
                let DesiredItem { value, attributes, .. } = prepared.items.get(&item.key)?.clone();
                Write::Put { value, attributes, hash }
            }
        };
        let entry = prepared.plan.ledger.get(&item.absolute).or_else(|| prepared.ledger.get(&item.absolute));
        Some(Self {
            key: item.key.clone(),
            absolute: item.absolute.clone(),
            action: item.action,
            write,
            precondition,
            reference,
            before: entry.and_then(|entry| entry.owned.clone()),
        })
    }

    pub(super) fn change(&self) -> Change {
        let (key, reference, precondition) = (self.key.clone(), self.reference.clone(), self.precondition.clone());
        match &self.write {
            Write::Put { value, attributes, .. } => {
                Change::Put { key, value: value.clone(), reference, attributes: attributes.clone(), precondition }
            }
            Write::Delete => Change::Delete { key, reference, precondition },
        }
    }

    /// The row before the call.
    pub(super) fn intent(&self, fence: u64, generation: u64) -> Row {
        let operation = match &self.write {
            Write::Put { hash, attributes, .. } => {
                IntentOperation::Put { hash: hash.clone(), attributes: attributes.clone() }
            }
            Write::Delete => IntentOperation::Delete,
        };
        let intent = Intent { operation, operation_id: Uuid::now_v7(), fence, generation };
        self.row(LedgerEntry { owned: self.before.clone(), intent: Some(intent) })
    }

    /// The row after a call that certainly changed nothing.
    pub(super) fn undone(&self) -> Row {
        self.row(LedgerEntry { owned: self.before.clone(), intent: None })
    }

    /// What is ours after a call that carried it out; nothing after a delete.
    pub(super) fn owned(&self, version: Option<String>, reference: Option<String>, generation: u64) -> Option<Owned> {
        let Write::Put { attributes, hash, .. } = &self.write else { return None };
        Some(Owned {
            hash: hash.clone(),
            version,
            reference: reference.or_else(|| self.reference.clone()),
            generation,
            attributes: attributes.clone(),
        })
    }

    pub(super) fn row(&self, entry: LedgerEntry) -> Row {
        Row { absolute: self.absolute.clone(), entry }
    }

    pub(super) fn outcome(&self, result: ItemResult, failure: Option<RunFailure>) -> ItemOutcome {
        ItemOutcome { key: self.key.clone(), action: self.action, result, reason: None, failure }
    }
}
