//! What a connection, a credential and a sync ask.

use keyferry_sdk::{Error, Options, Settings};

use crate::tags::Tags;

/// The key that SSM encrypts with when none is named. AWS makes it on first use, so it need not exist.
pub const DEFAULT_KEY: &str = "alias/aws/ssm";

/// SSM takes 15 levels; the key itself is the last.
const PATH_LEVELS_MAX: usize = 14;

/// Where the parameters live.
#[derive(Settings)]
pub struct Region {
    /// The region that holds the parameters, such as eu-west-1.
    #[setting(display_name = "Region", label, dynamic, pattern = "[a-z]{2}(-[a-z]+)+-[0-9]{1,2}")]
    pub region: String,
    /// An endpoint in place of AWS's own: a VPC endpoint or an emulator. It serves SSM, STS and KMS alike.
    #[setting(display_name = "Endpoint", origin)]
    pub endpoint: Option<String>,
}

/// The keys of an IAM user or of a session.
#[derive(Settings)]
pub struct AccessKey {
    #[setting(display_name = "Access key ID", pattern = r"[^\s,/]{1,128}")]
    pub access_key_id: String,
    #[setting(display_name = "Secret access key", secret)]
    pub secret_access_key: String,
    /// Only for the keys of a session.
    #[setting(display_name = "Session token", secret)]
    pub session_token: Option<String>,
}

/// Keys that are exchanged for those of a role.
#[derive(Settings)]
pub struct AssumedRole {
    #[setting(display_name = "Access key ID", pattern = r"[^\s,/]{1,128}")]
    pub access_key_id: String,
    #[setting(display_name = "Secret access key", secret)]
    pub secret_access_key: String,
    /// Only for the keys of a session.
    #[setting(display_name = "Session token", secret)]
    pub session_token: Option<String>,
    /// The role to assume. Its trust policy should require the tenant's `uid` as the external id.
    #[setting(display_name = "Role ARN", pattern = "arn:aws[a-z-]*:iam::[0-9]{12}:role/.{1,512}")]
    pub role_arn: String,
}

/// Where one sync writes to, and how.
#[derive(Settings)]
pub struct Target {
    /// The path that parameters are written under. It begins and ends with a slash.
    #[setting(display_name = "Path", pattern = "/([A-Za-z0-9_.-]+/){0,14}", max_length = 1000)]
    pub path: String,
    /// The KMS key that values are encrypted with: an alias, a key id or an ARN.
    #[setting(name = "kmsKeyId", display_name = "KMS key", dynamic, default = "alias/aws/ssm", max_length = 2048)]
    pub kms_key_id: Option<String>,
    /// The parameter tier. When nothing is chosen, the account's own default holds.
    #[setting(display_name = "Tier")]
    pub tier: Option<Tier>,
    /// Tags of every parameter written, at most 50.
    #[setting(display_name = "Tags")]
    pub tags: Option<Tags>,
    /// What becomes of other tags of a parameter, where tags are set.
    #[setting(name = "otherTags", display_name = "Other tags", default = "Remove")]
    pub other_tags: Option<OtherTags>,
}

/// Tags that the settings do not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Options)]
pub enum OtherTags {
    /// A parameter has the tags of the settings and no others but those of AWS itself.
    Remove,
    /// They stay as they are.
    Keep,
}

/// What SSM calls a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Options)]
pub enum Tier {
    /// Values up to 4 KB, free of charge.
    Standard,
    /// Values up to 8 KB, charged per parameter. It cannot be taken back.
    Advanced,
    /// SSM chooses: advanced only where standard does not do.
    #[option(value = "Intelligent-Tiering")]
    IntelligentTiering,
}

impl Target {
    /// The key id to send: none for the default, which SSM chooses by itself.
    pub fn own_key_id(&self) -> Option<&str> {
        self.kms_key_id.as_deref().filter(|key| *key != DEFAULT_KEY)
    }

    /// The parameter's full name.
    pub fn name_of(&self, key: &str) -> String {
        format!("{}{key}", self.path)
    }

    /// The key of a parameter's full name; `None` for one that stands elsewhere or deeper.
    pub fn key_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(&self.path).filter(|key| !key.is_empty() && !key.contains('/'))
    }

    /// Checks what a pattern cannot tell.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidSetting`](keyferry_sdk::ErrorKind::InvalidSetting) with the field `path`.
    pub fn validate(&self) -> Result<(), Error> {
        let invalid = |message: &str| Err(Error::invalid_setting("path", message));
        let Some(inside) = self.path.strip_prefix('/').filter(|inside| inside.is_empty() || inside.ends_with('/'))
        else {
            return invalid("the path must begin and end with a slash");
        };
        let levels = inside.split_terminator('/').collect::<Vec<_>>();
        if levels.iter().any(|level| level.is_empty()) {
            return invalid("the path has an empty level");
        }
        if levels.len() > PATH_LEVELS_MAX {
            return invalid("the path has more than 14 levels");
        }
        if levels.first().is_some_and(|first| is_reserved(first)) {
            return invalid("AWS keeps names that begin with `aws` or `ssm` to itself");
        }
        Ok(())
    }
}

/// AWS keeps what begins with `aws` or `ssm`, in any case, to itself: at the root, not below it.
pub fn is_reserved(root_level: &str) -> bool {
    let begins = |prefix: &str| root_level.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    begins("aws") || begins("ssm")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn target(path: &str) -> Target {
        Target {
            path: path.to_owned(),
            kms_key_id: Some(DEFAULT_KEY.to_owned()),
            tier: None,
            tags: None,
            other_tags: None,
        }
    }

    #[test]
    fn paths_are_checked_beyond_their_pattern() {
        for path in ["/", "/app/", "/a/awsome/", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/"] {
            assert!(target(path).validate().is_ok(), "{path}");
        }
        for path in
            ["", "app/", "/app", "//", "/a//b/", "/aws/", "/AWSome/", "/ssm-x/", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/"]
        {
            let error = target(path).validate().expect_err(path);
            assert_eq!(error.field(), Some("path"), "{path}");
        }
    }

    #[test]
    fn keys_are_names_directly_under_the_path() {
        let target = target("/app/");
        assert_eq!(target.key_of("/app/KEY"), Some("KEY"));
        for name in ["/app/", "/app/deep/KEY", "/other/KEY", "KEY"] {
            assert_eq!(target.key_of(name), None, "{name}");
        }
        assert_eq!(target.name_of("KEY"), "/app/KEY");
    }

    #[test]
    fn the_default_key_is_not_sent() {
        assert_eq!(target("/").own_key_id(), None);
        let own = Target::from_json(r#"{"path": "/", "kmsKeyId": "alias/own"}"#).expect("valid");
        assert_eq!(own.own_key_id(), Some("alias/own"));
    }

    #[test]
    fn the_destination_asks_what_the_facade_sends() {
        let parameters = Target::parameters();
        let names = parameters.iter().map(|parameter| parameter.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["path", "kmsKeyId", "tier", "tags", "otherTags"]);
        let read = Target::from_json(&json!({"path": "/a/", "tier": "Intelligent-Tiering"}).to_string());
        assert_eq!(read.expect("valid").tier, Some(Tier::IntelligentTiering));
    }
}
