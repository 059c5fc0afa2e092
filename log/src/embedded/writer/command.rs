//! What the writer is asked to do.

use crate::embedded::reader::SearchResult;
use crate::{AppendError, Record, RecordId, Stream};
use kafkatalk_protocol::{Offset, Timestamp};
use std::sync::Arc;
use tokio::sync::oneshot;

type Reply = oneshot::Sender<Result<Offset, AppendError>>;

/// What the writer is asked to do.
pub(in crate::embedded) enum Command {
    Append { stream: Stream, record: Arc<Record>, bytes: usize, reply: Reply },
    Erase { stream: Stream, erased: RecordId, found: SearchResult, at: Timestamp, reply: Reply },
}

impl Command {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Append { bytes, .. } => *bytes,
            Self::Erase { .. } => 0,
        }
    }

    pub(super) fn answer(self, answer: Result<Offset, AppendError>) {
        let (Self::Append { reply, .. } | Self::Erase { reply, .. }) = self;
        // Whoever asked may have gone; the record stays.
        let _ = reply.send(answer);
    }
}
