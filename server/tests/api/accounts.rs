//! Registering, signing in and out, devices.

use crate::support::{Node, PASSWORD, code, many, problem, refused};
use axum::http::StatusCode;
use kafkatalk_protocol::http::Sessions;
use kafkatalk_server::rates::RateLimits;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn registering_signs_in_by_token_and_by_cookie() {
    let node = Node::start().await;
    let body = json!({"username": "Alice", "password": PASSWORD});
    let answer = node.post("/api/v1/users", &body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["kafkatalk_session=", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["user"]["username"], "alice");
    let pair = cookie.split(';').next().unwrap();
    for request in [
        node.get("/api/v1/me").bearer_auth(body["token"].as_str().unwrap()),
        node.get("/api/v1/me").header("cookie", pair),
    ] {
        let me: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(me["user"], body["user"]);
    }
}

#[tokio::test]
async fn a_name_is_given_once_whatever_its_case() {
    let node = Node::start().await;
    node.register("alice").await;
    let body = json!({"username": "ALICE", "password": PASSWORD});
    let answer = node.post("/api/v1/users", &body).send().await.unwrap();
    let (status, kind, problem) = problem(answer).await;
    assert_eq!((status, kind.as_str()), (409, "username_taken"));
    assert_eq!(problem["errors"][0]["field"], "username");
}

#[tokio::test]
async fn of_many_who_claim_a_name_at_once_one_gets_it() {
    let node = Node::start().await;
    let body = json!({"username": "alice", "password": PASSWORD});
    let claims = (0..20).map(|_| node.post("/api/v1/users", &body).send());
    let answers = futures_util::future::join_all(claims).await;
    let won = answers.iter().filter(|a| a.as_ref().unwrap().status() == StatusCode::CREATED).count();
    let lost = answers.iter().filter(|a| a.as_ref().unwrap().status() == StatusCode::CONFLICT).count();
    assert_eq!((won, lost), (1, 19));
}

#[tokio::test]
async fn bad_input_is_told_for_every_field_at_once() {
    let node = Node::start().await;
    let body = json!({"username": "a!", "password": "short"});
    for path in ["/api/v1/users", "/api/v1/sessions"] {
        let (status, kind, problem) = problem(node.post(path, &body).send().await.unwrap()).await;
        assert_eq!((status, kind.as_str()), (422, "invalid_input"));
        let fields: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
        assert_eq!(fields, ["username", "password"]);
    }
}

#[tokio::test]
async fn what_is_no_json_is_told_apart_from_what_is_not_valid() {
    let node = Node::start().await;
    let post = |body: &'static str| {
        node.request(Method::POST, "/api/v1/users")
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    assert_eq!(refused(post("{").await.unwrap()).await, code(400, "malformed_json"));
    assert_eq!(refused(post("{}").await.unwrap()).await, code(422, "invalid_input"));
    let bare = node.request(Method::POST, "/api/v1/users").body("{}").send().await.unwrap();
    assert_eq!(refused(bare).await, code(400, "malformed_json"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_refused_alike() {
    let node = Node::start().await;
    node.register("alice").await;
    let mut answers = Vec::new();
    for name in ["alice", "nobody"] {
        let body = json!({"username": name, "password": "wrong password"});
        let (status, kind, problem) =
            problem(node.post("/api/v1/sessions", &body).send().await.unwrap()).await;
        assert_eq!((status, kind.as_str()), (401, "wrong_credentials"));
        answers.push(problem);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn after_signing_out_the_token_is_worth_nothing() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let again = node.sign_in("alice").await;
    let answer = alice.send_json(Method::DELETE, "/sessions/current", &json!({})).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(refused(alice.get("/me").await).await, code(401, "unauthenticated"));
    assert_eq!(again.get("/me").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_person_sees_and_ends_the_sessions_of_their_devices_alone() {
    let node = Node::start().await;
    let (alice, phone) = (node.register("alice").await, node.sign_in("alice").await);
    let bob = node.register("bob").await;
    let listed: Value = phone.get("/sessions").await.json().await.unwrap();
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions.iter().filter(|s| s["current"] == true).count(), 1);
    let first = sessions.iter().find(|s| s["current"] == false).unwrap()["id"].as_str().unwrap();
    let path = format!("/sessions/{first}");
    assert_eq!(refused(bob.send_json(Method::DELETE, &path, &json!({})).await).await, code(404, "not_found"));
    assert_eq!(phone.send_json(Method::DELETE, &path, &json!({})).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(alice.get("/me").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(phone.get("/me").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_session_tells_when_it_was_last_used() {
    let node = Node::start().await;
    let (alice, phone) = (node.register("alice").await, node.sign_in("alice").await);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let listed: Sessions = alice.get("/sessions").await.json().await.unwrap();
    for session in listed.sessions {
        assert_eq!(session.last_seen_at > session.created_at, session.current, "{session:?}");
    }
    drop(phone);
}

#[tokio::test]
async fn people_are_found_by_the_start_of_their_name() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    for name in ["albert", "al_b", "bob"] {
        node.register(name).await;
    }
    let names = |found: Value| -> Vec<String> {
        found["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| u["username"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(alice.get("/users?prefix=AL").await.json().await.unwrap()), ["al_b", "albert", "alice"]);
    assert_eq!(names(alice.get("/users?prefix=al_").await.json().await.unwrap()), ["al_b"]);
    assert_eq!(names(alice.get("/users?prefix=al&limit=1").await.json().await.unwrap()).len(), 1);
    assert!(names(alice.get("/users?prefix=%25").await.json().await.unwrap()).is_empty());
    for bad in ["limit=0", "limit=201", "limit=-1", "limit=x"] {
        assert_eq!(refused(alice.get(&format!("/users?{bad}")).await).await, code(422, "invalid_input"));
    }
}

#[tokio::test]
async fn too_many_sign_ins_from_one_address_are_told_when_to_come_back() {
    let limits = RateLimits { sign_ins_per_minute: 2.try_into().unwrap(), ..many() };
    let node = Node::builder().rate_limits(limits).start().await;
    let body = json!({"username": "nobody", "password": "wrong password"});
    for _ in 0..2 {
        assert_eq!(node.post("/api/v1/sessions", &body).send().await.unwrap().status(), 401);
    }
    let answer = node.post("/api/v1/sessions", &body).send().await.unwrap();
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(refused(answer).await, code(429, "rate_limited"));
}
