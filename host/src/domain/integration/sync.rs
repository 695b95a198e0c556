//! Whether the rules of a destination make sense, and how a CUSTOM integration may narrow them.

use std::collections::BTreeSet;

use keyferry_contract::{AttributeSource, Parameter, SyncReads, SyncRules};

use super::parameter::check_name;
use crate::domain::error::violation;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::pattern::WholePattern;

const BATCH_SIZE_MAX: u32 = 500;
const CONCURRENCY_MAX: u32 = 64;
const REQUESTS_PER_SECOND_MAX: f64 = 1000.0;
const ATTRIBUTES_MAX: usize = 32;
const RESERVED_NAMES_MAX: usize = 500;
const RESERVED_NAME_BYTES_MAX: usize = 500;

pub(super) fn check_rules(
    rules: &SyncRules,
    destination: &[Parameter],
    pointer: &Pointer,
    violations: &mut Violations,
) {
    check_counts(rules, pointer, violations);
    check_attributes(rules, destination, &pointer.member("attributes"), violations);
    if let Some(Err(error)) = rules.name_pattern.as_deref().map(WholePattern::compile) {
        violations.add(&pointer.member("namePattern"), violation::MALFORMED, error.to_string());
    }
    let names = &rules.reserved_names;
    if names.len() > RESERVED_NAMES_MAX
        || names.iter().any(|name| name.is_empty() || name.len() > RESERVED_NAME_BYTES_MAX)
    {
        let detail = format!("must be at most {RESERVED_NAMES_MAX} names of 1 to {RESERVED_NAME_BYTES_MAX} bytes");
        violations.add(&pointer.member("reservedNames"), violation::OUT_OF_RANGE, detail);
    }
}

fn check_counts(rules: &SyncRules, pointer: &Pointer, violations: &mut Violations) {
    for (member, count, max) in [
        ("batchSize", Some(rules.batch_size), BATCH_SIZE_MAX),
        ("concurrency", Some(rules.concurrency), CONCURRENCY_MAX),
        ("nameBytesMax", rules.name_bytes_max, u32::MAX),
        ("valueBytesMax", rules.value_bytes_max, u32::MAX),
        ("itemsMax", rules.items_max, u32::MAX),
    ] {
        if count.is_some_and(|count| count == 0 || count > max) {
            violations.add(&pointer.member(member), violation::OUT_OF_RANGE, format!("must be from 1 to {max}"));
        }
    }
    if rules.requests_per_second.is_some_and(|rate| !(rate > 0.0 && rate <= REQUESTS_PER_SECOND_MAX)) {
        let detail = format!("must be above 0 and at most {REQUESTS_PER_SECOND_MAX}");
        violations.add(&pointer.member("requestsPerSecond"), violation::OUT_OF_RANGE, detail);
    }
}

fn check_attributes(rules: &SyncRules, destination: &[Parameter], pointer: &Pointer, violations: &mut Violations) {
    if rules.attributes.len() > ATTRIBUTES_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {ATTRIBUTES_MAX} attributes"));
    }
    let mut names = BTreeSet::new();
    for (index, attribute) in rules.attributes.iter().enumerate().take(ATTRIBUTES_MAX) {
        let place = pointer.index(index);
        check_name(&attribute.name, &place.member("name"), violations);
        if !names.insert(attribute.name.as_str()) {
            violations.add(&place.member("name"), violation::DUPLICATE, "stands twice among the attributes");
        }
        if let AttributeSource::Destination { parameter } = &attribute.source
            && !destination.iter().any(|declared| declared.name == *parameter)
        {
            let detail = "must name a parameter of `destinationMetadata`";
            violations.add(&place.member("source"), violation::UNKNOWN_REFERENCE, detail);
        }
    }
}

/// The rules that hold when `wanted` narrows `declared`; only the members `given` were written and count.
pub(super) fn narrow(
    declared: &SyncRules,
    wanted: SyncRules,
    given: &BTreeSet<String>,
    pointer: &Pointer,
    violations: &mut Violations,
) -> SyncRules {
    let mut narrowing = Narrowing { given, pointer, violations };
    let narrower = |a: &Option<u32>, b: &Option<u32>| a.is_none_or(|max| b.is_some_and(|wanted| wanted <= max));
    SyncRules {
        attributes: narrowing.take("attributes", &declared.attributes, wanted.attributes, |declared, wanted| {
            wanted.iter().all(|attribute| declared.contains(attribute))
        }),
        reads: narrowing.take("reads", &declared.reads, wanted.reads, |a, b| knowledge(*b) <= knowledge(*a)),
        deletes: narrowing.take("deletes", &declared.deletes, wanted.deletes, |declared, wanted| *declared || !wanted),
        // Writing everything in one call is the stricter discipline.
        document: narrowing
            .take("document", &declared.document, wanted.document, |declared, wanted| *wanted || !declared),
        batch_size: narrowing.take("batchSize", &declared.batch_size, wanted.batch_size, |a, b| b <= a),
        concurrency: narrowing.take("concurrency", &declared.concurrency, wanted.concurrency, |a, b| b <= a),
        requests_per_second: narrowing.take(
            "requestsPerSecond",
            &declared.requests_per_second,
            wanted.requests_per_second,
            |a, b| a.is_none_or(|max| b.is_some_and(|wanted| wanted <= max)),
        ),
        // That one expression accepts less than another cannot be decided: a declared one stays.
        name_pattern: narrowing
            .take("namePattern", &declared.name_pattern, wanted.name_pattern, |a, b| a.is_none() || a == b),
        name_bytes_max: narrowing.take("nameBytesMax", &declared.name_bytes_max, wanted.name_bytes_max, narrower),
        value_bytes_max: narrowing.take("valueBytesMax", &declared.value_bytes_max, wanted.value_bytes_max, narrower),
        items_max: narrowing.take("itemsMax", &declared.items_max, wanted.items_max, narrower),
        empty_values: narrowing.take("emptyValues", &declared.empty_values, wanted.empty_values, |a, b| *a || !b),
        reserved_names: union(&declared.reserved_names, wanted.reserved_names),
    }
}

struct Narrowing<'a> {
    given: &'a BTreeSet<String>,
    pointer: &'a Pointer,
    violations: &'a mut Violations,
}

impl Narrowing<'_> {
    fn take<T: Clone>(&mut self, member: &str, declared: &T, wanted: T, is_narrower: impl Fn(&T, &T) -> bool) -> T {
        if !self.given.contains(member) {
            return declared.clone();
        }
        if !is_narrower(declared, &wanted) {
            let detail = "may only narrow what the plugin declares";
            self.violations.add(&self.pointer.member(member), violation::FORBIDDEN, detail);
        }
        wanted
    }
}

const fn knowledge(reads: SyncReads) -> u8 {
    match reads {
        SyncReads::Values => 3,
        SyncReads::Digests => 2,
        SyncReads::Names => 1,
        SyncReads::Nothing => 0,
    }
}

fn union(declared: &[String], wanted: Vec<String>) -> Vec<String> {
    let mut names = declared.to_vec();
    names.extend(wanted.into_iter().filter(|name| !declared.contains(name)));
    names
}
