//! Sending, history, read positions.

use crate::{
    faults::{Faults, Faulty},
    support::{Node, code, message_id, problem, refused},
};
use kafkatalk_log::{
    EventLog, Ledger, Stream,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_protocol::{Conversation, Message, Offset};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_is_said_once_however_often_it_is_sent() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let id = message_id();
    let first = alice.try_say(conversation, id, "once").await;
    assert_eq!(first.status(), 201);
    let first: Message = first.json().await.unwrap();
    let second = alice.try_say(conversation, id, "once").await;
    assert_eq!(second.status(), 200);
    assert_eq!(second.json::<Message>().await.unwrap(), first);
    assert_eq!(bob.history(conversation, "").await.messages, [first]);
}

#[tokio::test]
async fn a_message_sent_many_times_at_once_is_said_once() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let id = message_id();
    let sent = futures_util::future::join_all((0..20).map(|_| alice.try_say(conversation, id, "once"))).await;
    let mut offsets = Vec::new();
    let mut created = 0;
    for answer in sent {
        created += usize::from(answer.status() == 201);
        offsets.push(answer.json::<Message>().await.unwrap().offset);
    }
    offsets.dedup();
    assert_eq!((created, offsets.len()), (1, 1));
    assert_eq!(bob.history(conversation, "").await.messages.len(), 1);
}

#[tokio::test]
async fn the_same_id_from_two_senders_is_two_messages() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let id = message_id();
    assert_eq!(alice.try_say(conversation, id, "mine").await.status(), 201);
    assert_eq!(bob.try_say(conversation, id, "mine too").await.status(), 201);
    assert_eq!(bob.history(conversation, "").await.messages.len(), 2);
}

#[tokio::test]
async fn history_pages_both_ways_and_every_previous_is_held() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let mut said = Vec::new();
    for n in 0..25 {
        let who = if n % 3 == 0 { &bob } else { &alice };
        said.push(who.say(conversation, &format!("message {n}")).await);
    }
    assert_eq!(said[0].previous, None);
    assert!(said.windows(2).all(|pair| pair[1].previous == Some(pair[0].offset)));

    let mut backwards = Vec::new();
    let mut query = "?limit=10".to_owned();
    loop {
        let page = alice.history(conversation, &query).await;
        backwards.splice(0..0, page.messages);
        let Some(next) = page.next else { break };
        query = format!("?limit=10&before={next}");
    }
    assert_eq!(backwards, said);

    let mut forwards = Vec::new();
    let mut after = "-1".to_owned();
    loop {
        let page = bob.history(conversation, &format!("?limit=7&after={after}")).await;
        forwards.extend(page.messages);
        let Some(next) = page.next else { break };
        after = next.to_string();
    }
    assert_eq!(forwards, said);
}

#[tokio::test]
async fn a_page_beyond_either_end_is_empty() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    alice.say(conversation, "only").await;
    for query in ["?before=0", "?after=0", "?after=9223372036854775807"] {
        let page = alice.history(conversation, query).await;
        assert!(page.messages.is_empty() && page.next.is_none(), "{query}");
    }
    for bad in ["?before=0&after=0", "?after=-2", "?limit=0", "?limit=201", "?before=x"] {
        let path = format!("/conversations/{conversation}/messages{bad}");
        assert_eq!(refused(alice.get(&path).await).await, code(422, "invalid_input"), "{bad}");
    }
}

#[tokio::test]
async fn a_body_is_kept_to_the_letter_or_refused_with_reason() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let hostile = [
        "  two spaces \n\n and lines ",
        "<script>alert(1)</script>",
        "שלום \u{202e}abc\u{1}\u{7f}",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "'; DROP TABLE messages; --",
        r#"{"type":"send"}"#,
        &"é".repeat(8_000),
    ];
    for body in hostile {
        alice.say(conversation, body).await;
    }
    let kept = bob.history(conversation, "").await.messages;
    assert_eq!(kept.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), hostile);
    for bad in ["", " \n ", "a\u{0}b", &"a".repeat(8_001)] {
        let (status, kind, problem) = problem(alice.try_say(conversation, message_id(), bad).await).await;
        assert_eq!(
            (status, kind.as_str(), &problem["errors"][0]["field"]),
            (422, "invalid_input", &json!("body"))
        );
    }
    let huge = alice.try_say(conversation, message_id(), &"a".repeat(400_000)).await;
    assert_eq!(refused(huge).await, code(413, "too_large"));
}

#[tokio::test]
async fn unread_counts_what_others_said_after_the_read_position() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    for n in 0..3 {
        alice.say(conversation, &format!("{n}")).await;
    }
    bob.say(conversation, "mine").await;
    let path = format!("/conversations/{conversation}");
    let seen = async || -> Conversation { bob.get(&path).await.json().await.unwrap() };
    assert_eq!(seen().await.unread, 3);
    let read = async |offset: u64| {
        let answer = bob.send_json(Method::PUT, &format!("{path}/read"), &json!({"offset": offset})).await;
        assert_eq!(answer.status(), 204);
    };
    read(1).await;
    assert_eq!(seen().await.unread, 1);
    read(0).await;
    assert_eq!(seen().await.unread, 1, "going back changes nothing");
    read(1_000_000).await;
    let now = seen().await;
    assert_eq!((now.unread, now.read[&bob.user.id]), (0, Offset(3)), "nobody reads ahead of what was said");
    alice.say(conversation, "later").await;
    assert_eq!(seen().await.unread, 1);
}

#[tokio::test]
async fn the_last_read_position_in_the_log_is_the_furthest_whoever_was_quicker() {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), Faults::default());
    let node = Node::builder().on(&folder).log(log.clone()).start().await;
    let (alice, bob, conversation) = node.pair().await;
    for n in 0..20 {
        alice.say(conversation, &format!("{n}")).await;
    }
    let path = format!("/conversations/{conversation}/read");
    // All at once, so that none of them sees the others in the views before it appends.
    log.set(Faults { appends_wait: true, ..Faults::default() });
    let read = (0..20).rev().map(|offset| {
        let (bob, path) = (&bob, &path);
        async move { bob.send_json(Method::PUT, path, &json!({"offset": offset})).await.status() }
    });
    let release = async {
        log.until_waiting(20).await;
        log.set(Faults::default());
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(read), release);
    assert!(answers.iter().all(|status| *status == 204));
    drop((alice, bob, log));
    node.stop().await;
    // Of a key, compaction keeps the last record.
    let log = EmbeddedLog::open(folder.path(), EmbeddedOptions::default()).unwrap();
    let receipts = log.read(Stream::Ledger(Ledger::Receipts), Offset(0), 1_000).await.unwrap();
    let last = receipts.entries.last().unwrap();
    let payload: Value = serde_json::from_str(last.record.payload.get()).unwrap();
    assert_eq!(payload["offset"], 19);
}

#[tokio::test]
async fn the_newest_message_is_in_the_list() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    alice.say(conversation, "one").await;
    let newest = alice.say(conversation, "two").await;
    let listed: Value = bob.get("/conversations").await.json().await.unwrap();
    assert_eq!(listed["conversations"][0]["last_message"], serde_json::to_value(newest).unwrap());
}
