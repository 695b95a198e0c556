//! Listing what is there: a page at a time for a whole path, in tens for named keys.
//!
//! Key id and tier take further calls. They are asked for only where the destination wants other than the default; what is
//! not reported here the host compares with its own record of what was written.

use std::collections::HashMap;

use keyferry_sdk::page::{Page, walk};
use keyferry_sdk::{Entry, Error, ErrorKind, Observation, Options as _, log};

use crate::client::Client;
use crate::config::{Target, Tier};
use crate::model::{
    DescribeParameters, Descriptions, GetParameters, GetParametersByPath, Parameter, ParameterDescription,
    ParameterFilter, Parameters,
};

/// SSM's limits per call.
const BY_PATH_PAGE: u8 = 10;
pub(crate) const NAMES_PER_CALL: usize = 10;
const DESCRIPTIONS_PER_CALL: usize = 50;

/// 400 parameters of 8 KB stay well under the host's 8 MiB, and with their descriptions under its 100 requests.
const PAGES_PER_CALL_MAX: usize = 40;

/// The attributes that the sync rules declare.
pub(crate) const KEY_ID: &str = "keyId";
pub(crate) const TIER: &str = "tier";

/// One listing of one destination.
pub(crate) struct Listing<'a> {
    pub(crate) client: Client<'a>,
    pub(crate) target: &'a Target,
}

impl Listing<'_> {
    /// Everything directly under the path.
    pub(crate) fn all(&self, cursor: Option<&str>) -> Result<Observation, Error> {
        let page = walk(cursor, PAGES_PER_CALL_MAX, |next_token| {
            let input = GetParametersByPath {
                path: &self.target.path,
                recursive: false,
                with_decryption: true,
                max_results: BY_PATH_PAGE,
                next_token,
            };
            let found: Parameters = self.client.ssm("GetParametersByPath", &input)?;
            Ok(Page { items: found.parameters, next: found.next_token })
        })?;
        Ok(Observation::page(Page { items: self.entries(page.items)?, next: page.next }))
    }

    /// Only these keys. Without permission for `GetParameters` the whole path is listed, from `cursor` on.
    pub(crate) fn keys(&self, keys: &[String], cursor: Option<&str>) -> Result<Observation, Error> {
        if cursor.is_none() {
            match self.named(keys, true) {
                Ok(parameters) => return Ok(Observation::complete(self.entries(parameters)?)),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    log::info("ssm:GetParameters is not allowed; the whole path is listed instead");
                }
                Err(error) => return Err(error),
            }
        }
        let mut observation = self.all(cursor)?;
        observation.entries.retain(|entry| keys.contains(&entry.key));
        Ok(observation)
    }

    /// The parameters of these keys; one that does not exist is left out.
    pub(crate) fn named(&self, keys: &[String], with_decryption: bool) -> Result<Vec<Parameter>, Error> {
        let mut parameters = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(NAMES_PER_CALL) {
            let names = chunk.iter().map(|key| self.target.name_of(key)).collect::<Vec<_>>();
            let found: Parameters =
                self.client.ssm("GetParameters", &GetParameters { names: &names, with_decryption })?;
            parameters.extend(found.parameters);
        }
        Ok(parameters)
    }

    fn entries(&self, parameters: Vec<Parameter>) -> Result<Vec<Entry>, Error> {
        let descriptions = self.descriptions(&parameters)?;
        let entry = |parameter: Parameter| {
            let key = self.target.key_of(&parameter.name)?;
            let entry = Entry::readable(key, parameter.value).with_version(parameter.version.to_string());
            Some(match descriptions.get(&parameter.name) {
                Some(description) => self.with_attributes(entry, description),
                None => entry,
            })
        };
        Ok(parameters.into_iter().filter_map(entry).collect())
    }

    /// Key id and tier of each parameter, where they matter and may be read.
    fn descriptions(&self, parameters: &[Parameter]) -> Result<HashMap<String, ParameterDescription>, Error> {
        let mut descriptions = HashMap::new();
        if self.target.own_key_id().is_none() && self.target.tier.is_none() {
            return Ok(descriptions);
        }
        for chunk in parameters.chunks(DESCRIPTIONS_PER_CALL) {
            let names = chunk.iter().map(|parameter| parameter.name.as_str()).collect::<Vec<_>>();
            match self.describe(&names) {
                Ok(found) => descriptions.extend(found.into_iter().map(|item| (item.name.clone(), item))),
                Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
                    log::info("ssm:DescribeParameters is not allowed; KMS key and tier are not compared");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(descriptions)
    }

    fn describe(&self, names: &[&str]) -> Result<Vec<ParameterDescription>, Error> {
        // A page may hold fewer than asked for, but never so few that each name needs one of its own.
        let page = walk(None, names.len(), |next_token| {
            let filter = ParameterFilter { key: "Name", option: "Equals", values: names.to_vec() };
            let max_results = DESCRIPTIONS_PER_CALL as u8;
            let input = DescribeParameters { parameter_filters: vec![filter], max_results, next_token };
            let found: Descriptions = self.client.ssm("DescribeParameters", &input)?;
            Ok(Page { items: found.parameters, next: found.next_token })
        })?;
        Ok(page.items)
    }

    /// Adds what is as wanted in the spelling that it is wanted in, so that equal things compare equal.
    fn with_attributes(&self, mut entry: Entry, description: &ParameterDescription) -> Entry {
        if let (Some(wanted), Some(found)) = (&self.target.kms_key_id, &description.key_id) {
            entry = entry.with_attribute(KEY_ID, if is_same_key(wanted, found) { wanted } else { found });
        }
        if let (Some(wanted), Some(found)) = (self.target.tier, &description.tier) {
            entry = entry.with_attribute(TIER, if satisfies(found, wanted) { wanted.as_str() } else { found });
        }
        entry
    }
}

/// Whether two spellings name one key: SSM gives back an ARN, an alias or an id, as it was told.
fn is_same_key(wanted: &str, found: &str) -> bool {
    let is_end = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|start| start.is_empty() || start.ends_with('/') || start.ends_with(':'))
    };
    is_end(wanted, found) || is_end(found, wanted)
}

/// Whether a parameter's tier is as good as the wanted one. SSM never takes the advanced tier back, so it does for both.
fn satisfies(found: &str, wanted: Tier) -> bool {
    found == wanted.as_str() || wanted != Tier::Advanced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_key_are_the_same() {
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1234";
        for (wanted, found, same) in [
            ("1234", arn, true),
            (arn, "1234", true),
            ("alias/own", "arn:aws:kms:eu-west-1:111122223333:alias/own", true),
            ("alias/own", "alias/own", true),
            ("alias/own", "alias/not-my-own", false),
            ("alias/own", "alias/aws/ssm", false),
            ("234", arn, false),
        ] {
            assert_eq!(is_same_key(wanted, found), same, "{wanted} {found}");
        }
    }

    #[test]
    fn only_the_advanced_tier_is_worth_a_write() {
        assert!(!satisfies("Standard", Tier::Advanced));
        assert!(satisfies("Advanced", Tier::Advanced));
        assert!(satisfies("Advanced", Tier::Standard));
        assert!(satisfies("Standard", Tier::IntelligentTiering));
    }
}
