//! Looking at a destination: all pages, and proof of absence for what was not listed.

use std::collections::{BTreeSet, HashSet};

use keyferry_contract::SyncReads;

use super::caller::{Caller, broken};
use super::halt::Halt;
use super::plan::Observed;
use crate::domain::destination::{Observation, OpaqueContext, Scope};

/// A listing with more pages than this goes in circles, or is beyond what one run can hold.
const PAGES_MAX: usize = 10_000;
/// Entries of one destination.
const ENTRIES_MAX: usize = 200_000;

/// What was seen, and what apply needs of it.
#[derive(Default)]
pub(super) struct Look {
    pub(super) observed: Observed,
    pub(super) document_version: Option<String>,
    pub(super) context: Option<OpaqueContext>,
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
        match next {
            None => return Ok(complete),
            Some(next) if cursor.as_ref() == Some(&next) => return Err(broken("the listing goes in circles")),
            Some(next) => cursor = Some(next),
        }
    }
    Err(broken("the listing does not end"))
}

fn take(page: Observation, scope: &Scope, look: &mut Look) {
    let entries = page.entries.into_iter();
    match scope {
        Scope::All => look.observed.entries.extend(entries),
        // What was not asked for would be listed twice.
        Scope::Keys(keys) => {
            let asked: HashSet<&String> = keys.iter().collect();
            look.observed.entries.extend(entries.filter(|entry| asked.contains(&entry.key)));
        }
    }
    look.document_version = page.document_version.or(look.document_version.take());
    look.context = page.context.or(look.context.take());
}
