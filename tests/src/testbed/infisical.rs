//! The official clients of Infisical, unmodified: installed once, and run with a script of what their users do.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::install::answer;
use super::node::packages;
use super::python;

const PACKAGE: &str = include_str!("../../testbeds/infisical/package.json");
const PACKAGE_LOCK: &str = include_str!("../../testbeds/infisical/package-lock.json");
const REQUIREMENTS: &str = include_str!("../../testbeds/infisical/requirements.txt");

/// Credentials of a machine identity.
#[derive(Clone, Debug)]
pub struct Login {
    pub client_id: String,
    pub client_secret: String,
}

impl Login {
    fn to_json(&self) -> Value {
        json!({"clientId": self.client_id, "clientSecret": self.client_secret})
    }
}

/// Where the clients go, and as whom.
#[derive(Clone, Debug)]
pub struct Given {
    /// The host's address, without a path.
    pub site_url: String,
    /// The project's id.
    pub project: String,
    /// Who may write and see values.
    pub writer: Login,
    /// Who may only see names.
    pub reader: Login,
}

impl Given {
    fn to_json(&self) -> String {
        let Self { site_url, project, writer, reader } = self;
        json!({"siteUrl": site_url, "project": project, "writer": writer.to_json(), "reader": reader.to_json()})
            .to_string()
    }
}

fn script(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/testbeds/infisical")).join(name)
}

/// What came of each step of `client.mjs`.
///
/// # Panics
/// When the client cannot be installed, or ends with an error.
#[must_use]
pub fn with_node(given: &Given) -> Value {
    let folder = packages("infisical-node", (PACKAGE, PACKAGE_LOCK));
    answer(Command::new("node").arg(script("client.mjs")).arg(folder).arg(given.to_json()))
}

/// What came of each step of `client.py`.
///
/// # Panics
/// When the client cannot be installed, or ends with an error.
#[must_use]
pub fn with_python(given: &Given) -> Value {
    // Every part is named in the list; what they ask of each other is told in `requirements.in`.
    let programs = python::environment("infisical-python", (REQUIREMENTS, &script("requirements.txt")), &["--no-deps"]);
    answer(Command::new(programs.join("python")).arg(script("client.py")).arg(given.to_json()))
}
