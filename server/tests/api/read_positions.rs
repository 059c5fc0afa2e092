//! Read positions that lie ahead of what a node can see.

use crate::{
    faults::{Faults, Faulty, TailFault},
    support::{Node, Person, code, many, refused},
};
use kafkatalk_protocol::{ClientFrame, Conversation, ConversationId, ErrorCode, Offset, ServerFrame};
use kafkatalk_server::rates::RateLimits;
use reqwest::{Method, Response};
use serde_json::json;

async fn mark_read(person: &Person<'_>, conversation: ConversationId, offset: u64) -> Response {
    let path = format!("/conversations/{conversation}/read");
    person.send_json(Method::PUT, &path, &json!({"offset": offset})).await
}

async fn position(person: &Person<'_>, conversation: ConversationId) -> Option<Offset> {
    let answer = person.get(&format!("/conversations/{conversation}")).await;
    let now: Conversation = answer.json().await.unwrap();
    now.read.get(&person.user.id).copied()
}

#[tokio::test]
async fn whoever_reads_ahead_while_the_log_is_away_holds_nobody_up_and_has_read_what_was_said() {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), Faults::default());
    let node = Node::builder().on(&folder).log(log.clone()).start().await;
    let (alice, bob, conversation) = node.pair().await;
    let newest = alice.say(conversation, "hello").await.offset;
    let carol = node.register("carol").await;
    // Whether somebody is a member of a group is asked of the log as well.
    let group = alice.group(&["bob", "carol"]).await.id;
    let eve = node.register("eve").await;
    log.set(Faults { reads_wait_in: Some(conversation), ..Faults::default() });
    let mut socket = bob.connect().await;
    socket.say(&ClientFrame::Read { conversation, offset: Offset(u64::MAX) }).await;
    let others = async {
        log.until_reads_stuck(1).await;
        let path = format!("/conversations/{group}/messages");
        assert_eq!(refused(eve.get(&path).await).await, code(404, "not_found"), "while the first one waits");
        carol.say(group, "meanwhile").await;
    };
    let (read, ()) = tokio::join!(mark_read(&bob, conversation, u64::MAX), others);
    assert_eq!(read.status(), 204);
    assert_eq!(log.stuck_reads(), 1, "one look at a time of a conversation");
    assert_eq!(position(&bob, conversation).await, Some(newest));
}

#[tokio::test]
async fn a_position_that_could_not_be_seen_is_looked_at_again() {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), Faults::default());
    let beside = log.beside();
    let one = Node::builder().on(&folder).log(log).start().await;
    let other = Node::builder().log(beside.clone()).start().await;
    let (alice, bob, conversation) = one.pair().await;
    let there = Person { node: &other, user: bob.user.clone(), token: bob.token.clone() };
    alice.say(conversation, "seen by all").await;
    let mut socket = alice.connect().await;
    assert_eq!(mark_read(&there, conversation, 0).await.status(), 204);
    let deaf = Faults { tail: TailFault::Waits, ..Faults::default() };
    beside.set(Faults { reads_wait_in: Some(conversation), ..deaf.clone() });
    let newest = alice.say(conversation, "seen by one").await.offset;
    let mut device = there.connect().await;
    device.say(&ClientFrame::Read { conversation, offset: newest }).await;
    device.say(&ClientFrame::Ping).await;
    while device.next().await != ServerFrame::Pong {}
    beside.until_reads_stuck(1).await;
    // The log can be read again; the node hears of nothing yet.
    beside.set(deaf);
    while !matches!(socket.next().await, ServerFrame::Read { offset, .. } if offset == newest) {}
}

#[tokio::test]
async fn marking_as_read_is_limited_like_sending_and_so_is_asking_for_what_is_not_there() {
    let limits = RateLimits { messages_burst: 2.try_into().unwrap(), ..many() };
    let limits = RateLimits { messages_per_second: 1.try_into().unwrap(), ..limits };
    let node = Node::builder().rate_limits(limits).start().await;
    let (alice, bob, conversation) = node.pair().await;
    alice.say(conversation, "hello").await;
    assert_eq!(mark_read(&bob, conversation, u64::MAX).await.status(), 204);
    let limited = loop {
        let answer = mark_read(&bob, conversation, u64::MAX).await;
        if answer.status() != 204 {
            break answer;
        }
    };
    assert_eq!(refused(limited).await, code(429, "rate_limited"));
    let mut socket = bob.connect().await;
    let refusal = 'refused: loop {
        socket.say(&ClientFrame::Read { conversation, offset: Offset(u64::MAX) }).await;
        socket.say(&ClientFrame::Ping).await;
        loop {
            match socket.next().await {
                ServerFrame::Error { code, .. } => break 'refused code,
                ServerFrame::Pong => break,
                _ => {}
            }
        }
    };
    assert_eq!(refusal, ErrorCode::RateLimited);
    let reaction = format!("/conversations/{conversation}/messages/{}/reactions/%F0%9F%91%8D", u64::MAX >> 1);
    let limited = loop {
        let answer = alice.send_json(Method::PUT, &reaction, &json!({})).await;
        if answer.status() != 404 {
            break answer;
        }
    };
    assert_eq!(refused(limited).await, code(429, "rate_limited"));
}
