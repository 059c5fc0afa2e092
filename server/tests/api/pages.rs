//! Pages before any script has run.

use crate::support::{Node, PASSWORD};
use reqwest::{Method, RequestBuilder};

fn form(node: &Node, path: &str, username: &str, password: &str) -> RequestBuilder {
    let body = format!("username={username}&password={}", password.replace(' ', "+"));
    let request = node.request(Method::POST, path).body(body);
    request.header("content-type", "application/x-www-form-urlencoded")
}

#[tokio::test]
async fn the_forms_work_without_script() {
    let node = Node::start().await;
    let registered = form(&node, "/register", "alice", PASSWORD).send().await.unwrap();
    assert_eq!(
        (registered.status().as_u16(), &registered.headers()["location"]),
        (303, &"/conversations".parse().unwrap())
    );
    let cookie = registered.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let page = node.get("/conversations").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("alice"));
    let own = format!("http://{}", node.address);
    let out = node.request(Method::POST, "/sign-out").header("cookie", &cookie).header("origin", own);
    assert_eq!(out.send().await.unwrap().status(), 303);
    let page = node.get("/conversations").header("cookie", &cookie).send().await.unwrap();
    assert_eq!(page.headers()["location"], "/sign-in?next=%2Fconversations");
    let back = form(&node, "/sign-in", "alice", PASSWORD).send().await.unwrap();
    assert_eq!(back.status(), 303);
}

#[tokio::test]
async fn a_refused_form_keeps_the_name_never_the_password_and_says_why() {
    let node = Node::start().await;
    node.register("alice").await;
    for (path, username, password, status, words) in [
        ("/register", "alice", "secret password", 409, "Somebody has that username"),
        ("/register", "a!", "secret password", 422, "Use only letters"),
        ("/sign-in", "alice", "secret password", 401, "Incorrect username or password"),
    ] {
        let answer = form(&node, path, username, password).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let page = answer.text().await.unwrap();
        assert!(page.contains(words), "{path}: {words}");
        assert!(page.contains(&format!("value=\"{username}\"")), "{path} keeps {username}");
        assert!(!page.contains("secret password"));
    }
}

#[tokio::test]
async fn the_conversation_page_comes_with_its_messages_in_the_html() {
    let node = Node::start().await;
    let (alice, bob, conversation) = node.pair().await;
    alice.say(conversation, "first <b>words</b>").await;
    let cookie = format!("kafkatalk_session={}", bob.token);
    let page =
        node.get(&format!("/conversations/{conversation}")).header("cookie", cookie).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    let html = page.text().await.unwrap();
    assert!(html.contains("first &lt;b&gt;words"), "escaped, as text");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(!nonce.is_empty() && html.contains(&format!("nonce=\"{nonce}\"")));
}

#[tokio::test]
async fn a_page_that_is_not_there_or_not_for_these_eyes_is_not_found() {
    let node = Node::start().await;
    let (alice, _bob, conversation) = node.pair().await;
    alice.say(conversation, "between us").await;
    let eve = node.register("eve").await;
    let cookie = format!("kafkatalk_session={}", eve.token);
    for path in
        [format!("/conversations/{conversation}"), "/nowhere".into(), "/conversations/nonsense".into()]
    {
        let page = node.get(&path).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(page.status(), 404, "{path}");
        assert!(!page.text().await.unwrap().contains("between us"));
    }
}

#[tokio::test]
async fn a_part_of_another_build_is_not_found_and_nobody_keeps_that_answer() {
    let node = Node::start().await;
    for path in ["/pkg/0123456789ab/split_gone.wasm", "/pkg/0123456789ab/kafkatalk.mjs", "/pkg/nothing"] {
        let answer = node.get(path).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (404, &"no-store".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn an_address_with_a_slash_at_its_end_is_the_same_page() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let cookie = format!("kafkatalk_session={}", alice.token);
    for path in ["/conversations", "/conversations/"] {
        let page = node.get(path).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        assert!(page.text().await.unwrap().contains("No conversations yet"), "{path}");
    }
}
