//! Keyferry plugin `aws-parameter-store`: secrets as `SecureString` parameters of AWS Systems Manager.
//!
//! This file says what the plugin is; what it does stands in the modules named after it.

mod apply;
mod check;
mod choices;
mod client;
pub mod config;
mod error;
mod model;
mod names;
mod observe;
pub mod tags;
mod xml;

use keyferry_sdk::{
    Account, Application, AttributeSource, Auth, Batch, ChoicePage, Connection, Description, Destination, Error,
    Identity, Integration, Legacy, Observation, Question, Scope, SyncAttribute, SyncReads, SyncRules,
};

use crate::apply::{ADVANCED_VALUE_BYTES_MAX, NAME_BYTES_MAX, Writer};
use crate::check::Check;
use crate::client::{Client, egress_entries};
use crate::config::{AccessKey, AssumedRole, Region, Target};
use crate::observe::{KEY_ID, Listing, NAMES_PER_CALL, TIER};

/// What AWS grants an account by default for reads; it bears fewer writes, which the host learns from being throttled.
const REQUESTS_PER_SECOND: f64 = 40.0;

/// The plugin.
#[derive(Debug, Default)]
pub struct ParameterStore;

impl Integration for ParameterStore {
    type Settings = Region;

    fn describe(&self) -> Description {
        let access_key = Auth::aws_sigv4::<AccessKey>("access-key", "Access key")
            .description("The access key of an IAM user, or the temporary keys of a session.");
        let assumed_role = Auth::aws_sigv4::<AssumedRole>("assume-role", "Assumed role")
            .description("Keys that may do nothing but assume a role; the role's own keys last an hour.")
            .setting("assumeRole", true)
            .setting("exchangeEntry", "sts-custom,sts");
        let description =
            Description::new("aws-parameter-store", env!("CARGO_PKG_VERSION"), "AWS Systems Manager Parameter Store")
                .description("Writes secrets as encrypted parameters under a path of Parameter Store.")
                .docs_url(
                    "https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-parameter-store.html",
                )
                .icon("aws")
                .tags(["aws", "cloud", "secrets"])
                .auth(access_key)
                .auth(assumed_role)
                .legacy(Legacy::auth("accessId", "access-key", "accessKeyId"))
                .legacy(Legacy::auth("accessToken", "access-key", "secretAccessKey"))
                .legacy(Legacy::auth("accessId", "assume-role", "accessKeyId"))
                .legacy(Legacy::auth("accessToken", "assume-role", "secretAccessKey"))
                .legacy(Legacy::auth("awsAssumeIamRoleArn", "assume-role", "roleArn"))
                .legacy(Legacy::connection("region", "region"))
                .legacy(Legacy::connection("url", "endpoint"))
                .legacy(Legacy::destination("path", "path").surround_with_slashes().default_value("/"))
                .legacy(Legacy::destination("metadata.kmsKeyId", "kmsKeyId"))
                .legacy(Legacy::destination("metadata.secretAWSTag", "tags"))
                .legacy(Legacy::destination("metadata.otherAWSTags", "otherTags").default_value("Keep"))
                .legacy(Legacy::label("app"))
                .infisical(names::infisical());
        egress_entries().fold(description, Description::egress)
    }

    fn verify(&self, connection: &Connection<Region>) -> Result<Account, Error> {
        Client::new(&connection.settings).caller_identity()
    }

    fn choices(&self, question: &Question) -> Result<ChoicePage, Error> {
        choices::answer(question)
    }
}

impl Destination for ParameterStore {
    type Target = Target;
    type Context = ();

    fn rules(&self) -> SyncRules {
        let attribute = |name: &str, parameter: &str| SyncAttribute {
            name: name.to_owned(),
            source: AttributeSource::Destination { parameter: parameter.to_owned() },
        };
        SyncRules {
            attributes: vec![attribute(KEY_ID, "kmsKeyId"), attribute(TIER, "tier"), attribute("tags", "tags")],
            reads: SyncReads::Values,
            deletes: true,
            batch_size: NAMES_PER_CALL as u32,
            concurrency: 4,
            requests_per_second: Some(REQUESTS_PER_SECOND),
            name_pattern: Some("[A-Za-z0-9_.-]+".to_owned()),
            name_bytes_max: Some(NAME_BYTES_MAX as u32),
            value_bytes_max: Some(ADVANCED_VALUE_BYTES_MAX as u32),
            ..SyncRules::default()
        }
    }

    fn check(&self, connection: &Connection<Region>, target: &Target) -> Result<Account, Error> {
        Check { client: Client::new(&connection.settings), target }.run()
    }

    fn identify(&self, connection: &Connection<Region>, target: &Target) -> Result<Identity, Error> {
        target.validate()?;
        let client = Client::new(&connection.settings);
        let account = client.caller_identity()?.id;
        let mut namespace = format!("aws:ssm:{account}:{}", connection.settings.region);
        // What answers at another endpoint may call itself the same account and be another place.
        if let Some(authority) = client.endpoint_authority() {
            namespace.push('@');
            namespace.push_str(authority);
        }
        Ok(Identity { namespace, prefix: target.path.clone() })
    }

    fn observe(
        &self,
        connection: &Connection<Region>,
        target: &Target,
        scope: &Scope,
        cursor: Option<&str>,
    ) -> Result<Observation, Error> {
        target.validate()?;
        let listing = Listing { client: Client::new(&connection.settings), target };
        match scope {
            Scope::All => listing.all(cursor),
            Scope::Keys(keys) => listing.keys(keys, cursor),
        }
    }

    fn apply(&self, connection: &Connection<Region>, target: &Target, batch: Batch) -> Result<Application, Error> {
        target.validate()?;
        let writer = Writer { client: Client::new(&connection.settings), target };
        Ok(Application::new(writer.apply(&batch.changes)))
    }
}

keyferry_sdk::export!(ParameterStore);
