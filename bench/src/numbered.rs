//! Messages that carry their number, so that whoever receives one knows when it was sent and what it must say.

use anyhow::{Context as _, Result};
use kafkatalk_protocol::{Body, MessageId};
use uuid::{Builder, Uuid};

/// Makes the ids and bodies of one run's messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbering {
    run: u64,
    body_bytes: usize,
}

/// Bytes of an id that hold the number.
const NUMBER_BYTES: usize = 6;

/// Changes that one message has at most.
const CHANGES_MAX: usize = 8;

impl Numbering {
    /// Messages of that many bytes; `run` keeps the ids of two runs apart.
    pub(crate) fn new(run: u64, body_bytes: usize) -> Self {
        Self { run, body_bytes }
    }

    /// The id of a message: a UUID whose last six bytes are its number.
    pub(crate) fn id(self, number: usize) -> MessageId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.run.to_be_bytes());
        let number = u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes();
        bytes[16 - NUMBER_BYTES..].copy_from_slice(&number[8 - NUMBER_BYTES..]);
        MessageId(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The number of a message of this run.
    pub(crate) fn number(self, id: MessageId) -> Option<usize> {
        let mut number = [0; 8];
        number[8 - NUMBER_BYTES..].copy_from_slice(&id.0.as_bytes()[16 - NUMBER_BYTES..]);
        let number = usize::try_from(u64::from_be_bytes(number)).ok()?;
        (self.id(number) == id).then_some(number)
    }

    /// The id of a change of a message, by its number among the changes of that message, from 0.
    pub(crate) fn change_of(self, message: MessageId, nth: usize) -> Option<MessageId> {
        let number = self.number(message).filter(|_| nth < CHANGES_MAX)?;
        Some(self.changes().id(number * CHANGES_MAX + nth))
    }

    /// Which message of this run a change with that id is about.
    pub(crate) fn message_of(self, change: MessageId) -> Option<MessageId> {
        self.changes().number(change).map(|number| self.id(number / CHANGES_MAX))
    }

    /// Numbers for changes, which are never those of messages.
    fn changes(self) -> Self {
        Self { run: !self.run, ..self }
    }

    /// What the message or the change with that id says: the id, and filling up to the length of the run's messages.
    pub(crate) fn text(self, id: MessageId) -> String {
        let filling = "the quick brown fox jumps over the lazy dog ";
        let mut text = format!("{id} ");
        text.extend(filling.chars().cycle().take(self.body_bytes.saturating_sub(text.len())));
        text
    }

    /// The same as a body.
    pub(crate) fn body(self, id: MessageId) -> Result<Body> {
        Body::parse(&self.text(id)).context("the messages of this run are longer than a message may be")
    }
}

/// The id at the beginning of such a text.
pub(crate) fn id_in(text: &str) -> Option<MessageId> {
    Uuid::parse_str(text.get(..36)?).ok().map(MessageId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_gives_its_number_back() {
        let numbering = Numbering::new(0x1234_5678_9abc_def0, 200);
        for number in [0, 1, 499_999] {
            let id = numbering.id(number);
            assert_eq!(numbering.number(id), Some(number));
            assert_eq!(id_in(&numbering.text(id)), Some(id));
            assert_eq!(numbering.text(id).len(), 200);
        }
    }

    #[test]
    fn a_change_tells_which_message_it_is_about_and_is_no_message_itself() {
        let numbering = Numbering::new(0x1234_5678_9abc_def0, 200);
        let changes = [(0, 0), (0, 7), (1, 0), (499_999, 3)]
            .map(|(number, nth)| (number, numbering.change_of(numbering.id(number), nth).unwrap()));
        for (number, change) in changes {
            assert_eq!(numbering.message_of(change), Some(numbering.id(number)));
            assert_eq!(numbering.number(change), None);
            assert_eq!(id_in(&numbering.text(change)), Some(change));
        }
        assert_ne!(changes[0].1, changes[1].1);
        assert_eq!(numbering.change_of(numbering.id(0), CHANGES_MAX), None);
    }

    #[test]
    fn a_message_of_another_run_has_no_number_here() {
        let theirs = Numbering::new(1, 200).id(7);
        assert_eq!(Numbering::new(2, 200).number(theirs), None);
    }
}
