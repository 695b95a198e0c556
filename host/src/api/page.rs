//! Lists: `{items, nextPageToken, totalCount}`, with a token that fits only the list, the query and the tenant it was
//! made for.

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::fields::{Fields, read};
use crate::domain::Result;
use crate::domain::error::violation;
use crate::service::cursors::Cursors;

/// Items of a page when the caller does not say.
pub(crate) const PAGE_SIZE_DEFAULT: usize = 50;
/// Items of a page at most.
pub(crate) const PAGE_SIZE_MAX: usize = 500;
/// The longest token: a cursor is a store key of a few names, or the path of the deepest folder and the name of a secret,
/// which come to less than 6,000 characters.
const TOKEN_CHARACTERS_MAX: usize = 8192;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    /// In a stable order.
    pub(crate) items: Vec<T>,
    /// What to send as `pageToken` for the next page; empty at the end.
    #[schema(example = "")]
    pub(crate) next_page_token: String,
    /// How many there are in all; null where it was not counted.
    #[schema(example = 1)]
    pub(crate) total_count: Option<u64>,
}

impl<T> Page<T> {
    /// A list that fits one page.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        let total_count = u64::try_from(items.len()).ok();
        Self { items, next_page_token: String::new(), total_count }
    }
}

/// Which page a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    /// From 1 to [`PAGE_SIZE_MAX`].
    pub(crate) size: usize,
    token: Option<String>,
    /// Whether `totalCount` is wanted even where it costs a walk.
    pub(crate) count: bool,
}

/// The query parameters of every list, for its documentation.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[expect(dead_code, reason = "read by `Paging::read`; here for the document alone")]
pub(crate) struct PagingParams {
    /// Items of the page. `page_size`, `PageSize` and `Paging.PageSize` are the same.
    #[param(minimum = 1, maximum = 500, default = 50, required = false)]
    page_size: usize,
    /// `nextPageToken` of the page before. `page_token`, `PageToken` and `Paging.PageToken.Cursor` are the same.
    #[param(required = false)]
    page_token: String,
    /// Whether to count all items, where that is not free.
    #[param(default = false, required = false)]
    count: bool,
}

impl Paging {
    /// Reads the paging members of a query.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let size_max = i64::try_from(PAGE_SIZE_MAX).unwrap_or(i64::MAX);
        let size = fields.optional("pageSize", read::integer(1..=size_max));
        let token = fields.optional("pageToken", read::text(TOKEN_CHARACTERS_MAX));
        let count = fields.or("count", false, read::boolean);
        let skip = fields.or("pageSkip", 0, read::integer(0..=i64::MAX));
        if skip.is_some_and(|skip| skip > 0) {
            fields.refuse::<()>("pageSkip", violation::NOT_SUPPORTED, "skipping is not supported; send `pageToken`");
        }
        let size = size?.and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE_SIZE_DEFAULT);
        Some(Self { size, token: token?.filter(|token| !token.is_empty()), count: count? })
    }

    /// Where the page begins; none at the beginning. `list` names the list and all of its query but the paging.
    ///
    /// # Errors
    /// `invalid_page_token` for a token of another list, query or tenant.
    pub(crate) fn cursor(&self, cursors: &Cursors, list: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        self.token.as_deref().map(|token| cursors.open(list, token)).transpose()
    }
}
