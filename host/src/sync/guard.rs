//! The guard: what a plan may not do without somebody's approval.

use crate::domain::destination::DestinationIdentity;
use crate::domain::sync::{Block, BlockReason, Plan};

/// Deletes that always pass.
const DELETES_FREE: u64 = 5;
/// Deletes that pass, as a share of the owned keys.
const DELETES_FREE_PERCENT: u64 = 10;

/// What the last run that wrote knew, and what holds now.
#[derive(Clone, Copy, Debug)]
pub struct GuardInput<'a> {
    /// Where the sync led to; `None` before the first run.
    pub identity_before: Option<&'a DestinationIdentity>,
    pub identity: &'a DestinationIdentity,
    /// The plugin's version then; `None` before the first run.
    pub plugin_version_before: Option<&'a str>,
    pub plugin_version: &'a str,
    /// Whether the store came from a backup since.
    pub store_restored: bool,
    /// Whether carrying the plan out gives up keys at a place that the sync no longer leads to.
    pub abandons: bool,
}

/// Everything that stands against the plan; `None`: it may be carried out. A plan that changes nothing, and gives up nothing,
/// always may.
#[must_use]
pub fn guard(plan: &Plan, input: &GuardInput<'_>) -> Option<Block> {
    if !input.abandons && !plan.items.iter().any(|item| item.action.is_change()) {
        return None;
    }
    let reasons: Vec<BlockReason> = [
        mass_delete(plan),
        source_empty(plan),
        foreign_overwrite(plan),
        destination_changed(input),
        plugin_major_changed(input),
        input.store_restored.then_some(BlockReason::StoreRestored),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!reasons.is_empty()).then(|| Block { message: in_words(&reasons), reasons })
}

fn mass_delete(plan: &Plan) -> Option<BlockReason> {
    let allowed = DELETES_FREE.max(plan.owned * DELETES_FREE_PERCENT / 100);
    let deletes = plan.counts.delete;
    (deletes > allowed).then_some(BlockReason::MassDelete { deletes, allowed })
}

fn source_empty(plan: &Plan) -> Option<BlockReason> {
    let gives_up = plan.counts.delete + plan.counts.release > 0;
    (plan.desired == 0 && plan.owned > 0 && gives_up).then_some(BlockReason::SourceEmpty { owned: plan.owned })
}

fn foreign_overwrite(plan: &Plan) -> Option<BlockReason> {
    let keys = plan.counts.conflict;
    (keys > 0).then_some(BlockReason::ForeignOverwrite { keys })
}

fn destination_changed(input: &GuardInput<'_>) -> Option<BlockReason> {
    input.identity_before.is_some_and(|before| before != input.identity).then_some(BlockReason::DestinationChanged)
}

fn plugin_major_changed(input: &GuardInput<'_>) -> Option<BlockReason> {
    let (from, to) = (major(input.plugin_version_before?)?, major(input.plugin_version)?);
    (from != to).then_some(BlockReason::PluginMajorChanged { from, to })
}

/// The first number of a semantic version.
pub(super) fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

fn in_words(reasons: &[BlockReason]) -> String {
    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    format!("the plan needs approval: {}", reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::sync::{Action, Approval, PlanCounts, PlanHash, PlanItem, Reason};

    fn plan(counts: PlanCounts, owned: u64, desired: u64) -> Plan {
        let hash = PlanHash::from_bytes(&[1; 32]);
        let item = PlanItem {
            key: "K".to_owned(),
            absolute: "/K".to_owned(),
            action: Action::Create,
            reason: Reason::Missing,
            drift: false,
            fingerprint: hash.clone(),
            write: None,
        };
        Plan { hash, basis: None, counts, items: vec![item], owned, desired, ledger: BTreeMap::new() }
    }

    fn place(name: &str) -> DestinationIdentity {
        DestinationIdentity { namespace: name.to_owned(), prefix: "/".to_owned() }
    }

    fn input(here: &DestinationIdentity) -> GuardInput<'_> {
        GuardInput {
            identity_before: Some(here),
            identity: here,
            plugin_version_before: Some("1.4.0"),
            plugin_version: "1.5.0",
            store_restored: false,
            abandons: false,
        }
    }

    fn reasons(plan: &Plan, input: &GuardInput<'_>) -> Vec<BlockReason> {
        guard(plan, input).map(|block| block.reasons).unwrap_or_default()
    }

    #[test]
    fn deletes_pass_up_to_five_or_a_tenth() {
        for (owned, deletes, allowed) in [
            (5, 5, None),
            (6, 6, Some(5)),
            (50, 5, None),
            (59, 6, Some(5)),
            (60, 6, None),
            (1000, 100, None),
            (1000, 101, Some(100)),
        ] {
            let counts = PlanCounts { delete: deletes, ..PlanCounts::default() };
            let expected: Vec<_> =
                allowed.map(|allowed| BlockReason::MassDelete { deletes, allowed }).into_iter().collect();
            assert_eq!(reasons(&plan(counts, owned, 1), &input(&place("here"))), expected, "{deletes} of {owned}");
        }
    }

    #[test]
    fn an_empty_source_does_not_empty_the_destination() {
        let counts = PlanCounts { delete: 1, ..PlanCounts::default() };
        assert_eq!(reasons(&plan(counts, 1, 0), &input(&place("here"))), [BlockReason::SourceEmpty { owned: 1 }]);
        assert!(reasons(&plan(PlanCounts::default(), 1, 0), &input(&place("here"))).is_empty(), "deletion is disabled");
    }

    #[test]
    fn foreign_keys_need_approval() {
        let counts = PlanCounts { conflict: 2, ..PlanCounts::default() };
        assert_eq!(reasons(&plan(counts, 0, 3), &input(&place("here"))), [BlockReason::ForeignOverwrite { keys: 2 }]);
    }

    #[test]
    fn a_changed_world_needs_approval() {
        let plan = plan(PlanCounts::default(), 3, 3);
        let (here, there) = (place("here"), place("there"));
        let usual = input(&here);
        let major = BlockReason::PluginMajorChanged { from: 1, to: 2 };
        for (input, expected) in [
            (GuardInput { identity_before: Some(&there), ..usual }, vec![BlockReason::DestinationChanged]),
            (GuardInput { plugin_version: "2.0.0", ..usual }, vec![major]),
            (GuardInput { store_restored: true, ..usual }, vec![BlockReason::StoreRestored]),
            (GuardInput { identity_before: None, plugin_version_before: None, ..usual }, vec![]),
        ] {
            assert_eq!(reasons(&plan, &input), expected);
        }
    }

    #[test]
    fn all_reasons_are_told_at_once_and_nothing_blocks_a_plan_without_changes() {
        let counts = PlanCounts { delete: 9, conflict: 1, ..PlanCounts::default() };
        let mut plan = plan(counts, 9, 0);
        let here = place("here");
        let restored = GuardInput { store_restored: true, ..input(&here) };
        assert_eq!(reasons(&plan, &restored).len(), 4);
        plan.items.clear();
        assert!(reasons(&plan, &restored).is_empty());

        let (mut nothing, there) = (plan, place("there"));
        nothing.counts = PlanCounts::default();
        let moved = GuardInput { identity_before: Some(&there), abandons: true, ..input(&here) };
        assert_eq!(
            reasons(&nothing, &moved),
            [BlockReason::DestinationChanged],
            "what is ours elsewhere is not nothing"
        );
    }

    #[test]
    fn an_approval_covers_one_hash_for_fifteen_minutes() {
        let hash = PlanHash::from_bytes(&[1; 32]);
        let at = Timestamp::from_unix_ms(1_000);
        let approval = Approval { plan_hash: hash.clone(), approver: "ann".to_owned(), approved_at: at };
        assert!(approval.covers(&hash, at.after(Approval::VALID_FOR)));
        assert!(!approval.covers(&hash, at.after(Approval::VALID_FOR + Duration::from_millis(1))));
        assert!(!approval.covers(&PlanHash::from_bytes(&[2; 32]), at));
    }
}
