//! What is true for moments: who types, who is online.

use crate::harness::{Page, conv, conv_with, peer, user};
use kafkatalk_app::{
    client::{Action, Input, Subject},
    features::{presence::Presences, typing::Typing},
};
use kafkatalk_protocol::{ClientFrame, ServerFrame, Timestamp, UserId, presence::Presence};

fn typing(page: &Page) -> Vec<UserId> {
    page.client.part::<Typing>().unwrap().who(conv())
}

fn presence(page: &Page, user: UserId) -> Option<Presence> {
    page.client.part::<Presences>().unwrap().of(user)
}

fn types(number: u128) -> ServerFrame {
    ServerFrame::Typing { conversation: conv(), user: user(number).id }
}

fn draft(page: &mut Page, text: &str) -> usize {
    page.act(Action::Draft(conv(), text.into()));
    page.take_frames().iter().filter(|frame| matches!(frame, ClientFrame::Typing { .. })).count()
}

fn online(user: UserId) -> ServerFrame {
    ServerFrame::Presence(Presence { user, online: true, last_seen_at: None })
}

#[test]
fn a_sign_redraws_neither_the_list_nor_the_conversation() {
    let mut page = Page::live(3);
    page.draw();
    let redraws = |page: &mut Page| {
        let Page { client, .. } = page;
        client.take_link().is_some() || client.take_list().is_some() || client.take_chat().is_some()
    };
    page.frame(types(2));
    assert!(!redraws(&mut page));
    assert_eq!(page.client.take_changed_signs(), [Subject::Conversation(conv())]);
    page.frame(online(peer().id));
    assert!(!redraws(&mut page));
    assert_eq!(page.client.take_changed_signs(), [Subject::Person(peer().id)]);
    // Said again, it is no news.
    page.frame(types(2));
    assert!(!page.client.has_changed());
}

#[test]
fn somebody_types_until_they_say_it_no_more() {
    let mut page = Page::live(1);
    page.frame(types(2));
    page.pass(4_000);
    page.frame(types(2));
    page.pass(5_999);
    assert_eq!(typing(&page), [peer().id]);
    page.client.take_changed_signs();
    page.pass(1);
    assert_eq!(typing(&page), []);
    assert_eq!(page.client.take_changed_signs(), [Subject::Conversation(conv())]);
}

#[test]
fn somebody_types_until_their_message_comes() {
    let mut page = Page::live(1);
    page.frame(types(2));
    page.frame(types(3));
    page.frame(types(1));
    assert_eq!(typing(&page), [peer().id, user(3).id], "the viewer's own typing is none");
    page.hear(&peer(), 1);
    assert_eq!(typing(&page), [user(3).id]);
    assert_eq!(page.client.part::<Typing>().unwrap().who(conv_with(3)), []);
}

#[test]
fn typing_is_said_at_once_then_every_few_seconds_and_at_once_again_after_a_message() {
    let mut page = Page::live(1);
    assert_eq!(draft(&mut page, "h"), 1);
    assert_eq!(draft(&mut page, "he"), 0);
    page.pass(2_999);
    assert_eq!(draft(&mut page, "hel"), 0);
    page.pass(1);
    assert_eq!(draft(&mut page, "hell"), 1);
    page.send("hello");
    page.take_frames();
    assert_eq!(draft(&mut page, "a"), 1);
}

#[test]
fn nothing_is_said_of_a_text_that_is_cleared_or_did_not_change_nor_without_a_connection() {
    let mut page = Page::live(1);
    assert_eq!(draft(&mut page, " "), 0);
    assert_eq!(draft(&mut page, ""), 0);
    page.tell(Input::Closed(page.socket(), 1006));
    assert_eq!(draft(&mut page, "hello"), 0);
    assert_eq!(draft(&mut page, "hello"), 0);
}

#[test]
fn people_are_as_the_server_said_last() {
    let mut page = Page::live(1);
    let (bob, eve) = (peer().id, user(3).id);
    assert_eq!(presence(&page, bob), None);
    let seen = Some(Timestamp::from_millis(1_700_000_000_000));
    let away = Presence { user: bob, online: false, last_seen_at: seen };
    let there = Presence { user: eve, online: true, last_seen_at: None };
    page.frame(ServerFrame::Presences { people: vec![there, away] });
    assert_eq!((presence(&page, bob), presence(&page, eve)), (Some(away), Some(there)));
    page.frame(online(bob));
    assert!(presence(&page, bob).unwrap().online);
    // All that is known now: nothing of eve.
    page.client.take_changed_signs();
    page.frame(ServerFrame::Presences { people: vec![away] });
    assert_eq!((presence(&page, bob), presence(&page, eve)), (Some(away), None));
    let changed = page.client.take_changed_signs();
    assert!([bob, eve].iter().all(|user| changed.contains(&Subject::Person(*user))));
}

#[test]
fn without_a_connection_nobody_is_known_to_type_or_to_be_online() {
    let mut page = Page::live(1);
    page.frame(types(2));
    page.frame(online(peer().id));
    page.client.take_changed_signs();
    page.tell(Input::Closed(page.socket(), 1006));
    assert_eq!((typing(&page), presence(&page, peer().id)), (vec![], None));
    let changed = page.client.take_changed_signs();
    assert!(
        changed.contains(&Subject::Person(peer().id)) && changed.contains(&Subject::Conversation(conv()))
    );
}
