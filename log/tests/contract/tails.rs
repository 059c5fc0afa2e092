//! Following all streams.

use super::Harness;
use super::support::{assert_dense, conversation, follow, next, say, texts};
use kafkatalk_log::{Checkpoint, Ledger, Stream};

pub async fn a_tail_of_an_empty_log_has_caught_up_at_once<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    while !next(&mut *tail).await.caught_up {}
}

pub async fn a_tail_hands_out_what_was_appended_before_and_after_it_was_opened<H: Harness>(harness: H) {
    let log = harness.open().await;
    for text in ["a", "b", "c"] {
        say(&*log, conversation(1), text).await;
    }
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let mut entries = follow(&mut *tail, &mut Checkpoint::new(), 3).await;
    for text in ["d", "e"] {
        say(&*log, conversation(1), text).await;
    }
    entries.extend(follow(&mut *tail, &mut Checkpoint::new(), 2).await);
    assert_eq!(texts(&entries), ["a", "b", "c", "d", "e"]);
    assert_dense(&entries, 0);
}

pub async fn a_tail_continues_from_any_checkpoint<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let mut checkpoint = Checkpoint::new();
    let mut checkpoints = vec![checkpoint.clone()];
    for number in 0..10 {
        say(&*log, conversation(number % 3), &number.to_string()).await;
        follow(&mut *tail, &mut checkpoint, 1).await;
        checkpoints.push(checkpoint.clone());
    }
    for (held, mut checkpoint) in checkpoints.into_iter().enumerate() {
        let mut tail = log.tail(checkpoint.clone()).await.unwrap();
        let mut rest = texts(&follow(&mut *tail, &mut checkpoint, 10 - held).await);
        rest.sort();
        assert_eq!(rest, (held..10).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

pub async fn who_has_come_to_the_ends_holds_all_that_was_in_the_ledgers<H: Harness>(harness: H) {
    let log = harness.open().await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let (mut held, mut entries) = (Checkpoint::new(), Vec::new());
    for round in 1..=3 {
        for ledger in Ledger::ALL {
            say(&*log, Stream::Ledger(ledger), "a fact").await;
        }
        let ends = log.ends().await.unwrap();
        let is_there =
            |held: &Checkpoint| ends.iter().all(|(name, end)| held.get(name).is_some_and(|at| at >= end));
        assert!(!is_there(&held));
        while !is_there(&held) {
            let batch = next(&mut *tail).await;
            held.extend(batch.progress);
            entries.extend(batch.entries);
        }
        assert_eq!(entries.len(), round * Ledger::ALL.len());
    }
}
