//! Tokens that nobody has.

use crate::{
    faults::{Faults, Faulty},
    support::{Node, code, many, refused},
};
use kafkatalk_server::limits::UNKNOWN_TOKENS_PER_MINUTE;

#[tokio::test]
async fn guessing_tokens_is_limited_by_address_and_does_not_become_a_load_on_the_log() {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), Faults::default());
    let node = Node::builder().on(&folder).log(log.clone()).rate_limits(many()).start().await;
    let alice = node.register("alice").await;
    assert_eq!(alice.get("/me").await.status(), 200);
    let before = log.ends_asked();
    let ask = |token: String| node.get("/api/v1/me").bearer_auth(token).send();
    let (mut told, mut limited) = (0, None);
    for guess in 0..3 * UNKNOWN_TOKENS_PER_MINUTE {
        let answer = ask(format!("{guess:064x}")).await.unwrap();
        if answer.status() == 401 {
            told += 1;
        } else {
            limited = Some(answer);
        }
    }
    let limited = limited.expect("some are refused");
    assert!(limited.headers().contains_key("retry-after"));
    assert_eq!(refused(limited).await, code(429, "rate_limited"));
    assert!(told >= UNKNOWN_TOKENS_PER_MINUTE, "{told}");
    let asked = log.ends_asked() - before;
    assert!(asked <= usize::try_from(told).unwrap(), "{asked} looks for {told} answers");
    assert_eq!(alice.get("/me").await.status(), 200, "who is signed in goes on");
    let page = node.get("/conversations").header("cookie", "kafkatalk_session=00ff").send().await.unwrap();
    assert_eq!(page.status(), 429);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
}

#[tokio::test]
async fn a_token_that_nobody_has_is_asked_of_the_log_once() {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), Faults::default());
    let node = Node::builder().on(&folder).log(log.clone()).start().await;
    let before = log.ends_asked();
    let ask = || async {
        let answer = node.get("/api/v1/me").bearer_auth("00ff").send().await.unwrap();
        assert_eq!(refused(answer).await, code(401, "unauthenticated"));
    };
    for _ in 0..200 {
        ask().await;
    }
    let asked = log.ends_asked() - before;
    assert!((1..20).contains(&asked), "{asked}");
}
