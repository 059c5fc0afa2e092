//! What a device missed while it was away: sent after its `hello`, before anything newer.
//!
//! It is read and handed out a few messages at a time, so that a device which was away for long takes neither the node's
//! memory nor a reader for itself. What does not fit into the hello's budget is for the device to page.

use super::hub::Outgoing;
use crate::{
    chat::{Chat, errors::Unavailable},
    limits::{CATCH_UP_READ_MESSAGES, HELLO_BYTES_MAX, HELLO_MESSAGES_MAX},
    views::{HistoryPage, Query, ViewsError},
};
use kafkatalk_protocol::{
    ConversationId, Message, Offset, ServerFrame, UserId,
    limits::{CATCH_UP_MESSAGES_MAX, HELLO_POSITIONS_MAX},
};
use std::collections::{BTreeMap, HashMap, btree_map};

/// A device's catching up, as far as it has come.
#[derive(Debug)]
pub struct CatchUp {
    caller: UserId,
    positions: btree_map::IntoIter<ConversationId, Offset>,
    /// The conversation in the middle of which it stands.
    at: Option<Place>,
    budget: Budget,
    reached: HashMap<ConversationId, Offset>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    conversation: ConversationId,
    held: Offset,
    /// Messages that it may still get.
    messages: usize,
}

/// What one `hello` may still bring.
#[derive(Clone, Copy, Debug)]
struct Budget {
    conversations: usize,
    messages: usize,
    bytes: usize,
}

/// What one read found.
struct Part {
    messages: Vec<Message>,
    /// The newest offset, where more is there than was read.
    latest: Option<Offset>,
}

impl CatchUp {
    /// From these positions on: messages as far as the budget goes, `behind` for what is past it.
    pub fn new(caller: UserId, positions: BTreeMap<ConversationId, Offset>) -> Self {
        let budget = Budget {
            conversations: HELLO_POSITIONS_MAX,
            messages: HELLO_MESSAGES_MAX,
            bytes: HELLO_BYTES_MAX,
        };
        Self { caller, positions: positions.into_iter(), at: None, budget, reached: HashMap::new() }
    }

    /// The same with `behind` alone: for a device that has been sent newer messages, which these must not follow.
    pub fn behind_only(caller: UserId, positions: BTreeMap<ConversationId, Offset>) -> Self {
        let budget = Budget { conversations: 0, messages: 0, bytes: 0 };
        Self { budget, ..Self::new(caller, positions) }
    }

    /// The next frames, or none for now; `None` at the end. Conversations that the caller may not see, or that are not
    /// there, are passed over in silence.
    pub async fn next(&mut self, chat: &Chat) -> Result<Option<Vec<Outgoing>>, Unavailable> {
        let Some(place) = self.at.take().or_else(|| self.begin()) else { return Ok(None) };
        let (caller, most) = (self.caller, self.budget.of(place));
        let part = chat.views().read(move |views| read(views, caller, place, most)).await?;
        Ok(Some(part.map(|part| self.take(place, part)).unwrap_or_default()))
    }

    /// At the end: the newest offset that the device holds or was told of in each conversation.
    pub fn into_reached(self) -> HashMap<ConversationId, Offset> {
        self.reached
    }

    fn begin(&mut self) -> Option<Place> {
        let (conversation, held) = self.positions.next()?;
        let messages = if self.budget.conversations == 0 { 0 } else { CATCH_UP_MESSAGES_MAX };
        self.budget.conversations = self.budget.conversations.saturating_sub(1);
        Some(Place { conversation, held, messages })
    }

    fn take(&mut self, place: Place, part: Part) -> Vec<Outgoing> {
        let Place { conversation, mut held, mut messages } = place;
        held = part.messages.last().map_or(held, |message| message.offset);
        messages = messages.saturating_sub(part.messages.len());
        let frame =
            |message| Outgoing::of(&ServerFrame::Message { message, record: None, previous_record: None });
        let mut frames: Vec<_> = part.messages.into_iter().map(frame).collect();
        self.budget.messages = self.budget.messages.saturating_sub(frames.len());
        let bytes = frames.iter().map(|frame| frame.text().len()).sum();
        self.budget.bytes = self.budget.bytes.saturating_sub(bytes);
        let here = Place { conversation, held, messages };
        match part.latest {
            None => drop(self.reached.insert(conversation, held)),
            Some(_) if self.budget.of(here) > 0 => self.at = Some(here),
            Some(latest) => {
                let after = Some(held);
                let behind = ServerFrame::Behind { conversation, after, latest, changed_after: None };
                frames.push(Outgoing::of(&behind));
                // What is between is for the client to page; a live frame for it would only come twice.
                self.reached.insert(conversation, latest);
            }
        }
        frames
    }
}

impl Budget {
    /// Messages that the next read may bring.
    fn of(&self, place: Place) -> usize {
        if self.bytes == 0 { 0 } else { CATCH_UP_READ_MESSAGES.min(place.messages).min(self.messages) }
    }
}

fn read(views: &Query<'_>, caller: UserId, place: Place, most: usize) -> Result<Option<Part>, ViewsError> {
    let Place { conversation, held, .. } = place;
    if !views.members(conversation)?.is_some_and(|members| members.contains(&caller)) {
        return Ok(None);
    }
    let newest = views.newest_offset(conversation)?.filter(|newest| *newest > held);
    if most == 0 || newest.is_none() {
        return Ok(Some(Part { messages: Vec::new(), latest: newest }));
    }
    let page = views.messages(conversation, HistoryPage::After(Some(held)), most)?;
    let latest = if page.next.is_some() { newest } else { None };
    Ok(Some(Part { messages: page.messages, latest }))
}
