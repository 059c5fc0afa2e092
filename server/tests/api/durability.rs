//! What a restart keeps: everything.

use crate::support::{Node, PASSWORD, message_id};
use serde_json::json;
use std::{path::Path, process::Command, sync::Arc};
use tempfile::TempDir;

#[tokio::test]
async fn a_restart_keeps_people_sessions_conversations_messages_and_read_positions() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let id = message_id();
    assert_eq!(alice.try_say(conversation, id, "before").await.status(), 201);
    let path = format!("/conversations/{conversation}");
    bob.send_json(reqwest::Method::PUT, &format!("{path}/read"), &serde_json::json!({"offset": 0})).await;
    let before = (bob.get(&path).await.text().await.unwrap(), bob.history(conversation, "").await);
    let (token, folder) = (bob.token.clone(), Arc::clone(&node.folder));
    let user = bob.user.clone();
    drop((alice, bob));
    node.stop().await;

    for views_are_deleted in [false, true] {
        if views_are_deleted {
            for file in ["views.sqlite", "views.sqlite-wal", "views.sqlite-shm"] {
                let _ = std::fs::remove_file(folder.path().join(file));
            }
        }
        let node = Node::builder().on(&folder).start().await;
        let bob = crate::support::Person { node: &node, user: user.clone(), token: token.clone() };
        let after = (bob.get(&path).await.text().await.unwrap(), bob.history(conversation, "").await);
        assert_eq!(after, before, "views deleted: {views_are_deleted}");
        let alice = node.sign_in("alice").await;
        assert_eq!(alice.try_say(conversation, id, "before").await.status(), 200, "the id is remembered");
        drop((alice, bob));
        node.stop().await;
    }
}

/// What `kafkatalk verify` says about a folder, and whether it is content.
fn verify(folder: &Path) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafkatalk"));
    command.arg("verify").arg("--data").arg(folder).env_clear().env("HOME", folder);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn another_log_under_old_views_has_them_built_anew_and_verify_tells() {
    let longer = Node::start().await;
    let carol = longer.register("carol").await;
    longer.register("dave").await;
    let conversation = carol.open("dave").await.id;
    for text in ["one", "two", "three", "four"] {
        carol.say(conversation, text).await;
    }
    let longer_folder = Arc::clone(&longer.folder);
    longer.stop().await;
    let node = Node::start().await;
    node.register("alice").await;
    let folder = Arc::clone(&node.folder);
    node.stop().await;
    assert!(verify(folder.path()).0);

    let log = |folder: &TempDir, suffix: &str| folder.path().join(format!("log.sqlite3{suffix}"));
    assert!(!log(&longer_folder, "-wal").exists(), "all of it is in the one file");
    std::fs::copy(log(&longer_folder, ""), log(&folder, "")).unwrap();
    let (content, told) = verify(folder.path());
    assert!(!content && told.contains("another log"), "{told}");

    let node = Node::builder().on(&folder).start().await;
    let carol = node.sign_in("carol").await;
    assert_eq!(carol.history(conversation, "").await.messages.len(), 4);
    let alice = json!({"username": "alice", "password": PASSWORD});
    let refused = node.post("/api/v1/sessions", &alice).send().await.unwrap();
    assert_eq!(refused.status(), 401, "nobody of the old log signs in");
    node.stop().await;
    assert!(verify(folder.path()).0);
}
