//! HTTP itself: who may keep an answer, upgrades, forms, and what people read when something is refused.

use crate::{
    faults::{Faults, Faulty},
    support::{Node, PASSWORD, code, message_id, refused},
};
use kafkatalk_log::Ledger;
use kafkatalk_protocol::{Body, ClientFrame, Message};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::json;

const FORM: &str = "application/x-www-form-urlencoded";

async fn sent(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

/// The page in an answer: its status and text.
async fn page(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.headers().contains_key("content-security-policy"));
    (status, answer.text().await.unwrap())
}

#[tokio::test]
async fn no_cache_keeps_what_the_api_answers() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let me = || node.get("/api/v1/me");
    for (request, status) in [
        (me().bearer_auth(&alice.token), 200),
        (me(), 401),
        (node.request(Method::PATCH, "/api/v1/me"), 405),
        (node.get("/api/v1/users?limit=0").bearer_auth(&alice.token), 422),
        (node.get("/api/v1/nothing"), 404),
        (node.get("/api/nothing"), 404),
        (node.get("/api/v1/ws"), 426),
        (node.get("/api/v1/openapi.json"), 200),
        (node.post("/api/v1/sessions", &json!({"username": "alice", "password": PASSWORD})), 201),
    ] {
        let answer = sent(request).await;
        assert_eq!(answer.headers()["cache-control"], "no-store", "{}", answer.url());
        assert_eq!(answer.status(), status, "{}", answer.url());
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_told_what_to_upgrade_to() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let plain = || node.get("/api/v1/ws").bearer_auth(&alice.token);
    let upgrade = || plain().header("connection", "upgrade").header("upgrade", "websocket");
    for request in [
        node.get("/api/v1/ws"),
        plain(),
        upgrade(),
        upgrade()
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", "12"),
    ] {
        let answer = sent(request).await;
        assert_eq!(
            (&answer.headers()["upgrade"], &answer.headers()["sec-websocket-version"]),
            (&"websocket".parse().unwrap(), &"13".parse().unwrap())
        );
        assert_eq!(refused(answer).await, code(426, "invalid_input"));
    }
    assert!(node.figures().await.contains("kafkatalk_websocket_upgrades_lost_total 0\n"));
    // As from a proxy that leaves out the headers which are for one hop.
    let lost =
        plain().header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").header("sec-websocket-version", "13");
    assert_eq!(refused(sent(lost).await).await, code(426, "invalid_input"));
    assert!(node.figures().await.contains("kafkatalk_websocket_upgrades_lost_total 1\n"));
    // And from one that is told of one of them only.
    let half = plain()
        .header("upgrade", "websocket")
        .header("connection", "close")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13");
    assert_eq!(refused(sent(half).await).await, code(426, "invalid_input"));
    assert!(node.figures().await.contains("kafkatalk_websocket_upgrades_lost_total 2\n"));
    assert_eq!(refused(sent(node.post("/api/v1/ws", &json!({}))).await).await.0, 405);
}

#[tokio::test]
async fn a_form_that_cannot_be_read_is_refused_with_a_page() {
    let node = Node::start().await;
    let huge = format!("username=alice&password={}", "a".repeat(300_000));
    for path in ["/register", "/sign-in"] {
        let post = || node.request(Method::POST, path);
        for (request, status) in [
            (post().json(&json!({"username": "alice"})), 415),
            (post().body("username=alice"), 415),
            (post().header("content-type", FORM).body("username=alice&username=bob"), 422),
            (post().header("content-type", FORM).body(huge.clone()), 413),
            (node.request(Method::PUT, path), 405),
        ] {
            assert_eq!(page(sent(request).await).await.0, status, "{path}");
        }
    }
    assert_eq!(page(sent(node.request(Method::DELETE, "/nowhere")).await).await.0, 405);
}

#[tokio::test]
async fn the_addresses_of_forms_can_be_opened() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let cookie = format!("kafkatalk_session={}", alice.token);
    let (status, html) = page(sent(node.get("/register")).await).await;
    assert!(status == 200 && html.contains("action=\"/register\""), "{html}");
    assert_eq!(
        sent(node.get("/register").header("cookie", &cookie)).await.headers()["location"],
        "/conversations"
    );
    let (status, html) = page(sent(node.get("/sign-out").header("cookie", &cookie)).await).await;
    assert!(status == 200 && html.contains("action=\"/sign-out\"") && html.contains("alice"), "{html}");
    assert_eq!(sent(node.get("/sign-out")).await.headers()["location"], "/sign-in");
    assert_eq!(alice.get("/me").await.status(), 200, "looking signs nobody out");
}

#[tokio::test]
async fn whoever_cannot_be_signed_out_keeps_the_session_and_reads_why() {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), Faults::default());
    let node = Node::builder().on(&folder).log(log.clone()).start().await;
    let alice = node.register("alice").await;
    let sign_out = || {
        let cookie = format!("kafkatalk_session={}", alice.token);
        let request = node.request(Method::POST, "/sign-out").header("cookie", cookie);
        sent(request.header("origin", format!("http://{}", node.address)))
    };
    log.set(Faults { refuses: Some(Ledger::Sessions), ..Faults::default() });
    let answer = sign_out().await;
    assert!(!answer.headers().contains_key("set-cookie") && answer.headers().contains_key("retry-after"));
    let (status, html) = page(answer).await;
    assert!(status == 503 && html.contains("Nothing was written"), "{html}");
    assert_eq!(alice.get("/me").await.status(), 200);
    log.set(Faults::default());
    assert_eq!(sign_out().await.status(), 303);
    assert_eq!(alice.get("/me").await.status(), 401);
}

#[tokio::test]
async fn line_ends_are_the_same_live_and_in_history_whichever_way_a_text_comes() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    let mut socket = bob.connect().await;
    let (sent, taken) = ("one\rtwo\r\nthree\nfour", "one\ntwo\nthree\nfour");
    let said = alice.say(conversation, sent).await;
    assert_eq!((said.body.as_str(), socket.next_message().await.body.as_str()), (taken, taken));
    let mut device = alice.connect().await;
    device
        .say(&ClientFrame::Send {
            conversation,
            id: message_id(),
            body: Body::parse(sent).unwrap(),
            reply_to: None,
        })
        .await;
    assert_eq!(socket.next_message().await.body.as_str(), taken);
    let path = format!("/conversations/{conversation}/messages/{}", said.offset);
    let edit = json!({"id": message_id(), "body": "five\r\nsix"});
    let edited: Message = alice.send_json(Method::PATCH, &path, &edit).await.json().await.unwrap();
    assert_eq!(edited.body.as_str(), "five\nsix");
    let kept = bob.history(conversation, "").await.messages;
    let kept: Vec<_> = kept.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(kept, ["five\nsix", taken]);
}

#[tokio::test]
async fn a_message_that_nobody_can_see_is_refused() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    for text in ["\u{200b}", "\u{2800}", "\u{3164}", "\u{feff}\u{200d} \n"] {
        let answer = alice.try_say(conversation, message_id(), text).await;
        assert_eq!(refused(answer).await, code(422, "invalid_input"), "{text:?}");
    }
    assert!(alice.history(conversation, "").await.messages.is_empty());
}

#[tokio::test]
async fn a_path_that_names_nothing_is_not_found_whatever_is_wrong_with_it() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    let base = format!("/conversations/{conversation}");
    for (method, path) in [
        (Method::PUT, format!("{base}/messages/-1/reactions/%F0%9F%91%8D")),
        (Method::PUT, "/conversations/nonsense/messages/0/reactions/%F0%9F%91%8D".into()),
        (Method::DELETE, format!("{base}/messages/0/reactions/%FF")),
        (Method::DELETE, format!("{base}/messages/1.5")),
        (Method::DELETE, "/sessions/%FF".into()),
        (Method::DELETE, "/sessions/nonsense".into()),
        (Method::GET, "/conversations/%FF".into()),
        (Method::GET, format!("{base}/%FF")),
        (Method::PUT, format!("{base}/members/%FF")),
    ] {
        let answer = alice.send_json(method.clone(), &path, &json!({"role": "admin"})).await;
        assert_eq!(refused(answer).await, code(404, "not_found"), "{method} {path}");
    }
    let part = sent(node.get("/pkg/%FF/kafkatalk.js")).await;
    assert_eq!(
        (part.status().as_u16(), &part.headers()["cache-control"]),
        (404, &"no-store".parse().unwrap())
    );
}
