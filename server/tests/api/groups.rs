//! Conversations of more than two people.

use crate::support::{Node, Person, Socket, code, many, problem, refused};
use kafkatalk_protocol::{
    ClientFrame, Conversation, ConversationId, CreationId, ServerFrame, limits::GROUP_MEMBERS_MAX,
};
use kafkatalk_server::rates::RateLimits;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

async fn three(node: &Node) -> (Person<'_>, Person<'_>, Person<'_>) {
    (node.register("alice").await, node.register("bob").await, node.register("carol").await)
}

fn names(conversation: &Conversation) -> Vec<&str> {
    conversation.members.iter().map(|member| member.username.as_str()).collect()
}

async fn seen(person: &Person<'_>, id: ConversationId) -> Conversation {
    person.get(&format!("/conversations/{id}")).await.json().await.unwrap()
}

#[tokio::test]
async fn a_group_is_the_same_to_all_its_members_and_shows_on_their_sockets() {
    let node = Node::start().await;
    let (alice, bob, carol) = three(&node).await;
    let mut sockets: Vec<Socket> = Vec::new();
    for person in [&alice, &bob, &carol] {
        sockets.push(person.connect().await);
    }
    let opened = alice.group(&["Carol", "bob", "bob", "alice"]).await;
    assert_eq!(names(&opened), ["alice", "bob", "carol"]);
    for socket in &mut sockets {
        assert_eq!(socket.next().await, ServerFrame::Conversation { conversation: opened.clone() });
    }
    for person in [&alice, &bob, &carol] {
        assert_eq!(seen(person, opened.id).await, opened);
        let listed: Value = person.get("/conversations").await.json().await.unwrap();
        assert_eq!(listed["conversations"], json!([opened]));
    }
}

#[tokio::test]
async fn a_group_that_is_asked_for_again_under_its_id_is_the_same_group() {
    let node = Node::start().await;
    let (alice, _bob, _carol) = three(&node).await;
    let id = Uuid::new_v4();
    let first = alice.ask_group(id, &["bob", "carol"]).await;
    assert_eq!(first.status(), 201);
    let first: Conversation = first.json().await.unwrap();
    assert_eq!(first.id, ConversationId::of_group(alice.user.id, CreationId(id)));
    for others in [["bob", "carol"], ["carol", "bob"]] {
        let again = alice.ask_group(id, &others).await;
        assert_eq!(again.status(), 200);
        assert_eq!(again.json::<Conversation>().await.unwrap(), first);
    }
}

#[tokio::test]
async fn a_group_that_is_asked_for_many_times_at_once_under_one_id_is_created_once() {
    let node = Node::start().await;
    let (alice, _bob, _carol) = three(&node).await;
    let id = Uuid::new_v4();
    let asked = futures_util::future::join_all((0..10).map(|_| alice.ask_group(id, &["bob", "carol"])));
    let statuses: Vec<_> = asked.await.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 9, "{statuses:?}");
}

#[tokio::test]
async fn groups_of_the_same_people_without_an_id_are_different_groups() {
    let node = Node::start().await;
    let (alice, _bob, _carol) = three(&node).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let members = json!({"members": ["bob", "carol"]});
        let answer = alice.send_json(Method::POST, "/conversations", &members).await;
        assert_eq!(answer.status(), 201);
        ids.push(answer.json::<Conversation>().await.unwrap().id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn an_id_under_which_one_has_a_group_of_other_people_is_refused() {
    let node = Node::start().await;
    let (alice, _bob, _carol) = three(&node).await;
    node.register("dave").await;
    let id = Uuid::new_v4();
    assert_eq!(alice.ask_group(id, &["bob", "carol"]).await.status(), 201);
    for others in [&["bob", "dave"][..], &["bob", "carol", "dave"]] {
        assert_eq!(refused(alice.ask_group(id, others).await).await, code(409, "conflict"));
    }
}

#[tokio::test]
async fn an_id_that_somebody_else_has_used_is_free() {
    let node = Node::start().await;
    let (alice, bob, carol) = three(&node).await;
    let eve = node.register("eve").await;
    let id = Uuid::new_v4();
    let hers: Conversation = alice.ask_group(id, &["bob", "carol"]).await.json().await.unwrap();
    // Neither a stranger nor a member of it learns that there is one, whichever of its ids they try.
    for other in [&eve, &bob, &carol] {
        for id in [id, hers.id.0] {
            let others: Vec<_> = ["alice", "bob", "carol"]
                .into_iter()
                .filter(|name| *name != other.user.username.as_str())
                .collect();
            let answer = other.ask_group(id, &others).await;
            assert_eq!(answer.status(), 201);
            assert_ne!(answer.json::<Conversation>().await.unwrap().id, hers.id);
        }
    }
}

#[tokio::test]
async fn no_group_takes_the_place_of_a_pair_and_a_pair_needs_no_id() {
    let node = Node::start().await;
    let (alice, bob, _carol) = three(&node).await;
    let of_pair = ConversationId::of_pair(alice.user.id, bob.user.id);
    let group = alice.ask_group(of_pair.0, &["bob", "carol"]).await;
    assert_eq!(group.status(), 201);
    assert_ne!(group.json::<Conversation>().await.unwrap().id, of_pair);
    for (person, other, status) in [(&alice, "bob", 201), (&bob, "alice", 200)] {
        let answer = person.ask_group(Uuid::new_v4(), &[other]).await;
        assert_eq!(answer.status(), status);
        let pair: Conversation = answer.json().await.unwrap();
        assert_eq!((pair.id, pair.members.len()), (of_pair, 2));
    }
}

#[tokio::test]
async fn a_stranger_learns_the_same_of_a_group_as_of_none() {
    let node = Node::start().await;
    let (alice, _bob, _carol) = three(&node).await;
    let group = alice.group(&["bob", "carol"]).await.id;
    alice.say(group, "among us").await;
    let eve = node.register("eve").await;
    let mut socket = eve.connect().await;
    eve.is_told_of_nothing_like(group).await;
    alice.say(group, "still among us").await;
    socket.say(&ClientFrame::Ping).await;
    assert_eq!(socket.next().await, ServerFrame::Pong);
    eve.has_no_conversations().await;
}

#[tokio::test]
async fn what_all_say_at_once_reaches_every_member_in_one_order() {
    const EACH: usize = 10;
    let node = Node::start().await;
    let (alice, bob, carol) = three(&node).await;
    let group = alice.group(&["bob", "carol"]).await.id;
    let mut sockets = Vec::new();
    for person in [&alice, &bob, &carol, &carol] {
        sockets.push(person.connect().await);
    }
    let say = async |person: &Person<'_>| {
        for n in 0..EACH {
            person.say(group, &format!("{} says {n}", person.user.username)).await;
        }
    };
    tokio::join!(say(&alice), say(&bob), say(&carol));
    let told = alice.history(group, "?limit=200").await.messages;
    assert_eq!(told.len(), 3 * EACH);
    for socket in &mut sockets {
        for message in &told {
            assert_eq!(socket.next_message().await, *message);
        }
    }
}

#[tokio::test]
async fn each_member_has_a_count_and_a_position_of_their_own_that_all_are_told() {
    let node = Node::start().await;
    let (alice, bob, carol) = three(&node).await;
    let group = alice.group(&["bob", "carol"]).await.id;
    let first = alice.say(group, "one").await.offset;
    let second = bob.say(group, "two").await.offset;
    let mut hers = alice.connect().await;
    let read = |person, offset| {
        let path = format!("/conversations/{group}/read");
        async move { Person::send_json(person, Method::PUT, &path, &json!({"offset": offset})).await }
    };
    assert_eq!(read(&carol, first).await.status(), 204);
    let told = ServerFrame::Read { conversation: group, user: carol.user.id, offset: first };
    assert_eq!(hers.next().await, told);
    for (person, unread) in [(&alice, 1), (&bob, 1), (&carol, 1)] {
        assert_eq!(seen(person, group).await.unread, unread, "{}", person.user.username);
    }
    assert_eq!(read(&carol, second).await.status(), 204);
    assert_eq!(read(&bob, second).await.status(), 204);
    for (person, unread) in [(&alice, 1), (&bob, 0), (&carol, 0)] {
        let told = seen(person, group).await;
        assert_eq!(told.unread, unread, "{}", person.user.username);
        assert_eq!(told.read, [(bob.user.id, second), (carol.user.id, second)].into());
    }
}

#[tokio::test]
async fn a_group_has_at_most_so_many_members_and_names_that_come_twice_count_once() {
    let node = Node::builder().rate_limits(many()).start().await;
    let alice = node.register("alice").await;
    let names: Vec<_> = (0..GROUP_MEMBERS_MAX).map(|n| format!("person-{n}")).collect();
    for name in &names {
        node.register(name).await;
    }
    let all: Vec<_> = names.iter().map(String::as_str).collect();
    let (status, kind, body) = problem(alice.ask_group(Uuid::new_v4(), &all).await).await;
    assert_eq!((status, kind.as_str()), (422, "invalid_input"));
    assert_eq!(body["errors"][0]["field"], "members");
    let fit = [&all[1..], &["alice", "person-1", "PERSON-2"]].concat();
    let group = alice.group(&fit).await;
    assert_eq!(group.members.len(), GROUP_MEMBERS_MAX);
}

#[tokio::test]
async fn a_group_with_nobody_knows_who_tells_all_who_are_not_there() {
    let node = Node::start().await;
    let (alice, _bob, _carol) = three(&node).await;
    let answer = alice.ask_group(Uuid::new_v4(), &["bob", "zoe", "carol", "yves"]).await;
    let (status, kind, body) = problem(answer).await;
    assert_eq!((status, kind.as_str()), (422, "invalid_input"));
    assert_eq!(body["errors"], json!([{"field": "members", "detail": "Nobody here is called yves or zoe."}]));
}

#[tokio::test]
async fn an_id_that_is_no_uuid_is_refused_for_groups_and_pairs() {
    let node = Node::start().await;
    let (alice, _bob, _carol) = three(&node).await;
    for members in [json!(["bob"]), json!(["bob", "carol"])] {
        for id in [json!("our group"), json!(7)] {
            let body = json!({"id": id, "members": members});
            let answer = alice.send_json(Method::POST, "/conversations", &body).await;
            let (status, kind, body) = problem(answer).await;
            assert_eq!((status, kind.as_str()), (422, "invalid_input"));
            assert_eq!(body["errors"][0]["field"], "id");
        }
    }
}

#[tokio::test]
async fn new_groups_of_one_person_are_limited_and_asking_again_for_one_is_not() {
    let limits = RateLimits { conversations_per_minute: 1.try_into().unwrap(), ..many() };
    let node = Node::builder().rate_limits(limits).start().await;
    let (alice, _bob, _carol) = three(&node).await;
    let id = Uuid::new_v4();
    assert_eq!(alice.ask_group(id, &["bob", "carol"]).await.status(), 201);
    let another = alice.ask_group(Uuid::new_v4(), &["bob", "carol"]).await;
    assert!(another.headers().contains_key("retry-after"));
    assert_eq!(refused(another).await, code(429, "rate_limited"));
    assert_eq!(alice.ask_group(id, &["bob", "carol"]).await.status(), 200);
}

#[tokio::test]
async fn the_limit_is_told_to_every_socket() {
    let node = Node::start().await;
    let alice = node.register("alice").await;
    let (stream, _) = tokio_tungstenite::connect_async(alice.upgrade()).await.unwrap();
    let ServerFrame::Ready { limits, .. } = (Socket { stream }).next().await else { panic!("no ready") };
    assert_eq!(limits.group_members, Some(u32::try_from(GROUP_MEMBERS_MAX).unwrap()));
}
