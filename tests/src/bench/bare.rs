//! The barest things: an axum handler that answers bytes, and redb that commits one write at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use bytes::Bytes;
use redb::{Database, TableDefinition};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::processor::Whose;

const THREAD_NAME: &str = "bare-http";
const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");

/// A server with as many threads as a host has; dropping it ends it.
pub(super) struct BareHttp {
    pub(super) address: SocketAddr,
    runtime: Option<Runtime>,
}

impl BareHttp {
    /// Processor time of all such servers.
    pub(super) const PROCESSOR: Whose = Whose::OwnThreads(THREAD_NAME);

    /// Answers every request with a body of this length.
    pub(super) fn answering(body_bytes: usize) -> Self {
        let body = body(body_bytes);
        Self::serve(Router::new().fallback(async move || answer(body.clone())))
    }

    /// The same, after one durable commit of a row of so many bytes.
    pub(super) fn committing(body_bytes: usize, row_bytes: usize) -> Self {
        let store = Arc::new(BareStore::make());
        let (body, row) = (body(body_bytes), vec![b'x'; row_bytes]);
        Self::serve(Router::new().fallback(async move || {
            let (store, row) = (store.clone(), row.clone());
            let commit = tokio::task::spawn_blocking(move || store.put(1, &row));
            commit.await.expect("a commit does not panic");
            answer(body.clone())
        }))
    }

    fn serve(router: Router) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name(THREAD_NAME).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound listener has an address");
        listener.set_nonblocking(true).expect("a listener need not block");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener becomes one of tokio");
            let listener = axum::serve::ListenerExt::tap_io(listener, |stream| _ = stream.set_nodelay(true));
            axum::serve(listener, router).await.expect("a server on loopback serves");
        });
        Self { address, runtime: Some(runtime) }
    }
}

impl Drop for BareHttp {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn body(bytes: usize) -> Bytes {
    vec![b' '; bytes].into()
}

fn answer(body: Bytes) -> ([(&'static str, &'static str); 1], Bytes) {
    ([("content-type", "application/json")], body)
}

/// A redb file with one table.
pub(super) struct BareStore {
    database: Database,
    next: AtomicU64,
    folder: TempDir,
}

impl BareStore {
    /// An empty one.
    pub(super) fn make() -> Self {
        let folder = TempDir::new().expect("temporary folders can be made");
        let database = Database::create(folder.path().join("bare.redb")).expect("a database can be made");
        Self { database, next: AtomicU64::new(0), folder }
    }

    /// Puts so many new rows in one commit, as durable as the host's are.
    pub(super) fn put(&self, count: usize, value: &[u8]) {
        let mut transaction = self.database.begin_write().expect("a transaction begins");
        transaction.set_two_phase_commit(true);
        transaction.set_quick_repair(true);
        {
            let mut table = transaction.open_table(ROWS).expect("the table opens");
            for _ in 0..count {
                let key = self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
                table.insert(key.as_slice(), value).expect("a row is inserted");
            }
        }
        transaction.commit().expect("a transaction commits");
    }

    /// The size of the file when it is closed.
    pub(super) fn into_file_bytes(self) -> u64 {
        self.database.close().expect("a database can be closed");
        std::fs::metadata(self.folder.path().join("bare.redb")).expect("the file is there").len()
    }
}
