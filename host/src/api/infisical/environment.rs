//! An environment as other objects of the dialect show it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::records::environments::Environment;

/// An environment, in short.
#[derive(Serialize, ToSchema)]
#[schema(as = InfisicalEnvironmentShort)]
pub(crate) struct EnvironmentShort {
    #[schema(example = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d22")]
    pub(crate) id: String,
    #[schema(example = "Production")]
    pub(crate) name: String,
    #[schema(example = "prod")]
    pub(crate) slug: String,
}

impl From<&Environment> for EnvironmentShort {
    fn from(environment: &Environment) -> Self {
        Self {
            id: environment.uid.to_string(),
            name: environment.display_name.clone(),
            slug: environment.slug.to_string(),
        }
    }
}
