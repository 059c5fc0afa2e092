//! One command of the outbox.

use crate::client::{
    command::Command,
    event::{SocketId, Ticks},
    limits::{SEND_RETRY_BASE_MS, SEND_RETRY_MAX_MS},
    random::Random,
    stored::StoredEntry,
};
use kafkatalk_protocol::{ConversationId, MessageId, Offset, Timestamp};
use std::sync::Arc;

/// A command of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The client's id for it.
    pub id: MessageId,
    /// The conversation.
    pub conversation: ConversationId,
    /// What to do.
    pub command: Command,
    /// When the person asked for it, by the device's clock.
    pub typed_at: Timestamp,
    pub(super) order: u64,
    pub(super) state: EntryState,
    pub(super) attempts: u32,
    /// Came from the device's store: another page, or this one before a reload, may have sent it.
    pub(super) adopted: bool,
    /// Another tab removed it while it was under way here.
    pub(super) gone: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum EntryState {
    /// Waits for its turn, not before that moment.
    Waiting(Ticks),
    /// Sent on that socket at that moment.
    InFlight(SocketId, Ticks),
    /// In the log. It is still here, since its effect is not yet in the timeline; from that moment on, the server is asked.
    Stored(Offset, Ticks),
    /// Refused for good.
    Refused(Arc<str>),
}

impl Entry {
    pub(super) fn of(stored: StoredEntry, state: EntryState, adopted: bool) -> Self {
        let StoredEntry { id, conversation, command, typed_at, order, .. } = stored;
        Self { id, conversation, command, typed_at, order, state, attempts: 0, adopted, gone: false }
    }

    /// The text of the message that it posts; empty where it posts none.
    pub fn body(&self) -> &str {
        if let Command::Post { body, .. } = &self.command { body.as_str() } else { "" }
    }

    /// The message that the one that it posts replies to.
    pub(in super::super) fn reply_to(&self) -> Option<Offset> {
        if let Command::Post { reply_to, .. } = self.command { reply_to } else { None }
    }

    /// Whether it posts a message.
    pub(in super::super) fn posts(&self) -> bool {
        self.command.target().is_none()
    }

    /// Its position in the log, where it is known to be there.
    pub fn offset(&self) -> Option<Offset> {
        if let EntryState::Stored(offset, _) = self.state { Some(offset) } else { None }
    }

    pub(in super::super) fn state(&self) -> &EntryState {
        &self.state
    }

    /// Whether it was ever sent from this page.
    pub(in super::super) fn tried(&self) -> bool {
        self.attempts > 0
    }

    /// Whether it is certain that the log does not have it, so that it can be deleted without a trace.
    pub(in super::super) fn deletable(&self) -> bool {
        match self.state {
            EntryState::Refused(_) => true,
            EntryState::Waiting(_) => self.attempts == 0 && !self.adopted,
            EntryState::InFlight(..) | EntryState::Stored(..) => false,
        }
    }

    pub(super) fn stored(&self) -> StoredEntry {
        StoredEntry {
            id: self.id,
            conversation: self.conversation,
            command: self.command.clone(),
            typed_at: self.typed_at,
            order: self.order,
            refused: if let EntryState::Refused(reason) = &self.state {
                Some(reason.to_string())
            } else {
                None
            },
        }
    }

    /// It was sent in vain, and is sent again after a while.
    pub(super) fn wait_again(&mut self, now: Ticks, random: &mut Random) {
        let earlier = self.attempts.saturating_sub(1);
        let wait = random.backoff_ms(earlier, SEND_RETRY_BASE_MS, SEND_RETRY_MAX_MS);
        self.state = EntryState::Waiting(now.plus(wait));
    }
}
