//! What is told before it is committed, and who waits for that.

use super::*;
use crate::features::messages::project::Posted;
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
    bench.applier.put(&live(vec![entry], 1)).unwrap();
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
    bench.applier.put(&live(vec![entry], 1)).unwrap();
    let entry = bench.streams.claim(3);
    bench.applier.put(&live(vec![entry], 2)).unwrap();
    assert_eq!(bench.applier.due(), None);
    assert_eq!(bench.ask(|views| views.newest_offset(there)), Some(Offset(0)));
    assert_eq!(bench.applier.checkpoint(), [("all".to_owned(), 2)].into());
}

#[tokio::test]
async fn after_an_error_what_waited_is_taken_back_and_comes_again() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 1, "hello");
    bench.applier.put(&live(vec![entry.clone()], 1)).unwrap();
    bench.applier.put(&live(Vec::new(), u64::MAX)).unwrap();
    bench.applier.commit().unwrap_err();
    assert_eq!(bench.applier.due(), None);
    assert!(bench.applier.checkpoint().is_empty());
    // Who reads now is not kept waiting.
    assert_eq!(bench.views.read(move |views| views.newest_offset(there)).await.unwrap(), None);

    // And until a commit succeeds, nothing is told before it.
    let applied = bench.applier.put(&live(vec![entry], 1)).unwrap();
    let Some(Posted::Placed(message)) = applied[0].outcome::<MessagePosted>() else { panic!("{applied:?}") };
    assert_eq!(message.previous, None);
    assert_eq!(bench.applier.due(), None);
    assert_eq!(bench.ask(|views| views.newest_offset(there)), Some(Offset(0)));
    let entry = bench.streams.message(1, 1, 2, "later");
    bench.applier.put(&live(vec![entry], 2)).unwrap();
    assert!(bench.applier.due().is_some());
}

#[test]
fn what_is_read_while_catching_up_and_what_is_much_is_committed_at_once() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 1, "hello");
    bench.applier.put(&Batch { caught_up: false, ..live(vec![entry], 1) }).unwrap();
    assert_eq!(bench.applier.due(), None);
    let mut next = 2;
    while bench.applier.checkpoint()["all"] == 1 {
        let entries = (0..100).map(|id| bench.streams.message(1, 1, next * 100 + id, "hello")).collect();
        bench.applier.put(&live(entries, next.into())).unwrap();
        next += 1;
    }
    assert_eq!(next, 12);
}

#[tokio::test]
async fn who_reads_is_not_kept_waiting_by_an_applier_that_is_gone() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 1, "hello");
    bench.applier.put(&live(vec![entry], 1)).unwrap();
    let views = bench.views.clone();
    let reader = tokio::spawn(async move { views.read(move |views| views.newest_offset(there)).await });
    tokio::time::timeout(Duration::from_secs(5), bench.applier.asks().next()).await.unwrap();
    drop(bench.applier);
    let answer = tokio::time::timeout(Duration::from_secs(5), reader).await.unwrap().unwrap();
    assert_eq!(answer.unwrap(), None);
}

#[test]
fn the_write_ahead_log_is_copied_into_the_file_meanwhile() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let bytes = || std::fs::metadata(bench.folder.path().join("views.sqlite")).unwrap().len();
    let before = bytes();
    let mut streams = std::mem::take(&mut bench.streams);
    for id in 0..600 {
        let entry = streams.message(1, 1, id, "hello");
        bench.applier.apply(&live(vec![entry], 1)).unwrap();
    }
    let begun = std::time::Instant::now();
    while bytes() < before + 20_000 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} bytes", bytes());
        std::thread::yield_now();
    }
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
