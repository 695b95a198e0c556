//! What clients send when they write secrets.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;

use super::query::{KINDS, Kind};
use crate::api::fields::{Fields, Patch, Read, read};
use crate::api::infisical::extract::project;
use crate::api::infisical::place;
use crate::domain::Secret;
use crate::domain::error::violation;
use crate::domain::id::TagUid;
use crate::domain::name::{FolderPath, SecretName};
use crate::service::folders::Place;
use crate::service::secrets::{
    COMMENT_CHARS_MAX, METADATA_MAX, REMINDER_NOTE_CHARS_MAX, SecretChange, TAGS_MAX, VALUE_BYTES_MAX,
};

/// The longest pause between two reminders, in days.
const REMINDER_DAYS_MAX: i64 = 36_500;
/// What the name of a secret that is made here satisfies.
pub(super) const NAME_RULE: &str = "1 to 255 characters without `:`, `/`, white space or control characters";

/// What is set of a secret.
#[derive(ToSchema)]
#[schema(as = InfisicalSecretIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `SecretBody` reads")]
pub(super) struct SecretBodySchema {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20")]
    project_id: String,
    #[schema(example = "prod")]
    environment: String,
    #[schema(example = "/app/db")]
    secret_path: Option<String>,
    /// White space around it is dropped, but for one line feed at the end. A new secret needs it.
    secret_value: Option<String>,
    secret_comment: Option<String>,
    /// `shared`, which is the default, or `personal` for the caller's own override.
    #[schema(example = "shared")]
    r#type: Option<String>,
    /// Another name, on PATCH.
    new_secret_name: Option<String>,
    tag_ids: Option<Vec<String>>,
    #[schema(value_type = Option<Vec<Object>>, example = json!([{"key": "team", "value": "core"}]))]
    secret_metadata: Option<Vec<serde_json::Value>>,
    skip_multiline_encoding: Option<bool>,
    #[schema(max_length = 1024)]
    secret_reminder_note: Option<String>,
    secret_reminder_repeat_days: Option<u32>,
}

/// What is set of a secret, and of which.
pub(super) struct SecretBody {
    pub(super) project: String,
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) given: Given,
}

impl Read for SecretBody {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let place = place::of_secrets(fields);
        let kind = fields.or("type", Kind::Shared, read::choice(KINDS));
        let given = Given::read(fields);
        Some(Self { project: project?, place: place?, kind: kind?, given: given? })
    }
}

/// Which secret is deleted, for the document.
#[derive(ToSchema)]
#[schema(as = InfisicalSecretDeletion, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents what `DeleteBody` reads")]
pub(super) struct DeleteBodySchema {
    /// The project's id or slug; also `workspaceId`, `workspaceSlug` and `projectSlug`.
    project_id: String,
    #[schema(example = "prod")]
    environment: String,
    #[schema(example = "/app/db")]
    secret_path: Option<String>,
    /// `shared`, which is the default, or `personal` for the caller's own override.
    r#type: Option<String>,
}

/// Which secret is deleted.
pub(super) struct DeleteBody {
    pub(super) project: String,
    pub(super) place: Place,
    pub(super) kind: Kind,
}

impl Read for DeleteBody {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let project = project(fields);
        let place = place::of_secrets(fields);
        let kind = fields.or("type", Kind::Shared, read::choice(KINDS));
        Some(Self { project: project?, place: place?, kind: kind? })
    }
}

/// What is set of one secret, alone or in a batch.
pub(super) struct Given {
    /// All but the tags, which are named by their ids here.
    pub(super) change: SecretChange,
    pub(super) tags: Option<Vec<TagUid>>,
}

impl Given {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = new_name(fields);
        let value = value(fields);
        let comment = fields.optional("secretComment", read::text(COMMENT_CHARS_MAX));
        let metadata = metadata(fields);
        let skip_multiline_encoding = fields.patch("skipMultilineEncoding", read::boolean);
        let reminder_note = fields.patch("secretReminderNote", read::text(REMINDER_NOTE_CHARS_MAX));
        let days = fields.patch("secretReminderRepeatDays", read::integer(0..=REMINDER_DAYS_MAX));
        let tags = fields.optional("tagIds", read::list(TAGS_MAX, read::parsed::<TagUid>("must be the id of a tag")));
        let change = SecretChange {
            name: name?,
            value: value?,
            comment: comment?,
            tags: None,
            metadata: metadata?,
            skip_multiline_encoding: skip_multiline_encoding?,
            reminder_note: reminder_note?,
            reminder_repeat_days: repeat_days(days?),
        };
        Some(Self { change, tags: tags? })
    }
}

fn repeat_days(days: Patch<i64>) -> Patch<u32> {
    match days {
        Patch::Keep => Patch::Keep,
        Patch::Set(days) if days > 0 => u32::try_from(days).map_or(Patch::Clear, Patch::Set),
        Patch::Clear | Patch::Set(_) => Patch::Clear,
    }
}

#[expect(
    clippy::option_option,
    reason = "the outer option tells whether a complaint was made, as in `Fields::optional`"
)]
fn new_name(fields: &mut Fields<'_>) -> Option<Option<SecretName>> {
    match fields.optional("newSecretName", read::text(1_000))? {
        None => Some(None),
        Some(text) => {
            let name = made_name(&text);
            name.map(Some).or_else(|| fields.refuse("newSecretName", violation::MALFORMED, NAME_RULE))
        }
    }
}

/// The name of a secret that is made or renamed here: stricter than what may be read.
pub(super) fn made_name(text: &str) -> Option<SecretName> {
    let is_allowed = !text.chars().any(|c| c == ':' || c.is_whitespace());
    text.parse().ok().filter(|_| is_allowed)
}

/// The name of the path, for a secret that is made.
///
/// # Errors
/// `invalid_request`.
pub(super) fn name_of_path(text: &str) -> crate::domain::Result<SecretName> {
    let malformed = || crate::domain::Violation::new("/secretName", violation::MALFORMED, NAME_RULE);
    made_name(text.trim()).ok_or_else(|| crate::domain::Error::invalid(vec![malformed()]))
}

/// The name of a secret in a batch.
pub(super) fn key(fields: &mut Fields<'_>, is_made: bool) -> Option<SecretName> {
    fields.aliases("secretKey", &["secretName"]);
    let text = fields.required("secretKey", read::text(1_000))?;
    let name = if is_made { made_name(&text) } else { text.parse().ok() };
    name.or_else(|| fields.refuse("secretKey", violation::MALFORMED, NAME_RULE))
}

/// The folder that an item of a batch names for itself.
#[expect(
    clippy::option_option,
    reason = "the outer option tells whether a complaint was made, as in `Fields::optional`"
)]
pub(super) fn own_path(fields: &mut Fields<'_>) -> Option<Option<FolderPath>> {
    fields.optional("secretPath", place::path)
}

/// The value, normalised.
#[expect(
    clippy::option_option,
    reason = "the outer option tells whether a complaint was made, as in `Fields::optional`"
)]
fn value(fields: &mut Fields<'_>) -> Option<Option<Secret<String>>> {
    let given = match fields.take_verbatim("secretValue") {
        None | Some(Value::Null) => return Some(None),
        Some(Value::String(text)) => Secret::new(text),
        Some(_) => return fields.refuse("secretValue", violation::WRONG_TYPE, "must be a text"),
    };
    let value = normalised(&given);
    if value.expose().len() > VALUE_BYTES_MAX {
        let detail = format!("must have at most {VALUE_BYTES_MAX} bytes");
        return fields.refuse("secretValue", violation::TOO_LONG, detail);
    }
    Some(Some(value))
}

/// White space around a value is dropped; where it ends in a line feed, exactly one is kept.
fn normalised(value: &Secret<String>) -> Secret<String> {
    let text = value.expose();
    let end = if text.ends_with('\n') { "\n" } else { "" };
    Secret::new([text.trim(), end].concat())
}

/// Metadata: a list of pairs, or an object as older clients send it.
#[expect(
    clippy::option_option,
    reason = "the outer option tells whether a complaint was made, as in `Fields::optional`"
)]
fn metadata(fields: &mut Fields<'_>) -> Option<Option<BTreeMap<String, String>>> {
    let pairs = fields.optional("secretMetadata", read::list(METADATA_MAX, read::object::<Pair>));
    let members = fields.optional("metadata", read::map(METADATA_MAX, read::text(2_000)));
    let (pairs, members) = (pairs?, members?);
    let Some(pairs) = pairs else { return Some(members) };
    let mut metadata = BTreeMap::new();
    for Pair { key, value } in pairs {
        if metadata.insert(key, value).is_some() {
            return fields.refuse("secretMetadata", violation::DUPLICATE, "a key stands twice");
        }
    }
    Some(Some(metadata))
}

struct Pair {
    key: String,
    value: String,
}

impl Read for Pair {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let key = fields.required("key", read::filled_text(100));
        let value = fields.or("value", String::new(), read::text(2_000));
        Some(Self { key: key?, value: value? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fields::read_body_leniently;

    #[test]
    fn a_value_is_normalised() {
        for (given, expect) in [
            ("x", "x"),
            ("  x ", "x"),
            ("", ""),
            ("x\n", "x\n"),
            (" x \n\n ", "x"),
            ("x\n\n\n", "x\n"),
            ("a\nb", "a\nb"),
            ("\n", "\n"),
            ("x\r\n", "x\n"),
        ] {
            assert_eq!(normalised(&Secret::from(given)).expose(), expect, "{given:?}");
        }
    }

    #[test]
    fn a_new_name_holds_to_the_rule() {
        for (text, expect) in
            [("DB_URL", true), ("a.b-c", true), ("a b", false), ("a:b", false), ("a/b", false), ("", false)]
        {
            assert_eq!(made_name(text).is_some(), expect, "{text:?}");
        }
    }

    #[test]
    fn what_is_left_out_is_kept_and_null_clears() {
        let body =
            r#"{"workspaceId":"p","environment":"dev","secretReminderNote":null,"secretReminderRepeatDays":"7"}"#;
        let read: SecretBody = read_body_leniently(body.as_bytes()).expect("it is complete");
        let change = read.given.change;
        assert!(change.value.is_none() && change.comment.is_none() && read.given.tags.is_none());
        assert_eq!(change.reminder_note, Patch::Clear);
        assert_eq!(change.reminder_repeat_days, Patch::Set(7));
        assert_eq!(change.skip_multiline_encoding, Patch::Keep);
    }

    #[test]
    fn metadata_is_a_list_of_pairs_or_an_object() {
        for body in [
            r#"{"projectId":"p","environment":"dev","secretMetadata":[{"key":"a","value":"1","isEncrypted":false}]}"#,
            r#"{"projectId":"p","environment":"dev","metadata":{"a":"1"}}"#,
        ] {
            let read: SecretBody = read_body_leniently(body.as_bytes()).expect("it is complete");
            let expect = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
            assert_eq!(read.given.change.metadata, Some(expect), "{body}");
        }
        let twice = r#"{"projectId":"p","environment":"dev","secretMetadata":[{"key":"a"},{"key":"a"}]}"#;
        assert!(read_body_leniently::<SecretBody>(twice.as_bytes()).is_err());
    }
}
