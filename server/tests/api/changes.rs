//! Changes of messages: edits and deletions, live and for devices that were away.

use crate::support::{Node, Person, applied, code, hello, message_id, refused, until_pong};
use kafkatalk_protocol::{ClientFrame, ErrorCode, Message, Offset, ServerFrame, reaction::Emoji};
use kafkatalk_server::limits::ERASURES_AT_ONCE;
use reqwest::Method;
use serde_json::{Value, json};

async fn edit(person: &Person<'_>, message: &Message, body: &str) -> reqwest::Response {
    let path = format!("/conversations/{}/messages/{}", message.conversation, message.offset);
    person.send_json(Method::PATCH, &path, &json!({"id": message_id(), "body": body})).await
}

async fn delete(person: &Person<'_>, message: &Message) -> reqwest::Response {
    let path = format!("/conversations/{}/messages/{}", message.conversation, message.offset);
    person.send_json(Method::DELETE, &path, &Value::Null).await
}

#[tokio::test]
async fn an_edit_reaches_every_device_with_its_place_in_the_chain_and_stands_in_history() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let said = alice.say(conversation, "hullo").await;
    let mut his = bob.connect().await;
    let edited: Message = edit(&alice, &said, "hello").await.json().await.unwrap();
    assert_eq!((edited.body.as_str(), edited.revision()), ("hello", Offset(1)));
    assert!(edited.edited_at.is_some());
    let live = ServerFrame::Changed {
        message: edited.clone(),
        record: Some(Offset(1)),
        previous_record: Some(Offset(0)),
    };
    assert_eq!(his.next().await, live);
    let page = bob.history(conversation, "").await;
    assert_eq!((page.messages, page.through), (vec![edited], Some(Offset(1))));
    let next = alice.say(conversation, "again").await;
    assert_eq!((next.offset, next.previous), (Offset(2), Some(Offset(0))));
}

#[tokio::test]
async fn only_the_sender_changes_a_message_and_a_stranger_learns_nothing() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let carol = node.register("carol").await;
    let said = alice.say(conversation, "mine").await;
    for answer in [edit(&bob, &said, "yours").await, delete(&bob, &said).await] {
        assert_eq!(refused(answer).await, code(403, "not_allowed"));
    }
    for answer in [edit(&carol, &said, "whose").await, delete(&carol, &said).await] {
        assert_eq!(refused(answer).await, code(404, "not_found"));
    }
    let nowhere = Message { offset: Offset(7), ..said.clone() };
    for answer in [edit(&alice, &nowhere, "x").await, delete(&alice, &nowhere).await] {
        assert_eq!(refused(answer).await, code(404, "not_found"));
    }
    assert_eq!(bob.history(conversation, "").await.messages, [said]);
}

#[tokio::test]
async fn a_change_that_is_sent_again_counts_once() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    let said = alice.say(conversation, "one").await;
    let mut hers = alice.connect().await;
    let edit = |id, body: &str| ClientFrame::Edit {
        conversation,
        id,
        message: said.offset,
        body: body.parse().unwrap(),
    };
    let (first, second) = (message_id(), message_id());
    for (id, body, record) in [(first, "two", 1), (second, "three", 2), (first, "two", 1)] {
        hers.say(&edit(id, body)).await;
        let acked = loop {
            match hers.next().await {
                ServerFrame::Ack { id: acked, offset, .. } => break (acked, offset),
                ServerFrame::Changed { .. } => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(acked, (id, Offset(record)));
    }
    let page = alice.history(conversation, "").await;
    assert_eq!(page.messages[0].body.as_str(), "three");
}

#[tokio::test]
async fn a_deleted_message_leaves_a_tombstone_and_its_text_is_nowhere() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let said = alice.say(conversation, "the unspeakable").await;
    edit(&alice, &said, "the unmentionable").await;
    let other = alice.say(conversation, "harmless").await;
    let mut his = bob.connect().await;
    let left: Message = delete(&alice, &said).await.json().await.unwrap();
    assert!(left.deleted);
    assert_eq!((left.id, left.offset, left.sent_at), (said.id, said.offset, said.sent_at));
    assert_eq!((left.body.as_str(), left.edited_at), ("This message was deleted.", None));
    assert!(matches!(his.next().await, ServerFrame::Changed { message, .. } if message == left));
    let page = bob.history(conversation, "").await;
    assert_eq!(page.messages, [left.clone(), other]);
    for word in ["unspeakable", "unmentionable", "deleted"] {
        let found: Value = bob.get(&format!("/search?q={word}")).await.json().await.unwrap();
        assert_eq!(found["hits"], json!([]), "{word}");
    }
    let seen: Value = bob.get(&format!("/conversations/{conversation}")).await.json().await.unwrap();
    assert_eq!(seen["unread"], 1);
    // Again is no error, and a deleted message is not edited.
    assert_eq!(delete(&alice, &said).await.status(), 200);
    let answer = edit(&alice, &said, "back").await;
    assert_eq!(refused(answer).await, code(409, "conflict"));
    assert_eq!(alice.try_say(conversation, said.id, "the unspeakable").await.status(), 200);
    let page = bob.history(conversation, "").await;
    assert_eq!(page.messages[0], left);
}

#[tokio::test]
async fn what_is_too_much_to_be_erased_at_once_is_erased_in_the_next_round() {
    let node = Node::start().await;
    let (alice, _, conversation) = node.pair().await;
    let said = alice.say(conversation, "first").await;
    for edits in 0..ERASURES_AT_ONCE {
        assert_eq!(edit(&alice, &said, &edits.to_string()).await.status(), 200);
    }
    let mut hers = alice.connect().await;
    delete(&alice, &said).await;
    let mut erased = 0;
    // Of each record that held a text.
    while erased < ERASURES_AT_ONCE + 1 {
        erased += usize::from(matches!(hers.next().await, ServerFrame::Record { .. }));
    }
}

#[tokio::test]
async fn a_device_that_was_away_gets_every_message_that_changed_in_its_present_state() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let mut said = Vec::new();
    for text in ["one", "two", "three", "four"] {
        said.push(alice.say(conversation, text).await);
    }
    edit(&alice, &said[1], "second").await;
    let mut hers = alice.connect().await;
    delete(&alice, &said[0]).await;
    // The log forgets the content, by a record of its own: what comes next comes after it.
    while !matches!(hers.next().await, ServerFrame::Record { .. }) {}
    let new = alice.say(conversation, "new").await;
    let edited: Message = edit(&alice, &said[1], "the second").await.json().await.unwrap();
    let mut his = bob.connect_silent().await;
    his.say(&applied(conversation, 3)).await;
    let frames = until_pong(&mut his).await;
    let states: Vec<_> = frames
        .iter()
        .filter_map(|frame| match frame {
            ServerFrame::Changed { message, record: None, previous_record: None } => {
                Some((message.offset, message.body.as_str(), message.deleted))
            }
            _ => None,
        })
        .collect();
    let tombstone = (said[0].offset, "This message was deleted.", true);
    let expected = [tombstone, (new.offset, "new", false), (edited.offset, "the second", false)];
    assert_eq!(states, expected);
    let last = ServerFrame::CaughtUp { conversation, record: edited.revision() };
    assert_eq!(frames.last(), Some(&last));
    // Who is complete is told nothing, and gets what comes then with its place in the chain.
    let mut again = bob.connect_silent().await;
    again.say(&applied(conversation, edited.revision().0)).await;
    assert_eq!(until_pong(&mut again).await, []);
    let live = alice.say(conversation, "live").await;
    let frame = ServerFrame::Message {
        message: live.clone(),
        record: Some(live.offset),
        previous_record: Some(edited.revision()),
    };
    assert_eq!(again.next().await, frame);
}

#[tokio::test]
async fn changes_are_paged_in_the_order_of_their_revisions() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let mut said = Vec::new();
    for n in 0..5 {
        said.push(alice.say(conversation, &n.to_string()).await);
    }
    for n in [3, 0, 2] {
        edit(&alice, &said[n], "changed").await;
    }
    let mut offsets = Vec::new();
    let mut after = 1;
    loop {
        let page = bob.history(conversation, &format!("?changed_after={after}&limit=2")).await;
        offsets.extend(page.messages.iter().map(|message| message.offset.0));
        assert_eq!(page.through, Some(Offset(7)));
        match page.next {
            Some(next) => after = next.0,
            None => break,
        }
    }
    assert_eq!(offsets, [4, 3, 0, 2]);
    let both = bob.get(&format!("/conversations/{conversation}/messages?changed_after=1&before=3")).await;
    assert_eq!(refused(both).await, code(422, "invalid_input"));
}

#[tokio::test]
async fn a_client_that_knows_messages_only_misses_none_of_them_beside_changes() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let said = alice.say(conversation, "one").await;
    edit(&alice, &said, "won").await;
    let two = alice.say(conversation, "two").await;
    let mut his = bob.connect_silent().await;
    his.say(&hello(&[(conversation, said.offset)])).await;
    let frames = until_pong(&mut his).await;
    assert_eq!(frames, [crate::support::missed(two)]);
}

#[tokio::test]
async fn a_reply_shows_how_the_quoted_message_begins_as_long_as_that_is_there() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let said = alice.say(conversation, "tea or coffee?").await;
    let path = format!("/conversations/{conversation}/messages");
    let reply = json!({"id": message_id(), "body": "tea", "reply_to": said.offset});
    let replied: Message = bob.send_json(Method::POST, &path, &reply).await.json().await.unwrap();
    let quote = replied.reply_to.clone().unwrap();
    assert_eq!((quote.offset, quote.excerpt.as_deref()), (said.offset, Some("tea or coffee?")));
    assert_eq!(quote.sender.unwrap().id, alice.user.id);
    edit(&alice, &said, "tea?").await;
    let quoted = async || {
        let page = alice.history(conversation, "").await;
        page.messages[1].reply_to.clone().unwrap()
    };
    assert_eq!(quoted().await.excerpt.as_deref(), Some("tea?"));
    delete(&alice, &said).await;
    let gone = quoted().await;
    assert_eq!((gone.offset, gone.sender, gone.excerpt), (said.offset, None, None));
    // What is not there yet cannot be quoted.
    let early = json!({"id": message_id(), "body": "hm", "reply_to": 99});
    let early: Message = bob.send_json(Method::POST, &path, &early).await.json().await.unwrap();
    assert_eq!(early.reply_to, None);
}

#[tokio::test]
async fn reactions_are_set_and_taken_back_by_everybody_who_sees_the_message() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let said = alice.say(conversation, "done").await;
    let at =
        |emoji: &str| format!("/conversations/{conversation}/messages/{}/reactions/{emoji}", said.offset);
    let thumb = at("%F0%9F%91%8D");
    let mut his = bob.connect().await;
    for person in [&bob, &alice, &bob] {
        assert_eq!(person.send_json(Method::PUT, &thumb, &Value::Null).await.status(), 200);
    }
    let page = bob.history(conversation, "").await;
    let [reaction] = &page.messages[0].reactions[..] else { panic!("{page:?}") };
    assert_eq!(
        (reaction.emoji.as_str(), &reaction.users[..]),
        ("\u{1f44d}", &[bob.user.id, alice.user.id][..])
    );
    assert_eq!(page.messages[0].revision(), Offset(2), "what is so already is no change");
    assert!(matches!(his.next().await, ServerFrame::Changed { record: Some(Offset(1)), .. }));
    assert_eq!(bob.send_json(Method::DELETE, &thumb, &Value::Null).await.status(), 200);
    let page = bob.history(conversation, "").await;
    assert_eq!(page.messages[0].reactions[0].users, [alice.user.id]);
    assert_eq!(
        refused(bob.send_json(Method::PUT, &at("word"), &Value::Null).await).await,
        code(422, "invalid_input")
    );
    let unseen = at("%E2%80%8B");
    assert_eq!(
        refused(bob.send_json(Method::PUT, &unseen, &Value::Null).await).await,
        code(422, "invalid_input")
    );
    assert_eq!(bob.send_json(Method::DELETE, &unseen, &Value::Null).await.status(), 200);
    let id = message_id();
    let emoji = Emoji::kept("\u{200b}").unwrap();
    let frame = |on| ClientFrame::React { conversation, id, message: said.offset, emoji: emoji.clone(), on };
    let mut hers = alice.connect().await;
    hers.say(&frame(true)).await;
    let answer = hers.next().await;
    let ServerFrame::Error { code: refused_by, id: named, .. } = &answer else { panic!("{answer:?}") };
    assert_eq!((*refused_by, *named), (ErrorCode::InvalidInput, Some(id)));
    hers.say(&frame(false)).await;
    assert!(matches!(hers.next().await, ServerFrame::Ack { id: named, .. } if named == id));
    delete(&alice, &said).await;
    assert_eq!(refused(bob.send_json(Method::PUT, &thumb, &Value::Null).await).await, code(409, "conflict"));
}
