use crate::api::{Answer, Fetch};
use crate::harness::{Page, conv, conv_with, conversation, me, message, peer, user};
use kafkatalk_app::{
    client::{Action, Delivery, Effect, Input, limits},
    page::{OpenModel, PageModel},
};
use kafkatalk_protocol::{Conversation, Message, Offset, ServerFrame};

fn read(page: &mut Page, by: &kafkatalk_protocol::User, offset: u64) {
    page.frame(ServerFrame::Read { conversation: conv(), user: by.id, offset: Offset(offset) });
}

#[test]
fn messages_of_others_count_as_unread_until_they_are_seen() {
    let mut page = Page::live(2);
    page.hear(&peer(), 2);
    assert_eq!(page.unread(), 3);
    page.tell(Input::Visible(true));
    assert_eq!(page.unread(), 0);
    assert_eq!(page.take_reads(), [2]);
}

#[test]
fn own_messages_are_not_unread_and_tell_no_read_position() {
    let mut page = Page::live(0);
    page.tell(Input::Visible(true));
    page.hear(&me(), 0);
    assert_eq!(page.unread(), 0);
    assert!(page.take_reads().is_empty());
}

#[test]
fn what_is_below_the_fold_is_not_read() {
    let mut page = Page::live(1);
    page.act(Action::AtEnd(false));
    page.tell(Input::Visible(true));
    page.hear(&peer(), 1);
    assert_eq!(page.unread(), 2);
    page.act(Action::AtEnd(true));
    assert_eq!(page.unread(), 0);
}

#[test]
fn a_conversation_that_opens_at_a_message_is_not_read_before_its_end_is_in_view() {
    let mut page = Page::live(3);
    page.act(Action::Open(None));
    page.tell(Input::Visible(true));
    page.act(Action::OpenAt(conv(), Offset(0)));
    assert!(page.take_reads().is_empty());
    page.act(Action::AtEnd(true));
    assert_eq!(page.take_reads(), [2]);
}

#[test]
fn nothing_is_read_while_a_message_is_sought() {
    let mut page = Page::live(3);
    page.act(Action::OpenAt(conv(), Offset(100)));
    page.tell(Input::Visible(true));
    assert!(page.take_reads().is_empty());
    assert_eq!(page.unread(), 3);
}

#[test]
fn reading_on_another_device_clears_the_count_here() {
    let mut page = Page::live(3);
    page.act(Action::Open(None));
    read(&mut page, &me(), 1);
    assert_eq!(page.unread(), 1);
    read(&mut page, &me(), 2);
    assert_eq!(page.unread(), 0);
}

#[test]
fn a_read_position_never_goes_back() {
    let mut page = Page::live(3);
    read(&mut page, &me(), 2);
    read(&mut page, &me(), 0);
    page.frame(ServerFrame::Conversation { conversation: conversation(2, Some(2)) });
    assert_eq!(page.unread(), 0);
}

#[test]
fn a_flood_of_messages_tells_one_position_a_second() {
    let mut page = Page::live(0);
    page.tell(Input::Visible(true));
    let mut told = Vec::new();
    for offset in 0..50 {
        page.hear(&peer(), offset);
        page.pass(100);
        for offset in page.take_reads() {
            read(&mut page, &me(), offset);
            told.push(offset);
        }
    }
    page.pass(limits::READ_INTERVAL_MS);
    told.extend(page.take_reads());
    assert_eq!(told.last(), Some(&49));
    assert!((5..8).contains(&told.len()), "{told:?}");
}

#[test]
fn a_position_that_is_not_confirmed_is_told_again_a_few_times() {
    let mut page = Page::live(1);
    page.tell(Input::Visible(true));
    for _ in 0..20 {
        page.pass(limits::READ_CONFIRM_MS / 2);
        page.frame(ServerFrame::Pong);
    }
    assert_eq!(page.take_reads().len(), usize::try_from(limits::READ_TELLS_MAX).unwrap());
}

#[test]
fn what_was_read_offline_is_told_on_the_next_socket() {
    let mut page = Page::with_messages(2);
    page.start();
    page.tell(Input::Visible(true));
    assert_eq!(page.unread(), 0);
    page.connect();
    assert_eq!(page.take_reads(), [1]);
}

#[test]
fn an_own_message_is_read_when_the_other_has_read_it() {
    let mut page = Page::live(0);
    page.hear(&me(), 0);
    page.hear(&me(), 1);
    read(&mut page, &peer(), 0);
    let deliveries: Vec<_> = page.client.chat(conv()).items.into_iter().map(|item| item.delivery).collect();
    assert_eq!(deliveries, [Delivery::Read, Delivery::Sent]);
}

#[test]
fn a_count_that_cannot_be_known_is_asked_for() {
    let mut page = Page::live(1);
    page.act(Action::Open(None));
    page.take_requests();
    // Something before it was missed.
    page.hear(&peer(), 5);
    let requests = page.take_requests();
    let (id, _) = requests.into_iter().find(|(_, fetch)| *fetch == Fetch::Conversation(conv())).unwrap();
    let told =
        Conversation { unread: 4, last_message: Some(message(&peer(), 5)), ..conversation(2, Some(5)) };
    let answer = Answer::Conversation(Box::new(told));
    page.answer(id, &answer);
    assert_eq!(page.unread(), 4);
}

#[test]
fn somebody_elses_new_message_is_announced_once() {
    let mut page = Page::live(0);
    page.hear(&peer(), 0);
    page.hear(&peer(), 0);
    page.hear(&me(), 1);
    let announced = page.effects.iter().filter(|effect| matches!(effect, Effect::Announce(_))).count();
    assert_eq!(announced, 1);
}

#[test]
fn the_list_puts_latest_activity_first_and_learns_of_new_conversations() {
    let mut page = Page::live(1);
    let new = Conversation { last_message: None, unread: 0, ..conversation(3, None) };
    page.frame(ServerFrame::Conversation { conversation: new.clone() });
    let rows: Vec<_> = page.client.list().rows.into_iter().map(|row| row.id).collect();
    assert_eq!(rows, [conv(), new.id]);
}

#[test]
fn a_message_of_an_unknown_conversation_makes_the_page_ask_for_it() {
    let mut page = Page::live(0);
    page.take_requests();
    let unknown = conversation(4, Some(0));
    let message = unknown.last_message.clone().unwrap();
    page.frame(ServerFrame::Message { message, record: None, previous_record: None });
    let fetches: Vec<_> = page.take_requests().into_iter().map(|(_, fetch)| fetch).collect();
    assert_eq!(fetches, [Fetch::Conversation(unknown.id)]);
}

#[test]
fn a_position_that_comes_before_its_conversation_is_known_counts_once_it_is() {
    let mut page = Page::live(0);
    let other = conv_with(3);
    let said = Message { conversation: other, ..message(&user(3), 0) };
    page.frame(ServerFrame::Message { message: said, record: None, previous_record: None });
    let asked = page.take_requests().into_iter().find(|(_, fetch)| *fetch == Fetch::Conversation(other));
    // Read on another device meanwhile; the answer was written before.
    page.frame(ServerFrame::Read { conversation: other, user: me().id, offset: Offset(0) });
    let answer = Answer::Conversation(Box::new(conversation(3, Some(0))));
    page.answer(asked.unwrap().0, &answer);
    let list = page.client.list();
    assert_eq!(list.rows.iter().find(|row| row.id == other).unwrap().unread, 0);
}

#[test]
fn a_message_to_a_group_is_read_once_all_of_them_have_read_it() {
    let group = Conversation { members: vec![user(2), me(), user(3)], ..conversation(2, None) };
    let open = OpenModel { conversation: group.clone(), messages: Vec::new(), earlier: None };
    let mut page = Page::of(&PageModel {
        viewer: Some(me()),
        conversations: vec![group],
        open: Some(open),
        ..PageModel::default()
    });
    page.start();
    page.tell(Input::Opened(page.socket()));
    page.ready(&me());
    page.hear(&me(), 0);
    let state = |page: &Page| {
        let chat = page.client.chat(conv());
        (chat.items[0].delivery.clone(), chat.readers(Offset(0)).unwrap())
    };
    assert_eq!(state(&page), (Delivery::Sent, vec![]));
    read(&mut page, &user(3), 0);
    assert_eq!(state(&page), (Delivery::Sent, vec![user(3)]));
    read(&mut page, &user(2), 0);
    assert_eq!(state(&page), (Delivery::Read, vec![user(2), user(3)]));
}

#[test]
fn a_busy_conversation_is_asked_about_once_after_an_absence() {
    let list = PageModel {
        viewer: Some(me()),
        conversations: vec![conversation(2, Some(0))],
        ..PageModel::default()
    };
    let mut page = Page::of(&list);
    page.start();
    page.connect();
    // 1 to 4 were missed.
    page.hear(&peer(), 5);
    let asked = page.take_requests().into_iter().find(|(_, fetch)| *fetch == Fetch::Conversation(conv()));
    // Two more come while the server answers.
    page.hear(&peer(), 6);
    page.hear(&peer(), 7);
    page.answer(asked.unwrap().0, &Answer::Conversation(Box::new(conversation(2, Some(5)))));
    assert_eq!(page.unread(), 8);
    page.pass(60_000);
    assert_eq!(page.take_requests(), []);
}
