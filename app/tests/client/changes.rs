//! Messages that change, and the proof that no change is missing.

use crate::api::{Answer, Fetch, Page as Which};
use crate::harness::{Page, conv, conversation, me, message, peer};
use kafkatalk_app::client::{Action, Effect, Input, RequestId};
use kafkatalk_app::page::{OpenModel, PageModel};
use kafkatalk_protocol::{Body, ClientFrame, Conversation, Message, Offset, ServerFrame, http::Messages};

/// The message at that offset as the record changed it.
fn changed(offset: u64, record: u64) -> Message {
    let body = Body::parse(&format!("changed by {record}")).unwrap();
    Message { body, revision: Some(Offset(record)), ..message(&peer(), offset) }
}

fn change(offset: u64, record: u64, previous: u64) -> ServerFrame {
    let (record_of, previous_record) = (Some(Offset(record)), Some(Offset(previous)));
    ServerFrame::Changed { message: changed(offset, record), record: record_of, previous_record }
}

/// A live page of a server that knows the chain, whose last record is the last message.
fn chained(count: u64) -> Page {
    let conversation =
        Conversation { record: count.checked_sub(1).map(Offset), ..conversation(2, count.checked_sub(1)) };
    let messages = (0..count).map(|offset| message(&peer(), offset)).collect();
    let mut page = Page::of(&PageModel {
        viewer: Some(me()),
        conversations: vec![conversation.clone()],
        open: Some(OpenModel { conversation, messages, earlier: None }),
        ..PageModel::default()
    });
    page.start();
    page.connect();
    page
}

fn asked(page: &mut Page) -> Vec<Which> {
    let pages = page.take_requests().into_iter().filter_map(|(_, fetch)| match fetch {
        Fetch::Messages { page, .. } => Some(page),
        _ => None,
    });
    pages.collect()
}

fn answer(page: &mut Page, id: RequestId, messages: Vec<Message>, ends: (Option<u64>, u64)) {
    let (next, through) = (ends.0.map(Offset), Some(Offset(ends.1)));
    page.answer(id, &Answer::Messages(Messages { messages, next, through }));
}

fn take_request(page: &mut Page, which: Which) -> RequestId {
    let of_messages =
        |(_, fetch): &(RequestId, Fetch)| matches!(fetch, Fetch::Messages { page, .. } if *page == which);
    page.take_requests().into_iter().find(of_messages).expect("it was asked for").0
}

#[test]
fn a_changed_message_takes_the_place_of_its_earlier_state() {
    let mut page = chained(2);
    page.frame(change(0, 2, 1));
    assert_eq!(page.texts(), ["changed by 2", "message 1"]);
    assert_eq!(asked(&mut page), []);
    page.frame(change(1, 3, 2));
    assert_eq!(page.texts(), ["changed by 2", "changed by 3"]);
    assert_eq!(page.client.list().rows[0].last.as_ref().unwrap().body(), "changed by 3");
    assert!(!page.effects.iter().any(|effect| matches!(effect, Effect::Announce(_))));
}

#[test]
fn an_earlier_state_that_comes_late_changes_nothing() {
    let mut page = chained(1);
    page.frame(change(0, 2, 1));
    page.frame(change(0, 1, 0));
    assert_eq!(page.texts(), ["changed by 2"]);
}

#[test]
fn a_change_that_is_missing_is_fetched() {
    let mut page = chained(2);
    // The change by record 2 was lost.
    page.frame(change(1, 3, 2));
    assert_eq!(page.texts(), ["message 0", "changed by 3"]);
    let id = take_request(&mut page, Which::ChangedAfter(Offset(1)));
    answer(&mut page, id, vec![changed(0, 2), changed(1, 3)], (None, 3));
    assert_eq!(page.texts(), ["changed by 2", "changed by 3"]);
    page.frame(change(0, 4, 3));
    assert_eq!(asked(&mut page), [], "nothing is missing any more");
}

#[test]
fn a_message_that_is_missing_comes_with_the_changes() {
    let mut page = chained(1);
    let frame =
        |offset: u64, previous| (message(&peer(), offset), Some(Offset(offset)), Some(Offset(previous)));
    let (message_2, record, previous_record) = frame(2, 1);
    page.frame(ServerFrame::Message { message: message_2, record, previous_record });
    assert_eq!(page.texts(), ["message 0"]);
    let id = take_request(&mut page, Which::ChangedAfter(Offset(0)));
    answer(&mut page, id, vec![message(&peer(), 1), message(&peer(), 2)], (None, 2));
    assert_eq!(page.texts(), ["message 0", "message 1", "message 2"]);
    assert_eq!(asked(&mut page), []);
}

#[test]
fn a_page_of_changes_from_a_node_that_lags_is_asked_for_again() {
    let mut page = chained(1);
    page.frame(change(0, 3, 2));
    let id = take_request(&mut page, Which::ChangedAfter(Offset(0)));
    answer(&mut page, id, vec![], (None, 0));
    page.pass(1_000);
    assert_eq!(asked(&mut page), [Which::ChangedAfter(Offset(0))]);
}

#[test]
fn a_record_that_changes_nothing_here_is_a_link_all_the_same() {
    let mut page = chained(1);
    page.frame(ServerFrame::Record {
        conversation: conv(),
        record: Offset(1),
        previous_record: Some(Offset(0)),
    });
    page.frame(change(0, 2, 1));
    assert_eq!(asked(&mut page), []);
}

#[test]
fn what_changed_meanwhile_comes_after_the_hello_and_live_frames_go_on_from_there() {
    let mut page = chained(2);
    page.tell(Input::Closed(page.socket(), 1006));
    page.pass(2_000);
    page.effects.retain(|effect| !matches!(effect, Effect::Transmit(..)));
    page.tell(Input::Opened(page.socket()));
    let hello = page.effects.iter().any(|effect| {
        matches!(effect, Effect::Transmit(_, ClientFrame::Hello { records, .. })
            if records.get(&conv()) == Some(&Offset(1)))
    });
    assert!(hello, "it names the record");
    page.ready(&me());
    let state = changed(0, 5);
    page.frame(ServerFrame::Changed { message: state, record: None, previous_record: None });
    page.frame(ServerFrame::CaughtUp { conversation: conv(), record: Offset(6) });
    assert_eq!(page.texts(), ["changed by 5", "message 1"]);
    page.frame(change(1, 7, 6));
    assert_eq!(page.texts(), ["changed by 5", "changed by 7"]);
    assert_eq!(asked(&mut page), []);
}

#[test]
fn whoever_is_far_behind_pages_the_changes() {
    let mut page = chained(2);
    page.tell(Input::Closed(page.socket(), 1006));
    page.pass(2_000);
    page.tell(Input::Opened(page.socket()));
    page.ready(&me());
    page.take_requests();
    let behind = ServerFrame::Behind {
        conversation: conv(),
        after: None,
        latest: Offset(1),
        changed_after: Some(Offset(4)),
    };
    page.frame(behind);
    let id = take_request(&mut page, Which::ChangedAfter(Offset(4)));
    answer(&mut page, id, vec![changed(0, 5)], (Some(5), 6));
    let id = take_request(&mut page, Which::ChangedAfter(Offset(5)));
    answer(&mut page, id, vec![changed(1, 6)], (None, 6));
    assert_eq!(page.texts(), ["changed by 5", "changed by 6"]);
    assert_eq!(asked(&mut page), []);
}

#[test]
fn a_page_that_was_read_before_a_change_shows_the_change() {
    let mut page = with_earlier();
    page.act(Action::LoadEarlier);
    let id = take_request(&mut page, Which::Before(Offset(2)));
    page.frame(change(1, 4, 3));
    answer(&mut page, id, vec![message(&peer(), 0), message(&peer(), 1)], (None, 3));
    assert_eq!(page.texts(), ["message 0", "changed by 4", "message 2", "message 3"]);
}

/// A live page with the last two messages of four in memory.
fn with_earlier() -> Page {
    let conversation = Conversation { record: Some(Offset(3)), ..conversation(2, Some(3)) };
    let messages = vec![message(&peer(), 2), message(&peer(), 3)];
    let mut page = Page::of(&PageModel {
        viewer: Some(me()),
        conversations: vec![conversation.clone()],
        open: Some(OpenModel { conversation, messages, earlier: Some(Offset(2)) }),
        ..PageModel::default()
    });
    page.start();
    page.connect();
    page
}

#[test]
fn a_page_from_a_node_that_lags_behind_what_is_applied_is_asked_for_again() {
    let mut page = with_earlier();
    page.act(Action::LoadEarlier);
    let id = take_request(&mut page, Which::Before(Offset(2)));
    answer(&mut page, id, vec![message(&peer(), 0), message(&peer(), 1)], (None, 2));
    assert_eq!(page.texts(), ["message 2", "message 3"]);
    page.act(Action::LoadEarlier);
    assert_eq!(asked(&mut page), [Which::Before(Offset(2))]);
}

#[test]
fn what_lies_before_the_viewers_time_is_not_asked_for() {
    let conversation =
        Conversation { record: Some(Offset(3)), sees_from: Some(Offset(2)), ..conversation(2, Some(3)) };
    let messages = vec![message(&peer(), 2), message(&peer(), 3)];
    let mut page = Page::of(&PageModel {
        viewer: Some(me()),
        conversations: vec![conversation.clone()],
        open: Some(OpenModel { conversation, messages, earlier: Some(Offset(2)) }),
        ..PageModel::default()
    });
    page.start();
    page.act(Action::LoadEarlier);
    assert_eq!(asked(&mut page), []);
}

#[test]
fn the_server_counts_what_is_unread_where_a_deletion_may_be_missing() {
    let mut page = chained(3);
    page.act(Action::Open(None));
    assert_eq!(page.unread(), 3);
    // The deletion of one of them is among what the server does not send.
    page.tell(Input::Closed(page.socket(), 1001));
    page.pass(1_000);
    page.tell(Input::Opened(page.socket()));
    page.ready(&me());
    let (latest, changed_after) = (Offset(2), Some(Offset(2)));
    page.frame(ServerFrame::Behind { conversation: conv(), after: None, latest, changed_after });
    let told = Conversation { record: Some(Offset(3)), unread: 2, ..conversation(2, Some(2)) };
    let requests = page.take_requests();
    let asked =
        requests.iter().find(|(_, fetch)| *fetch == Fetch::Conversation(conv())).expect("it was asked for");
    page.answer(asked.0, &Answer::Conversation(Box::new(told)));
    assert_eq!(page.unread(), 2);
    page.pass(60_000);
    assert_eq!(page.unread(), 2);
}
