//! What a client has asked for and has no answer to yet: it is sent again, under the same id, until there is one.

use crate::load::Say;
use crate::numbered::Numbering;
use anyhow::Result;
use kafkatalk_protocol::{ClientFrame, ConversationId, MessageId, Offset};
use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A new message.
    Say(Say),
    /// Another text for an own message.
    Edit(ChangeOf),
    /// An own message is to be deleted for everyone.
    Delete(ChangeOf),
}

/// Which message is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChangeOf {
    /// The client's id of the change.
    pub(crate) id: MessageId,
    /// Where.
    pub(crate) conversation: ConversationId,
    /// The offset of the message.
    pub(crate) message: Offset,
}

impl Command {
    /// Its id.
    pub(crate) fn id(self) -> MessageId {
        match self {
            Self::Say(say) => say.id,
            Self::Edit(change) | Self::Delete(change) => change.id,
        }
    }

    /// Where.
    pub(crate) fn conversation(self) -> ConversationId {
        match self {
            Self::Say(say) => say.conversation,
            Self::Edit(change) | Self::Delete(change) => change.conversation,
        }
    }

    /// The message that it changes, where it changes one.
    pub(crate) fn target(self) -> Option<Offset> {
        match self {
            Self::Say(_) => None,
            Self::Edit(change) | Self::Delete(change) => Some(change.message),
        }
    }

    fn frame(self, numbering: Numbering) -> Result<ClientFrame> {
        Ok(match self {
            Self::Say(Say { id, conversation }) => {
                ClientFrame::Send { conversation, id, body: numbering.body(id)?, reply_to: None }
            }
            Self::Edit(ChangeOf { id, conversation, message }) => {
                ClientFrame::Edit { conversation, id, message, body: numbering.body(id)? }
            }
            Self::Delete(ChangeOf { id, conversation, message }) => {
                ClientFrame::Delete { conversation, id, message }
            }
        })
    }
}

#[derive(Debug)]
struct Pending {
    command: Command,
    sent_at: Option<Instant>,
    tries: u64,
}

/// Commands in the order in which they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pending: VecDeque<Pending>,
}

/// A frame that is due.
#[derive(Debug)]
pub(crate) struct Due {
    /// What to send.
    pub(crate) frame: ClientFrame,
    /// Whether it was sent before.
    pub(crate) again: bool,
}

impl Outbox {
    /// Adds a command at the end.
    pub(crate) fn put(&mut self, command: Command) {
        self.pending.push_back(Pending { command, sent_at: None, tries: 0 });
    }

    /// What to send now. In each conversation one command is under way at a time, as with a real client: so a service that
    /// was away is not met by all that waits at once, again and again; and what is asked about a message is done in that
    /// order.
    pub(crate) fn due(&mut self, numbering: Numbering, now: Instant) -> Result<Vec<Due>> {
        let on_its_way = |pending: &&Pending| pending.sent_at.is_some();
        let mut busy: HashSet<_> =
            self.pending.iter().filter(on_its_way).map(|pending| pending.command.conversation()).collect();
        let mut due = Vec::new();
        for pending in &mut self.pending {
            if busy.insert(pending.command.conversation()) {
                pending.sent_at = Some(now);
                pending.tries += 1;
                due.push(Due { frame: pending.command.frame(numbering)?, again: pending.tries > 1 });
            }
        }
        Ok(due)
    }

    /// Everything is sent again: on a new socket no answer means unknown.
    pub(crate) fn send_all_again(&mut self) {
        self.pending.iter_mut().for_each(|pending| pending.sent_at = None);
    }

    /// What has waited for so long for its answer is sent again.
    pub(crate) fn send_again_after(&mut self, waited: Duration, now: Instant) {
        for pending in &mut self.pending {
            let since = pending.sent_at.map(|sent_at| now.saturating_duration_since(sent_at));
            if since.is_some_and(|since| since > waited) {
                pending.sent_at = None;
            }
        }
    }

    /// Lets go of the command with that id that was sent first; none where none was sent. The same change may wait to be
    /// asked for once more.
    pub(crate) fn answered(&mut self, id: MessageId) -> Option<Command> {
        let sent = |pending: &Pending| pending.command.id() == id && pending.tries > 0;
        let place = self.pending.iter().position(sent)?;
        self.pending.remove(place).map(|pending| pending.command)
    }
}

impl Outbox {
    /// The command with that id of which an answer is waited for.
    pub(crate) fn find(&self, id: MessageId) -> Option<Command> {
        let sent = |pending: &&Pending| pending.command.id() == id && pending.tries > 0;
        self.pending.iter().find(sent).map(|pending| pending.command)
    }

    /// Whether an answer to a command with that id is waited for.
    pub(crate) fn awaits(&self, id: MessageId) -> bool {
        self.pending.iter().any(|pending| pending.command.id() == id && pending.tries > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::UserId;
    use uuid::Uuid;

    fn numbering() -> Numbering {
        Numbering::new(3, 100)
    }

    fn conversation() -> ConversationId {
        ConversationId::of_pair(UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)))
    }

    fn edit(nth: usize) -> Command {
        let id = numbering().change_of(numbering().id(0), nth).unwrap();
        Command::Edit(ChangeOf { id, conversation: conversation(), message: Offset(0) })
    }

    fn sent(outbox: &mut Outbox) -> Vec<bool> {
        outbox.due(numbering(), Instant::now()).unwrap().into_iter().map(|due| due.again).collect()
    }

    #[test]
    fn in_one_conversation_the_next_command_waits_for_the_answer_to_the_one_before() {
        let mut outbox = Outbox::default();
        outbox.put(edit(0));
        outbox.put(edit(1));
        assert_eq!((sent(&mut outbox), sent(&mut outbox)), (vec![false], vec![]));
        assert_eq!(outbox.answered(edit(1).id()), None);
        assert_eq!(outbox.answered(edit(0).id()), Some(edit(0)));
        assert_eq!(sent(&mut outbox), [false]);
    }

    #[test]
    fn what_has_no_answer_is_sent_again_on_the_next_socket() {
        let mut outbox = Outbox::default();
        outbox.put(edit(0));
        sent(&mut outbox);
        outbox.send_all_again();
        assert_eq!(sent(&mut outbox), [true]);
    }

    #[test]
    fn a_change_that_is_asked_for_once_more_is_not_answered_by_the_answer_to_the_first() {
        let mut outbox = Outbox::default();
        outbox.put(edit(0));
        outbox.put(edit(0));
        sent(&mut outbox);
        assert!(outbox.answered(edit(0).id()).is_some());
        assert_eq!(outbox.answered(edit(0).id()), None);
        assert_eq!(sent(&mut outbox), [false]);
    }
}
