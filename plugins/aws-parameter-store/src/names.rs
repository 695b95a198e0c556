//! What the Infisical dialect's app connections and secret syncs call this plugin and its settings.

use keyferry_sdk::{Infisical, InfisicalChoices, InfisicalDestination, InfisicalMethod, Legacy, LegacyScope};

/// STS answers in every region; a connection that names none is verified here.
const REGION_OF_VERIFICATION: &str = "us-east-1";

pub(crate) fn infisical() -> Infisical {
    Infisical {
        app: "aws".to_owned(),
        app_name: "AWS".to_owned(),
        methods: vec![method("access-key", &[]), method("assume-role", &["roleArn"])],
        destination: Some(InfisicalDestination {
            slug: "aws-parameter-store".to_owned(),
            name: "AWS Parameter Store".to_owned(),
            config: vec![Legacy::connection("region", "region").into(), Legacy::destination("path", "path").into()],
            options: vec![Legacy::destination("keyId", "kmsKeyId").into(), Legacy::destination("tags", "tags").into()],
            unsupported_options: vec!["syncSecretMetadataAsTags".to_owned()],
        }),
        choices: vec![InfisicalChoices {
            path: "kms-keys".to_owned(),
            scope: LegacyScope::Destination,
            parameter: "kmsKeyId".to_owned(),
            list: "kmsKeys".to_owned(),
            value: "id".to_owned(),
            label: "alias".to_owned(),
            query: vec![Legacy::connection("region", "region").into()],
        }],
    }
}

/// Keys, which every way to connect has, and what it has besides.
fn method(name: &str, more: &[&str]) -> InfisicalMethod {
    let members = ["accessKeyId", "secretAccessKey", "sessionToken"].iter().chain(more);
    let mut credentials: Vec<_> = members.map(|member| Legacy::credential(member, member).into()).collect();
    credentials.push(Legacy::connection("endpoint", "endpoint").into());
    credentials.push(Legacy::connection("region", "region").default_value(REGION_OF_VERIFICATION).into());
    InfisicalMethod { name: name.to_owned(), auth: name.to_owned(), credentials }
}
