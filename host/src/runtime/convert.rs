//! Between the contract's records and the domain's types: total functions. What people will read passes the [`Voice`]; what a
//! sync compares (keys, versions, values) passes unchanged.

use std::collections::BTreeMap;

use zeroize::Zeroize;

use super::bindings::exports::keyferry::integration::{destination as wit, integration};
use super::bindings::keyferry::integration::types;
use super::voice::Voice;
use crate::domain::Secret;
use crate::domain::destination::{
    Account, Application, Applied, Change, Choice, ChoicePage, DestinationIdentity, Observation, ObservedEntry,
    ObservedValue, OpaqueContext, Outcome, Precondition, Scope,
};
use crate::domain::plugin::{CallFailure, Limits, Reported, ReportedKind};
use crate::ports::plugin::ConnectionView;

/// The most details and permissions of one account that are kept.
const ACCOUNT_ITEMS_MAX: usize = 100;

/// A connection as the guest gets it; wiped on drop, because it may hold credentials.
pub(crate) struct GuestConnection(pub(crate) types::Connection);

impl GuestConnection {
    pub(crate) fn new(view: &ConnectionView) -> Self {
        let credentials = view.plaintext_credentials.as_ref().map_or_else(
            || "{}".to_owned(),
            |credentials| {
                let exposed: BTreeMap<&str, &str> =
                    credentials.iter().map(|(name, value)| (name.as_str(), value.expose().as_str())).collect();
                serde_json::to_string(&exposed).expect("a map of strings is JSON")
            },
        );
        Self(types::Connection {
            settings: settings(&view.settings),
            plugin_settings: settings(&view.plugin_settings),
            auth_method: view.auth_method.clone(),
            credentials,
        })
    }
}

impl Drop for GuestConnection {
    fn drop(&mut self) {
        self.0.credentials.zeroize();
    }
}

/// Settings as the JSON text of the contract.
pub(crate) fn settings(settings: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::to_string(settings).expect("a map of JSON values is JSON")
}

/// Changes as the guest gets them; values are wiped on drop.
pub(crate) struct GuestChanges(pub(crate) Vec<wit::Change>);

impl GuestChanges {
    pub(crate) fn new(changes: &[Change]) -> Self {
        Self(changes.iter().map(guest_change).collect())
    }
}

impl Drop for GuestChanges {
    fn drop(&mut self) {
        for change in &mut self.0 {
            if let wit::Change::Put(put) = change {
                put.value.zeroize();
            }
        }
    }
}

fn guest_change(change: &Change) -> wit::Change {
    match change {
        Change::Put { key, value, reference, attributes, precondition } => wit::Change::Put(wit::Put {
            key: key.clone(),
            value: value.expose().clone(),
            reference: reference.clone(),
            attributes: attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            precondition: guest_precondition(precondition),
        }),
        Change::Delete { key, reference, precondition } => wit::Change::Delete(wit::Delete {
            key: key.clone(),
            reference: reference.clone(),
            precondition: guest_precondition(precondition),
        }),
    }
}

fn guest_precondition(precondition: &Precondition) -> wit::Precondition {
    match precondition {
        Precondition::None => wit::Precondition::None,
        Precondition::MustNotExist => wit::Precondition::MustNotExist,
        Precondition::Matches(version) => wit::Precondition::Matches(version.clone()),
    }
}

pub(crate) fn guest_scope(scope: &Scope) -> wit::Scope {
    match scope {
        Scope::All => wit::Scope::All,
        Scope::Keys(keys) => wit::Scope::Keys(keys.clone()),
    }
}

/// A plugin's own error.
pub(crate) fn reported(voice: &Voice, error: &types::Error) -> Reported {
    Reported {
        kind: ReportedKind::from_vocabulary(&error.kind),
        message: voice.text(&error.message),
        field: voice.optional_name(error.field.as_deref()),
        http_status: error.http_status,
        retry_after_ms: error.retry_after_ms,
        request_id: voice.optional_name(error.request_id.as_deref()),
    }
}

pub(crate) fn account(voice: &Voice, account: integration::Account) -> Account {
    let details = account.details.iter().take(ACCOUNT_ITEMS_MAX);
    let permissions = account.missing_permissions.iter().take(ACCOUNT_ITEMS_MAX);
    Account {
        id: voice.name(&account.id),
        display_name: voice.optional_name(account.display_name.as_deref()),
        details: details.map(|(name, value)| (voice.name(name), voice.text(value))).collect(),
        expires_at_unix_s: account.expires_at,
        missing_permissions: permissions.map(|permission| voice.name(permission)).collect(),
    }
}

pub(crate) fn choice_page(voice: &Voice, page: integration::ChoicePage) -> ChoicePage {
    let choices = page.choices.iter().map(|choice| Choice {
        value: voice.name(&choice.value),
        label: voice.name(&choice.label),
        description: choice.description.as_deref().map(|description| voice.text(description)),
    });
    ChoicePage { choices: choices.collect(), next: page.next }
}

/// The identity rules over claims and ledgers, so it is taken as it is or not at all.
pub(crate) fn identity((namespace, prefix): (String, String)) -> Result<DestinationIdentity, CallFailure> {
    let well_formed = |text: &str| text.len() <= 2048 && !text.chars().any(char::is_control);
    if namespace.is_empty() || !well_formed(&namespace) || !well_formed(&prefix) {
        let reason = "`identify` must return a namespace of 1 to 2048 bytes and a prefix of at most 2048, without \
                      control characters";
        return Err(CallFailure::ContractBroken { reason: reason.to_owned() });
    }
    Ok(DestinationIdentity { namespace, prefix })
}

pub(crate) fn observation(observation: wit::Observation) -> Result<Observation, CallFailure> {
    if observation.context.as_ref().is_some_and(|context| context.len() > Limits::CONTEXT_BYTES_MAX) {
        return Err(CallFailure::LimitExceeded { what: "bytes of context" });
    }
    Ok(Observation {
        entries: observation.entries.into_iter().map(observed_entry).collect(),
        next: observation.next,
        complete: observation.complete,
        document_version: observation.document_version,
        context: observation.context.map(OpaqueContext),
    })
}

fn observed_entry(entry: wit::Entry) -> ObservedEntry {
    ObservedEntry {
        key: entry.key,
        value: match entry.value {
            wit::ObservedValue::Readable(value) => ObservedValue::Readable(Secret::new(value)),
            wit::ObservedValue::Digest(digest) => ObservedValue::Digest(digest),
            wit::ObservedValue::Hidden => ObservedValue::Hidden,
        },
        version: entry.version,
        reference: entry.reference,
        attributes: entry.attributes.into_iter().collect(),
    }
}

pub(crate) fn application(
    voice: &Voice,
    application: wit::Application,
    changes: usize,
) -> Result<Application, CallFailure> {
    let outcomes = application.outcomes.len();
    if outcomes != changes {
        let reason = format!("`apply` returned {outcomes} outcomes for {changes} changes");
        return Err(CallFailure::ContractBroken { reason });
    }
    Ok(Application {
        outcomes: application.outcomes.into_iter().map(|outcome| self::outcome(voice, outcome)).collect(),
        document_version: application.document_version,
    })
}

fn outcome(voice: &Voice, outcome: wit::Outcome) -> Outcome {
    match outcome {
        wit::Outcome::Applied(applied) => Outcome::Applied(self::applied(applied)),
        wit::Outcome::Unchanged(applied) => Outcome::Unchanged(self::applied(applied)),
        wit::Outcome::Failed(error) => Outcome::Failed(reported(voice, &error)),
        wit::Outcome::Unknown(error) => Outcome::Unknown(reported(voice, &error)),
        wit::Outcome::NotAttempted => Outcome::NotAttempted,
    }
}

fn applied(applied: wit::Applied) -> Applied {
    Applied { version: applied.version, reference: applied.reference }
}
