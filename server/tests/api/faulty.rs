//! What people and operators are told while the log or the views are in trouble.

use crate::{
    faults::{CloseFault, Faults, Faulty, TailFault},
    support::{Node, PASSWORD, PATIENCE, code, message_id, problem, refused},
};
use kafkatalk_log::Ledger;
use kafkatalk_protocol::{Body, ClientFrame, CloseCode, ServerFrame};
use kafkatalk_server::serve::ServeError;
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Error;

/// A node on a log with these faults.
async fn on_faulty(faults: Faults) -> (Node, Faulty) {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), faults);
    (Node::builder().on(&folder).log(log.clone()).start().await, log)
}

#[tokio::test]
async fn a_node_that_has_not_read_its_log_says_so_and_answers_nothing_from_its_views() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    alice.say(conversation, "before").await;
    let (token, user, folder) = (bob.token.clone(), bob.user.clone(), Arc::clone(&node.folder));
    drop((alice, bob));
    node.stop().await;
    for file in ["views.sqlite", "views.sqlite-wal", "views.sqlite-shm"] {
        let _ = std::fs::remove_file(folder.path().join(file));
    }

    let log = Faulty::open(folder.path(), Faults { tail: TailFault::Waits, ..Faults::default() });
    let node = Node::builder().on(&folder).log(log.clone()).start_unready().await;
    let bob = crate::support::Person { node: &node, user, token };
    let credentials = json!({"username": "bob", "password": PASSWORD});
    for answer in [
        bob.get("/me").await,
        bob.get(&format!("/conversations/{conversation}")).await,
        node.post("/api/v1/sessions", &credentials).send().await.unwrap(),
        node.post("/api/v1/users", &credentials).send().await.unwrap(),
    ] {
        assert!(answer.headers().contains_key("retry-after"));
        assert_eq!(refused(answer).await, code(503, "log_unavailable"));
    }
    let socket = tokio_tungstenite::connect_async(bob.upgrade()).await;
    assert!(matches!(socket, Err(Error::Http(answer)) if answer.status() == 503));
    for path in ["/", "/conversations", "/sign-in"] {
        let page = node.get(path).send().await.unwrap();
        assert_eq!(page.status(), 503, "{path}");
        assert!(page.headers().contains_key("retry-after"));
        let html = page.text().await.unwrap();
        assert!(html.contains("still reading its log") && html.contains("http-equiv=\"refresh\""), "{html}");
    }
    let form = node.request(Method::POST, "/sign-in").body("username=bob");
    let form = form.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert!(form.status() == 503 && !form.text().await.unwrap().contains("refresh"));
    assert_eq!(node.get("/healthz").send().await.unwrap().status(), 200);
    assert_eq!(node.get("/readyz").send().await.unwrap().status(), 503);
    assert!(node.figures().await.contains("kafkatalk_following 0"));

    log.set(Faults::default());
    node.until_ready().await;
    assert_eq!(bob.get("/me").await.status(), 200);
    assert_eq!(bob.history(conversation, "").await.messages.len(), 1);
    assert!(node.figures().await.contains("kafkatalk_following 1"));
}

#[tokio::test]
async fn a_node_that_falls_behind_later_says_so_to_operators_and_goes_on_answering() {
    let (node, log) = on_faulty(Faults::default()).await;
    let (alice, bob, conversation) = node.pair().await;
    alice.say(conversation, "before").await;
    log.set(Faults { tail: TailFault::Fails, ..Faults::default() });
    node.until_ready_is(503).await;
    assert!(node.figures().await.contains("kafkatalk_following 0"));
    assert_eq!(bob.history(conversation, "").await.messages.len(), 1);
    log.set(Faults::default());
    node.until_ready().await;
    assert!(node.figures().await.contains("kafkatalk_following 1"));
    alice.say(conversation, "after").await;
}

#[tokio::test]
async fn whoever_was_shown_what_could_not_be_committed_begins_anew_and_gets_it_once() {
    for _ in 0..20 {
        if shown_and_begins_anew().await {
            return;
        }
    }
    panic!("it was never shown");
}

/// False if the node sent the socket away before it was shown anything: there is nothing to be seen then.
async fn shown_and_begins_anew() -> bool {
    let (node, log) = on_faulty(Faults::default()).await;
    let (alice, bob, conversation) = node.pair().await;
    let (mut here, mut there) = (alice.connect().await, bob.connect().await);
    log.set(Faults { tail: TailFault::Outgrows, ..Faults::default() });
    let (id, body) = (message_id(), Body::parse("shown").unwrap());
    here.say(&ClientFrame::Send { conversation, id, body, reply_to: None }).await;
    let shown = match there.next_message_or_close().await {
        Ok(shown) => shown,
        Err(code) => {
            assert_eq!(code, CloseCode::GoingAway.as_u16());
            return false;
        }
    };
    assert_eq!(shown.id, id);
    assert_eq!(there.closed().await, CloseCode::GoingAway.as_u16());

    // Until it is committed, nobody is told of it again, and the node says that it is behind.
    node.until_ready_is(503).await;
    let mut again = bob.connect().await;
    assert!(bob.history(conversation, "").await.messages.is_empty());
    assert_eq!(node.get("/readyz").send().await.unwrap().status(), 503);
    log.set(Faults::default());
    node.until_ready().await;
    assert_eq!(again.next_message().await, shown);
    let after = alice.say(conversation, "after").await;
    assert_eq!(again.next_message().await, after);
    assert_eq!(after.previous, Some(shown.offset));
    let kept: Vec<_> = bob.history(conversation, "").await.messages.iter().map(|kept| kept.id).collect();
    assert_eq!(kept, [id, after.id]);
    true
}

#[tokio::test]
async fn what_was_shown_can_be_read_though_the_tail_has_failed_since() {
    let (node, log) = on_faulty(Faults::default()).await;
    let (alice, bob, conversation) = node.pair().await;
    alice.say(conversation, "hello").await;
    log.set(Faults { tail: TailFault::Fails, ..Faults::default() });
    assert_eq!(bob.history(conversation, "").await.messages.len(), 1);
}

#[tokio::test]
async fn what_was_shown_is_committed_within_moments_though_nobody_reads() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    alice.say(conversation, "hello").await;
    let rows = rusqlite::Connection::open(node.folder.path().join("views.sqlite")).unwrap();
    let committed = async {
        let count = || rows.query_row("SELECT count(*) FROM messages", [], |row| row.get::<_, i64>(0));
        while count().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, committed).await.expect("it is committed");
}

#[tokio::test]
async fn a_socket_answers_pings_while_the_log_stands_still_and_keeps_the_order_of_its_messages() {
    let (node, log) = on_faulty(Faults::default()).await;
    let (alice, bob, conversation) = node.pair().await;
    let mut socket = alice.connect().await;
    log.set(Faults { appends_wait: true, ..Faults::default() });
    let ids = [message_id(), message_id(), message_id()];
    for id in ids {
        let body = Body::parse("hello").unwrap();
        socket.say(&ClientFrame::Send { conversation, id, body, reply_to: None }).await;
    }
    socket.say(&ClientFrame::Ping).await;
    assert_eq!(socket.next().await, ServerFrame::Pong);
    log.set(Faults::default());
    let mut acked = Vec::new();
    while acked.len() < ids.len() {
        match socket.next().await {
            ServerFrame::Ack { id, .. } => acked.push(id),
            ServerFrame::Message { .. } => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    let kept: Vec<_> = bob.history(conversation, "").await.messages.iter().map(|kept| kept.id).collect();
    assert_eq!((kept.as_slice(), acked.as_slice()), (&ids[..], &ids[..]));
}

#[tokio::test]
async fn what_was_sent_before_garbage_is_acknowledged_before_the_socket_closes() {
    let (node, log) = on_faulty(Faults::default()).await;
    let (alice, _bob, conversation) = node.pair().await;
    let mut socket = alice.connect().await;
    log.set(Faults { appends_wait: true, ..Faults::default() });
    let (id, body) = (message_id(), Body::parse("hello").unwrap());
    socket.say(&ClientFrame::Send { conversation, id, body, reply_to: None }).await;
    socket.say_text("garbage".into()).await;
    socket.say(&ClientFrame::Ping).await;
    assert_eq!(socket.next().await, ServerFrame::Pong);
    log.set(Faults::default());
    while !matches!(socket.next().await, ServerFrame::Ack { .. }) {}
    assert_eq!(socket.closed().await, CloseCode::Malformed.as_u16());
}

#[tokio::test]
async fn a_node_whose_follower_dies_ends_instead_of_pretending() {
    let (node, log) = on_faulty(Faults::default()).await;
    log.set(Faults { tail: TailFault::Panics, ..Faults::default() });
    assert!(matches!(node.ended().await, Err(ServeError::FollowerDied)));
}

#[tokio::test]
async fn whoever_is_registered_but_could_not_be_signed_in_is_told_to_sign_in() {
    let (node, log) = on_faulty(Faults { refuses: Some(Ledger::Sessions), ..Faults::default() }).await;
    let body = json!({"username": "alice", "password": PASSWORD});
    let (status, kind, told) = problem(node.post("/api/v1/users", &body).send().await.unwrap()).await;
    assert_eq!((status, kind.as_str()), (503, "log_unavailable"));
    assert!(told["detail"].as_str().unwrap().contains("You are registered"), "{told}");
    let (_, _, told) = problem(node.post("/api/v1/sessions", &body).send().await.unwrap()).await;
    assert!(told["detail"].as_str().unwrap().contains("Nothing was written"), "{told}");
    log.set(Faults::default());
    node.sign_in("alice").await;
}

#[tokio::test]
async fn a_node_ends_in_time_though_its_log_does_not_close() {
    let (node, log) = on_faulty(Faults::default()).await;
    log.set(Faults { close: CloseFault::Waits, ..Faults::default() });
    node.stop().await;
}
