//! Searching what was said.

use crate::faults::{Faults, Faulty};
use crate::support::{Node, Person, code, many, problem, refused};
use kafkatalk_log::{
    EventLog, Stream,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_protocol::{
    Offset, Timestamp,
    http::{Found, Hit},
};
use kafkatalk_server::rates::RateLimits;
use reqwest::Response;
use serde_json::json;

impl Person<'_> {
    /// The answer to a search. On a busy machine the index may take longer than one waits.
    pub(crate) async fn searched(&self, path: &str) -> Response {
        loop {
            let answer = self.get(path).await;
            if answer.status() != 503 {
                return answer;
            }
        }
    }

    /// `query` in percent signs, as it stands in an address.
    async fn found(&self, query: &str) -> Found {
        let answer = self.searched(&format!("/search?q={query}")).await;
        assert_eq!(answer.status(), 200, "{query}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// How many messages have a word.
    pub(crate) async fn hits_of(&self, word: &str) -> usize {
        self.found(word).await.hits.len()
    }

    async fn finds(&self, query: &str) -> Vec<String> {
        self.found(query).await.hits.iter().map(|hit| hit.message.body.as_str().to_owned()).collect()
    }
}

fn marked(hit: &Hit) -> String {
    let parts = hit.snippet.iter();
    parts.map(|part| if part.hit { format!("[{}]", part.text) } else { part.text.clone() }).collect()
}

#[tokio::test]
async fn a_message_is_found_by_both_as_soon_as_it_is_acknowledged() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    for n in 10..30 {
        let said = alice.say(conversation, &format!("number{n} of many")).await;
        for person in [&alice, &bob] {
            let found = person.found(&format!("number{n}")).await;
            assert_eq!(found.hits.iter().map(|hit| &hit.message).collect::<Vec<_>>(), [&said]);
            assert_eq!(marked(&found.hits[0]), format!("[number{n}] of many"));
        }
    }
}

#[tokio::test]
async fn nobody_finds_what_they_are_not_in_and_a_conversation_of_others_is_not_there() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let eve = node.register("eve").await;
    let own = eve.open("bob").await.id;
    alice.say(conversation, "the secret").await;
    eve.say(own, "what secret?").await;
    assert_eq!(alice.finds("secret").await, ["the secret"]);
    assert_eq!(bob.finds("secret").await, ["what secret?", "the secret"]);
    assert_eq!(eve.finds("secret").await, ["what secret?"]);
    assert_eq!(bob.finds(&format!("secret&conversation={conversation}")).await, ["the secret"]);
    let nowhere = "00000000-0000-4000-8000-000000000000";
    for id in [conversation.to_string().as_str(), nowhere, "nonsense"] {
        let answer = eve.get(&format!("/search?q=secret&conversation={id}")).await;
        assert_eq!(refused(answer).await, code(404, "not_found"), "{id}");
    }
    let cursor = bob.found("secret&limit=1").await.next.unwrap();
    assert!(eve.finds(&format!("secret&before={cursor}")).await.is_empty());
    assert_eq!(
        refused(node.get("/api/v1/search?q=secret").send().await.unwrap()).await,
        code(401, "unauthenticated")
    );
}

#[tokio::test]
async fn words_are_found_without_case_and_accents_and_phrases_in_their_order() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    alice.say(conversation, "Crème brûlée, then coffee").await;
    alice.say(conversation, "今日は晴れです 🎉").await;
    alice.say(conversation, "שלום עולם").await;
    for query in [
        "creme",
        "BRULEE%20cr%C3%A8m",
        "coffee%20the",
        "%22creme%20brulee%22",
        "%22creme%20brulee%22%20cof",
        "creme-brulee",
        "creme*%20(%20then:",
    ] {
        assert_eq!(bob.finds(query).await, ["Crème brûlée, then coffee"], "{query}");
    }
    for query in ["%22brulee%20creme%22", "coffees", "crem%20then%20coffee%20x", "%22crem%22"] {
        assert_eq!(bob.finds(query).await, [""; 0], "{query}");
    }
    for query in ["%E6%99%B4%E3%82%8C", "%F0%9F%8E%89"] {
        assert_eq!(bob.finds(query).await, ["今日は晴れです 🎉"], "{query}");
    }
    assert_eq!(bob.finds("%D7%A2%D7%95%D7%9C%D7%9D").await, ["שלום עולם"]);
    let found = bob.found("BRULEE%20cof").await;
    assert_eq!(marked(&found.hits[0]), "Crème [brûlée], then [coffee]");
}

#[tokio::test]
async fn a_snippet_is_plain_text_in_parts() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    alice.say(conversation, "<mark>one</mark> & \"two\"").await;
    let answer: serde_json::Value = bob.searched("/search?q=two%20mark").await.json().await.unwrap();
    assert_eq!(
        answer["hits"][0]["snippet"],
        json!([
            {"text": "<", "hit": false}, {"text": "mark", "hit": true}, {"text": ">one</", "hit": false},
            {"text": "mark", "hit": true}, {"text": "> & \"", "hit": false}, {"text": "two", "hit": true},
            {"text": "\"", "hit": false},
        ])
    );
}

#[tokio::test]
async fn hits_page_to_their_end_latest_first_over_all_conversations() {
    let node = Node::start().await;
    let (alice, bob, one) = node.pair().await;
    node.register("carol").await;
    let other = alice.open("carol").await.id;
    let mut said = Vec::new();
    for n in 0..7 {
        said.push(alice.say(if n % 2 == 0 { one } else { other }, &format!("word {n}")).await);
    }
    said.sort_by_key(|message| (message.sent_at.as_millis(), message.conversation.0, message.offset));
    said.reverse();
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = alice.found(&format!("wo&limit=3{before}")).await;
        assert!(page.hits.len() <= 3);
        seen.extend(page.hits.into_iter().map(|hit| hit.message));
        let Some(next) = page.next else { break };
        before = format!("&before={next}");
    }
    assert_eq!(seen, said);
    assert_eq!(bob.finds("word").await.len(), 4);
}

#[tokio::test]
async fn what_cannot_be_searched_for_is_refused_by_field() {
    let node = Node::start().await;
    let (alice, _bob, _) = node.pair().await;
    let long = "a".repeat(201);
    for (query, field) in [
        ("", "q"),
        ("?q=", "q"),
        ("?q=%20%20", "q"),
        ("?q=***%20%22%22", "q"),
        (&*format!("?q={long}"), "q"),
        ("?q=a&limit=0", "limit"),
        ("?q=a&limit=201", "limit"),
        ("?q=a&before=nonsense", "before"),
    ] {
        let (status, kind, problem) = problem(alice.get(&format!("/search{query}")).await).await;
        assert_eq!((status, kind.as_str()), (422, "invalid_input"), "{query}");
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
    }
    for signs in ["'%3B--", "%22", "a%20AND%20(", "a%22%20OR%20%22", "NEAR(", "x:y", "%5E*", "%00a"] {
        let answer = alice.searched(&format!("/search?q={signs}")).await;
        assert!([200, 422].contains(&answer.status().as_u16()), "{signs}: {}", answer.status());
    }
}

#[tokio::test]
async fn searches_of_one_person_are_limited() {
    let node = Node::builder().rate_limits(RateLimits { ..many() }).start().await;
    let (alice, bob, _) = node.pair().await;
    // From here on the index has nothing to do that a search would wait for.
    assert_eq!(alice.searched("/search?q=word").await.status(), 200);
    let mut refused_at_last = None;
    for _ in 0..1_000 {
        let answer = alice.get("/search?q=word").await;
        // One that waited in vain was counted before that.
        if ![200, 503].contains(&answer.status().as_u16()) {
            assert!(answer.headers().contains_key("retry-after"));
            refused_at_last = Some(refused(answer).await);
            break;
        }
    }
    assert_eq!(refused_at_last, Some(code(429, "rate_limited")));
    assert_eq!(bob.searched("/search?q=word").await.status(), 200);
}

#[tokio::test]
async fn what_was_said_on_another_node_is_found_once_it_is_here() {
    let folder = tempfile::TempDir::new().unwrap();
    let log = Faulty::open(folder.path(), Faults::default());
    let one = Node::builder().log(log.clone()).start().await;
    let other = Node::builder().log(log.beside()).start().await;
    let (alice, bob, conversation) = one.pair().await;
    alice.say(conversation, "heard everywhere").await;
    let there = Person { node: &other, user: bob.user.clone(), token: bob.token.clone() };
    let heard = async {
        while there.finds("everywhere").await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, heard).await.expect("it comes to the other node");
    // A cursor is of the log, not of the node that gave it.
    bob.say(conversation, "everywhere again").await;
    let next = bob.found("everywhere&limit=1").await.next.unwrap();
    assert_eq!(there.finds(&format!("everywhere&before={next}")).await, ["heard everywhere"]);
}

#[tokio::test]
async fn an_erased_message_is_found_no_longer() {
    let node = Node::start().await;
    let folder = node.folder.clone();
    let (alice, _bob, conversation) = node.pair().await;
    alice.say(conversation, "regretted word").await;
    alice.say(conversation, "kept word").await;
    assert_eq!(alice.finds("word").await.len(), 2);
    drop(alice);
    node.stop().await;
    let log = EmbeddedLog::open(folder.path(), EmbeddedOptions::default()).unwrap();
    let stream = Stream::Conversation(conversation);
    let said = log.read(stream, Offset(0), 1).await.unwrap();
    log.erase(stream, said.entries[0].record.id, Timestamp::from_millis(1)).await.unwrap();
    log.close().await;
    drop(log);
    let node = Node::builder().on(&folder).start().await;
    let alice = node.sign_in("alice").await;
    assert_eq!(alice.finds("word").await, ["kept word"]);
}

/// In percent signs, as it stands in an address.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |escaped, byte| escaped + &format!("%{byte:02X}"))
}

#[tokio::test]
async fn what_people_type_finds_what_others_typed_on_other_keyboards() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    for (said, sought, hits) in [
        ("Jadę do Łodzi", "lodzi", 1),
        ("kup zolta farbe", "żółta", 1),
        ("đường dài", "duong dai", 1),
        ("Straße 12", "strasse 12", 1),
        ("か\u{3099}くせい です", "がくせい", 1),
        ("দেখা হ\u{9af}\u{9bc} না", "হ\u{9df}", 1),
        ("beta and then alpha", "“beta alpha”", 0),
        ("gamma delta", "„gamma delta“", 1),
        ("I like cats", "C++", 0),
        ("more cats", "C#", 0),
        ("Written in C++, not C", "C++", 1),
        ("علي كتاب", "علی کتاب", 1),
        ("می\u{200c}خواهم", "میخواهم", 1),
        ("ภาษาไทยยากมาก", "ไทย", 1),
    ] {
        alice.say(conversation, said).await;
        let found = bob.finds(&escaped(sought)).await;
        assert_eq!(found, vec![said; hits], "{sought}");
    }
    node.stop().await;
}
