//! Views of a node whose brokers were replaced: another log under the same address, with more in it than before.

#[allow(dead_code, reason = "other tests stop and start brokers")]
#[path = "../../log/tests/kafka/broker.rs"]
mod broker;
#[allow(dead_code, reason = "other tests wait for levels")]
#[path = "support/kafka_node.rs"]
mod kafka_node;

use kafka_node::{Node, PASSWORD};
use kafkatalk_log::FEATURE_LEVEL;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::sync::Arc;
use uuid::Uuid;

#[tokio::test]
async fn views_of_another_log_are_built_anew() {
    let bootstrap = tokio::task::spawn_blocking(|| broker::shared().bootstrap.clone()).await.unwrap();
    // Two logs, of which the node is not told that they are two: the source that it is given is the same.
    let log = || format!("another-{}", Uuid::new_v4().simple());
    let (one, other) = (log(), log());
    let person = |name: &str| json!({"username": name, "password": PASSWORD});
    let node = Node::start(&bootstrap, &other, FEATURE_LEVEL).await;
    for name in ["carol", "dave", "erin"] {
        node.post("/users", "", &person(name)).await;
    }
    node.stop().await;
    let node = Node::start(&bootstrap, &one, FEATURE_LEVEL).await;
    node.post("/users", "", &person("alice")).await;
    let folder = Arc::clone(&node.folder);
    node.stop().await;

    let node = Node::start_on(folder, &bootstrap, &other, FEATURE_LEVEL).await;
    for (name, status) in [("alice", StatusCode::UNAUTHORIZED), ("carol", StatusCode::CREATED)] {
        let (answered, body) = node.ask(Method::POST, "/api/v1/sessions", "", &person(name)).await;
        assert_eq!(answered, status, "{name}: {body}");
    }
    node.stop().await;
}
