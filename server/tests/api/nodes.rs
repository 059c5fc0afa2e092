//! Two nodes on one log, behind a balancer that sends anybody anywhere.

use crate::{
    faults::{Faults, Faulty, TailFault},
    support::{Node, PASSWORD, Person, code, message_id, refused},
};
use futures_util::future::join_all;
use kafkatalk_protocol::{ClientFrame, Conversation, Message, ServerFrame};
use serde_json::json;
use std::{future::Future, time::Duration};
use tempfile::TempDir;
use uuid::Uuid;

/// How long a node is seen to wait before the other's records reach it.
const SEEN_TO_WAIT: Duration = Duration::from_millis(100);
/// The same where many ask, all of whom must have come by then.
const MANY_SEEN_TO_WAIT: Duration = Duration::from_secs(2);

/// Two nodes, and the log as the second sees it.
async fn two() -> (Node, Node, Faulty, TempDir) {
    let folder = TempDir::new().unwrap();
    let log = Faulty::open(folder.path(), Faults::default());
    let beside = log.beside();
    let one = Node::builder().log(log).start().await;
    let other = Node::builder().log(beside.clone()).start().await;
    (one, other, beside, folder)
}

/// The same person with the same token, but at another node.
fn at<'a>(node: &'a Node, person: &Person<'_>) -> Person<'a> {
    Person { node, user: person.user.clone(), token: person.token.clone() }
}

/// The same where that node has heard of the person.
async fn known_at<'a>(node: &'a Node, person: &Person<'_>) -> Person<'a> {
    let there = at(node, person);
    assert_eq!(there.get("/me").await.status(), 200);
    there
}

/// Asks a node that does not know of it yet, and lets it hear of it once it was seen to wait.
async fn answered_late<T>(log: &Faulty, asking: impl Future<Output = T>) -> T {
    answered_after(SEEN_TO_WAIT, log, asking).await
}

async fn answered_after<T>(seen: Duration, log: &Faulty, asking: impl Future<Output = T>) -> T {
    tokio::pin!(asking);
    assert!(tokio::time::timeout(seen, &mut asking).await.is_err(), "it did not wait");
    log.set(Faults::default());
    asking.await
}

fn deaf() -> Faults {
    Faults { tail: TailFault::Waits, ..Faults::default() }
}

#[tokio::test]
async fn a_session_that_began_on_another_node_a_moment_ago_is_known() {
    let (one, other, log, _folder) = two().await;
    log.set(deaf());
    let alice = one.register("alice").await;
    let there = at(&other, &alice);
    assert_eq!(answered_late(&log, there.get("/me")).await.status(), 200);

    log.set(deaf());
    let alice = one.sign_in("alice").await;
    let there = at(&other, &alice);
    drop(answered_late(&log, there.connect()).await);
}

#[tokio::test]
async fn who_registered_on_another_node_a_moment_ago_can_sign_in_and_be_written_to() {
    let (one, other, log, _folder) = two().await;
    let alice = other.register("alice").await;
    log.set(deaf());
    one.register("bob").await;
    let credentials = json!({"username": "bob", "password": PASSWORD});
    let signing_in = other.post("/api/v1/sessions", &credentials).send();
    assert_eq!(answered_late(&log, signing_in).await.unwrap().status(), 201);

    log.set(deaf());
    one.register("carol").await;
    let opened = answered_late(&log, alice.open("carol")).await;
    assert_eq!(opened.members.len(), 2);
}

#[tokio::test]
async fn a_conversation_that_was_opened_on_another_node_a_moment_ago_is_there() {
    let (one, other, log, _folder) = two().await;
    let (alice, bob) = (one.register("alice").await, one.register("bob").await);
    let (here, there) = (known_at(&other, &alice).await, known_at(&other, &bob).await);
    log.set(deaf());
    let opened = alice.open("bob").await;
    let found = answered_late(&log, there.get(&format!("/conversations/{}", opened.id))).await;
    assert_eq!(found.status(), 200);
    let credentials = json!({"username": "carol", "password": PASSWORD});
    one.post("/api/v1/users", &credentials).send().await.unwrap();
    log.set(deaf());
    let opened = alice.open("carol").await;
    let page = other.get(&format!("/conversations/{}", opened.id));
    let page = page.header("cookie", format!("kafkatalk_session={}", here.token)).send();
    assert_eq!(answered_late(&log, page).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_was_read_on_another_node_is_read_even_where_it_has_not_come_to_yet() {
    let (one, other, log, _folder) = two().await;
    let (alice, bob, conversation) = one.pair().await;
    let there = at(&other, &bob);
    let (mut socket, mut beside) = (there.connect().await, bob.connect().await);
    // It has heard of the conversation before it goes deaf.
    assert_eq!(there.get(&format!("/conversations/{conversation}")).await.status(), 200);
    log.set(deaf());
    let newest = alice.say(conversation, "hello").await.offset;
    socket.say(&ClientFrame::Read { conversation, offset: newest }).await;
    // The deaf node has written it; the other one hears of it.
    let told = loop {
        if let ServerFrame::Read { offset, .. } = beside.next().await {
            break offset;
        }
    };
    assert_eq!(told, newest);
}

#[tokio::test]
async fn a_stranger_is_answered_as_late_for_what_is_there_as_for_what_is_not() {
    let (one, other, log, _folder) = two().await;
    let (alice, _bob, conversation) = one.pair().await;
    let eve = known_at(&other, &one.register("eve").await).await;
    let page = format!("/conversations/{conversation}/messages");
    assert_eq!(at(&other, &alice).get(&page).await.status(), 200);
    for (name, id) in [("zoe", conversation.to_string()), ("yves", message_id().to_string())] {
        log.set(deaf());
        // Which the node has yet to hear of: until then it does not say what is nowhere.
        one.register(name).await;
        let messages = format!("/conversations/{id}/messages");
        let refusal = refused(answered_late(&log, eve.get(&messages)).await).await;
        assert_eq!(refusal, code(404, "not_found"), "{name}");
    }
}

#[tokio::test]
async fn what_is_nowhere_is_told_so_and_what_cannot_be_known_is_not_denied() {
    let (one, other, log, _folder) = two().await;
    let alice = one.register("alice").await;
    let nobody = Person { node: &other, user: alice.user.clone(), token: "no such token".into() };
    assert_eq!(refused(nobody.get("/me").await).await, code(401, "unauthenticated"));

    let there = at(&other, &alice);
    let unknown = format!("/conversations/{}", message_id());
    assert_eq!(refused(there.get(&unknown).await).await, code(404, "not_found"));

    log.set(Faults { ends_fail: true, ..Faults::default() });
    // Not the one from before: of that it is known that nobody had it a moment ago.
    let nobody = Person { token: "no such token either".into(), ..nobody };
    for answer in [nobody.get("/me").await, there.get(&unknown).await] {
        assert!(answer.headers().contains_key("retry-after"));
        assert_eq!(refused(answer).await, code(503, "log_unavailable"));
    }
}

#[tokio::test]
async fn guesses_share_a_question_to_the_log() {
    let (one, other, log, _folder) = two().await;
    let alice = one.register("alice").await;
    let nobody = |guess: usize| Person { node: &other, user: alice.user.clone(), token: guess.to_string() };
    let guesses: Vec<_> = (0..50).map(nobody).collect();
    log.set(Faults { ends_wait: true, ..Faults::default() });
    let asking = join_all(guesses.iter().map(|guess| guess.get("/me")));
    for answer in answered_after(MANY_SEEN_TO_WAIT, &log, asking).await {
        assert_eq!(answer.status(), 401);
    }
    assert!((1..=10).contains(&log.ends_asked()), "{} questions", log.ends_asked());
}

#[tokio::test]
async fn a_question_that_was_asked_before_is_no_answer_for_who_comes_after() {
    let (one, other, log, _folder) = two().await;
    let alice = one.register("alice").await;
    // All that stands in the ledgers so far is there as well, before it goes deaf.
    assert_eq!(at(&other, &alice).get("/me").await.status(), 200);
    let nobody = Person { node: &other, user: alice.user.clone(), token: "no such token".into() };
    let asked = log.ends_asked();
    // Its answer is on the way while bob registers.
    log.set(Faults { ends_wait: true, tail: TailFault::Waits, ..Faults::default() });
    let early = nobody.get("/me");
    tokio::pin!(early);
    while log.ends_asked() == asked {
        assert!(tokio::time::timeout(SEEN_TO_WAIT, &mut early).await.is_err());
    }
    let bob = one.register("bob").await;
    let there = at(&other, &bob);
    let late = there.get("/me");
    tokio::pin!(late);
    assert!(tokio::time::timeout(SEEN_TO_WAIT, &mut late).await.is_err());
    log.set(deaf());
    assert_eq!(early.await.status(), 401);
    assert_eq!(answered_late(&log, late).await.status(), 200);
}

/// How often two nodes are raced.
const RACES: usize = 300;

#[tokio::test]
async fn of_two_who_claim_a_name_on_two_nodes_at_once_one_has_it() {
    let (one, other, _log, _folder) = two().await;
    for race in 0..RACES {
        let claim = json!({"username": format!("ada{race}"), "password": PASSWORD});
        let claims = [one.post("/api/v1/users", &claim).send(), other.post("/api/v1/users", &claim).send()];
        let mut answers: Vec<_> =
            join_all(claims).await.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
        answers.sort_unstable();
        assert_eq!(answers, [201, 409], "race {race}");
    }
}

#[tokio::test]
async fn a_message_that_is_sent_on_two_nodes_at_once_is_said_once() {
    let (one, other, _log, _folder) = two().await;
    let (alice, bob, conversation) = one.pair().await;
    let there = at(&other, &alice);
    let mut said = Vec::new();
    for race in 0..RACES {
        let id = message_id();
        let (body, also) = (format!("race {race}"), format!("race {race}, the other"));
        let (first, second) =
            tokio::join!(alice.try_say(conversation, id, &body), there.try_say(conversation, id, &also));
        let (first, second): (Message, Message) = (first.json().await.unwrap(), second.json().await.unwrap());
        assert_eq!(first, second, "race {race}");
        said.push(first);
    }
    for reader in [&bob, &at(&other, &bob)] {
        let newest = reader.history(conversation, "?limit=200").await.messages;
        assert_eq!(newest, said[RACES - newest.len()..]);
    }
}

#[tokio::test]
async fn a_conversation_that_is_opened_on_two_nodes_at_once_is_one() {
    let (one, other, _log, _folder) = two().await;
    let alice = one.register("alice").await;
    for race in 0..RACES / 6 {
        let name = format!("bob{race}");
        let bob = other.register(&name).await;
        let (hers, his) = tokio::join!(alice.open(&name), bob.open("alice"));
        assert_eq!(hers.id, his.id, "race {race}");
        assert_eq!(bob.say(hers.id, "hello").await.previous, None);
    }
}

#[tokio::test]
async fn a_group_that_is_asked_for_on_two_nodes_at_once_under_one_id_is_one() {
    let (one, other, _log, _folder) = two().await;
    let (alice, bob) = (one.register("alice").await, one.register("bob").await);
    let carol = other.register("carol").await;
    let there = at(&other, &alice);
    for race in 0..RACES / 6 {
        let id = Uuid::new_v4();
        let asked =
            tokio::join!(alice.ask_group(id, &["bob", "carol"]), there.ask_group(id, &["carol", "bob"]));
        let mut told = Vec::new();
        let mut statuses = Vec::new();
        for answer in [asked.0, asked.1] {
            statuses.push(answer.status().as_u16());
            told.push(answer.json::<Conversation>().await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 201], "race {race}");
        assert_eq!(told[0], told[1], "race {race}");
        for member in [&bob, &at(&other, &bob), &carol] {
            let path = format!("/conversations/{}", told[0].id);
            assert_eq!(member.get(&path).await.json::<Conversation>().await.unwrap(), told[0]);
        }
    }
}

#[tokio::test]
async fn of_two_groups_that_are_asked_for_at_once_under_one_id_one_is_there() {
    let (one, other, _log, _folder) = two().await;
    let alice = one.register("alice").await;
    let there = at(&other, &alice);
    for name in ["bob", "carol", "dave"] {
        one.register(name).await;
    }
    for race in 0..RACES / 6 {
        let id = Uuid::new_v4();
        let (with_carol, with_dave) =
            tokio::join!(alice.ask_group(id, &["bob", "carol"]), there.ask_group(id, &["bob", "dave"]));
        let (won, lost, with) = match (with_carol.status().as_u16(), with_dave.status().as_u16()) {
            (201, 409) => (with_carol, with_dave, ["bob", "carol"]),
            (409, 201) => (with_dave, with_carol, ["bob", "dave"]),
            both => panic!("race {race}: {both:?}"),
        };
        assert_eq!(refused(lost).await, code(409, "conflict"));
        let won: Conversation = won.json().await.unwrap();
        for person in [&alice, &there] {
            let again = person.ask_group(id, &with).await;
            assert_eq!(again.status(), 200);
            assert_eq!(again.json::<Conversation>().await.unwrap(), won);
        }
    }
}

/// Alice at both nodes, beside bob and carol. From here on the other node hears of nothing new.
async fn before_the_other_hears_nothing<'a>(
    one: &'a Node,
    other: &'a Node,
    log: &Faulty,
) -> (Person<'a>, Person<'a>) {
    let alice = one.register("alice").await;
    for name in ["bob", "carol"] {
        one.register(name).await;
    }
    let there = known_at(other, &alice).await;
    log.set(deaf());
    (alice, there)
}

#[tokio::test]
async fn a_group_is_asked_for_again_at_a_node_that_has_not_heard_of_it_and_is_the_same() {
    let (one, other, log, _folder) = two().await;
    let (alice, there) = before_the_other_hears_nothing(&one, &other, &log).await;
    let id = Uuid::new_v4();
    let first: Conversation = alice.ask_group(id, &["bob", "carol"]).await.json().await.unwrap();
    let again = answered_late(&log, there.ask_group(id, &["bob", "carol"])).await;
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Conversation>().await.unwrap(), first);
}

#[tokio::test]
async fn a_group_of_other_people_under_an_id_is_refused_even_where_nothing_is_known_of_the_first() {
    let (one, other, log, _folder) = two().await;
    let (alice, there) = before_the_other_hears_nothing(&one, &other, &log).await;
    one.register("dave").await;
    let id = Uuid::new_v4();
    assert_eq!(alice.ask_group(id, &["bob", "dave"]).await.status(), 201);
    let refusal = answered_late(&log, there.ask_group(id, &["bob", "carol"])).await;
    assert_eq!(refused(refusal).await, code(409, "conflict"));
}
