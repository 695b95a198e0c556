mod power_loss;

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::*;
use crate::ports::kv::{Append, Requirement};
use crate::store::contract::{Fixture, contract_suite};

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = RedbStore::open(&directory.path().join("store.redb"), RedbOptions::default()).unwrap();
    Fixture::within(directory, store)
}

contract_suite!(fixture);

/// A directory for one store.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data/store.redb")
    }

    fn open(&self) -> RedbStore {
        RedbStore::open(&self.path(), RedbOptions::default()).unwrap()
    }
}

fn checked() -> RedbOptions {
    RedbOptions { integrity_check: IntegrityCheck::Always, ..RedbOptions::default() }
}

fn put(key: &[u8], value: &[u8]) -> Batch {
    Batch { put: vec![(key.to_vec(), value.to_vec())], ..Batch::default() }
}

fn append(prefix: &[u8]) -> Batch {
    Batch { append: vec![Append { prefix: prefix.to_vec(), value: Vec::new() }], ..Batch::default() }
}

async fn value_of(store: &RedbStore, key: &[u8]) -> Option<Vec<u8>> {
    store.snapshot().await.unwrap().get(key).await.unwrap().map(|found| found.value)
}

async fn all(store: &RedbStore) -> Vec<Item> {
    store.snapshot().await.unwrap().scan(KeyRange::prefix(b""), usize::MAX).await.unwrap()
}

#[tokio::test]
async fn everything_is_there_after_reopening_and_numbers_go_on() {
    let place = Place::new();
    let store = place.open();
    let first = store.commit(put(b"a", b"1")).await.unwrap();
    for _ in 0..3 {
        store.commit(append(b"log/")).await.unwrap();
    }
    let last_row = [&b"log/"[..], &3u64.to_be_bytes()].concat();
    let deleted = Batch { delete: vec![last_row], ..Batch::default() };
    let last = store.commit(deleted).await.unwrap();
    drop(store);

    let store = place.open();
    let found = store.snapshot().await.unwrap().get(b"a").await.unwrap().unwrap();
    assert_eq!((found.value.as_slice(), found.revision), (&b"1"[..], first));
    let kept = Batch { require: vec![Requirement { key: b"a".to_vec(), revision: Some(first) }], ..append(b"log/") };
    let revision = store.commit(kept).await.unwrap();
    assert!(revision > last, "{revision:?} must not have been given before the restart");
    let fourth = [&b"log/"[..], &4u64.to_be_bytes()].concat();
    assert_eq!(all(&store).await.last().unwrap().key, fourth);
}

#[tokio::test]
async fn every_opening_has_another_boot_epoch() {
    let place = Place::new();
    for expect in 1..=3 {
        assert_eq!(place.open().boot_epoch(), expect);
    }
}

#[tokio::test]
async fn the_file_and_its_directory_are_private() {
    let place = Place::new();
    let store = place.open();
    assert_eq!(store.path(), place.path());
    assert_eq!(fs::metadata(place.path()).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(place.path().parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(place.path().parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
}

#[tokio::test]
async fn a_store_that_is_open_elsewhere_is_told_as_such() {
    let place = Place::new();
    let store = place.open();
    let refusal = RedbStore::open(&place.path(), RedbOptions::default()).err().expect("it is open");
    assert!(matches!(refusal, OpenError::Locked { .. }), "{refusal:?}");
    assert!(refusal.to_string().contains("another host has this file open"));
    assert!(refusal.to_string().contains("store.redb"));
    drop(store);
    place.open();
}

#[tokio::test]
async fn a_missing_file_is_made_only_when_that_is_asked_for() {
    let place = Place::new();
    let options = RedbOptions { creates_missing: false, ..RedbOptions::default() };
    let refusal = RedbStore::open(&place.path(), options).err();
    assert!(matches!(refusal, Some(OpenError::Missing { .. })));
    assert!(!place.path().exists());
}

#[tokio::test]
async fn what_is_no_store_is_not_taken_for_an_empty_one() {
    let place = Place::new();
    fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    for content in [&b""[..], b"not a database", &[0; 65_536]] {
        fs::write(place.path(), content).unwrap();
        let refusal = RedbStore::open(&place.path(), RedbOptions::default()).err();
        assert!(matches!(refusal, Some(OpenError::Damaged { .. })), "{refusal:?}");
        assert_eq!(fs::read(place.path()).unwrap(), content, "a refused file is left as it is");
    }
}

#[tokio::test]
async fn a_later_format_is_named() {
    let place = Place::new();
    drop(place.open());
    let database = redb::Database::open(place.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(writer::meta::FORMAT, 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let refusal = RedbStore::open(&place.path(), RedbOptions::default()).err();
    assert!(matches!(refusal, Some(OpenError::UnknownFormat { found: 2, .. })), "{refusal:?}");
}

#[tokio::test]
async fn a_closed_store_refuses_and_can_be_opened_again() {
    let place = Place::new();
    let store = place.open();
    store.commit(put(b"a", b"1")).await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    store.close().await.unwrap();
    assert!(store.snapshot().await.is_err());
    assert!(matches!(store.commit(put(b"a", b"2")).await, Err(CommitError::Failed(_))));
    assert!(store.close().await.is_err());
    drop(snapshot);

    let again = place.open();
    assert_eq!(value_of(&again, b"a").await.as_deref(), Some(&b"1"[..]));
}

/// Whether the last shutdown was marked as clean, in the file as it is.
fn is_marked_clean(path: &Path) -> bool {
    use redb::ReadableDatabase;
    let copy = tempfile::NamedTempFile::new().unwrap();
    fs::copy(path, copy.path()).unwrap();
    let database = redb::Database::open(copy.path()).unwrap();
    let about = database.begin_read().unwrap().open_table(META).unwrap();
    let mark = about.get(writer::meta::CLEAN_SHUTDOWN).unwrap();
    mark.is_some_and(|mark| mark.value() == 1)
}

#[tokio::test]
async fn a_copy_of_an_open_store_has_every_answered_write_and_no_clean_mark() {
    let place = Place::new();
    let store = place.open();
    for number in 0u32..20 {
        store.commit(put(&number.to_be_bytes(), b"kept")).await.unwrap();
        // What a killed process leaves is what the file system has seen of it.
        let copy = place.0.path().join(format!("copy-{number}"));
        fs::copy(place.path(), &copy).unwrap();
        assert!(!is_marked_clean(&copy));
        let revived = RedbStore::open(&copy, RedbOptions::default()).unwrap();
        assert_eq!(all(&revived).await.len() as u32, number + 1);
        assert!(revived.scrub(Duration::ZERO).await.unwrap().is_clean());
        drop(revived);
        assert!(is_marked_clean(&copy));
    }
}

#[tokio::test]
async fn a_file_that_was_not_closed_cleanly_is_checked_at_opening() {
    let place = Place::new();
    let store = place.open();
    let value = b"a value that stands nowhere else";
    store.commit(put(b"a", value)).await.unwrap();
    let mut file = fs::read(place.path()).unwrap();
    let found: Vec<usize> = (0..file.len() - value.len()).filter(|at| file[*at..].starts_with(value)).collect();
    found.iter().for_each(|at| file[at + 3] ^= 0x20);
    let copy = place.0.path().join("copy");
    fs::write(&copy, &file).unwrap();
    let refusal = RedbStore::open(&copy, RedbOptions::default()).err();
    assert!(matches!(refusal, Some(OpenError::Damaged { .. })), "{refusal:?}");
}

#[tokio::test]
async fn a_block_of_revisions_that_is_used_up_is_followed_by_another() {
    let place = Place::new();
    drop(place.open());
    let database = redb::Database::open(place.path()).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert(writer::meta::REVISION_CEILING, 12).unwrap();
    transaction.commit().unwrap();
    let shared = Arc::new(Shared { view: RwLock::new(None), watchers: Watchers::default() });
    let writer = writer::Writer { database, shared, revision: 10, revision_ceiling: 12, has_failed: false };
    let (commands, receiver) = mpsc::channel(8);
    let thread = std::thread::spawn(move || writer.run(receiver));
    for expect in 11..=14 {
        let (reply, answer) = oneshot::channel();
        commands.send(Command::Commit(put(b"a", b""), reply)).await.unwrap();
        assert_eq!(answer.await.unwrap().unwrap(), Revision(expect));
    }
    drop(commands);
    thread.join().unwrap();
    assert!(place.open().commit(put(b"a", b"")).await.unwrap() > Revision(12 + writer::REVISION_BLOCK));
}

/// Fills a store with rows of several pages and closes it.
async fn filled(place: &Place) -> Vec<u8> {
    let store = place.open();
    for group in 0u32..8 {
        let put = (0..200).map(|number| {
            let key = format!("{group:02}/{number:04}").into_bytes();
            (key, vec![b'v'; 40 + (number as usize * 7) % 50])
        });
        store.commit(Batch { put: put.collect(), ..append(b"log/") }).await.unwrap();
    }
    drop(store);
    fs::read(place.path()).unwrap()
}

#[tokio::test]
async fn a_damaged_file_never_gives_a_wrong_row() {
    let place = Place::new();
    let sound = filled(&place).await;
    let expect = all(&place.open()).await;
    let mut outcomes = [0u32; 3];
    let mut random = fastrand::Rng::with_seed(0x5eed);
    for flip in 0..60 {
        let mut damaged = sound.clone();
        let at = random.usize(..damaged.len());
        damaged[at] ^= 1 << random.u8(..8);
        fs::write(place.path(), &damaged).unwrap();
        let outcome = match RedbStore::open(&place.path(), checked()) {
            Err(OpenError::Damaged { .. }) => 0,
            Err(other) => panic!("flip {flip} of byte {at}: {other:?}"),
            Ok(store) => {
                assert_eq!(all(&store).await, expect, "flip {flip} of byte {at}");
                assert!(store.scrub(Duration::ZERO).await.unwrap().is_clean());
                1
            }
        };
        outcomes[outcome] += 1;
    }
    assert!(outcomes[0] > 5, "the flips found no page in use: {outcomes:?}");
}

#[tokio::test]
async fn a_truncated_file_is_refused() {
    let place = Place::new();
    let sound = filled(&place).await;
    let mut random = fastrand::Rng::with_seed(0x5eed);
    for _ in 0..10 {
        let length = random.usize(1..sound.len());
        fs::write(place.path(), &sound[..length]).unwrap();
        let refusal = RedbStore::open(&place.path(), checked()).err();
        assert!(matches!(refusal, Some(OpenError::Damaged { .. })), "{length} bytes: {refusal:?}");
    }
}

#[tokio::test]
async fn without_a_check_a_damaged_row_is_an_error_and_the_scrub_finds_it() {
    let place = Place::new();
    filled(&place).await;
    let store = place.open();
    store.commit(put(b"03/0000", b"a value that stands nowhere else")).await.unwrap();
    drop(store);
    let mut file = fs::read(place.path()).unwrap();
    let value = b"a value that stands nowhere else";
    let found: Vec<usize> = (0..file.len() - value.len()).filter(|at| file[*at..].starts_with(value)).collect();
    found.iter().for_each(|at| file[at + 3] ^= 0x20);
    fs::write(place.path(), &file).unwrap();
    let store = place.open();
    let snapshot = store.snapshot().await.unwrap();
    let damaged = snapshot.get(b"03/0000").await;
    assert_eq!(damaged.unwrap_err().0.to_string(), "a row is damaged: its checksum does not match");
    let report = store.scrub(Duration::ZERO).await.unwrap();
    assert_eq!((report.damaged_rows, report.damaged_keys), (1, vec![b"03/0000".to_vec()]));

    // One damaged row keeps nobody from writing others, and can be written over.
    let required = Requirement { key: b"03/0000".to_vec(), revision: None };
    let refused = store.commit(Batch { require: vec![required], ..put(b"x", b"") }).await;
    assert!(matches!(refused, Err(CommitError::Failed(_))));
    store.commit(put(b"03/0000", b"restored")).await.unwrap();
    assert_eq!(value_of(&store, b"03/0000").await.as_deref(), Some(&b"restored"[..]));
}

#[tokio::test]
async fn the_scrub_reads_every_row_in_slices() {
    let place = Place::new();
    let store = place.open();
    let put = (0u32..10_000).map(|number| (number.to_be_bytes().to_vec(), Vec::new())).collect();
    store.commit(Batch { put, ..Batch::default() }).await.unwrap();
    let report = store.scrub(Duration::ZERO).await.unwrap();
    assert_eq!(report, ScrubReport { rows: 10_000, ..ScrubReport::default() });
}

/// Storage whose writes and syncs fail once a budget is spent.
#[derive(Debug)]
struct FailingStorage {
    inner: InMemoryBackend,
    budget: Arc<AtomicUsize>,
    has_failed: Arc<AtomicBool>,
}

impl FailingStorage {
    fn spend(&self) -> io::Result<()> {
        let spent = self.budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        spent.map(|_| ()).map_err(|_| {
            self.has_failed.store(true, Ordering::SeqCst);
            io::Error::other("the disk is gone")
        })
    }
}

impl StorageBackend for FailingStorage {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.spend()?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.spend()?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.spend()?;
        self.inner.write(offset, data)
    }
}

#[tokio::test]
async fn after_a_failed_commit_nothing_is_acknowledged_any_more() {
    for budget in 0..12 {
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let has_failed = Arc::new(AtomicBool::new(false));
        let storage = FailingStorage {
            inner: InMemoryBackend::new(),
            budget: Arc::clone(&left),
            has_failed: Arc::clone(&has_failed),
        };
        let store = open::start_fresh(storage, &RedbOptions::default()).unwrap();
        store.commit(put(b"a", b"1")).await.unwrap();

        left.store(budget, Ordering::SeqCst);
        let mut acknowledged = 0;
        while store.commit(put(b"a", b"2")).await.is_ok() {
            assert!(!has_failed.load(Ordering::SeqCst), "acknowledged after a write had failed");
            acknowledged += 1;
            assert!(acknowledged < 10);
        }
        left.store(usize::MAX, Ordering::SeqCst);
        for _ in 0..3 {
            let refused = store.commit(put(b"a", b"3")).await;
            assert!(matches!(refused, Err(CommitError::Failed(_))), "the disk is back, but the state is unknown");
        }
        assert!(store.close().await.is_err(), "no clean mark");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_waiting_batches_is_one_commit() {
    let syncs = Arc::new(AtomicUsize::new(0));
    let storage = CountingStorage { inner: InMemoryBackend::new(), syncs: Arc::clone(&syncs) };
    let store = Arc::new(open::start_fresh(storage, &RedbOptions::default()).unwrap());
    // While the writer commits the first, the others come in.
    let before = syncs.load(Ordering::SeqCst);
    let commits = (0u32..200).map(|number| {
        let store = Arc::clone(&store);
        async move { store.commit(put(&number.to_be_bytes(), &[0; 1000])).await.unwrap() }
    });
    futures_util::future::join_all(commits).await;
    let spent = syncs.load(Ordering::SeqCst) - before;
    assert!(spent < 100, "200 batches took {spent} syncs");
}

#[derive(Debug)]
struct CountingStorage {
    inner: InMemoryBackend,
    syncs: Arc<AtomicUsize>,
}

impl StorageBackend for CountingStorage {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }
}
