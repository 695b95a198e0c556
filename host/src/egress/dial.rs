//! From a target to a connection: resolve once, vet every answer, dial exactly a vetted address.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::draft::Window;
use super::pattern::{Host, Target};
use super::policy::EgressPolicy;
use super::{Resolve, Timeouts};
use crate::ports::egress::EgressFailure;

/// What dialling needs to know.
pub(super) struct Dialer<'a> {
    pub(super) policy: &'a EgressPolicy,
    pub(super) resolver: &'a dyn Resolve,
    pub(super) timeouts: &'a Timeouts,
}

impl Dialer<'_> {
    /// Connects to the target's host.
    ///
    /// One closed address spoils the whole answer: a name that points inside and outside at once is an attack or a mistake.
    pub(super) async fn dial(&self, target: &Target, window: &Window) -> Result<TcpStream, EgressFailure> {
        let addresses = self.addresses(target, window).await?;
        for address in &addresses {
            self.policy
                .vet(*address)
                .map_err(|refused| EgressFailure::Denied(format!("{} is {refused}", target.host)))?;
        }
        let mut failure = EgressFailure::NotSent(format!("{} has no address", target.host));
        for address in addresses {
            match self.connect(address, target, window).await {
                Ok(stream) => return Ok(stream),
                Err(EgressFailure::NotSent(reason)) => failure = EgressFailure::NotSent(reason),
                Err(other) => return Err(other),
            }
        }
        Err(failure)
    }

    async fn addresses(&self, target: &Target, window: &Window) -> Result<Vec<SocketAddr>, EgressFailure> {
        let name = match &target.host {
            Host::Address(address) => return Ok(vec![SocketAddr::new(*address, target.port)]),
            Host::Name(name) => name,
        };
        let at_latest = window.headers_by.min(Instant::now() + self.timeouts.lookup);
        match timeout_at(at_latest, self.resolver.resolve(name, target.port)).await {
            Ok(Ok(found)) => {
                let pin = |found: SocketAddr| SocketAddr::new(found.ip().to_canonical(), target.port);
                Ok(found.into_iter().map(pin).collect())
            }
            Ok(Err(_)) => Err(EgressFailure::NotSent(format!("{name} could not be resolved"))),
            Err(_) => Err(window.unsent(format!("{name} was not resolved in time"))),
        }
    }

    async fn connect(&self, address: SocketAddr, target: &Target, window: &Window) -> Result<TcpStream, EgressFailure> {
        let host = &target.host;
        let left = window.headers_by.saturating_duration_since(Instant::now());
        let stream = match timeout(left.min(self.timeouts.connect), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(EgressFailure::NotSent(format!("connecting to {host}: {}", error.kind()))),
            Err(_) => return Err(window.unsent(format!("connecting to {host}: no answer in time"))),
        };
        let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else {
            return Err(EgressFailure::NotSent(format!("connecting to {host}: the connection broke")));
        };
        if peer != address || self.policy.leads_home(local, peer) {
            return Err(EgressFailure::Denied(format!("{host} is an address at which this host itself listens")));
        }
        // Requests are written whole; without this the last segment would wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}
