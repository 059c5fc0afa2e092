//! The tail without brokers: what its threads would tell it, told by the test.

use super::*;
use crate::Record;
use crate::kafka::{KafkaOptions, outcome, produce};
use kafkatalk_protocol::Timestamp;
use uuid::Uuid;

mod simulation;

const NOBODY: &str = "127.0.0.1:1";

fn tail(from: &[(ConversationId, u64)]) -> KafkaTail {
    let options = KafkaOptions::new(NOBODY);
    let names = options.check().unwrap();
    let shared = Arc::new(Shared::new(options, names));
    let from = from.iter().map(|(id, next)| (Stream::Conversation(*id).to_string(), *next)).collect();
    KafkaTail::open(&shared, &Arc::default(), &from).unwrap()
}

fn id(number: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(number))
}

fn record(number: u128) -> Arc<Record> {
    let payload = serde_json::value::RawValue::from_string("{}".into()).unwrap();
    let (id, kind, at) = (Uuid::from_u128(number), "test".into(), Timestamp::default());
    Arc::new(Record { id, key: None, kind, author: None, at, payload })
}

fn ends(ends: &[(ConversationId, u64)], complete: bool) -> CatchUpEvent {
    CatchUpEvent::Swept { ends: ends.to_vec(), complete }
}

fn ledgers_end_at_once(tail: &mut KafkaTail) {
    tail.take_live(vec![Live::LedgerEnds([0; Ledger::ALL.len()])]);
}

fn has_caught_up(tail: &mut KafkaTail) -> bool {
    tail.batch().is_some_and(|batch| batch.caught_up)
}

#[test]
fn the_end_of_one_conversation_is_not_taken_for_all_there_is() {
    let mut tail = tail(&[(id(1), 3)]);
    ledgers_end_at_once(&mut tail);
    tail.take_found(CatchUpEvent::End(id(1), 3));
    assert!(!has_caught_up(&mut tail));
    tail.take_found(ends(&[(id(1), 3)], true));
    assert!(has_caught_up(&mut tail));
}

#[test]
fn a_sweep_that_does_not_know_all_ends_is_not_taken_for_all_there_is() {
    let mut tail = tail(&[]);
    ledgers_end_at_once(&mut tail);
    tail.take_found(ends(&[], false));
    assert!(!has_caught_up(&mut tail));
    tail.take_found(ends(&[(id(1), 1)], true));
    assert!(!has_caught_up(&mut tail));
    tail.take_ack(Ack::Record { conversation: id(1), offset: 0, record: record(1) });
    assert!(has_caught_up(&mut tail));
}

#[test]
fn a_ledger_with_nothing_but_holes_at_its_end_is_passed() {
    let mut tail = tail(&[]);
    let mut ledger_ends = [0; Ledger::ALL.len()];
    ledger_ends[position(Ledger::Users)] = 2;
    tail.take_live(vec![Live::LedgerEnds(ledger_ends)]);
    tail.take_found(ends(&[], true));
    assert!(!has_caught_up(&mut tail));
    tail.take_live(vec![Live::LedgerHole { ledger: Ledger::Users, to: 2 }]);
    assert!(has_caught_up(&mut tail));
}

#[test]
fn a_topic_that_grew_while_the_sweep_was_on_its_way_is_looked_at_again_and_not_called_damaged() {
    let mut tail = tail(&[(id(1), 3)]);
    ledgers_end_at_once(&mut tail);
    tail.take_ack(Ack::Record { conversation: id(1), offset: 3, record: record(1) });
    tail.take_found(ends(&[(id(1), 3)], true));
    assert_eq!(tail.suspects.get(&id(1)), Some(&4));
    assert_eq!(tail.damaged, None);
    assert!(has_caught_up(&mut tail));
}

#[test]
fn a_topic_that_is_surely_shorter_is_damage_and_takes_no_more_records() {
    let mut tail = tail(&[(id(1), 100)]);
    tail.take_found(CatchUpEvent::Shorter { conversation: id(1), end: 90, position: 100 });
    assert!(tail.damaged.as_ref().is_some_and(|why| why.contains(&id(1).to_string())), "{:?}", tail.damaged);
    tail.shared.topics.saw(id(1), Topic::Met);
    tail.shared.topics.met(id(1));
    assert_eq!(tail.shared.topics.get(id(1)), Some(Topic::Damaged));
}

#[test]
fn a_record_acknowledged_in_the_place_of_another_is_damage() {
    let mut tail = tail(&[]);
    let ack = |offset, number| Ack::Record { conversation: id(1), offset, record: record(number) };
    tail.take_ack(ack(0, 1));
    tail.take_ack(ack(0, 1));
    assert_eq!(tail.damaged, None, "a late record is the same record");
    tail.take_ack(ack(0, 2));
    assert!(tail.damaged.is_some());
}

#[test]
fn an_acknowledged_record_that_its_topic_does_not_hold_is_damage() {
    let mut tail = tail(&[]);
    tail.take_ack(Ack::Record { conversation: id(1), offset: 5, record: record(1) });
    for _ in 0..limits::RESEQUENCER.fruitless_reads {
        let due = tail.resequencer.next_due().unwrap();
        assert_eq!(tail.resequencer.wanted(due, 1).len(), 1);
        tail.take_found(CatchUpEvent::Finished(vec![(id(1), Some(2))]));
    }
    assert!(tail.damaged.is_some());
}

#[test]
fn a_message_that_stands_for_nothing_at_a_place_that_nobody_told_is_no_hole_at_the_beginning() {
    let mut tail = tail(&[]);
    let (waiter, mut answer) = tokio::sync::oneshot::channel();
    let stream = Stream::Conversation(id(1));
    assert!(produce::hole_reported(&tail.shared, stream, Err(outcome::UNKNOWN_PLACE), waiter).is_none());
    assert!(matches!(answer.try_recv(), Ok(Err(error)) if error.may_be_written()));
    tail.take_waiting();
    assert_eq!(tail.resequencer.next(id(1)), 0);
}

#[test]
fn a_hole_that_another_node_tells_of_is_not_read() {
    let mut tail = tail(&[]);
    let copied = |offset| Live::Copied { conversation: id(1), offset, record: record(1) };
    tail.take_live(vec![Live::Hole { conversation: id(1), offset: 1 }, copied(2), copied(0)]);
    assert_eq!(tail.resequencer.next(id(1)), 3);
    assert_eq!(tail.resequencer.next_due(), None);
}

#[test]
fn a_message_that_stands_for_nothing_and_may_be_written_is_looked_up() {
    let mut tail = tail(&[]);
    let waiter = tokio::sync::oneshot::channel().0;
    produce::hole_reported(&tail.shared, Stream::Conversation(id(1)), Err(outcome::UNKNOWN_PLACE), waiter);
    tail.take_waiting();
    assert!(tail.look_up.contains(&id(1)));
}

#[test]
fn a_ledger_read_again_is_damage_only_where_it_holds_something_else() {
    let mut tail = tail(&[]);
    let read = |number| Live::Ledger { ledger: Ledger::Users, offset: 0, record: Some(record(number)) };
    tail.take_live(vec![read(1), read(1)]);
    assert_eq!(tail.damaged, None);
    tail.take_live(vec![read(2)]);
    assert!(tail.damaged.is_some());
}

#[tokio::test]
async fn damage_is_told_by_every_call() {
    let mut tail = tail(&[]);
    tail.take_live(vec![Live::Shorter { topic: "kafkatalk.users".into(), end: 1, position: 2 }]);
    for _ in 0..2 {
        let told = tail.next().await;
        assert!(matches!(&told, Err(ReadError::Damaged(why)) if why.contains("kafkatalk.users")), "{told:?}");
    }
}

#[test]
fn a_batch_is_handed_out_when_it_is_large_though_it_has_few_records() {
    let mut tail = tail(&[]);
    let payload = serde_json::value::RawValue::from_string(format!("\"{}\"", "x".repeat(800_000))).unwrap();
    for offset in 0..20 {
        let record = Record { payload: payload.clone(), ..(*record(offset.into())).clone() };
        tail.shared.tell(|| Ack::Record { conversation: id(1), offset, record: Arc::new(record.clone()) });
    }
    tail.take_waiting();
    let bytes: usize = tail.batch().unwrap().entries.iter().map(|entry| entry.record.bytes()).sum();
    assert!((limits::BATCH_BYTES_MAX..limits::BATCH_BYTES_MAX + 1_000_000).contains(&bytes), "{bytes}");
}

fn erasing() -> Arc<Record> {
    Arc::new(Record::erasing(Uuid::now_v7(), Uuid::nil(), None, Timestamp::default()))
}

/// A tail that holds an erasing record and nothing behind it, and has said that it holds all there is.
async fn that_saw_an_erasure() -> KafkaTail {
    let mut tail = tail(&[]);
    ledgers_end_at_once(&mut tail);
    tail.take_ack(Ack::Record { conversation: id(1), offset: 0, record: record(1) });
    tail.take_ack(Ack::Record { conversation: id(1), offset: 1, record: erasing() });
    tail.take_found(ends(&[(id(1), 2)], true));
    assert!(tail.next().await.unwrap().unwrap().caught_up);
    tail
}

#[tokio::test(start_paused = true)]
async fn an_erasure_whose_topic_nobody_rolls_is_rolled_by_who_follows() {
    let mut tail = that_saw_an_erasure().await;
    tail.roll();
    assert_eq!(tail.rolls.streams(), [Stream::Conversation(id(1))], "alone, it waits for nobody");
}

#[tokio::test(start_paused = true)]
async fn an_erasure_is_left_to_the_node_that_wrote_it_until_that_is_gone() {
    let mut tail = tail(&[]);
    ledgers_end_at_once(&mut tail);
    tail.take_found(ends(&[], true));
    assert!(has_caught_up(&mut tail));
    tail.take_live(vec![Live::Copied { conversation: id(1), offset: 0, record: erasing() }]);
    assert!(tail.batch().is_some());
    tail.roll();
    assert!(tail.rolls.streams().is_empty());
    tail.take_live(vec![Live::NodeGone]);
    tail.roll();
    assert_eq!(tail.rolls.streams(), [Stream::Conversation(id(1))]);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_carries_an_erasure_over_a_kill_until_its_topic_is_rolled() {
    let mut before = tail(&[]);
    before.take_ack(Ack::Record { conversation: id(1), offset: 0, record: erasing() });
    let mut checkpoint: Checkpoint = before.batch().unwrap().progress.into_iter().collect();
    let mut after = KafkaTail::open(&before.shared, &Arc::default(), &checkpoint).unwrap();
    ledgers_end_at_once(&mut after);
    after.take_found(ends(&[(id(1), 1)], true));
    assert!(has_caught_up(&mut after));
    after.roll();
    assert_eq!(after.rolls.streams(), [Stream::Conversation(id(1))]);
    after.take_ack(Ack::Hole { conversation: id(1), offset: 1 });
    checkpoint.extend(after.batch().unwrap().progress);
    let next = KafkaTail::open(&before.shared, &Arc::default(), &checkpoint).unwrap();
    assert_eq!(next.unrolled.next_due(), None);
}
