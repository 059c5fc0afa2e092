//! Changes of own messages: shown at once, sent in order, taken back when they are refused.

use crate::api::Fetch;
use crate::harness::{Page, conv, conv_with, conversation, me, message, peer, user};
use kafkatalk_app::{
    client::{Action, Change, Command, Delivery, Effect, Item, LostChange, StoredEntry},
    features::{delete::Delete, edit::Edit},
};
use kafkatalk_protocol::{
    Body, ClientFrame, ErrorCode, Message, MessageId, Offset, ServerFrame, reply::Quote,
};

/// A live page with a message of the peer and one of the viewer.
fn page() -> Page {
    let mut page = Page::live(1);
    page.hear(&me(), 1);
    page.take_frames();
    page
}

fn edit(page: &mut Page, message: u64, text: &str) -> MessageId {
    let edit = Edit { message: Offset(message), body: Body::parse(text).unwrap() };
    let id = page.client.submit(conv(), Command::change(edit), page.now()).unwrap();
    page.effects.extend(page.client.take_effects());
    id
}

fn own(page: &Page) -> Item {
    page.client.chat(conv()).items[1].clone()
}

fn edited(record: u64, text: &str) -> ServerFrame {
    let body = Body::parse(text).unwrap();
    let revision = Some(Offset(record));
    let message = Message { body, revision, edited_at: Some(message(&me(), 1).sent_at), ..message(&me(), 1) };
    ServerFrame::Changed { message, record: revision, previous_record: Some(Offset(record - 1)) }
}

fn refuse(page: &mut Page, id: MessageId) {
    let (code, detail) = (ErrorCode::NotAllowed, "You may not.".into());
    page.frame(ServerFrame::Error { code, detail, id: Some(id) });
}

#[test]
fn a_change_is_kept_and_shown_at_once_and_sent() {
    let mut page = page();
    let id = edit(&mut page, 1, "better");
    let kept =
        |effect: &Effect| matches!(effect, Effect::StoreEntry(StoredEntry { id: kept, .. }) if *kept == id);
    assert!(page.effects.iter().any(kept));
    assert_eq!((own(&page).body(), own(&page).change.clone()), ("better", Change::Pending));
    assert_eq!(page.client.list().rows[0].last.as_ref().unwrap().body(), "better");
    let body = Body::parse("better").unwrap();
    let frame = ClientFrame::Edit { conversation: conv(), id, message: Offset(1), body };
    assert_eq!(page.take_frames(), [frame]);
    assert_eq!(page.texts().len(), 2, "a change is no message");
}

#[test]
fn a_change_that_the_server_has_stays_shown_until_it_comes_back() {
    let mut page = page();
    let id = edit(&mut page, 1, "better");
    page.ack(id, 2);
    assert!(page.effects.contains(&Effect::RemoveEntry(id)));
    assert_eq!((own(&page).body(), own(&page).change.clone()), ("better", Change::None));
    page.frame(edited(2, "better"));
    assert!(own(&page).edited());
    // Another device changes it again.
    page.frame(edited(3, "best"));
    assert_eq!(own(&page).body(), "best");
}

#[test]
fn a_refused_change_is_taken_back_and_says_why() {
    let mut page = page();
    let id = edit(&mut page, 1, "better");
    refuse(&mut page, id);
    assert_eq!(own(&page).body(), "message 1");
    assert!(!own(&page).edited());
    assert_eq!(own(&page).change, Change::Refused { id, reason: "You may not.".into() });
    page.act(Action::Discard(id));
    assert_eq!(own(&page).change, Change::None);
    assert!(page.effects.contains(&Effect::RemoveEntry(id)));
}

#[test]
fn a_refused_change_can_be_sent_again() {
    let mut page = page();
    let id = edit(&mut page, 1, "better");
    refuse(&mut page, id);
    page.take_frames();
    page.act(Action::Retry(id));
    assert!(matches!(&page.take_frames()[..], [ClientFrame::Edit { id: again, .. }] if *again == id));
    assert_eq!(own(&page).body(), "better");
}

#[test]
fn one_command_is_in_flight_at_a_time_whatever_it_does() {
    let mut page = page();
    let first = edit(&mut page, 1, "better");
    let post = page.send("and more");
    let second = edit(&mut page, 1, "best");
    assert_eq!(own(&page).body(), "best");
    assert_eq!(page.take_frames().len(), 1);
    page.ack(first, 2);
    assert_eq!(page.take_sent(), [post]);
    page.ack(post, 3);
    assert!(matches!(&page.take_frames()[..], [ClientFrame::Edit { id, .. }] if *id == second));
}

#[test]
fn a_change_whose_effect_does_not_come_is_asked_for_and_not_shown_for_ever() {
    let mut page = page();
    let id = edit(&mut page, 1, "better");
    page.ack(id, 2);
    page.take_requests();
    page.pass(4_000);
    assert_eq!(own(&page).body(), "message 1");
    assert!(!page.take_requests().is_empty(), "the server is asked how the conversation stands");
}

#[test]
fn a_change_of_a_message_of_somebody_else_leaves_the_others_alone() {
    let mut page = page();
    edit(&mut page, 1, "better");
    let other = page.client.chat(conv()).items[0].clone();
    assert_eq!(
        (other.sender().clone(), other.body(), other.change.clone()),
        (peer(), "message 0", Change::None)
    );
    assert_eq!(own(&page).delivery, Delivery::Sent);
}

#[test]
fn a_deletion_leaves_a_tombstone_at_once_and_is_taken_back_where_it_is_refused() {
    let mut page = page();
    let delete = Command::change(Delete { message: Offset(1) });
    let id = page.client.submit(conv(), delete, page.now()).unwrap();
    page.effects.extend(page.client.take_effects());
    assert_eq!((own(&page).deleted(), own(&page).body()), (true, "This message was deleted."));
    let frame = ClientFrame::Delete { conversation: conv(), id, message: Offset(1) };
    assert_eq!(page.take_frames(), [frame]);
    refuse(&mut page, id);
    assert_eq!((own(&page).deleted(), own(&page).body()), (false, "message 1"));
}

#[test]
fn a_deleted_message_does_not_count_as_unread() {
    let mut page = Page::live(2);
    assert_eq!(page.unread(), 2);
    let mut tombstone = message(&peer(), 1);
    Delete::empty(&mut tombstone);
    tombstone.revision = Some(Offset(2));
    let (record, previous_record) = (Some(Offset(2)), Some(Offset(1)));
    page.frame(ServerFrame::Changed { message: tombstone, record, previous_record });
    assert_eq!(page.unread(), 1);
}

#[test]
fn a_deletion_in_a_conversation_that_is_not_in_memory_is_counted_by_the_server() {
    let mut page = Page::live(0);
    let other = conv_with(3);
    let mut told = conversation(3, Some(1));
    (told.id, told.unread, told.record) = (other, 2, Some(Offset(1)));
    page.frame(ServerFrame::Conversation { conversation: told });
    page.take_requests();
    let mut tombstone = Message { conversation: other, ..message(&user(3), 0) };
    Delete::empty(&mut tombstone);
    tombstone.revision = Some(Offset(2));
    let (record, previous_record) = (Some(Offset(2)), Some(Offset(1)));
    page.frame(ServerFrame::Changed { message: tombstone, record, previous_record });
    let asked: Vec<_> = page.take_requests().into_iter().map(|(_, fetch)| fetch).collect();
    assert_eq!(asked, [Fetch::Conversation(other)]);
}

#[test]
fn a_reply_shows_what_is_held_of_the_message_that_it_is_to() {
    let mut page = page();
    let quote = |page: &Page| page.client.chat(conv()).items[2].quote().cloned().unwrap();
    let body = Body::parse("yes").unwrap();
    let reply = Command::Post { body: body.clone(), reply_to: Some(Offset(1)) };
    let id = page.client.submit(conv(), reply, page.now()).unwrap();
    page.effects.extend(page.client.take_effects());
    assert_eq!(quote(&page).excerpt.as_deref(), Some("message 1"));
    let frame = ClientFrame::Send { conversation: conv(), id, body, reply_to: Some(Offset(1)) };
    assert_eq!(page.take_frames(), [frame]);
    // The frame comes to all, and so without what not all may see.
    let reply_to = Some(Quote { offset: Offset(1), sender: None, excerpt: None });
    let posted = Message { id, reply_to, ..message(&me(), 2) };
    page.frame(ServerFrame::Message { message: posted, record: None, previous_record: None });
    assert_eq!(quote(&page).excerpt.as_deref(), Some("message 1"));
    page.frame(edited(3, "better"));
    assert_eq!(quote(&page).excerpt.as_deref(), Some("better"));
    let mut tombstone = message(&me(), 1);
    Delete::empty(&mut tombstone);
    tombstone.revision = Some(Offset(4));
    page.frame(ServerFrame::Changed { message: tombstone, record: None, previous_record: None });
    assert_eq!(quote(&page).excerpt, None);
}

#[test]
fn a_refused_change_of_a_message_that_is_not_shown_is_told_of_and_can_be_discarded() {
    let mut page = page();
    let id = edit(&mut page, 1, "better");
    refuse(&mut page, id);
    assert_eq!(page.client.link().lost, None, "the message says so itself");
    page.draw();
    page.act(Action::Open(Some(conv_with(3))));
    let lost = Some(LostChange { id, conversation: conv(), message: Offset(1) });
    assert_eq!(page.client.take_link().unwrap().lost, lost);
    page.act(Action::Open(Some(conv())));
    assert_eq!(page.client.link().lost, None);
    page.act(Action::Open(None));
    page.act(Action::Discard(id));
    assert_eq!((page.client.link().lost, page.client.link().failed), (None, 0));
}
