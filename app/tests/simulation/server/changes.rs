//! Messages that are changed.

use super::{Fault, Out, REFUSED, Record, Server, Wire, wall};
use kafkatalk_app::features::delete::Delete;
use kafkatalk_protocol::{Body, CloseCode, ConversationId, ErrorCode, MessageId, Offset, ServerFrame, User};

impl Server {
    /// A person changes the text of a message, or deletes it.
    pub(super) fn edit(
        &mut self,
        (wire, user): (Wire, &User),
        conversation: ConversationId,
        (id, message, body): (MessageId, Offset, Option<Body>),
        now: u64,
        out: &mut Vec<Out>,
    ) {
        let refuse = |code| {
            let error = ServerFrame::Error { code, detail: "No.".into(), id: Some(id) };
            Out::Frame(wire, error)
        };
        let unavailable = self.lot(self.trouble.unavailable);
        let kept_all_the_same = self.lot(500);
        let no_ack = self.lot(self.trouble.no_ack);
        let doubles = self.fault == Fault::DoublesChanges;
        let Some(conv) = self.convs.get(&conversation) else { return };
        let own = |record: &Record| record.message.offset == message && record.message.sender.id == user.id;
        let Some(index) = conv.records.iter().position(own) else {
            return out.push(refuse(ErrorCode::NotAllowed));
        };
        if body.as_ref().is_some_and(|body| body.as_str() == REFUSED) {
            return out.push(refuse(ErrorCode::InvalidInput));
        }
        let made = conv.changes.iter().any(|(known, _)| *known == id);
        if body.is_some() && conv.records[index].message.deleted && !made {
            self.refused.insert(id);
            return out.push(refuse(ErrorCode::Conflict));
        }
        let known =
            conv.changes.iter().find(|(known, _)| *known == id && !doubles).map(|(_, record)| *record);
        if known.is_none() && unavailable && !kept_all_the_same {
            return out.push(refuse(ErrorCode::LogUnavailable));
        }
        let Some(offset) = known.or_else(|| self.change((conversation, id), index, body, now, out)) else {
            return out.push(refuse(ErrorCode::InvalidInput));
        };
        if known.is_none() && unavailable {
            out.push(refuse(ErrorCode::LogUnavailable));
        } else if known.is_none() && no_ack {
            self.sockets.remove(&wire);
            out.push(Out::Close(wire, CloseCode::TooSlow));
        } else {
            out.push(Out::Frame(wire, ServerFrame::Ack { id, conversation, offset, sent_at: wall(now) }));
        }
    }

    /// Changes the text of a message, or deletes it; returns the offset of the record.
    fn change(
        &mut self,
        (conversation, id): (ConversationId, MessageId),
        message: usize,
        body: Option<Body>,
        now: u64,
        out: &mut Vec<Out>,
    ) -> Option<Offset> {
        let loses = self.fault == Fault::LosesChanges && self.lot(200);
        let old = self.fault == Fault::TellsOldChangesAgain && self.lot(200);
        let conv = self.convs.get_mut(&conversation).filter(|_| self.trouble.knows_changes)?;
        let record = Offset(conv.next);
        conv.next += 1;
        conv.changes.push((id, record));
        let Record { message } = conv.records.get_mut(message)?;
        let before = message.body.clone();
        message.revision = Some(record);
        if let Some(body) = body {
            (message.body, message.edited_at) = (body, Some(wall(now)));
        } else {
            Delete::apply(message);
        }
        let mut told = message.clone();
        if old {
            told.body = before;
        }
        let previous_record = conv.through(u64::MAX);
        conv.link(record, (!loses).then(|| told.clone()), now);
        if !loses {
            let frame = ServerFrame::Changed { message: told, record: Some(record), previous_record };
            self.broadcast(conversation, &frame, None, out);
        }
        Some(record)
    }
}
