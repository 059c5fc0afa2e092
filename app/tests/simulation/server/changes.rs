//! Messages that are changed.

use super::{Fault, Out, REFUSED, Record, Server, Wire, wall};
use kafkatalk_app::{
    client::MessageChange,
    features::{delete::Delete, edit::Edit, react::React},
};
use kafkatalk_protocol::{
    CloseCode, ConversationId, ErrorCode, Message, MessageId, Offset, ServerFrame, User, UserId,
};

/// A change that a person asks for.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Edit(Edit),
    Delete(Delete),
    React(React),
}

impl Server {
    /// A person changes a message.
    pub(super) fn edit(
        &mut self,
        (wire, user): (Wire, &User),
        conversation: ConversationId,
        (id, message, command): (MessageId, Offset, Change),
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
        let Some(sees_from) = conv.state().member(user.id).map(|member| member.sees_from) else {
            self.turned_away.insert(id);
            return out.push(refuse(ErrorCode::NotAllowed));
        };
        let reacts = matches!(command, Change::React(_));
        let theirs = |record: &Record| {
            let seen = record.message.offset == message && message >= sees_from;
            seen && record.message.notice.is_none() && (reacts || record.message.sender.id == user.id)
        };
        let Some(index) = conv.records.iter().position(theirs) else {
            // It is of a time that they see no more.
            self.turned_away.insert(id);
            return out.push(refuse(ErrorCode::NotAllowed));
        };
        if matches!(&command, Change::Edit(edit) if edit.body.as_str() == REFUSED) {
            return out.push(refuse(ErrorCode::InvalidInput));
        }
        let made = conv.changes.iter().any(|(known, _)| *known == id);
        if !matches!(command, Change::Delete(_)) && conv.records[index].message.deleted && !made {
            self.refused.insert(id);
            return out.push(refuse(ErrorCode::Conflict));
        }
        let known =
            conv.changes.iter().find(|(known, _)| *known == id && !doubles).map(|(_, record)| *record);
        if known.is_none() && unavailable && !kept_all_the_same {
            return out.push(refuse(ErrorCode::LogUnavailable));
        }
        let Some(offset) =
            known.or_else(|| self.change((conversation, id, user.id), index, command, now, out))
        else {
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

    /// Changes a message; returns the offset of the record.
    fn change(
        &mut self,
        (conversation, id, user): (ConversationId, MessageId, UserId),
        message: usize,
        command: Change,
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
        let before = message.clone();
        match command {
            Change::Edit(edit) => edit.apply(message, user, wall(now)),
            Change::Delete(delete) => delete.apply(message, user, wall(now)),
            Change::React(react) => react.apply(message, user, wall(now)),
        }
        if *message == before {
            // Nobody sees a record that changes nothing.
            return Some(record);
        }
        message.revision = Some(record);
        let told = if old { Message { revision: Some(record), ..before } } else { message.clone() };
        let previous_record = conv.through(u64::MAX);
        conv.link(record, (!loses).then(|| told.clone()), now);
        if !loses {
            let frame = ServerFrame::Changed { message: told, record: Some(record), previous_record };
            self.broadcast(conversation, &frame, None, out);
        }
        Some(record)
    }
}
