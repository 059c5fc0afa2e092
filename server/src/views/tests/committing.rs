//! What is told before it is committed, and who waits for that.

use super::*;
use std::time::Duration;

/// As it comes while the tail is at the log's end.
fn live(entries: Vec<Entry>, position: u64) -> Batch {
    Batch { entries, progress: vec![("all".into(), position)], caught_up: true, lag: 0 }
}

#[tokio::test]
async fn a_reader_waits_for_what_was_taken_in_before() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 1, "hello");
    bench.applier.take_in(&live(vec![entry], 1)).unwrap();
    assert!(bench.applier.due().is_some());
    assert_eq!(bench.ask(|views| views.newest_offset(there)), None);

    let views = bench.views.clone();
    let reader = tokio::spawn(async move { views.read(move |views| views.newest_offset(there)).await });
    tokio::time::timeout(Duration::from_secs(5), bench.applier.asks().next()).await.unwrap();
    assert!(!reader.is_finished());
    bench.applier.commit().unwrap();
    assert_eq!(bench.applier.due(), None);
    assert_eq!(reader.await.unwrap().unwrap(), Some(Offset(0)));
}

#[test]
fn people_and_conversations_are_committed_at_once_with_all_that_came_before() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 1, "hello");
    bench.applier.take_in(&live(vec![entry], 1)).unwrap();
    let entry = bench.streams.claim(3);
    bench.applier.take_in(&live(vec![entry], 2)).unwrap();
    assert_eq!(bench.applier.due(), None);
    assert_eq!(bench.ask(|views| views.newest_offset(there)), Some(Offset(0)));
    assert_eq!(bench.applier.checkpoint(), [("all".to_owned(), 2)].into());
}

#[tokio::test]
async fn after_an_error_what_waited_is_taken_back_and_comes_again() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 1, "hello");
    bench.applier.take_in(&live(vec![entry.clone()], 1)).unwrap();
    bench.applier.take_in(&live(Vec::new(), u64::MAX)).unwrap();
    bench.applier.commit().unwrap_err();
    assert_eq!(bench.applier.due(), None);
    assert!(bench.applier.checkpoint().is_empty());
    // Who reads now is not kept waiting.
    assert_eq!(bench.views.read(move |views| views.newest_offset(there)).await.unwrap(), None);

    let changes = bench.applier.apply(&live(vec![entry], 1)).unwrap();
    assert!(matches!(changes[0].change, Change::Posted { .. }));
    assert_eq!(bench.ask(|views| views.newest_offset(there)), Some(Offset(0)));
}

#[test]
fn the_newest_messages_are_known_as_possible_repeats_without_a_look_at_the_rows() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let may_be = |bench: &Bench, sender, id| bench.views.may_be_repeat(there, user(sender), message_id(id));
    let entries = vec![bench.streams.message(1, 1, 1, "one")];
    bench.apply(entries);
    // Nobody has asked for this conversation yet.
    assert!(may_be(&bench, 1, 9));
    assert_eq!(bench.ask(|views| views.message_by_client_id(there, user(1), message_id(9))), None);
    assert!(may_be(&bench, 1, 1));
    assert!(!may_be(&bench, 1, 9));
    assert!(!may_be(&bench, 2, 1));
    let entries = vec![bench.streams.message(1, 1, 9, "two")];
    bench.apply(entries);
    assert!(may_be(&bench, 1, 9));

    let many = (100..132).map(|id| bench.streams.message(1, 2, id, "more")).collect();
    bench.apply(many);
    assert!(!may_be(&bench, 1, 9));
    assert!((100..132).all(|id| may_be(&bench, 2, id)));
}
