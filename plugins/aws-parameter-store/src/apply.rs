//! Writing: parameters one by one, deletions in tens.

use std::collections::HashMap;

use keyferry_sdk::{Applied, Change, Delete, Error, ErrorKind, Options as _, Outcome, Precondition, Put, log};

use crate::client::Client;
use crate::config::{OtherTags, Target, Tier, is_reserved};
use crate::model::{AddTags, DeleteParameters, Deleted, PutParameter, RemoveTags, Resource, TagList, Written};
use crate::observe::{Listing, NAMES_PER_CALL};
use crate::tags::Tags;

/// SSM's limits: bytes of a value by tier, bytes of a full name.
const STANDARD_VALUE_BYTES_MAX: usize = 4 * 1024;
pub(crate) const ADVANCED_VALUE_BYTES_MAX: usize = 8 * 1024;
pub(crate) const NAME_BYTES_MAX: usize = 1011;

/// One batch of one destination.
pub(crate) struct Writer<'a> {
    pub(crate) client: Client<'a>,
    pub(crate) target: &'a Target,
}

impl Writer<'_> {
    /// One outcome per change, in order. Puts come first; after a fault that the next call would meet too, the rest is not
    /// attempted.
    pub(crate) fn apply(&self, changes: &[Change]) -> Vec<Outcome> {
        let mut outcomes = vec![Outcome::NotAttempted; changes.len()];
        for (outcome, change) in outcomes.iter_mut().zip(changes) {
            let Change::Put(put) = change else { continue };
            let result = self.put(put);
            let is_stopped = result.as_ref().is_err_and(Error::stops_batch);
            *outcome = result.into();
            if is_stopped {
                return outcomes;
            }
        }
        let deletes = changes.iter().enumerate().filter_map(|(index, change)| match change {
            Change::Delete(delete) => Some((index, delete)),
            Change::Put(_) => None,
        });
        self.delete_all(&deletes.collect::<Vec<_>>(), &mut outcomes);
        outcomes
    }

    fn put(&self, put: &Put) -> Result<Applied, Error> {
        let name = self.target.name_of(&put.key);
        self.check_item(put, &name)?;
        let is_new = put.precondition == Precondition::MustNotExist;
        let tags = self.target.tags.as_ref();
        let mut has_tags_to_come = false;
        if let Some(tags) = tags.filter(|_| !is_new) {
            // Tags first: when they fail, the value is not written, and the change has certainly failed as a whole.
            has_tags_to_come = !self.make_tags_equal(&name, tags)?;
        }
        let input = PutParameter {
            name: &name,
            value: &put.value,
            kind: "SecureString",
            key_id: self.target.own_key_id(),
            // SSM refuses `Tags` together with `Overwrite`.
            overwrite: !is_new,
            tier: self.tier(is_new),
            tags: tags.filter(|_| is_new).map(Tags::to_list).unwrap_or_default(),
        };
        let written: Written = self.client.ssm("PutParameter", &input)?;
        if let Some(tags) = tags.filter(|_| has_tags_to_come) {
            // The value stands by now, so a failure leaves the change half done.
            self.add_tags(&name, tags).map_err(Error::with_unknown_outcome)?;
        }
        Ok(Applied::with_version(written.version.to_string()))
    }

    /// Refuses what SSM would refuse, without a call and without AWS's words about the value.
    fn check_item(&self, put: &Put, name: &str) -> Result<(), Error> {
        let refuse = |problem: String| Err(Error::invalid_item(format!("`{}` {problem}", put.key)));
        if put.value.is_empty() {
            return refuse("has an empty value, which SSM does not store".to_owned());
        }
        let bytes_max = match self.target.tier {
            Some(Tier::Standard) => STANDARD_VALUE_BYTES_MAX,
            _ => ADVANCED_VALUE_BYTES_MAX,
        };
        if put.value.len() > bytes_max {
            return refuse(format!("has a value of {} bytes; SSM stores at most {bytes_max}", put.value.len()));
        }
        if name.len() > NAME_BYTES_MAX {
            return refuse(format!("makes a name of {} bytes; SSM takes at most {NAME_BYTES_MAX}", name.len()));
        }
        if self.target.path == "/" && is_reserved(&put.key) {
            return refuse("begins with `aws` or `ssm`, which AWS keeps to itself at the root".to_owned());
        }
        Ok(())
    }

    /// An existing parameter is never asked to be standard, since SSM refuses the step down from advanced.
    fn tier(&self, is_new: bool) -> Option<&'static str> {
        self.target.tier.filter(|tier| is_new || *tier != Tier::Standard).map(|tier| tier.as_str())
    }

    /// Adds and removes tags by difference; false if there is no parameter to tag.
    fn make_tags_equal(&self, name: &str, tags: &Tags) -> Result<bool, Error> {
        let present: TagList = match self.client.ssm("ListTagsForResource", &Resource::parameter(name)) {
            Ok(present) => present,
            Err(error) if error.kind() == ErrorKind::Conflict => return Ok(false),
            Err(error) => return Err(error),
        };
        let difference = tags.difference(&present.tag_list);
        if !difference.remove.is_empty() && self.target.other_tags != Some(OtherTags::Keep) {
            let input = RemoveTags { resource: Resource::parameter(name), tag_keys: difference.remove };
            self.client.ssm_empty("RemoveTagsFromResource", &input)?;
        }
        if !difference.add.is_empty() {
            let input = AddTags { resource: Resource::parameter(name), tags: difference.add };
            self.client.ssm_empty("AddTagsToResource", &input)?;
        }
        Ok(true)
    }

    fn add_tags(&self, name: &str, tags: &Tags) -> Result<(), Error> {
        let input = AddTags { resource: Resource::parameter(name), tags: tags.to_list() };
        self.client.ssm_empty("AddTagsToResource", &input)
    }

    fn delete_all(&self, deletes: &[(usize, &Delete)], outcomes: &mut [Outcome]) {
        for chunk in deletes.chunks(NAMES_PER_CALL) {
            let found = match self.delete_chunk(chunk) {
                Ok(found) => found,
                Err(error) => {
                    let is_stopped = error.stops_batch();
                    for (index, _) in chunk {
                        outcomes[*index] = Outcome::from(Err(error.clone()));
                    }
                    if is_stopped {
                        return;
                    }
                    continue;
                }
            };
            for ((index, _), outcome) in chunk.iter().zip(found) {
                outcomes[*index] = outcome;
            }
        }
    }

    /// At most ten deletions: first those are sorted out that changed since they were observed, since SSM cannot make a
    /// deletion depend on a version and keeps nothing of what it deletes.
    fn delete_chunk(&self, chunk: &[(usize, &Delete)]) -> Result<Vec<Outcome>, Error> {
        let versions = self.versions(chunk)?;
        let is_changed = |delete: &Delete| match &delete.precondition {
            Precondition::Matches(expected) => versions.get(&delete.key).is_some_and(|version| version != expected),
            Precondition::None | Precondition::MustNotExist => false,
        };
        let names = chunk.iter().filter(|(_, delete)| !is_changed(delete));
        let names = names.map(|(_, delete)| self.target.name_of(&delete.key)).collect::<Vec<_>>();
        let deleted = if names.is_empty() {
            Deleted { deleted_parameters: Vec::new(), invalid_parameters: Vec::new() }
        } else {
            self.client.ssm("DeleteParameters", &DeleteParameters { names: &names })?
        };
        let outcome = |(_, delete): &(usize, &Delete)| {
            let name = self.target.name_of(&delete.key);
            if is_changed(delete) {
                Outcome::Failed(Error::conflict(format!("`{}` has changed since it was observed", delete.key)))
            } else if deleted.deleted_parameters.contains(&name) {
                Outcome::Applied(Applied::default())
            } else if deleted.invalid_parameters.contains(&name) {
                // It was gone already, which is what was asked for.
                Outcome::Unchanged(Applied::default())
            } else {
                Outcome::Unknown(Error::other(format!("SSM did not tell what became of `{}`", delete.key)))
            }
        };
        Ok(chunk.iter().map(outcome).collect())
    }

    /// The present versions of what is to be deleted only in the version observed; empty where they may not be read.
    fn versions(&self, chunk: &[(usize, &Delete)]) -> Result<HashMap<String, String>, Error> {
        let conditional = chunk.iter().filter(|(_, delete)| matches!(delete.precondition, Precondition::Matches(_)));
        let keys = conditional.map(|(_, delete)| delete.key.clone()).collect::<Vec<_>>();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let listing = Listing { client: self.client, target: self.target };
        match listing.named(&keys, false) {
            Ok(parameters) => Ok(parameters
                .into_iter()
                .filter_map(|parameter| {
                    let key = self.target.key_of(&parameter.name)?.to_owned();
                    Some((key, parameter.version.to_string()))
                })
                .collect()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                log::warn("ssm:GetParameters is not allowed; versions are not compared before deleting");
                Ok(HashMap::new())
            }
            // Nothing was deleted yet, whatever became of the question.
            Err(error) => Err(error.with_certain_failure()),
        }
    }
}
