//! Changes of an earlier attempt whose answers were lost, and that a later look finds carried out.

use std::collections::HashSet;

use super::prepare::Prepared;
use crate::domain::sync::{IntentOperation, ItemOutcome, ItemResult, LedgerEntry};

/// Makes the outcomes of such changes what they turned out to be, and gives them, to be told.
pub(super) fn find(earlier: &mut [ItemOutcome], prepared: &Prepared) -> Vec<ItemOutcome> {
    let items = prepared.plan.items.iter().filter(|item| item.action.is_write());
    let planned: HashSet<&str> = items.map(|item| item.absolute.as_str()).collect();
    let unknown = earlier.iter_mut().filter(|outcome| outcome.result == ItemResult::Unknown);
    let arrived = unknown.filter(|outcome| {
        let absolute = prepared.identity.absolute(&outcome.key);
        let (before, after) = (prepared.ledger.get(&absolute), prepared.plan.ledger.get(&absolute));
        !planned.contains(absolute.as_str()) && is_carried_out(before, after)
    });
    let arrived = arrived.map(|outcome| {
        outcome.result = ItemResult::Ok;
        outcome.failure = None;
        outcome.clone()
    });
    arrived.collect()
}

/// Whether what is ours is now what was intended.
fn is_carried_out(before: Option<&LedgerEntry>, after: Option<&LedgerEntry>) -> bool {
    let owned = after.and_then(|entry| entry.owned.as_ref());
    match before.and_then(|entry| entry.intent.as_ref()).map(|intent| &intent.operation) {
        Some(IntentOperation::Put { hash, .. }) => owned.is_some_and(|owned| owned.hash == *hash),
        Some(IntentOperation::Delete) => owned.is_none(),
        None => false,
    }
}
