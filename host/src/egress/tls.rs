//! Whom a session trusts. Each has a TLS configuration of its own, so no session ticket is ever shared.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::draft::Window;
use super::pattern::{Host, Target};
use crate::ports::egress::EgressFailure;

/// The public roots, and a connection's own certificates.
pub(super) struct Trust {
    bundle: Option<String>,
    id: TrustId,
    config: OnceLock<Result<Arc<ClientConfig>, InvalidTrust>>,
}

/// Tells trusts apart that accept different certificates.
pub(super) type TrustId = [u8; 32];

#[derive(Clone, Copy, Debug, thiserror::Error)]
enum InvalidTrust {
    #[error("the CA bundle is not a list of PEM certificates")]
    Malformed,
    #[error("the CA bundle holds no certificate")]
    Empty,
    #[error("a certificate of the CA bundle cannot be a root")]
    Unusable,
    #[error("the TLS library offers no usable protocol version")]
    NoProtocol,
}

impl Trust {
    /// Trusts the public roots and the PEM certificates of `bundle`. Nothing is read before it is needed.
    pub(super) fn new(bundle: Option<String>) -> Self {
        let id = Sha256::digest(bundle.as_deref().unwrap_or_default()).into();
        Self { bundle, id, config: OnceLock::new() }
    }

    /// The digest of the bundle.
    pub(super) const fn id(&self) -> TrustId {
        self.id
    }

    /// Speaks TLS over `stream`, with a server that proves to be the target's host.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        target: &Target,
        window: &Window,
    ) -> Result<TlsStream<TcpStream>, EgressFailure> {
        let config = self.config.get_or_init(|| self.configure()).clone();
        let config = config.map_err(|invalid| EgressFailure::Denied(invalid.to_string()))?;
        let name = server_name(&target.host)?;
        let handshake = TlsConnector::from(config).connect(name, stream);
        match tokio::time::timeout_at(window.headers_by, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(EgressFailure::NotSent(format!("TLS with {}: {}", target.host, explain(&error)))),
            Err(_) => Err(window.unsent(format!("TLS with {}: no end in time", target.host))),
        }
    }

    fn configure(&self) -> Result<Arc<ClientConfig>, InvalidTrust> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| InvalidTrust::NoProtocol)?
            .with_root_certificates(self.roots()?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, InvalidTrust> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let Some(bundle) = &self.bundle else { return Ok(roots) };
        let certificates = CertificateDer::pem_slice_iter(bundle.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| InvalidTrust::Malformed)?;
        if certificates.is_empty() {
            return Err(InvalidTrust::Empty);
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|_| InvalidTrust::Unusable)?;
        }
        Ok(roots)
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, EgressFailure> {
    match host {
        Host::Address(address) => Ok(ServerName::from(*address)),
        Host::Name(name) => ServerName::try_from(name.clone())
            .map_err(|_| EgressFailure::Denied(format!("{host} is no name that a certificate can be for"))),
    }
}

/// What went wrong, without the names that the server's certificate carries.
fn explain(error: &std::io::Error) -> &'static str {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return "the connection broke";
    };
    match error {
        rustls::Error::InvalidCertificate(invalid) => match invalid {
            // Another issuer of the same name shows as a signature that does not fit.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the certificate's issuer is not trusted"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is not for this name"
            }
            _ => "the certificate is not accepted",
        },
        rustls::Error::AlertReceived(_) => "the server refused the handshake",
        _ => "the handshake failed",
    }
}
