//! What the list knows of a conversation: its members, its newest message, who has read how far, what is unread.

use super::{
    ahead::Ahead,
    chain::newer,
    limits::LINKS_AHEAD_MAX,
    view::{self, Group},
};
use kafkatalk_protocol::{Conversation, Message, Offset, Timestamp, User, UserId};
use std::{collections::BTreeMap, sync::Arc};

/// A conversation in the list.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    pub(super) others: Arc<[User]>,
    pub(super) group: Option<Arc<Group>>,
    /// The record up to which members, roles and name are known.
    group_revision: Option<Offset>,
    /// The newest notice of a change of these that was seen.
    notice: Option<Offset>,
    created_at: Timestamp,
    last: Option<Arc<Message>>,
    /// How far every member has read. The viewer's own may be ahead of what the server was told.
    read: BTreeMap<UserId, Offset>,
    /// Messages of others after the viewer's read position, up to `counted`.
    unread: u64,
    /// The newest message that `unread` takes account of.
    counted: Option<Offset>,
    /// Messages beyond a hole after that one.
    uncounted: BTreeMap<Offset, Arc<Message>>,
    /// `unread` cannot be known from what arrived: the server must be asked.
    unsure: bool,
    /// The record up to which everything here is up to date; none where the server knows no records.
    record: Option<Offset>,
    /// The newest record heard of.
    heard: Option<Offset>,
    /// What came before the record that it follows on.
    ahead: Ahead,
    sees_from: Option<Offset>,
}

/// Whether a message can count as unread: it is of somebody else, and says something.
pub(super) fn counts(message: &Message, viewer: UserId) -> bool {
    message.sender.id != viewer && !message.deleted && message.notice.is_none()
}

impl Summary {
    /// As the server told it.
    pub(super) fn new(conversation: &Conversation, viewer: UserId) -> Self {
        Self {
            others: view::others(conversation, viewer),
            group: view::group(conversation),
            group_revision: conversation.record,
            notice: None,
            created_at: conversation.created_at,
            last: conversation.last_message.clone().map(Arc::new),
            read: conversation.read.clone(),
            unread: conversation.unread,
            counted: conversation.last_message.as_ref().map(|message| message.offset),
            uncounted: BTreeMap::new(),
            unsure: false,
            record: conversation.record,
            heard: conversation.record,
            ahead: Ahead::default(),
            sees_from: conversation.sees_from,
        }
    }

    /// The newest message.
    pub(super) fn last(&self) -> Option<&Arc<Message>> {
        self.last.as_ref()
    }

    /// The newest message that is taken account of, without a hole before it.
    pub(super) fn counted(&self) -> Option<Offset> {
        self.counted
    }

    /// When something last happened.
    pub(super) fn active_at(&self) -> Timestamp {
        self.last.as_ref().map_or(self.created_at, |message| message.sent_at.max(self.created_at))
    }

    /// How far a member has read.
    pub(super) fn read_of(&self, user: UserId) -> Option<Offset> {
        self.read.get(&user).copied()
    }

    /// How far all the others have read; none where one of them has read nothing.
    pub(super) fn read_by_others(&self) -> Option<Offset> {
        self.read_by_each().into_iter().min().flatten()
    }

    /// How far each of the others has read.
    pub(super) fn read_by_each(&self) -> Vec<Option<Offset>> {
        self.others.iter().map(|user| self.read_of(user.id)).collect()
    }

    /// Unread messages, as far as is known here.
    pub(super) fn unread(&self, viewer: UserId) -> u64 {
        if self.last.as_ref().map(|message| message.offset) <= self.read_of(viewer) { 0 } else { self.unread }
    }

    /// Whether the server must be asked for the number of unread messages.
    pub(super) fn unsure(&self) -> bool {
        self.unsure
    }

    /// A message of this conversation was seen, new or not. True where it is the newest.
    pub(super) fn observe(&mut self, message: &Arc<Message>, viewer: UserId) -> bool {
        if message.notice.is_some() {
            self.notice = self.notice.max(Some(message.offset));
        }
        let newest = self.last.as_ref().is_none_or(|last| last.offset < message.offset);
        match &mut self.last {
            Some(last) if last.offset == message.offset => *last = newer(last, message),
            last if newest => *last = Some(message.clone()),
            _ => {}
        }
        if Some(message.offset) <= self.counted {
            return newest;
        }
        if self.follows(message) {
            self.count(message, viewer);
            self.unsure |= self.last.as_ref().map(|last| last.offset) > self.counted;
        } else {
            self.uncounted.insert(message.offset, message.clone());
            if self.uncounted.len() > LINKS_AHEAD_MAX {
                self.uncounted.pop_last();
            }
            self.unsure = true;
        }
        newest
    }

    /// Whether nothing is missing before a message.
    fn follows(&self, message: &Message) -> bool {
        message.previous <= self.counted || self.hidden(message.previous)
    }

    fn count(&mut self, message: &Message, viewer: UserId) {
        self.counted = Some(message.offset);
        if counts(message, viewer) && Some(message.offset) > self.read_of(viewer) {
            self.unread += 1;
        }
    }

    /// Counts what came since the server counted, as far as nothing is missing in it.
    fn count_on(&mut self, viewer: UserId) {
        while let Some((offset, message)) = self.uncounted.pop_first() {
            if Some(offset) <= self.counted {
                continue;
            }
            if !self.follows(&message) {
                self.uncounted.insert(offset, message);
                break;
            }
            self.count(&message, viewer);
        }
        self.unsure = self.last.as_ref().map(|last| last.offset) > self.counted;
    }

    /// A message was deleted: it may have counted as unread.
    pub(super) fn observe_deletion(&mut self, message: &Message, viewer: UserId) {
        let counted = Some(message.offset) <= self.counted && Some(message.offset) > self.read_of(viewer);
        self.unsure |= counted && message.sender.id != viewer && self.unread > 0;
    }

    /// The server tells how the conversation stands, at some moment that may lie before what is known.
    pub(super) fn merge(&mut self, told: &Conversation, viewer: UserId) {
        if told.record >= self.group_revision {
            self.sees_from = told.sees_from;
            self.others = view::others(told, viewer);
            self.group = view::group(told);
            self.group_revision = told.record;
        }
        let own = self.read_of(viewer);
        let told_own = told.read.get(&viewer).copied();
        for (user, offset) in &told.read {
            self.raise_read(*user, *offset, viewer);
        }
        let told_last = told.last_message.as_ref().map(|message| message.offset);
        let known_last = self.last.as_ref().map(|message| message.offset);
        match (&mut self.last, told.last_message.clone().map(Arc::new)) {
            (Some(last), Some(told)) if last.offset == told.offset => *last = newer(last, &told),
            (last, told) if told_last > known_last => *last = told,
            _ => {}
        }
        let older = told.record.is_some() && told.record < self.record;
        self.record = self.ahead.join(self.record.max(told.record));
        self.heard = self.heard.max(told.record);
        if told_last < self.counted || older {
            // Older than what was counted here: its number says nothing.
            return;
        }
        self.counted = told_last;
        if own <= told_own {
            self.unread = told.unread;
            self.count_on(viewer);
        } else if own >= told_last {
            self.unread = 0;
            self.count_on(viewer);
        } else {
            // It counts what was read here since; the server will know soon.
            self.unread = self.unread.max(told.unread);
            self.unsure = true;
        }
    }

    /// A record was applied; `previous` is the one before it.
    pub(super) fn link(&mut self, record: Offset, previous: Option<Offset>) {
        self.heard = self.heard.max(Some(record));
        if previous <= self.record || self.hidden(previous) {
            self.record = self.ahead.join(self.record.max(Some(record)));
        } else {
            self.ahead.put(record, previous);
        }
    }

    /// Everything up to `record` was applied by whoever had applied everything up to `from`.
    pub(super) fn caught_up(&mut self, from: Offset, record: Offset) {
        if self.record >= Some(from) {
            self.record = self.ahead.join(self.record.max(Some(record)));
        }
    }

    /// The server tells who is in the group, what they may do and what it is called, after that record. True where it is
    /// news.
    pub(super) fn regroup(&mut self, others: Arc<[User]>, group: Group, revision: Offset) -> bool {
        if Some(revision) <= self.group_revision {
            return false;
        }
        (self.others, self.group) = (others, Some(Arc::new(group)));
        self.group_revision = Some(revision);
        true
    }

    /// Whether the server must be asked: the number of unread messages is not certain, or something happened that is not
    /// taken account of here.
    pub(super) fn lags(&self) -> bool {
        self.unsure || self.heard > self.record || self.notice > self.group_revision
    }

    /// The newest record of which anything is known.
    pub(super) fn newest_record(&self) -> Option<Offset> {
        self.heard.max(self.record).max(self.group_revision).max(self.notice)
    }

    /// The first record that the viewer sees, where that is not the first of all.
    pub(super) fn sees_from(&self) -> Option<Offset> {
        self.sees_from
    }

    /// Whether the viewer was out of the conversation since, and sees another part of it now.
    pub(super) fn begins_anew(&self, told: &Conversation) -> bool {
        told.record >= self.group_revision && told.sees_from != self.sees_from
    }

    fn hidden(&self, offset: Option<Offset>) -> bool {
        offset.is_some() && offset < self.sees_from
    }

    /// A member has read up to an offset. True where that is news.
    pub(super) fn raise_read(&mut self, user: UserId, offset: Offset, viewer: UserId) -> bool {
        if self.read_of(user) >= Some(offset) {
            return false;
        }
        self.read.insert(user, offset);
        if user == viewer {
            if Some(offset) >= self.counted {
                self.unread = 0;
            } else if self.unread > 0 {
                self.unsure = true;
            }
        }
        true
    }

    /// The number of unread messages was counted from the messages themselves.
    pub(super) fn set_unread(&mut self, unread: u64, up_to: Option<Offset>) {
        if up_to >= self.last.as_ref().map(|message| message.offset) {
            self.unread = unread;
            self.counted = up_to;
            self.unsure = false;
        }
    }
}
