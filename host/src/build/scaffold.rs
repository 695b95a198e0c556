//! Starts a new plugin project from a template that the binary carries, so that an installed host needs no checkout.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::{Staging, create_dir};
use super::{Error, Result};

macro_rules! template_file {
    ($language:literal, $path:literal) => {
        ($path, include_str!(concat!("../../../sdk/templates/", $language, "/", $path)))
    };
}

/// The template's files: where they go, and what is in them.
const RUST: &[(&str, &str)] = &[
    template_file!("rust", "Cargo.toml"),
    template_file!("rust", ".gitignore"),
    template_file!("rust", "README.md"),
    template_file!("rust", "src/lib.rs"),
    template_file!("rust", "tests/unit.rs"),
];

/// A language that plugins can be started in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Rust,
}

impl Language {
    /// Every language, for help texts.
    pub const ALL: &'static [Self] = &[Self::Rust];

    /// The name on the command line.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Rust => "rust",
        }
    }

    fn template(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Rust => RUST,
        }
    }
}

impl std::str::FromStr for Language {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.iter().map(|language| language.text()).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.iter().find(|language| language.text() == text).copied();
        found.ok_or_else(|| Error::Scaffold(format!("there is no template for `{text}`; there are: {known}")))
    }
}

/// Where a new project finds the SDK.
#[derive(Clone, Debug)]
pub enum Sdk {
    /// As a published crate of this version.
    Version(String),
    /// In a checkout, at this folder.
    Path(PathBuf),
}

impl Sdk {
    /// The right side of a dependency in `Cargo.toml`.
    fn dependency(&self) -> String {
        match self {
            Self::Version(version) => toml::Value::String(version.clone()).to_string(),
            Self::Path(path) => format!("{{ path = {} }}", toml::Value::String(path.display().to_string())),
        }
    }
}

/// A project as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The project's folder.
    pub folder: PathBuf,
    /// The files below it, in the template's order.
    pub files: Vec<PathBuf>,
}

/// The longest name of a plugin, in bytes: ids of integrations have room for more, but tables and logs do not.
const NAME_BYTES_MAX: usize = 64;

/// Writes a new project to `parent/name`, whole or not at all.
///
/// # Errors
/// [`Error::Scaffold`] when the name cannot be a plugin's or the folder is there already.
pub fn new_plugin(parent: &Path, name: &str, language: Language, sdk: &Sdk) -> Result<Project> {
    require_name(name)?;
    let folder = parent.join(name);
    if folder.exists() {
        return Err(Error::Scaffold(format!("`{}` is there already", folder.display())));
    }
    let staging = Staging::new(folder)?;
    for (path, text) in language.template() {
        let place = staging.path().join(path);
        create_dir(place.parent().expect("a file below a folder has a parent"))?;
        fs::write(&place, expand(text, name, sdk)).map_err(Error::file("write", place))?;
    }
    let folder = staging.publish()?;
    let files = language.template().iter().map(|(path, _)| PathBuf::from(path)).collect();
    Ok(Project { folder, files })
}

/// A name is a crate's and an integration's at once, so the stricter rules of both hold.
fn require_name(name: &str) -> Result<()> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let begins_well = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if begins_well && name.len() <= NAME_BYTES_MAX && name.split('-').all(is_word) {
        return Ok(());
    }
    Err(Error::Scaffold(format!(
        "a plugin's name is lower-case letters, digits and single hyphens, begins with a letter and has at most \
         {NAME_BYTES_MAX} characters, for instance `acme-vault`"
    )))
}

fn expand(template: &str, name: &str, sdk: &Sdk) -> String {
    template
        .replace("{{name}}", name)
        .replace("{{crate_name}}", &name.replace('-', "_"))
        .replace("{{type_name}}", &camel_case(name))
        .replace("{{sdk}}", &sdk.dependency())
}

fn camel_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or(("", word));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_crates_and_integrations_pass() {
        for (name, passes) in [
            ("acme", true),
            ("acme-vault2", true),
            ("a", true),
            ("", false),
            ("2acme", false),
            ("-acme", false),
            ("acme-", false),
            ("acme--vault", false),
            ("Acme", false),
            ("acme_vault", false),
            ("../acme", false),
            ("acmé", false),
        ] {
            assert_eq!(require_name(name).is_ok(), passes, "{name}");
        }
        assert!(require_name(&"a".repeat(NAME_BYTES_MAX)).is_ok());
        assert!(require_name(&"a".repeat(NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn placeholders_are_filled_in() {
        let text = "{{name}} {{crate_name}} {{type_name}} sdk = {{sdk}}";
        let version = Sdk::Version("0.1".to_owned());
        assert_eq!(expand(text, "acme-vault", &version), "acme-vault acme_vault AcmeVault sdk = \"0.1\"");
        let path = Sdk::Path(PathBuf::from("/a b/sdk"));
        assert_eq!(expand("{{sdk}}", "acme", &path), "{ path = \"/a b/sdk\" }");
    }

    #[test]
    fn no_template_keeps_a_placeholder() {
        for language in Language::ALL {
            assert!(!language.template().is_empty());
            for (path, text) in language.template() {
                let text = expand(text, "acme-vault", &Sdk::Version("0.1".to_owned()));
                assert!(!text.contains("{{"), "{path} keeps a placeholder");
            }
        }
    }

    #[test]
    fn every_file_of_a_template_is_carried() {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/templates");
        for language in Language::ALL {
            let mut folders = vec![templates.join(language.text())];
            let mut found = Vec::new();
            while let Some(folder) = folders.pop() {
                for path in super::super::files::entries(&folder).unwrap() {
                    if path.is_dir() { folders.push(path) } else { found.push(path) }
                }
            }
            let carried = language.template().iter().map(|(path, _)| templates.join(language.text()).join(path));
            let carried = carried.collect::<std::collections::BTreeSet<_>>();
            assert_eq!(carried, found.into_iter().collect());
        }
    }

    #[test]
    fn existing_folder_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("acme")).unwrap();
        let error = new_plugin(parent.path(), "acme", Language::Rust, &Sdk::Version("0.1".to_owned())).unwrap_err();
        assert!(error.to_string().contains("there already"), "{error}");
        assert_eq!(fs::read_dir(parent.path().join("acme")).unwrap().count(), 0);
    }

    #[test]
    fn unknown_language_is_answered_with_the_known_ones() {
        let error = "cobol".parse::<Language>().unwrap_err().to_string();
        assert!(error.contains("`cobol`") && error.contains("rust"), "{error}");
    }
}
