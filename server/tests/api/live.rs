//! The WebSocket: delivery, catching up, and who is sent away.

use crate::support::{Node, PATIENCE, Socket, code, hello, live, many, message_id, missed, refused};
use futures_util::{SinkExt, future::join_all};
use kafkatalk_protocol::{
    Body, ClientFrame, ConversationId, ErrorCode, MessageId, Offset, ServerFrame,
    limits::CATCH_UP_MESSAGES_MAX,
};
use kafkatalk_server::{limits::SOCKET_FRAMES_BURST, rates::RateLimits};
use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Error, Message as WsMessage,
    client::IntoClientRequest,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

fn send(conversation: ConversationId, id: MessageId, body: &str) -> ClientFrame {
    ClientFrame::Send { conversation, id, body: Body::parse(body).unwrap(), reply_to: None }
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
    // Where the grace for a hello ends first, what is newer comes first.
    let node = Node::builder().hello_grace(PATIENCE).start().await;
    let (alice, bob, conversation) = node.pair().await;
    for n in 0..10 {
        alice.say(conversation, &format!("missed {n}")).await;
    }
    let mut his = bob.connect_silent().await;
    let newer = alice.say(conversation, "newer").await;
    his.say(&hello(&[(conversation, Offset(3))])).await;
    for offset in 4..=newer.offset.0 {
        let page = alice.history(conversation, &format!("?after={}&limit=1", offset - 1)).await;
        assert_eq!(his.next().await, missed(page.messages[0].clone()));
    }
    let last = alice.say(conversation, "last").await;
    assert_eq!(his.next().await, live(last));
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
    his.say(&hello(&[(conversation, Offset(0))])).await;
    for offset in 1..=CATCH_UP_MESSAGES_MAX as u64 {
        assert_eq!(his.next_message().await.offset, Offset(offset));
    }
    let after = Some(Offset(CATCH_UP_MESSAGES_MAX as u64));
    assert_eq!(his.next().await, ServerFrame::Behind { conversation, after, latest, changed_after: None });
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
    // Fills the kernel's buffers of a socket that nobody reads, and then its queue. Few at a time: once it is sent away,
    // it has some seconds to read why.
    let mut sent = 0;
    while node.figures().await.contains("sockets_too_slow_total 0") {
        for _ in 0..5 {
            let id = message_id();
            hers.say(&send(conversation, id, &body)).await;
            acked(&mut hers, id).await;
            assert_eq!(his.next_message().await.id, id);
            sent += 1;
        }
        assert!(sent < 10_000, "the stalled socket was never sent away");
    }
    assert!(node.figures().await.contains("sockets_too_slow_total 1\n"), "it is one socket");
    // It has been told why, after what was under way.
    assert_eq!(stalled.closed().await, 4408);
    let held = Offset(0);
    let mut back = bob.connect_silent().await;
    back.say(&hello(&[(conversation, held)])).await;
    assert_eq!(back.next_message().await.offset, held.next());
}

#[tokio::test]
async fn no_socket_outlives_its_session_however_late_it_was_opened() {
    let node = Node::start().await;
    node.register("alice").await;
    for _ in 0..20 {
        let phone = node.sign_in("alice").await;
        let nothing = json!({});
        let (opened, _) = tokio::join!(
            tokio_tungstenite::connect_async(phone.upgrade()),
            phone.send_json(Method::DELETE, "/sessions/current", &nothing),
        );
        match opened {
            Ok((stream, _)) => assert_eq!(Socket { stream }.closed().await, 4401),
            Err(Error::Http(answer)) => assert_eq!(answer.status(), 401),
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_person_has_so_many_sockets_and_no_more() {
    let node = Node::builder().sockets_per_user(2).start().await;
    let alice = node.register("alice").await;
    let (one, _two) = (alice.connect().await, alice.connect().await);
    match tokio_tungstenite::connect_async(alice.upgrade()).await {
        Err(Error::Http(answer)) => {
            assert_eq!(answer.status(), 429);
            assert!(answer.headers().contains_key("retry-after"));
        }
        other => panic!("expected 429, got {other:?}"),
    }
    drop(one);
    while node.figures().await.contains("kafkatalk_sockets 2") {
        tokio::task::yield_now().await;
    }
    alice.connect().await;
}

#[tokio::test]
async fn a_socket_that_says_too_much_is_closed_whatever_kind_of_frame_it_says() {
    let node = Node::builder().rate_limits(many()).start().await;
    let alice = node.register("alice").await;
    let ping = serde_json::to_string(&ClientFrame::Ping).unwrap();
    for frame in [WsMessage::text(ping), WsMessage::Ping(vec![7].into())] {
        let mut socket = alice.connect().await;
        // So many that it is too much even where they take long to come.
        for _ in 0..10 * SOCKET_FRAMES_BURST {
            // The server may close before it has read all of it.
            let _ = socket.stream.send(frame.clone()).await;
        }
        assert_eq!(socket.closed().await, 4429, "{frame:?}");
    }
}

#[tokio::test]
async fn too_many_messages_are_refused_under_their_ids_on_both_paths() {
    let one = 1.try_into().unwrap();
    let limits = RateLimits { messages_per_second: one, messages_burst: one, ..many() };
    let node = Node::builder().rate_limits(limits).start().await;
    let (alice, _bob, conversation) = node.pair().await;
    let mut socket = alice.connect().await;
    // On a busy machine one of them may be allowed again now and then.
    let ids: Vec<_> = (0..50).map(|_| message_id()).collect();
    for id in &ids {
        socket.say(&send(conversation, *id, "hello")).await;
    }
    let (mut answered, mut refusals) = (Vec::new(), 0);
    while answered.len() < ids.len() {
        match socket.next().await {
            ServerFrame::Ack { id, .. } => answered.push(id),
            ServerFrame::Error { code: ErrorCode::RateLimited, id: Some(id), .. } => {
                answered.push(id);
                refusals += 1;
            }
            ServerFrame::Message { .. } => {}
            other => panic!("expected rate_limited, got {other:?}"),
        }
    }
    assert_eq!(answered, ids, "each under its own id");
    assert!((1..ids.len()).contains(&refusals), "{refusals} were refused");

    let answers = join_all((0..20).map(|_| alice.try_say(conversation, message_id(), "hello"))).await;
    let refusals: Vec<_> = answers.into_iter().filter(|answer| answer.status() != 201).collect();
    assert!(!refusals.is_empty());
    for answer in refusals {
        assert!(answer.headers().contains_key("retry-after"));
        assert_eq!(refused(answer).await, code(429, "rate_limited"));
    }
}

#[tokio::test]
async fn a_client_that_closes_gets_its_close_answered() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let mut socket = alice.connect().await;
    let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    socket.stream.close(Some(normal)).await.unwrap();
    assert_eq!(socket.closed().await, 1000);
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
