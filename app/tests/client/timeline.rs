use crate::api::{Answer, Fetch, Page as Part, refused};
use crate::harness::{Page, conv, conv_with, conversation, me, message, peer, user};
use kafkatalk_app::{
    client::{Action, ChatStatus, Edge, Effect, Input, Item, RequestError, limits},
    page::{OpenModel, PageModel},
};
use kafkatalk_protocol::{ErrorCode, Message, Offset, ServerFrame};

fn messages(offsets: std::ops::Range<u64>) -> Vec<Message> {
    offsets.map(|offset| message(&peer(), offset)).collect()
}

fn part(fetch: &Fetch) -> Option<Part> {
    if let Fetch::Messages { page, .. } = fetch { Some(*page) } else { None }
}

/// The request for messages that is under way.
fn asked(page: &mut Page) -> Option<(kafkatalk_app::client::RequestId, Part)> {
    page.take_requests().into_iter().find_map(|(id, fetch)| Some((id, part(&fetch)?)))
}

fn offsets(page: &Page) -> Vec<u64> {
    page.client.chat(conv()).items.iter().filter_map(Item::offset).map(|offset| offset.0).collect()
}

#[test]
fn the_first_paint_shows_what_the_server_rendered_from() {
    let page = Page::with_messages(3);
    assert_eq!(page.texts(), ["message 0", "message 1", "message 2"]);
    assert_eq!(page.client.chat(conv()).status, ChatStatus::Ready);
    assert_eq!(page.client.list().rows.len(), 1);
}

#[test]
fn a_message_beyond_a_hole_is_not_shown_until_history_has_filled_it() {
    let mut page = Page::live(2);
    page.hear(&peer(), 4);
    assert_eq!(offsets(&page), [0, 1]);
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::After(Some(Offset(1))));
    page.answer_messages(id, messages(2..4), None);
    assert_eq!(offsets(&page), [0, 1, 2, 3, 4]);
}

#[test]
fn several_holes_are_filled_one_after_the_other() {
    let mut page = Page::live(1);
    for offset in [3, 6, 9] {
        page.hear(&peer(), offset);
    }
    let (id, _) = asked(&mut page).unwrap();
    page.answer_messages(id, messages(1..3), Some(2));
    assert_eq!(offsets(&page), [0, 1, 2, 3]);
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::After(Some(Offset(3))));
    page.answer_messages(id, messages(4..9), None);
    assert_eq!(offsets(&page), (0..10).collect::<Vec<_>>());
    assert_eq!(asked(&mut page), None);
}

#[test]
fn a_message_that_comes_twice_is_shown_once() {
    let mut page = Page::live(1);
    page.hear(&peer(), 1);
    page.hear(&peer(), 1);
    page.hear(&peer(), 0);
    assert_eq!(offsets(&page), [0, 1]);
}

#[test]
fn a_record_that_nobody_sees_is_no_hole() {
    let mut page = Page::live(1);
    let message = Message { offset: Offset(5), previous: Some(Offset(0)), ..message(&peer(), 5) };
    page.frame(ServerFrame::Message { message, record: None, previous_record: None });
    assert_eq!(offsets(&page), [0, 5]);
}

#[test]
fn behind_pages_history_from_where_the_window_ends() {
    let mut page = Page::live(3);
    let after = Some(Offset(2));
    page.frame(ServerFrame::Behind { conversation: conv(), after, latest: Offset(40), changed_after: None });
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::After(Some(Offset(2))));
    page.answer_messages(id, messages(3..41), None);
    assert_eq!(offsets(&page).len(), 41);
}

#[test]
fn a_hole_that_history_does_not_fill_is_asked_again_with_growing_waits() {
    let mut page = Page::live(1);
    page.hear(&peer(), 3);
    let mut asks = 0;
    for _ in 0..60 {
        if let Some((id, _)) = asked(&mut page) {
            asks += 1;
            page.answer_messages(id, Vec::new(), None);
        }
        page.pass(1_000);
        page.frame(ServerFrame::Pong);
    }
    assert!((5..20).contains(&asks), "{asks} requests in a minute");
    assert_eq!(offsets(&page), [0]);
}

#[test]
fn a_hole_of_many_pages_is_left_behind_for_the_newest_messages() {
    let mut page = Page::live(1);
    page.hear(&peer(), 100_000);
    let size = kafkatalk_protocol::limits::PAGE_MAX as u64;
    let mut next = 1;
    let mut last = None;
    for _ in 0..20 {
        match asked(&mut page) {
            Some((id, Part::After(_))) => {
                page.answer_messages(id, messages(next..next + size), Some(next + size - 1));
                next += size;
            }
            Some((id, part)) => {
                last = Some(part);
                page.answer_messages(id, messages(99_951..100_001), Some(99_951));
            }
            None => break,
        }
    }
    assert_eq!(last, Some(Part::Latest));
    assert_eq!(offsets(&page), (99_951..100_001).collect::<Vec<_>>());
    assert_eq!(next, 1 + u64::from(limits::FILL_PAGES_MAX) * size);
}

/// A page that the server wrote with five messages, and five before them.
fn page_from_the_middle() -> Page {
    let mut page = Page::of(&PageModel {
        viewer: Some(me()),
        open: Some(OpenModel {
            conversation: conversation(2, Some(9)),
            messages: messages(5..10),
            earlier: Some(Offset(5)),
        }),
        ..PageModel::default()
    });
    page.start();
    page.connect();
    page
}

#[test]
fn scrolling_up_brings_older_messages_to_the_beginning() {
    let mut page = page_from_the_middle();
    assert_eq!(page.client.chat(conv()).earlier, Edge::More);
    page.act(Action::LoadEarlier);
    assert_eq!(page.client.chat(conv()).earlier, Edge::Loading);
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::Before(Offset(5)));
    page.answer_messages(id, messages(0..5), None);
    assert_eq!(offsets(&page), (0..10).collect::<Vec<_>>());
    assert_eq!(page.client.chat(conv()).earlier, Edge::End);
}

#[test]
fn a_page_of_older_messages_that_fails_may_be_asked_for_again() {
    let mut page = page_from_the_middle();
    page.act(Action::LoadEarlier);
    let (id, _) = asked(&mut page).unwrap();
    page.fail(id, RequestError::Network);
    assert_eq!(page.client.chat(conv()).earlier, Edge::Failed);
    page.act(Action::LoadEarlier);
    assert_eq!(asked(&mut page).map(|(_, part)| part), Some(Part::Before(Offset(5))));
}

#[test]
fn opening_a_conversation_loads_its_newest_messages() {
    let mut page = Page::live(0);
    let other = conversation(3, Some(2));
    page.frame(ServerFrame::Conversation { conversation: other.clone() });
    page.act(Action::Open(Some(other.id)));
    assert_eq!(page.client.chat(other.id).status, ChatStatus::Loading);
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::Latest);
    let messages: Vec<_> =
        messages(0..3).into_iter().map(|m| Message { conversation: other.id, ..m }).collect();
    page.answer_messages(id, messages, None);
    let chat = page.client.chat(other.id);
    assert_eq!((chat.status, chat.items.len(), chat.earlier), (ChatStatus::Ready, 3, Edge::End));
}

#[test]
fn a_message_that_arrives_while_the_first_page_loads_is_joined_to_it() {
    let mut page = Page::live(1);
    page.act(Action::Open(None));
    let other = conversation(3, Some(2));
    page.frame(ServerFrame::Conversation { conversation: other.clone() });
    page.act(Action::Open(Some(other.id)));
    let (id, _) = asked(&mut page).unwrap();
    let of = |offset| Message { conversation: other.id, ..message(&peer(), offset) };
    page.frame(ServerFrame::Message { message: of(3), record: None, previous_record: None });
    page.answer_messages(id, (0..3).map(of).collect(), None);
    assert_eq!(page.client.chat(other.id).items.len(), 4);
}

#[test]
fn a_conversation_that_is_not_there_says_so() {
    let mut page = Page::live(0);
    let gone = crate::harness::conv_with(9);
    page.act(Action::Open(Some(gone)));
    for (id, _) in page.take_requests() {
        page.fail(id, refused(ErrorCode::NotFound));
    }
    assert_eq!(page.client.chat(gone).status, ChatStatus::NotFound);
    page.pass(60_000);
    assert!(page.take_requests().is_empty());
}

#[test]
fn a_first_page_that_fails_says_so_and_is_tried_again() {
    let mut page = Page::live(0);
    let other = conversation(3, None);
    page.frame(ServerFrame::Conversation { conversation: other.clone() });
    page.act(Action::Open(Some(other.id)));
    let (id, _) = asked(&mut page).unwrap();
    page.fail(id, RequestError::Network);
    assert_eq!(page.client.chat(other.id).status, ChatStatus::Failed);
    page.pass(limits::FETCH_RETRY_BASE_MS);
    assert!(asked(&mut page).is_some());
}

#[test]
fn memory_is_bounded_while_somebody_reads_along() {
    let mut page = Page::live(0);
    for offset in 0..3 * limits::WINDOW_MAX as u64 {
        page.hear(&peer(), offset);
    }
    let offsets = offsets(&page);
    assert!(offsets.len() <= limits::WINDOW_MAX);
    assert_eq!(offsets.last(), Some(&(3 * limits::WINDOW_MAX as u64 - 1)));
    assert_eq!(page.client.chat(conv()).earlier, Edge::More);
}

#[test]
fn whoever_reads_older_messages_keeps_the_place_when_many_new_ones_come() {
    let mut page = Page::live(1);
    page.act(Action::AtEnd(false));
    for offset in 1..2 * limits::WINDOW_MAX as u64 {
        page.hear(&peer(), offset);
    }
    assert_eq!(offsets(&page).first(), Some(&0));
    assert_eq!(page.client.chat(conv()).later, Edge::More);
    page.act(Action::JumpToLatest);
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::Latest);
    page.answer_messages(id, messages(1_990..2_000), Some(1_990));
    assert_eq!(offsets(&page), (1_990..2_000).collect::<Vec<_>>());
    assert_eq!(page.client.chat(conv()).later, Edge::End);
}

/// A reader far up, with newer messages that are not in memory.
fn detached() -> Page {
    let mut page = Page::live(1);
    page.act(Action::AtEnd(false));
    for offset in 1..2 * limits::WINDOW_MAX as u64 {
        page.hear(&peer(), offset);
    }
    assert_eq!(page.client.chat(conv()).later, Edge::More);
    page.take_requests();
    page
}

#[test]
fn newer_messages_that_fail_to_load_may_be_asked_for_again_and_are_when_the_connection_is_back() {
    let mut page = detached();
    for _ in 0..2 {
        page.act(Action::LoadLater);
        let (id, part) = asked(&mut page).unwrap();
        assert_eq!(part, Part::After(Some(Offset(limits::WINDOW_MAX as u64 - 1))));
        page.fail(id, RequestError::Network);
        assert_eq!(page.client.chat(conv()).later, Edge::Failed);
    }
    page.draw();
    page.tell(Input::Online(true));
    assert_eq!(page.client.chat(conv()).later, Edge::More);
    assert!(page.client.take_chat().is_some());
}

#[test]
fn scrolling_down_leads_to_the_newest_message() {
    let mut page = detached();
    let end = 2 * limits::WINDOW_MAX as u64;
    for _ in 0..100 {
        if page.client.chat(conv()).later == Edge::End {
            break;
        }
        page.act(Action::LoadLater);
        let Some((id, Part::After(Some(Offset(last))))) = asked(&mut page) else {
            panic!("newer ones are asked for")
        };
        let next = (last + 1 + limits::MESSAGES_PAGE as u64).min(end);
        page.answer_messages(id, messages(last + 1..next), (next < end).then_some(next - 1));
    }
    assert_eq!(page.client.chat(conv()).later, Edge::End);
    assert_eq!(offsets(&page).last(), Some(&(end - 1)));
    assert!(offsets(&page).len() <= limits::WINDOW_MAX);
}

#[test]
fn a_conversation_that_was_left_far_up_opens_at_its_end() {
    let mut page = detached();
    page.act(Action::Open(None));
    page.act(Action::Open(Some(conv())));
    assert_eq!(page.client.chat(conv()).status, ChatStatus::Loading);
    assert_eq!(asked(&mut page).map(|(_, part)| part), Some(Part::Latest));
}

#[test]
fn without_a_network_what_is_not_loaded_says_so_and_may_be_asked_for() {
    let mut page = Page::live(0);
    let other = conversation(3, Some(2));
    page.frame(ServerFrame::Conversation { conversation: other.clone() });
    page.tell(Input::Online(false));
    page.act(Action::Open(Some(other.id)));
    assert_eq!(asked(&mut page), None);
    assert_eq!(page.client.chat(other.id).status, ChatStatus::Failed);
    page.act(Action::Reload);
    assert_eq!(page.client.chat(other.id).status, ChatStatus::Loading);
    assert_eq!(asked(&mut page).map(|(_, part)| part), Some(Part::Latest));
}

#[test]
fn a_message_of_an_unknown_conversation_outlives_an_answer_of_a_node_that_lags() {
    let mut page = Page::live(1);
    let (id, sender) = (conv_with(5), user(5));
    let message = Message { conversation: id, ..message(&sender, 3) };
    page.frame(ServerFrame::Message { message: message.clone(), record: None, previous_record: None });
    let asked = page.take_requests().into_iter().find(|(_, fetch)| *fetch == Fetch::Conversation(id));
    let told = Box::new(conversation(5, Some(2)));
    page.answer(asked.unwrap().0, &Answer::Conversation(told));
    let row = page.client.list().rows.into_iter().find(|row| row.id == id).unwrap();
    assert_eq!((row.last.unwrap().offset(), row.unread), (Some(Offset(3)), 4));
    assert!(page.effects.contains(&Effect::Announce(message.into())));
}

#[test]
fn a_conversation_opens_where_a_message_is_that_was_found_and_leads_to_its_end() {
    let mut page = Page::live(60);
    page.act(Action::OpenAt(conv(), Offset(20)));
    assert_eq!(asked(&mut page), None, "it is in memory");

    let mut page = Page::live(0);
    page.act(Action::Open(None));
    page.act(Action::OpenAt(conv(), Offset(100)));
    let (id, part) = asked(&mut page).unwrap();
    let Part::Before(Offset(before)) = part else { panic!("{part:?}") };
    assert!(before > 101, "some of what came after it is shown as well");
    page.answer_messages(id, messages(60..before), Some(60));
    assert_eq!(offsets(&page), (60..before).collect::<Vec<_>>());
    let chat = page.client.chat(conv());
    assert_eq!((chat.status, chat.earlier, chat.later), (ChatStatus::Ready, Edge::More, Edge::More));
    // What is said meanwhile waits for those in between.
    page.hear(&peer(), 200);
    assert_eq!(offsets(&page).last(), Some(&(before - 1)));
    page.act(Action::LoadLater);
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::After(Some(Offset(before - 1))));
    page.answer_messages(id, messages(before..201), None);
    assert_eq!(page.client.chat(conv()).later, Edge::End);
    assert_eq!(offsets(&page), (60..201).collect::<Vec<_>>());
}

#[test]
fn what_is_on_its_way_when_a_message_is_sought_does_not_take_its_place() {
    let mut page = Page::live(0);
    page.act(Action::Open(None));
    page.act(Action::Open(Some(conv_with(7))));
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::Latest);
    page.act(Action::OpenAt(conv_with(7), Offset(20)));
    assert_eq!(asked(&mut page), None);
    page.answer_messages(id, Vec::new(), None);
    let (_, part) = asked(&mut page).unwrap();
    assert!(matches!(part, Part::Before(_)), "{part:?}");
}

#[test]
fn a_message_that_was_sought_in_vain_does_not_hold_up_what_comes_next() {
    let mut page = Page::live(3);
    page.act(Action::OpenAt(conv(), Offset(100)));
    let (id, _) = asked(&mut page).unwrap();
    page.fail(id, RequestError::Network);
    page.act(Action::Open(None));
    page.act(Action::Open(Some(conv())));
    let (id, part) = asked(&mut page).unwrap();
    assert_eq!(part, Part::Latest);
    page.answer_messages(id, messages(0..3), None);
    assert_eq!(offsets(&page), [0, 1, 2]);
}

#[test]
fn the_newest_messages_are_asked_for_at_once_where_a_message_was_sought_in_vain() {
    let mut page = Page::live(3);
    page.act(Action::OpenAt(conv(), Offset(100)));
    let (id, _) = asked(&mut page).unwrap();
    page.fail(id, RequestError::Network);
    page.act(Action::JumpToLatest);
    assert_eq!(asked(&mut page).map(|(_, part)| part), Some(Part::Latest));
}

#[test]
fn what_is_around_a_message_does_not_come_in_place_of_another_that_is_sought_by_then() {
    let mut page = Page::live(0);
    page.act(Action::OpenAt(conv(), Offset(100)));
    let (id, _) = asked(&mut page).unwrap();
    page.act(Action::OpenAt(conv(), Offset(500)));
    page.answer_messages(id, messages(60..120), Some(60));
    assert!(offsets(&page).is_empty());
    let (_, part) = asked(&mut page).unwrap();
    assert!(matches!(part, Part::Before(before) if before > Offset(500)), "{part:?}");
}

/// A reader far up who seeks a message and then does something else, before what is around the message comes. Gives
/// what is asked for next.
fn asked_after_seeking_and(act: impl FnOnce(&mut Page)) -> Option<Part> {
    let mut page = detached();
    page.act(Action::OpenAt(conv(), Offset(5_000)));
    let (id, part) = asked(&mut page).unwrap();
    assert!(matches!(part, Part::Before(_)), "{part:?}");
    act(&mut page);
    page.answer_messages(id, messages(4_960..5_020), Some(4_960));
    assert_eq!(offsets(&page).first(), Some(&0));
    asked(&mut page).map(|(_, part)| part)
}

#[test]
fn whoever_goes_to_the_newest_messages_does_not_end_at_one_that_was_sought_before() {
    let next = asked_after_seeking_and(|page| page.act(Action::JumpToLatest));
    assert_eq!(next, Some(Part::Latest));
}

#[test]
fn whoever_sends_a_message_does_not_end_at_one_that_was_sought_before() {
    let next = asked_after_seeking_and(|page| {
        page.send("hello");
    });
    assert_eq!(next, Some(Part::Latest));
}

#[test]
fn a_message_that_is_looked_for_is_let_go_of_when_the_person_does_something_else() {
    for other in [
        Input::Touched,
        Input::Action(Action::JumpToLatest),
        Input::Action(Action::Open(Some(conv_with(3)))),
        Input::Action(Action::Reached),
    ] {
        let mut page = Page::live(3);
        page.act(Action::OpenAt(conv(), Offset(1)));
        assert_eq!(page.client.chat(conv()).aim, Some(Offset(1)));
        page.tell(other.clone());
        page.act(Action::Open(Some(conv())));
        assert_eq!(page.client.chat(conv()).aim, None, "{other:?}");
    }
}

#[test]
fn the_page_around_a_message_that_is_not_looked_for_any_more_replaces_nothing() {
    let asked = asked_after_seeking_and(|page| page.tell(Input::Touched));
    assert_eq!(asked, None, "what was shown stays");
}
