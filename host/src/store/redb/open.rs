//! Opening the file: making it whole or not at all, checking it, and counting the boot.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend};
use tokio::sync::mpsc;

use super::writer::{REVISION_BLOCK, Writer, durable, meta};
use super::{Failure, ITEMS, META, RedbStore, SEQUENCES, Shared, View, WAITING_BATCHES_MAX, guarded};
use crate::store::watchers::Watchers;

/// The format of the tables and rows.
const FORMAT: u64 = 1;

/// When every page of the file is read and verified at opening. It reads the whole file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntegrityCheck {
    /// At every opening.
    Always,
    /// When the store was not closed cleanly.
    #[default]
    AfterUncleanShutdown,
}

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct RedbOptions {
    pub integrity_check: IntegrityCheck,
    /// Memory for cached pages, in bytes.
    pub cache_bytes: usize,
    /// Whether a file that is missing is made. Whoever expects data must say no: an empty store is no error.
    pub creates_missing: bool,
}

impl Default for RedbOptions {
    fn default() -> Self {
        Self { integrity_check: IntegrityCheck::default(), cache_bytes: 256 * 1024 * 1024, creates_missing: true }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("there is no store at {}", path.display())]
    Missing { path: PathBuf },
    #[error("cannot make a store at {}", path.display())]
    Create { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("cannot open the store at {}", path.display())]
    Open { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the store at {} is locked: another host has this file open", path.display())]
    Locked { path: PathBuf },
    #[error("the store at {} is damaged; restore it from a backup", path.display())]
    Damaged { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the store at {} has format {found}; this host knows format {FORMAT}", path.display())]
    UnknownFormat { path: PathBuf, found: u64 },
}

pub(super) fn open(path: &Path, options: RedbOptions) -> Result<RedbStore, OpenError> {
    let file = match open_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if !options.creates_missing {
                return Err(OpenError::Missing { path: path.to_owned() });
            }
            create(path).map_err(|source| OpenError::Create { path: path.to_owned(), source })?;
            open_file(path)
        }
        opened => opened,
    };
    let file = file.map_err(|source| OpenError::Open { path: path.to_owned(), source: source.into() })?;
    let length = file.metadata().map_err(|source| OpenError::Open { path: path.to_owned(), source: source.into() })?;
    if length.len() == 0 {
        // redb would make a new store of it, and what was there would be gone without a word.
        return Err(OpenError::Damaged { path: path.to_owned(), source: "the file is empty".into() });
    }
    let backend = FileBackend::new(file).map_err(|error| refusal(path, Failure::from(error)))?;
    guarded(|| start(backend, path, &options)).map_err(|failure| refusal(path, failure))
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Makes an empty store beside `path`, private to its user, and gives it its name when it is complete: a crash on the
/// way leaves no half-made store that a later opening could take for a damaged one.
fn create(path: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let path = std::path::absolute(path)?;
    let directory = path.parent().ok_or("the path names no file")?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let file = tempfile::Builder::new().prefix(".keyferry-store-").tempfile_in(directory)?;
    guarded(|| initialize(FileBackend::new(file.reopen().map_err(DatabaseError::from)?)?))?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Ok(_) => File::open(directory)?.sync_all()?,
        // Another host was quicker; opening tells whether it still holds the file.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error.into()),
    }
    Ok(())
}

/// Writes the tables of an empty store and closes it.
fn initialize(backend: impl StorageBackend) -> Result<(), Failure> {
    let database = Database::builder().create_with_backend(backend)?;
    make_tables(&database)?;
    Ok(database.close()?)
}

fn make_tables(database: &Database) -> Result<(), Failure> {
    let transaction = durable(database)?;
    transaction.open_table(ITEMS)?;
    transaction.open_table(SEQUENCES)?;
    {
        let mut about = transaction.open_table(META)?;
        about.insert(meta::FORMAT, FORMAT)?;
        about.insert(meta::CLEAN_SHUTDOWN, 1)?;
    }
    Ok(transaction.commit()?)
}

/// What the `meta` table says at opening.
struct About {
    format: u64,
    boot_epoch: u64,
    revision_ceiling: u64,
    is_clean: bool,
}

impl About {
    fn read(database: &Database) -> Result<Self, Failure> {
        let about = database.begin_read()?.open_table(META)?;
        let read = |name| -> Result<u64, Failure> { Ok(about.get(name)?.map_or(0, |found| found.value())) };
        Ok(Self {
            format: read(meta::FORMAT)?,
            boot_epoch: read(meta::BOOT_EPOCH)?,
            revision_ceiling: read(meta::REVISION_CEILING)?,
            is_clean: read(meta::CLEAN_SHUTDOWN)? == 1,
        })
    }
}

/// Opens a file that has tables already.
pub(super) fn start(backend: impl StorageBackend, path: &Path, options: &RedbOptions) -> Result<RedbStore, Failure> {
    let database = Database::builder()
        .set_cache_size(options.cache_bytes)
        .set_check_integrity_on_open(options.integrity_check == IntegrityCheck::Always)
        .create_with_backend(backend)?;
    serve(database, path, options)
}

/// A store on storage that is no file, made there.
#[cfg(test)]
pub(super) fn start_fresh(backend: impl StorageBackend, options: &RedbOptions) -> Result<RedbStore, Failure> {
    let database = Database::builder().create_with_backend(backend)?;
    make_tables(&database)?;
    serve(database, Path::new("test"), options)
}

/// Checks an opened file, counts the boot durably, and starts the writer.
fn serve(mut database: Database, path: &Path, options: &RedbOptions) -> Result<RedbStore, Failure> {
    let about = About::read(&database)?;
    if about.format != FORMAT {
        return Err(Failure::UnknownFormat { found: about.format });
    }
    if !about.is_clean {
        tracing::warn!(path = %path.display(), "the store was not closed cleanly: checking it");
        if options.integrity_check == IntegrityCheck::AfterUncleanShutdown {
            database.check_integrity()?;
        }
    }
    let boot_epoch = about.boot_epoch + 1;
    let revision_ceiling = about.revision_ceiling + REVISION_BLOCK;
    let transaction = durable(&database)?;
    {
        let mut about = transaction.open_table(META)?;
        about.insert(meta::BOOT_EPOCH, boot_epoch)?;
        about.insert(meta::REVISION_CEILING, revision_ceiling)?;
        about.remove(meta::CLEAN_SHUTDOWN)?;
    }
    transaction.commit()?;

    let view = View::newest(&database)?;
    let shared = Arc::new(Shared { view: RwLock::new(Some(Arc::new(view))), watchers: Watchers::default() });
    let writer = Writer {
        database,
        shared: Arc::clone(&shared),
        revision: about.revision_ceiling,
        revision_ceiling,
        has_failed: false,
    };
    let (commands, receiver) = mpsc::channel(WAITING_BATCHES_MAX);
    let thread = std::thread::Builder::new().name("store-writer".to_owned());
    let thread = thread.spawn(move || writer.run(receiver)).map_err(Failure::Thread)?;
    Ok(RedbStore {
        shared,
        commands: Some(commands),
        writer: Mutex::new(Some(thread)),
        boot_epoch,
        path: path.to_owned(),
    })
}

/// Tells a locked file and a damaged one from every other failure.
fn refusal(path: &Path, failure: Failure) -> OpenError {
    let path = path.to_owned();
    let is_damage = match &failure {
        Failure::UnknownFormat { found } => return OpenError::UnknownFormat { path, found: *found },
        Failure::Panicked | Failure::DamagedRow => true,
        Failure::Database(redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch) => {
            return OpenError::Locked { path };
        }
        Failure::Database(redb::Error::Io(error)) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        Failure::Database(error) => is_corruption(error),
        Failure::Thread(_) | Failure::Closed | Failure::NeedsReopen => false,
    };
    let source = Box::new(failure);
    if is_damage { OpenError::Damaged { path, source } } else { OpenError::Open { path, source } }
}

/// Whether the file says something that no store writes: broken pages, or tables that are missing or of other types.
fn is_corruption(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Corrupted(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }
    )
}
