//! The WebSocket: delivery, catching up, and who is sent away.

use crate::support::{Node, Socket, message_id};
use futures_util::SinkExt;
use kafkatalk_protocol::{
    Body, ClientFrame, ConversationId, ErrorCode, MessageId, Offset, ServerFrame,
    limits::CATCH_UP_MESSAGES_MAX,
};
use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message as WsMessage, client::IntoClientRequest};

fn send(conversation: ConversationId, id: MessageId, body: &str) -> ClientFrame {
    ClientFrame::Send { conversation, id, body: Body::parse(body).unwrap() }
}

async fn acked(socket: &mut Socket, id: MessageId) -> Offset {
    loop {
        match socket.next().await {
            ServerFrame::Ack { id: acked, offset, .. } if acked == id => return offset,
            ServerFrame::Error { detail, .. } => panic!("{detail}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn nobody_gets_a_socket_without_signing_in() {
    let node = Node::start().await;
    let request = format!("ws://{}/api/v1/ws", node.address).into_client_request().unwrap();
    let refused = tokio_tungstenite::connect_async(request).await;
    assert!(matches!(refused, Err(Error::Http(answer)) if answer.status() == 401));
}

#[tokio::test]
async fn a_message_is_acknowledged_and_reaches_every_device_of_both() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let phone = node.sign_in("alice").await;
    let mut sockets = [alice.connect().await, phone.connect().await, bob.connect().await];
    let id = message_id();
    sockets[0].say(&send(conversation, id, "hello")).await;
    let offset = acked(&mut sockets[0], id).await;
    let kept = bob.history(conversation, "").await.messages;
    assert_eq!((kept[0].offset, kept[0].id), (offset, id));
    for socket in &mut sockets[1..] {
        assert_eq!(socket.next_message().await, kept[0]);
    }
}

#[tokio::test]
async fn a_burst_on_one_socket_is_appended_in_the_order_it_was_sent() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let (mut hers, mut his) = (alice.connect().await, bob.connect().await);
    let ids: Vec<_> = (0..100).map(|_| message_id()).collect();
    for (n, id) in ids.iter().enumerate() {
        hers.say(&send(conversation, *id, &n.to_string())).await;
    }
    let mut previous = None;
    for id in ids {
        let message = his.next_message().await;
        assert_eq!((message.id, message.previous), (id, previous));
        previous = Some(message.offset);
    }
}

#[tokio::test]
async fn a_device_that_says_hello_gets_what_it_missed_before_anything_newer() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    for n in 0..10 {
        alice.say(conversation, &format!("missed {n}")).await;
    }
    let mut his = bob.connect_silent().await;
    let newer = alice.say(conversation, "newer").await;
    his.say(&ClientFrame::Hello { positions: [(conversation, Offset(3))].into() }).await;
    for offset in 4..=newer.offset.0 {
        assert_eq!(
            his.next().await,
            ServerFrame::Message {
                message: alice
                    .history(conversation, &format!("?after={}&limit=1", offset - 1))
                    .await
                    .messages[0]
                    .clone()
            }
        );
    }
    let last = alice.say(conversation, "last").await;
    assert_eq!(his.next().await, ServerFrame::Message { message: last });
}

#[tokio::test]
async fn a_device_far_behind_is_told_from_where_to_page() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let mut hers = alice.connect().await;
    let total = CATCH_UP_MESSAGES_MAX + 50;
    let mut last = message_id();
    for n in 0..total {
        last = message_id();
        hers.say(&send(conversation, last, &n.to_string())).await;
    }
    let latest = acked(&mut hers, last).await;
    let mut his = bob.connect_silent().await;
    his.say(&ClientFrame::Hello { positions: [(conversation, Offset(0))].into() }).await;
    for offset in 1..=CATCH_UP_MESSAGES_MAX as u64 {
        assert_eq!(his.next_message().await.offset, Offset(offset));
    }
    let after = Some(Offset(CATCH_UP_MESSAGES_MAX as u64));
    assert_eq!(his.next().await, ServerFrame::Behind { conversation, after, latest });
}

#[tokio::test]
async fn a_read_position_shows_on_all_devices_and_for_the_other() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let offset = alice.say(conversation, "seen?").await.offset;
    let (mut hers, mut his) = (alice.connect().await, bob.connect().await);
    his.say(&ClientFrame::Read { conversation, offset }).await;
    for socket in [&mut hers, &mut his] {
        assert_eq!(socket.next().await, ServerFrame::Read { conversation, user: bob.user.id, offset });
    }
}

#[tokio::test]
async fn frames_that_are_no_frames_close_the_socket() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let mut socket = alice.connect().await;
    socket.say_text("not json".into()).await;
    assert_eq!(socket.closed().await, 4400);
    let mut socket = alice.connect().await;
    socket.stream.send(WsMessage::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(socket.closed().await, 4400);
}

#[tokio::test]
async fn a_frame_that_is_too_large_closes_the_socket() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    for bytes in [256 * 1024 + 1, 300 * 1024] {
        let mut socket = alice.connect().await;
        // The server may close before it has read all of it.
        let _ = socket.stream.send(WsMessage::text("x".repeat(bytes))).await;
        assert_eq!(socket.closed().await, 4413, "{bytes}");
    }
}

#[tokio::test]
async fn a_bad_message_is_refused_under_its_id_and_the_socket_stays() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    let mut socket = alice.connect().await;
    let id = message_id();
    socket
        .say_text(json!({"type": "send", "conversation": conversation, "id": id, "body": " "}).to_string())
        .await;
    match socket.next().await {
        ServerFrame::Error { code: ErrorCode::InvalidInput, id: Some(refused), .. } => {
            assert_eq!(refused, id);
        }
        other => panic!("expected invalid_input, got {other:?}"),
    }
    socket.say(&ClientFrame::Ping).await;
    assert_eq!(socket.next().await, ServerFrame::Pong);
}

#[tokio::test]
async fn a_session_that_ends_takes_its_sockets_along_and_no_others() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let phone = node.sign_in("alice").await;
    let (mut here, mut there) = (alice.connect().await, phone.connect().await);
    alice.send_json(Method::DELETE, "/sessions/current", &json!({})).await;
    assert_eq!(here.closed().await, 4401);
    there.say(&ClientFrame::Ping).await;
    assert_eq!(there.next().await, ServerFrame::Pong);
}

#[tokio::test]
async fn a_socket_that_does_not_read_is_sent_away_and_delays_nobody() {
    let node = Node::builder().socket_queue_frames(16).start().await;
    let (alice, bob, conversation) = node.pair().await;
    let (mut hers, mut his) = (alice.connect().await, bob.connect().await);
    let mut stalled = bob.connect().await;
    let body = "x".repeat(8_000);
    // Fills the kernel's buffers of a socket that nobody reads, and then its queue.
    let mut sent = 0;
    while node
        .get("/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
        .contains("sockets_too_slow_total 0")
    {
        for _ in 0..50 {
            let id = message_id();
            hers.say(&send(conversation, id, &body)).await;
            acked(&mut hers, id).await;
            assert_eq!(his.next_message().await.id, id);
            sent += 1;
        }
        assert!(sent < 10_000, "the stalled socket was never sent away");
    }
    // It has been told why, after what was under way.
    assert_eq!(stalled.closed().await, 4408);
    let held = Offset(0);
    let mut back = bob.connect_silent().await;
    back.say(&ClientFrame::Hello { positions: [(conversation, held)].into() }).await;
    assert_eq!(back.next_message().await.offset, held.next());
}

#[tokio::test]
async fn a_node_that_stops_tells_its_clients_to_reconnect() {
    let node = Node::start().await;
    let token = {
        let alice = node.register("alice").await;
        (alice.connect().await, alice.token)
    };
    let (mut socket, _) = token;
    let (code, ()) = tokio::join!(socket.closed(), node.stop());
    assert_eq!(code, 1001);
}
