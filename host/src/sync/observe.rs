//! Looking at a destination: all pages, and proof of absence for what was not listed.

use std::collections::{BTreeSet, HashSet};

use keyferry_contract::SyncReads;

use super::caller::{Caller, broken};
use super::halt::Halt;
use super::plan::Observed;
use crate::domain::destination::{Observation, ObservedEntry, ObservedValue, OpaqueContext, Scope};

/// A listing with more pages than this goes in circles, or is beyond what one run can hold.
const PAGES_MAX: usize = 10_000;
/// Entries of one destination.
const ENTRIES_MAX: usize = 200_000;
/// Bytes of all that one look lists: each of many runs at once may hold as much.
const LISTED_BYTES_MAX: usize = 64 << 20;

/// What was seen, and what apply needs of it.
#[derive(Default)]
pub(super) struct Look {
    pub(super) observed: Observed,
    pub(super) document_version: Option<String>,
    pub(super) context: Option<OpaqueContext>,
    /// Of all entries.
    bytes: usize,
}

/// Lists everything; keys of `asked` that were not listed, and are not thereby proved absent, are asked for by name.
pub(super) async fn look(caller: &Caller<'_>, asked: &BTreeSet<String>) -> Result<Look, Halt> {
    let mut look = Look::default();
    let complete = pages(caller, &Scope::All, &mut look).await?;
    look.observed.complete = complete;
    if complete || caller.open.rules.reads == SyncReads::Nothing {
        return Ok(look);
    }
    let listed: HashSet<&str> = look.observed.entries.iter().map(|entry| entry.key.as_str()).collect();
    let missing: Vec<String> = asked.iter().filter(|key| !listed.contains(key.as_str())).cloned().collect();
    look.observed.complete = named(caller, &missing, &mut look).await?;
    Ok(look)
}

/// Looks at these keys only; `true` when those that are not listed are absent.
pub(super) async fn look_at(caller: &Caller<'_>, keys: &[String]) -> Result<Look, Halt> {
    let mut look = Look::default();
    look.observed.complete = named(caller, keys, &mut look).await?;
    Ok(look)
}

async fn named(caller: &Caller<'_>, keys: &[String], look: &mut Look) -> Result<bool, Halt> {
    let mut complete = true;
    for chunk in keys.chunks(Scope::KEYS_MAX) {
        complete &= pages(caller, &Scope::Keys(chunk.to_vec()), look).await?;
    }
    Ok(complete)
}

async fn pages(caller: &Caller<'_>, scope: &Scope, look: &mut Look) -> Result<bool, Halt> {
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let page = caller.observe(scope, cursor.as_deref()).await?;
        let (next, complete) = (page.next.clone(), page.complete);
        take(page, scope, look);
        if look.observed.entries.len() > ENTRIES_MAX {
            return Err(broken("the destination lists more entries than one run can hold"));
        }
        if look.bytes > LISTED_BYTES_MAX {
            let mib = LISTED_BYTES_MAX >> 20;
            return Err(broken(&format!("the destination lists more than the {mib} MiB that one run can hold")));
        }
        match next {
            None => return Ok(complete),
            Some(next) if cursor.as_ref() == Some(&next) => return Err(broken("the listing goes in circles")),
            Some(next) => cursor = Some(next),
        }
    }
    Err(broken("the listing does not end"))
}

fn take(page: Observation, scope: &Scope, look: &mut Look) {
    let mut entries = page.entries;
    if let Scope::Keys(keys) = scope {
        // What was not asked for would be listed twice.
        let asked: HashSet<&String> = keys.iter().collect();
        entries.retain(|entry| asked.contains(&entry.key));
    }
    look.bytes += entries.iter().map(bytes_of).sum::<usize>();
    look.observed.entries.append(&mut entries);
    look.document_version = page.document_version.or(look.document_version.take());
    look.context = page.context.or(look.context.take());
}

fn bytes_of(entry: &ObservedEntry) -> usize {
    let value = match &entry.value {
        ObservedValue::Readable(value) => value.expose().len(),
        ObservedValue::Digest(digest) => digest.len(),
        ObservedValue::Hidden => 0,
    };
    let named = [&entry.version, &entry.reference].into_iter().flatten().map(String::len).sum::<usize>();
    let attributes = entry.attributes.iter().map(|(name, attribute)| name.len() + attribute.len()).sum::<usize>();
    entry.key.len() + value + named + attributes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn everything_that_is_held_of_an_entry_is_counted() {
        let plain = || ObservedEntry {
            key: "four".to_owned(),
            value: ObservedValue::Hidden,
            version: None,
            reference: None,
            attributes: BTreeMap::new(),
        };
        let attributes = BTreeMap::from([("a".repeat(20), "b".repeat(30))]);
        for (entry, bytes) in [
            (plain(), 4),
            (ObservedEntry { value: ObservedValue::Readable("x".repeat(100).as_str().into()), ..plain() }, 104),
            (ObservedEntry { value: ObservedValue::Digest("x".repeat(64)), ..plain() }, 68),
            (ObservedEntry { version: Some("v".repeat(10)), reference: Some("r".repeat(7)), ..plain() }, 21),
            (ObservedEntry { attributes, ..plain() }, 54),
        ] {
            assert_eq!(bytes_of(&entry), bytes);
        }
    }
}
