//! Members of groups: added, removed, leaving, with roles; and the group's name.

use crate::support::{Node, Person, applied, code, message_id, problem, refused, until_pong};
use kafkatalk_protocol::{
    Conversation, ConversationId, Message, Offset, ServerFrame,
    member::{NoticeKind, Role},
};
use reqwest::{Method, Response};
use serde_json::{Value, json};

async fn add(person: &Person<'_>, group: ConversationId, names: &[&str], history: bool) -> Response {
    let body = json!({"members": names, "history": history});
    person.send_json(Method::POST, &format!("/conversations/{group}/members"), &body).await
}

async fn remove(person: &Person<'_>, group: ConversationId, gone: &Person<'_>) -> Response {
    let path = format!("/conversations/{group}/members/{}", gone.user.id);
    person.send_json(Method::DELETE, &path, &Value::Null).await
}

async fn give(person: &Person<'_>, group: ConversationId, to: &Person<'_>, role: &str) -> Response {
    let path = format!("/conversations/{group}/members/{}", to.user.id);
    person.send_json(Method::PUT, &path, &json!({"role": role})).await
}

async fn name(person: &Person<'_>, group: ConversationId, name: Value) -> Response {
    person.send_json(Method::PATCH, &format!("/conversations/{group}"), &json!({"name": name})).await
}

async fn done(answer: Response) -> Conversation {
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

fn names(conversation: &Conversation) -> Vec<&str> {
    conversation.members.iter().map(|member| member.username.as_str()).collect()
}

async fn seen(person: &Person<'_>, id: ConversationId) -> Conversation {
    done(person.get(&format!("/conversations/{id}")).await).await
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_str()).collect()
}

/// Alice's group with bob and carol, and dave, who is not in it.
async fn group(node: &Node) -> ([Person<'_>; 4], ConversationId) {
    let alice = node.register("alice").await;
    let people =
        [alice, node.register("bob").await, node.register("carol").await, node.register("dave").await];
    let id = people[0].group(&["bob", "carol"]).await.id;
    (people, id)
}

#[tokio::test]
async fn who_is_added_sees_the_group_at_once_and_of_what_was_said_before_only_what_was_chosen() {
    let node = Node::start().await;
    let ([alice, bob, _carol, dave], id) = group(&node).await;
    let erin = node.register("erin").await;
    alice.say(id, "before").await;
    let (mut bobs, mut daves) = (bob.connect().await, dave.connect().await);
    let told = done(add(&alice, id, &["Dave", "bob"], false).await).await;
    assert_eq!(names(&told), ["alice", "bob", "carol", "dave"]);
    assert!(told.group);

    // Those who are there are told the whole group, and a line that says what happened.
    let ServerFrame::Group { members, revision, notice, record, previous_record, .. } = bobs.next().await
    else {
        panic!("no group")
    };
    assert_eq!((members, revision), (told.members.clone(), Offset(1)));
    assert_eq!((record, previous_record), (Some(Offset(1)), Some(Offset(0))));
    let notice = notice.unwrap();
    assert_eq!((notice.body.as_str(), notice.offset), ("alice added dave.", Offset(1)));
    assert_eq!(notice.notice.as_ref().unwrap().kind, NoticeKind::Added);

    // The new one is introduced to it.
    let ServerFrame::Conversation { conversation } = daves.next().await else { panic!("no conversation") };
    assert_eq!((conversation.id, conversation.sees_from), (id, Some(Offset(1))));
    let page = dave.history(id, "").await;
    assert_eq!(bodies(&page.messages), ["alice added dave."]);
    assert_eq!(page.messages[0].previous, Some(Offset(0)));
    assert_eq!(seen(&bob, id).await.last_message, Some(notice));
    assert_eq!((seen(&bob, id).await.unread, seen(&dave, id).await.unread), (1, 0));

    // With history, as far as who adds them sees.
    done(add(&dave, id, &["erin"], true).await).await;
    assert_eq!(seen(&erin, id).await.sees_from, Some(Offset(1)));
    assert_eq!(bodies(&erin.history(id, "").await.messages), ["alice added dave.", "dave added erin."]);
    let fred = node.register("fred").await;
    done(add(&bob, id, &["fred"], true).await).await;
    assert_eq!(bodies(&fred.history(id, "").await.messages)[0], "before");

    dave.say(id, "hello").await;
    assert_eq!(daves.next_message().await.body.as_str(), "hello");
}

#[tokio::test]
async fn who_is_removed_is_told_so_reads_and_writes_nothing_more_and_can_come_back() {
    let node = Node::start().await;
    let ([alice, bob, carol, dave], id) = group(&node).await;
    alice.say(id, "one").await;
    let (mut bobs, mut carols) = (bob.connect().await, carol.connect().await);
    assert_eq!(remove(&alice, id, &bob).await.status(), 204);
    assert_eq!(bobs.next().await, ServerFrame::Left { conversation: id });
    let ServerFrame::Group { members, notice, .. } = carols.next().await else { panic!("no group") };
    assert_eq!(members.len(), 2);
    assert_eq!(notice.unwrap().body.as_str(), "alice removed bob.");

    // Refusals that a person understands.
    let base = format!("/conversations/{id}");
    for answer in [
        bob.get(&base).await,
        bob.get(&format!("{base}/messages")).await,
        bob.try_say(id, message_id(), "still here?").await,
        bob.send_json(Method::PUT, &format!("{base}/read"), &json!({"offset": 0})).await,
        add(&bob, id, &["dave"], true).await,
        remove(&bob, id, &bob).await,
        name(&bob, id, json!("Mine")).await,
    ] {
        let (status, kind, body) = problem(answer).await;
        assert_eq!((status, kind.as_str()), (403, "not_allowed"));
        assert_eq!(body["detail"], "You are no longer a member of this conversation.");
    }
    bob.has_no_conversations().await;
    alice.say(id, "without bob").await;
    assert_eq!(until_pong(&mut bobs).await, []);
    assert_eq!(bob.hits_of("without").await, 0);
    // A stranger still learns nothing.
    assert_eq!(refused(dave.get(&base).await).await, code(404, "not_found"));
    assert_eq!(refused(add(&dave, id, &["dave"], true).await).await, code(404, "not_found"));
    assert_eq!(refused(remove(&dave, id, &carol).await).await, code(404, "not_found"));

    done(add(&carol, id, &["bob"], false).await).await;
    assert_eq!(bodies(&bob.history(id, "").await.messages), ["carol added bob."]);
    bob.say(id, "back").await;
}

#[tokio::test]
async fn roles_decide_who_may_remove_and_who_gives_roles_and_a_group_keeps_an_owner() {
    let node = Node::start().await;
    let ([alice, bob, carol, dave], id) = group(&node).await;
    let not_allowed = || code(403, "not_allowed");
    assert_eq!(refused(remove(&bob, id, &carol).await).await, not_allowed());
    assert_eq!(refused(give(&bob, id, &bob, "owner").await).await, not_allowed());
    assert_eq!(refused(give(&alice, id, &alice, "member").await).await, code(409, "conflict"));
    assert_eq!(refused(give(&alice, id, &dave, "admin").await).await, code(404, "not_found"));
    assert_eq!(refused(give(&alice, id, &bob, "king").await).await, code(422, "invalid_input"));
    let told = done(give(&alice, id, &bob, "admin").await).await;
    assert_eq!(told.roles, [(alice.user.id, Role::Owner), (bob.user.id, Role::Admin)].into());
    // Said again, it changes nothing.
    assert_eq!(done(give(&alice, id, &bob, "admin").await).await.record, told.record);
    assert_eq!(refused(remove(&bob, id, &alice).await).await, not_allowed());
    assert_eq!(remove(&bob, id, &carol).await.status(), 204);
    assert_eq!(refused(remove(&bob, id, &carol).await).await, code(404, "not_found"));

    // The owner leaves: the admin follows.
    done(add(&bob, id, &["dave"], false).await).await;
    assert_eq!(remove(&alice, id, &alice).await.status(), 204);
    let left = seen(&bob, id).await;
    assert_eq!(
        (names(&left), left.roles.clone()),
        (vec!["bob", "dave"], [(bob.user.id, Role::Owner)].into())
    );
    assert_eq!(left.last_message.unwrap().body.as_str(), "alice left. New owner: bob.");
    assert_eq!(remove(&bob, id, &bob).await.status(), 204);
    assert_eq!(seen(&dave, id).await.roles, [(dave.user.id, Role::Owner)].into());
    // The last one turns off the light.
    assert_eq!(remove(&dave, id, &dave).await.status(), 204);
    dave.has_no_conversations().await;
}

#[tokio::test]
async fn a_group_is_named_and_bad_names_are_refused_with_a_reason() {
    let node = Node::start().await;
    let ([alice, bob, ..], id) = group(&node).await;
    let mut bobs = bob.connect().await;
    let told = done(name(&alice, id, json!("  Climbing \u{1f9d7} ")).await).await;
    assert_eq!(told.name.as_ref().unwrap().as_str(), "Climbing \u{1f9d7}");
    let ServerFrame::Group { name: live, notice, .. } = bobs.next().await else { panic!("no group") };
    assert_eq!(live, told.name);
    assert_eq!(notice.unwrap().body.as_str(), "alice named the group \u{201c}Climbing \u{1f9d7}\u{201d}.");
    assert_eq!(seen(&bob, id).await.name, told.name);
    for bad in [json!(""), json!("a\nb"), json!("x".repeat(65))] {
        let (status, kind, body) = problem(name(&alice, id, bad).await).await;
        assert_eq!((status, kind.as_str()), (422, "invalid_input"));
        assert_eq!(body["errors"][0]["field"], "name");
    }
    assert_eq!(done(name(&bob, id, Value::Null).await).await.name, None);
}

#[tokio::test]
async fn two_people_stay_two_and_bad_names_of_people_are_refused() {
    let node = Node::start().await;
    let (alice, bob, pair) = node.pair().await;
    node.register("carol").await;
    for answer in [
        add(&alice, pair, &["carol"], true).await,
        remove(&alice, pair, &alice).await,
        remove(&alice, pair, &bob).await,
        give(&alice, pair, &bob, "admin").await,
        name(&alice, pair, json!("Us")).await,
    ] {
        assert_eq!(refused(answer).await, code(409, "conflict"));
    }
    let group = alice.group(&["bob", "carol"]).await.id;
    let many: Vec<String> = (0..100).map(|number| format!("user{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for names in [&["nobody"][..], &[], &["not a name"], &many] {
        let (status, kind, body) = problem(add(&alice, group, names, false).await).await;
        assert_eq!((status, kind.as_str()), (422, "invalid_input"), "{names:?}");
        assert_eq!(body["errors"][0]["field"], "members");
    }
    let nowhere = format!("/conversations/{group}/members/nobody");
    let answer = alice.send_json(Method::DELETE, &nowhere, &Value::Null).await;
    assert_eq!(refused(answer).await, code(404, "not_found"));
}

#[tokio::test]
async fn a_device_that_was_away_learns_of_a_join_a_removal_and_a_name_in_one_catching_up() {
    let node = Node::start().await;
    let ([alice, bob, carol, _dave], id) = group(&node).await;
    alice.say(id, "one").await;
    done(add(&alice, id, &["dave"], false).await).await;
    assert_eq!(remove(&alice, id, &carol).await.status(), 204);
    let now = done(name(&alice, id, json!("Climbing")).await).await;
    alice.say(id, "two").await;
    let mut bobs = bob.connect_silent().await;
    bobs.say(&applied(id, 0)).await;
    let frames = until_pong(&mut bobs).await;
    let lines: Vec<&str> = frames
        .iter()
        .filter_map(|frame| match frame {
            ServerFrame::Changed { message, .. } => Some(message.body.as_str()),
            _ => None,
        })
        .collect();
    let named = "alice named the group \u{201c}Climbing\u{201d}.";
    assert_eq!(lines, ["alice added dave.", "alice removed carol.", named, "two"]);
    let group = ServerFrame::Group {
        conversation: id,
        members: now.members,
        roles: now.roles,
        name: now.name,
        revision: Offset(3),
        notice: None,
        record: None,
        previous_record: None,
    };
    assert_eq!(frames[4..], [group, ServerFrame::CaughtUp { conversation: id, record: Offset(4) }]);
    // Who has seen the group is told of it no more, and who is out is told that.
    let mut bobs = bob.connect_silent().await;
    bobs.say(&applied(id, 3)).await;
    assert!(!until_pong(&mut bobs).await.iter().any(|frame| matches!(frame, ServerFrame::Group { .. })));
    let mut carols = carol.connect_silent().await;
    carols.say(&applied(id, 0)).await;
    assert_eq!(until_pong(&mut carols).await, [ServerFrame::Left { conversation: id }]);
}

#[tokio::test]
async fn a_notice_cannot_be_changed_and_who_has_left_a_group_is_not_let_back_by_asking_again() {
    let node = Node::start().await;
    let ([alice, ..], id) = group(&node).await;
    let notice = done(name(&alice, id, json!("Climbing")).await).await.last_message.unwrap();
    let path = format!("/conversations/{id}/messages/{}", notice.offset);
    let edit = json!({"id": message_id(), "body": "no"});
    assert_eq!(refused(alice.send_json(Method::PATCH, &path, &edit).await).await, code(403, "not_allowed"));
    let answer = alice.send_json(Method::DELETE, &path, &Value::Null).await;
    assert_eq!(refused(answer).await, code(403, "not_allowed"));

    let asked = uuid::Uuid::new_v4();
    let mine: Conversation = alice.ask_group(asked, &["bob", "carol"]).await.json().await.unwrap();
    done(add(&alice, mine.id, &["dave"], false).await).await;
    // Asked for again, it is the same group, whoever has come since.
    assert_eq!(alice.ask_group(asked, &["bob", "carol"]).await.status(), 200);
    assert_eq!(refused(alice.ask_group(asked, &["bob", "dave"]).await).await, code(409, "conflict"));
    assert_eq!(remove(&alice, mine.id, &alice).await.status(), 204);
    assert_eq!(refused(alice.ask_group(asked, &["bob", "carol"]).await).await, code(403, "not_allowed"));
}

#[tokio::test]
async fn who_is_added_with_history_finds_what_was_said_before_and_who_is_added_without_does_not() {
    let node = Node::start().await;
    let ([alice, bob, _carol, dave], id) = group(&node).await;
    let erin = node.register("erin").await;
    let said = alice.say(id, "the treasure lies under the oak").await;
    assert_eq!(alice.hits_of("treasure").await, 1);
    done(add(&alice, id, &["dave"], true).await).await;
    done(add(&alice, id, &["erin"], false).await).await;
    assert_eq!(dave.hits_of("treasure").await, 1);
    assert_eq!(erin.hits_of("treasure").await, 0);
    // What the index was told for some people it forgets for all of them.
    assert_eq!(remove(&alice, id, &bob).await.status(), 204);
    let path = format!("/conversations/{id}/messages/{}", said.offset);
    let edit = json!({"id": message_id(), "body": "the gold lies under the elm"});
    assert_eq!(alice.send_json(Method::PATCH, &path, &edit).await.status(), 200);
    for person in [&alice, &dave] {
        assert_eq!(person.hits_of("treasure").await, 0);
        assert_eq!(person.hits_of("gold").await, 1);
    }
    assert_eq!(bob.hits_of("gold").await, 0);
}

#[tokio::test]
async fn the_views_are_the_same_when_they_are_made_anew() {
    let node = Node::start().await;
    let folder = std::sync::Arc::clone(&node.folder);
    let ([alice, bob, carol, dave], id) = group(&node).await;
    alice.say(id, "one").await;
    done(add(&alice, id, &["dave"], false).await).await;
    done(give(&alice, id, &bob, "admin").await).await;
    dave.say(id, "two").await;
    dave.send_json(Method::PUT, &format!("/conversations/{id}/read"), &json!({"offset": 1})).await;
    assert_eq!(remove(&bob, id, &carol).await.status(), 204);
    assert_eq!(remove(&alice, id, &alice).await.status(), 204);
    let (before, page) = (seen(&bob, id).await, bob.history(id, "").await);
    node.stop().await;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap().path();
        if file.file_name().unwrap().to_str().unwrap().starts_with("views.sqlite") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let node = Node::builder().on(&folder).start().await;
    let bob = node.sign_in("bob").await;
    assert_eq!(seen(&bob, id).await, before);
    assert_eq!(bob.history(id, "").await, page);
}
