//! The ground of the engine's tests: a clock that is turned by hand, a store that can stop in mid-air, a way out that counts.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::domain::Timestamp;
use crate::ports::clock::Clock;
use crate::ports::egress::{
    Egress, EgressFailure, EgressObserved, EgressScope, EgressSession, InboundResponse, OutboundRequest,
};
use crate::ports::kv::{Batch, CommitError, KvStore, ReadError, Revision, Snapshot};

/// Time that passes by itself only where somebody waits for a short while.
pub(super) struct TurnedClock {
    now_ms: watch::Sender<i64>,
}

/// Waits up to here pass at once, and turn the clock.
const SHORT: Duration = Duration::from_secs(10);

impl TurnedClock {
    pub(super) fn new() -> Self {
        Self { now_ms: watch::Sender::new(1_700_000_000_000) }
    }

    pub(super) fn turn(&self, by: Duration) {
        self.now_ms.send_modify(|now| *now += i64::try_from(by.as_millis()).expect("a short while"));
    }
}

#[async_trait]
impl Clock for TurnedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(*self.now_ms.borrow())
    }

    async fn sleep(&self, duration: Duration) {
        if duration <= SHORT {
            self.turn(duration);
            return tokio::task::yield_now().await;
        }
        let until = self.now().after(duration).unix_ms();
        let mut now = self.now_ms.subscribe();
        let _ = now.wait_for(|now| *now >= until).await;
    }
}

/// Counts down to the moment at which the host dies: whatever asks then waits for ever.
pub(super) struct Fuse {
    left: AtomicI64,
    burnt: Notify,
}

impl Fuse {
    pub(super) fn new(steps: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(steps), burnt: Notify::new() })
    }

    pub(super) async fn step(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.burnt.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Waits for the death.
    pub(super) async fn burnt(&self) {
        self.burnt.notified().await;
    }
}

/// A store that dies with its fuse, before or after a commit; what was committed stays in the store beneath.
pub(super) struct MortalStore {
    pub(super) beneath: Arc<dyn KvStore>,
    pub(super) fuse: Arc<Fuse>,
}

#[async_trait]
impl KvStore for MortalStore {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, ReadError> {
        self.beneath.snapshot().await
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        self.fuse.step().await;
        let committed = self.beneath.commit(batch).await;
        self.fuse.step().await;
        committed
    }

    fn watch(&self, prefix: &[u8]) -> watch::Receiver<u64> {
        self.beneath.watch(prefix)
    }
}

/// A way out that leads nowhere and counts.
#[derive(Default)]
pub(super) struct CountingEgress {
    pub(super) deadlines: Mutex<Vec<Option<Instant>>>,
}

impl Egress for CountingEgress {
    fn open(&self, _scope: EgressScope, deadline: Option<Instant>) -> Arc<dyn EgressSession> {
        self.deadlines.lock().expect("no panic").push(deadline);
        Arc::new(CountingSession::default())
    }
}

#[derive(Default)]
struct CountingSession {
    sent: AtomicU32,
}

#[async_trait]
impl EgressSession for CountingSession {
    async fn send(&self, _request: OutboundRequest) -> Result<InboundResponse, EgressFailure> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        Ok(InboundResponse { status: 200, headers: Vec::new(), body: Vec::new() })
    }

    fn observed(&self) -> EgressObserved {
        let sent = self.sent.load(Ordering::SeqCst);
        EgressObserved { sent, authenticated_successes: sent, throttled: 0 }
    }
}
