//! The tool that builds plugins, on small crates made for the purpose.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use keyferry::build::{BuiltPlugin, Error, Options, Progress, build_all, build_plugin};
use tempfile::TempDir;

/// A folder with plugin crates, built in a target folder of its own.
struct Workshop {
    folder: TempDir,
    options: Options,
    said: Mutex<Vec<String>>,
}

impl Progress for Workshop {
    fn line(&self, text: &str) {
        self.said.lock().unwrap().push(text.to_owned());
    }
}

impl Workshop {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut options = Options::from_environment().unwrap();
        options.target_dir = Some(folder.path().join("built"));
        Self { folder, options, said: Mutex::default() }
    }

    fn with_crate(self, name: &str, body: &str) -> Self {
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n"
        );
        self.write(&format!("{name}/Cargo.toml"), &manifest);
        self.write(&format!("{name}/src/lib.rs"), body);
        self
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn build(&self, name: &str) -> Result<BuiltPlugin, Error> {
        build_plugin(&self.folder.path().join(name), &self.options, self).await
    }

    /// Whether cargo has said anything since the last question.
    fn cargo_ran(&self) -> bool {
        self.said.lock().unwrap().drain(..).any(|line| line.contains("Compiling") || line.contains("Finished"))
    }
}

const ANSWER: &str = "#[unsafe(no_mangle)]\npub extern \"C\" fn answer() -> u32 { 42 }\n";

fn is_component(path: &Path) -> bool {
    fs::read(path).unwrap().starts_with(b"\0asm\x0d\0\x01\0")
}

#[tokio::test]
async fn plugin_is_rebuilt_when_its_sources_change_and_not_otherwise() {
    let workshop = Workshop::new().with_crate("acme", ANSWER);
    let first = workshop.build("acme").await.unwrap();
    assert!(first.rebuilt && workshop.cargo_ran() && is_component(&first.path));
    assert_eq!((first.name.as_str(), first.bytes), ("acme", fs::metadata(&first.path).unwrap().len()));

    let second = workshop.build("acme").await.unwrap();
    assert!(!workshop.cargo_ran(), "cargo is not even started");
    assert_eq!(second, BuiltPlugin { rebuilt: false, ..first.clone() });

    workshop.write("acme/src/lib.rs", &ANSWER.replace("42", "43"));
    let third = workshop.build("acme").await.unwrap();
    assert!(third.rebuilt && workshop.cargo_ran());
    assert_ne!(third.digest, first.digest);
}

#[tokio::test]
async fn damaged_component_is_built_again() {
    let workshop = Workshop::new().with_crate("acme", ANSWER);
    let first = workshop.build("acme").await.unwrap();
    fs::write(&first.path, "damaged").unwrap();
    let second = workshop.build("acme").await.unwrap();
    assert_eq!(second, first, "the same bytes come out, built anew");
}

#[tokio::test]
async fn compile_error_is_told_in_the_words_of_cargo_and_keeps_nothing() {
    let workshop = Workshop::new().with_crate("acme", "pub fn broken() -> u32 { absent }\n");
    let Err(Error::Compile { plugins, stderr }) = workshop.build("acme").await else { panic!("it must not compile") };
    assert_eq!(plugins, ["acme"]);
    assert!(stderr.contains("cannot find value `absent`") && stderr.contains("src/lib.rs:1:"), "{stderr}");
    workshop.write("acme/src/lib.rs", ANSWER);
    assert!(workshop.build("acme").await.unwrap().rebuilt);
}

#[tokio::test]
async fn plugins_come_back_in_the_order_asked_for() {
    let workshop = Workshop::new().with_crate("one", ANSWER).with_crate("two", ANSWER);
    let folders = ["two", "one", "two"].map(|name| workshop.folder.path().join(name));
    let built = build_all(&folders, &workshop.options, &workshop).await.unwrap();
    assert_eq!(built.iter().map(|plugin| plugin.name.as_str()).collect::<Vec<_>>(), ["two", "one", "two"]);
}

#[tokio::test]
async fn concurrent_builds_compile_once() {
    let workshop = Workshop::new().with_crate("acme", ANSWER);
    let (one, two) = tokio::join!(workshop.build("acme"), workshop.build("acme"));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.digest, two.digest);
    assert_eq!(usize::from(one.rebuilt) + usize::from(two.rebuilt), 1, "one builds, the other waits and finds it");
}

#[tokio::test]
async fn component_names_no_folder_of_this_machine() {
    let workshop = Workshop::new().with_crate(
        "acme",
        "#[unsafe(no_mangle)]\npub extern \"C\" fn answer(x: u32) -> u32 { assert!(x > 1, \"{}\", file!()); x.checked_sub(3).unwrap() }\n",
    );
    let built = workshop.build("acme").await.unwrap();
    let bytes = fs::read(built.path).unwrap();
    let options = &workshop.options;
    for folder in [workshop.folder.path(), options.cargo_home.as_deref().unwrap(), options.cache_dir.as_path()] {
        let name = folder.as_os_str().as_encoded_bytes();
        assert!(!bytes.windows(name.len()).any(|window| window == name), "{} stands in it", folder.display());
    }
}

#[tokio::test]
async fn crate_that_is_no_plugin_is_refused_before_cargo_runs() {
    let workshop = Workshop::new().with_crate("acme", ANSWER);
    workshop.write("acme/Cargo.toml", "[package]\nname = \"acme\"\n");
    let error = workshop.build("acme").await.unwrap_err();
    assert!(error.to_string().contains("cdylib") && !workshop.cargo_ran(), "{error}");
}
