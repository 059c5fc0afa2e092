//! The edges of the API: its description, what it does not have, health and figures.

use crate::support::{Node, code, refused};
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn the_description_names_every_route_and_every_route_is_described() {
    let node = Node::start().await;
    let description: Value = node.get("/api/v1/openapi.json").send().await.unwrap().json().await.unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut described = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.push(format!("{} {path}", method.to_uppercase()));
            // Asked for without a session and a body, a route that is there refuses for another reason than being absent.
            let real = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
            let asked = node.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &real);
            let (status, _) = refused(asked.send().await.unwrap()).await;
            assert!([400, 401].contains(&status), "{method} {path}: {status}");
        }
    }
    described.sort();
    // The table of docs/protocol.md, what is there of it.
    let expected = [
        "DELETE /api/v1/sessions/current",
        "DELETE /api/v1/sessions/{id}",
        "GET /api/v1/conversations",
        "GET /api/v1/conversations/{id}",
        "GET /api/v1/conversations/{id}/messages",
        "GET /api/v1/me",
        "GET /api/v1/sessions",
        "GET /api/v1/users",
        "POST /api/v1/conversations",
        "POST /api/v1/conversations/{id}/messages",
        "POST /api/v1/sessions",
        "POST /api/v1/users",
        "PUT /api/v1/conversations/{id}/read",
    ];
    assert_eq!(described, expected);
}

#[tokio::test]
async fn the_description_and_the_answers_agree() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    alice.say(conversation, "hello").await;
    let description: Value = node.get("/api/v1/openapi.json").send().await.unwrap().json().await.unwrap();
    for path in [
        "/me",
        "/users?prefix=a",
        "/sessions",
        "/conversations",
        &format!("/conversations/{conversation}/messages"),
    ] {
        let answer: Value = alice.get(path).await.json().await.unwrap();
        let template = path.split('?').next().unwrap().replace(&conversation.to_string(), "{id}");
        let schema = &description["paths"][format!("/api/v1{template}")]["get"]["responses"]["200"]["content"]
            ["application/json"]["schema"];
        check(&description, schema, &answer, path);
    }
}

/// Every field that is answered is described, every required field is answered, down to the leaves.
fn check(description: &Value, schema: &Value, answer: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return check(description, &description["components"]["schemas"][name], answer, at);
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[key].as_array() {
            let fitting = choices.iter().find(|choice| (choice["type"] == "null") == answer.is_null());
            return check(description, fitting.unwrap_or_else(|| panic!("{at}: no choice fits")), answer, at);
        }
    }
    match answer {
        Value::Object(fields) => {
            if schema["additionalProperties"].is_object() || schema["propertyNames"].is_object() {
                return;
            }
            let described =
                schema["properties"].as_object().unwrap_or_else(|| panic!("{at} is not described"));
            for (name, value) in fields {
                let at = format!("{at}.{name}");
                check(
                    description,
                    described.get(name).unwrap_or_else(|| panic!("{at} is not described")),
                    value,
                    &at,
                );
            }
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(fields.contains_key(required.as_str().unwrap()), "{at} lacks {required}");
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check(description, &schema["items"], item, at)),
        _ => assert!(schema["type"].is_string() || schema["type"].is_array(), "{at} is not described"),
    }
}

#[tokio::test]
async fn what_the_api_does_not_have_is_told_as_a_problem() {
    let node = Node::start().await;
    assert_eq!(refused(node.get("/api/v1/nothing").send().await.unwrap()).await, code(404, "not_found"));
    assert_eq!(refused(node.get("/api/v2/me").send().await.unwrap()).await, code(404, "not_found"));
    let patch = node.request(Method::PATCH, "/api/v1/me").send().await.unwrap();
    assert_eq!(refused(patch).await.0, 405);
}

#[tokio::test]
async fn operators_see_that_it_lives_that_it_is_ready_and_what_it_does() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    let _socket = alice.connect().await;
    alice.say(conversation, "hello").await;
    assert_eq!(node.get("/healthz").send().await.unwrap().text().await.unwrap(), "alive\n");
    assert_eq!(node.get("/readyz").send().await.unwrap().text().await.unwrap(), "ready\n");
    let figures = node.get("/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "kafkatalk_sockets 1",
        "kafkatalk_appends_total{outcome=\"durable\"}",
        "kafkatalk_append_seconds_count",
        "kafkatalk_delivery_seconds_count",
        "kafkatalk_queued_frames",
        "kafkatalk_tail_lag_records 0",
    ] {
        assert!(figures.contains(line), "{line} is not in\n{figures}");
    }
}
