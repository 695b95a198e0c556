//! Whether a list of parameters makes sense: names, types and their refinements, defaults, rules.

use std::collections::BTreeSet;

use keyferry_contract::vocabulary::type_name;
use keyferry_contract::{Parameter, ParameterType, Rule, RuleEffect, RuleOperator};
use serde_json::Map;

use crate::domain::error::violation;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::pattern::WholePattern;
use crate::domain::settings::schema::Schema;
use crate::domain::settings::{self, Given, Surroundings};
use crate::domain::suggestion;

/// The most parameters in one list.
const PARAMETERS_MAX: usize = 100;
const OPTIONS_MAX: usize = 1000;
const RULES_MAX: usize = 32;
const CONDITIONS_MAX: usize = 16;
const CONDITION_VALUES_MAX: usize = 100;
/// The greatest length of a parameter's name.
const NAME_BYTES_MAX: usize = 100;
const DISPLAY_NAME_CHARS_MAX: usize = 100;
const DESCRIPTION_CHARS_MAX: usize = 500;
/// The greatest length of words that are stored and echoed: `typeName`, `uiHint`.
const WORD_CHARS_MAX: usize = 100;

/// Checks a list; `wider` are the parameters of a wider scope, whose values rules may look at too.
pub(super) fn check_list(
    parameters: &[Parameter],
    wider: &[Parameter],
    pointer: &Pointer,
    violations: &mut Violations,
) {
    if parameters.len() > PARAMETERS_MAX {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {PARAMETERS_MAX} parameters"));
        return;
    }
    let mut names = BTreeSet::new();
    for (index, parameter) in parameters.iter().enumerate() {
        let place = pointer.index(index);
        check_name(&parameter.name, &place.member("name"), violations);
        if !parameter.name.is_empty() && !names.insert(parameter.name.as_str()) {
            violations.add(&place.member("name"), violation::DUPLICATE, "stands twice in this list");
        }
        let sources = Sources { parameters, wider, own: &parameter.name };
        check_rules(&parameter.rules, &sources, &place.member("rules"), violations);
        check_one(parameter, &place, violations);
    }
}

/// Names of parameters and egress entries: letters, digits, `_` and `-`, so that `{name}` is always unambiguous.
pub(super) fn check_name(name: &str, pointer: &Pointer, violations: &mut Violations) {
    if name.is_empty() {
        violations.add(pointer, violation::REQUIRED, "is required");
    } else if name.len() > NAME_BYTES_MAX || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    {
        let detail = format!("must be letters, digits, `_` and `-`; at most {NAME_BYTES_MAX} of them");
        violations.add(pointer, violation::MALFORMED, detail);
    }
}

/// Texts that are shown to people, with their greatest length in Unicode characters.
pub(super) fn check_text(text: Option<&str>, chars_max: usize, pointer: &Pointer, violations: &mut Violations) {
    if text.is_some_and(|text| text.chars().count() > chars_max) {
        violations.add(pointer, violation::TOO_LONG, format!("must have at most {chars_max} characters"));
    }
}

pub(super) fn check_names_for_people(
    display_name: Option<&str>,
    description: Option<&str>,
    pointer: &Pointer,
    violations: &mut Violations,
) {
    check_text(display_name, DISPLAY_NAME_CHARS_MAX, &pointer.member("displayName"), violations);
    check_text(description, DESCRIPTION_CHARS_MAX, &pointer.member("description"), violations);
}

fn check_one(parameter: &Parameter, pointer: &Pointer, violations: &mut Violations) {
    let before = violations.len();
    let names = (parameter.display_name.as_deref(), parameter.description.as_deref());
    check_names_for_people(names.0, names.1, pointer, violations);
    check_text(parameter.type_name.as_deref(), WORD_CHARS_MAX, &pointer.member("typeName"), violations);
    check_text(parameter.ui_hint.as_deref(), WORD_CHARS_MAX, &pointer.member("uiHint"), violations);
    check_refinements(parameter, pointer, violations);
    check_ranges(parameter, pointer, violations);
    check_options(parameter, pointer, violations);
    check_form(parameter, pointer, violations);
    check_type_name(parameter, pointer, violations);
    if violations.len() == before {
        check_default(parameter, &pointer.member("defaultValue"), violations);
    }
}

/// A refinement of another type would never be looked at: it is refused rather than ignored.
fn check_refinements(parameter: &Parameter, pointer: &Pointer, violations: &mut Violations) {
    let integer_range = parameter.integer_range.is_some_and(|range| range.min.is_some() || range.max.is_some());
    let float_range = parameter.float_range.is_some_and(|range| range.min.is_some() || range.max.is_some());
    let kind = parameter.kind;
    for (member, is_given, fits) in [
        ("integerRange", integer_range, kind == ParameterType::Integer),
        ("floatRange", float_range, kind == ParameterType::Float),
        (
            "options",
            parameter.options.as_ref().is_some_and(|options| !options.is_empty()),
            kind == ParameterType::Option,
        ),
        ("jsonSchema", parameter.json_schema.is_some(), kind == ParameterType::Json),
        ("pattern", parameter.pattern.is_some(), kind == ParameterType::String),
        ("minLength", parameter.min_length.is_some(), kind == ParameterType::String),
        ("maxLength", parameter.max_length.is_some(), kind == ParameterType::String),
    ] {
        if is_given && !fits {
            let detail = format!("has no meaning for a parameter of type `{kind:?}`");
            violations.add(&pointer.member(member), violation::FORBIDDEN, detail);
        }
    }
}

fn check_ranges(parameter: &Parameter, pointer: &Pointer, violations: &mut Violations) {
    let reversed = |member: &str, violations: &mut Violations| {
        violations.add(&pointer.member(member), violation::OUT_OF_RANGE, "must not have `min` above `max`");
    };
    let integers = parameter.integer_range.unwrap_or_default();
    if integers.min.zip(integers.max).is_some_and(|(min, max)| min > max) {
        reversed("integerRange", violations);
    }
    let floats = parameter.float_range.unwrap_or_default();
    if floats.min.zip(floats.max).is_some_and(|(min, max)| min > max) {
        reversed("floatRange", violations);
    }
    if parameter.min_length.zip(parameter.max_length).is_some_and(|(min, max)| min > max) {
        violations.add(&pointer.member("minLength"), violation::OUT_OF_RANGE, "must not be above `maxLength`");
    }
}

fn check_options(parameter: &Parameter, pointer: &Pointer, violations: &mut Violations) {
    let pointer = pointer.member("options");
    let options = parameter.options.as_deref().unwrap_or_default();
    if parameter.kind == ParameterType::Option && options.is_empty() && !parameter.dynamic {
        violations.add(&pointer, violation::REQUIRED, "is required for type `Option`, unless it is `dynamic`");
    }
    if options.len() > OPTIONS_MAX {
        violations.add(&pointer, violation::TOO_LONG, format!("must have at most {OPTIONS_MAX} options"));
        return;
    }
    let mut values = BTreeSet::new();
    for (index, option) in options.iter().enumerate() {
        let place = pointer.index(index);
        if !values.insert(option.value.as_str()) {
            violations.add(&place.member("value"), violation::DUPLICATE, "stands twice among the options");
        }
        check_text(Some(&option.value), DESCRIPTION_CHARS_MAX, &place.member("value"), violations);
        check_text(option.label.as_deref(), DISPLAY_NAME_CHARS_MAX, &place.member("label"), violations);
        check_text(option.description.as_deref(), DESCRIPTION_CHARS_MAX, &place.member("description"), violations);
    }
}

fn check_form(parameter: &Parameter, pointer: &Pointer, violations: &mut Violations) {
    if let Some(Err(error)) = parameter.pattern.as_deref().map(WholePattern::compile) {
        violations.add(&pointer.member("pattern"), violation::MALFORMED, error.to_string());
    }
    if let Some(Err(error)) = parameter.json_schema.as_ref().map(Schema::compile) {
        violations.add(&pointer.member("jsonSchema"), violation::MALFORMED, error.to_string());
    }
}

fn check_type_name(parameter: &Parameter, pointer: &Pointer, violations: &mut Violations) {
    let names_host = matches!(parameter.type_name.as_deref(), Some(type_name::LABEL | type_name::ORIGIN));
    if names_host && parameter.kind != ParameterType::String {
        let detail = "`label` and `origin` refine type `String` alone";
        violations.add(&pointer.member("typeName"), violation::FORBIDDEN, detail);
    }
    if names_host && parameter.secret {
        let detail = "a parameter that names a host is shown to whoever reviews where requests go";
        violations.add(&pointer.member("secret"), violation::FORBIDDEN, detail);
    }
}

fn check_default(parameter: &Parameter, pointer: &Pointer, violations: &mut Violations) {
    let Some(text) = parameter.default_value.as_deref().filter(|text| !text.is_empty()) else { return };
    let Some(value) = settings::from_text(parameter, text) else {
        let detail = format!("is no value of type `{:?}`", parameter.kind);
        violations.add(pointer, violation::WRONG_TYPE, detail);
        return;
    };
    let alone = Parameter { rules: Vec::new(), default_value: None, ..parameter.clone() };
    let given = Given::from(Map::from_iter([(alone.name.clone(), value)]));
    if let Err(found) = settings::validate(&[alone], given, &Surroundings::default()) {
        found.into_iter().for_each(|problem| violations.add(pointer, problem.code, problem.detail));
    }
}

/// The parameters that a rule may look at.
struct Sources<'a> {
    parameters: &'a [Parameter],
    wider: &'a [Parameter],
    own: &'a str,
}

impl Sources<'_> {
    fn find(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().chain(self.wider).find(|parameter| parameter.name == name)
    }
}

fn check_rules(rules: &[Rule], sources: &Sources<'_>, pointer: &Pointer, violations: &mut Violations) {
    if rules.len() > RULES_MAX || rules.iter().any(|rule| rule.all.len() > CONDITIONS_MAX) {
        let detail = format!("must have at most {RULES_MAX} rules of at most {CONDITIONS_MAX} conditions");
        violations.add(pointer, violation::TOO_LONG, detail);
        return;
    }
    for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.effect != RuleEffect::Unspecified) {
        for (position, condition) in rule.all.iter().enumerate() {
            let place = pointer.index(index).member("all").index(position);
            check_source(&condition.source_param, condition.operator, sources, &place, violations);
            check_condition_values(condition.operator, condition.values.len(), &place, violations);
        }
    }
}

fn check_source(
    name: &str,
    operator: RuleOperator,
    sources: &Sources<'_>,
    pointer: &Pointer,
    violations: &mut Violations,
) {
    let place = pointer.member("sourceParam");
    if operator == RuleOperator::Unspecified {
        return;
    }
    if name == sources.own {
        violations.add(&place, violation::UNKNOWN_REFERENCE, "must name another parameter than its own");
        return;
    }
    let Some(source) = sources.find(name) else {
        let known = sources.parameters.iter().chain(sources.wider).map(|parameter| parameter.name.as_str());
        let detail = format!("names no parameter that is declared{}", suggestion::hint(name, known));
        violations.add(&place, violation::UNKNOWN_REFERENCE, detail);
        return;
    };
    let looks_inside = !matches!(operator, RuleOperator::IsSet | RuleOperator::IsNotSet);
    if source.secret && looks_inside {
        // Comparing a stored secret with chosen text would tell it, guess by guess.
        let detail = "of a secret parameter only `IS_SET` and `IS_NOT_SET` can be asked";
        violations.add(&pointer.member("operator"), violation::FORBIDDEN, detail);
    }
}

fn check_condition_values(operator: RuleOperator, count: usize, pointer: &Pointer, violations: &mut Violations) {
    let (fits, expected) = match operator {
        RuleOperator::Equals | RuleOperator::NotEquals => (count == 1, "exactly one value"),
        RuleOperator::In | RuleOperator::NotIn => ((1..=CONDITION_VALUES_MAX).contains(&count), "1 to 100 values"),
        RuleOperator::IsSet | RuleOperator::IsNotSet => (count == 0, "no values"),
        _ => (count <= CONDITION_VALUES_MAX, "at most 100 values"),
    };
    if !fits {
        violations.add(&pointer.member("values"), violation::OUT_OF_RANGE, format!("must have {expected}"));
    }
}
