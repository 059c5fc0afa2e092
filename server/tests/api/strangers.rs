//! Tokens that nobody has.

use crate::{
    faults::{Faults, Faulty},
    support::{Node, Person, code, many, refused},
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
    let mut told = 0;
    let limited = loop {
        let answer = ask(format!("{told:064x}")).await.unwrap();
        if answer.status() != 401 {
            break answer;
        }
        told += 1;
    };
    assert!(limited.headers().contains_key("retry-after"));
    assert_eq!(refused(limited).await, code(429, "rate_limited"));
    assert!(told >= UNKNOWN_TOKENS_PER_MINUTE, "{told}");
    let asked = log.ends_asked() - before;
    assert!(asked <= usize::try_from(told).unwrap(), "{asked} looks for {told} answers");
    assert_eq!(alice.get("/me").await.status(), 200, "who is signed in goes on");
    // A page for whoever is not signed in, until it is one guess too many again.
    let page = loop {
        told += 1;
        let cookie = format!("kafkatalk_session={told:064x}");
        let page = node.get("/conversations").header("cookie", cookie).send().await.unwrap();
        if page.status() == 429 {
            break page;
        }
    };
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
}

#[tokio::test]
async fn who_signed_in_before_is_known_behind_an_address_from_which_somebody_guesses() {
    let folder = Node::folder();
    let node = Node::builder().on(&folder).rate_limits(many()).start().await;
    let (user, token) = {
        let alice = node.register("alice").await;
        (alice.user.clone(), alice.token.clone())
    };
    node.stop().await;
    // Nothing of her is in memory.
    let node = Node::builder().on(&folder).rate_limits(many()).start().await;
    let alice = Person { node: &node, user, token };
    let mut guess = 0;
    loop {
        let answer = node.get("/api/v1/me").bearer_auth(format!("{guess:064x}")).send().await.unwrap();
        if answer.status() == 429 {
            break;
        }
        guess += 1;
    }
    assert_eq!(alice.get("/me").await.status(), 200);
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
