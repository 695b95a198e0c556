//! Names, parsed once: what holds one of these types has been checked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no name of the wanted kind. Never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub &'static str);

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $check:path, $rule:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every name of this kind satisfies, for people.
            pub const RULE: &'static str = $rule;

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                if $check(&text) { Ok(Self(text)) } else { Err(InvalidName($rule)) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// The id of a tenant, an integration, a sync or an environment, as it stands in paths.
    Slug = is_slug, "letters, digits, `_` and `-`; 1 to 150 characters";
    /// The name of a secret within its folder.
    SecretName = is_secret_name, "1 to 255 characters without `/`, control characters or white space at either end, and not `.` or `..`";
    /// The name of one folder within its parent.
    FolderName = is_folder_name, "letters, digits, `_`, `-` and `.`; 1 to 100 characters, and not `.` or `..`";
    /// What people call a machine identity or a key.
    Label = is_label, "1 to 100 characters without control characters or white space at either end";
    /// A tag.
    Tag = is_tag, "letters, digits, `_`, `-`, `.`, `:` and `/`; 1 to 64 characters";
}

impl Slug {
    /// A slug made from a name for people: what a slug cannot hold becomes `-`, and it is cut to `characters_max`. `None` where
    /// nothing of the name is left.
    #[must_use]
    pub fn near(name: &str, characters_max: usize) -> Option<Self> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let text: String = name.chars().map(|c| if fits(c) { c } else { '-' }).take(characters_max).collect();
        text.bytes().any(|b| b.is_ascii_alphanumeric()).then(|| text.parse().ok()).flatten()
    }
}

fn is_slug(text: &str) -> bool {
    (1..=150).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_secret_name(text: &str) -> bool {
    let length = text.chars().count();
    (1..=255).contains(&length)
        && text != "."
        && text != ".."
        && text.trim() == text
        && !text.chars().any(|c| c == '/' || c.is_control())
}

fn is_folder_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text != "."
        && text != ".."
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn is_label(text: &str) -> bool {
    (1..=100).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(char::is_control)
}

fn is_tag(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'))
}

/// The greatest number of folders on a path.
pub const FOLDER_DEPTH_MAX: usize = 32;

/// An absolute folder path: `/`, or folder names each led by a slash. No trailing slash.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderPath(Vec<FolderName>);

impl FolderPath {
    /// The root of an environment.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The folders from the root down.
    #[must_use]
    pub fn segments(&self) -> &[FolderName] {
        &self.0
    }

    /// This path with one more folder.
    #[must_use]
    pub fn join(&self, name: FolderName) -> Self {
        let mut segments = self.0.clone();
        segments.push(name);
        Self(segments)
    }
}

impl FromStr for FolderPath {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let relative = text.strip_prefix('/').ok_or(InvalidName("a folder path begins with `/`"))?;
        let relative = relative.strip_suffix('/').unwrap_or(relative);
        if relative.is_empty() {
            return Ok(Self::root());
        }
        let segments = relative.split('/').map(str::parse).collect::<Result<Vec<FolderName>, _>>()?;
        if segments.len() > FOLDER_DEPTH_MAX {
            return Err(InvalidName("a folder path has at most 32 folders"));
        }
        Ok(Self(segments))
    }
}

impl TryFrom<String> for FolderPath {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<FolderPath> for String {
    fn from(path: FolderPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_hold_to_their_alphabet_and_length() {
        let longest = "a".repeat(150);
        for (text, expect) in
            [("acme", true), ("a_B-9", true), ("", false), ("a.b", false), ("a:b", false), (&longest, true)]
        {
            assert_eq!(text.parse::<Slug>().is_ok(), expect, "{text}");
        }
        assert!("a".repeat(151).parse::<Slug>().is_err());
    }

    #[test]
    fn folder_paths_are_absolute_and_canonical() {
        for (text, expect) in [
            ("/", Some("/")),
            ("/a/b", Some("/a/b")),
            ("/a/b/", Some("/a/b")),
            ("a", None),
            ("//a", None),
            ("/a/../b", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<FolderPath>().ok().map(|p| p.to_string()).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn secret_names_refuse_what_would_change_meaning_in_a_path() {
        for (text, expect) in [
            ("DATABASE_URL", true),
            ("a b", true),
            ("ключ", true),
            ("a/b", false),
            ("..", false),
            (" a", false),
            ("a\n", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<SecretName>().is_ok(), expect, "{text:?}");
        }
    }
}
