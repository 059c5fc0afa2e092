use crate::api::{Answer, refused};
use crate::harness::{Page, conv, me, user};
use kafkatalk_app::client::{
    Action, Effect, Input, Link, NotTaken, Request, RequestError, RequestId, SocketId, limits,
};
use kafkatalk_protocol::{Body, ClientFrame, ErrorCode, Offset, ServerFrame};

fn link(page: &Page) -> Link {
    page.client.link().link
}

#[test]
fn the_first_word_on_a_socket_says_what_is_held() {
    let mut page = Page::with_messages(3);
    page.start();
    page.tell(Input::Opened(page.socket()));
    let (positions, records) = ([(conv(), Offset(2))].into(), [(conv(), Offset(2))].into());
    let hello = ClientFrame::Hello { positions, records, signals: true };
    assert!(page.effects.contains(&Effect::Transmit(page.socket(), hello)));
}

#[test]
fn a_page_is_live_when_the_server_says_ready() {
    let mut page = Page::with_messages(0);
    page.start();
    page.tell(Input::Opened(page.socket()));
    assert_eq!(link(&page), Link::Connecting);
    page.ready(&me());
    assert_eq!(link(&page), Link::Live);
}

#[test]
fn waits_between_attempts_grow_up_to_a_limit() {
    let mut page = Page::with_messages(0);
    page.start();
    let mut waits = Vec::new();
    for _ in 0..12 {
        page.tell(Input::Closed(page.socket(), 1006));
        let Link::Waiting(until) = link(&page) else { panic!("{:?}", link(&page)) };
        waits.push(until.since(page.now().ticks));
        page.pass(until.since(page.now().ticks));
    }
    assert!(waits[0] <= limits::RECONNECT_BASE_MS);
    assert!(waits[5] >= 4_000, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= limits::RECONNECT_MAX_MS), "{waits:?}");
    assert_eq!(page.connects(), 13);
}

#[test]
fn a_socket_that_never_becomes_ready_is_given_up() {
    let mut page = Page::with_messages(0);
    page.start();
    let socket = page.socket();
    page.tell(Input::Opened(socket));
    page.pass(limits::READY_DEADLINE_MS);
    assert!(page.effects.contains(&Effect::Close(socket)));
}

#[test]
fn a_node_that_goes_away_is_left_for_another_at_once() {
    let mut page = Page::live(0);
    page.pass(limits::STABLE_MS);
    page.tell(Input::Closed(page.socket(), 1001));
    page.pass(limits::RECONNECT_ASKED_MS);
    assert_eq!(page.connects(), 2);
}

#[test]
fn a_server_that_turns_everyone_away_is_not_stormed() {
    let mut page = Page::live(0);
    for _ in 0..200 {
        page.tell(Input::Closed(page.socket(), 1001));
        page.pass(500);
        page.tell(Input::Opened(page.socket()));
        page.ready(&me());
    }
    assert!(page.connects() < 30, "{} attempts in 100 s", page.connects());
}

#[test]
fn a_silent_socket_is_pinged_and_then_given_up() {
    let mut page = Page::live(0);
    let socket = page.socket();
    page.pass(limits::PING_IDLE_MS);
    assert_eq!(page.take_frames(), [ClientFrame::Ping]);
    page.pass(limits::PONG_DEADLINE_MS);
    assert!(page.effects.contains(&Effect::Close(socket)));
    assert!(matches!(link(&page), Link::Waiting(_) | Link::Connecting));
}

#[test]
fn a_pong_keeps_the_socket() {
    let mut page = Page::live(0);
    page.pass(limits::PING_IDLE_MS);
    page.frame(ServerFrame::Pong);
    page.pass(limits::PONG_DEADLINE_MS + 1_000);
    assert_eq!(link(&page), Link::Live);
}

#[test]
fn without_a_network_the_page_says_so_and_connects_when_it_is_back() {
    let mut page = Page::live(0);
    page.pass(10_000);
    page.tell(Input::Online(false));
    assert_eq!(link(&page), Link::Offline);
    page.tell(Input::Closed(page.socket(), 1006));
    page.pass(2_000);
    let before = page.connects();
    page.tell(Input::Online(false));
    page.tell(Input::Closed(page.socket(), 1006));
    page.pass(1_000);
    page.tell(Input::Online(true));
    page.pass(limits::HURRY_INTERVAL_MS);
    assert!(page.connects() > before);
}

#[test]
fn a_server_that_needs_no_network_is_reached_all_the_same() {
    let mut page = Page::live(0);
    page.tell(Input::Online(false));
    page.pass(2_000);
    page.tell(Input::Opened(page.socket()));
    page.ready(&me());
    assert_eq!(link(&page), Link::Live);
}

#[test]
fn who_looks_at_the_page_need_not_wait() {
    let mut page = Page::with_messages(0);
    page.start();
    for _ in 0..8 {
        page.tell(Input::Closed(page.socket(), 1006));
        if let Link::Waiting(until) = link(&page) {
            page.pass(until.since(page.now().ticks));
        }
    }
    page.tell(Input::Closed(page.socket(), 1006));
    page.pass(limits::HURRY_INTERVAL_MS);
    let before = page.connects();
    page.tell(Input::Visible(true));
    assert_eq!(page.connects(), before + 1);
}

#[test]
fn an_ended_session_goes_to_the_sign_in_page_and_rests() {
    let mut page = Page::live(0);
    page.tell(Input::Closed(page.socket(), 4401));
    assert!(page.effects.contains(&Effect::SessionEnded));
    page.pass(3_600_000);
    page.tell(Input::Online(true));
    assert_eq!(page.connects(), 1);
    assert_eq!(link(&page), Link::Ended);
}

#[test]
fn a_socket_that_is_refused_makes_the_page_ask_for_its_session() {
    let mut page = Page::with_messages(0);
    page.start();
    page.tell(Input::Closed(page.socket(), 1006));
    let (id, _) = page.take_requests().pop().expect("the session is asked for");
    let code = ErrorCode::Unauthenticated;
    page.fail(id, refused(code));
    assert_eq!(link(&page), Link::Ended);
}

#[test]
fn a_request_of_the_finder_that_finds_the_session_ended_ends_it_here() {
    let mut page = Page::live(0);
    page.tell(Input::Unauthenticated);
    assert!(page.effects.contains(&Effect::SessionEnded));
    assert_eq!(link(&page), Link::Ended);
    page.effects.clear();
    page.tell(Input::Unauthenticated);
    assert_eq!(page.effects, [], "it ends once");
}

#[test]
fn nothing_is_sent_in_the_name_of_another_who_signed_in_on_this_device() {
    let mut page = Page::with_messages(0);
    page.start();
    page.send("mine");
    page.tell(Input::Opened(page.socket()));
    page.ready(&user(5));
    assert_eq!(page.take_sent(), []);
    assert_eq!(link(&page), Link::Ended);
}

#[test]
fn news_of_an_old_socket_is_ignored() {
    let mut page = Page::live(0);
    let old = page.socket();
    page.tell(Input::Closed(old, 1006));
    page.pass(2_000);
    page.tell(Input::Closed(old, 4401));
    assert_ne!(link(&page), Link::Ended);
    page.tell(Input::Opened(old));
    assert_eq!(page.effects.last(), Some(&Effect::Close(old)));
}

#[test]
fn a_person_may_connect_now() {
    let mut page = Page::with_messages(0);
    page.start();
    for _ in 0..8 {
        page.tell(Input::Closed(page.socket(), 1006));
        page.pass(1_000);
        page.act(Action::ConnectNow);
    }
    assert_eq!(page.connects(), 9);
}

#[test]
fn every_change_of_the_connection_is_told() {
    let mut page = Page::with_messages(0);
    page.start();
    page.draw();
    for _ in 0..3 {
        page.tell(Input::Closed(page.socket(), 1006));
        assert!(page.client.take_link().is_some(), "it is lost");
        let Link::Waiting(until) = link(&page) else { panic!("{:?}", link(&page)) };
        page.pass(until.since(page.now().ticks));
        assert_eq!(link(&page), Link::Connecting);
        assert!(page.client.take_link().is_some(), "it is tried by itself");
    }
    page.tell(Input::Closed(page.socket(), 1006));
    page.ms += limits::HURRY_INTERVAL_MS;
    page.draw();
    page.act(Action::ConnectNow);
    assert_eq!(link(&page), Link::Connecting);
    assert!(page.client.take_link().is_some(), "it is tried by a person");
    assert!(page.client.link().was_tried);
}

/// A page with a message under way and a draft, whose person signs out; the request for it, and the socket.
fn signing_out() -> (Page, RequestId, SocketId) {
    let mut page = Page::live(0);
    let socket = page.socket();
    page.send("under way");
    page.act(Action::Draft(conv(), "begun".into()));
    page.effects.clear();
    page.act(Action::SignOut);
    let [Effect::Fetch(request, asked)] = &page.effects[..] else { panic!("{:?}", page.effects) };
    assert_eq!((asked.method, &*asked.path), ("DELETE", "/sessions/current"));
    let request = *request;
    page.effects.clear();
    (page, request, socket)
}

fn is_empty(page: &Page) -> bool {
    page.client.list().rows.is_empty() && page.texts().is_empty() && page.client.draft(conv()).is_empty()
}

#[test]
fn signing_out_leaves_nothing_on_the_device_nor_on_the_screen_once_the_server_has_ended_the_session() {
    let (mut page, request, socket) = signing_out();
    assert!(!is_empty(&page), "not before");
    page.tell(Input::Answered(request, Ok(String::new())));
    let done = [Effect::Close(socket), Effect::Forget, Effect::SignedOut];
    assert_eq!(page.effects, done);
    assert!(is_empty(&page));
    page.tell(Input::Closed(socket, 4401));
    page.tell(Input::Visible(false));
    page.pass(60_000);
    assert_eq!(page.effects, done);
    assert_eq!((link(&page), page.client.link().waiting), (Link::Ended, 0));
}

#[test]
fn a_socket_that_tells_of_the_end_before_the_answer_comes_ends_signing_out_as_well() {
    let (mut page, _, socket) = signing_out();
    page.tell(Input::Closed(socket, 4401));
    assert_eq!(page.effects, [Effect::Forget, Effect::SignedOut]);
}

#[test]
fn signing_out_deletes_nothing_while_the_server_cannot_end_the_session() {
    for error in [RequestError::Network, refused(ErrorCode::LogUnavailable)] {
        let (mut page, request, _) = signing_out();
        page.fail(request, error);
        assert!(page.client.link().sign_out_failed && !is_empty(&page));
        assert_eq!((link(&page), page.client.link().waiting), (Link::Live, 1));
        let drops = |effect: &Effect| matches!(effect, Effect::Forget | Effect::SignedOut);
        assert!(!page.effects.iter().any(drops));
        page.act(Action::SignOut);
        let (again, _) = page.effects.iter().rev().find_map(fetched).expect("the server is asked again");
        page.tell(Input::Answered(again, Err(refused(ErrorCode::Unauthenticated))));
        assert!(page.effects.ends_with(&[Effect::Forget, Effect::SignedOut]));
    }
}

#[test]
fn signing_out_whose_answer_is_lost_deletes_everything_once_the_session_is_known_to_have_ended() {
    let (mut page, request, _) = signing_out();
    page.fail(request, RequestError::Network);
    let (probe, asked) = page.effects.iter().find_map(fetched).expect("the server is asked");
    assert_eq!(asked.path, "/me");
    page.effects.clear();
    page.tell(Input::Answered(probe, Err(refused(ErrorCode::Unauthenticated))));
    assert!(page.effects.ends_with(&[Effect::Forget, Effect::SignedOut]), "{:?}", page.effects);
    assert!(is_empty(&page));
}

#[test]
fn signing_out_whose_answer_is_lost_has_failed_where_the_session_still_stands() {
    let (mut page, request, socket) = signing_out();
    page.fail(request, RequestError::Network);
    let (probe, _) = page.effects.iter().find_map(fetched).expect("the server is asked");
    page.answer(probe, &Answer::Session(me()));
    assert!(page.client.link().sign_out_failed && !is_empty(&page));
    // The session ends later, for another reason: what was written stays.
    let (mut later, effects) = (page, |effect: &Effect| matches!(effect, Effect::Forget));
    later.tell(Input::Closed(socket, 4401));
    assert!(!later.effects.iter().any(effects) && later.effects.contains(&Effect::SessionEnded));
}

#[test]
fn signing_out_is_asked_for_however_much_is_fetched_and_may_take_longer_than_that() {
    let (mut page, request, _) = signing_out();
    page.pass(limits::FETCH_DEADLINE_MS + 1);
    assert!(!page.client.link().sign_out_failed);
    page.tell(Input::Answered(request, Ok(String::new())));
    assert!(page.effects.ends_with(&[Effect::Forget, Effect::SignedOut]));
}

#[test]
fn that_signing_out_failed_is_said_until_the_connection_is_back() {
    let (mut page, request, socket) = signing_out();
    page.fail(request, refused(ErrorCode::LogUnavailable));
    assert!(page.client.link().sign_out_failed);
    page.tell(Input::Closed(socket, 1006));
    page.pass(limits::RECONNECT_MAX_MS);
    page.connect();
    assert!(!page.client.link().sign_out_failed);
}

#[test]
fn a_session_that_turns_out_to_be_somebody_elses_ends_here() {
    let (mut page, request, _) = signing_out();
    page.fail(request, RequestError::Network);
    let (probe, _) = page.effects.iter().find_map(fetched).expect("the server is asked");
    page.answer(probe, &Answer::Session(user(2)));
    assert_eq!(link(&page), Link::Ended);
}

fn fetched(effect: &Effect) -> Option<(RequestId, &Request)> {
    if let Effect::Fetch(id, request) = effect { Some((*id, request)) } else { None }
}

#[test]
fn a_page_whose_session_has_ended_shows_takes_and_keeps_nothing_and_leads_on_when_it_comes_back() {
    let mut page = Page::live(3);
    page.act(Action::Draft(conv(), "begun".into()));
    page.tell(Input::Closed(page.socket(), 4401));
    assert!(page.effects.contains(&Effect::StoreDraft(conv(), Some("begun".into()))), "they come back");
    assert!(is_empty(&page));
    page.effects.clear();
    let body = Body::parse("of a stranger").unwrap();
    assert_eq!(page.client.send(conv(), body, page.now()), Err(NotTaken::SignedOut));
    page.act(Action::Draft(conv(), "of a stranger".into()));
    page.act(Action::Open(Some(conv())));
    page.tell(Input::Visible(false));
    page.pass(60_000);
    assert_eq!(page.effects, []);
    page.tell(Input::Visible(true));
    assert_eq!(page.effects, [Effect::SessionEnded]);
}

#[test]
fn a_device_that_slept_finds_out_at_once_whether_its_socket_lives() {
    let mut page = Page::live(0);
    page.pass(limits::CLOCK_LOOK_MS - 1);
    page.take_frames();
    page.wall_ahead_ms += 90_000;
    // The timer that was set before the sleep.
    page.pass(1);
    assert_eq!(page.take_frames(), [ClientFrame::Ping]);
    page.pass(limits::PONG_DEADLINE_MS);
    assert!(matches!(link(&page), Link::Waiting(_) | Link::Connecting));
}

#[test]
fn a_pong_or_a_sign_is_no_occasion_to_look_at_anything_else() {
    let mut page = Page::live(3);
    page.act(Action::Draft(conv(), "begun".into()));
    page.ms += limits::DRAFT_DELAY_MS;
    let before = page.effects.len();
    page.frame(ServerFrame::Pong);
    page.frame(ServerFrame::Typing { conversation: conv(), user: user(2).id });
    assert_eq!(page.effects.len(), before);
    page.tell(Input::Timer);
    assert!(page.effects.len() > before, "what is due is done when its moment is told");
}

#[test]
fn a_pong_or_a_record_without_effect_changes_nothing_that_is_drawn() {
    let mut page = Page::live(3);
    page.draw();
    for frame in [
        ServerFrame::Pong,
        ServerFrame::Record { conversation: conv(), record: Offset(3), previous_record: Some(Offset(2)) },
    ] {
        page.frame(frame.clone());
        assert!(!page.client.has_changed(), "{frame:?}");
    }
}
