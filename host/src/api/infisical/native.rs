//! Native integrations of the dialect: a connection is an integration auth, a sync an integration, and both are said in
//! generic members whose meaning the plugin declares.

use keyferry_contract::LegacyScope;

use super::refusal::placed;
use crate::domain::error::violation;
use crate::domain::integration::legacy::LegacyMap;
use crate::domain::{Code, Error, Violation};

/// The longest text of a member, in characters.
pub(crate) const TEXT_MAX: usize = 2_048;

/// A refusal of a service, with the dialect's members in place of the settings that they go to. A source that does not exist
/// is not found, as in the dialect.
pub(crate) fn told(error: Error, map: &LegacyMap, method: Option<&str>) -> Error {
    let missing = |v: &&Violation| v.pointer.starts_with("/source") && v.code == violation::UNKNOWN_REFERENCE;
    if let Some(missing) = error.violations().iter().find(missing) {
        return Error::new(Code::NotFound, missing.detail.clone());
    }
    placed(error, |pointer| member_at(pointer, map, method))
}

/// Where the dialect says what a service complains of.
fn member_at(pointer: &str, map: &LegacyMap, method: Option<&str>) -> Option<String> {
    let fixed = [
        ("/config", "/integrationAuthId"),
        ("/source/environment", "/sourceEnvironment"),
        ("/source/path", "/secretPath"),
        ("/options/keyPrefix", "/metadata/secretPrefix"),
        ("/options/keySuffix", "/metadata/secretSuffix"),
        ("/displayName", "/app"),
    ];
    if let Some((_, member)) = fixed.iter().find(|(known, _)| *known == pointer) {
        return Some((*member).to_owned());
    }
    let segments: Vec<&str> = pointer.split('/').skip(1).collect();
    let (member, below) = match segments.as_slice() {
        ["auth", "parameters", parameter, below @ ..] => {
            let (member, _) = map.credential_members(method?).find(|(_, said)| said == parameter)?;
            (member, below)
        }
        ["parameters", parameter, below @ ..] => (map.member_of(LegacyScope::Connection, parameter)?, below),
        ["destination", parameter, below @ ..] => (map.member_of(LegacyScope::Destination, parameter)?, below),
        _ => return None,
    };
    let path = member.split('.').chain(below.iter().copied());
    Some(path.map(|segment| format!("/{segment}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyferry_contract::{ConfigMetadata, LegacyField, Parameter};
    use serde_json::json;

    fn map() -> LegacyMap {
        let fields = json!([
            {"field": "accessToken", "scope": "AUTH", "method": "key", "parameter": "secret"},
            {"field": "region", "scope": "CONNECTION", "parameter": "region"},
            {"field": "metadata.secretAWSTag", "scope": "DESTINATION", "parameter": "tags"}]);
        let fields: Vec<LegacyField> = serde_json::from_value(fields).expect("fields");
        let config = json!({"parametersMetadata": [{"name": "region"}],
            "authMetadata": [{"id": "key", "parametersMetadata": [{"name": "secret", "secret": true}]}]});
        let config: ConfigMetadata = serde_json::from_value(config).expect("metadata");
        LegacyMap::new(&fields, config, vec![Parameter { name: "tags".to_owned(), ..Parameter::default() }])
    }

    #[test]
    fn complaints_name_what_was_sent() {
        for (pointer, expected) in [
            ("/parameters/region", "/region"),
            ("/destination/tags/0/key", "/metadata/secretAWSTag/0/key"),
            ("/auth/parameters/secret", "/accessToken"),
            ("/options/keyPrefix", "/metadata/secretPrefix"),
            ("/parameters/unsaid", "/parameters/unsaid"),
        ] {
            let error = Error::invalid(vec![Violation::new(pointer, "required", "is required")]);
            let told = told(error, &map(), Some("key"));
            assert_eq!(told.violations()[0].pointer, expected);
            assert_eq!(told.code(), Code::InvalidRequest);
        }
    }

    #[test]
    fn a_source_that_is_gone_is_not_found() {
        for pointer in ["/source", "/source/environment", "/source/path"] {
            let error = Error::invalid(vec![Violation::new(pointer, violation::UNKNOWN_REFERENCE, "no such folder")]);
            let told = told(error, &map(), None);
            assert_eq!((told.code(), told.detail()), (Code::NotFound, "no such folder"));
            assert!(told.violations().is_empty());
        }
    }
}
