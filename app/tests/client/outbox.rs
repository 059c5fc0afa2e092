use crate::harness::{Page, conv, conv_with, me, message, peer};
use kafkatalk_app::{
    client::{Action, Command, Delivery, Effect, Input, NotTaken, RequestId, StoredEntry, limits},
    features,
};
use kafkatalk_protocol::{Body, ClientFrame, ErrorCode, Message, MessageId, ServerFrame, Timestamp};

fn refuse(page: &mut Page, id: MessageId, code: ErrorCode) {
    page.frame(ServerFrame::Error { code, detail: "Not so.".into(), id: Some(id) });
}

fn deliveries(page: &Page) -> Vec<Delivery> {
    page.client.chat(conv()).items.into_iter().map(|item| item.delivery).collect()
}

fn stored(id: u128, order: u64) -> StoredEntry {
    StoredEntry {
        id: MessageId(uuid::Uuid::from_u128(id)),
        conversation: conv(),
        command: Command::Post { body: Body::parse("kept").unwrap(), reply_to: None },
        typed_at: Timestamp::from_millis(5),
        order,
        refused: None,
    }
}

#[test]
fn what_is_typed_is_kept_on_the_device_before_it_is_sent() {
    let mut page = Page::live(0);
    let id = page.send("hello");
    let kept = page.effects.iter().position(|effect| matches!(effect, Effect::StoreEntry(_)));
    let sent = page.effects.iter().rposition(|effect| matches!(effect, Effect::Transmit(..)));
    assert!(kept < sent, "{:?}", page.effects);
    assert_eq!(page.take_sent(), [id]);
}

#[test]
fn what_is_typed_offline_waits_and_goes_out_by_itself() {
    let mut page = Page::with_messages(0);
    page.start();
    let id = page.send("hello");
    assert_eq!(deliveries(&page), [Delivery::Queued]);
    assert_eq!(page.client.link().waiting, 1);
    page.connect();
    assert_eq!(page.take_sent(), [id]);
    assert_eq!(deliveries(&page), [Delivery::Sending]);
}

#[test]
fn the_next_message_is_sent_when_the_one_before_it_is_in_the_log() {
    let mut page = Page::live(0);
    let (one, two) = (page.send("one"), page.send("two"));
    assert_eq!(page.take_sent(), [one]);
    page.ack(one, 0);
    assert_eq!(page.take_sent(), [two]);
}

#[test]
fn conversations_do_not_wait_for_each_other() {
    let mut page = Page::live(0);
    let (one, two) = (page.send("one"), page.send_to(conv_with(3), "two"));
    assert_eq!(page.take_sent(), [one, two]);
}

#[test]
fn a_lost_ack_means_the_same_message_again_under_the_same_id() {
    let mut page = Page::live(0);
    let one = page.send("one");
    page.send("two");
    assert_eq!(page.take_sent(), [one]);
    page.tell(Input::Closed(page.socket(), 1006));
    page.pass(1_000);
    page.connect();
    assert_eq!(page.take_sent(), [one]);
}

#[test]
fn an_answer_that_does_not_come_means_the_same_message_again() {
    let mut page = Page::live(0);
    let one = page.send("one");
    assert_eq!(page.take_sent(), [one]);
    page.pass(limits::ACK_DEADLINE_MS / 2);
    page.hear(&peer(), 0);
    page.pass(limits::ACK_DEADLINE_MS / 2 + limits::SEND_RETRY_BASE_MS);
    assert_eq!(page.take_sent(), [one]);
}

#[test]
fn a_socket_that_said_nothing_since_the_message_was_sent_is_given_up() {
    let mut page = Page::live(0);
    page.send("one");
    page.pass(limits::ACK_DEADLINE_MS + limits::RECONNECT_BASE_MS);
    assert_eq!(page.connects(), 2);
}

#[test]
fn a_log_that_cannot_promise_now_is_asked_again_with_growing_waits() {
    let mut page = Page::live(0);
    let one = page.send("one");
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(page.take_sent(), [one]);
        refuse(&mut page, one, ErrorCode::LogUnavailable);
        assert_eq!(deliveries(&page), [Delivery::Queued]);
        let from = page.ms;
        while !page.effects.iter().any(|effect| matches!(effect, Effect::Transmit(_, frame) if matches!(frame, kafkatalk_protocol::ClientFrame::Send { .. }))) {
            page.pass(50);
            page.frame(ServerFrame::Pong);
        }
        waits.push(page.ms - from);
    }
    assert!(waits[0] <= limits::SEND_RETRY_BASE_MS + 50, "{waits:?}");
    assert!(waits[7] >= limits::SEND_RETRY_MAX_MS / 2, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= limits::SEND_RETRY_MAX_MS + 50), "{waits:?}");
}

#[test]
fn a_message_that_is_refused_says_why_and_the_next_one_goes_on() {
    let mut page = Page::live(0);
    let (one, two) = (page.send("one"), page.send("two"));
    assert_eq!(page.take_sent(), [one]);
    refuse(&mut page, one, ErrorCode::InvalidInput);
    assert_eq!(page.take_sent(), [two]);
    assert_eq!(deliveries(&page)[0], Delivery::Failed { reason: "Not so.".into() });
    assert_eq!(page.client.link().waiting, 1);
}

#[test]
fn a_refused_message_is_still_refused_after_a_reload() {
    let mut page = Page::live(0);
    let one = page.send("one");
    refuse(&mut page, one, ErrorCode::TooLarge);
    let kept = page.effects.iter().rev().find_map(|effect| match effect {
        Effect::StoreEntry(entry) => Some(entry.clone()),
        _ => None,
    });
    let json = kept.unwrap().to_json().unwrap();
    let mut page = Page::with_messages(0);
    let outbox = vec![StoredEntry::from_json(&json, features::ALL.changes).unwrap()];
    page.tell(Input::Started { outbox, drafts: Vec::new(), online: true, visible: true });
    page.connect();
    assert_eq!(page.take_sent(), []);
    assert_eq!(deliveries(&page), [Delivery::Failed { reason: "Not so.".into() }]);
}

#[test]
fn a_refused_message_is_sent_again_after_what_was_typed_since() {
    let mut page = Page::live(0);
    let one = page.send("one");
    refuse(&mut page, one, ErrorCode::NotFound);
    let two = page.send("two");
    page.act(Action::Retry(one));
    assert_eq!(page.texts(), ["two", "one"]);
    page.ack(two, 0);
    assert_eq!(page.take_sent(), [one, two, one]);
}

#[test]
fn a_refused_message_may_be_deleted() {
    let mut page = Page::live(0);
    let one = page.send("one");
    refuse(&mut page, one, ErrorCode::InvalidInput);
    page.act(Action::Discard(one));
    assert_eq!(page.texts(), Vec::<String>::new());
    assert!(page.effects.contains(&Effect::RemoveEntry(one)));
}

#[test]
fn a_message_that_may_be_in_the_log_cannot_be_deleted() {
    let mut page = Page::live(0);
    let one = page.send("one");
    page.act(Action::Discard(one));
    page.tell(Input::Closed(page.socket(), 1006));
    page.act(Action::Discard(one));
    assert_eq!(page.texts(), ["one"]);
}

#[test]
fn a_sent_message_takes_the_place_of_the_waiting_one() {
    let mut page = Page::live(1);
    let id = page.send("hello");
    let before = page.client.chat(conv()).items[1].key();
    page.ack(id, 1);
    assert!(page.effects.contains(&Effect::RemoveEntry(id)));
    assert_eq!(deliveries(&page)[1], Delivery::Sent);
    let body = Body::parse("hello").unwrap();
    page.frame(ServerFrame::Message {
        message: Message { id, body, ..message(&me(), 1) },
        record: None,
        previous_record: None,
    });
    let items = page.client.chat(conv()).items;
    assert_eq!(items.len(), 2);
    assert_eq!(items[1].key(), before);
}

#[test]
fn a_message_that_comes_back_by_itself_is_as_good_as_an_ack() {
    let mut page = Page::live(0);
    let (one, two) = (page.send("one"), page.send("two"));
    let body = Body::parse("one").unwrap();
    page.frame(ServerFrame::Message {
        message: Message { id: one, body, ..message(&me(), 0) },
        record: None,
        previous_record: None,
    });
    assert_eq!(page.take_sent(), [one, two]);
    assert_eq!(page.texts(), ["one", "two"]);
}

#[test]
fn what_is_in_the_page_already_is_not_sent_again() {
    let mut model = crate::harness::conversation(2, Some(0));
    let mine = message(&me(), 0);
    model.last_message = Some(mine.clone());
    let mut page = Page::of(&kafkatalk_app::page::PageModel {
        viewer: Some(me()),
        conversations: vec![model],
        ..kafkatalk_app::page::PageModel::default()
    });
    let outbox = vec![StoredEntry { id: mine.id, ..stored(0, 1) }];
    page.tell(Input::Started { outbox, drafts: Vec::new(), online: true, visible: true });
    page.connect();
    assert_eq!(page.take_sent(), []);
    assert!(page.effects.contains(&Effect::RemoveEntry(mine.id)));
}

#[test]
fn after_a_reload_messages_go_out_in_the_order_typed_before_new_ones() {
    let mut page = Page::with_messages(0);
    let outbox = vec![stored(8, 9_000_000_000_002), stored(9, 9_000_000_000_001)];
    page.tell(Input::Started { outbox, drafts: Vec::new(), online: true, visible: true });
    let new = page.send("new");
    page.connect();
    let mut order = Vec::new();
    for offset in 0..3 {
        let sent = page.take_sent();
        page.ack(sent[0], offset);
        order.extend(sent);
    }
    let id = |id| MessageId(uuid::Uuid::from_u128(id));
    assert_eq!(order, [id(9), id(8), new]);
}

#[test]
fn a_message_of_another_tab_is_left_to_it_for_a_while() {
    let mut page = Page::live(0);
    page.tell(Input::EntryStored(stored(8, 1)));
    assert_eq!(page.texts(), ["kept"]);
    assert_eq!(page.take_sent(), []);
    page.pass(limits::ADOPT_DELAY_MS);
    assert_eq!(page.take_sent().len(), 1);
}

#[test]
fn a_message_that_another_tab_brought_home_is_not_sent() {
    let mut page = Page::live(0);
    page.tell(Input::EntryStored(stored(8, 1)));
    page.tell(Input::EntryRemoved(stored(8, 1).id));
    page.pass(limits::ADOPT_DELAY_MS);
    assert_eq!(page.take_sent(), []);
    assert_eq!(page.texts(), Vec::<String>::new());
}

#[test]
fn a_full_outbox_takes_nothing_and_keeps_what_it_has() {
    let mut page = Page::with_messages(0);
    page.start();
    for number in 0..limits::OUTBOX_MAX {
        page.send(&format!("message {number}"));
    }
    let sent = page.client.send(conv(), Body::parse("one more").unwrap(), page.now());
    assert_eq!(sent, Err(NotTaken::OutboxFull));
    assert_eq!(page.client.link().waiting, limits::OUTBOX_MAX);
}

/// A page that asks for its own message, which was acknowledged and does not come; and what it is to be answered.
fn acknowledged_and_not_come() -> (Page, RequestId, Vec<Message>) {
    let mut page = Page::live(1);
    let id = page.send("hello");
    page.ack(id, 1);
    page.take_requests();
    page.pass(limits::ECHO_DEADLINE_MS);
    let (request, _) = page.take_requests().swap_remove(0);
    let said = Message { id, body: Body::parse("hello").unwrap(), ..message(&me(), 1) };
    (page, request, vec![said])
}

#[test]
fn an_acknowledged_message_that_does_not_come_is_fetched() {
    let (mut page, request, history) = acknowledged_and_not_come();
    page.answer_messages(request, history, None);
    assert_eq!(page.texts(), ["message 0", "hello"]);
}

#[test]
fn history_that_comes_when_the_session_has_ended_is_not_shown() {
    let (mut page, request, history) = acknowledged_and_not_come();
    page.tell(Input::Closed(page.socket(), 4401));
    page.answer_messages(request, history, None);
    assert!(page.texts().is_empty());
}

#[test]
fn a_draft_is_stored_when_the_typing_pauses_and_dropped_when_it_is_sent() {
    let mut page = Page::live(0);
    page.effects.clear();
    page.act(Action::Draft(conv(), "he".into()));
    page.act(Action::Draft(conv(), "hello".into()));
    assert_eq!(page.take_frames(), [ClientFrame::Typing { conversation: conv() }]);
    assert_eq!(page.effects, []);
    page.pass(limits::DRAFT_DELAY_MS);
    assert_eq!(page.effects, [Effect::StoreDraft(conv(), Some("hello".into()))]);
    assert_eq!(&*page.client.draft(conv()), "hello");
    page.send("hello");
    assert!(page.effects.contains(&Effect::StoreDraft(conv(), None)));
    assert_eq!(&*page.client.draft(conv()), "");
}

#[test]
fn a_page_that_goes_away_stores_the_draft_at_once() {
    let mut page = Page::live(0);
    page.act(Action::Draft(conv(), "hel".into()));
    page.tell(Input::Visible(false));
    assert!(page.effects.contains(&Effect::StoreDraft(conv(), Some("hel".into()))));
}

fn deletable(page: &Page) -> Vec<bool> {
    page.client.chat(conv()).items.iter().map(kafkatalk_app::client::Item::deletable).collect()
}

#[test]
fn what_was_never_sent_may_be_deleted_and_what_may_be_in_the_log_may_not() {
    let mut page = Page::with_messages(0);
    page.start();
    let one = page.send("one");
    assert_eq!(deletable(&page), [true]);
    page.connect();
    assert_eq!(deletable(&page), [false]);
    page.tell(Input::Closed(page.socket(), 1006));
    assert_eq!((deliveries(&page), deletable(&page)), (vec![Delivery::Queued], vec![false]));
    page.act(Action::Discard(one));
    assert_eq!(page.texts(), ["one"]);
    let two = page.send("two");
    assert_eq!(deletable(&page), [false, true]);
    page.act(Action::Discard(two));
    assert_eq!(page.texts(), ["one"]);
}

#[test]
fn a_message_that_may_have_been_sent_before_a_reload_cannot_be_deleted() {
    let mut page = Page::with_messages(0);
    page.tell(Input::Started { outbox: vec![stored(8, 1)], drafts: Vec::new(), online: true, visible: true });
    assert_eq!(deletable(&page), [false]);
    page.act(Action::Discard(stored(8, 1).id));
    assert_eq!(page.texts(), ["kept"]);
}

#[test]
fn a_message_that_was_removed_elsewhere_while_under_way_is_not_sent_again() {
    let mut page = Page::live(0);
    let one = page.send("one");
    assert_eq!(page.take_sent(), [one]);
    page.tell(Input::EntryRemoved(one));
    page.tell(Input::Closed(page.socket(), 1006));
    page.pass(1_000);
    page.connect();
    assert_eq!(page.take_sent(), []);
    assert_eq!(page.texts(), Vec::<String>::new());
    let two = page.send("two");
    page.tell(Input::EntryRemoved(two));
    refuse(&mut page, two, ErrorCode::LogUnavailable);
    assert_eq!(page.texts(), Vec::<String>::new());
}

#[test]
fn a_draft_changes_the_list_only_where_the_list_shows_it() {
    let mut page = Page::live(0);
    page.act(Action::Open(Some(conv())));
    page.draw();
    page.act(Action::Draft(conv(), "he".into()));
    assert!(!page.client.has_changed());
    page.act(Action::Open(None));
    assert!(page.client.take_list().is_some());
    page.act(Action::Draft(conv(), "hello".into()));
    assert!(page.client.take_list().is_some());
}

#[test]
fn the_same_change_of_another_tab_is_a_new_one_after_something_was_typed_or_sent_here() {
    let mut page = Page::live(0);
    let cleared = ("hello".into(), "".into());
    let sent_here = |page: &mut Page| {
        page.send("hello");
    };
    let typed_here = |page: &mut Page| page.act(Action::Draft(conv(), "hello".into()));
    for again in [sent_here as fn(&mut Page), typed_here] {
        page.act(Action::Draft(conv(), "hello".into()));
        page.pass(limits::DRAFT_DELAY_MS);
        page.tell(Input::DraftStored(conv(), String::new()));
        assert_eq!(page.client.chat(conv()).drafted_elsewhere, Some(cleared.clone()));
        page.draw();
        again(&mut page);
        assert_eq!(page.client.chat(conv()).drafted_elsewhere, None);
        assert!(page.client.has_changed());
    }
}

#[test]
fn a_draft_that_another_tab_changes_or_sends_is_followed_unless_one_typed_since() {
    let mut page = Page::live(0);
    page.act(Action::Draft(conv(), "pay him".into()));
    page.tell(Input::DraftStored(conv(), "of another tab".into()));
    assert_eq!(&*page.client.draft(conv()), "pay him", "typed just now, and not stored yet");
    page.pass(limits::DRAFT_DELAY_MS);
    page.tell(Input::DraftStored(conv(), "pay him 500".into()));
    assert_eq!(&*page.client.draft(conv()), "pay him 500");
    let change = ("pay him".into(), "pay him 500".into());
    assert_eq!(page.client.chat(conv()).drafted_elsewhere, Some(change));
    page.effects.clear();
    // Sent there.
    page.tell(Input::DraftStored(conv(), String::new()));
    assert_eq!(&*page.client.draft(conv()), "");
    assert_eq!(page.client.chat(conv()).drafted_elsewhere, Some(("pay him 500".into(), "".into())));
    page.pass(60_000);
    assert!(
        !page.effects.iter().any(|effect| matches!(effect, Effect::StoreDraft(..))),
        "nothing is stored back"
    );
}
