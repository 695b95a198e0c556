//! Power loss, simulated below redb: at random moments the disk keeps what was synced and an arbitrary part of what was
//! not, sector by sector, and the store is opened on that.

use std::sync::atomic::AtomicU32;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard};

use super::*;

const SECTOR_BYTES: usize = 512;
const COMMITS: u32 = 60;
/// One in so many operations of the disk is followed by a crash.
const CRASH_EVERY: u32 = 4;
/// The same while a store is opened after a crash.
const CRASH_EVERY_WHILE_OPENING: u32 = 12;

/// A state that the disk may be in after a crash, and how many commits had been answered before.
struct Crash {
    image: Vec<u8>,
    answered: u32,
}

enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

/// A disk that remembers what it has not synced.
#[derive(Clone)]
struct Disk(Arc<Mutex<State>>);

struct State {
    durable: Vec<u8>,
    current: Vec<u8>,
    pending: Vec<Change>,
    random: fastrand::Rng,
    crash_every: u32,
    answered: Arc<AtomicU32>,
    crashes: SyncSender<Crash>,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

impl Disk {
    fn new(image: Vec<u8>, seed: u64, crash_every: u32, answered: &Arc<AtomicU32>) -> (Self, Receiver<Crash>) {
        let (crashes, receiver) = sync_channel(8);
        let state = State {
            durable: image.clone(),
            current: image,
            pending: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            crash_every,
            answered: Arc::clone(answered),
            crashes,
        };
        (Self(Arc::new(Mutex::new(state))), receiver)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn change(&mut self, change: Change) {
        apply(&mut self.current, &change, |_| true);
        self.pending.push(change);
        if self.random.u32(..self.crash_every) == 0 {
            let crash = Crash { image: self.crashed(), answered: self.answered.load(Ordering::SeqCst) };
            // Nobody looks any more once a check has failed.
            drop(self.crashes.send(crash));
        }
    }

    /// What was synced, and a random part of the rest: some crashes keep nearly all of it, some nearly nothing.
    fn crashed(&mut self) -> Vec<u8> {
        let mut image = self.durable.clone();
        let kept_in_ten = self.random.u8(0..=10);
        for change in &self.pending {
            let random = &mut self.random;
            if matches!(change, Change::Write { .. }) || random.u8(..10) < kept_in_ten {
                apply(&mut image, change, |_| random.u8(..10) < kept_in_ten);
            }
        }
        image
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.current);
        self.pending.clear();
    }
}

/// Applies a change to the sectors that are kept; what lies beyond the end of the file is lost with it.
fn apply(image: &mut Vec<u8>, change: &Change, mut is_kept: impl FnMut(usize) -> bool) {
    match change {
        Change::Length(length) => image.resize(*length, 0),
        Change::Write { offset, data } => {
            for (sector, piece) in data.chunks(SECTOR_BYTES).enumerate() {
                let start = offset + sector * SECTOR_BYTES;
                if let Some(place) = image.get_mut(start..start + piece.len())
                    && is_kept(sector)
                {
                    place.copy_from_slice(piece);
                }
            }
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = offset as usize;
        let state = self.lock();
        let found = state.current.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.lock().change(Change::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.lock().sync();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.lock().change(Change::Write { offset: offset as usize, data: data.to_vec() });
        Ok(())
    }
}

/// The rows of one commit: two that stand far apart, and an append.
fn batch(number: u32) -> Batch {
    let rows = rows(number).map(|key| (key, vec![number as u8; 700]));
    Batch { put: rows.to_vec(), ..append(b"log/") }
}

fn rows(number: u32) -> [Vec<u8>; 2] {
    let scattered = number.wrapping_mul(2_654_435_761);
    [[&b"a/"[..], &scattered.to_be_bytes()].concat(), [&b"z/"[..], &number.to_be_bytes()].concat()]
}

/// Opens what a crash left, and finds every answered commit whole and no other in part.
fn check(store: &RedbStore, answered: u32) {
    let view = store.shared.view().expect("an open store has a view");
    let mut found = 0;
    for number in 0..COMMITS {
        let values = rows(number).map(|key| view.get(&key).unwrap().map(|found| found.value));
        assert_eq!(values[0], values[1], "commit {number} is there in part");
        match &values[0] {
            Some(value) => {
                assert_eq!(*value, vec![number as u8; 700]);
                assert_eq!(number, found, "a commit is missing before this one");
                found += 1;
            }
            None => assert!(number >= answered, "commit {number} was answered and is lost"),
        }
    }
    let log = view.scan(&KeyRange::prefix(b"log/"), usize::MAX).unwrap();
    assert_eq!(log.len() as u32, found);
    let last = log.last().map(|item| item.key[4..].to_vec());
    assert_eq!(last.unwrap_or(vec![0; 8]), u64::from(found).to_be_bytes(), "numbers have no gaps");
}

fn opened(disk: Disk, number: usize) -> RedbStore {
    let integrity_check =
        if number.is_multiple_of(2) { IntegrityCheck::Always } else { IntegrityCheck::AfterUncleanShutdown };
    let options = RedbOptions { integrity_check, ..RedbOptions::default() };
    open::start(disk, Path::new("crashed"), &options).unwrap()
}

/// Checks every crash; while the first of them are opened the power fails again.
fn check_all(crashes: Receiver<Crash>) -> [usize; 2] {
    let (mut first, mut second) = (0usize, 0);
    for crash in crashes {
        let answered = Arc::new(AtomicU32::new(crash.answered));
        let is_twice = first.is_multiple_of(4);
        let crash_every = if is_twice { CRASH_EVERY_WHILE_OPENING } else { u32::MAX };
        let (disk, again) = Disk::new(crash.image, first as u64, crash_every, &answered);
        let inner = std::thread::spawn(move || {
            let mut count = 0;
            for crash in again {
                let (disk, _) = Disk::new(crash.image, 0, u32::MAX, &Arc::new(AtomicU32::new(0)));
                check(&opened(disk, count), crash.answered);
                count += 1;
            }
            count
        });
        check(&opened(disk, first), crash.answered);
        second += inner.join().expect("a second crash lost something");
        first += 1;
    }
    [first, second]
}

#[tokio::test]
async fn power_loss_at_any_moment_loses_no_answered_commit() {
    let place = Place::new();
    drop(place.open());
    let answered = Arc::new(AtomicU32::new(0));
    let seed = 0x5eed;
    let (disk, crashes) = Disk::new(fs::read(place.path()).unwrap(), seed, CRASH_EVERY, &answered);
    let checker = std::thread::spawn(move || check_all(crashes));

    let store = open::start(disk, Path::new("disk"), &RedbOptions::default()).unwrap();
    for number in 0..COMMITS {
        store.commit(batch(number)).await.unwrap();
        answered.store(number + 1, Ordering::SeqCst);
    }
    drop(store);
    let [first, second] = checker.join().expect("a crash lost something");
    assert!(first > 100 && second > 20, "{first} crashes and {second} second ones are too few to tell");
}
