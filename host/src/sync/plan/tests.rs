//! The decision table row by row, and its invariants over random worlds.

use proptest::prelude::*;

use super::model::*;
use super::*;
use crate::domain::destination::{ObservedValue, Precondition};
use crate::domain::sync::{Intent, IntentOperation, Owned};

fn there() -> impl Strategy<Value = There> {
    prop_oneof![
        Just(There::Nothing),
        (0u8..4, 0u8..3).prop_map(|(value, version)| There::Open { value, version }),
        (0u8..4, proptest::option::of(0u8..3)).prop_map(|(value, version)| There::Hidden { value, version }),
    ]
}

fn row() -> impl Strategy<Value = Row> {
    (
        proptest::option::of(0u8..4),
        proptest::option::of((0u8..4, proptest::option::of(0u8..3))),
        prop_oneof![6 => Just(None), 2 => (0u8..4).prop_map(|value| Some(Left::Put(value))), 1 => Just(Some(Left::Delete))],
        there(),
    )
        .prop_map(|(wanted, owned, left, there)| Row { wanted, owned, left, there })
}

fn world() -> impl Strategy<Value = World> {
    let policy = (
        prop_oneof![Just(OnConflict::Stop), Just(OnConflict::Overwrite), Just(OnConflict::Import)],
        prop_oneof![Just(OnDrift::Repair), Just(OnDrift::Report)],
        prop_oneof![3 => Just(Deletion::Owned), 1 => Just(Deletion::Never)],
        proptest::bool::weighted(0.2),
        proptest::bool::weighted(0.9),
    )
        .prop_map(|(on_conflict, on_drift, deletion, is_first_run, deletes)| PlanPolicy {
            on_conflict,
            on_drift,
            deletion,
            is_first_run,
            reads: SyncReads::Values,
            deletes,
        });
    (proptest::collection::vec(row(), 0..12), policy).prop_map(|(rows, policy)| World { rows, policy })
}

fn action_of(plan: &Plan, index: usize) -> Option<Action> {
    plan.items.iter().find(|item| item.key == key(index)).map(|item| item.action)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_key_gets_what_the_table_says(world in world()) {
        let plan = world.plan();
        let mut counts = PlanCounts::default();
        for (index, row) in world.rows.iter().enumerate() {
            let expected = world.expected(row);
            let listed = expected.filter(|action| *action != Action::Unchanged);
            prop_assert_eq!(action_of(&plan, index), listed, "{:?}", row);
            let drift = plan.items.iter().any(|item| item.key == key(index) && item.drift);
            if let Some(action) = expected {
                counts.add(action, drift);
            }
        }
        prop_assert_eq!(plan.counts, counts);
    }

    #[test]
    fn what_is_neither_wanted_nor_ours_stays_as_it_is(world in world()) {
        let plan = world.plan();
        let after = world.after(&plan);
        for (before, after) in world.rows.iter().zip(&after.rows) {
            let ours = before.owned.is_some() || before.left.is_some();
            if before.wanted.is_none() && !ours {
                prop_assert_eq!(before.there, after.there);
            }
        }
    }

    #[test]
    fn a_foreign_key_is_written_only_under_the_policy_that_allows_it(world in world()) {
        let after = world.after(&world.plan());
        for (before, after) in world.rows.iter().zip(&after.rows) {
            let foreign = before.owned.is_none() && before.left.is_none() && before.there != There::Nothing;
            if foreign && world.policy.on_conflict != OnConflict::Overwrite {
                prop_assert_eq!(before.there, after.there);
            }
        }
    }

    #[test]
    fn only_what_is_ours_and_still_as_we_left_it_is_deleted(world in world()) {
        let plan = world.plan();
        for item in plan.items.iter().filter(|item| item.action == Action::Delete) {
            let row = world.rows[item.key[1..].parse::<usize>().expect("an index")];
            prop_assert!(row.wanted.is_none());
            let last: Vec<u8> = row.owned.map(|(value, _)| value).into_iter()
                .chain(match row.left { Some(Left::Put(value)) => Some(value), _ => None })
                .collect();
            match row.there {
                There::Nothing => prop_assert!(false, "nothing to delete"),
                There::Open { value, .. } => prop_assert!(last.contains(&value), "{:?}", row),
                There::Hidden { version: None, .. } => prop_assert!(!last.is_empty()),
                There::Hidden { version, .. } => prop_assert_eq!(row.owned.and_then(|owned| owned.1), version),
            }
            prop_assert!(!world.policy.is_first_run && world.policy.deletion == Deletion::Owned && world.policy.deletes);
        }
    }

    #[test]
    fn after_a_plan_nothing_is_left_to_do(world in world()) {
        let after = world.after(&world.plan());
        let again = after.plan();
        let open = [Action::Conflict, Action::Import];
        prop_assert!(again.ledger.is_empty(), "{:?}", again.ledger);
        for item in &again.items {
            prop_assert!(!item.action.is_change() || open.contains(&item.action), "{:?}", item);
        }
    }

    #[test]
    fn a_plan_that_was_carried_out_makes_wanted_keys_equal(mut world in world()) {
        world.policy.on_conflict = OnConflict::Overwrite;
        world.policy.on_drift = OnDrift::Repair;
        let after = world.after(&world.plan());
        for (before, after) in world.rows.iter().zip(&after.rows) {
            let value = match after.there {
                There::Nothing => None,
                There::Open { value, .. } => Some(value),
                // Who wrote to a write-only vendor that tells no version cannot be seen.
                There::Hidden { .. } if before.there == after.there => continue,
                There::Hidden { value, .. } => Some(value),
            };
            if before.wanted.is_some() {
                prop_assert_eq!(value, before.wanted);
            }
        }
    }

    #[test]
    fn the_order_of_the_inputs_does_not_matter(world in world(), seed in any::<u64>()) {
        let plan = world.plan();
        let (mut desired, mut observed) = (world.desired(), world.observed());
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut desired);
        random.shuffle(&mut observed.entries);
        prop_assert_eq!(world.plan_over(&desired, &observed, &world.ledger()), plan);
    }

    #[test]
    fn rows_that_do_not_change_leave_the_hash_alone(world in world(), extra in 0u8..4) {
        let plan = world.plan();
        let mut more = world.clone();
        let unchanged = Row { wanted: Some(extra), owned: Some((extra, Some(1))), left: None, there: There::Open { value: extra, version: 1 } };
        let foreign = Row { wanted: None, owned: None, left: None, there: There::Open { value: extra, version: 1 } };
        more.rows.extend([unchanged, foreign]);
        prop_assert_eq!(more.plan().hash, plan.hash);
    }

    #[test]
    fn another_wanted_value_makes_another_hash(world in world(), index in any::<prop::sample::Index>()) {
        let changing: Vec<usize> = (0..world.rows.len())
            .filter(|index| action_of(&world.plan(), *index).is_some_and(|action| matches!(action, Action::Create | Action::Update)))
            .collect();
        prop_assume!(!changing.is_empty());
        let mut other = world.clone();
        other.rows[changing[index.index(changing.len())]].wanted = Some(7);
        prop_assert_ne!(other.plan().hash, world.plan().hash);
    }

    #[test]
    fn what_is_left_after_a_crash_is_part_of_what_was_approved(world in world(), done in proptest::collection::vec(any::<bool>(), 12)) {
        let plan = world.plan();
        let mut half = world.after(&Plan { items: Vec::new(), ..plan.clone() });
        let whole = world.after(&plan);
        for (index, is_done) in done.iter().enumerate().take(half.rows.len()) {
            if *is_done {
                half.rows[index] = whole.rows[index];
            }
        }
        prop_assert!(half.plan().is_part_of(&plan));
    }
}

fn single(row: Row) -> World {
    World { rows: vec![row], policy: policy() }
}

#[test]
fn an_update_holds_only_while_the_seen_version_stands() {
    let row =
        Row { wanted: Some(2), owned: Some((1, Some(4))), left: None, there: There::Open { value: 1, version: 4 } };
    let plan = single(row).plan();
    let write = plan.items[0].write.as_ref().expect("an update is written");
    assert_eq!(write.precondition, Precondition::Matches("4".to_owned()));
}

#[test]
fn a_create_holds_only_while_nothing_is_there() {
    let plan = single(Row { wanted: Some(2), owned: None, left: None, there: There::Nothing }).plan();
    let write = plan.items[0].write.as_ref().expect("a create is written");
    assert_eq!(write.precondition, Precondition::MustNotExist);
}

#[test]
fn an_incomplete_listing_proves_no_absence() {
    let mut world = single(Row { wanted: None, owned: Some((1, Some(1))), left: None, there: There::Nothing });
    let observed = Observed { entries: Vec::new(), complete: false };
    let plan = world.plan_over(&[], &observed, &world.ledger());
    assert_eq!((plan.items[0].action, plan.items[0].reason), (Action::Keep, Reason::NotObserved));
    assert!(plan.ledger.is_empty());

    world.policy.reads = SyncReads::Nothing;
    let plan = world.plan_over(&[], &observed, &world.ledger());
    assert_eq!(plan.items[0].action, Action::Delete, "the ledger is all that is known of such a vendor");
}

#[test]
fn where_nothing_can_be_read_the_ledger_makes_runs_incremental() {
    let mut world = single(Row { wanted: Some(1), owned: Some((1, None)), left: None, there: There::Nothing });
    world.policy.reads = SyncReads::Nothing;
    let observed = Observed { entries: Vec::new(), complete: false };
    assert!(world.plan_over(&world.desired(), &observed, &world.ledger()).is_settled());
    world.rows[0].wanted = Some(2);
    let plan = world.plan_over(&world.desired(), &observed, &world.ledger());
    assert_eq!(plan.items[0].action, Action::Update);
}

#[test]
fn a_held_key_is_neither_written_nor_deleted() {
    let world = single(Row {
        wanted: None,
        owned: Some((1, Some(1))),
        left: None,
        there: There::Open { value: 1, version: 1 },
    });
    let (observed, ledger, held) = (world.observed(), world.ledger(), BTreeSet::from([key(0)]));
    let basis = basis();
    let input = PlanInput {
        sync: sync_uid(),
        config_revision: "revision",
        plugin_digest: Digest::from_bytes([3; 32]),
        basis: &basis,
        generation: 2,
        desired: &[],
        held: &held,
        observed: &observed,
        ledger: &ledger,
        policy: policy(),
    };
    let plan = plan(&input, &PlainHasher).expect("a plan");
    assert_eq!((plan.items[0].action, plan.desired), (Action::Skip, 1));
    assert!(plan.ledger.is_empty() && plan.items[0].write.is_none());
}

#[test]
fn keys_outside_the_destination_are_released_and_left() {
    let world = single(Row { wanted: None, owned: Some((1, Some(1))), left: None, there: There::Nothing });
    let ledger = BTreeMap::from([("/other/K0".to_owned(), world.ledger()[&absolute(0)].clone())]);
    let plan = world.plan_over(&[], &Observed { entries: Vec::new(), complete: true }, &ledger);
    assert_eq!((plan.items[0].action, plan.items[0].reason), (Action::Release, Reason::OutsideDestination));
    assert!(plan.ledger["/other/K0"].is_empty());
}

#[test]
fn a_digest_stands_in_for_the_version() {
    let world = single(Row { wanted: Some(1), owned: Some((1, Some(5))), left: None, there: There::Nothing });
    for (digest, action) in [("5", None), ("6", Some(Action::Update))] {
        let mut observed = single(Row { there: There::Hidden { value: 0, version: None }, ..world.rows[0] }).observed();
        observed.entries[0].value = ObservedValue::Digest(digest.to_owned());
        let plan = world.plan_over(&world.desired(), &observed, &world.ledger());
        assert_eq!(action_of(&plan, 0), action, "{digest}");
    }
}

#[test]
fn contradictions_stop_the_planner() {
    let world = single(Row { wanted: Some(1), owned: None, left: None, there: There::Open { value: 1, version: 1 } });
    let twice = |input: &mut Vec<DesiredItem>| input.extend(world.desired());
    let (mut desired, mut observed) = (world.desired(), world.observed());
    twice(&mut desired);
    let ledger = BTreeMap::new();
    let basis = basis();
    let held = BTreeSet::new();
    let check = |desired: &[DesiredItem], observed: &Observed, ledger: &BTreeMap<String, LedgerEntry>| {
        let input = PlanInput {
            sync: sync_uid(),
            config_revision: "revision",
            plugin_digest: Digest::from_bytes([3; 32]),
            basis: &basis,
            generation: 2,
            desired,
            held: &held,
            observed,
            ledger,
            policy: policy(),
        };
        plan(&input, &PlainHasher).expect_err("a contradiction")
    };
    assert_eq!(check(&desired, &observed, &ledger), PlanError::WantedTwice { key: key(0) });
    observed.entries.extend(world.observed().entries);
    assert_eq!(check(&world.desired(), &observed, &ledger), PlanError::ListedTwice { key: key(0) });

    let gone = Owned { hash: KeyedHash { key_id: [0; 16], hash: [0; 32] }, ..owned_with(Attributes::new()) };
    let ledger = BTreeMap::from([(absolute(0), LedgerEntry { owned: Some(gone), intent: None })]);
    assert_eq!(check(&world.desired(), &world.observed(), &ledger), PlanError::HashKeyGone(HashKeyGone));
}

fn owned_with(attributes: Attributes) -> Owned {
    Owned {
        hash: value_hash(&PlainHasher, sync_uid(), &absolute(0), "v1", &attributes),
        version: Some("1".to_owned()),
        reference: Some("handle".to_owned()),
        generation: 1,
        attributes,
    }
}

fn tier(value: &str) -> Attributes {
    Attributes::from([("tier".to_owned(), value.to_owned())])
}

#[test]
fn attributes_are_compared_where_the_plugin_reports_them() {
    let world = single(Row { wanted: Some(1), owned: None, left: None, there: There::Open { value: 1, version: 1 } });
    // wanted, recorded, reported, expected
    for (wanted, recorded, reported, expected) in [
        ("standard", "standard", Some("standard"), None),
        ("advanced", "standard", Some("standard"), Some((Action::Update, Reason::SourceChanged))),
        ("standard", "standard", Some("advanced"), Some((Action::Update, Reason::ChangedAtDestination))),
        ("standard", "standard", None, None),
        ("advanced", "standard", None, Some((Action::Update, Reason::SourceChanged))),
    ] {
        for hidden in [false, true] {
            let (mut desired, mut observed) = (world.desired(), world.observed());
            desired[0].attributes = tier(wanted);
            observed.entries[0].attributes = reported.map(tier).unwrap_or_default();
            if hidden {
                observed.entries[0].value = ObservedValue::Hidden;
            }
            let owned = Some(owned_with(tier(recorded)));
            let ledger = BTreeMap::from([(absolute(0), LedgerEntry { owned, intent: None })]);
            let plan = world.plan_over(&desired, &observed, &ledger);
            let seen = plan.items.first().map(|item| (item.action, item.reason));
            assert_eq!(seen, expected, "wanted {wanted}, recorded {recorded}, reported {reported:?}, hidden {hidden}");
        }
    }
}

#[test]
fn the_vendors_handle_is_kept_from_the_ledger_when_the_listing_has_none() {
    let world = single(Row { wanted: Some(2), owned: None, left: None, there: There::Open { value: 1, version: 1 } });
    let ledger =
        BTreeMap::from([(absolute(0), LedgerEntry { owned: Some(owned_with(Attributes::new())), intent: None })]);
    let plan = world.plan_over(&world.desired(), &world.observed(), &ledger);
    let write = plan.items[0].write.as_ref().expect("an update is written");
    assert_eq!(write.reference.as_deref(), Some("handle"));
}

#[test]
fn an_intent_that_arrived_is_ours_without_another_write() {
    let operation = IntentOperation::Put { hash: hash_of(0, 3), attributes: Attributes::new() };
    let intent = Intent { operation, operation_id: uuid::Uuid::nil(), fence: 1, generation: 8 };
    let world = single(Row { wanted: Some(3), owned: None, left: None, there: There::Open { value: 3, version: 2 } });
    let ledger = BTreeMap::from([(absolute(0), LedgerEntry { owned: None, intent: Some(intent) })]);
    let plan = world.plan_over(&world.desired(), &world.observed(), &ledger);
    assert!(plan.items.is_empty());
    let owned = plan.ledger[&absolute(0)].owned.as_ref().expect("it became ours");
    assert_eq!((owned.generation, owned.version.as_deref()), (8, Some("2")));
}

#[test]
fn a_plan_names_no_value() {
    let world = single(Row {
        wanted: Some(2),
        owned: Some((1, Some(1))),
        left: None,
        there: There::Open { value: 1, version: 1 },
    });
    let text = serde_json::to_string(&world.plan()).expect("plain data");
    assert!(!text.contains("v2") && !text.contains("v1"), "{text}");
    assert!(text.contains(r#""action":"UPDATE""#) && text.contains(r#""reason":"SOURCE_CHANGED""#), "{text}");
}
