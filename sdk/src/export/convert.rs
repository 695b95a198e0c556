//! Between the SDK's types and the generated ones: plain moves, nothing decided.

use serde::Serialize;

use crate::bindings::plugin::exports::keyferry::integration::{destination as wire, integration};
use crate::bindings::plugin::keyferry::integration::types;
use crate::{
    Account, Application, Applied, Change, Choice, ChoicePage, Delete, Entry, Error, Observation, ObservedValue,
    Outcome, Precondition, Put, Scope,
};

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind().as_str().to_owned(),
            message: error.message().to_owned(),
            field: error.field().map(str::to_owned),
            http_status: error.http_status(),
            retry_after_ms: error.retry_after_ms(),
            request_id: error.request_id().map(str::to_owned),
        }
    }
}

impl From<Account> for integration::Account {
    fn from(account: Account) -> Self {
        let Account { id, display_name, details, expires_at, missing_permissions } = account;
        Self { id, display_name, details, expires_at, missing_permissions }
    }
}

impl From<ChoicePage> for integration::ChoicePage {
    fn from(page: ChoicePage) -> Self {
        let wire = |Choice { value, label, description }| integration::Choice { value, label, description };
        Self { choices: page.items.into_iter().map(wire).collect(), next: page.next }
    }
}

impl From<wire::Scope> for Scope {
    fn from(scope: wire::Scope) -> Self {
        match scope {
            wire::Scope::All => Self::All,
            wire::Scope::Keys(keys) => Self::Keys(keys),
        }
    }
}

pub(super) fn observation<C: Serialize>(observation: Observation<C>) -> Result<wire::Observation, Error> {
    let context = observation.context.map(|context| serde_json::to_string(&context)).transpose();
    Ok(wire::Observation {
        entries: observation.entries.into_iter().map(Into::into).collect(),
        next: observation.next,
        complete: observation.complete,
        document_version: observation.document_version,
        context: context.map_err(|_| Error::other("the plugin's context cannot be written as JSON"))?,
    })
}

impl From<Entry> for wire::Entry {
    fn from(entry: Entry) -> Self {
        let Entry { key, value, version, reference, attributes } = entry;
        let value = match value {
            ObservedValue::Readable(value) => wire::ObservedValue::Readable(value),
            ObservedValue::Digest(digest) => wire::ObservedValue::Digest(digest),
            ObservedValue::Hidden => wire::ObservedValue::Hidden,
        };
        Self { key, value, version, reference, attributes }
    }
}

impl From<wire::Precondition> for Precondition {
    fn from(precondition: wire::Precondition) -> Self {
        match precondition {
            wire::Precondition::None => Self::None,
            wire::Precondition::MustNotExist => Self::MustNotExist,
            wire::Precondition::Matches(version) => Self::Matches(version),
        }
    }
}

impl From<wire::Change> for Change {
    fn from(change: wire::Change) -> Self {
        match change {
            wire::Change::Put(wire::Put { key, value, reference, attributes, precondition }) => {
                Self::Put(Put { key, value, reference, attributes, precondition: precondition.into() })
            }
            wire::Change::Delete(wire::Delete { key, reference, precondition }) => {
                Self::Delete(Delete { key, reference, precondition: precondition.into() })
            }
        }
    }
}

impl From<Outcome> for wire::Outcome {
    fn from(outcome: Outcome) -> Self {
        let applied = |Applied { version, reference }| wire::Applied { version, reference };
        match outcome {
            Outcome::Applied(item) => Self::Applied(applied(item)),
            Outcome::Unchanged(item) => Self::Unchanged(applied(item)),
            Outcome::Failed(error) => Self::Failed(error.into()),
            Outcome::Unknown(error) => Self::Unknown(error.into()),
            Outcome::NotAttempted => Self::NotAttempted,
        }
    }
}

impl From<Application> for wire::Application {
    fn from(application: Application) -> Self {
        let Application { outcomes, document_version } = application;
        Self { outcomes: outcomes.into_iter().map(Into::into).collect(), document_version }
    }
}
