//! What a socket brings after its `hello`, and what it does not.

use crate::support::{self, Node, Person, Socket, live, until_pong};
use kafkatalk_protocol::{ConversationId, Offset, ServerFrame};
use kafkatalk_server::limits::{CATCH_UP_READ_MESSAGES, HELLO_BYTES_MAX, HELLO_GRACE};
use std::collections::BTreeMap;

/// A body of 32,000 bytes, near the limit on both characters and bytes.
fn long_body() -> String {
    "\u{1f40c}".repeat(8_000)
}

async fn hello(socket: &mut Socket, positions: &[(ConversationId, Offset)]) {
    socket.say(&support::hello(positions)).await;
}

async fn say_many(person: &Person<'_>, conversation: ConversationId, count: usize, body: &str) {
    for _ in 0..count {
        person.say(conversation, body).await;
    }
}

#[tokio::test]
async fn a_hello_brings_a_bounded_number_of_bytes_and_says_where_to_page_for_the_rest() {
    let node = Node::start().await;
    let (alice, bob) = (node.register("alice").await, node.register("bob").await);
    let carol = node.register("carol").await;
    let conversations = [alice.open("bob").await.id, carol.open("bob").await.id];
    let (each, body) = (100, long_body());
    say_many(&alice, conversations[0], each, &body).await;
    say_many(&carol, conversations[1], each, &body).await;
    let mut his = bob.connect_silent().await;
    hello(&mut his, &conversations.map(|id| (id, Offset(0)))).await;
    let mut last = BTreeMap::from(conversations.map(|id| (id, Offset(0))));
    let (mut bytes, mut behind) = (0, None);
    for frame in until_pong(&mut his).await {
        match frame {
            ServerFrame::Message { message, .. } => {
                assert_eq!(message.previous, Some(last[&message.conversation]), "none is left out");
                last.insert(message.conversation, message.offset);
                bytes += message.body.as_str().len();
            }
            ServerFrame::Behind { conversation, after, latest, .. } => {
                assert_eq!((after, latest.0), (Some(last[&conversation]), each as u64 - 1));
                assert!(behind.replace(conversation).is_none(), "the first fits");
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(behind.is_some() && last.values().filter(|last| last.0 == each as u64 - 1).count() == 1);
    assert!(bytes > HELLO_BYTES_MAX / 2 && bytes < HELLO_BYTES_MAX + CATCH_UP_READ_MESSAGES * body.len());
}

#[tokio::test]
async fn a_hello_that_comes_late_brings_what_was_missed_all_the_same() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    say_many(&alice, conversation, 3, "missed").await;
    let mut his = bob.connect_silent().await;
    tokio::time::sleep(2 * HELLO_GRACE).await;
    hello(&mut his, &[(conversation, Offset(0))]).await;
    let offsets: Vec<_> = [his.next_message().await.offset, his.next_message().await.offset].into();
    assert_eq!(offsets, [Offset(1), Offset(2)]);
    let last = alice.say(conversation, "last").await;
    assert_eq!(his.next().await, live(last));
}

#[tokio::test]
async fn a_hello_that_comes_after_newer_messages_brings_none_out_of_order() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    say_many(&alice, conversation, 3, "missed").await;
    let mut his = bob.connect_silent().await;
    let newer = alice.say(conversation, "newer").await;
    assert_eq!(his.next().await, live(newer.clone()));
    hello(&mut his, &[(conversation, Offset(0))]).await;
    let behind = ServerFrame::Behind {
        conversation,
        after: Some(Offset(0)),
        latest: newer.offset,
        changed_after: None,
    };
    assert_eq!(until_pong(&mut his).await, [behind]);
    let last = alice.say(conversation, "last").await;
    assert_eq!(his.next().await, live(last));
}

#[tokio::test]
async fn a_second_hello_changes_nothing() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    say_many(&alice, conversation, 3, "missed").await;
    let mut his = bob.connect().await;
    hello(&mut his, &[(conversation, Offset(0))]).await;
    assert_eq!(until_pong(&mut his).await, []);
}

#[tokio::test]
async fn a_device_that_cannot_be_brought_up_to_date_is_sent_away_and_gets_nothing_newer() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    say_many(&alice, conversation, 3, "missed").await;
    let mut his = bob.connect_silent().await;
    let views = rusqlite::Connection::open(node.folder.path().join("views.sqlite")).unwrap();
    views.execute_batch("ALTER TABLE messages RENAME TO hidden").unwrap();
    hello(&mut his, &[(conversation, Offset(0))]).await;
    assert_eq!(his.closed().await, 4408);
    views.execute_batch("ALTER TABLE hidden RENAME TO messages").unwrap();
    let mut back = bob.connect_silent().await;
    hello(&mut back, &[(conversation, Offset(0))]).await;
    assert_eq!(back.next_message().await.offset, Offset(1));
}
