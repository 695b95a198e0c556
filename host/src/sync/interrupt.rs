//! Asking a run to end: it begins no further call, and what is under way ends first.

use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::halt::Halt;

/// Why a run is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Cancelled,
    Stopping,
}

/// The wish that a run ends.
#[derive(Default)]
pub(super) struct Interrupt {
    token: CancellationToken,
    why: Mutex<Option<Why>>,
}

impl Interrupt {
    /// The first reason stands.
    pub(super) fn raise(&self, why: Why) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        self.token.cancel();
    }

    pub(super) fn check(&self) -> Result<(), Halt> {
        match *self.why.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(Why::Cancelled) => Err(Halt::Cancelled),
            Some(Why::Stopping) => Err(Halt::Stopping),
        }
    }

    /// Waits for the future, or until a run is asked to end.
    pub(super) async fn or<T>(&self, future: impl Future<Output = T>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => {
                self.check()?;
                Err(Halt::Stopping)
            }
            value = future => Ok(value),
        }
    }
}
