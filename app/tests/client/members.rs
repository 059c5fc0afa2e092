//! Groups whose people come and go: who is in them, what they are called, and what becomes of one that the viewer is out of.

use crate::api::{Answer, Fetch, Page as Which, refused};
use crate::harness::{Page, conv, conversation, me, message, peer, user};
use kafkatalk_app::{
    client::{Action, ChatStatus, Command, Effect, Group, Input, Item, RequestError, RequestId, StoredEntry},
    page::{OpenModel, PageModel},
    title::chat_name,
};
use kafkatalk_protocol::{
    Body, Conversation, ErrorCode, Message, MessageId, Offset, ServerFrame, Timestamp, User, UserId,
    http::{Conversations, Messages},
    member::{GroupName, Notice, NoticeKind, Role},
};
use std::collections::BTreeMap;

/// The group of these people, whose owner is the viewer, with messages of the peer up to that offset, the last record.
fn group_of(members: &[u128], last: u64) -> Conversation {
    Conversation {
        members: members.iter().copied().map(user).collect(),
        group: true,
        roles: BTreeMap::from([(me().id, Role::Owner)]),
        record: Some(Offset(last)),
        ..conversation(2, Some(last))
    }
}

/// A live page that shows such a group of three.
fn live_group(count: u64) -> Page {
    let conversation = group_of(&[1, 2, 3], count - 1);
    let mut page = Page::of(&PageModel {
        viewer: Some(me()),
        conversations: vec![conversation.clone()],
        open: Some(OpenModel {
            conversation,
            messages: (0..count).map(|offset| message(&peer(), offset)).collect(),
            earlier: None,
        }),
        ..PageModel::default()
    });
    page.start();
    page.connect();
    page
}

/// A line that says that somebody did something to the group.
fn notice(sender: &User, offset: u64, kind: NoticeKind, users: &[u128]) -> Message {
    let users = users.iter().copied().map(user).collect();
    Message { notice: Some(Notice { kind, users, role: None, name: None }), ..message(sender, offset) }
}

fn named(name: &str) -> GroupName {
    GroupName::parse(name).unwrap()
}

/// The state of the group by that record.
fn state(members: &[u128], name: &str, revision: u64) -> ServerFrame {
    ServerFrame::Group {
        conversation: conv(),
        members: members.iter().copied().map(user).collect(),
        roles: BTreeMap::from([(user(2).id, Role::Owner)]),
        name: Some(named(name)),
        revision: Offset(revision),
        notice: None,
        record: None,
        previous_record: None,
    }
}

fn others(page: &Page) -> Vec<UserId> {
    page.client.chat(conv()).others.iter().map(|user| user.id).collect()
}

fn ids(numbers: &[u128]) -> Vec<UserId> {
    numbers.iter().map(|number| user(*number).id).collect()
}

fn left(page: &mut Page) {
    page.frame(ServerFrame::Left { conversation: conv() });
}

fn asks_for_it(page: &mut Page) -> Option<RequestId> {
    let asks = |(_, fetch): &(RequestId, Fetch)| matches!(fetch, Fetch::Conversation(id) if *id == conv());
    page.take_requests().into_iter().find(asks).map(|(id, _)| id)
}

fn answer(page: &mut Page, request: RequestId, told: Conversation) {
    page.answer(request, &Answer::Conversation(Box::new(told)));
}

fn not_allowed() -> RequestError {
    refused(ErrorCode::NotAllowed)
}

/// Nothing of it is shown any more.
fn assert_gone(page: &Page) {
    let chat = page.client.chat(conv());
    assert_eq!((chat.status, chat.items.len(), chat.others.len()), (ChatStatus::Left, 0, 0));
    assert_eq!((chat.group, chat.unread), (None, 0));
    assert!(page.client.list().rows.is_empty());
}

#[test]
fn members_roles_and_name_are_replaced_by_a_later_state_and_never_by_an_earlier_one() {
    let mut page = live_group(2);
    page.frame(state(&[1, 2, 4], "Climbing", 5));
    let expected =
        Group { name: Some(named("Climbing")), roles: BTreeMap::from([(user(2).id, Role::Owner)]) };
    for earlier in [3, 5] {
        page.frame(state(&[1, 2, 3], "Swimming", earlier));
        assert_eq!(others(&page), ids(&[2, 4]));
        assert_eq!(page.client.chat(conv()).group.as_deref(), Some(&expected));
    }
    assert_eq!(chat_name(&page.client.chat(conv())).as_deref(), Some("Climbing"));
    assert_eq!(page.client.list().rows[0].group.as_deref(), Some(&expected));
    page.frame(state(&[1, 2], "Sailing", 6));
    assert_eq!(chat_name(&page.client.chat(conv())).as_deref(), Some("Sailing"));
    assert_eq!(others(&page), ids(&[2]));
}

#[test]
fn what_a_node_that_lags_tells_of_the_conversation_does_not_bring_earlier_members_back() {
    let mut page = live_group(2);
    page.frame(state(&[1, 2, 4], "Climbing", 5));
    page.frame(ServerFrame::Conversation { conversation: group_of(&[1, 2, 3], 4) });
    assert_eq!(others(&page), ids(&[2, 4]));
    page.frame(ServerFrame::Conversation { conversation: group_of(&[1, 2, 3, 5], 6) });
    assert_eq!(others(&page), ids(&[2, 3, 5]));
}

#[test]
fn a_state_that_comes_with_its_line_is_a_link_of_the_chain() {
    let mut page = live_group(2);
    let ServerFrame::Group { members, roles, name, .. } = state(&[1, 2, 3, 4], "Climbing", 2) else {
        panic!()
    };
    page.frame(ServerFrame::Group {
        conversation: conv(),
        members,
        roles,
        name,
        revision: Offset(2),
        notice: Some(notice(&me(), 2, NoticeKind::Added, &[4])),
        record: Some(Offset(2)),
        previous_record: Some(Offset(1)),
    });
    let lines: Vec<_> = page.client.chat(conv()).items.iter().map(Item::notice_text).collect();
    assert_eq!(lines, [None, None, Some("You added user4.".into())]);
    assert_eq!(page.take_requests(), [], "nothing is missing");
}

#[test]
fn a_line_without_the_state_of_the_group_makes_the_page_ask_for_it() {
    let mut page = live_group(2);
    // The frame of record 2 was lost, and this one came.
    let record = (Some(Offset(3)), Some(Offset(2)));
    page.frame(ServerFrame::Message {
        message: message(&peer(), 3),
        record: record.0,
        previous_record: record.1,
    });
    let changes = |(_, fetch): &(RequestId, Fetch)| {
        matches!(fetch, Fetch::Messages { page: Which::ChangedAfter(Offset(1)), .. })
    };
    let requests = page.take_requests();
    let (request, _) =
        *requests.iter().find(|request| changes(request)).expect("what is missing is asked for");
    let messages = vec![notice(&peer(), 2, NoticeKind::Added, &[4]), message(&peer(), 3)];
    let answered = Messages { messages, next: None, through: Some(Offset(3)) };
    let asked_before = requests.into_iter().find(|(_, fetch)| matches!(fetch, Fetch::Conversation(_)));
    page.answer(request, &Answer::Messages(answered));
    let request = asked_before.map(|(id, _)| id).or_else(|| asks_for_it(&mut page)).expect("it is asked for");
    answer(&mut page, request, group_of(&[1, 2, 3], 1));
    page.pass(5_000);
    let request = asks_for_it(&mut page).expect("the node lagged");
    answer(&mut page, request, group_of(&[1, 2, 3, 4], 3));
    assert_eq!(others(&page), ids(&[2, 3, 4]));
    page.pass(60_000);
    assert_eq!(asks_for_it(&mut page), None, "it is known now");
}

#[test]
fn a_conversation_that_the_viewer_has_left_is_dropped() {
    let mut page = live_group(3);
    left(&mut page);
    assert_gone(&page);
    assert_eq!(chat_name(&page.client.chat(conv())).as_deref(), Some("No longer a member"));
    page.pass(60_000);
    assert_eq!(page.take_requests(), []);
}

#[test]
fn what_was_refused_there_is_dropped_and_what_was_not_waits() {
    let mut page = live_group(1);
    let [refused, waits] = ["one", "two"].map(|text| page.send(text));
    let (code, detail) = (ErrorCode::InvalidInput, "No.".to_owned());
    page.frame(ServerFrame::Error { code, detail, id: Some(refused) });
    left(&mut page);
    assert!(page.effects.contains(&Effect::RemoveEntry(refused)));
    assert!(!page.effects.contains(&Effect::RemoveEntry(waits)));
    assert_eq!((page.client.link().failed, page.client.link().waiting), (0, 1));
    // The server refuses it in the end.
    let (code, detail) = (ErrorCode::NotAllowed, "You are no member.".to_owned());
    page.frame(ServerFrame::Error { code, detail, id: Some(waits) });
    assert!(page.effects.contains(&Effect::RemoveEntry(waits)));
    assert_eq!((page.client.link().failed, page.client.link().waiting), (0, 0));
}

#[test]
fn what_the_server_takes_in_a_group_that_was_left_makes_the_page_ask_and_is_shown_once_they_are_back() {
    for is_back in [true, false] {
        let mut page = live_group(3);
        let id = page.send("text");
        left(&mut page);
        page.take_requests();
        page.ack(id, 7);
        let request = asks_for_it(&mut page).expect("they seem to be back");
        if is_back {
            // A node that has come to the addition, and not to the message.
            answer(&mut page, request, Conversation { sees_from: Some(Offset(6)), ..group_of(&[1, 2], 6) });
            assert_eq!(page.texts(), ["text"]);
        } else {
            page.fail(request, not_allowed());
            assert_gone(&page);
        }
    }
}

#[test]
fn what_another_tab_had_refused_there_is_dropped_too() {
    let mut page = live_group(1);
    left(&mut page);
    let id = MessageId(uuid::Uuid::from_u128(77));
    page.tell(Input::EntryStored(StoredEntry {
        id,
        conversation: conv(),
        command: Command::Post { body: Body::parse("text").unwrap(), reply_to: None },
        typed_at: Timestamp::default(),
        order: 1,
        refused: Some("You are no member.".into()),
    }));
    assert_eq!(page.client.link().failed, 0);
    assert!(page.effects.contains(&Effect::RemoveEntry(id)));
}

#[test]
fn a_fetch_that_is_not_allowed_means_the_same() {
    let mut page = live_group(3);
    page.act(Action::Reload);
    let request = asks_for_it(&mut page).expect("it is asked for");
    page.fail(request, not_allowed());
    assert_gone(&page);
}

#[test]
fn after_a_refused_fetch_the_server_is_asked_once_more_since_a_node_may_not_know_of_a_return() {
    let mut page = live_group(3);
    page.act(Action::Reload);
    let request = asks_for_it(&mut page).expect("it is asked for");
    page.fail(request, not_allowed());
    page.pass(5_000);
    let request = asks_for_it(&mut page).expect("it is asked for once more");
    page.fail(request, not_allowed());
    page.pass(60_000);
    assert_eq!(asks_for_it(&mut page), None, "that is certain");
    assert_gone(&page);
}

#[test]
fn who_is_added_again_sees_the_conversation_again() {
    let mut page = live_group(3);
    left(&mut page);
    page.take_requests();
    let added = notice(&peer(), 7, NoticeKind::Added, &[1]);
    let told = Conversation {
        sees_from: Some(Offset(7)),
        last_message: Some(Message { previous: Some(Offset(6)), ..added.clone() }),
        unread: 0,
        ..group_of(&[1, 2], 7)
    };
    page.frame(ServerFrame::Conversation { conversation: told });
    assert_eq!(others(&page), ids(&[2]));
    let request = page
        .take_requests()
        .into_iter()
        .find_map(|(id, fetch)| matches!(fetch, Fetch::Messages { page: Which::Latest, .. }).then_some(id));
    let messages = Messages { messages: vec![added], next: None, through: Some(Offset(7)) };
    page.answer(request.expect("its messages are asked for"), &Answer::Messages(messages));
    let chat = page.client.chat(conv());
    assert_eq!((chat.status, chat.items.len()), (ChatStatus::Ready, 1));
    assert_eq!(chat.items[0].notice_text().as_deref(), Some("user2 added you."));
    page.act(Action::LoadEarlier);
    assert_eq!(page.take_requests(), [], "what was said before is not for the viewer");
}

#[test]
fn a_list_that_was_on_its_way_does_not_bring_back_what_was_left() {
    let mut page = live_group(3);
    page.tell(Input::Closed(page.socket(), 1006));
    page.pass(2_000);
    page.tell(Input::Opened(page.socket()));
    page.ready(&me());
    let list =
        page.take_requests().into_iter().find(|(_, fetch)| matches!(fetch, Fetch::Conversations { .. }));
    left(&mut page);
    let conversations = vec![group_of(&[1, 2, 3], 2)];
    let answer = Answer::Conversations(Conversations { conversations, next: None });
    page.answer(list.expect("the list is asked for").0, &answer);
    assert_gone(&page);
}

#[test]
fn who_is_removed_and_added_again_meanwhile_keeps_nothing_of_before() {
    let mut page = live_group(3);
    let told = Conversation {
        sees_from: Some(Offset(7)),
        last_message: Some(message(&peer(), 8)),
        unread: 1,
        ..group_of(&[1, 2], 8)
    };
    page.frame(ServerFrame::Conversation { conversation: told.clone() });
    assert!(page.client.chat(conv()).items.is_empty());
    let latest =
        |(_, fetch): &(RequestId, Fetch)| matches!(fetch, Fetch::Messages { page: Which::Latest, .. });
    let (request, _) = page.take_requests().into_iter().find(latest).expect("its messages are asked for");
    let messages = vec![notice(&peer(), 7, NoticeKind::Added, &[1]), message(&peer(), 8)];
    let answered = Messages { messages, next: None, through: Some(Offset(8)) };
    page.answer(request, &Answer::Messages(answered));
    assert_eq!(page.texts(), ["message 7", "message 8"]);
    assert_eq!(page.unread(), 1);
    // An older telling does not turn that back.
    page.frame(ServerFrame::Conversation { conversation: group_of(&[1, 2, 3], 2) });
    assert_eq!(page.texts(), ["message 7", "message 8"]);
}

#[test]
fn what_the_socket_says_counts_in_its_order_though_a_request_had_told_more() {
    let mut page = live_group(3);
    // By an answer of another node, before the socket's node comes to the departure and to the return.
    page.act(Action::Opened(Box::new(Conversation { sees_from: Some(Offset(7)), ..group_of(&[1, 2], 8) })));
    left(&mut page);
    assert_gone(&page);
    let told = Conversation { sees_from: Some(Offset(7)), ..group_of(&[1, 2], 7) };
    page.frame(ServerFrame::Conversation { conversation: told });
    assert_eq!(others(&page), ids(&[2]));
}

#[test]
fn a_page_of_a_node_that_does_not_know_of_the_return_yet_is_asked_for_again() {
    let mut page = live_group(3);
    let told = Conversation { sees_from: Some(Offset(7)), ..group_of(&[1, 2], 8) };
    page.frame(ServerFrame::Conversation { conversation: told });
    let latest =
        |(_, fetch): &(RequestId, Fetch)| matches!(fetch, Fetch::Messages { page: Which::Latest, .. });
    let (request, _) = page.take_requests().into_iter().find(latest).expect("its messages are asked for");
    let messages = (0..3).map(|offset| message(&peer(), offset)).collect();
    let answered = Messages { messages, next: None, through: Some(Offset(2)) };
    page.answer(request, &Answer::Messages(answered));
    assert!(page.texts().is_empty());
    page.pass(5_000);
    assert!(page.take_requests().iter().any(latest));
}

#[test]
fn who_is_added_again_with_what_was_said_before_can_scroll_to_it() {
    let conversation = Conversation { sees_from: Some(Offset(7)), ..group_of(&[1, 2, 3], 8) };
    let mut page = Page::of(&PageModel {
        viewer: Some(me()),
        conversations: vec![conversation.clone()],
        open: Some(OpenModel {
            conversation,
            messages: vec![message(&peer(), 7), message(&peer(), 8)],
            earlier: None,
        }),
        ..PageModel::default()
    });
    page.start();
    page.connect();
    page.frame(ServerFrame::Conversation { conversation: group_of(&[1, 2, 3], 12) });
    let (request, _) =
        page.take_requests().into_iter().find(|(_, fetch)| matches!(fetch, Fetch::Messages { .. })).unwrap();
    let messages = (9..13).map(|offset| message(&peer(), offset)).collect();
    let answered = Messages { messages, next: Some(Offset(9)), through: Some(Offset(12)) };
    page.answer(request, &Answer::Messages(answered));
    page.act(Action::LoadEarlier);
    let requests = page.take_requests();
    assert!(
        matches!(requests[..], [(_, Fetch::Messages { page: Which::Before(Offset(9)), .. })]),
        "{requests:?}"
    );
}

#[test]
fn lines_about_the_group_do_not_count_as_unread() {
    let mut page = live_group(1);
    assert_eq!(page.unread(), 1);
    page.frame(ServerFrame::Message {
        message: notice(&peer(), 1, NoticeKind::Removed, &[3]),
        record: Some(Offset(1)),
        previous_record: Some(Offset(0)),
    });
    assert_eq!(page.unread(), 1);
    page.act(Action::Open(None));
    page.frame(ServerFrame::Message {
        message: notice(&peer(), 2, NoticeKind::Added, &[3, 4]),
        record: Some(Offset(2)),
        previous_record: Some(Offset(1)),
    });
    assert_eq!(page.unread(), 1);
    let rows = page.client.list().rows;
    let last = rows[0].last.as_ref().unwrap();
    assert_eq!(last.notice_text().as_deref(), Some("user2 added user3 and user4."));
}

#[test]
fn a_group_is_called_by_its_people_where_it_has_no_name() {
    let mut page = live_group(1);
    assert_eq!(chat_name(&page.client.chat(conv())).as_deref(), Some("user2, user3"));
    let mut alone = group_of(&[1], 1);
    alone.last_message = Some(notice(&me(), 1, NoticeKind::Removed, &[2]));
    page.frame(ServerFrame::Conversation { conversation: alone });
    assert_eq!(chat_name(&page.client.chat(conv())).as_deref(), Some("Only you"));
}
