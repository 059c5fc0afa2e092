//! The edges of the API: its description, what it does not have, health and figures.

use crate::support::{Node, code, refused};
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn the_description_names_what_the_docs_name_and_all_of_it_is_there() {
    let node = Node::start().await;
    let description: Value = node.get("/api/v1/openapi.json").send().await.unwrap().json().await.unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut described = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.push(format!("{} {path}", method.to_uppercase()));
            // Asked for without a session and a body, a route that is there refuses for another reason than being absent.
            let real = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
            let real = real.replace("{offset}", "0").replace("{emoji}", "%F0%9F%91%8D");
            let asked = node.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &real);
            let (status, _) = refused(asked.send().await.unwrap()).await;
            assert!([400, 401].contains(&status), "{method} {path}: {status}");
        }
    }
    described.sort();
    // Operators' paths are no part of the API, and a description does not describe itself.
    let apart = ["GET /healthz", "GET /readyz", "GET /metrics", "GET /api/v1/openapi.json"];
    let (other, expected): (Vec<_>, Vec<_>) =
        documented().into_iter().partition(|asked| apart.contains(&asked.as_str()));
    assert_eq!((other.len(), expected.len() > 10), (apart.len(), true));
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
        "/search?q=hello",
        &format!("/conversations/{conversation}/messages"),
    ] {
        let search = path.starts_with("/search");
        let answer = if search { alice.searched(path).await } else { alice.get(path).await };
        let answer: Value = answer.json().await.unwrap();
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
        leaf => {
            let kinds: Vec<_> = match &schema["type"] {
                Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
                kind => kind.as_str().into_iter().collect(),
            };
            let fits = match leaf {
                Value::Null => kinds.contains(&"null"),
                Value::Bool(_) => kinds.contains(&"boolean"),
                Value::Number(_) => kinds.contains(&"integer") || kinds.contains(&"number"),
                _ => kinds.contains(&"string"),
            };
            assert!(fits, "{at} is {leaf}, described as {kinds:?}");
        }
    }
}

/// The requests of the table in docs/protocol.md, such as `GET /api/v1/me`.
fn documented() -> Vec<String> {
    let page = include_str!("../../../docs/protocol.md");
    let table = page.split("## HTTP").nth(1).unwrap().split("## WebSocket").next().unwrap();
    let asked = table.split('`').filter_map(|code| {
        let (method, rest) = code.split_once(' ')?;
        let path = rest.split(['?', ' ']).next().filter(|path| path.starts_with('/'))?;
        Some(match path {
            "/healthz" | "/readyz" | "/metrics" | "/api/v1/openapi.json" => format!("{method} {path}"),
            _ => format!("{method} /api/v1{path}"),
        })
    });
    let mut asked: Vec<_> = asked.collect();
    asked.sort();
    asked
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
    // Under another name Prometheus would refuse it all.
    let figures = node.get("/metrics").send().await.unwrap();
    assert_eq!(
        figures.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    // The figure of a delivery is taken after the answer to its sender.
    while !node.figures().await.contains("kafkatalk_delivery_seconds_count 1\n") {
        tokio::task::yield_now().await;
    }
    let figures = node.figures().await;
    for line in [
        "kafkatalk_sockets 1",
        // Two claims, two sessions, a conversation, a message; only the message counts as delivered.
        "kafkatalk_appends_total{outcome=\"durable\"} 6",
        "kafkatalk_append_seconds_count 6",
        "kafkatalk_delivery_seconds_count 1",
        "kafkatalk_records_applied_total 6",
        "kafkatalk_queued_frames 0",
        "kafkatalk_tail_lag_records 0",
        "kafkatalk_following 1",
        "kafkatalk_nodes 1",
    ] {
        assert!(figures.lines().any(|told| told == line), "{line} is not in\n{figures}");
    }
}
