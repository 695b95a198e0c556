//! Which requests share a connection.

use super::server::{Reply, Server, ok};
use super::*;

#[tokio::test]
async fn requests_of_one_connection_share_a_socket_across_sessions() {
    let server = Server::start(|_| ok("")).await;
    let egress = open_egress();
    let scope = scope(server.port());
    for _ in 0..2 {
        let session = egress.open(scope.clone(), None);
        for _ in 0..2 {
            get(&session, &server, "/").await.unwrap();
        }
    }
    assert_eq!((server.received().len(), server.connections()), (4, 1));
}

#[tokio::test]
async fn tenants_and_connections_never_share_a_socket() {
    let server = Server::start(|_| ok("")).await;
    let egress = open_egress();
    let first = scope(server.port());
    let other_connection = EgressScope { connection: Some(ConnectionUid::generate()), ..first.clone() };
    let other_tenant = EgressScope { tenant: TenantUid::generate(), ..first.clone() };
    let other_trust = EgressScope { ca_bundle: Some("other".to_owned()), ..first.clone() };
    for scope in [first, other_connection, other_tenant, other_trust] {
        get(&egress.open(scope, None), &server, "/").await.unwrap();
    }
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn sessions_without_a_connection_share_nothing() {
    let server = Server::start(|_| ok("")).await;
    let egress = open_egress();
    let scope = EgressScope { connection: None, ..scope(server.port()) };
    for _ in 0..2 {
        let session = egress.open(scope.clone(), None);
        get(&session, &server, "/").await.unwrap();
        get(&session, &server, "/").await.unwrap();
    }
    assert_eq!((server.received().len(), server.connections()), (4, 2));
}

#[tokio::test]
async fn a_connection_with_an_unread_answer_is_not_used_again() {
    let server =
        Server::start(
            |received| {
                if received.line.contains("/large") { ok(&"x".repeat(9 * 1024 * 1024)) } else { ok("") }
            },
        )
        .await;
    let session = open_egress().open(scope(server.port()), None);
    assert_eq!(get(&session, &server, "/large").await.unwrap_err(), EgressFailure::TooLarge);
    assert_eq!(get(&session, &server, "/").await.unwrap().body, b"");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn idle_connections_are_closed_after_their_time() {
    let server = Server::start(|_| ok("")).await;
    let timeouts = Timeouts { idle: Duration::from_millis(20), ..Timeouts::default() };
    let egress = timed_egress(timeouts);
    let session = egress.open(scope(server.port()), None);
    get(&session, &server, "/").await.unwrap();
    until(|| egress.shared.pool.idle_count() == 0).await;
    get(&session, &server, "/").await.unwrap();
    assert_eq!(server.connections(), 2);
}

/// Answers the first request of the first connection, and closes it at the second without an answer.
async fn forgetful() -> Server {
    let is_second = std::sync::atomic::AtomicBool::new(false);
    Server::start(move |received| {
        if received.connection == 0 && is_second.swap(true, std::sync::atomic::Ordering::SeqCst) {
            Reply::Last(Vec::new())
        } else {
            ok("")
        }
    })
    .await
}

#[tokio::test]
async fn a_safe_request_is_sent_again_when_an_idle_connection_breaks() {
    let server = forgetful().await;
    let session = open_egress().open(scope(server.port()), None);
    get(&session, &server, "/").await.unwrap();
    assert_eq!(get(&session, &server, "/").await.unwrap().status, 200);
    assert_eq!((server.received().len(), server.connections()), (3, 2));
}

#[tokio::test]
async fn a_changing_request_is_never_sent_twice() {
    let server = forgetful().await;
    let session = open_egress().open(scope(server.port()), None);
    get(&session, &server, "/").await.unwrap();
    let result = session.send(request("POST", &server.url("/"))).await;
    assert!(matches!(result, Err(EgressFailure::OutcomeUnknown(_))), "{result:?}");
    assert_eq!(server.received().len(), 2);
}

#[tokio::test]
async fn a_cancelled_request_counts_as_sent_and_closes_its_connection() {
    let server = Server::start(|_| Reply::Hang).await;
    let session = open_egress().open(scope(server.port()), None);
    tokio::select! {
        _ = get(&session, &server, "/") => panic!("the server never answers"),
        () = until(|| server.received().len() == 1) => {}
    }
    assert_eq!(session.observed().sent, 1);
    until(|| server.open_connections() == 0).await;
}

async fn until(condition: impl Fn() -> bool) {
    let checks = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), checks).await.expect("the condition comes true");
}
