//! Two nodes on one log, behind a balancer that sends anybody anywhere.

use crate::{
    faults::{Faults, Faulty, TailFault},
    support::{Node, PASSWORD, Person, code, refused},
};
use kafkatalk_protocol::{ClientFrame, ServerFrame};
use serde_json::json;
use std::{future::Future, time::Duration};
use tempfile::TempDir;

/// How long a node is seen to wait before the other's records reach it.
const SEEN_TO_WAIT: Duration = Duration::from_millis(100);

/// Two nodes, and the log as the second sees it.
async fn two() -> (Node, Node, Faulty, TempDir) {
    let folder = TempDir::new().unwrap();
    let log = Faulty::open(folder.path(), Faults::default());
    let beside = log.beside();
    let one = Node::builder().log(log).start().await;
    let other = Node::builder().log(beside.clone()).start().await;
    (one, other, beside, folder)
}

/// The same person with the same token, but at another node.
fn at<'a>(node: &'a Node, person: &Person<'_>) -> Person<'a> {
    Person { node, user: person.user.clone(), token: person.token.clone() }
}

/// Asks a node that does not know of it yet, and lets it hear of it once it was seen to wait.
async fn answered_late<T>(log: &Faulty, asking: impl Future<Output = T>) -> T {
    tokio::pin!(asking);
    assert!(tokio::time::timeout(SEEN_TO_WAIT, &mut asking).await.is_err(), "it did not wait");
    log.set(Faults::default());
    asking.await
}

fn deaf() -> Faults {
    Faults { tail: TailFault::Waits, ..Faults::default() }
}

#[tokio::test]
async fn a_session_that_began_on_another_node_a_moment_ago_is_known() {
    let (one, other, log, _folder) = two().await;
    log.set(deaf());
    let alice = one.register("alice").await;
    let there = at(&other, &alice);
    assert_eq!(answered_late(&log, there.get("/me")).await.status(), 200);

    log.set(deaf());
    let alice = one.sign_in("alice").await;
    let there = at(&other, &alice);
    drop(answered_late(&log, there.connect()).await);
}

#[tokio::test]
async fn who_registered_on_another_node_a_moment_ago_can_sign_in_and_be_written_to() {
    let (one, other, log, _folder) = two().await;
    let alice = other.register("alice").await;
    log.set(deaf());
    one.register("bob").await;
    let credentials = json!({"username": "bob", "password": PASSWORD});
    let signing_in = other.post("/api/v1/sessions", &credentials).send();
    assert_eq!(answered_late(&log, signing_in).await.unwrap().status(), 201);

    log.set(deaf());
    one.register("carol").await;
    let opened = answered_late(&log, alice.open("carol")).await;
    assert_eq!(opened.members.len(), 2);
}

#[tokio::test]
async fn a_conversation_that_was_opened_on_another_node_a_moment_ago_is_there() {
    let (one, other, log, _folder) = two().await;
    let (alice, bob) = (one.register("alice").await, one.register("bob").await);
    let (here, there) = (at(&other, &alice), at(&other, &bob));
    assert_eq!(here.get("/me").await.status(), 200);
    assert_eq!(there.get("/me").await.status(), 200);
    log.set(deaf());
    let opened = alice.open("bob").await;
    let found = answered_late(&log, there.get(&format!("/conversations/{}", opened.id))).await;
    assert_eq!(found.status(), 200);
    log.set(deaf());
    let said = alice.say(opened.id, "hello").await;
    log.set(Faults::default());
    assert_eq!(here.say(opened.id, "and again").await.previous, Some(said.offset));
}

#[tokio::test]
async fn what_was_read_on_another_node_is_read_even_where_it_has_not_come_to_yet() {
    let (one, other, log, _folder) = two().await;
    let (alice, bob, conversation) = one.pair().await;
    let there = at(&other, &bob);
    let (mut socket, mut beside) = (there.connect().await, bob.connect().await);
    log.set(deaf());
    let newest = alice.say(conversation, "hello").await.offset;
    socket.say(&ClientFrame::Read { conversation, offset: newest }).await;
    // The deaf node has written it; the other one hears of it.
    let told = loop {
        if let ServerFrame::Read { offset, .. } = beside.next().await {
            break offset;
        }
    };
    assert_eq!(told, newest);
}

#[tokio::test]
async fn what_is_nowhere_is_told_so_and_what_cannot_be_known_is_not_denied() {
    let (one, other, log, _folder) = two().await;
    let alice = one.register("alice").await;
    let nobody = Person { node: &other, user: alice.user.clone(), token: "no such token".into() };
    assert_eq!(refused(nobody.get("/me").await).await, code(401, "unauthenticated"));

    log.set(Faults { ends_fail: true, ..Faults::default() });
    let answer = nobody.get("/me").await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(refused(answer).await, code(503, "log_unavailable"));
}
