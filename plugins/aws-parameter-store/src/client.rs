//! Calls of SSM, KMS and STS. The host signs each by the egress entry that it names.

use keyferry_sdk::http::{Method, Request, Response};
use keyferry_sdk::{Account, Egress, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Region;
use crate::error;
use crate::xml::element_text;

/// A service of AWS that this plugin calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Ssm,
    Kms,
    Sts,
}

impl Service {
    const ALL: [Self; 3] = [Self::Ssm, Self::Sts, Self::Kms];

    /// The name in host names, in the credential scope and as egress entry.
    const fn name(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::Kms => "kms",
            Self::Sts => "sts",
        }
    }

    /// The egress entry for a custom endpoint.
    const fn custom_entry(self) -> &'static str {
        match self {
            Self::Ssm => "ssm-custom",
            Self::Kms => "kms-custom",
            Self::Sts => "sts-custom",
        }
    }

    /// What operations are prefixed with in `X-Amz-Target`.
    const fn target(self) -> &'static str {
        match self {
            Self::Ssm => "AmazonSSM",
            Self::Kms => "TrentService",
            Self::Sts => "",
        }
    }
}

/// Where requests may go: per service AWS's own host in the region, and the connection's endpoint.
pub(crate) fn egress_entries() -> impl Iterator<Item = Egress> {
    Service::ALL.into_iter().flat_map(|service| {
        let name = service.name();
        let own = Egress::new(name, format!("{name}.{{region}}.amazonaws.com"));
        let custom = Egress::new(service.custom_entry(), "{endpoint}");
        [own, custom].map(|entry| entry.methods([Method::Post]).signed(name, "{region}"))
    })
}

/// The services at a connection's region or endpoint.
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    region: &'a Region,
}

impl<'a> Client<'a> {
    pub(crate) fn new(region: &'a Region) -> Self {
        Self { region }
    }

    /// One operation of SSM.
    pub(crate) fn ssm<T: DeserializeOwned>(self, operation: &str, input: &impl Serialize) -> Result<T, Error> {
        self.send_json(Service::Ssm, operation, input)?.json()
    }

    /// One operation of SSM whose answer tells nothing.
    pub(crate) fn ssm_empty(self, operation: &str, input: &impl Serialize) -> Result<(), Error> {
        self.send_json(Service::Ssm, operation, input).map(drop)
    }

    /// One operation of KMS.
    pub(crate) fn kms<T: DeserializeOwned>(self, operation: &str, input: &impl Serialize) -> Result<T, Error> {
        self.send_json(Service::Kms, operation, input)?.json()
    }

    /// Whose the credentials are. AWS allows this call to everyone.
    pub(crate) fn caller_identity(self) -> Result<Account, Error> {
        let request = self.request(Service::Sts).form(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
        let response = succeed(request)?;
        let body = response.text();
        let Some(account) = element_text(&body, "Account").filter(|account| !account.is_empty()) else {
            return Err(response.annotate(Error::other("STS did not tell the account")));
        };
        let arn = element_text(&body, "Arn").unwrap_or_default();
        let user = element_text(&body, "UserId").unwrap_or_default();
        let identity = Account::new(account).with_display_name(arn.clone());
        Ok(identity.with_detail("arn", arn).with_detail("userId", user).with_detail("region", &self.region.region))
    }

    /// The host and port of a custom endpoint.
    pub(crate) fn endpoint_authority(self) -> Option<&'a str> {
        let endpoint = self.region.endpoint.as_deref()?;
        let authority = endpoint.split_once("://").map_or(endpoint, |(_, authority)| authority);
        Some(authority.trim_end_matches('/'))
    }

    fn send_json(self, service: Service, operation: &str, input: &impl Serialize) -> Result<Response, Error> {
        let request = self
            .request(service)
            .header("X-Amz-Target", format!("{}.{operation}", service.target()))
            .header("Content-Type", "application/x-amz-json-1.1")
            .json(input)?;
        succeed(request)
    }

    fn request(self, service: Service) -> Request {
        match &self.region.endpoint {
            Some(endpoint) => Request::post(service.custom_entry(), format!("{}/", endpoint.trim_end_matches('/'))),
            None => {
                let host = format!("{}.{}.amazonaws.com", service.name(), self.region.region);
                Request::post(service.name(), format!("https://{host}/"))
            }
        }
    }
}

fn succeed(request: Request) -> Result<Response, Error> {
    let response = request.send()?;
    if response.is_success() { Ok(response) } else { Err(error::from_response(&response)) }
}
