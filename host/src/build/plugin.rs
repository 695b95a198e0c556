//! Turns plugin crates into components, and leaves alone what has not changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::component::{digest, require_component};
use super::files::{Lock, read, replace};
use super::fingerprint::{self, Stamp};
use super::manifest::Manifest;
use super::process::{command, spawn, tail};
use super::{Error, Options, Progress, Result, Target, Toolchain};

/// A plugin on disk, ready to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltPlugin {
    /// The package's name.
    pub name: String,
    /// The package's folder.
    pub folder: PathBuf,
    /// The component: `<target folder>/<name>.wasm`.
    pub path: PathBuf,
    /// SHA-256 of the component in lower-case hexadecimal.
    pub digest: String,
    /// The component's size.
    pub bytes: u64,
    /// Whether cargo ran for it, or it was there already.
    pub rebuilt: bool,
}

/// Builds the plugin whose `Cargo.toml` lies in `folder`.
///
/// # Errors
/// As [`build_all`].
pub async fn build_plugin(folder: &Path, options: &Options, progress: &dyn Progress) -> Result<BuiltPlugin> {
    let mut built = build_all(&[folder], options, progress).await?;
    Ok(built.pop().expect("one folder goes in, so one plugin comes out"))
}

/// Builds the plugins in `folders` and returns them in that order; those of one workspace are compiled together.
///
/// # Errors
/// [`Error::Compile`] with cargo's words; [`Error::TargetUnavailable`]; [`Error::Manifest`] for what is no plugin.
pub async fn build_all(
    folders: &[impl AsRef<Path>],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Vec<BuiltPlugin>> {
    let manifests = folders.iter().map(|folder| Manifest::read(folder.as_ref())).collect::<Result<Vec<_>>>()?;
    let mut workspaces = BTreeMap::<&Path, Vec<&Manifest>>::new();
    for manifest in &manifests {
        workspaces.entry(&manifest.root).or_default().push(manifest);
    }
    let mut built = BTreeMap::new();
    for (root, members) in workspaces {
        let workspace = Workspace::new(root, options, progress).await?;
        built.extend(workspace.build(members).await?);
    }
    let of = |manifest: &Manifest| built.get(&manifest.folder).cloned().expect("every plugin was built or is an error");
    Ok(manifests.iter().map(of).collect())
}

/// One build of some plugins of one workspace.
struct Workspace<'a> {
    root: &'a Path,
    target_dir: PathBuf,
    toolchain: Toolchain,
    options: &'a Options,
    progress: &'a dyn Progress,
}

impl<'a> Workspace<'a> {
    async fn new(root: &'a Path, options: &'a Options, progress: &'a dyn Progress) -> Result<Self> {
        let toolchain = Toolchain::of(root).await?;
        Ok(Self { root, target_dir: options.target_dir_for(root), toolchain, options, progress })
    }

    async fn build(&self, members: Vec<&Manifest>) -> Result<BTreeMap<PathBuf, BuiltPlugin>> {
        let (mut built, stale) = self.sort(members)?;
        if stale.is_empty() {
            return Ok(built);
        }
        let target = Target::ensure(self.root, self.options, self.progress).await?;
        let _lock = Lock::acquire(self.target_dir.join(".keyferry-build.lock")).await?;
        // Whoever held the lock may have built the same.
        let (fresh, stale) = self.sort(stale)?;
        built.extend(fresh);
        if !stale.is_empty() {
            built.extend(self.compile(&stale, &target).await?);
        }
        Ok(built)
    }

    /// Parts what is built already from what must be compiled.
    fn sort<'m>(&self, members: Vec<&'m Manifest>) -> Result<(BTreeMap<PathBuf, BuiltPlugin>, Vec<&'m Manifest>)> {
        let (mut fresh, mut stale) = (BTreeMap::new(), Vec::new());
        for manifest in members {
            match self.existing(manifest)? {
                Some(plugin) => drop(fresh.insert(manifest.folder.clone(), plugin)),
                None => stale.push(manifest),
            }
        }
        Ok((fresh, stale))
    }

    fn existing(&self, manifest: &Manifest) -> Result<Option<BuiltPlugin>> {
        let path = self.place(manifest);
        let stamp =
            read(&path.with_extension("json")).ok().and_then(|text| serde_json::from_slice::<Stamp>(&text).ok());
        let (Some(stamp), Ok(bytes)) = (stamp, read(&path)) else { return Ok(None) };
        let current = Stamp {
            inputs: fingerprint::inputs(manifest, &self.toolchain)?,
            lock: fingerprint::lock(manifest),
            digest: digest(&bytes),
        };
        let plugin = || BuiltPlugin {
            name: manifest.name.clone(),
            folder: manifest.folder.clone(),
            path,
            digest: current.digest.clone(),
            bytes: bytes.len() as u64,
            rebuilt: false,
        };
        Ok((stamp == current).then(plugin))
    }

    /// Where a plugin is kept, beside what cargo keeps for itself.
    fn place(&self, manifest: &Manifest) -> PathBuf {
        self.target_dir.join(format!("{}.wasm", manifest.name))
    }

    async fn compile(&self, stale: &[&Manifest], target: &Target) -> Result<BTreeMap<PathBuf, BuiltPlugin>> {
        let names = stale.iter().map(|manifest| manifest.name.clone()).collect::<Vec<_>>();
        self.progress.line(&format!("building {}", names.join(", ")));
        let inputs =
            stale.iter().map(|manifest| fingerprint::inputs(manifest, &self.toolchain)).collect::<Result<Vec<_>>>()?;
        let mut artifacts = BTreeMap::new();
        let mut cargo = self.cargo(stale, target)?;
        let finished = follow(spawn(&mut cargo)?, self.progress, &mut artifacts).await?;
        if let Some(stderr) = finished {
            return Err(Error::Compile { plugins: names, stderr });
        }
        let kept = stale.iter().zip(inputs).map(|(manifest, inputs)| {
            let artifact = artifacts.get(&manifest.folder.join("Cargo.toml"));
            let artifact =
                artifact.ok_or_else(|| Error::manifest(manifest.folder.join("Cargo.toml"), "built no component"))?;
            Ok((manifest.folder.clone(), self.keep(manifest, artifact, inputs)?))
        });
        kept.collect()
    }

    fn cargo(&self, stale: &[&Manifest], target: &Target) -> Result<Command> {
        let mut cargo = command("cargo");
        cargo.args(["build", "--lib", "--message-format", "json-render-diagnostics"]);
        cargo.arg("--manifest-path").arg(self.root.join("Cargo.toml"));
        if let Some(first) = stale.first() {
            cargo.args(["--profile", first.profile]);
        }
        for manifest in stale {
            // By place, since a plugin may be named like one of its dependencies.
            let place = url::Url::from_file_path(&manifest.folder)
                .map_err(|()| Error::manifest(&manifest.folder, "cannot be written as a URL"))?;
            cargo.arg("--package").arg(format!("path+{place}#{}", manifest.name));
        }
        cargo.args(target.cargo_arguments(self.remaps()));
        cargo.env("CARGO_TARGET_DIR", &self.target_dir).env("CARGO_TERM_COLOR", "never").current_dir(self.root);
        Ok(cargo)
    }

    /// Flags that keep the author's folders out of panic messages, and so out of the digest.
    fn remaps(&self) -> impl Iterator<Item = String> {
        let cargo_home =
            self.options.cargo_home.iter().map(|home| format!("--remap-path-prefix={}=/cargo", home.display()));
        cargo_home.chain([format!("--remap-path-prefix={}=/plugin", self.root.display())])
    }

    /// Takes what cargo built out of its reach, so that only this tool changes it.
    fn keep(&self, manifest: &Manifest, artifact: &Path, inputs: String) -> Result<BuiltPlugin> {
        let bytes = read(artifact)?;
        require_component(artifact, &bytes)?;
        let path = self.place(manifest);
        let stamp = Stamp { inputs, lock: fingerprint::lock(manifest), digest: digest(&bytes) };
        replace(&path, &bytes)?;
        replace(&path.with_extension("json"), &serde_json::to_vec(&stamp).expect("three texts are JSON"))?;
        Ok(BuiltPlugin {
            name: manifest.name.clone(),
            folder: manifest.folder.clone(),
            path,
            digest: stamp.digest,
            bytes: bytes.len() as u64,
            rebuilt: true,
        })
    }
}

/// Passes cargo's talk on while it runs and notes the components it made, by manifest. Returns the talk if it failed.
async fn follow(
    mut cargo: Child,
    progress: &dyn Progress,
    artifacts: &mut BTreeMap<PathBuf, PathBuf>,
) -> Result<Option<String>> {
    let unreadable = Error::file("read the output of", "cargo");
    let mut stdout = BufReader::new(cargo.stdout.take().expect("output is piped")).lines();
    let mut stderr = BufReader::new(cargo.stderr.take().expect("output is piped"));
    let messages = async {
        while let Some(line) = stdout.next_line().await? {
            artifacts.extend(component_in(&line));
        }
        std::io::Result::Ok(())
    };
    let talk = async {
        let mut whole = Vec::new();
        let mut line = Vec::new();
        while stderr.read_until(b'\n', &mut line).await? > 0 {
            progress.line(String::from_utf8_lossy(&line).trim_end());
            whole.append(&mut line);
        }
        std::io::Result::Ok(whole)
    };
    let ended = async {
        let ((), talk) = tokio::try_join!(messages, talk)?;
        Ok((cargo.wait().await?, talk))
    };
    let (status, talk) = ended.await.map_err(unreadable)?;
    Ok((!status.success()).then(|| tail(&talk)))
}

/// The manifest and the file of a component that one of cargo's messages tells of.
fn component_in(message: &str) -> Option<(PathBuf, PathBuf)> {
    #[derive(serde::Deserialize)]
    struct Message {
        reason: String,
        manifest_path: PathBuf,
        filenames: Vec<PathBuf>,
    }
    let message: Message = serde_json::from_str(message).ok()?;
    let component = message.filenames.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "wasm"))?;
    (message.reason == "compiler-artifact").then_some((message.manifest_path, component))
}
