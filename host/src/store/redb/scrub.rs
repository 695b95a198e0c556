//! Looking for damage while the store is in use.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use redb::ReadableTableMetadata;

use super::{Failure, RedbStore, View, guarded, row, unreadable};
use crate::ports::kv::ReadError;

/// Rows between two pauses: some milliseconds of work.
const SLICE_ROWS: usize = 4096;
/// More damaged keys than this are counted and not listed.
const LISTED_KEYS_MAX: usize = 100;

/// What a walk over all rows found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubReport {
    /// Rows that were read.
    pub rows: u64,
    /// Rows that are damaged, out of order, or not found under their own key.
    pub damaged_rows: u64,
    /// Keys of the first hundred of them.
    pub damaged_keys: Vec<Vec<u8>>,
    /// Rows that the file says it has, beyond those that were found.
    pub missing_rows: u64,
}

impl ScrubReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.damaged_rows == 0 && self.missing_rows == 0
    }

    fn add_damage(&mut self, key: &[u8]) {
        self.damaged_rows += 1;
        if self.damaged_keys.len() < LISTED_KEYS_MAX {
            self.damaged_keys.push(key.to_vec());
        }
    }
}

/// A walk that can be stopped between any two slices.
struct Walk {
    view: Arc<View>,
    /// The last key read.
    last: Option<Vec<u8>>,
    report: ScrubReport,
}

impl Walk {
    /// Reads the next rows; whether there may be more.
    fn advance(&mut self) -> Result<bool, Failure> {
        let view = Arc::clone(&self.view);
        let start = self.last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let slice = view.items.range_owned::<&[u8]>((start, Bound::Unbounded))?;
        let mut rows = 0;
        for entry in slice.take(SLICE_ROWS) {
            let (key, stored) = entry?;
            let key = key.value();
            // A damaged branch page can hide a row whose own page is sound: it must be found from the root as well.
            let is_sound = self.last.as_deref().is_none_or(|last| last < key)
                && row::decode(key, stored.value()).is_some()
                && view.items.get_owned(key)?.is_some_and(|found| found.value() == stored.value());
            if !is_sound {
                self.report.add_damage(key);
            }
            rows += 1;
            self.last = Some(key.to_vec());
        }
        self.report.rows += rows as u64;
        Ok(rows == SLICE_ROWS)
    }

    fn finish(mut self) -> Result<ScrubReport, Failure> {
        self.report.missing_rows = self.view.items.len()?.saturating_sub(self.report.rows);
        Ok(self.report)
    }
}

impl RedbStore {
    /// Reads every row of one snapshot, verifies its checksum, its order, that it is found by its key, and that there
    /// are as many as the file says. Pauses so long after every few thousand rows; work runs on the blocking pool.
    ///
    /// Pages that are in the cache are verified there and not read again from disk. Space that commits free is reused
    /// only after the walk.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read on: that, too, is damage.
    pub async fn scrub(&self, pause: Duration) -> Result<ScrubReport, ReadError> {
        let view = self.shared.view().ok_or_else(|| unreadable(Failure::Closed))?;
        let mut walk = Walk { view, last: None, report: ScrubReport::default() };
        loop {
            let slice = tokio::task::spawn_blocking(move || {
                let has_more = guarded(|| walk.advance());
                (walk, has_more)
            });
            let (advanced, has_more) = slice.await.map_err(|error| ReadError(Box::new(error)))?;
            walk = advanced;
            if !has_more.map_err(unreadable)? {
                return walk.finish().map_err(unreadable);
            }
            tokio::time::sleep(pause).await;
        }
    }
}
