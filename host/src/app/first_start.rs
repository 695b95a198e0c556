//! What a first start would meet, found out without making anything.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{Access, access};

use super::adapters::{self, Program, RootKeyOrigin};
use super::error::StartError;
use crate::config::{Config, RootKey};
use crate::crypto::root::file;
use crate::telemetry::Metrics;

/// Whether there is no store yet.
#[must_use]
pub fn is_first_start(config: &Config) -> bool {
    !adapters::store_file(config).exists()
}

/// Where a first start would have the root key from.
///
/// # Errors
/// [`StartError`], naming what would keep the host from starting.
pub fn check_first_start(config: &Config, program: &Program) -> Result<RootKeyOrigin, StartError> {
    let directory = &config.store.data_dir;
    makeable(directory).map_err(|source| StartError::DataDirectory { path: directory.clone(), source })?;
    adapters::bare_runner(program)?;
    adapters::egress(&config.egress, Arc::new(Metrics::new()), None)?;
    match &config.crypto.root {
        RootKey::File(path) if !path.exists() => {
            file::check_place(path, directory).map_err(StartError::RootKey)?;
            let parent = path.parent().unwrap_or(Path::new("/"));
            makeable(parent).map_err(|source| StartError::DataDirectory { path: parent.to_owned(), source })?;
            Ok(RootKeyOrigin::NewFile(path.clone()))
        }
        root => adapters::root_key(root, directory, false).map(|(_, origin)| origin),
    }
}

/// Whether the folder is there to be written to, or can be made.
fn makeable(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let there = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
    if !there.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(access(there, Access::WRITE_OK | Access::EXEC_OK)?)
}
