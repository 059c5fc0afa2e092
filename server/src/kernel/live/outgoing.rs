//! Frames on their way to sockets.

use axum::extract::ws::Utf8Bytes;
use kafkatalk_protocol::{ConversationId, Offset, ServerFrame};
use std::sync::Arc;

/// A frame on its way to a socket, written once for all who get it. One word, since every socket has a queue of them.
#[derive(Clone, Debug)]
pub struct Outgoing(Arc<Written>);

#[derive(Debug)]
struct Written {
    text: Utf8Bytes,
    record: Option<(ConversationId, Offset)>,
}

impl Outgoing {
    /// Writes a frame.
    pub fn of(frame: &ServerFrame) -> Self {
        let record = match frame {
            ServerFrame::Message { message, record, .. } => {
                Some((message.conversation, record.unwrap_or(message.offset)))
            }
            ServerFrame::Changed { message, record: Some(record), .. } => {
                Some((message.conversation, *record))
            }
            ServerFrame::Record { conversation, record, .. }
            | ServerFrame::Group { conversation, record: Some(record), .. } => Some((*conversation, *record)),
            _ => None,
        };
        Self(Arc::new(Written { text: text_of(frame), record }))
    }

    /// The JSON.
    pub fn text(&self) -> &Utf8Bytes {
        &self.0.text
    }

    /// For a frame about a record: which one, so that a socket which caught up meanwhile can skip it.
    pub fn record(&self) -> Option<(ConversationId, Offset)> {
        self.0.record
    }
}

/// A frame as JSON.
pub fn text_of(frame: &ServerFrame) -> Utf8Bytes {
    // The frames of the protocol are all writable as JSON: no maps with odd keys, no failing impls.
    serde_json::to_string(frame).unwrap_or_default().into()
}
