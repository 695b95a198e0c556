//! A connection made ready for requests.

use keyferry_sdk::http::{Request, Response};
use keyferry_sdk::{Connection, Error};
use serde_json::Map;

use crate::config::{Api, Target};
use crate::origin;
use crate::parameters::{Parameters, Values};
use crate::request::RequestTemplate;

/// Where requests go, and what their templates know.
pub(crate) struct Caller {
    pub(crate) base_url: String,
    pub(crate) parameters: Parameters,
}

impl Caller {
    pub(crate) fn of_connection(connection: &Connection<Api>) -> Self {
        Self::new(connection, Parameters::new(&connection.settings.parameters, &Map::new(), &[]))
    }

    pub(crate) fn of_target(connection: &Connection<Api>, target: &Target, declared: &[String]) -> Self {
        Self::new(connection, Parameters::new(&connection.settings.parameters, &target.parameters, declared))
    }

    fn new(connection: &Connection<Api>, parameters: Parameters) -> Self {
        Self { base_url: connection.settings.base_url.clone(), parameters }
    }

    pub(crate) fn origin(&self) -> String {
        origin::canonical(&self.base_url)
    }

    pub(crate) fn values<'a>(&'a self, item: &'a [(&'static str, &'a str)]) -> Values<'a> {
        Values { parameters: &self.parameters, item }
    }

    pub(crate) fn request(&self, template: &RequestTemplate, item: &[(&'static str, &str)]) -> Result<Request, Error> {
        template.fill(&self.base_url, &self.values(item))
    }
}

/// Sends what only reads, whatever its method, so that a failure leaves nothing open.
pub(crate) fn read(request: Request) -> Result<Response, Error> {
    let answer = request.send().map_err(Error::from).and_then(Response::success);
    answer.map_err(Error::with_certain_failure)
}
