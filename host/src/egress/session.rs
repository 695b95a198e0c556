//! One session: a scope's gate, credential and connections, and what it has seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant as StdInstant;

use async_trait::async_trait;
use tokio::time::Instant;

use super::Shared;
use super::broker::{AssumeRole, AssumedRole, AssumedRoles, Credential, canaries_of, sign};
use super::canary::Canaries;
use super::draft::{Draft, Window};
use super::gate::Gate;
use super::header;
use super::pool::Pool;
use super::record::{self, Outcome, RequestRecord};
use super::tls::Trust;
use super::transport::Transport;
use crate::ports::egress::{
    EgressFailure, EgressObserved, EgressScope, EgressSession, InboundResponse, OutboundRequest,
};

/// Sends the requests of one scope.
pub(super) struct HyperSession {
    shared: Arc<Shared>,
    plugin: String,
    deadline: Option<Instant>,
    gate: Gate,
    credential: Credential,
    canaries: Canaries,
    transport: Transport,
    roles: Arc<AssumedRoles>,
    requests_left: AtomicU32,
    authenticated_successes: AtomicU32,
    throttled: AtomicU32,
}

impl HyperSession {
    pub(super) fn open(shared: Arc<Shared>, scope: EgressScope, deadline: Option<StdInstant>) -> Self {
        // Without a connection nothing may outlive the session: credentials that are only tested are nobody's yet.
        let (pool, roles) = match scope.connection {
            Some(_) => (Arc::clone(&shared.pool), Arc::clone(&shared.roles)),
            None => (Pool::new(shared.timeouts.idle), Arc::default()),
        };
        let transport = Transport {
            shared: Arc::clone(&shared),
            trust: Trust::new(scope.ca_bundle),
            pool,
            tenant: scope.tenant,
            connection: scope.connection,
            sent: AtomicU32::new(0),
        };
        Self {
            shared,
            plugin: scope.plugin,
            deadline: deadline.map(Instant::from_std),
            gate: Gate::new(&scope.entries, &scope.settings),
            credential: Credential::read(&scope.auth, scope.external_id.as_deref()),
            canaries: canaries_of(&scope.auth),
            transport,
            roles,
            requests_left: AtomicU32::new(scope.requests_max),
            authenticated_successes: AtomicU32::new(0),
            throttled: AtomicU32::new(0),
        }
    }

    /// Everything that can refuse a request without leaving the host.
    fn admit(&self, request: &OutboundRequest) -> Result<Draft, EgressFailure> {
        let entry = self.gate.entry(&request.entry)?;
        let places_credential = self.credential.is_custom() && request.authenticate;
        let headers = header::accept(&request.headers, &self.credential.owned_headers(), places_credential)?;
        let draft = entry.admit(request, headers, &self.shared.policy)?;
        self.credential.check_query(&draft)?;
        if self.canaries.are_in_url(&request.url) {
            return Err(EgressFailure::Denied("the URL holds a value of the credential".to_owned()));
        }
        Ok(draft)
    }

    /// Authenticates, sends, and screens what comes back.
    async fn carry(&self, request: &OutboundRequest, draft: &mut Draft) -> Result<InboundResponse, EgressFailure> {
        let mut window = Window::open(&self.shared.timeouts, request.timeout, self.deadline);
        if window.is_past_deadline() || !self.charge() {
            return Err(EgressFailure::Budget);
        }
        let role = match &self.credential {
            Credential::AwsRole(wanted) if request.authenticate => {
                let role = self.assume(wanted, &window).await?;
                window = window.after_exchange(&self.shared.timeouts);
                Some(role)
            }
            _ => None,
        };
        if request.authenticate {
            self.authenticate(request, draft, role.as_deref())?;
        }
        let answer = self.transport.send(draft, &window).await?;
        self.observe(request, &answer);
        Ok(self.screen(answer, role.as_deref()))
    }

    fn authenticate(
        &self,
        request: &OutboundRequest,
        draft: &mut Draft,
        role: Option<&AssumedRole>,
    ) -> Result<(), EgressFailure> {
        let keys = match &self.credential {
            Credential::Nothing | Credential::Custom => return Ok(()),
            Credential::ApiKey(key) => return key.apply(draft),
            Credential::Bearer(token) => return token.apply(draft),
            Credential::Basic(basic) => return basic.apply(draft),
            Credential::Unusable(reason) => return Err(EgressFailure::Authentication(reason.clone())),
            Credential::Aws(keys) => Some(keys),
            Credential::AwsRole(_) => role.map(|role| &role.keys),
        };
        let keys = keys.ok_or_else(|| EgressFailure::Authentication("the role was not assumed".to_owned()))?;
        sign(draft, keys, self.gate.entry(&request.entry)?.signing()?, self.shared.clock.now())
    }

    /// The keys of the role, from memory or from STS.
    async fn assume(&self, role: &AssumeRole, window: &Window) -> Result<Arc<AssumedRole>, EgressFailure> {
        let Transport { tenant, connection, .. } = &self.transport;
        let now = self.shared.clock.now();
        let name = connection.map_or("keyferry".to_owned(), |uid| format!("keyferry-{}", uid.uuid().simple()));
        let exchange = role.request(self.gate.first_open(&role.entries)?, &self.shared.policy, &name, now)?;
        let key = role.key(*tenant, *connection, &exchange.target.origin());
        let assumed = self.roles.get(key, now, || self.exchange(&exchange, window));
        match tokio::time::timeout_at(window.ends, assumed).await {
            Ok(Err(EgressFailure::OutcomeUnknown(reason))) => Err(EgressFailure::NotSent(reason)),
            Ok(Err(EgressFailure::TooLarge)) => {
                Err(EgressFailure::Authentication("the role exchange's answer is too large".to_owned()))
            }
            Ok(result) => result,
            Err(_) => Err(window.unsent("the role was not assumed in time".to_owned())),
        }
    }

    async fn exchange(&self, exchange: &Draft, window: &Window) -> Result<InboundResponse, EgressFailure> {
        let started = Instant::now();
        let result = self.transport.send(exchange, window).await;
        self.record(Some(exchange), started, &result);
        result
    }

    /// Takes one request from the budget.
    fn charge(&self) -> bool {
        self.requests_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn observe(&self, request: &OutboundRequest, answer: &InboundResponse) {
        if request.authenticate && (200..300).contains(&answer.status) {
            self.authenticated_successes.fetch_add(1, Ordering::Relaxed);
        }
        if answer.status == 429 {
            self.throttled.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Masks every value of the credential in an answer that repeats it: the sandbox must not see it, while the rest of the
    /// answer tells what happened.
    fn screen(&self, mut answer: InboundResponse, role: Option<&AssumedRole>) -> InboundResponse {
        if self.credential.is_custom() {
            return answer;
        }
        let all = [Some(&self.canaries), role.map(|role| &role.canaries)];
        for canaries in all.into_iter().flatten() {
            canaries.mask(&mut answer.body);
            for (_, value) in &mut answer.headers {
                let mut masked = std::mem::take(value).into_bytes();
                canaries.mask(&mut masked);
                // Whole forms were masked, and a form is whole characters.
                *value = String::from_utf8_lossy(&masked).into_owned();
            }
        }
        answer
    }

    fn record(&self, draft: Option<&Draft>, started: Instant, result: &Result<InboundResponse, EgressFailure>) {
        let record = RequestRecord {
            plugin: self.plugin.clone(),
            connection: self.transport.connection,
            host: draft.map(|draft| draft.target.host.to_string()),
            method: draft.map(|draft| draft.method.to_string()),
            status: result.as_ref().ok().map(|answer| answer.status),
            outcome: result.as_ref().map_or_else(Outcome::from, |_| Outcome::Answered),
            duration: started.elapsed(),
        };
        record::log(&record);
        if let Some(observer) = &self.shared.observer {
            observer.request_ended(&record);
        }
    }
}

#[async_trait]
impl EgressSession for HyperSession {
    async fn send(&self, request: OutboundRequest) -> Result<InboundResponse, EgressFailure> {
        let started = Instant::now();
        match self.admit(&request) {
            Ok(mut draft) => {
                let result = self.carry(&request, &mut draft).await;
                self.record(Some(&draft), started, &result);
                result
            }
            Err(failure) => {
                let result = Err(failure);
                self.record(None, started, &result);
                result
            }
        }
    }

    fn observed(&self) -> EgressObserved {
        EgressObserved {
            sent: self.transport.sent.load(Ordering::Relaxed),
            authenticated_successes: self.authenticated_successes.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
        }
    }
}
