//! What may be lost: who is typing.

use crate::{
    faults::{Faults, Faulty},
    support::{Node, Person, Socket, many, message_id},
};
use kafkatalk_protocol::{Body, ClientFrame, ConversationId, ServerFrame, UserId};
use kafkatalk_server::limits::{SOCKET_SIGNALS_MAX, TYPING_BURST};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

/// A socket of a device that gets signals from now on.
async fn listening(person: &Person<'_>) -> Socket {
    let mut socket = person.connect_for_signals().await;
    until_pong(&mut socket).await;
    socket
}

/// Who types where, by the next frame that says so.
async fn typing(socket: &mut Socket) -> (ConversationId, UserId) {
    loop {
        if let ServerFrame::Typing { conversation, user } = socket.next().await {
            return (conversation, user);
        }
    }
}

/// Everything up to the answer to a ping, but for who is online. What was put into the socket's lane before is among it.
async fn until_pong(socket: &mut Socket) -> Vec<ServerFrame> {
    let mut frames = crate::support::until_pong(socket).await;
    frames.retain(|frame| !matches!(frame, ServerFrame::Presence(_) | ServerFrame::Presences { .. }));
    frames
}

fn is_typing(frame: &ServerFrame) -> bool {
    matches!(frame, ServerFrame::Typing { .. })
}

#[tokio::test]
async fn typing_reaches_the_devices_of_the_others_that_asked_for_it() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let (bob, carol) = (node.register("bob").await, node.register("carol").await);
    let conversation = alice.group(&["bob", "carol"]).await.id;
    let mut hers = listening(&alice).await;
    let mut phone = listening(&node.sign_in("alice").await).await;
    let (mut his, mut old, mut carols) =
        (listening(&bob).await, bob.connect().await, listening(&carol).await);
    hers.say(&ClientFrame::Typing { conversation }).await;
    for socket in [&mut his, &mut carols] {
        assert_eq!(typing(socket).await, (conversation, alice.user.id));
    }
    for socket in [&mut hers, &mut phone, &mut old] {
        assert!(
            !until_pong(socket).await.iter().any(is_typing),
            "their own devices, and one that did not ask"
        );
    }
}

#[tokio::test]
async fn a_stranger_who_types_is_heard_by_nobody_and_told_nothing() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let eve = node.register("eve").await;
    let (mut hers, mut his, mut eves) = (alice.connect().await, listening(&bob).await, listening(&eve).await);
    let nowhere = ConversationId(message_id().0);
    for place in [conversation, nowhere] {
        eves.say(&ClientFrame::Typing { conversation: place }).await;
    }
    assert_eq!(until_pong(&mut eves).await, [], "the same for what is there and what is not");
    // What comes through the same lane later is the first that he sees.
    hers.say(&ClientFrame::Typing { conversation }).await;
    assert_eq!(typing(&mut his).await, (conversation, alice.user.id));
    eves.say(&ClientFrame::Typing { conversation }).await;
    hers.say(&ClientFrame::Typing { conversation }).await;
    assert_eq!(typing(&mut his).await, (conversation, alice.user.id));
}

#[tokio::test]
async fn typing_is_seen_on_another_node() {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), Faults::default());
    let beside = log.beside();
    let (one, other) = (Node::builder().log(log).start().await, Node::builder().log(beside).start().await);
    let (alice, bob, conversation) = one.pair().await;
    let there = Person { node: &other, user: bob.user.clone(), token: bob.token.clone() };
    assert_eq!(there.get(&format!("/conversations/{conversation}")).await.status(), 200);
    let (mut hers, mut his) = (alice.connect().await, listening(&there).await);
    hers.say(&ClientFrame::Typing { conversation }).await;
    assert_eq!(typing(&mut his).await, (conversation, alice.user.id));
}

#[tokio::test]
async fn whoever_types_too_much_is_heard_less_and_not_sent_away() {
    let node = Node::builder().rate_limits(many()).start().await;
    let (alice, bob, conversation) = node.pair().await;
    let (mut hers, mut his) = (listening(&alice).await, listening(&bob).await);
    for _ in 0..TYPING_BURST * 4 {
        hers.say(&ClientFrame::Typing { conversation }).await;
    }
    assert!(until_pong(&mut hers).await.is_empty(), "nothing is answered");
    his.say(&ClientFrame::Typing { conversation }).await;
    typing(&mut hers).await;
    let published = published(&node).await;
    assert!((2..u64::from(TYPING_BURST) * 4).contains(&published), "{published} were published");
}

/// How many signals a node has published.
async fn published(node: &Node) -> u64 {
    let figures = node.figures().await;
    let line =
        figures.lines().find_map(|line| line.strip_prefix("kafkatalk_signals_total{outcome=\"published\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_flood_of_signals_never_fills_the_ordered_queue_and_messages_come_through() {
    // One frame may wait in the ordered queue: a signal in it would have the socket closed.
    let node = Node::builder().socket_queue_frames(1).sockets_per_user(1).start().await;
    let bob = node.register("bob").await;
    let mut typists = Vec::new();
    let people = SOCKET_SIGNALS_MAX + 10;
    for number in 0..people {
        let person = node.register(&format!("typist{number}")).await;
        let conversation = person.open("bob").await.id;
        typists.push((person.user.id, conversation, person));
    }
    let mut his = listening(&bob).await;
    let mut sockets = Vec::new();
    for (_, conversation, person) in &typists {
        let mut socket = person.connect().await;
        socket.say(&ClientFrame::Typing { conversation: *conversation }).await;
        sockets.push(socket);
    }
    let (_, conversation, person) = &typists[0];
    let said = person.say(*conversation, "hello").await;
    let mut seen = BTreeSet::new();
    let message = loop {
        match his.next().await {
            ServerFrame::Message { message, .. } => break message,
            ServerFrame::Typing { user, .. } => drop(seen.insert(user)),
            _ => {}
        }
    };
    assert_eq!(message, said);
    assert!(node.figures().await.contains("sockets_too_slow_total 0"));
    // A socket that is busy with messages still gets signals afterwards.
    sockets[1].say(&ClientFrame::Typing { conversation: typists[1].1 }).await;
    while typing(&mut his).await.1 != typists[1].0 {}
}

#[tokio::test]
async fn a_message_is_not_held_up_by_signals_of_its_sender() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let (mut hers, mut his) = (alice.connect().await, listening(&bob).await);
    let id = message_id();
    for _ in 0..SOCKET_SIGNALS_MAX {
        hers.say(&ClientFrame::Typing { conversation }).await;
    }
    let body = Body::parse("hello").unwrap();
    hers.say(&ClientFrame::Send { conversation, id, body, reply_to: None }).await;
    assert_eq!(his.next_message().await.id, id);
}

#[tokio::test]
async fn whoever_is_removed_is_not_heard_any_more_and_whoever_is_added_hears() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let (bob, carol) = (node.register("bob").await, node.register("carol").await);
    let dave = node.register("dave").await;
    let conversation = alice.group(&["bob", "carol"]).await.id;
    let members = format!("/conversations/{conversation}/members");
    let (mut hers, mut his) = (listening(&alice).await, listening(&bob).await);
    let (mut carols, mut daves) = (listening(&carol).await, listening(&dave).await);
    carols.say(&ClientFrame::Typing { conversation }).await;
    assert_eq!(typing(&mut his).await.1, carol.user.id);
    typing(&mut hers).await;

    let removed = alice.send_json(Method::DELETE, &format!("{members}/{}", carol.user.id), &json!({})).await;
    assert!(removed.status().is_success());
    let added = alice.send_json(Method::POST, &members, &json!({"members": ["dave"]})).await;
    assert!(added.status().is_success());
    // Whoever reads waits until that is committed, and with it who the members are.
    assert_eq!(dave.get(&format!("/conversations/{conversation}")).await.status(), 200);
    carols.say(&ClientFrame::Typing { conversation }).await;
    // Her device has said it before this is answered.
    until_pong(&mut carols).await;
    his.say(&ClientFrame::Typing { conversation }).await;
    for socket in [&mut hers, &mut daves] {
        assert_eq!(typing(socket).await, (conversation, bob.user.id), "the first that is heard");
    }
    assert!(!until_pong(&mut carols).await.iter().any(is_typing));
}
