//! Nodes behind a proxy, and nodes that are reached in other ways than they are told.

use crate::support::{Node, PASSWORD, Socket, code, many, refused};
use kafkatalk_protocol::ServerFrame;
use kafkatalk_server::{config::PublicUrl, http::state::Settings, rates::RateLimits};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Version};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

fn behind_a_proxy() -> Settings {
    Settings { trust_proxy: true, ..Settings::default() }
}

fn sign_in_form(node: &Node) -> RequestBuilder {
    let form = format!("username=alice&password={}", PASSWORD.replace(' ', "+"));
    let request = node.request(Method::POST, "/sign-in").body(form);
    request.header("content-type", "application/x-www-form-urlencoded")
}

#[tokio::test]
async fn the_default_port_may_be_said_or_not() {
    let node = Node::builder().settings(behind_a_proxy()).start().await;
    let alice = node.register("alice").await;
    for (name, host, origin, allowed) in [
        ("host", "chat.example:443", "https://chat.example", true),
        ("host", "chat.example:80", "http://chat.example", true),
        ("x-forwarded-host", "chat.example:443", "https://chat.example", true),
        ("x-forwarded-host", "chat.example", "https://chat.example", true),
        ("host", "chat.example:8443", "https://chat.example", false),
    ] {
        let mut request = format!("ws://{}/api/v1/ws", node.address).into_client_request().unwrap();
        let cookie = format!("kafkatalk_session={}", alice.token);
        for (name, value) in [("cookie", cookie.as_str()), ("origin", origin), (name, host)] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request.headers_mut().insert("sec-websocket-protocol", "kafkatalk.v1".parse().unwrap());
        let opened = tokio_tungstenite::connect_async(request).await;
        assert_eq!(opened.is_ok(), allowed, "{name}: {host}, {origin}");
        if let Ok((stream, _)) = opened {
            assert!(matches!(Socket { stream }.next().await, ServerFrame::Ready { .. }));
        }
    }
}

#[tokio::test]
async fn clients_of_a_proxy_are_counted_by_their_own_addresses() {
    let limits = RateLimits { sign_ins_per_minute: 1.try_into().unwrap(), ..many() };
    let node = Node::builder().rate_limits(limits).settings(behind_a_proxy()).start().await;
    let sign_in = |from: String| {
        let body = json!({"username": "nobody", "password": "wrong password"});
        node.post("/api/v1/sessions", &body).header("x-forwarded-for", from).send()
    };
    for client in 0..45 {
        let answer = sign_in(format!("198.51.100.9, 203.0.113.{client}:5{client}")).await.unwrap();
        assert_eq!(refused(answer).await, code(401, "wrong_credentials"), "{client}");
    }
    let again = sign_in("203.0.113.7:6000".into()).await.unwrap();
    assert_eq!(refused(again).await, code(429, "rate_limited"), "whatever its port");
    for (client, status) in [("[2001:db8::1]:5000", 401), ("2001:db8::1", 429), ("2001:db8:1::1", 401)] {
        assert_eq!(sign_in(client.into()).await.unwrap().status(), status, "{client}");
    }
}

#[tokio::test]
async fn a_cookie_is_secure_if_the_browser_spoke_https_to_the_first_proxy() {
    let node = Node::builder().settings(behind_a_proxy()).start().await;
    node.register("alice").await;
    for (scheme, secure) in [("https, http", true), ("https", true), ("http, https", false), ("http", false)]
    {
        let answer = sign_in_form(&node).header("x-forwarded-proto", scheme).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        assert_eq!(cookie.contains("; Secure"), secure, "{scheme}: {cookie}");
    }
}

#[tokio::test]
async fn whoever_comes_by_another_name_reads_which_is_right() {
    let public_url = Some(PublicUrl::parse("https://chat.example").unwrap());
    let node = Node::builder().settings(Settings { public_url, ..Settings::default() }).start().await;
    let alice = node.register("alice").await;
    let cookie = format!("kafkatalk_session={}", alice.token);
    let elsewhere = |request: RequestBuilder| request.header("origin", "http://10.0.0.1:8080");
    let out = || node.request(Method::POST, "/sign-out").header("cookie", &cookie);
    for request in [elsewhere(sign_in_form(&node)), elsewhere(out()), out()] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        let html = answer.text().await.unwrap();
        assert!(html.contains("href=\"https://chat.example\"") && !html.contains("bearer"), "{html}");
    }
    let body = json!({"members": ["alice"]});
    let api = elsewhere(node.post("/api/v1/conversations", &body)).header("cookie", &cookie);
    let told: serde_json::Value = api.send().await.unwrap().json().await.unwrap();
    assert!(told["detail"].as_str().unwrap().contains("https://chat.example"), "{told}");
    assert_eq!(alice.get("/me").await.status(), 200);
}

/// A client that speaks HTTP/2 from the first byte on, as some proxies do.
fn http2() -> Client {
    let client = Client::builder().http2_prior_knowledge().redirect(reqwest::redirect::Policy::none());
    client.build().unwrap()
}

#[tokio::test]
async fn http2_without_tls_is_answered() {
    let mut node = Node::start().await;
    node.client = http2();
    let alice = node.register("alice").await;
    let answer = node.get("/healthz").send().await.unwrap();
    assert_eq!((answer.version(), answer.status()), (Version::HTTP_2, StatusCode::OK));
    let me = alice.get("/me").await;
    assert_eq!((me.version(), me.status()), (Version::HTTP_2, StatusCode::OK));
    // The host is in the address; a page of ours is of the same origin.
    let own = sign_in_form(&node).header("origin", format!("http://{}", node.address)).send().await.unwrap();
    assert_eq!(own.status(), StatusCode::SEE_OTHER);
    let foreign = sign_in_form(&node).header("origin", "http://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let asked = (0..50).map(|_| alice.get("/me"));
    assert!(futures_util::future::join_all(asked).await.iter().all(|answer| answer.status() == 200));
    drop(alice);
    // An idle connection keeps nobody from stopping.
    node.stop().await;
}

#[tokio::test]
async fn an_http2_connection_on_which_nothing_is_asked_is_closed() {
    let node = Node::builder().request_head_time(Duration::from_millis(200)).start().await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    // The preface, and settings that change nothing.
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(crate::support::PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("the server closes it").unwrap();
    assert_eq!(answer.get(3), Some(&4), "settings come first: {answer:?}");
}
