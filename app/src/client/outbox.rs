//! Commands that are not yet known to be in the log.
//!
//! In one conversation only one command is in flight at a time: the next one is sent when the one before it is in the
//! log, or was refused for good. So the log has them in the order typed, whatever is lost, repeated, refused for now or
//! cut: a copy of an earlier command that arrives late finds its id already there.

mod entry;

pub use entry::Entry;
pub(super) use entry::EntryState;

use super::{
    command::Command,
    event::{SocketId, Ticks},
    limits::{ACK_DEADLINE_MS, ECHO_DEADLINE_MS, INTERNAL_ERRORS_MAX},
    random::Random,
    stored::StoredEntry,
};
use kafkatalk_protocol::{ConversationId, ErrorCode, Message, MessageId, Offset, Timestamp};
use std::{collections::BTreeSet, sync::Arc};

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Too many wait in the outbox.
    OutboxFull,
    /// The session has ended.
    SignedOut,
    /// The page has failed, and works no more until it is loaded again.
    Stopped,
}

/// The messages that wait, in the order typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    entries: Vec<Arc<Entry>>,
    last_order: u64,
}

impl Outbox {
    /// The messages of one conversation, in the order typed.
    pub(super) fn posts(&self, conversation: ConversationId) -> impl DoubleEndedIterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(move |entry| entry.conversation == conversation && entry.posts())
    }

    /// The changes of one message, in the order typed.
    pub(super) fn changes(&self, message: &Message) -> impl Iterator<Item = &Arc<Entry>> {
        let (conversation, target) = (message.conversation, Some(message.offset));
        let of =
            move |entry: &&Arc<Entry>| entry.conversation == conversation && entry.command.target() == target;
        self.entries.iter().filter(of)
    }

    /// How many wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        let waits =
            |entry: &&Arc<Entry>| matches!(entry.state, EntryState::Waiting(_) | EntryState::InFlight(..));
        self.entries.iter().filter(waits).count()
    }

    /// How many were refused.
    pub(super) fn refused(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry.state, EntryState::Refused(_))).count()
    }

    /// The changes of messages that were refused.
    pub(super) fn refused_changes(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.entries.iter().filter(|entry| !entry.posts() && matches!(entry.state, EntryState::Refused(_)))
    }

    fn find(&mut self, id: MessageId) -> Option<(usize, &mut Entry)> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        let entry = self.entries.get_mut(index)?;
        Some((index, Arc::make_mut(entry)))
    }

    /// Takes a command that was just given; what comes back is to be stored.
    pub(super) fn push(
        &mut self,
        (id, conversation, command): (MessageId, ConversationId, Command),
        wall: Timestamp,
        max: usize,
    ) -> Result<StoredEntry, NotTaken> {
        if self.entries.len() >= max {
            return Err(NotTaken::OutboxFull);
        }
        // The wall clock orders tabs; within a tab it may not go back.
        let order = self.next_order(wall);
        let stored = StoredEntry { id, conversation, command, typed_at: wall, order, refused: None };
        self.entries.push(Arc::new(Entry::of(stored.clone(), EntryState::Waiting(Ticks(0)), false)));
        Ok(stored)
    }

    fn next_order(&mut self, wall: Timestamp) -> u64 {
        self.last_order = (self.last_order + 1).max(u64::try_from(wall.as_millis()).unwrap_or(0));
        self.last_order
    }

    /// Takes what this device had stored, or what another tab stores now; it is not sent before that moment.
    pub(super) fn adopt(&mut self, stored: StoredEntry, from: Ticks) {
        let refused = stored.refused.as_deref().map(|reason| EntryState::Refused(reason.into()));
        let state = refused.unwrap_or(EntryState::Waiting(from));
        if let Some((_, known)) = self.find(stored.id) {
            known.gone = false;
            // Another tab sends it again, or had it refused; what is in flight or stored here is decided here.
            if matches!(
                (&known.state, &state),
                (EntryState::Refused(_), _) | (EntryState::Waiting(_), EntryState::Refused(_))
            ) {
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
        in_flight_max: usize,
    ) -> Option<Arc<Entry>> {
        let in_flight =
            self.entries.iter().filter(|entry| matches!(entry.state, EntryState::InFlight(..))).count();
        if in_flight >= in_flight_max {
            return None;
        }
        let mut busy = BTreeSet::new();
        for entry in &mut self.entries {
            let turn = match entry.state {
                EntryState::Stored(..) | EntryState::Refused(_) => continue,
                EntryState::InFlight(..) => false,
                EntryState::Waiting(from) => from <= now,
            };
            if busy.insert(entry.conversation) && turn {
                let sent = Arc::make_mut(entry);
                sent.attempts += 1;
                sent.state = EntryState::InFlight(socket, now);
                return Some(entry.clone());
            }
        }
        None
    }

    /// The socket is gone: what was under way waits again.
    pub(super) fn requeue_in_flight(&mut self) {
        for entry in &mut self.entries {
            if matches!(entry.state, EntryState::InFlight(..)) {
                Arc::make_mut(entry).state = EntryState::Waiting(Ticks(0));
            }
        }
        self.let_go_of_gone();
    }

    /// What another tab removed is not sent again.
    fn let_go_of_gone(&mut self) {
        self.entries.retain(|entry| !(entry.gone && matches!(entry.state, EntryState::Waiting(_))));
    }

    /// Back to the queue: those without an answer in time. Returns the earliest moment at which one of them was sent.
    pub(super) fn expire(&mut self, now: Ticks, random: &mut Random) -> Option<Ticks> {
        let mut earliest = None;
        for entry in &mut self.entries {
            let EntryState::InFlight(_, sent) = entry.state else { continue };
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
    pub(super) fn mark_stored(&mut self, id: MessageId, offset: Offset, now: Ticks) -> bool {
        match self.find(id) {
            Some((_, entry)) if entry.offset().is_none() => {
                entry.state = EntryState::Stored(offset, now.plus(ECHO_DEADLINE_MS));
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
        // Only an answer to what is under way counts: a stored one stays stored.
        if !matches!(entry.state, EntryState::InFlight(..)) {
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
        entry.state = EntryState::Refused(detail.into());
        Some(entry.stored())
    }

    /// The conversation of an entry.
    pub(super) fn conversation_of(&mut self, id: MessageId) -> Option<ConversationId> {
        self.find(id).map(|(_, entry)| entry.conversation)
    }

    /// Puts a refused message at the end of the queue. What comes back is to be stored.
    pub(super) fn retry(&mut self, id: MessageId, wall: Timestamp) -> Option<StoredEntry> {
        let order = self.next_order(wall);
        let (_, entry) = self.find(id)?;
        if !matches!(entry.state, EntryState::Refused(_)) {
            return None;
        }
        entry.state = EntryState::Waiting(Ticks(0));
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

    /// Forgets what is in the log of a conversation whose messages are not to be seen any more.
    pub(super) fn drop_stored(&mut self, of: ConversationId) {
        self.entries.retain(|entry| entry.offset().is_none() || entry.conversation != of);
    }

    /// Forgets what was refused in these conversations; their ids.
    pub(super) fn drop_refused(&mut self, of: impl Fn(ConversationId) -> bool) -> Vec<MessageId> {
        let dropped =
            |entry: &Arc<Entry>| matches!(entry.state, EntryState::Refused(_)) && of(entry.conversation);
        self.entries.extract_if(.., |entry| dropped(entry)).map(|entry| entry.id).collect()
    }

    /// Another tab removed it: it is in the log, or was deleted there.
    pub(super) fn removed_elsewhere(&mut self, id: MessageId) {
        let Some((index, entry)) = self.find(id) else { return };
        entry.gone = true;
        if matches!(entry.state, EntryState::Waiting(_) | EntryState::Refused(_)) {
            self.entries.remove(index);
        }
    }

    /// Those of the log whose message should have come by now, and where they are.
    pub(super) fn overdue(&self, now: Ticks) -> Vec<(ConversationId, Offset)> {
        let overdue = |entry: &Arc<Entry>| match entry.state {
            EntryState::Stored(offset, echo) if echo <= now && entry.posts() => {
                Some((entry.conversation, offset))
            }
            _ => None,
        };
        self.entries.iter().filter_map(overdue).collect()
    }

    /// Lets go of changes in the log whose effect should have come by now: where it did not, there was none, or a frame was
    /// lost and the server must be asked. Returns their conversations.
    pub(super) fn let_go_of_overdue_changes(&mut self, now: Ticks) -> Vec<ConversationId> {
        let overdue = |entry: &Arc<Entry>| {
            !entry.posts() && matches!(entry.state, EntryState::Stored(_, echo) if echo <= now)
        };
        let gone: Vec<_> =
            self.entries.iter().filter(|entry| overdue(entry)).map(|entry| entry.conversation).collect();
        self.entries.retain(|entry| !overdue(entry));
        gone
    }

    /// Lets go of messages of the log that need not be shown from here any more, as `shown` says of a conversation and
    /// an offset, and of changes that `applied` says the same of. True where any went.
    pub(super) fn let_go(
        &mut self,
        shown: impl Fn(ConversationId, Offset) -> bool,
        applied: impl Fn(ConversationId, Offset) -> bool,
    ) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| match entry.state {
            EntryState::Stored(offset, _) if entry.posts() => !shown(entry.conversation, offset),
            EntryState::Stored(offset, _) => !applied(entry.conversation, offset),
            _ => true,
        });
        before != self.entries.len()
    }

    /// When something here is due, where anything will be.
    pub(super) fn wake_at(&self, now: Ticks) -> Option<Ticks> {
        let due = |entry: &Arc<Entry>| match entry.state {
            EntryState::Waiting(moment) | EntryState::Stored(_, moment) => Some(moment),
            EntryState::InFlight(_, sent) => Some(sent.plus(ACK_DEADLINE_MS)),
            EntryState::Refused(_) => None,
        };
        self.entries.iter().filter_map(due).filter(|moment| *moment > now).min()
    }
}

#[cfg(test)]
mod tests;
