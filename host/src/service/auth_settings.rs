//! Which settings tell how a credential is applied, per auth scheme. They describe; they are never credentials.

use keyferry_contract::{AuthScheme, Parameter, ParameterType};

/// Every scheme that integrations may name, in the order in which it is shown.
pub const SCHEMES: [AuthScheme; 8] = [
    AuthScheme::Unspecified,
    AuthScheme::None,
    AuthScheme::ApiKey,
    AuthScheme::BearerToken,
    AuthScheme::BasicAuth,
    AuthScheme::OAuth2,
    AuthScheme::AwsSigv4,
    AuthScheme::Custom,
];

/// The settings of a scheme. A key in `authSettings` that is not among them is treated as a secret.
#[must_use]
pub fn settings(scheme: AuthScheme) -> Vec<Parameter> {
    let described: &[(&str, &str, &str, Option<&str>)] = match scheme {
        AuthScheme::ApiKey => &[
            ("header", "Header", "The header that carries the key. Either this or `query`.", None),
            ("query", "Query parameter", "The query parameter that carries the key.", None),
            ("prefix", "Prefix", "What stands before the key.", None),
        ],
        AuthScheme::BearerToken => {
            &[("scheme", "Scheme", "The word before the token in `Authorization`.", Some("Bearer"))]
        }
        AuthScheme::BasicAuth => &[
            ("usernameParameter", "User name", "The parameter that holds the user name.", Some("username")),
            ("passwordParameter", "Password", "The parameter that holds the password.", Some("password")),
        ],
        AuthScheme::AwsSigv4 => &[
            ("assumeRole", "Assume a role", "Whether `roleArn` is assumed with the given keys.", Some("false")),
            ("exchangeEntry", "Exchange through", "The egress entry through which the role is assumed.", None),
        ],
        _ => &[],
    };
    let parameters =
        described.iter().zip(0..).map(|((name, display_name, description, default_value), index)| Parameter {
            name: (*name).to_owned(),
            index,
            kind: if *name == "assumeRole" { ParameterType::Boolean } else { ParameterType::String },
            display_name: Some((*display_name).to_owned()),
            description: Some((*description).to_owned()),
            default_value: default_value.map(ToOwned::to_owned),
            ..Parameter::default()
        });
    parameters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_a_credential() {
        for scheme in SCHEMES {
            for (index, setting) in settings(scheme).into_iter().enumerate() {
                assert!(!setting.secret && !setting.required, "{scheme:?} {}", setting.name);
                assert_eq!(usize::try_from(setting.index).ok(), Some(index));
            }
        }
    }
}
