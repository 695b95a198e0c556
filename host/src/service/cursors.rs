//! Tokens of pages: where a list goes on, bound to the list, to its query and to the tenant.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;

use super::Services;
use super::context::{HostCtx, TenantCtx};
use crate::domain::id::TenantUid;
use crate::domain::{Code, Error, Result};
use crate::ports::sealer::{HashPurpose, KeyedHash, TenantSealer};

/// Makes and reads the page tokens of one tenant, or of the host.
pub struct Cursors(Arc<dyn TenantSealer>);

/// Key id and hash before the cursor.
const HEAD_BYTES: usize = 16 + 32;

impl Services {
    /// Page tokens of a tenant's lists.
    ///
    /// # Errors
    /// `key_unavailable`, `unavailable` when the store fails.
    pub async fn cursors(&self, ctx: &TenantCtx) -> Result<Cursors> {
        self.core.records.sealer(ctx.tenant()).await.map(Cursors)
    }

    /// Page tokens of the host's own lists.
    ///
    /// # Errors
    /// As [`Services::cursors`].
    pub async fn host_cursors(&self, _: &HostCtx) -> Result<Cursors> {
        self.core.records.sealer(TenantUid::SYSTEM).await.map(Cursors)
    }
}

impl Cursors {
    /// The token after which `list` goes on at `cursor`. `list` names the list and all of its query but the paging.
    #[must_use]
    pub fn seal(&self, list: &[&[u8]], cursor: &[u8]) -> String {
        let KeyedHash { key_id, hash } = self.0.hash(HashPurpose::Cursor, &bound(list, cursor));
        BASE64URL_NOPAD.encode(&[&key_id[..], &hash[..], cursor].concat())
    }

    /// The cursor that [`Cursors::seal`] was given.
    ///
    /// # Errors
    /// `invalid_page_token` for a token of another list, query or tenant.
    pub fn open(&self, list: &[&[u8]], token: &str) -> Result<Vec<u8>> {
        self.genuine(list, token).ok_or_else(|| Error::new(Code::InvalidPageToken, Code::InvalidPageToken.title()))
    }

    fn genuine(&self, list: &[&[u8]], token: &str) -> Option<Vec<u8>> {
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let (head, cursor) = bytes.split_at_checked(HEAD_BYTES)?;
        let (key_id, hash) = head.split_first_chunk::<16>()?;
        let expected = KeyedHash { key_id: *key_id, hash: hash.try_into().ok()? };
        let genuine = self.0.hash_matches(HashPurpose::Cursor, &bound(list, cursor), &expected).unwrap_or(false);
        genuine.then(|| cursor.to_vec())
    }
}

fn bound<'b>(list: &[&'b [u8]], cursor: &'b [u8]) -> Vec<&'b [u8]> {
    let mut parts = vec![b"page".as_slice()];
    parts.extend_from_slice(list);
    parts.push(cursor);
    parts
}
