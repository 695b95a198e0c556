//! Claims: within a tenant, an absolute name in a namespace belongs to at most one sync.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::transaction::{Transaction, View};
use super::{Key, Kind};
use crate::domain::Result;
use crate::domain::destination::DestinationIdentity;
use crate::domain::id::{SyncUid, TenantUid};

const PAGE: usize = 1_000;

/// Namespaces are long and hold colons; a hash of fixed length keeps names of one namespace together.
fn namespace(tenant: TenantUid, namespace: &str) -> Key {
    let hash = Sha256::digest(namespace.as_bytes());
    Key::new(tenant, Kind::Claim).bytes(&hash[..16])
}

fn key(tenant: TenantUid, identity: &DestinationIdentity, absolute: &str) -> Key {
    namespace(tenant, &identity.namespace).text(absolute)
}

/// Claims a name for a sync, unless another one has it: then that one is told and nothing is written.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn claim(
    tx: &mut Transaction,
    tenant: TenantUid,
    sync: SyncUid,
    (identity, absolute): (&DestinationIdentity, &str),
) -> Result<Option<SyncUid>> {
    let key = key(tenant, identity, absolute);
    match tx.get_clear(&key).await?.as_deref().and_then(sync_in) {
        Some(other) if other != sync => Ok(Some(other)),
        Some(_) => Ok(None),
        None => {
            tx.put_clear(&key, sync.as_bytes());
            Ok(None)
        }
    }
}

/// Gives a name back, if it is this sync's.
///
/// # Errors
/// As [`Transaction::get_clear`].
pub async fn release(
    tx: &mut Transaction,
    tenant: TenantUid,
    sync: SyncUid,
    (identity, absolute): (&DestinationIdentity, &str),
) -> Result<()> {
    let key = key(tenant, identity, absolute);
    if tx.get_clear(&key).await?.as_deref().and_then(sync_in) == Some(sync) {
        tx.delete(&key);
    }
    Ok(())
}

/// Who has which name under a destination's prefix.
///
/// # Errors
/// As [`View::get`].
pub async fn under(view: &View, tenant: TenantUid, identity: &DestinationIdentity) -> Result<HashMap<String, SyncUid>> {
    let prefix = namespace(tenant, &identity.namespace);
    let head_bytes = prefix.components().len();
    let prefix = prefix.bytes(identity.prefix.as_bytes());
    let mut claims = HashMap::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = view.scan_clear(&prefix, after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(claims) };
        after = Some(last.as_bytes().to_vec());
        claims.extend(page.iter().filter_map(|(key, sync)| {
            let name = key.components().get(head_bytes..)?.strip_suffix(&[0])?;
            Some((String::from_utf8(name.to_vec()).ok()?, sync_in(sync)?))
        }));
    }
}

fn sync_in(bytes: &[u8]) -> Option<SyncUid> {
    bytes.try_into().ok().map(SyncUid::from_bytes)
}
