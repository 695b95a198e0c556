//! The behaviour that every store has: one suite, run for each adapter by `contract_suite!`.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::ports::kv::{
    Append, Batch, CommitError, Item, KEY_BYTES_MAX, KeyRange, KvStore, Requirement, Revision, Snapshot,
};

/// A store to test, and what must live as long as it.
pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn KvStore>,
    _directory: Option<tempfile::TempDir>,
}

impl Fixture {
    pub(crate) fn new(store: impl KvStore) -> Self {
        Self { store: Arc::new(store), _directory: None }
    }

    pub(crate) fn within(directory: tempfile::TempDir, store: impl KvStore) -> Self {
        Self { store: Arc::new(store), _directory: Some(directory) }
    }
}

/// A test for each behaviour, on the store that `$fixture` makes.
macro_rules! contract_suite {
    ($fixture:ident) => {
        $crate::store::contract::contract_suite! { $fixture:
            what_was_committed_is_read_with_its_revision,
            a_requirement_of_absence_makes_a_key_unique,
            a_requirement_of_a_revision_refuses_a_changed_key,
            a_key_that_was_deleted_and_made_again_has_another_revision,
            a_batch_whose_requirement_fails_writes_nothing,
            one_batch_has_one_revision_and_every_batch_another,
            a_batch_deletes_first_then_puts_then_appends,
            requirements_alone_are_checked_and_write_nothing,
            a_snapshot_does_not_see_later_commits,
            a_scan_is_in_the_order_of_keys_and_within_its_range,
            a_range_is_read_in_pages_without_gap_or_repetition,
            a_range_that_ends_before_it_starts_is_empty,
            appends_are_numbered_from_one_under_each_prefix,
            an_appends_number_is_not_given_again_after_a_deletion,
            appends_of_many_tasks_never_conflict,
            writers_of_one_key_lose_no_update,
            a_watcher_hears_of_its_prefix_alone,
            a_watcher_hears_of_deletions_and_appends,
            a_caller_who_stops_waiting_does_not_stop_the_store,
            keys_and_values_may_be_empty_or_long,
            a_key_that_is_too_long_is_refused_alone,
        }

        #[test]
        fn random_batches_leave_what_a_naive_model_says() {
            $crate::store::contract::compare_with_model($fixture);
        }
    };
    ($fixture:ident: $($behaviour:ident,)*) => {$(
        #[tokio::test]
        async fn $behaviour() {
            let fixture = $fixture();
            $crate::store::contract::$behaviour(&fixture.store).await;
        }
    )*};
}
pub(crate) use contract_suite;

type Store = Arc<dyn KvStore>;

fn put(key: &[u8], value: &[u8]) -> Batch {
    Batch { put: vec![(key.to_vec(), value.to_vec())], ..Batch::default() }
}

fn delete(key: &[u8]) -> Batch {
    Batch { delete: vec![key.to_vec()], ..Batch::default() }
}

fn append(prefix: &[u8], value: &[u8]) -> Batch {
    Batch { append: vec![Append { prefix: prefix.to_vec(), value: value.to_vec() }], ..Batch::default() }
}

fn requiring(key: &[u8], revision: Option<Revision>, batch: Batch) -> Batch {
    Batch { require: vec![Requirement { key: key.to_vec(), revision }], ..batch }
}

async fn snapshot(store: &Store) -> Box<dyn Snapshot> {
    store.snapshot().await.unwrap()
}

async fn revision_of(store: &Store, key: &[u8]) -> Option<Revision> {
    snapshot(store).await.get(key).await.unwrap().map(|found| found.revision)
}

async fn value_of(store: &Store, key: &[u8]) -> Option<Vec<u8>> {
    snapshot(store).await.get(key).await.unwrap().map(|found| found.value)
}

async fn items(store: &Store, prefix: &[u8]) -> Vec<Item> {
    snapshot(store).await.scan(KeyRange::prefix(prefix), usize::MAX).await.unwrap()
}

fn keys(items: &[Item]) -> Vec<&[u8]> {
    items.iter().map(|item| item.key.as_slice()).collect()
}

fn is_conflict(outcome: &Result<Revision, CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Conflict))
}

pub(crate) async fn what_was_committed_is_read_with_its_revision(store: &Store) {
    assert_eq!(value_of(store, b"a").await, None);
    let revision = store.commit(put(b"a", b"1")).await.unwrap();
    assert_eq!(value_of(store, b"a").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(revision_of(store, b"a").await, Some(revision));
    store.commit(delete(b"a")).await.unwrap();
    assert_eq!(value_of(store, b"a").await, None);
    store.commit(delete(b"a")).await.expect("deleting what is absent is no conflict");
}

pub(crate) async fn a_requirement_of_absence_makes_a_key_unique(store: &Store) {
    store.commit(requiring(b"name", None, put(b"name", b"first"))).await.unwrap();
    assert!(is_conflict(&store.commit(requiring(b"name", None, put(b"name", b"second"))).await));
    assert_eq!(value_of(store, b"name").await.as_deref(), Some(&b"first"[..]));
}

pub(crate) async fn a_requirement_of_a_revision_refuses_a_changed_key(store: &Store) {
    let first = store.commit(put(b"a", b"1")).await.unwrap();
    let second = store.commit(requiring(b"a", Some(first), put(b"a", b"2"))).await.unwrap();
    assert!(is_conflict(&store.commit(requiring(b"a", Some(first), put(b"a", b"3"))).await));
    store.commit(requiring(b"a", Some(second), delete(b"a"))).await.unwrap();
    assert!(is_conflict(&store.commit(requiring(b"a", Some(second), put(b"a", b"4"))).await), "it is absent now");
}

pub(crate) async fn a_key_that_was_deleted_and_made_again_has_another_revision(store: &Store) {
    let first = store.commit(put(b"a", b"same")).await.unwrap();
    store.commit(delete(b"a")).await.unwrap();
    store.commit(put(b"a", b"same")).await.unwrap();
    assert!(is_conflict(&store.commit(requiring(b"a", Some(first), put(b"a", b"stale"))).await));
    assert_eq!(value_of(store, b"a").await.as_deref(), Some(&b"same"[..]));
}

pub(crate) async fn a_batch_whose_requirement_fails_writes_nothing(store: &Store) {
    store.commit(put(b"kept", b"1")).await.unwrap();
    let batch = Batch {
        require: vec![
            Requirement { key: b"absent".to_vec(), revision: None },
            Requirement { key: b"kept".to_vec(), revision: None },
        ],
        put: vec![(b"new".to_vec(), b"2".to_vec())],
        delete: vec![b"kept".to_vec()],
        append: vec![Append { prefix: b"log/".to_vec(), value: b"3".to_vec() }],
    };
    assert!(is_conflict(&store.commit(batch).await));
    assert_eq!(keys(&items(store, b"").await), [b"kept"]);
    store.commit(append(b"log/", b"4")).await.unwrap();
    let first = [&b"log/"[..], &1u64.to_be_bytes()].concat();
    assert_eq!(keys(&items(store, b"log/").await), [first], "the refused append took no number");
}

pub(crate) async fn one_batch_has_one_revision_and_every_batch_another(store: &Store) {
    let batch = Batch { append: append(b"log/", b"3").append, ..put(b"a", b"1") };
    let batch = Batch { put: [batch.put, put(b"b", b"2").put].concat(), ..batch };
    let revision = store.commit(batch).await.unwrap();
    assert!(items(store, b"").await.iter().all(|item| item.revision == revision));

    let mut seen = std::collections::BTreeSet::from([revision]);
    for _ in 0..50 {
        let revision = store.commit(put(b"a", b"1")).await.unwrap();
        assert!(seen.insert(revision), "{revision:?} was given before");
        assert_eq!(seen.last(), Some(&revision));
    }
}

pub(crate) async fn a_batch_deletes_first_then_puts_then_appends(store: &Store) {
    store.commit(put(b"a", b"old")).await.unwrap();
    let batch = Batch { delete: vec![b"a".to_vec()], ..put(b"a", b"new") };
    store.commit(batch).await.unwrap();
    assert_eq!(value_of(store, b"a").await.as_deref(), Some(&b"new"[..]));

    let twice = Batch { put: [put(b"b", b"1").put, put(b"b", b"2").put].concat(), ..Batch::default() };
    store.commit(twice).await.unwrap();
    assert_eq!(value_of(store, b"b").await.as_deref(), Some(&b"2"[..]));
}

pub(crate) async fn requirements_alone_are_checked_and_write_nothing(store: &Store) {
    let revision = store.commit(put(b"a", b"1")).await.unwrap();
    store.commit(requiring(b"a", Some(revision), Batch::default())).await.unwrap();
    assert!(is_conflict(&store.commit(requiring(b"a", None, Batch::default())).await));
    store.commit(Batch::default()).await.unwrap();
    assert_eq!(revision_of(store, b"a").await, Some(revision));
    let next = store.commit(put(b"a", b"2")).await.unwrap();
    assert_ne!(next, revision);
}

pub(crate) async fn a_snapshot_does_not_see_later_commits(store: &Store) {
    store.commit(put(b"a", b"1")).await.unwrap();
    let before = snapshot(store).await;
    store.commit(put(b"a", b"2")).await.unwrap();
    store.commit(put(b"b", b"3")).await.unwrap();
    assert_eq!(before.get(b"a").await.unwrap().unwrap().value, b"1");
    assert_eq!(before.get(b"b").await.unwrap(), None);
    let seen = before.scan(KeyRange::prefix(b""), 10).await.unwrap();
    assert_eq!(keys(&seen), [b"a"]);
    assert_eq!(value_of(store, b"a").await.as_deref(), Some(&b"2"[..]), "a new snapshot sees what was answered");
}

pub(crate) async fn a_scan_is_in_the_order_of_keys_and_within_its_range(store: &Store) {
    let names: [&[u8]; 8] = [b"b\xff\xff", b"b", b"a", b"c", b"b\0", b"ba", b"", b"\xff\xff"];
    let batch = Batch { put: names.iter().map(|key| (key.to_vec(), key.to_vec())).collect(), ..Batch::default() };
    store.commit(batch).await.unwrap();
    let snapshot = snapshot(store).await;
    let scan = async |range| snapshot.scan(range, usize::MAX).await.unwrap();

    let all = scan(KeyRange::prefix(b"")).await;
    assert_eq!(keys(&all), [&b""[..], b"a", b"b", b"b\0", b"ba", b"b\xff\xff", b"c", b"\xff\xff"]);
    assert!(all.iter().all(|item| item.value == item.key));
    assert_eq!(keys(&scan(KeyRange::prefix(b"b")).await), [&b"b"[..], b"b\0", b"ba", b"b\xff\xff"]);
    assert_eq!(keys(&scan(KeyRange::prefix(b"b").after(b"b")).await), [&b"b\0"[..], b"ba", b"b\xff\xff"]);
    assert_eq!(keys(&scan(KeyRange::prefix(b"\xff")).await), [b"\xff\xff"]);
    let between = KeyRange { start: b"a".to_vec(), end: Some(b"ba".to_vec()) };
    assert_eq!(keys(&scan(between).await), [&b"a"[..], b"b", b"b\0"]);
}

pub(crate) async fn a_range_is_read_in_pages_without_gap_or_repetition(store: &Store) {
    let put = (0u32..1000).map(|number| (number.to_be_bytes().to_vec(), vec![7; 20])).collect();
    store.commit(Batch { put, ..Batch::default() }).await.unwrap();
    let snapshot = snapshot(store).await;
    for limit in [1usize, 7, 128, 129, 1000, 5000] {
        let mut found = Vec::new();
        let mut range = KeyRange::prefix(b"");
        loop {
            let page = snapshot.scan(range.clone(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            range = range.after(&last.key);
            found.extend(page);
        }
        let expect: Vec<Vec<u8>> = (0u32..1000).map(|number| number.to_be_bytes().to_vec()).collect();
        assert_eq!(found.into_iter().map(|item| item.key).collect::<Vec<_>>(), expect, "{limit}");
    }
    assert!(snapshot.scan(KeyRange::prefix(b""), 0).await.unwrap().is_empty());
}

pub(crate) async fn a_range_that_ends_before_it_starts_is_empty(store: &Store) {
    store.commit(put(b"b", b"1")).await.unwrap();
    for (start, end) in [(&b"c"[..], &b"a"[..]), (b"b", b"b")] {
        let range = KeyRange { start: start.to_vec(), end: Some(end.to_vec()) };
        assert!(snapshot(store).await.scan(range, 10).await.unwrap().is_empty());
    }
}

pub(crate) async fn appends_are_numbered_from_one_under_each_prefix(store: &Store) {
    for (prefix, value) in [(&b"x/"[..], &b"x1"[..]), (b"y/", b"y1"), (b"x/", b"x2")] {
        store.commit(append(prefix, value)).await.unwrap();
    }
    let batch =
        Batch { append: [append(b"x/", b"x3").append, append(b"x/", b"x4").append].concat(), ..Batch::default() };
    store.commit(batch).await.unwrap();
    let found = items(store, b"x/").await;
    for (number, item) in (1u64..).zip(&found) {
        assert_eq!(item.key, [&b"x/"[..], &number.to_be_bytes()].concat());
        assert_eq!(item.value, format!("x{number}").as_bytes());
    }
    assert_eq!((found.len(), items(store, b"y/").await.len()), (4, 1));
}

pub(crate) async fn an_appends_number_is_not_given_again_after_a_deletion(store: &Store) {
    for _ in 0..3 {
        store.commit(append(b"log/", b"")).await.unwrap();
    }
    let last = items(store, b"log/").await.pop().unwrap().key;
    store.commit(delete(&last)).await.unwrap();
    store.commit(append(b"log/", b"new")).await.unwrap();
    let fourth = [&b"log/"[..], &4u64.to_be_bytes()].concat();
    assert_eq!(items(store, b"log/").await.last().unwrap().key, fourth);
}

pub(crate) async fn appends_of_many_tasks_never_conflict(store: &Store) {
    let tasks: Vec<_> = (0u8..16)
        .map(|task| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for number in 0u8..10 {
                    store.commit(append(b"log/", &[task, number])).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let found = items(store, b"log/").await;
    assert_eq!(found.len(), 160);
    assert_eq!(found.last().unwrap().key, [&b"log/"[..], &160u64.to_be_bytes()].concat(), "no number is left out");
    for task in 0u8..16 {
        let own: Vec<u8> = found.iter().filter(|item| item.value[0] == task).map(|item| item.value[1]).collect();
        assert_eq!(own, (0u8..10).collect::<Vec<_>>(), "the appends of one task stay in order");
    }
}

pub(crate) async fn writers_of_one_key_lose_no_update(store: &Store) {
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut conflicts = 0u32;
                for _ in 0..10 {
                    while !increment(&store).await {
                        conflicts += 1;
                    }
                }
                conflicts
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(value_of(store, b"count").await.unwrap(), 80u32.to_be_bytes());
}

/// Adds one; `false` when another was quicker.
async fn increment(store: &Store) -> bool {
    let found = snapshot(store).await.get(b"count").await.unwrap();
    let count = found.as_ref().map_or(0, |found| u32::from_be_bytes(found.value.clone().try_into().unwrap()));
    let batch = requiring(b"count", found.map(|found| found.revision), put(b"count", &(count + 1).to_be_bytes()));
    match store.commit(batch).await {
        Ok(_) => true,
        Err(CommitError::Conflict) => false,
        Err(error) => panic!("{error}"),
    }
}

pub(crate) async fn a_watcher_hears_of_its_prefix_alone(store: &Store) {
    let mut watcher = store.watch(b"dirty/");
    let mut everything = store.watch(b"");
    watcher.mark_unchanged();
    store.commit(put(b"other", b"1")).await.unwrap();
    assert!(!watcher.has_changed().unwrap());
    assert!(everything.has_changed().unwrap());
    store.commit(requiring(b"other", None, put(b"dirty/1", b""))).await.unwrap_err();
    assert!(!watcher.has_changed().unwrap(), "nothing was written");

    let before = *watcher.borrow_and_update();
    store.commit(put(b"dirty/1", b"")).await.unwrap();
    watcher.changed().await.unwrap();
    assert_ne!(*watcher.borrow_and_update(), before);
    assert!(everything.has_changed().unwrap());
    everything.mark_unchanged();
}

pub(crate) async fn a_watcher_hears_of_deletions_and_appends(store: &Store) {
    store.commit(put(b"run/1", b"")).await.unwrap();
    let mut watcher = store.watch(b"run/");
    store.commit(delete(b"run/1")).await.unwrap();
    assert!(watcher.has_changed().unwrap());
    watcher.mark_unchanged();

    let mut one_row = store.watch(&[&b"run/events/"[..], &1u64.to_be_bytes()].concat());
    let mut events = store.watch(b"run/events/");
    store.commit(append(b"run/events/", b"started")).await.unwrap();
    for heard in [&mut watcher, &mut one_row, &mut events] {
        assert!(heard.has_changed().unwrap());
        heard.mark_unchanged();
    }
}

pub(crate) async fn a_caller_who_stops_waiting_does_not_stop_the_store(store: &Store) {
    for number in 0u8..20 {
        let batch = put(&[number], b"");
        let commit = store.commit(batch);
        // Polled once: the batch is on its way, and nobody waits for the answer.
        futures_util::FutureExt::now_or_never(commit);
    }
    store.commit(put(b"after", b"1")).await.unwrap();
    assert_eq!(value_of(store, b"after").await.as_deref(), Some(&b"1"[..]));
    assert_eq!(items(store, b"").await.len(), 21, "a batch that was sent is written");
}

pub(crate) async fn keys_and_values_may_be_empty_or_long(store: &Store) {
    let long_key = vec![b'k'; KEY_BYTES_MAX];
    let long_value = vec![b'v'; 3 * 1024 * 1024];
    let batch =
        Batch { put: vec![(Vec::new(), Vec::new()), (long_key.clone(), long_value.clone())], ..Batch::default() };
    store.commit(batch).await.unwrap();
    assert_eq!(value_of(store, b"").await, Some(Vec::new()));
    assert_eq!(value_of(store, &long_key).await, Some(long_value));
}

pub(crate) async fn a_key_that_is_too_long_is_refused_alone(store: &Store) {
    let refused = store.commit(put(&vec![b'k'; KEY_BYTES_MAX + 1], b"")).await;
    assert!(matches!(refused, Err(CommitError::Failed(_))));
    let refused = store.commit(append(&vec![b'k'; KEY_BYTES_MAX - 7], b"")).await;
    assert!(matches!(refused, Err(CommitError::Failed(_))));
    store.commit(put(b"a", b"1")).await.expect("the store goes on");
    assert_eq!(items(store, b"").await.len(), 1);
}

/// What a batch does, in the words of the model: keys and prefixes are single letters, revisions are those last seen.
#[derive(Clone, Debug)]
struct Step {
    require_present: Vec<u8>,
    require_absent: Vec<u8>,
    require_stale: bool,
    put: Vec<(u8, u8)>,
    delete: Vec<u8>,
    append: Vec<u8>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || b'a'..b'f';
    let some = |count| prop::collection::vec(key(), 0..count);
    let puts = prop::collection::vec((key(), any::<u8>()), 0..4);
    let appends = prop::collection::vec(b'x'..b'z', 0..3);
    let step = (some(2), some(2), prop::bool::weighted(0.1), puts, some(3), appends).prop_map(
        |(require_present, require_absent, require_stale, put, delete, append)| Step {
            require_present,
            require_absent,
            require_stale,
            put,
            delete,
            append,
        },
    );
    prop::collection::vec(step, 1..12)
}

/// The naive store: a map, a list of logs, and every rule written out.
#[derive(Default)]
struct Model {
    rows: BTreeMap<Vec<u8>, (Vec<u8>, Revision)>,
    logs: BTreeMap<u8, u64>,
    stale: Option<(Vec<u8>, Revision)>,
}

impl Model {
    fn batch(&self, step: &Step) -> Batch {
        let present = step.require_present.iter().map(|key| (vec![*key], self.rows.get(&[*key][..]).map(|row| row.1)));
        let absent = step.require_absent.iter().map(|key| (vec![*key], None));
        let stale =
            self.stale.iter().filter(|_| step.require_stale).map(|(key, revision)| (key.clone(), Some(*revision)));
        let require = present.chain(absent).chain(stale).map(|(key, revision)| Requirement { key, revision });
        Batch {
            require: require.collect(),
            put: step.put.iter().map(|(key, value)| (vec![*key], vec![*value])).collect(),
            delete: step.delete.iter().map(|key| vec![*key]).collect(),
            append: step.append.iter().map(|prefix| Append { prefix: vec![*prefix], value: vec![*prefix] }).collect(),
        }
    }

    fn accepts(&self, batch: &Batch) -> bool {
        batch.require.iter().all(|required| self.rows.get(&required.key).map(|row| row.1) == required.revision)
    }

    fn apply(&mut self, step: &Step, revision: Revision) {
        for key in &step.delete {
            if let Some((_, revision)) = self.rows.remove(&[*key][..]) {
                self.stale = Some((vec![*key], revision));
            }
        }
        for (key, value) in &step.put {
            self.rows.insert(vec![*key], (vec![*value], revision));
        }
        for prefix in &step.append {
            let number = self.logs.entry(*prefix).or_default();
            *number += 1;
            self.rows.insert([&[*prefix][..], &number.to_be_bytes()].concat(), (vec![*prefix], revision));
        }
    }
}

pub(crate) fn compare_with_model(fixture: fn() -> Fixture) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    proptest!(ProptestConfig::with_cases(24), |(steps in steps())| {
        let fixture = fixture();
        let mut model = Model::default();
        for step in &steps {
            let batch = model.batch(step);
            let accepts = model.accepts(&batch);
            match runtime.block_on(fixture.store.commit(batch)) {
                Ok(revision) if accepts => model.apply(step, revision),
                Err(CommitError::Conflict) if !accepts => {}
                other => prop_assert!(false, "the model accepts: {accepts}, the store said {other:?}"),
            }
            let found = runtime.block_on(items(&fixture.store, b""));
            let found: BTreeMap<_, _> =
                found.into_iter().map(|item| (item.key, (item.value, item.revision))).collect();
            prop_assert_eq!(&found, &model.rows);
        }
    });
}
