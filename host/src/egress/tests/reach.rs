//! Where requests go, and where they never do.

use super::server::{Server, answer, ok};
use super::*;

fn is_denied(result: &Result<InboundResponse, EgressFailure>) -> bool {
    matches!(result, Err(EgressFailure::Denied(_)))
}

#[tokio::test]
async fn a_declared_request_arrives_as_it_was_written() {
    let server = Server::start(|_| answer("201 Created\r\nx-request-id: 7", b"made")).await;
    let session = open_egress().open(scope(server.port()), None);
    let mut request = request("POST", &server.url("/v1/items?x=a%20b"));
    request.headers = vec![("X-Kind".to_owned(), "test".to_owned()), ("Accept-Encoding".to_owned(), "br".to_owned())];
    request.body = Some(b"{}".to_vec());
    let answer = session.send(request).await.unwrap();

    assert_eq!((answer.status, answer.body.as_slice()), (201, b"made".as_slice()));
    assert_eq!(answer.headers, [("x-request-id".to_owned(), "7".to_owned())]);
    let received = server.only();
    assert_eq!(received.line, "POST /v1/items?x=a%20b HTTP/1.1");
    assert_eq!(received.body, b"{}");
    assert_eq!(received.header("host"), format!("vault.test:{}", server.port()));
    assert_eq!(received.header("content-length"), "2");
    assert_eq!(received.header("accept-encoding"), "identity");
    assert_eq!(received.header("x-kind"), "test");
    assert!(received.header("user-agent").starts_with("keyferry/"));
    assert!(received.all("authorization").is_empty());
    assert_eq!(session.observed().sent, 1);
}

#[tokio::test]
async fn denied_requests_are_refused_before_dns() {
    let resolver = ScriptedResolver::new(&[&["127.0.0.1"]]);
    let session = egress(open_policy(), &resolver).open(scope(443), None);
    let secret_label = "https://c2VjcmV0.attacker.example/";
    for (method, url) in [
        ("GET", secret_label),
        ("GET", "https://sub.vault.test/"),
        ("GET", "https://vault.test:8443/"),
        ("GET", "https://user@vault.test/"),
        ("GET", "https://vault.test/#x"),
        ("GET", "https://169.254.169.254/latest/meta-data/"),
        ("GET", "https://[fd00:ec2::254]/"),
        ("GET", "https://0x7f.1/"),
        ("GET", "https://2130706433/"),
        ("GET", "https://[::ffff:127.0.0.1]/"),
        ("GET", "https://localhost./"),
        ("TRACE", "https://vault.test/"),
        ("PATCH", "https://vault.test/"),
    ] {
        let result = session.send(request(method, url)).await;
        assert!(is_denied(&result), "{method} {url}: {result:?}");
    }
    let mut unknown_entry = request("GET", "https://vault.test/");
    unknown_entry.entry = "other".to_owned();
    assert!(is_denied(&session.send(unknown_entry).await));
    assert!(resolver.asked().is_empty());
    assert_eq!(session.observed().sent, 0);
}

#[tokio::test]
async fn a_name_that_turns_inside_is_refused_at_its_next_lookup() {
    let server = Server::start(|_| super::server::Reply::Last(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let inside = Server::start_at(&format!("127.0.0.2:{}", server.port()), |_| ok("inside")).await;
    let resolver = ScriptedResolver::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let policy = EgressPolicy { loopback: Loopback::Only(vec![server.address]), ..open_policy() };
    let session = egress(policy, &resolver).open(scope(server.port()), None);

    assert_eq!(get(&session, &server, "/").await.unwrap().status, 204);
    assert!(is_denied(&get(&session, &server, "/").await));
    assert_eq!((server.connections(), inside.connections()), (1, 0));
    assert_eq!(resolver.asked().len(), 2, "one lookup for each connection");
}

#[tokio::test]
async fn one_closed_address_spoils_the_answer() {
    let server = Server::start(|_| ok("")).await;
    for closed in ["10.0.0.1", "169.254.169.254", "::1", "64:ff9b::a9fe:a9fe", "::ffff:10.0.0.1", "168.63.129.16"] {
        let resolver = ScriptedResolver::new(&[&["127.0.0.1", closed]]);
        let policy = EgressPolicy { loopback: Loopback::Only(vec![server.address]), ..open_policy() };
        let session = egress(policy, &resolver).open(scope(server.port()), None);
        assert!(is_denied(&get(&session, &server, "/").await), "{closed}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn metadata_and_own_listeners_stay_closed_in_development() {
    let server = Server::start(|_| ok("")).await;
    let everything = ["0.0.0.0/0", "::/0"].map(|network| network.parse().unwrap()).to_vec();
    let policy = EgressPolicy { private_networks: everything, own_listeners: vec![server.address], ..open_policy() };
    for address in ["127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "fd00:ec2::254", "0.0.0.0"] {
        let session = egress(policy.clone(), &ScriptedResolver::new(&[&[address]])).open(scope(server.port()), None);
        assert!(is_denied(&get(&session, &server, "/").await), "{address}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_listener_of_the_host_on_all_addresses_is_closed_at_loopback() {
    let server = Server::start_at("0.0.0.0:0", |_| ok("")).await;
    let own = SocketAddr::new("0.0.0.0".parse().unwrap(), server.port());
    let policy = EgressPolicy { own_listeners: vec![own], ..open_policy() };
    let session = egress(policy, &ScriptedResolver::new(&[&["127.0.0.1"]])).open(scope(server.port()), None);
    assert!(is_denied(&get(&session, &server, "/").await));
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn redirects_are_answers_and_the_credential_stays() {
    let target = Server::start(|_| ok("")).await;
    let location = format!("302 Found\r\nlocation: {}", target.url("/stolen"));
    let server = Server::start(move |_| answer(&location, b"")).await;
    let mut scope = scope(server.port());
    scope.auth = bearer("token-of-the-connection");
    let session = open_egress().open(scope, None);
    let answer = get(&session, &server, "/").await.unwrap();
    assert_eq!(answer.status, 302);
    assert!(answer.headers.iter().any(|(name, value)| name == "location" && value.ends_with("/stolen")));
    assert_eq!((server.received().len(), target.connections()), (1, 0));

    let follow = session.send(request("GET", &target.url("/stolen"))).await;
    assert!(is_denied(&follow), "another port is another place");
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_literal_address_needs_a_grant_of_its_own() {
    let server = Server::start(|_| ok("")).await;
    let url = format!("http://127.0.0.1:{}/", server.port());
    let session = open_egress().open(scope(server.port()), None);
    assert!(is_denied(&session.send(request("GET", &url)).await));

    let mut granted = scope(server.port());
    granted.entries = vec![entry("api", "{endpoint}", 443)];
    granted.settings.insert("endpoint".to_owned(), url.clone());
    let resolver = ScriptedResolver::new(&[]);
    let session = egress(open_policy(), &resolver).open(granted, None);
    assert_eq!(session.send(request("GET", &url)).await.unwrap().status, 200);
    assert!(resolver.asked().is_empty());
}

#[tokio::test]
async fn a_refused_connection_was_not_sent() {
    let port = {
        let server = Server::start(|_| ok("")).await;
        server.port()
    };
    tokio::task::yield_now().await;
    let session = open_egress().open(scope(port), None);
    let result = session.send(request("PUT", &format!("http://vault.test:{port}/"))).await;
    assert!(matches!(result, Err(EgressFailure::NotSent(_))), "{result:?}");
    assert_eq!(session.observed().sent, 0);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_does_not_answer() {
    let server = Server::start(|_| ok("")).await;
    let resolver = ScriptedResolver::new(&[&["127.0.0.3", "127.0.0.1"]]);
    let session = egress(open_policy(), &resolver).open(scope(server.port()), None);
    assert_eq!(get(&session, &server, "/").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_name_without_addresses_was_not_sent() {
    for answers in [&[][..], &[&[][..]]] {
        let session = egress(open_policy(), &ScriptedResolver::new(answers)).open(scope(80), None);
        let result = session.send(request("GET", "http://vault.test/")).await;
        assert!(matches!(result, Err(EgressFailure::NotSent(_))), "{result:?}");
    }
}
