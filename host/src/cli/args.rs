//! Arguments: clap types only, no behaviour.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Carries secrets from one trusted place to everywhere they are used
#[derive(Debug, Parser)]
#[command(name = "keyferry", version, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub connection: ServerArguments,
    /// Print JSON to standard output instead of text
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Which server, as whom
#[derive(Clone, Debug, Args)]
pub struct ServerArguments {
    /// The server's address
    #[arg(long, global = true, env = "KEYFERRY_URL", default_value = "http://127.0.0.1:8080", help_heading = "Server")]
    pub url: String,
    /// An access token; `dev` writes one to `dev.env`
    #[arg(long, global = true, env = "KEYFERRY_TOKEN", hide_env_values = true, help_heading = "Server")]
    pub token: Option<String>,
    /// The tenant to work in
    #[arg(long, global = true, env = "KEYFERRY_TENANT", default_value = "dev", help_heading = "Server")]
    pub tenant: String,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the host
    Serve(ServeArguments),
    /// Run the host for development: all bundled plugins, a tenant, a token, loopback only
    Dev(DevArguments),
    /// Check the configuration, the store, the root key and every plugin, without serving
    Check(ServeArguments),
    /// Write, build, inspect and install plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Tenants (administrator)
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Environments of the tenant
    #[command(subcommand)]
    Environment(EnvironmentCommand),
    /// Integration types of the tenant
    #[command(subcommand)]
    Integration(IntegrationCommand),
    /// Connections: parameters and credentials of an integration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Secrets
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Syncs: plan, run, watch
    #[command(subcommand)]
    Sync(SyncCommand),
    /// Exchange a machine identity's client id and secret for an access token, or make one for the administrator
    Token(TokenArguments),
    /// Print the OpenAPI document of this build
    Openapi,
    /// Print a completion script
    Completions {
        /// The shell to complete for
        shell: clap_complete::Shell,
    },
    /// Compile one component from standard input; the host runs this in a process of its own
    #[command(hide = true)]
    CompileWorker(CompileWorkerArguments),
}

/// What the host passes to its compile worker
#[derive(Debug, Args)]
#[command(trailing_var_arg = true)]
pub struct CompileWorkerArguments {
    #[arg(allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub struct ServeArguments {
    /// A configuration file (TOML); the options are documented in host/config.default.toml
    #[arg(long, env = "KEYFERRY_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where the API listens
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Where the database lives
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// A file that the administrator's token of the first start is written to (mode 0600), instead of standard error; `keyferry
    /// token --administrator` makes another
    #[arg(long)]
    pub administrator_token_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct DevArguments {
    /// Where the API listens; loopback only
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Keep data here; by default a temporary directory that is removed at the end
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Folders of plugin sources to build, install and reload; by default the plugins/ of this checkout
    #[arg(long = "plugins")]
    pub plugins: Vec<PathBuf>,
    /// Do not watch plugin sources
    #[arg(long)]
    pub no_reload: bool,
}

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Make a project for a new plugin that builds, tests and installs
    New {
        /// The integration's id: letters, digits, `_`, `-`
        name: String,
        /// The language of the project
        #[arg(long, default_value = "rust")]
        lang: Language,
        /// The folder to make its folder in; by default the current one
        #[arg(long)]
        path: Option<PathBuf>,
    },
    /// Build plugins from source; unchanged ones are not rebuilt
    Build {
        /// The projects' folders
        #[arg(default_value = ".")]
        paths: Vec<PathBuf>,
    },
    /// Show what a component is, imports and would be allowed to do, without installing it; with a token also what would
    /// change against the version that the server has
    Inspect {
        /// The component
        component: PathBuf,
    },
    /// Upload a component, review its grants and activate it (administrator)
    Install {
        /// The component
        component: PathBuf,
        /// Also let it have credentials of `CUSTOM` auth methods in plain
        #[arg(long)]
        allow_plaintext: bool,
        /// Leave it inactive
        #[arg(long)]
        inactive: bool,
    },
    /// List the plugins of the host
    List,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Language {
    Rust,
}

#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant
    Create {
        id: String,
        #[arg(long)]
        display_name: Option<String>,
    },
    /// List tenants
    List,
}

#[derive(Debug, Subcommand)]
pub enum EnvironmentCommand {
    /// Make an environment
    Create {
        slug: String,
        #[arg(long)]
        display_name: Option<String>,
    },
    /// List environments
    List,
}

#[derive(Debug, Subcommand)]
pub enum IntegrationCommand {
    /// List integration types
    List,
    /// Show one with its parameters and auth methods
    Get { id: String },
    /// Make a CUSTOM integration from a JSON document
    Create {
        /// The document; `-` reads standard input
        file: PathBuf,
    },
    /// Delete a CUSTOM integration
    Delete { id: String },
    /// Test credentials; stores nothing
    Verify {
        id: String,
        #[command(flatten)]
        credentials: CredentialArguments,
    },
}

/// Parameters and credentials of a connection
#[derive(Debug, Args)]
pub struct CredentialArguments {
    /// The auth method's id
    #[arg(long)]
    pub auth: Option<String>,
    /// A connection parameter, as name=value; double quotes around a value make it text, as in 'build="42"'
    #[arg(long = "parameter", short = 'p', value_parser = pair)]
    pub parameters: Vec<(String, String)>,
    /// A credential, as name=value; `name=@file` and `name=-` (standard input) keep it out of the process list
    #[arg(long = "credential", short = 'c', value_parser = pair, requires = "auth")]
    pub credentials: Vec<(String, String)>,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Make a connection and publish it
    Create {
        integration: String,
        #[arg(long)]
        display_name: Option<String>,
        #[command(flatten)]
        credentials: CredentialArguments,
        /// Leave it as a draft
        #[arg(long)]
        draft: bool,
    },
    /// List the connections of an integration
    List { integration: String },
    /// Show a connection
    Get { integration: String, id: String },
    /// Publish a draft
    Publish {
        integration: String,
        id: String,
        #[arg(long)]
        note: Option<String>,
    },
    /// Test a connection's stored credentials
    Verify { integration: String, id: String },
    /// Delete a connection
    Delete { integration: String, id: String },
}

/// Where secrets are
#[derive(Clone, Debug, Args)]
pub struct EnvironmentArgument {
    /// The environment's slug
    #[arg(long, short = 'e', default_value = "dev")]
    pub environment: String,
}

#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Set secrets; `NAME` alone reads the value from standard input
    Set {
        #[command(flatten)]
        place: EnvironmentArgument,
        /// /folder/NAME=value, or one /folder/NAME
        #[arg(required = true)]
        secrets: Vec<String>,
    },
    /// Print a secret's value
    Get {
        #[command(flatten)]
        place: EnvironmentArgument,
        /// /folder/NAME
        secret: String,
        /// An earlier version
        #[arg(long)]
        version: Option<u64>,
    },
    /// List the secrets of a folder, names only
    List {
        #[command(flatten)]
        place: EnvironmentArgument,
        /// The folder
        #[arg(default_value = "/")]
        path: String,
        /// Also the folders below
        #[arg(long, short = 'r')]
        recursive: bool,
    },
    /// Delete a secret with all its versions
    Delete {
        #[command(flatten)]
        place: EnvironmentArgument,
        /// /folder/NAME
        secret: String,
    },
    /// Import a .env or JSON file into a folder
    Import {
        #[command(flatten)]
        place: EnvironmentArgument,
        /// The file; `-` reads standard input
        file: PathBuf,
        /// The folder
        #[arg(long, default_value = "/")]
        path: String,
        /// The file's format; by default by its name
        #[arg(long)]
        format: Option<ImportFormat>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    Env,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Priority {
    Source,
    Destination,
}

#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// Make a sync
    Create(SyncCreateArguments),
    /// List syncs and their states
    List,
    /// Show what a run would change, names only
    Plan { id: String },
    /// Run a sync and follow it
    Run {
        id: String,
        /// Approve the plan with this hash
        #[arg(long)]
        approve: Option<String>,
        /// Return once the run is accepted
        #[arg(long)]
        no_wait: bool,
    },
    /// Bring values of the destination into the source folder, and follow that
    Import {
        id: String,
        /// Whose value wins where both differ
        #[arg(long)]
        prioritize: Priority,
        /// Return once the import is accepted
        #[arg(long)]
        no_wait: bool,
    },
    /// Look for keys that somebody else changed at the destination
    Check {
        id: String,
        /// Return once the check is accepted
        #[arg(long)]
        no_wait: bool,
    },
    /// Follow the latest run
    Watch { id: String },
    /// Show the state of a sync
    Status { id: String },
    /// Stop reacting to changes
    Pause { id: String },
    /// React to changes again
    Resume { id: String },
    /// Cancel the run in progress
    Cancel { id: String },
    /// Delete a sync; what it wrote stays, unless told otherwise
    Delete {
        id: String,
        /// Also delete exactly the keys that the sync owns at the destination
        #[arg(long)]
        remove_secrets: bool,
    },
}

#[derive(Debug, Args)]
pub struct SyncCreateArguments {
    /// The sync's id
    pub id: String,
    /// The integration's id
    #[arg(long)]
    pub integration: String,
    /// The connection's id; left out: the integration's default connection
    #[arg(long)]
    pub config: Option<String>,
    #[command(flatten)]
    pub source: EnvironmentArgument,
    /// The source folder
    #[arg(long, default_value = "/")]
    pub path: String,
    /// Also the folders below
    #[arg(long, short = 'r')]
    pub recursive: bool,
    /// A destination parameter, as name=value; double quotes around a value make it text, as in 'app="42"'
    #[arg(long = "destination", short = 'd', value_parser = pair)]
    pub destination: Vec<(String, String)>,
    /// An option, as name=value: autoSync, deletion, driftCheckIntervalSeconds, initialSyncBehavior, keyCase, keyNames,
    /// keyPrefix, keySuffix, keyTemplate, onConflict, onDrift, onInvalid, onUnresolvedReference, verify
    #[arg(long = "option", short = 'o', value_parser = pair)]
    pub options: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub struct TokenArguments {
    /// The identity's client id
    #[arg(long, env = "KEYFERRY_CLIENT_ID", required_unless_present = "administrator")]
    pub client_id: Option<String>,
    /// A file with the client secret; by default it is read from standard input
    #[arg(long)]
    pub client_secret_file: Option<PathBuf>,
    /// Make a token for the administrator of the host on this machine instead, from its data directory and its root key; the
    /// host must not be running
    #[arg(long, conflicts_with = "client_secret_file")]
    pub administrator: bool,
    /// With `--administrator`: the configuration file of the host
    #[arg(long, env = "KEYFERRY_CONFIG")]
    pub config: Option<PathBuf>,
    /// With `--administrator`: where the database lives
    #[arg(long, requires = "administrator")]
    pub data_dir: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
