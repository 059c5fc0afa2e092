use super::queue::Reservation;
use super::*;
use crate::{Health, kafka::KafkaOptions};
use kafkatalk_protocol::ConversationId;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};
use uuid::Uuid;

/// What is done to the brokers, and what they do.
#[derive(Default)]
struct Fake {
    state: Mutex<State>,
    /// How long a question takes.
    question_takes: Duration,
    /// Whether a message without a value is never answered.
    holes_hang: bool,
    /// Called when messages without a value are to be written.
    on_holes: Option<Box<dyn Fn()>>,
}

#[derive(Default)]
struct State {
    /// Topics whose setting is changed.
    changed: BTreeSet<Stream>,
    /// Topics that were rolled: the message came while the setting held.
    rolled: Vec<Stream>,
    /// Messages that are refused yet.
    refuse_holes: usize,
    /// Set-backs that fail yet.
    refuse_set_backs: usize,
    /// Whether questions fail.
    questions_fail: bool,
    questions: usize,
}

impl Fake {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rolled(&self) -> Vec<Stream> {
        self.state().rolled.clone()
    }
}

impl Brokers for Fake {
    async fn roll_at_once(&self, streams: &[Stream], at_once: bool) -> Vec<Result<(), Wrong>> {
        sleep(Duration::from_millis(10)).await;
        let mut state = self.state();
        if !at_once && state.refuse_set_backs > 0 {
            state.refuse_set_backs -= 1;
            return streams.iter().map(|_| Err(Wrong("refused".into()))).collect();
        }
        for stream in streams {
            if at_once {
                state.changed.insert(*stream)
            } else {
                state.changed.remove(stream)
            };
        }
        streams.iter().map(|_| Ok(())).collect()
    }

    async fn roll_now(&self, streams: &[Stream]) -> Result<Vec<bool>, Wrong> {
        self.state().questions += 1;
        sleep(self.question_takes).await;
        let state = self.state();
        if state.questions_fail {
            return Err(Wrong("no answer".into()));
        }
        Ok(streams.iter().map(|stream| state.changed.contains(stream)).collect())
    }

    async fn write_holes(&self, streams: &[Stream]) -> Vec<Result<(), AppendError>> {
        if let Some(called) = &self.on_holes {
            called();
        }
        if self.holes_hang {
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_millis(10)).await;
        let mut state = self.state();
        let mut write = |stream: &Stream| {
            if state.refuse_holes > 0 {
                state.refuse_holes -= 1;
                return Err(AppendError::Unavailable("refused".into()));
            }
            if state.changed.contains(stream) {
                state.rolled.push(*stream);
            }
            Ok(())
        };
        streams.iter().map(&mut write).collect()
    }
}

fn ready() -> Arc<Shared> {
    let options = KafkaOptions::new("127.0.0.1:1");
    let names = options.check().unwrap();
    let shared = Shared::new(options, names);
    shared.set_health(Health::Ready);
    Arc::new(shared)
}

fn stream(number: u128) -> Stream {
    Stream::Conversation(ConversationId(Uuid::from_u128(number)))
}

fn due(rolls: &Arc<RollQueue>, number: u128) -> Reservation {
    let mut reservation = rolls.reserve(stream(number)).unwrap();
    reservation.is_needed();
    reservation
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_closed_waits_for_the_round_in_hand_and_its_set_back() {
    let (shared, rolls) = (ready(), Arc::new(RollQueue::default()));
    let closed = Arc::clone(&shared);
    let on_holes: Box<dyn Fn()> = Box::new(move || {
        closed.close();
        assert!(closed.appends_are_under_way(), "the producers do not wait");
    });
    let brokers = Fake { on_holes: Some(on_holes), ..Fake::default() };
    drop(due(&rolls, 1));
    serve(&shared, &brokers, &rolls).await;
    assert_eq!(brokers.rolled(), [stream(1)]);
    assert!(brokers.state().changed.is_empty());
    assert!(!shared.appends_are_under_way());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_closed_does_not_wait_for_brokers_that_say_nothing() {
    let (shared, rolls) = (ready(), Arc::new(RollQueue::default()));
    let closed = Arc::clone(&shared);
    let on_holes: Box<dyn Fn()> = Box::new(move || closed.close());
    let brokers = Fake { on_holes: Some(on_holes), holes_hang: true, ..Fake::default() };
    drop(due(&rolls, 1));
    let begun = Instant::now();
    serve(&shared, &brokers, &rolls).await;
    assert!(begun.elapsed() < limits::CLOSE_WAIT, "{:?}", begun.elapsed());
    assert!(brokers.state().changed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_rolled_is_rolled_later_though_nobody_waits() {
    let (shared, rolls) = (ready(), Arc::new(RollQueue::default()));
    let brokers = Fake::default();
    brokers.state().refuse_holes = 3 * TRIES + 1;
    let answer = due(&rolls, 1).written();
    let waits = async {
        assert!(matches!(answer.await, Ok(Err(AppendError::Unknown(_)))));
        while !rolls.streams().is_empty() {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = serve(&shared, &brokers, &rolls) => panic!("it ended"),
        () = waits => {}
    }
    assert_eq!(brokers.rolled(), [stream(1)]);
    assert!(brokers.state().changed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_rolled_once_the_brokers_are_back() {
    let (shared, rolls) = (ready(), Arc::new(RollQueue::default()));
    shared.set_health(Health::Unavailable("gone".into()));
    let brokers = Fake::default();
    let answer = due(&rolls, 1).written();
    let waits = async {
        assert!(matches!(answer.await, Ok(Err(_))));
        shared.set_health(Health::Ready);
        while !rolls.streams().is_empty() {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = serve(&shared, &brokers, &rolls) => panic!("it ended"),
        () = waits => {}
    }
    assert_eq!(brokers.rolled(), [stream(1)]);
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_could_not_be_taken_back_is_taken_back_later() {
    let (shared, rolls) = (ready(), Arc::new(RollQueue::default()));
    let brokers = Fake::default();
    brokers.state().refuse_set_backs = 1;
    drop(due(&rolls, 1));
    let waits = async {
        while !rolls.streams().is_empty() {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = serve(&shared, &brokers, &rolls) => panic!("it ended"),
        () = waits => {}
    }
    assert!(brokers.state().changed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fails_ends_the_try() {
    let (shared, rolls) = (ready(), Arc::new(RollQueue::default()));
    let brokers = Fake::default();
    brokers.state().questions_fail = true;
    let answer = due(&rolls, 1).written();
    let begun = Instant::now();
    tokio::select! {
        () = serve(&shared, &brokers, &rolls) => panic!("it ended"),
        answer = answer => assert!(matches!(answer, Ok(Err(_)))),
    }
    assert_eq!(brokers.state().questions, TRIES);
    assert!(begun.elapsed() < LOOK_WITHIN, "{:?}", begun.elapsed());
    assert!(brokers.state().changed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn brokers_that_answer_slowly_hold_a_round_for_seconds_only() {
    let (shared, rolls) = (ready(), Arc::new(RollQueue::default()));
    let brokers = Fake { question_takes: limits::REQUEST_TIMEOUT, ..Fake::default() };
    let answer = due(&rolls, 1).written();
    let begun = Instant::now();
    tokio::select! {
        () = serve(&shared, &brokers, &rolls) => panic!("it ended"),
        answer = answer => assert!(matches!(answer, Ok(Err(_)))),
    }
    assert!(begun.elapsed() < TRY_AGAIN_WITHIN, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_failed_before_does_not_keep_what_is_new_from_the_round() {
    let rolls = Arc::new(RollQueue::default());
    drop(due(&rolls, 1));
    for due in rolls.due(1).await {
        rolls.done(due, &Err(AppendError::Unknown("failed".into())));
    }
    sleep(limits::ROLL_AGAIN_AFTER).await;
    drop(due(&rolls, 2));
    let streams: Vec<_> = rolls.due(1).await.iter().map(|due| due.stream).collect();
    assert_eq!(streams, [stream(2)]);
}

#[tokio::test]
async fn topics_that_wait_are_bounded_and_one_that_waits_takes_more() {
    let rolls = Arc::new(RollQueue::default());
    let reservations: Vec<_> =
        (0..limits::ROLLS_PENDING_MAX as u128).map(|number| due(&rolls, number)).collect();
    assert!(rolls.reserve(stream(u128::MAX)).is_none());
    assert!(rolls.reserve(stream(0)).is_some());
    drop(reservations);
    assert_eq!(rolls.streams().len(), limits::ROLLS_PENDING_MAX);
}

#[test]
fn a_place_that_was_not_needed_leaves_nothing() {
    let rolls = Arc::new(RollQueue::default());
    drop(rolls.reserve(stream(1)));
    assert_eq!(rolls.streams().len(), 0);
}

/// Two topics that are there, of which the first kept the setting of a roll.
fn left_behind() -> (Arc<Shared>, Arc<RollQueue>, Fake) {
    let (shared, rolls, brokers) = (ready(), Arc::new(RollQueue::default()), Fake::default());
    for number in [1, 2] {
        shared.topics.saw(ConversationId(Uuid::from_u128(number)), Topic::Used);
    }
    brokers.state().changed.insert(stream(1));
    rolls.look_for_leftovers();
    (shared, rolls, brokers)
}

#[tokio::test(start_paused = true)]
async fn a_setting_that_a_killed_node_left_is_taken_back_once_the_brokers_say_who_has_it() {
    let (shared, rolls, brokers) = left_behind();
    brokers.state().questions_fail = true;
    let waits = async {
        while brokers.state().questions < 2 {
            sleep(LOOK_EVERY).await;
        }
        brokers.state().questions_fail = false;
        while brokers.rolled().is_empty() || !rolls.streams().is_empty() {
            sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = serve(&shared, &brokers, &rolls) => panic!("it ended"),
        () = waits => {}
    }
    assert_eq!(brokers.rolled(), [stream(1)]);
    assert!(brokers.state().changed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_another_node_is_just_rolling_is_left_to_it() {
    let (shared, rolls, brokers) = left_behind();
    let waits = async {
        while brokers.state().questions == 0 {
            sleep(LOOK_EVERY).await;
        }
        brokers.state().changed.clear();
        while brokers.state().questions < 2 {
            sleep(LOOK_EVERY).await;
        }
        sleep(LOOK_WITHIN).await;
    };
    tokio::select! {
        () = serve(&shared, &brokers, &rolls) => panic!("it ended"),
        () = waits => {}
    }
    assert!(brokers.rolled().is_empty());
    assert_eq!(rolls.streams().len(), 0);
}

#[test]
fn a_topic_that_waits_is_not_owed_twice() {
    let rolls = Arc::new(RollQueue::default());
    drop(due(&rolls, 1));
    assert!(rolls.request(stream(1)));
    assert!(rolls.request(stream(2)));
    assert_eq!(rolls.streams().len(), 2);
}
