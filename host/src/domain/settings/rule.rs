//! What the rules of a parameter make of it, given the settings around it.
//!
//! A condition looks at what was given for its source, or at the source's default. SHOW and HIDE decide whether a parameter
//! is asked for: one that is not asked for is neither required nor filled with its default, but a value given for it counts.
//! A rule that says `UNSPECIFIED` anywhere has no effect.

use std::collections::BTreeMap;

use keyferry_contract::{Condition, Parameter, Rule, RuleEffect, RuleOperator};
use serde_json::{Map, Value};

use super::value::{from_text, is_set, to_text};
use super::{MASK, Surroundings};

/// What rules make of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) required: bool,
    pub(super) forbidden: bool,
    hidden: bool,
}

impl State {
    pub(super) fn takes_default(self) -> bool {
        !self.forbidden && !self.hidden
    }
}

/// The state of each parameter, in order.
pub(super) fn evaluate(
    parameters: &[Parameter],
    given: &Map<String, Value>,
    surroundings: &Surroundings<'_>,
) -> Vec<State> {
    let known = Known::collect(parameters, given, surroundings);
    parameters.iter().map(|parameter| state(parameter, &known)).collect()
}

fn state(parameter: &Parameter, known: &Known) -> State {
    let effective = parameter.rules.iter().filter(|rule| has_effect(rule));
    let (mut shows, mut shown) = (false, false);
    let mut state = State { required: parameter.required, forbidden: false, hidden: false };
    for rule in effective {
        let holds = rule.all.iter().all(|condition| known.satisfies(condition));
        match rule.effect {
            RuleEffect::Show => {
                shows = true;
                shown |= holds;
            }
            RuleEffect::Hide => state.hidden |= holds,
            RuleEffect::Require => state.required |= holds,
            RuleEffect::Forbid => state.forbidden |= holds,
            _ => {}
        }
    }
    state.hidden |= shows && !shown;
    state.required &= !state.hidden && !state.forbidden;
    state
}

fn has_effect(rule: &Rule) -> bool {
    rule.effect != RuleEffect::Unspecified && rule.all.iter().all(|c| c.operator != RuleOperator::Unspecified)
}

/// The stored value of a parameter that is no secret and was none, where it is kept although it was not sent.
pub(super) fn kept_value(parameter: &Parameter, surroundings: &Surroundings<'_>) -> Option<Value> {
    let was_open = surroundings.open.is_some_and(|open| open.contains(&parameter.name));
    let stored = surroundings.stored.filter(|_| surroundings.keeps_omitted && was_open && !parameter.secret);
    stored.and_then(|stored| stored.get(&parameter.name)).and_then(|text| from_text(parameter, text.expose()))
}

/// The settings that conditions look at, as text; of a secret only that it is there.
struct Known(BTreeMap<String, Option<String>>);

impl Known {
    fn collect(parameters: &[Parameter], given: &Map<String, Value>, surroundings: &Surroundings<'_>) -> Self {
        let wider = surroundings.wider.into_iter().flatten().map(|(name, value)| (name.clone(), Some(to_text(value))));
        let mut known: BTreeMap<String, Option<String>> = wider.collect();
        for parameter in parameters {
            let entered = given.get(&parameter.name).filter(|value| is_set(parameter, value));
            if parameter.secret {
                if Self::secret_is_set(parameter, entered, surroundings) {
                    known.insert(parameter.name.clone(), None);
                }
                continue;
            }
            let default = || parameter.default_value.as_deref().and_then(|text| from_text(parameter, text));
            let kept = || kept_value(parameter, surroundings);
            if let Some(value) = entered.cloned().or_else(kept).or_else(default) {
                known.insert(parameter.name.clone(), Some(to_text(&value)));
            }
        }
        Self(known)
    }

    fn secret_is_set(parameter: &Parameter, entered: Option<&Value>, surroundings: &Surroundings<'_>) -> bool {
        let stored = surroundings.stored.is_some_and(|stored| stored.contains_key(&parameter.name));
        match entered {
            Some(value) if value.as_str() == Some(MASK) => stored,
            Some(_) => true,
            None => (surroundings.keeps_omitted && stored) || parameter.default_value.is_some(),
        }
    }

    fn satisfies(&self, condition: &Condition) -> bool {
        let source = self.0.get(&condition.source_param);
        let is_one_of = || source.and_then(Option::as_ref).is_some_and(|text| condition.values.contains(text));
        match condition.operator {
            RuleOperator::Equals | RuleOperator::In => is_one_of(),
            RuleOperator::NotEquals | RuleOperator::NotIn => !is_one_of(),
            RuleOperator::IsSet => source.is_some(),
            RuleOperator::IsNotSet => source.is_none(),
            _ => false,
        }
    }
}
