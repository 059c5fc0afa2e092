//! What a restart keeps: everything.

use crate::support::{Node, message_id};
use std::sync::Arc;

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
