//! Opening conversations, and who may know of them.

use crate::support::{Node, code, hello, many, message_id, problem, refused};
use kafkatalk_protocol::{
    ClientFrame, Conversation, ErrorCode, Offset, ServerFrame, limits::CATCH_UP_MESSAGES_MAX,
};
use kafkatalk_server::rates::RateLimits;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn two_people_have_one_conversation_whoever_opens_it() {
    let node = Node::start().await;
    let (alice, bob) = (node.register("alice").await, node.register("bob").await);
    let first = alice.send_json(Method::POST, "/conversations", &json!({"members": ["bob"]})).await;
    assert_eq!(first.status(), 201);
    let first: Conversation = first.json().await.unwrap();
    let second = bob.send_json(Method::POST, "/conversations", &json!({"members": ["Alice"]})).await;
    assert_eq!(second.status(), 200);
    let second: Conversation = second.json().await.unwrap();
    assert_eq!(first.id, second.id);
    let names: Vec<_> = first.members.iter().map(|member| member.username.as_str()).collect();
    assert_eq!(names, ["alice", "bob"]);
}

#[tokio::test]
async fn both_opening_at_once_open_one() {
    let node = Node::start().await;
    let (alice, bob) = (node.register("alice").await, node.register("bob").await);
    let opened = futures_util::future::join_all((0..10).map(|i| {
        let (who, with) = if i % 2 == 0 { (&alice, "bob") } else { (&bob, "alice") };
        who.open(with)
    }));
    let ids: std::collections::BTreeSet<_> = opened.await.into_iter().map(|c| c.id).collect();
    assert_eq!(ids.len(), 1);
    let listed: Value = alice.get("/conversations").await.json().await.unwrap();
    assert_eq!(listed["conversations"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_conversation_needs_another_person_who_is_there() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    node.register("bob").await;
    let crowd: Vec<_> = (0..201).map(|n| format!("person-{n}")).collect();
    for members in [
        json!([]),
        json!(["alice"]),
        json!(["nobody"]),
        json!(["bob", "nobody"]),
        json!(["b!"]),
        json!(["bob", "b!"]),
        json!(crowd),
        json!([7]),
    ] {
        let answer = alice.send_json(Method::POST, "/conversations", &json!({"members": members})).await;
        let (status, kind, problem) = problem(answer).await;
        assert_eq!((status, kind.as_str()), (422, "invalid_input"), "{members}");
        assert_eq!(problem["errors"][0]["field"], "members");
    }
}

#[tokio::test]
async fn a_stranger_learns_the_same_of_a_conversation_as_of_none() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    alice.say(conversation, "between us").await;
    let eve = node.register("eve").await;
    eve.is_told_of_nothing_like(conversation).await;
}

#[tokio::test]
async fn a_stranger_gets_nothing_of_a_conversation_on_a_socket() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let eve = node.register("eve").await;
    // More than a hello brings, so that both messages and a `behind` would come.
    for n in 0..=CATCH_UP_MESSAGES_MAX + 1 {
        alice.say(conversation, &n.to_string()).await;
    }
    let mut socket = eve.connect_silent().await;
    socket.say(&hello(&[(conversation, Offset(0))])).await;
    socket.say(&ClientFrame::Ping).await;
    assert_eq!(socket.next().await, ServerFrame::Pong);
    let id = message_id();
    let body = kafkatalk_protocol::Body::parse("let me in").unwrap();
    socket.say(&ClientFrame::Send { conversation, id, body, reply_to: None }).await;
    alice.say(conversation, "two").await;
    match socket.next().await {
        ServerFrame::Error { code: ErrorCode::NotFound, id: Some(refused), .. } => assert_eq!(refused, id),
        other => panic!("expected not_found, got {other:?}"),
    }
    socket.say(&ClientFrame::Ping).await;
    assert_eq!(socket.next().await, ServerFrame::Pong);
    let newest = bob.history(conversation, "?limit=1").await.messages;
    assert_eq!(newest[0].body.as_str(), "two");
}

#[tokio::test]
async fn a_new_conversation_shows_on_the_sockets_of_both() {
    let node = Node::start().await;
    let (alice, bob) = (node.register("alice").await, node.register("bob").await);
    let (mut hers, mut his) = (alice.connect().await, bob.connect().await);
    let opened = alice.open("bob").await;
    for socket in [&mut hers, &mut his] {
        assert_eq!(socket.next().await, ServerFrame::Conversation { conversation: opened.clone() });
    }
}

#[tokio::test]
async fn new_conversations_of_one_person_are_limited_and_those_that_are_there_are_not() {
    let limits = RateLimits { conversations_per_minute: 2.try_into().unwrap(), ..many() };
    let node = Node::builder().rate_limits(limits).start().await;
    let alice = node.register("alice").await;
    for name in ["bob", "carol", "dave"] {
        node.register(name).await;
    }
    let open =
        async |name| alice.send_json(Method::POST, "/conversations", &json!({"members": [name]})).await;
    assert_eq!(
        (open("bob").await.status(), open("carol").await.status()),
        (201.try_into().unwrap(), 201.try_into().unwrap())
    );
    let answer = open("dave").await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(refused(answer).await, code(429, "rate_limited"));
    assert_eq!(open("bob").await.status(), 200);
}

#[tokio::test]
async fn the_list_is_by_latest_activity_and_pages_to_its_end() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let name = format!("friend{n}");
        node.register(&name).await;
        ids.push(alice.open(&name).await.id);
    }
    for id in &ids {
        alice.say(*id, "hello").await;
    }
    ids.reverse();
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page: Value = alice.get(&format!("/conversations?limit=2{next}")).await.json().await.unwrap();
        seen.extend(
            page["conversations"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next"].as_str() else { break };
        next = format!("&before={cursor}");
    }
    assert_eq!(seen, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    let bad = alice.get("/conversations?before=nonsense").await;
    assert_eq!(refused(bad).await, code(422, "invalid_input"));
}
