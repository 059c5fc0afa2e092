//! Nodes of two versions on one Kafka, as people see them: what an old node does not know is refused until it has left.

#[allow(dead_code, reason = "other tests stop and start brokers")]
#[path = "../../log/tests/kafka/broker.rs"]
mod broker;
#[allow(dead_code, reason = "other tests start a node on the views of another")]
#[path = "support/kafka_node.rs"]
mod kafka_node;

use kafka_node::{Node, PASSWORD, PATIENCE};
use kafkatalk_log::{EventLog as _, FEATURE_LEVEL, Level};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

#[tokio::test]
async fn a_change_is_refused_while_an_old_node_is_there_and_done_once_it_has_left() {
    let bootstrap = tokio::task::spawn_blocking(|| broker::shared().bootstrap.clone()).await.unwrap();
    let prefix = format!("level-{}", Uuid::new_v4().simple());
    let old = Node::start(&bootstrap, &prefix, Level(0)).await;
    let new = Node::start(&bootstrap, &prefix, FEATURE_LEVEL).await;
    let person = |name: &str| json!({"username": name, "password": PASSWORD});
    let alice = new.post("/users", "", &person("alice")).await["token"].as_str().unwrap().to_owned();
    new.post("/users", "", &person("bob")).await;
    let opened = new.post("/conversations", &alice, &json!({"members": ["bob"]})).await;
    let history = format!("/conversations/{}/messages", opened["id"].as_str().unwrap());
    let said = new.post(&history, &alice, &json!({"id": Uuid::new_v4(), "body": "hullo"})).await;
    let message = format!("/api/v1{history}/{}", said["offset"]);
    let edit = json!({"id": Uuid::new_v4(), "body": "hello"});
    for (method, path, body) in [
        (Method::PATCH, message.clone(), &edit),
        (Method::DELETE, message.clone(), &Value::Null),
        (Method::PUT, format!("{message}/reactions/\u{1f44d}"), &Value::Null),
    ] {
        let (status, answer) = new.ask(method.clone(), &path, &alice, body).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::CONFLICT, &json!("conflict")),
            "{method} {answer}"
        );
        let detail = answer["detail"].as_str().unwrap();
        assert!(detail.contains("once all servers run the same version"), "{detail}");
    }
    // What both versions know goes on beside it.
    new.post(&history, &alice, &json!({"id": Uuid::new_v4(), "body": "good morning"})).await;

    old.stop().await;
    let mut level = new.log.level();
    timeout(PATIENCE, level.wait_for(|level| *level == FEATURE_LEVEL)).await.expect("it rises").unwrap();
    let (status, edited) = new.ask(Method::PATCH, &message, &alice, &edit).await;
    assert_eq!((status, &edited["body"]), (StatusCode::OK, &json!("hello")), "{edited}");
    new.stop().await;
}
