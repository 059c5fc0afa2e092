//! Data folders that earlier versions wrote open with this one, and everything is in them. See tests/fixtures/README.md.

use crate::faults::{Faults, Faulty};
use crate::support::{Node, Person, message_id};
use kafkatalk_log::{
    Checkpoint, EventLog,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_protocol::{Message, Offset};
use kafkatalk_server::{
    features::projectors,
    kernel::projector::Registry,
    views::{Views, ViewsOptions},
};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};
use tempfile::TempDir;

/// What a version's API answered about a folder that it wrote.
#[derive(Deserialize)]
struct Expected {
    /// Sessions, by person or device.
    tokens: BTreeMap<String, String>,
    /// Those of them that had ended.
    ended: Vec<String>,
    answers: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    r#as: String,
    path: String,
    answer: Value,
}

/// A folder that a version wrote, and what its API answered about it.
struct Fixture {
    files: PathBuf,
    expected: Expected,
}

fn fixtures() -> Vec<Fixture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut fixtures = Vec::new();
    for version in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for name in ["stopped", "killed"] {
            let text = fs::read_to_string(version.join(format!("{name}.json"))).unwrap();
            let expected = serde_json::from_str(&text).unwrap();
            fixtures.push(Fixture { files: version.join(name), expected });
        }
    }
    assert!(fixtures.len() >= 2);
    fixtures
}

/// What becomes of the old version's views.
#[derive(Clone, Copy, Debug)]
enum OldViews {
    Kept,
    Deleted,
}

impl Fixture {
    /// A copy, as a test may write to it.
    fn copy(&self, views: OldViews) -> Arc<TempDir> {
        let folder = Node::folder();
        for file in fs::read_dir(&self.files).unwrap().map(|entry| entry.unwrap().path()) {
            let name = file.file_name().unwrap().to_str().unwrap();
            if matches!(views, OldViews::Kept) || !name.starts_with("views.sqlite") {
                fs::copy(&file, folder.path().join(name)).unwrap();
            }
        }
        folder
    }

    async fn person<'a>(&self, node: &'a Node, device: &str) -> Person<'a> {
        let token = self.expected.tokens[device].clone();
        let me = node.get("/api/v1/me").bearer_auth(&token).send().await.unwrap();
        assert_eq!(me.status(), StatusCode::OK, "the session of {device} goes on");
        let me: kafkatalk_protocol::http::Me = me.json().await.unwrap();
        Person { node, user: me.user, token }
    }
}

/// The first part of what was answered once that is missing now or differs; fields may be added, entries of maps not.
fn lost(at: &str, old: &Value, new: &Value) -> Option<String> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if at.rsplit('.').next() != Some("read") => {
            old.iter().find_map(|(name, old)| {
                let at = format!("{at}.{name}");
                new.get(name).map_or_else(|| Some(format!("{at} is missing")), |new| lost(&at, old, new))
            })
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            let mut pairs = old.iter().zip(new).enumerate();
            pairs.find_map(|(index, (old, new))| lost(&format!("{at}[{index}]"), old, new))
        }
        _ => (old != new).then(|| format!("{at} was {old} and is {new}")),
    }
}

#[test]
fn what_is_missing_or_changed_is_lost_and_what_is_added_is_not() {
    let once = json!({"unread": null, "read": {"ada": 3}, "messages": [{"offset": 1}]});
    let now =
        json!({"unread": null, "read": {"ada": 3}, "messages": [{"offset": 1, "revision": 1}], "name": "x"});
    assert_eq!(lost("", &once, &now), None);
    for (part, other) in [
        ("/unread", json!(0)),
        ("/read", json!({"ada": 3, "bob": 1})),
        ("/messages", json!([])),
        ("/messages/0", json!({})),
        ("/messages/0/offset", json!(2)),
    ] {
        let mut now = now.clone();
        *now.pointer_mut(part).unwrap() = other;
        assert!(lost("", &once, &now).is_some(), "{part}");
    }
}

#[tokio::test]
async fn everything_in_a_folder_of_an_earlier_version_is_found_with_its_views_and_without() {
    for (fixture, views) in fixtures().iter().flat_map(|it| [(it, OldViews::Kept), (it, OldViews::Deleted)]) {
        let node = Node::builder().on(&fixture.copy(views)).start().await;
        for Asked { r#as, path, answer } in &fixture.expected.answers {
            let person = fixture.person(&node, r#as).await;
            let now = person.searched(path).await;
            assert_eq!(now.status(), StatusCode::OK, "{as} asks for {path}");
            let now = now.json().await.unwrap();
            let lost = lost("", answer, &now);
            assert_eq!(lost, None, "{}, views {views:?}: {as} asks for {path}", fixture.files.display());
        }
        for device in &fixture.expected.ended {
            let me = node.get("/api/v1/me").bearer_auth(&fixture.expected.tokens[device]);
            assert_eq!(me.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{device} signed out");
        }
        node.stop().await;
    }
}

#[tokio::test]
async fn people_of_an_earlier_version_sign_in_and_go_on_where_they_were() {
    for (fixture, views) in fixtures().iter().flat_map(|it| [(it, OldViews::Kept), (it, OldViews::Deleted)]) {
        let folder = fixture.copy(views);
        let node = Node::builder().on(&folder).start().await;
        for (name, messages) in fixture.histories() {
            let person = fixture.person(&node, name).await;
            let again = node.sign_in(person.user.username.as_str()).await;
            assert_eq!(again.user, person.user);
            let Some(newest) = messages.last() else { continue };
            caught_up(&again, messages).await;
            let newest = typed(newest);
            let said = again.say(newest.conversation, "from another version").await;
            assert!(said.offset > newest.offset && said.previous >= Some(newest.offset), "{said:?}");
        }
        node.stop().await;
        verify(folder.path());
    }
}

impl Fixture {
    /// The messages of the newest pages of history that were answered, with who asked.
    fn histories(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.expected
            .answers
            .iter()
            .filter(|answer| answer.path.ends_with("/messages"))
            .map(|answer| (answer.r#as.as_str(), answer.answer["messages"].as_array().unwrap().as_slice()))
    }
}

fn typed(message: &Value) -> Message {
    serde_json::from_value(message.clone()).unwrap()
}

/// Whether this is the message that was answered once.
fn assert_is(now: &Message, once: &Value) {
    assert_eq!(lost("", once, &serde_json::to_value(now).unwrap()), None);
}

/// A device that held the first of these messages is sent the others.
async fn caught_up(person: &Person<'_>, messages: &[Value]) {
    let (held, missed) = messages.split_first().unwrap();
    let held = typed(held);
    let mut socket = person.connect_silent().await;
    // As a client of that version says it.
    let hello = json!({"type": "hello", "positions": {held.conversation.to_string(): held.offset}});
    socket.say_text(hello.to_string()).await;
    for expected in missed {
        assert_is(&socket.next_message().await, expected);
    }
}

/// The log and the views agree, as operators ask.
fn verify(folder: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafkatalk"));
    let output =
        command.arg("verify").arg("--data").arg(folder).env_clear().env("HOME", folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.ends_with("whole\n"), "{told}");
}

#[tokio::test]
async fn a_message_of_an_earlier_version_is_not_said_twice() {
    for fixture in fixtures() {
        let node = Node::builder().on(&fixture.copy(OldViews::Kept)).start().await;
        for (name, messages) in fixture.histories() {
            let person = fixture.person(&node, name).await;
            for once in messages.iter().filter(|once| once["sender"]["id"] == json!(person.user.id)) {
                let message = typed(once);
                let again = person.try_say(message.conversation, message.id, message.body.as_str()).await;
                assert_eq!(again.status(), StatusCode::OK, "the id is remembered");
                assert_is(&again.json().await.unwrap(), once);
            }
        }
        node.stop().await;
    }
}

/// What a version without some features makes of the log in a folder.
async fn views_of_a_version_without(features: &[&str], folder: &Path) {
    for file in ["views.sqlite", "views.sqlite-wal", "views.sqlite-shm", "views.sqlite.search"] {
        fs::remove_file(folder.join(file)).ok();
    }
    let known = projectors().into_iter().filter(|projector| !features.contains(&projector.name)).collect();
    let views = folder.join("views.sqlite");
    let (_, mut applier) = Views::open(&views, &ViewsOptions::default(), Registry::of(known)).unwrap();
    let log = EmbeddedLog::open(folder, EmbeddedOptions::default()).unwrap();
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    while let Some(batch) = tail.next().await.unwrap() {
        applier.apply(&batch).unwrap();
        if batch.caught_up {
            break;
        }
    }
    log.close().await;
}

#[tokio::test]
async fn a_node_reads_conversations_again_with_changes_that_the_version_before_did_not_know() {
    let folder = Node::folder();
    let node = Node::builder().on(&folder).start().await;
    let (alice, bob, conversation) = node.pair().await;
    let said = alice.say(conversation, "hullo").await;
    let path = format!("/conversations/{conversation}/messages/{}", said.offset);
    let edit = json!({"id": message_id(), "body": "hello"});
    let edited: Message = alice.send_json(Method::PATCH, &path, &edit).await.json().await.unwrap();
    bob.say(conversation, "good morning").await;
    node.register("carol").await;
    let other = bob.open("carol").await.id;
    bob.say(other, "nothing was changed here").await;
    let (alice, bob) = (alice.token.clone(), bob.token.clone());
    node.stop().await;

    views_of_a_version_without(&["edit"], folder.path()).await;
    let node = Node::builder().on(&folder).start().await;
    let figures = node.figures().await;
    for figure in ["read_again_streams_total 1", "read_again_records_total 3"] {
        assert!(figures.contains(&format!("kafkatalk_{figure}\n")), "{figure}: {figures}");
    }
    let history = node.get(&format!("/api/v1/conversations/{conversation}/messages")).bearer_auth(&alice);
    let history: Value = history.send().await.unwrap().json().await.unwrap();
    assert_is(&edited, &history["messages"][0]);
    assert_eq!(history["messages"][1]["body"], "good morning");
    for (sought, hits) in [("hullo", 0), ("hello", 1)] {
        let found = node.get(&format!("/api/v1/search?q={sought}")).bearer_auth(&bob);
        let found: Value = found.send().await.unwrap().json().await.unwrap();
        assert_eq!(found["hits"].as_array().map(Vec::len), Some(hits), "{found}");
    }
    node.stop().await;
    verify(folder.path());
}

#[tokio::test]
async fn a_conversation_is_read_again_to_its_end_though_the_log_shows_less_of_it_at_first() {
    let folder = Node::folder();
    let node = Node::builder().on(&folder).start().await;
    let (alice, _bob, conversation) = node.pair().await;
    let said = alice.say(conversation, "hullo").await;
    let path = format!("/conversations/{conversation}/messages/{}", said.offset);
    let edit = json!({"id": message_id(), "body": "hello"});
    alice.send_json(Method::PATCH, &path, &edit).await;
    alice.say(conversation, "good morning").await;
    let alice = alice.token.clone();
    node.stop().await;

    views_of_a_version_without(&["edit"], folder.path()).await;
    let log = Faulty::open(folder.path(), Faults { reads_end_at: Some(Offset(1)), ..Faults::default() });
    let node = Node::builder().on(&folder).log(log.clone()).start_unready().await;
    log.until_a_short_read().await;
    log.set(Faults::default());
    node.until_ready().await;
    let history = node.get(&format!("/api/v1/conversations/{conversation}/messages")).bearer_auth(&alice);
    let history: Value = history.send().await.unwrap().json().await.unwrap();
    assert_eq!(history["messages"][0]["body"], "hello");
    assert_eq!(history["messages"][1]["body"], "good morning");
    node.stop().await;
}
