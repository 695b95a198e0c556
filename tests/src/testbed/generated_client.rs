//! A client that a generator makes of the OpenAPI document: generated, compiled under the strictest rules and run.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::install::{answer, run};
use super::node::packages;

const PACKAGE: &str = include_str!("../../testbeds/openapi/package.json");
const PACKAGE_LOCK: &str = include_str!("../../testbeds/openapi/package-lock.json");
const RULES: &str = include_str!("../../testbeds/openapi/tsconfig.json");
const WALK: &str = include_str!("../../testbeds/openapi/walk.ts");

/// What `walk.ts` made of the host at `url`.
///
/// # Panics
/// When a client cannot be generated or does not compile, or the walk ends with an error.
#[must_use]
pub fn in_typescript(document: &str, (url, token): (&str, &str)) -> Value {
    let tools = packages("openapi-node", (PACKAGE, PACKAGE_LOCK)).join("node_modules/.bin");
    let folder = TempDir::new().expect("temporary folders can be made");
    let folder = folder.path();
    for (name, text) in [("openapi.json", document), ("tsconfig.json", RULES), ("walk.ts", WALK)] {
        fs::write(folder.join(name), text).expect("a temporary folder is writable");
    }
    run(Command::new(tools.join("openapi-ts"))
        .args(["--input", "openapi.json", "--output", "client", "--client", "@hey-api/client-fetch", "--no-log-file"])
        .current_dir(folder));
    run(Command::new(tools.join("tsc")).current_dir(folder));
    answer(Command::new("node").arg(folder.join("walk.js")).arg(json!({"url": url, "token": token}).to_string()))
}
