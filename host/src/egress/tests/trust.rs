//! TLS: who is believed to be who.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::server::{Server, ok};
use super::*;

/// A CA in PEM, and an acceptor with a certificate from it for `name`.
fn ca_and_server(name: &str) -> (String, TlsAcceptor) {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    (ca_pem, TlsAcceptor::from(Arc::new(config)))
}

async fn get_with(bundle: Option<String>, server: &Server) -> Result<InboundResponse, EgressFailure> {
    let scope = EgressScope { ca_bundle: bundle, auth: bearer("token-value"), ..scope(server.port()) };
    get(&open_egress().open(scope, None), server, "/").await
}

#[tokio::test]
async fn a_server_is_believed_by_the_connections_own_ca() {
    let (ca, acceptor) = ca_and_server(NAME);
    let server = Server::start_tls(acceptor, |_| ok("over TLS")).await;
    assert_eq!(get_with(Some(ca), &server).await.unwrap().body, b"over TLS");
    assert_eq!(server.only().header("authorization"), "Bearer token-value");
}

#[tokio::test]
async fn unknown_issuers_and_other_names_are_not_believed() {
    let (other_ca, _) = ca_and_server(NAME);
    let (ca, acceptor) = ca_and_server("other.test");
    let server = Server::start_tls(acceptor, |_| ok("")).await;
    for (bundle, reason) in [
        (None, "the certificate's issuer is not trusted"),
        (Some(other_ca), "the certificate's issuer is not trusted"),
        (Some(ca), "the certificate is not for this name"),
    ] {
        let failure = get_with(bundle, &server).await.unwrap_err();
        assert_eq!(failure, EgressFailure::NotSent(format!("TLS with vault.test: {reason}")));
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_bundle_that_cannot_be_read_closes_the_connection() {
    let (ca, acceptor) = ca_and_server(NAME);
    let server = Server::start_tls(acceptor, |_| ok("")).await;
    let broken = ca.replace("-----END CERTIFICATE-----", "");
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    for bundle in [String::new(), "no PEM".to_owned(), broken, no_certificate] {
        let result = get_with(Some(bundle), &server).await;
        assert!(matches!(result, Err(EgressFailure::Denied(_))), "{result:?}");
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_in_plain() {
    let server = Server::start(|_| ok("")).await;
    let url = server.url("/").replace("http://", "https://");
    let timeouts = Timeouts { headers: Duration::from_millis(200), ..Timeouts::default() };
    let egress = timed_egress(timeouts);
    let session = egress.open(EgressScope { auth: bearer("token-value"), ..scope(server.port()) }, None);
    let result = session.send(request("GET", &url)).await;
    assert!(matches!(result, Err(EgressFailure::NotSent(_))), "{result:?}");
    assert!(server.received().is_empty());
}
