//! Where things stand, as clients of this dialect say it: an environment's slug and a folder's path.

use serde_json::Value;

use crate::api::fields::{At, Fields, read};
use crate::domain::error::violation;
use crate::domain::name::{FolderPath, Slug};
use crate::service::folders::Place;

/// The environment that a request names.
///
/// Answers as [`Fields::required`].
pub(crate) fn environment(fields: &mut Fields<'_>) -> Option<Slug> {
    fields.required("environment", read::name::<Slug>)
}

/// A folder's path; slashes may be missing before it and stand behind it, and nothing is the root.
pub(crate) fn path(at: &At<'_>, value: Value) -> Option<FolderPath> {
    let Value::String(text) = value else { return at.refuse(violation::WRONG_TYPE, "must be a text") };
    let parsed = format!("/{}", text.trim_matches('/')).parse();
    parsed.ok().or_else(|| at.refuse(violation::MALFORMED, "must be a folder path as `/app/db`"))
}

/// Environment and `secretPath`, which is the root where it is left out.
///
/// Answers as [`Fields::required`].
pub(crate) fn of_secrets(fields: &mut Fields<'_>) -> Option<Place> {
    let environment = environment(fields);
    let path = fields.or("secretPath", FolderPath::root(), path);
    Some(Place { environment: environment?, path: path? })
}

/// Environment and `path`, also called `directory`, which is the root where it is left out.
///
/// Answers as [`Fields::required`].
pub(crate) fn of_folders(fields: &mut Fields<'_>) -> Option<Place> {
    fields.aliases("path", &["directory", "secretPath"]);
    let environment = environment(fields);
    let path = fields.or("path", FolderPath::root(), path);
    Some(Place { environment: environment?, path: path? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fields::{Read, read_body_leniently};

    struct Given(Place);

    impl Read for Given {
        fn read(fields: &mut Fields<'_>) -> Option<Self> {
            of_folders(fields).map(Self)
        }
    }

    #[test]
    fn a_path_has_one_meaning_in_all_its_spellings() {
        for (body, expect) in [
            (r#"{"environment":"dev"}"#, Some("/")),
            (r#"{"environment":"dev","path":"/"}"#, Some("/")),
            (r#"{"environment":"dev","path":""}"#, Some("/")),
            (r#"{"environment":"dev","path":" /a/b/ "}"#, Some("/a/b")),
            (r#"{"environment":"dev","directory":"a/b"}"#, Some("/a/b")),
            (r#"{"environment":"dev","path":"/a","directory":"/b"}"#, Some("/a")),
            (r#"{"environment":"dev","path":"/a/../b"}"#, None),
            (r#"{"environment":"dev","path":"/a//b"}"#, None),
        ] {
            let read = read_body_leniently::<Given>(body.as_bytes());
            assert_eq!(read.ok().map(|given| given.0.path.to_string()).as_deref(), expect, "{body}");
        }
    }
}
