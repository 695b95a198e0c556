//! Keys of the installation: made at first use, kept in the store.

use crate::domain::{Error, Result, Secret};
use crate::records::Records;
use crate::records::host_key::{HostKey, code_cache};
use crate::transact;

/// The key that authenticates compiled plugins on disk.
///
/// # Errors
/// `unavailable` when the store or the operating system's randomness fails.
pub async fn code_cache_key(records: &Records) -> Result<Secret<[u8; 32]>> {
    let mut fresh = [0; 32];
    getrandom::fill(&mut fresh).map_err(|error| Error::internal(std::io::Error::other(error.to_string())))?;
    let fresh = HostKey(Secret::new(fresh));
    let key = transact!(records, |tx| {
        match tx.get::<HostKey>(&code_cache()).await? {
            Some(known) => known.0,
            None => {
                tx.put(&code_cache(), &fresh).await?;
                fresh.0.clone()
            }
        }
    });
    Ok(key)
}
