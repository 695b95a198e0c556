//! Whether a connection has what a destination needs, found out by reading alone.
//!
//! What only a write would show (`ssm:PutParameter`, `ssm:DeleteParameters`, the tag calls, `kms:Encrypt`) is not probed.

use keyferry_sdk::{Account, Error, ErrorKind};

use crate::client::Client;
use crate::config::Target;
use crate::error::denied_action;
use crate::model::{
    DescribeKey, DescribeParameters, Descriptions, GetParametersByPath, KeyDescription, KeyMetadata, ParameterFilter,
    Parameters, Resource, TagList,
};

/// One check of one destination.
pub(crate) struct Check<'a> {
    pub(crate) client: Client<'a>,
    pub(crate) target: &'a Target,
}

impl Check<'_> {
    /// Who the credentials are, and which permissions they lack.
    pub(crate) fn run(&self) -> Result<Account, Error> {
        self.target.validate()?;
        let mut account = self.client.caller_identity()?;
        let mut missing = Vec::new();
        let sample = note(self.list(), "ssm:GetParametersByPath", &mut missing)?.flatten();
        if self.target.own_key_id().is_some() || self.target.tier.is_some() {
            note(self.describe(), "ssm:DescribeParameters", &mut missing)?;
        }
        if let Some(key_id) = self.target.own_key_id() {
            note(self.describe_key(key_id), "kms:DescribeKey", &mut missing)?;
        }
        if let (Some(name), Some(_)) = (sample, &self.target.tags) {
            note(self.list_tags(&name), "ssm:ListTagsForResource", &mut missing)?;
        }
        account.missing_permissions = missing;
        Ok(account)
    }

    /// The name of one parameter under the path, if there is any.
    fn list(&self) -> Result<Option<String>, Error> {
        let input = GetParametersByPath {
            path: &self.target.path,
            recursive: false,
            with_decryption: true,
            max_results: 1,
            next_token: None,
        };
        let found: Parameters = self.client.ssm("GetParametersByPath", &input)?;
        Ok(found.parameters.into_iter().next().map(|parameter| parameter.name))
    }

    fn describe(&self) -> Result<(), Error> {
        let filter = ParameterFilter { key: "Path", option: "OneLevel", values: vec![self.target.path.as_str()] };
        let input = DescribeParameters { parameter_filters: vec![filter], max_results: 1, next_token: None };
        self.client.ssm::<Descriptions>("DescribeParameters", &input).map(drop)
    }

    fn describe_key(&self, key_id: &str) -> Result<(), Error> {
        let found: KeyDescription = self.client.kms("DescribeKey", &DescribeKey { key_id })?;
        let KeyMetadata { key_state, key_usage, key_spec } = found.key_metadata;
        let is = |value: &Option<String>, expected: &str| value.as_deref().is_none_or(|value| value == expected);
        let refuse = |problem: &str| Err(Error::invalid_setting("kmsKeyId", problem));
        if !is(&key_state, "Enabled") {
            return refuse("the KMS key is not enabled");
        }
        if !is(&key_usage, "ENCRYPT_DECRYPT") || !is(&key_spec, "SYMMETRIC_DEFAULT") {
            return refuse("the KMS key is no symmetric encryption key");
        }
        Ok(())
    }

    fn list_tags(&self, name: &str) -> Result<(), Error> {
        self.client.ssm::<TagList>("ListTagsForResource", &Resource::parameter(name)).map(drop)
    }
}

/// Notes a denied action, by AWS's own name for it where it tells one. What an emulator does not know is not lacking.
fn note<T>(result: Result<T, Error>, action: &str, missing: &mut Vec<String>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            missing.push(denied_action(&error).unwrap_or(action).to_owned());
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}
