//! The place that is written to.

use std::collections::BTreeSet;

use keyferry_sdk::Error;
use keyferry_sdk::http::Request;

use crate::caller::Caller;
use crate::declaration::Declaration;
use crate::template::ITEM_NAMES;

/// The origin and the shape of the URL that is written to; parameters that only stand in headers or body come behind `#`,
/// because they tell places apart too.
pub(crate) fn namespace(declaration: &Declaration, caller: &Caller) -> Result<String, Error> {
    let request = declaration.writes()?;
    let values = caller.values(&[]);
    let mut namespace = format!("http:{}{}", caller.origin(), request.url.shape(&values));
    let in_url = request.url.names().collect::<BTreeSet<_>>();
    let beside = request.names_beside_url().into_iter().collect::<BTreeSet<_>>();
    let beside = beside.into_iter().filter(|name| !ITEM_NAMES.contains(name) && !in_url.contains(name));
    let members =
        beside.map(|name| format!("{name}={}", Request::encode_segment(values.get(name)))).collect::<Vec<_>>();
    if !members.is_empty() {
        namespace.push('#');
        namespace.push_str(&members.join("&"));
    }
    Ok(namespace)
}
