use super::*;
use kafkatalk_protocol::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

const LIMITS: Limits = Limits {
    held_per_conversation: 4,
    held_in_total: 6,
    held_bytes: 1_000,
    grace: Duration::from_millis(20),
    retry: Duration::from_millis(50),
    fruitless_reads: 3,
};

fn record(conversation: u128, offset: u64) -> Arc<Record> {
    let payload = serde_json::value::RawValue::from_string("{}".into()).unwrap();
    let id = Uuid::from_u128((conversation << 64) | u128::from(offset));
    Arc::new(Record { id, key: None, kind: "test".into(), author: None, at: Timestamp::default(), payload })
}

fn id(n: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(n))
}

fn offsets(out: &[Entry]) -> Vec<u64> {
    out.iter().map(|entry| entry.offset.0).collect()
}

/// A log with holes, and the rest of the world: what the brokers would answer to a direct read.
struct World {
    logs: Vec<Vec<bool>>,
    now: Instant,
    out: Vec<Entry>,
    resequencer: Resequencer,
}

impl World {
    fn new(logs: Vec<Vec<bool>>) -> Self {
        let resequencer = Resequencer::new(LIMITS, HashMap::new());
        Self { logs, now: Instant::now(), out: Vec::new(), resequencer }
    }

    /// Tells what stands there: a record, or a hole that a node wrote.
    fn offer(&mut self, conversation: usize, offset: usize) {
        let is_record = self.logs[conversation][offset];
        let (n, offset) = (conversation as u128, offset as u64);
        if is_record {
            self.resequencer.offer(id(n), offset, record(n, offset), self.now, &mut self.out);
        } else {
            self.resequencer.offer_hole(id(n), offset, self.now, &mut self.out);
        }
        assert!(self.resequencer.held() <= LIMITS.held_in_total);
    }

    /// Answers what is due. A read that fails half way tells what it had, and that it does not know the end.
    fn answer(&mut self, fails_after: Option<usize>) {
        for want in self.resequencer.wanted(self.now, 2) {
            let n = want.conversation.0.as_u128();
            let log = self.logs[usize::try_from(n).unwrap()].clone();
            let (mut from, mut told) = (want.from, 0);
            let to = want.to.min(log.len() as u64);
            for offset in want.from..to {
                if fails_after.is_some_and(|after| told >= after) {
                    break;
                }
                if log[usize::try_from(offset).unwrap()] {
                    self.stretch(n, from, offset + 1, true);
                    from = offset + 1;
                    told += 1;
                }
            }
            let whole = fails_after.is_none_or(|after| told < after);
            if whole && from < to {
                self.stretch(n, from, to, false);
            }
            let end = whole.then_some(log.len() as u64);
            self.resequencer.finished(want.conversation, end, self.now);
        }
    }

    fn stretch(&mut self, n: u128, from: u64, to: u64, with_record: bool) {
        let record = with_record.then(|| record(n, to - 1));
        let stretch = Stretch { conversation: id(n), from, to, record };
        self.resequencer.read(stretch, self.now, &mut self.out);
    }

    /// Tells all ends, as a sweep does, and answers until nothing is missing.
    fn settle(&mut self) {
        for n in 0..self.logs.len() {
            self.resequencer.hear_of(id(n as u128), self.logs[n].len() as u64, self.now);
        }
        for _ in 0..1_000 {
            let Some(due) = self.resequencer.next_due() else { return };
            self.now = self.now.max(due);
            self.answer(None);
        }
        panic!("it never comes to rest");
    }

    fn emitted(&self, conversation: usize) -> Vec<u64> {
        let stream = Stream::Conversation(id(conversation as u128));
        self.out.iter().filter(|entry| entry.stream == stream).map(|entry| entry.offset.0).collect()
    }

    fn expected(&self, conversation: usize) -> Vec<u64> {
        let log = self.logs[conversation].iter().enumerate();
        log.filter(|(_, there)| **there).map(|(offset, _)| offset as u64).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Offer(usize, usize),
    Hear(usize, usize),
    Answer(Option<usize>),
    Repeat(usize, usize, usize),
    Wait(u64),
}

fn steps(conversations: usize, length: usize) -> impl Strategy<Value = Vec<Step>> {
    let place = (0..conversations, 0..length);
    let step = prop_oneof![
        8 => place.clone().prop_map(|(c, o)| Step::Offer(c, o)),
        1 => place.clone().prop_map(|(c, o)| Step::Hear(c, o)),
        3 => proptest::option::of(0..4_usize).prop_map(Step::Answer),
        1 => (place, 1..8_usize).prop_map(|((c, o), n)| Step::Repeat(c, o, n)),
        2 => (0..60_u64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn any_interleaving_loss_and_repetition_gives_the_same_output(
        logs in proptest::collection::vec(proptest::collection::vec(proptest::bool::weighted(0.85), 16), 3),
        steps in steps(3, 16),
    ) {
        let mut world = World::new(logs);
        for step in steps {
            match step {
                Step::Offer(c, o) => world.offer(c, o),
                Step::Hear(c, o) => world.resequencer.hear_of(id(c as u128), o as u64, world.now),
                Step::Answer(fails_after) => world.answer(fails_after),
                Step::Repeat(c, from, n) => (from..(from + n).min(16)).for_each(|o| {
                    // A direct read of somebody else, of a part that nobody asked for.
                    let there = world.logs[c][o];
                    world.stretch(c as u128, o as u64, o as u64 + 1, there);
                }),
                Step::Wait(ms) => world.now += Duration::from_millis(ms),
            }
        }
        world.settle();
        for conversation in 0..3 {
            prop_assert_eq!(world.emitted(conversation), world.expected(conversation));
        }
        prop_assert_eq!(world.resequencer.held(), 0);
        prop_assert_eq!(world.resequencer.lag(), 0);
        prop_assert_eq!(world.resequencer.next_due(), None);
    }
}

#[test]
fn records_in_order_pass_at_once() {
    let mut world = World::new(vec![vec![true; 3]]);
    (0..3).for_each(|offset| world.offer(0, offset));
    assert_eq!(offsets(&world.out), [0, 1, 2]);
    assert_eq!(world.resequencer.take_moved(), [(id(0), 3)]);
}

#[test]
fn a_late_record_is_waited_for_before_it_is_asked_for() {
    let mut world = World::new(vec![vec![true; 3]]);
    world.offer(0, 1);
    assert_eq!(world.resequencer.wanted(world.now, 9), []);
    world.now += LIMITS.grace;
    assert_eq!(world.resequencer.wanted(world.now, 9), [Want { conversation: id(0), from: 0, to: 1 }]);
    world.offer(0, 0);
    assert_eq!(offsets(&world.out), [0, 1]);
}

#[test]
fn a_hole_that_comes_before_the_record_before_it_is_not_asked_for() {
    let mut world = World::new(vec![vec![true, false, true]]);
    world.offer(0, 1);
    world.offer(0, 2);
    world.offer(0, 0);
    assert_eq!(offsets(&world.out), [0, 2]);
    assert_eq!(world.resequencer.next_due(), None);
}

#[test]
fn a_gap_that_is_being_read_is_not_asked_for_twice() {
    let mut world = World::new(vec![vec![true; 3]]);
    world.offer(0, 1);
    world.now += LIMITS.grace;
    assert_eq!(world.resequencer.wanted(world.now, 9).len(), 1);
    world.offer(0, 2);
    assert_eq!(world.resequencer.wanted(world.now + LIMITS.retry, 9), []);
}

#[test]
fn a_checkpoint_starts_in_the_middle() {
    let mut out = Vec::new();
    let mut resequencer = Resequencer::new(LIMITS, HashMap::from([(id(0), 2)]));
    resequencer.offer(id(0), 1, record(0, 1), Instant::now(), &mut out);
    resequencer.offer(id(0), 2, record(0, 2), Instant::now(), &mut out);
    assert_eq!(offsets(&out), [2]);
}

#[test]
fn a_record_that_the_log_does_not_hold_is_given_up_after_a_few_reads() {
    let mut world = World::new(vec![vec![true; 2]]);
    world.resequencer.offer(id(0), 1 << 60, record(0, 9), world.now, &mut world.out);
    for _ in 0..10 {
        world.now += LIMITS.retry;
        world.answer(None);
    }
    assert_eq!(offsets(&world.out), [0, 1]);
    assert_eq!((world.resequencer.held(), world.resequencer.lag()), (0, 0));
}

#[test]
fn the_last_number_of_all_is_no_offset() {
    let mut world = World::new(vec![vec![true; 2]]);
    world.resequencer.offer(id(0), u64::MAX, record(0, 9), world.now, &mut world.out);
    assert_eq!(world.resequencer.next_due(), None);
}

#[test]
fn a_read_that_was_not_begun_proves_nothing_and_is_asked_for_again() {
    let (mut resequencer, now, mut out) =
        (Resequencer::new(LIMITS, HashMap::new()), Instant::now(), Vec::new());
    resequencer.offer(id(1), 1, record(1, 1), now, &mut out);
    for _ in 0..LIMITS.fruitless_reads {
        let due = resequencer.next_due().unwrap();
        assert_eq!(resequencer.wanted(due, 1).len(), 1);
        resequencer.not_read(id(1), due);
    }
    let due = resequencer.next_due().unwrap();
    assert_eq!(resequencer.wanted(due, 1).len(), 1);
    assert_eq!(resequencer.finished(id(1), Some(0), due), 0, "one read is not enough to give up");
}

#[test]
fn no_more_bytes_are_held_back_than_allowed() {
    let limits = Limits { held_bytes: 1, ..LIMITS };
    let (mut resequencer, now, mut out) =
        (Resequencer::new(limits, HashMap::new()), Instant::now(), Vec::new());
    for offset in 1..4 {
        resequencer.offer(id(1), offset, record(1, offset), now, &mut out);
    }
    assert_eq!((resequencer.held(), resequencer.lag()), (1, 4));
    resequencer.offer(id(1), 0, record(1, 0), now, &mut out);
    assert_eq!((offsets(&out), resequencer.held_bytes()), (vec![0, 1], 0));
}
