//! What a plugin is that can be synced to: it lists and applies; everything else is the host's.

use std::fmt;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Account, Connection, Error, Integration, Settings, SyncRules};

/// What a plugin does for a sync.
pub trait Destination: Integration {
    /// What one sync asks: a path, a repository, a secret's name.
    type Target: Settings;

    /// What [`observe`](Self::observe) learns and [`apply`](Self::apply) needs, such as a public key. At most 64 KiB of JSON,
    /// kept for one run, never logged. Use `()` when there is nothing.
    type Context: Serialize + DeserializeOwned;

    /// How this destination is synced to: its limits, its names, what of it can be read.
    fn rules(&self) -> SyncRules;

    /// Whether the connection has what the target needs, found out without writing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) when the destination itself is missing. What is merely not
    /// permitted goes into [`Account::missing_permissions`].
    fn check(&self, connection: &Connection<Self::Settings>, target: &Self::Target) -> Result<Account, Error>;

    /// The place written to, spelled the same for equal places whatever the settings that lead there.
    ///
    /// # Errors
    /// When the vendor has to be asked and does not answer.
    fn identify(&self, connection: &Connection<Self::Settings>, target: &Self::Target) -> Result<Identity, Error>;

    /// Lists what is there from `cursor` on; may walk several of the vendor's pages.
    ///
    /// # Errors
    /// When the listing cannot be had. An empty destination is an empty observation, not an error.
    fn observe(
        &self,
        connection: &Connection<Self::Settings>,
        target: &Self::Target,
        scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation<Self::Context>, Error>;

    /// Carries out one batch; as many outcomes as changes, in order. [`Application::each`] does it one by one.
    ///
    /// # Errors
    /// Only when nothing was tried.
    fn apply(
        &self,
        connection: &Connection<Self::Settings>,
        target: &Self::Target,
        batch: Batch<Self::Context>,
    ) -> Result<Application, Error>;

    /// Called once after a run that changed something: redeploy, restart. Does nothing unless overridden.
    ///
    /// # Errors
    /// When what should follow the change could not be done; the change itself stays.
    fn finish(
        &self,
        connection: &Connection<Self::Settings>,
        target: &Self::Target,
        finished: Finished<Self::Context>,
    ) -> Result<(), Error> {
        let _ = (connection, target, finished);
        Ok(())
    }
}

/// A place, named canonically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The flat namespace that is written to, such as `aws:ssm:111122223333:eu-west-1`.
    pub namespace: String,
    /// What the target's keys begin with there. Everything else in the contract speaks of keys without it.
    pub prefix: String,
}

/// Which keys to observe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything under the destination.
    All,
    /// Only these, at most 500.
    Keys(Vec<String>),
}

/// What is known of a value at the destination.
#[derive(Clone, PartialEq, Eq)]
pub enum ObservedValue {
    /// The value.
    Readable(String),
    /// The vendor's own digest, equal for equal values.
    Digest(String),
    /// Nothing.
    Hidden,
}

impl fmt::Debug for ObservedValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Readable(_) => "Readable(..)",
            Self::Digest(_) => "Digest(..)",
            Self::Hidden => "Hidden",
        })
    }
}

/// One item at the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key, without the prefix of [`Identity`].
    pub key: String,
    /// What is known of its value.
    pub value: ObservedValue,
    /// Anything that changes whenever the value does: version, etag, time of modification.
    pub version: Option<String>,
    /// The vendor's own handle, where it updates by id; it comes back in changes.
    pub reference: Option<String>,
    /// The attributes that the sync rules declare.
    pub attributes: Vec<(String, String)>,
}

impl Entry {
    /// An item whose value can be read.
    pub fn readable(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::with_value(key, ObservedValue::Readable(value.into()))
    }

    /// An item of which only a digest of the value is known.
    pub fn digest(key: impl Into<String>, digest: impl Into<String>) -> Self {
        Self::with_value(key, ObservedValue::Digest(digest.into()))
    }

    /// An item whose value cannot be read.
    pub fn hidden(key: impl Into<String>) -> Self {
        Self::with_value(key, ObservedValue::Hidden)
    }

    fn with_value(key: impl Into<String>, value: ObservedValue) -> Self {
        Self { key: key.into(), value, version: None, reference: None, attributes: Vec::new() }
    }

    /// Adds the version.
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds the vendor's handle.
    pub fn with_reference(mut self, reference: impl Into<String>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// Adds an attribute.
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation<C = ()> {
    /// The items.
    pub entries: Vec<Entry>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
    /// At the end: whether a key of the asked scope that was not listed is proved absent.
    pub complete: bool,
    /// The version of the whole, for destinations written as one document.
    pub document_version: Option<String>,
    /// What `apply` needs; the host keeps the last one given.
    pub context: Option<C>,
}

impl<C> Observation<C> {
    /// The end of a listing that proves what it does not list absent.
    pub fn complete(entries: Vec<Entry>) -> Self {
        Self { entries, next: None, complete: true, document_version: None, context: None }
    }

    /// A page: complete when nothing follows.
    pub fn page(page: crate::page::Page<Entry>) -> Self {
        Self { complete: page.next.is_none(), next: page.next, ..Self::complete(page.items) }
    }

    /// Adds the version of the whole document.
    pub fn with_document_version(mut self, version: impl Into<String>) -> Self {
        self.document_version = Some(version.into());
        self
    }

    /// Adds what `apply` needs.
    pub fn with_context(mut self, context: C) -> Self {
        self.context = Some(context);
        self
    }
}

/// What must hold at the destination for a change to be carried out, as far as the vendor can ensure it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    None,
    /// The key is absent.
    MustNotExist,
    /// The item has this version.
    Matches(String),
}

/// Write a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Put {
    /// The key, without the prefix.
    pub key: String,
    /// The value. Never put it into a message.
    pub value: String,
    /// The vendor's handle, as observed.
    pub reference: Option<String>,
    /// The attributes that the item should have; one that is absent is not managed.
    pub attributes: Vec<(String, String)>,
    /// What must hold.
    pub precondition: Precondition,
}

impl Put {
    /// The wanted value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Put {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Put")
            .field("key", &self.key)
            .field("reference", &self.reference)
            .field("precondition", &self.precondition)
            .finish_non_exhaustive()
    }
}

/// Remove an item. An item that is absent already counts as removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The key, without the prefix.
    pub key: String,
    /// The vendor's handle, as observed.
    pub reference: Option<String>,
    /// What must hold.
    pub precondition: Precondition,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Write a value.
    Put(Put),
    /// Remove an item.
    Delete(Delete),
}

impl Change {
    /// The key, without the prefix.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(put) => &put.key,
            Self::Delete(delete) => &delete.key,
        }
    }
}

/// At most one declared batch of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<C = ()> {
    /// The changes; all those of a run when the destination is one document.
    pub changes: Vec<Change>,
    /// The version of the document that was observed.
    pub document_version: Option<String>,
    /// What `observe` left.
    pub context: Option<C>,
}

impl<C> Batch<C> {
    /// A batch for tests: changes, and nothing else.
    pub fn new(changes: Vec<Change>) -> Self {
        Self { changes, document_version: None, context: None }
    }
}

/// What `finish` is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished<C = ()> {
    /// The keys that the run changed, without the prefix.
    pub changed: Vec<String>,
    /// What `observe` left.
    pub context: Option<C>,
}

/// What an item became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Its new version.
    pub version: Option<String>,
    /// The vendor's handle.
    pub reference: Option<String>,
}

impl Applied {
    /// Applied, with the item's new version.
    pub fn with_version(version: impl Into<String>) -> Self {
        Self { version: Some(version.into()), reference: None }
    }
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Carried out.
    Applied(Applied),
    /// It was so already.
    Unchanged(Applied),
    /// Certainly not carried out.
    Failed(Error),
    /// Sent, but nobody knows; the host reads back or repeats safely.
    Unknown(Error),
    /// Not tried.
    NotAttempted,
}

impl From<Result<Applied, Error>> for Outcome {
    /// An error that left the outcome open becomes [`Unknown`](Self::Unknown).
    fn from(result: Result<Applied, Error>) -> Self {
        match result {
            Ok(applied) => Self::Applied(applied),
            Err(error) if error.is_outcome_unknown() => Self::Unknown(error),
            Err(error) => Self::Failed(error),
        }
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// One outcome per change, in order.
    pub outcomes: Vec<Outcome>,
    /// The new version of the whole, for destinations written as one document.
    pub document_version: Option<String>,
}

impl Application {
    /// These outcomes.
    pub fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes, document_version: None }
    }

    /// The same outcome for a whole document.
    pub fn document(changes: usize, result: Result<Applied, Error>) -> Self {
        let document_version = result.as_ref().ok().and_then(|applied| applied.version.clone());
        Self { outcomes: vec![Outcome::from(result); changes], document_version }
    }

    /// Carries out the changes one by one. A failed item does not hold up the others, unless the failure is one that the next
    /// item would meet too ([`Error::stops_batch`]); the rest is then not attempted.
    pub fn each(changes: &[Change], mut carry_out: impl FnMut(&Change) -> Result<Applied, Error>) -> Self {
        let mut is_stopped = false;
        let outcomes = changes.iter().map(|change| {
            if is_stopped {
                return Outcome::NotAttempted;
            }
            let result = carry_out(change);
            is_stopped = result.as_ref().is_err_and(Error::stops_batch);
            Outcome::from(result)
        });
        Self::new(outcomes.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn deletes(keys: &[&str]) -> Vec<Change> {
        let delete = |key: &&str| Delete { key: (*key).to_owned(), reference: None, precondition: Precondition::None };
        keys.iter().map(delete).map(Change::Delete).collect()
    }

    #[test]
    fn a_failed_item_does_not_hold_up_the_others() {
        let application = Application::each(&deletes(&["a", "b", "c"]), |change| match change.key() {
            "b" => Err(Error::invalid_item("bad name")),
            _ => Ok(Applied::default()),
        });
        assert!(matches!(application.outcomes[..], [Outcome::Applied(_), Outcome::Failed(_), Outcome::Applied(_)]));
    }

    #[test]
    fn after_a_rejection_of_the_credentials_the_rest_is_not_attempted() {
        let application = Application::each(&deletes(&["a", "b", "c"]), |change| match change.key() {
            "b" => Err(Error::new(ErrorKind::Unauthenticated, "expired")),
            _ => Ok(Applied::default()),
        });
        assert!(matches!(application.outcomes[..], [Outcome::Applied(_), Outcome::Failed(_), Outcome::NotAttempted]));
    }

    #[test]
    fn an_error_that_left_the_outcome_open_is_told_as_unknown() {
        let error = Error::new(ErrorKind::Unavailable, "timed out").with_unknown_outcome();
        assert!(matches!(Outcome::from(Err(error)), Outcome::Unknown(_)));
    }

    #[test]
    fn debug_shows_no_value() {
        let put = Put {
            key: "k".into(),
            value: "top-secret".into(),
            reference: None,
            attributes: Vec::new(),
            precondition: Precondition::MustNotExist,
        };
        let shown = format!("{put:?} {:?}", Entry::readable("k", "top-secret"));
        assert!(!shown.contains("top-secret"), "{shown}");
    }
}
