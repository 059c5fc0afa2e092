use crate::harness::{Page, conv, me, user};
use kafkatalk_app::client::{Action, Effect, FetchError, Input, Link, limits};
use kafkatalk_protocol::{ClientFrame, ErrorCode, Offset, ServerFrame};

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
    page.fail(id, FetchError::Refused { code, retry_after_seconds: None });
    assert_eq!(link(&page), Link::Ended);
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

#[test]
fn signing_out_leaves_nothing_on_the_device_and_leaves_the_way_to_the_form() {
    let mut page = Page::live(0);
    page.send("under way");
    page.act(Action::Draft(conv(), "begun".into()));
    let socket = page.socket();
    page.effects.clear();
    page.draw();
    page.act(Action::SignOut);
    assert_eq!(page.effects, [Effect::Close(socket), Effect::Forget]);
    assert!(!page.client.has_changed());
    page.tell(Input::Closed(socket, 4401));
    page.tell(Input::Visible(false));
    page.pass(60_000);
    assert_eq!(page.effects, [Effect::Close(socket), Effect::Forget]);
    assert_eq!((link(&page), page.client.link().waiting), (Link::Ended, 0));
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
