//! A node that loses, refuses and repeats, and an outbox that sends to it.

use super::*;
use proptest::prelude::*;
use uuid::Uuid;

const IN_FLIGHT_MAX: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Step {
    Type(u8),
    /// The node answers the oldest message under way, in one of these ways.
    Keep,
    KeepWithoutAnswer,
    Refuse(bool),
    LoseSocket,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8).prop_map(Step::Type),
        4 => Just(Step::Keep),
        1 => Just(Step::KeepWithoutAnswer),
        2 => any::<bool>().prop_map(Step::Refuse),
        1 => Just(Step::LoseSocket),
        2 => (0..12_000_u64).prop_map(Step::Wait),
    ]
}

/// A node that keeps the first copy of a message, and an outbox that sends to it.
#[derive(Default)]
struct World {
    outbox: Outbox,
    now: u64,
    typed: Vec<(ConversationId, MessageId)>,
    refused: std::collections::BTreeSet<MessageId>,
    log: Vec<(ConversationId, MessageId)>,
    under_way: Vec<Arc<Entry>>,
}

impl World {
    fn take(&mut self, step: Step, random: &mut Random) {
        let now = Ticks(self.now);
        match step {
            Step::Type(conversation) => {
                let conversation = ConversationId(Uuid::from_u128(conversation.into()));
                let id = random.message_id();
                let command = Command::Post { body: "text".parse().unwrap(), reply_to: None };
                let message = (id, conversation, command);
                self.outbox.push(message, Timestamp::default(), usize::MAX).unwrap();
                self.typed.push((conversation, id));
            }
            Step::Keep | Step::KeepWithoutAnswer => {
                if let Some(entry) = self.next_under_way() {
                    let message = (entry.conversation, entry.id);
                    if !self.log.contains(&message) {
                        self.log.push(message);
                    }
                    if matches!(step, Step::Keep) {
                        self.outbox.mark_stored(entry.id, Offset(0), now);
                    }
                }
            }
            Step::Refuse(for_good) => {
                if let Some(entry) = self.next_under_way() {
                    let known = self.log.contains(&(entry.conversation, entry.id));
                    let code =
                        if for_good && !known { ErrorCode::TooLarge } else { ErrorCode::LogUnavailable };
                    if self.outbox.refuse((entry.id, code, String::new()), now, random).is_some() {
                        self.refused.insert(entry.id);
                    }
                }
            }
            Step::LoseSocket => {
                self.under_way.clear();
                self.outbox.requeue_in_flight();
            }
            Step::Wait(ms) => {
                self.now += ms;
                self.outbox.expire(Ticks(self.now), random);
            }
        }
        while let Some(entry) = self.outbox.send_next(SocketId(1), Ticks(self.now), IN_FLIGHT_MAX) {
            self.under_way.push(entry);
        }
    }

    fn next_under_way(&mut self) -> Option<Arc<Entry>> {
        (!self.under_way.is_empty()).then(|| self.under_way.remove(0))
    }

    fn in_flight(&self) -> Vec<ConversationId> {
        let flying = |entry: &&Arc<Entry>| matches!(entry.state, EntryState::InFlight(..));
        self.outbox.entries.iter().filter(flying).map(|entry| entry.conversation).collect()
    }
}

proptest! {
    #[test]
    fn the_log_has_each_conversation_in_the_order_typed(
        steps in prop::collection::vec(step(), 0..120),
        seed in any::<u128>(),
    ) {
        let mut random = Random::new(seed);
        let mut world = World::default();
        for step in steps {
            world.take(step, &mut random);
            let in_flight = world.in_flight();
            let distinct: std::collections::BTreeSet<_> = in_flight.iter().collect();
            prop_assert!(in_flight.len() <= IN_FLIGHT_MAX);
            prop_assert_eq!(distinct.len(), in_flight.len(), "two of one conversation under way");
        }
        // In the end the node keeps whatever comes.
        for _ in 0..2 * world.typed.len() + 2 {
            world.take(Step::LoseSocket, &mut random);
            world.take(Step::Wait(60_000), &mut random);
            while !world.under_way.is_empty() {
                world.take(Step::Keep, &mut random);
            }
        }
        for conversation in 0..3_u128 {
            let conversation = ConversationId(Uuid::from_u128(conversation));
            let of = |list: &[(ConversationId, MessageId)]| {
                let ids = list.iter().filter(|(id, _)| *id == conversation).map(|(_, id)| *id);
                ids.filter(|id| !world.refused.contains(id)).collect::<Vec<_>>()
            };
            prop_assert_eq!(of(&world.log), of(&world.typed));
        }
    }
}
