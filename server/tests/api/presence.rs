//! Who is online, and when somebody last was.

use crate::{
    faults::{Faults, Faulty},
    support::{Node, NodeBuilder, Person, Socket},
};
use kafkatalk_protocol::{ClientFrame, ServerFrame, UserId, presence::Presence};
use kafkatalk_server::features::presence::PresenceTimes;
use reqwest::Method;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// Short enough for a test, and long enough for a busy machine.
fn quick() -> PresenceTimes {
    PresenceTimes {
        linger: Duration::from_millis(50),
        beacon_every: Duration::from_millis(100),
        node_silence: Duration::from_secs(2),
    }
}

fn node() -> NodeBuilder {
    Node::builder().presence(quick())
}

/// Two nodes on one log.
async fn two() -> (Node, Node, Arc<TempDir>) {
    let folder = Node::folder();
    let log = Faulty::open(folder.path(), Faults::default());
    let beside = log.beside();
    (node().log(log).start().await, node().log(beside).start().await, folder)
}

/// The same person with the same token, at another node that has heard of them.
async fn at<'a>(node: &'a Node, person: &Person<'_>) -> Person<'a> {
    let there = Person { node, user: person.user.clone(), token: person.token.clone() };
    assert_eq!(there.get("/me").await.status(), 200);
    there
}

/// Waits until a device is told that somebody is online, or offline; how it was told.
async fn told(socket: &mut Socket, of: UserId, online: bool) -> Presence {
    loop {
        let people = match socket.next().await {
            ServerFrame::Presence(presence) => vec![presence],
            ServerFrame::Presences { people } => people,
            _ => continue,
        };
        if let Some(presence) =
            people.into_iter().find(|presence| presence.user == of && presence.online == online)
        {
            return presence;
        }
    }
}

#[tokio::test]
async fn whoever_connects_is_shown_online_and_whoever_leaves_as_seen_last() {
    let node = node().start().await;
    let (alice, bob, _) = node.pair().await;
    let mut hers = alice.connect_for_signals().await;
    let (his, also_his) = (bob.connect().await, bob.connect().await);
    assert_eq!(told(&mut hers, bob.user.id, true).await.last_seen_at, None);
    drop((his, also_his));
    let gone = told(&mut hers, bob.user.id, false).await;
    let mut again = alice.connect_for_signals().await;
    assert_eq!(told(&mut again, bob.user.id, false).await, gone, "who connects later is told the same");
    assert!(gone.last_seen_at.is_some());
}

#[tokio::test]
async fn a_device_that_connects_learns_who_of_the_people_it_talks_with_is_online() {
    let node = node().start().await;
    let (alice, bob, _) = node.pair().await;
    let (carol, eve) = (node.register("carol").await, node.register("eve").await);
    alice.group(&["bob", "carol"]).await;
    let (_his, mut carols, _eves) =
        (bob.connect().await, carol.connect_for_signals().await, eve.connect().await);
    told(&mut carols, bob.user.id, true).await;
    let mut hers = alice.connect_for_signals().await;
    let mut people = loop {
        if let ServerFrame::Presences { people } = hers.next().await {
            break people;
        }
    };
    people.sort_by_key(|presence| presence.user);
    let mut expected =
        [bob.user.id, carol.user.id].map(|user| Presence { user, online: true, last_seen_at: None });
    expected.sort_by_key(|presence| presence.user);
    assert_eq!(people, expected, "neither herself nor a stranger");
}

#[tokio::test]
async fn a_stranger_learns_of_nobody_until_they_share_a_conversation() {
    let node = node().start().await;
    let (alice, bob, _) = node.pair().await;
    let eve = node.register("eve").await;
    let (mut hers, mut eves) = (alice.connect_for_signals().await, eve.connect_for_signals().await);
    let his = bob.connect().await;
    told(&mut hers, bob.user.id, true).await;
    drop(his);
    told(&mut hers, bob.user.id, false).await;
    // All that bob's coming and going put into lanes is there by now.
    eves.say(&ClientFrame::Ping).await;
    loop {
        match eves.next().await {
            ServerFrame::Pong => break,
            ServerFrame::Presences { people } => assert_eq!(people, []),
            other => panic!("eve was told {other:?}"),
        }
    }
    eve.open("alice").await;
    told(&mut eves, alice.user.id, true).await;
}

#[tokio::test]
async fn whoever_is_removed_learns_nothing_more_of_those_who_stay() {
    let node = node().start().await;
    let alice = node.register("alice").await;
    let (bob, carol) = (node.register("bob").await, node.register("carol").await);
    let conversation = alice.group(&["bob", "carol"]).await.id;
    let (mut hers, mut carols) = (alice.connect_for_signals().await, carol.connect_for_signals().await);
    let his = bob.connect().await;
    for socket in [&mut hers, &mut carols] {
        told(socket, bob.user.id, true).await;
    }
    let path = format!("/conversations/{conversation}/members/{}", carol.user.id);
    assert!(alice.send_json(Method::DELETE, &path, &json!({})).await.status().is_success());
    drop(his);
    told(&mut hers, bob.user.id, false).await;
    // What bob's leaving put into lanes is there by now.
    carols.say(&ClientFrame::Ping).await;
    loop {
        match carols.next().await {
            ServerFrame::Pong => break,
            ServerFrame::Presence(Presence { user, online, .. }) => assert!(user != bob.user.id || online),
            _ => {}
        }
    }
}

#[tokio::test]
async fn somebody_on_another_node_is_online_until_they_leave_it() {
    let (one, other, _folder) = two().await;
    let (alice, bob, _) = one.pair().await;
    let there = at(&other, &bob).await;
    let mut hers = alice.connect_for_signals().await;
    let mut his = there.connect_for_signals().await;
    told(&mut hers, bob.user.id, true).await;
    told(&mut his, alice.user.id, true).await;
    drop(his);
    let gone = told(&mut hers, bob.user.id, false).await;
    assert!(gone.last_seen_at.is_some());
}

#[tokio::test]
async fn a_device_of_before_is_told_of_nobody() {
    let node = node().start().await;
    let (alice, bob, conversation) = node.pair().await;
    let (mut hers, mut old) = (alice.connect_for_signals().await, alice.connect().await);
    let _his = bob.connect().await;
    told(&mut hers, bob.user.id, true).await;
    let said = bob.say(conversation, "hello").await;
    assert_eq!(old.next().await, crate::support::live(said));
}
