//! What was typed and is not yet known to be in the log.
//!
//! In one conversation only one message is under way at a time: the next one is sent when the one before it is in the
//! log, or was refused for good. So the log has them in the order typed, whatever is lost, repeated, refused for now or
//! cut: a copy of an earlier message that arrives late finds its id already there.

use super::{
    Set,
    event::{SocketId, Ticks},
    limits::{ACK_DEADLINE_MS, ECHO_DEADLINE_MS, INTERNAL_ERRORS_MAX, SEND_RETRY_BASE_MS, SEND_RETRY_MAX_MS},
    random::Random,
};
use kafkatalk_protocol::{Body, ConversationId, ErrorCode, MessageId, Offset, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A message of the outbox as this device keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEntry {
    /// The client's id for it, under which it is sent however often.
    pub id: MessageId,
    /// Where.
    pub conversation: ConversationId,
    /// What.
    pub body: Body,
    /// When.
    pub typed_at: Timestamp,
    /// Lower ones go first.
    pub order: u64,
    /// Why it was refused, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A message of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The client's id for it.
    pub id: MessageId,
    /// Where.
    pub conversation: ConversationId,
    /// What.
    pub body: Body,
    /// When.
    pub typed_at: Timestamp,
    order: u64,
    state: State,
    attempts: u32,
    /// Came from the device's store: another page, or this one before a reload, may have sent it.
    adopted: bool,
    /// Another tab removed it while it was under way here.
    gone: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for its turn, not before that moment.
    Waits(Ticks),
    /// Sent on that socket at that moment.
    Flies(SocketId, Ticks),
    /// In the log. It is still here, since it is not yet in the timeline; from that moment on, history is asked.
    Landed(Offset, Ticks),
    /// Refused for good.
    Refused(Arc<str>),
}

impl Entry {
    fn of(stored: StoredEntry, state: State, adopted: bool) -> Self {
        let StoredEntry { id, conversation, body, typed_at, order, .. } = stored;
        Self { id, conversation, body, typed_at, order, state, attempts: 0, adopted, gone: false }
    }

    /// Its position in the log, where it is known to be there.
    pub fn offset(&self) -> Option<Offset> {
        if let State::Landed(offset, _) = self.state { Some(offset) } else { None }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether it was ever sent from this page.
    pub(super) fn tried(&self) -> bool {
        self.attempts > 0
    }

    /// Whether it is certain that the log does not have it, so that it can be deleted without a trace.
    pub(super) fn deletable(&self) -> bool {
        match self.state {
            State::Refused(_) => true,
            State::Waits(_) => self.attempts == 0 && !self.adopted,
            State::Flies(..) | State::Landed(..) => false,
        }
    }

    fn stored(&self) -> StoredEntry {
        StoredEntry {
            id: self.id,
            conversation: self.conversation,
            body: self.body.clone(),
            typed_at: self.typed_at,
            order: self.order,
            refused: if let State::Refused(reason) = &self.state { Some(reason.to_string()) } else { None },
        }
    }
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxFull;

/// The messages that wait, in the order typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    entries: Vec<Arc<Entry>>,
    last_order: u64,
}

impl Outbox {
    /// Those of one conversation, in the order typed.
    pub(super) fn of(&self, conversation: ConversationId) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(move |entry| entry.conversation == conversation)
    }

    /// How many wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        let waits = |entry: &&Arc<Entry>| matches!(entry.state, State::Waits(_) | State::Flies(..));
        self.entries.iter().filter(waits).count()
    }

    /// How many were refused.
    pub(super) fn refused(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.state, State::Refused(_))).count()
    }

    fn find(&mut self, id: MessageId) -> Option<(usize, &mut Entry)> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        let entry = self.entries.get_mut(index)?;
        Some((index, Arc::make_mut(entry)))
    }

    /// Takes a message that was just typed; what comes back is to be stored.
    pub(super) fn push(
        &mut self,
        (id, conversation, body): (MessageId, ConversationId, Body),
        wall: Timestamp,
        max: usize,
    ) -> Result<StoredEntry, OutboxFull> {
        if self.entries.len() >= max {
            return Err(OutboxFull);
        }
        // The wall clock orders tabs; within a tab it may not go back.
        let order = self.next_order(wall);
        let stored = StoredEntry { id, conversation, body, typed_at: wall, order, refused: None };
        self.entries.push(Arc::new(Entry::of(stored.clone(), State::Waits(Ticks(0)), false)));
        Ok(stored)
    }

    fn next_order(&mut self, wall: Timestamp) -> u64 {
        self.last_order = (self.last_order + 1).max(u64::try_from(wall.as_millis()).unwrap_or(0));
        self.last_order
    }

    /// Takes what this device had stored, or what another tab stores now; it is not sent before that moment.
    pub(super) fn adopt(&mut self, stored: StoredEntry, from: Ticks) {
        let refused = stored.refused.as_deref().map(|reason| State::Refused(reason.into()));
        let state = refused.unwrap_or(State::Waits(from));
        if let Some((_, known)) = self.find(stored.id) {
            known.gone = false;
            // Another tab sends it again, or had it refused; what flies or landed here is decided here.
            if matches!((&known.state, &state), (State::Refused(_), _) | (State::Waits(_), State::Refused(_)))
            {
                known.state = state;
                known.adopted = true;
                known.order = stored.order;
                self.sort();
            }
            return;
        }
        self.last_order = self.last_order.max(stored.order);
        self.entries.push(Arc::new(Entry::of(stored, state, true)));
        self.sort();
    }

    fn sort(&mut self) {
        self.entries.sort_by_key(|entry| (entry.order, entry.id));
    }

    /// The next message to send, marked as sent on that socket.
    pub(super) fn send_next(
        &mut self,
        socket: SocketId,
        now: Ticks,
        flights_max: usize,
    ) -> Option<Arc<Entry>> {
        let flights = self.entries.iter().filter(|entry| matches!(entry.state, State::Flies(..))).count();
        if flights >= flights_max {
            return None;
        }
        let mut busy: Set<ConversationId> = Set::new();
        for entry in &mut self.entries {
            let turn = match entry.state {
                State::Landed(..) | State::Refused(_) => continue,
                State::Flies(..) => false,
                State::Waits(from) => from <= now,
            };
            if busy.insert(entry.conversation, ()).is_none() && turn {
                let sent = Arc::make_mut(entry);
                sent.attempts += 1;
                sent.state = State::Flies(socket, now);
                return Some(entry.clone());
            }
        }
        None
    }

    /// The socket is gone: what was under way waits again.
    pub(super) fn ground(&mut self) {
        for entry in &mut self.entries {
            if matches!(entry.state, State::Flies(..)) {
                Arc::make_mut(entry).state = State::Waits(Ticks(0));
            }
        }
        self.let_go_of_gone();
    }

    /// What another tab removed is not sent again.
    fn let_go_of_gone(&mut self) {
        self.entries.retain(|entry| !(entry.gone && matches!(entry.state, State::Waits(_))));
    }

    /// Back to the queue: those without an answer in time. Returns the earliest moment at which one of them was sent.
    pub(super) fn expire(&mut self, now: Ticks, random: &mut Random) -> Option<Ticks> {
        let mut earliest = None;
        for entry in &mut self.entries {
            let State::Flies(_, sent) = entry.state else { continue };
            if now.since(sent) >= ACK_DEADLINE_MS {
                let entry = Arc::make_mut(entry);
                entry.wait_again(now, random);
                earliest = earliest.min(Some(sent)).or(Some(sent));
            }
        }
        self.let_go_of_gone();
        earliest
    }

    /// It is in the log. True where it was not known to be there.
    pub(super) fn land(&mut self, id: MessageId, offset: Offset, now: Ticks) -> bool {
        match self.find(id) {
            Some((_, entry)) if entry.offset().is_none() => {
                entry.state = State::Landed(offset, now.plus(ECHO_DEADLINE_MS));
                true
            }
            _ => false,
        }
    }

    /// The server did not take it. What comes back is to be stored: it will not be sent again by itself.
    pub(super) fn refuse(
        &mut self,
        (id, code, detail): (MessageId, ErrorCode, String),
        now: Ticks,
        random: &mut Random,
    ) -> Option<StoredEntry> {
        let (index, entry) = self.find(id)?;
        // Only an answer to what is under way counts: a landed one stays landed.
        if !matches!(entry.state, State::Flies(..)) {
            return None;
        }
        if entry.gone {
            self.entries.remove(index);
            return None;
        }
        let again = match code {
            ErrorCode::RateLimited | ErrorCode::LogUnavailable => true,
            ErrorCode::Internal => entry.attempts < INTERNAL_ERRORS_MAX,
            _ => false,
        };
        if again {
            entry.wait_again(now, random);
            return None;
        }
        entry.state = State::Refused(detail.into());
        Some(entry.stored())
    }

    /// Puts a refused message at the end of the queue. What comes back is to be stored.
    pub(super) fn retry(&mut self, id: MessageId, wall: Timestamp) -> Option<StoredEntry> {
        let order = self.next_order(wall);
        let (_, entry) = self.find(id)?;
        if !matches!(entry.state, State::Refused(_)) {
            return None;
        }
        entry.state = State::Waits(Ticks(0));
        entry.attempts = 0;
        entry.order = order;
        let stored = entry.stored();
        self.sort();
        Some(stored)
    }

    /// Forgets a message that was refused, or that no page has sent. False where it must stay.
    pub(super) fn discard(&mut self, id: MessageId) -> bool {
        let Some((index, entry)) = self.find(id) else { return false };
        let may = entry.deletable();
        if may {
            self.entries.remove(index);
        }
        may
    }

    /// Another tab removed it: it is in the log, or was deleted there.
    pub(super) fn removed_elsewhere(&mut self, id: MessageId) {
        let Some((index, entry)) = self.find(id) else { return };
        entry.gone = true;
        if matches!(entry.state, State::Waits(_) | State::Refused(_)) {
            self.entries.remove(index);
        }
    }

    /// Those of the log whose message should have come by now, and where they are.
    pub(super) fn overdue(&self, now: Ticks) -> Vec<(ConversationId, Offset)> {
        let overdue = |entry: &Arc<Entry>| match entry.state {
            State::Landed(offset, echo) if echo <= now => Some((entry.conversation, offset)),
            _ => None,
        };
        self.entries.iter().filter_map(overdue).collect()
    }

    /// Lets go of messages of the log that need not be shown from here any more, as `shown` says of a conversation and
    /// an offset. True where any went.
    pub(super) fn let_go(&mut self, shown: impl Fn(ConversationId, Offset) -> bool) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| match entry.state {
            State::Landed(offset, _) => !shown(entry.conversation, offset),
            _ => true,
        });
        before != self.entries.len()
    }

    /// When something here is due, where anything will be.
    pub(super) fn wake_at(&self, now: Ticks) -> Option<Ticks> {
        let due = |entry: &Arc<Entry>| match entry.state {
            State::Waits(moment) | State::Landed(_, moment) => Some(moment),
            State::Flies(_, sent) => Some(sent.plus(ACK_DEADLINE_MS)),
            State::Refused(_) => None,
        };
        self.entries.iter().filter_map(due).filter(|moment| *moment > now).min()
    }
}

impl Entry {
    fn wait_again(&mut self, now: Ticks, random: &mut Random) {
        let earlier = self.attempts.saturating_sub(1);
        let wait = random.backoff_ms(earlier, SEND_RETRY_BASE_MS, SEND_RETRY_MAX_MS);
        self.state = State::Waits(now.plus(wait));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const FLIGHTS_MAX: usize = 2;

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
                    let message = (id, conversation, Body::parse("text").unwrap());
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
                            self.outbox.land(entry.id, Offset(0), now);
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
                    self.outbox.ground();
                }
                Step::Wait(ms) => {
                    self.now += ms;
                    self.outbox.expire(Ticks(self.now), random);
                }
            }
            while let Some(entry) = self.outbox.send_next(SocketId(1), Ticks(self.now), FLIGHTS_MAX) {
                self.under_way.push(entry);
            }
        }

        fn next_under_way(&mut self) -> Option<Arc<Entry>> {
            (!self.under_way.is_empty()).then(|| self.under_way.remove(0))
        }

        fn flights(&self) -> Vec<ConversationId> {
            let flies = |entry: &&Arc<Entry>| matches!(entry.state, State::Flies(..));
            self.outbox.entries.iter().filter(flies).map(|entry| entry.conversation).collect()
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
                let flights = world.flights();
                let distinct: std::collections::BTreeSet<_> = flights.iter().collect();
                prop_assert!(flights.len() <= FLIGHTS_MAX);
                prop_assert_eq!(distinct.len(), flights.len(), "two of one conversation under way");
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
}
