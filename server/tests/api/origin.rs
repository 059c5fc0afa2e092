//! What other sites' pages may make a browser do: nothing.

use crate::support::{Node, PASSWORD, Person, code, refused};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest};

fn with_cookie(person: &Person<'_>, request: RequestBuilder) -> RequestBuilder {
    request.header("cookie", format!("kafkatalk_session={}", person.token))
}

#[tokio::test]
async fn a_change_by_cookie_must_come_from_our_own_pages() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    node.register("bob").await;
    let open = || with_cookie(&alice, node.post("/api/v1/conversations", &json!({"members": ["bob"]})));
    let own = format!("http://{}", node.address);
    for foreign in [
        open(),
        open().header("origin", "http://evil.example"),
        open().header("origin", "null"),
        open().header("sec-fetch-site", "cross-site").header("origin", &own),
    ] {
        assert_eq!(refused(foreign.send().await.unwrap()).await, code(403, "forbidden"));
    }
    assert_eq!(open().header("origin", &own).send().await.unwrap().status(), 201);
    assert_eq!(open().header("sec-fetch-site", "same-origin").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_socket_by_cookie_must_be_opened_by_our_own_pages() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let request = |origin: &str| {
        let mut request = format!("ws://{}/api/v1/ws", node.address).into_client_request().unwrap();
        let cookie = format!("kafkatalk_session={}", alice.token);
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    let foreign = tokio_tungstenite::connect_async(request("http://evil.example")).await;
    assert!(matches!(foreign, Err(Error::Http(answer)) if answer.status() == 403));
    let own = format!("http://{}", node.address);
    assert!(tokio_tungstenite::connect_async(request(&own)).await.is_ok());
}

#[tokio::test]
async fn another_site_cannot_sign_a_browser_in() {
    let node = Node::start().await;
    node.register("alice").await;
    let form = format!("username=alice&password={}", PASSWORD.replace(' ', "+"));
    let post = || {
        let request = node.request(Method::POST, "/sign-in").body(form.clone());
        request.header("content-type", "application/x-www-form-urlencoded")
    };
    let foreign = post().header("origin", "http://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert!(!foreign.headers().contains_key("set-cookie"));
    let own = post().header("origin", format!("http://{}", node.address)).send().await.unwrap();
    assert_eq!(
        (own.status().as_u16(), &own.headers()["location"]),
        (303, &"/conversations".parse().unwrap())
    );
}
