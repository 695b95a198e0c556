//! `API_KEY`: a header or a query parameter, with a prefix.

use http::header::HeaderName;

use super::material::{Material, Reason};
use super::{Draft, EgressFailure, sensitive};
use crate::domain::Secret;

/// A key and its place.
pub(in crate::egress) struct ApiKey {
    place: Place,
    /// Prefix and key.
    value: Secret<String>,
}

enum Place {
    Header(HeaderName),
    Query(String),
}

impl ApiKey {
    pub(super) fn read(material: &Material<'_>) -> Result<Self, Reason> {
        let place = match (material.setting("header"), material.setting("query")) {
            (Some(header), None) => Place::Header(
                HeaderName::from_bytes(header.as_bytes()).map_err(|_| "the setting `header` is no header name")?,
            ),
            (None, Some(query)) => Place::Query(query.to_owned()),
            _ => return Err("exactly one of the settings `header` and `query` must be set".to_owned()),
        };
        // A prefix such as `Token ` ends in a space of its own; none is added.
        let prefix = material.setting("prefix").unwrap_or_default();
        let value = Secret::new(format!("{prefix}{}", material.first_secret()?.expose()));
        Ok(Self { place, value })
    }

    pub(super) fn owned_header(&self) -> Option<HeaderName> {
        match &self.place {
            Place::Header(name) => Some(name.clone()),
            Place::Query(_) => None,
        }
    }

    pub(super) fn check_query(&self, draft: &Draft) -> Result<(), EgressFailure> {
        match &self.place {
            Place::Query(owned) if draft.url.query_pairs().any(|(name, _)| name == owned.as_str()) => {
                Err(EgressFailure::Denied(format!("the query parameter `{owned}` is set by the host alone")))
            }
            _ => Ok(()),
        }
    }

    /// Puts the key in its place.
    pub(in crate::egress) fn apply(&self, draft: &mut Draft) -> Result<(), EgressFailure> {
        match &self.place {
            Place::Header(name) => {
                draft.headers.insert(name, sensitive(self.value.expose())?);
            }
            Place::Query(name) => {
                draft.url.query_pairs_mut().append_pair(name, self.value.expose());
            }
        }
        Ok(())
    }
}
