//! Walking a vendor's pages: several in one call, but never more than the call's budget bears.

use crate::http::Response;
use crate::{Error, ErrorKind};

/// One page, and where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What stood on it.
    pub items: Vec<T>,
    /// The vendor's cursor of the next page; `None` after the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The only or the last page.
    pub fn last(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Fetches page after page from `cursor` on, until the last one or until `pages_max` were fetched, and joins them.
///
/// ```
/// use keyferry_sdk::page::{Page, walk};
///
/// let fetch = |cursor: Option<&str>| {
///     let number = cursor.map_or(1, |cursor| cursor.parse().unwrap_or(1));
///     Ok(Page { items: vec![number], next: (number < 5).then(|| (number + 1).to_string()) })
/// };
/// let page = walk(None, 3, fetch)?;
/// assert_eq!(page, Page { items: vec![1, 2, 3], next: Some("4".into()) });
/// # Ok::<_, keyferry_sdk::Error>(())
/// ```
///
/// # Errors
/// What `fetch` fails with; [`ErrorKind::Unavailable`] if the vendor names the page that was just read as the next one,
/// since a listing that goes in circles proves no absence.
pub fn walk<T>(
    cursor: Option<&str>,
    pages_max: usize,
    mut fetch: impl FnMut(Option<&str>) -> Result<Page<T>, Error>,
) -> Result<Page<T>, Error> {
    let mut items = Vec::new();
    let mut cursor = cursor.map(str::to_owned);
    for _ in 0..pages_max.max(1) {
        let page = fetch(cursor.as_deref())?;
        items.extend(page.items);
        match page.next.filter(|next| !next.is_empty()) {
            None => return Ok(Page::last(items)),
            next if next == cursor => {
                return Err(Error::new(ErrorKind::Unavailable, "the vendor's listing repeats a page"));
            }
            next => cursor = next,
        }
    }
    Ok(Page { items, next: cursor })
}

/// The target of the `Link` header with `rel="next"` (RFC 8288), as GitHub and others page.
pub fn next_link(response: &Response) -> Option<String> {
    let links = response.headers().iter().filter(|header| header.name.eq_ignore_ascii_case("link"));
    links.flat_map(|header| split_links(&header.value)).find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = |parameter: &str| {
            let Some((name, value)) = parameter.split_once('=') else { return false };
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
        };
        parameters.split(';').any(is_next).then(|| target.to_owned())
    })
}

/// Splits a `Link` value at the commas between links; a comma inside `<...>` belongs to the target.
fn split_links(value: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let (mut start, mut is_inside) = (0, false);
    for (position, character) in value.char_indices() {
        match character {
            '<' => is_inside = true,
            '>' => is_inside = false,
            ',' if !is_inside => {
                links.push(&value[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    links.push(&value[start..]);
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Header;

    #[test]
    fn an_empty_cursor_ends_the_walk() {
        let page = walk(None, 9, |_| Ok(Page { items: vec![1], next: Some(String::new()) }));
        assert_eq!(page, Ok(Page::last(vec![1])));
    }

    #[test]
    fn a_listing_in_circles_is_refused() {
        let page = walk(None, 9, |_| Ok(Page { items: vec![1], next: Some("same".into()) }));
        assert_eq!(page.expect_err("the cursor repeats").kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn a_failing_page_fails_the_walk() {
        let mut pages = 0;
        let page = walk(Some("start"), 9, |cursor| {
            pages += 1;
            if pages == 2 {
                Err(Error::other("no"))
            } else {
                Ok(Page { items: vec![1], next: cursor.map(|c| c.to_owned() + "+") })
            }
        });
        assert!(page.is_err());
    }

    #[test]
    fn next_links_are_found_among_others() {
        let cases = [
            (r#"<https://h/?page=1>; rel="prev", <https://h/?page=3>; rel="next""#, Some("https://h/?page=3")),
            (r#"<https://h/?a=1,2>; title="x"; REL=next"#, Some("https://h/?a=1,2")),
            (r#"<https://h/>; rel="first next""#, Some("https://h/")),
            (r#"<https://h/>; rel="last""#, None),
            ("", None),
        ];
        for (value, expected) in cases {
            let header = Header { name: "Link".into(), value: value.into() };
            assert_eq!(next_link(&Response::new(200, vec![header], Vec::new())).as_deref(), expected, "{value}");
        }
    }
}
