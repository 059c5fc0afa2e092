//! The names of streams in the tables.

use crate::{Ledger, Stream};
use kafkatalk_protocol::ConversationId;
use uuid::Uuid;

/// A stream's name in the table.
pub(super) fn name_of(stream: &Stream) -> &[u8] {
    match stream {
        Stream::Conversation(ConversationId(id)) => id.as_bytes(),
        Stream::Ledger(ledger) => ledger.as_str().as_bytes(),
    }
}

/// The stream of a name in the table; none where a newer program created it. No ledger's name has 16 bytes.
pub(super) fn stream_of(name: &[u8]) -> Option<Stream> {
    if let Ok(id) = Uuid::from_slice(name) {
        return Some(Stream::Conversation(ConversationId(id)));
    }
    Ledger::ALL.into_iter().find(|ledger| ledger.as_str().as_bytes() == name).map(Stream::Ledger)
}
