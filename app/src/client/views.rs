//! What the pages draw, made from the state.

use super::{
    Change, ChatStatus, ChatView, Client, Delivery, Edge, Item, Link, LinkView, ListView, LostChange, Row,
    outbox::{Entry, EntryState},
    session::SignOut,
    summary::Summary,
};
use kafkatalk_protocol::{
    ConversationId, Message, Offset,
    reply::{Quote, excerpt},
};
use std::{cmp::Reverse, sync::Arc};

impl Client {
    /// How the connection stands.
    pub fn link(&self) -> LinkView {
        LinkView {
            link: self.link.view(),
            was_tried: self.link.was_tried(),
            waiting: self.outbox.waiting(),
            failed: self.outbox.refused(),
            lost: self.lost_change(),
            sign_out_failed: matches!(self.sign_out, SignOut::Unanswered | SignOut::Failed),
        }
    }

    /// A refused change of a message that is not shown: nothing else would tell of it.
    fn lost_change(&self) -> Option<LostChange> {
        let shown = |id: ConversationId, message: Offset| {
            let open = self.chats.get(&id).filter(|_| self.looking.open == Some(id));
            open.is_some_and(|chat| chat.timeline.at(message).is_some())
        };
        let lost = |entry: &Arc<Entry>| {
            let (id, conversation, message) = (entry.id, entry.conversation, entry.command.target()?);
            (!shown(conversation, message)).then_some(LostChange { id, conversation, message })
        };
        self.outbox.refused_changes().find_map(lost)
    }

    /// The conversation that is looked at.
    pub fn opened(&self) -> Option<ConversationId> {
        self.looking.open
    }

    /// The text that was begun in a conversation; empty for none.
    pub fn draft(&self, conversation: ConversationId) -> Arc<str> {
        self.drafts.get(conversation)
    }

    /// The list of conversations, latest activity first.
    pub fn list(&self) -> ListView {
        let mut rows: Vec<_> = self.conversations.iter().map(|(id, summary)| self.row(id, summary)).collect();
        rows.sort_by_key(|row| Reverse((row.active_at, row.id)));
        let more = match (&self.paging.cursor, self.paging.more.edge()) {
            (None, _) => Edge::End,
            (Some(_), edge) => edge,
        };
        ListView { rows, more }
    }

    fn row(&self, id: ConversationId, summary: &Summary) -> Row {
        let known = summary.last().map(|last| last.offset);
        let waiting =
            self.outbox.posts(id).rfind(|entry| entry.offset().is_none_or(|offset| Some(offset) > known));
        let last = match waiting {
            Some(entry) => Some(self.waiting_item(entry)),
            None => summary.last().map(|message| self.item(message, summary.read_by_others())),
        };
        Row {
            id,
            others: summary.others.clone(),
            group: summary.group.clone(),
            last,
            active_at: summary.active_at(),
            unread: summary.unread(self.viewer.id),
            open: self.looking.open == Some(id),
            draft: self.drafts.get(id),
        }
    }

    /// A conversation, looked at or not.
    pub fn chat(&self, id: ConversationId) -> ChatView {
        let summary = self.conversations.get(id);
        let read = summary.and_then(Summary::read_by_others);
        let chat = self.chats.get(&id);
        let detached = chat.is_some_and(|chat| chat.timeline.detached());
        let messages = chat.into_iter().flat_map(|chat| chat.timeline.window());
        let waiting = self.outbox.posts(id).filter(|_| !detached);
        let items = messages.map(|message| self.item(message, read));
        let items = items.chain(waiting.map(|entry| self.waiting_item(entry))).collect();
        ChatView {
            id,
            others: summary.map_or_else(|| [].into(), |summary| summary.others.clone()),
            group: summary.and_then(|summary| summary.group.clone()),
            read: summary.map_or_else(Vec::new, Summary::read_by_each),
            status: match chat {
                _ if self.left.contains_key(&id) => ChatStatus::Left,
                _ if self.missing.contains(&id) => ChatStatus::NotFound,
                Some(chat) if chat.timeline.loaded() => ChatStatus::Ready,
                Some(chat)
                    if chat.failed() || (self.link.view() == Link::Offline && chat.forward.rests()) =>
                {
                    ChatStatus::Failed
                }
                _ => ChatStatus::Loading,
            },
            items,
            earlier: match chat {
                Some(chat) if chat.timeline.earlier().is_some() => chat.backward.edge(),
                _ => Edge::End,
            },
            later: match chat {
                Some(chat) if detached => chat.forward.edge(),
                _ => Edge::End,
            },
            unread: summary.map_or(0, |summary| summary.unread(self.viewer.id)),
            read_on_open: self.looking.read_on_open.filter(|_| self.looking.open == Some(id)),
            aim: self.looking.aim.filter(|_| self.looking.open == Some(id)),
            drafted_elsewhere: self
                .looking
                .drafted_elsewhere
                .clone()
                .filter(|_| self.looking.open == Some(id)),
        }
    }

    fn item(&self, message: &Arc<Message>, read_by_others: Option<Offset>) -> Item {
        let delivery = if message.sender.id != self.viewer.id {
            Delivery::Received
        } else if Some(message.offset) <= read_by_others {
            Delivery::Read
        } else {
            Delivery::Sent
        };
        let (message, change) = self.as_it_will_be(message);
        let quote = message.reply_to.as_ref().map(|quote| self.quote(message.conversation, quote));
        Item::of_message(message, self.viewer.id, delivery, change).with_quote(quote)
    }

    /// What a reply shows: the message as it is held here, since that is newer than the reply.
    fn quote(&self, conversation: ConversationId, quote: &Quote) -> Quote {
        let chat = self.chats.get(&conversation);
        let Some(held) = chat.and_then(|chat| chat.timeline.at(quote.offset)) else { return quote.clone() };
        let (held, _) = self.as_it_will_be(held);
        let excerpt = (!held.deleted).then(|| excerpt(&held.body));
        Quote { offset: quote.offset, sender: Some(held.sender.clone()), excerpt }
    }

    /// A message with the changes that wait in the outbox, and how these stand.
    fn as_it_will_be(&self, message: &Arc<Message>) -> (Arc<Message>, Change) {
        let (mut message, mut change) = (message.clone(), Change::None);
        for entry in self.outbox.changes(&message.clone()) {
            match entry.state() {
                EntryState::Refused(reason) => {
                    change = Change::Refused { id: entry.id, reason: reason.clone() };
                    continue;
                }
                // It is in this state, or a later change has taken its place.
                EntryState::Stored(record, _) if *record <= message.revision() => continue,
                EntryState::Stored(..) => {}
                EntryState::Waiting(_) | EntryState::InFlight(..) => {
                    if change == Change::None {
                        change = Change::Pending;
                    }
                }
            }
            entry.command.apply(Arc::make_mut(&mut message), self.viewer.id, entry.typed_at);
        }
        (message, change)
    }

    fn waiting_item(&self, entry: &Arc<Entry>) -> Item {
        let live = self.link.live().is_some();
        let delivery = match entry.state() {
            EntryState::InFlight(..) => Delivery::Sending,
            EntryState::Waiting(_) if live && !entry.tried() => Delivery::Sending,
            EntryState::Waiting(_) => Delivery::Queued,
            EntryState::Stored(..) => Delivery::Sent,
            EntryState::Refused(reason) => Delivery::Failed { reason: reason.clone() },
        };
        let quote = entry.reply_to().map(|offset| Quote { offset, sender: None, excerpt: None });
        let quote = quote.map(|quote| self.quote(entry.conversation, &quote));
        Item::of_entry(entry.clone(), self.viewer.clone(), delivery).with_quote(quote)
    }
}
