//! What a device missed while it was away: sent after its `hello`, before anything newer.
//!
//! It is read and handed out a few messages at a time, so that a device which was away for long takes neither the node's
//! memory nor a reader for itself. What does not fit into the hello's budget is for the device to page.
//!
//! A client that knows messages only names the last message that it holds, and gets those after it. A client that knows the
//! chain names the last record that it has applied, and gets every message with a later revision in its present state.

use super::outgoing::Outgoing;
use crate::{
    kernel::{
        Kernel,
        errors::Unavailable,
        views::{HistoryPage, Query, Viewpoint, ViewsError},
    },
    limits::{CATCH_UP_READ_MESSAGES, HELLO_BYTES_MAX, HELLO_MESSAGES_MAX},
};
use kafkatalk_protocol::{
    ConversationId, Message, Offset, ServerFrame, UserId,
    limits::{CATCH_UP_MESSAGES_MAX, HELLO_POSITIONS_MAX},
};
use std::{
    collections::{BTreeMap, HashMap},
    vec,
};

/// What a device says that it holds of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// The offset of the last message.
    Message(Offset),
    /// The offset of the last record whose effect it holds.
    Record(Offset),
}

/// A device's catching up, as far as it has come.
#[derive(Debug)]
pub struct CatchUp {
    caller: UserId,
    conversations: vec::IntoIter<(ConversationId, Held)>,
    /// The conversation in the middle of which it stands.
    at: Option<Position>,
    budget: Budget,
    reached: HashMap<ConversationId, Offset>,
}

#[derive(Clone, Copy, Debug)]
struct Position {
    conversation: ConversationId,
    held: Held,
    /// What it held when it came.
    from: Held,
    /// Messages that it may still get.
    messages: usize,
    /// Whether it got any.
    begun: bool,
}

/// What one `hello` may still bring.
#[derive(Clone, Copy, Debug)]
struct Budget {
    conversations: usize,
    messages: usize,
    bytes: usize,
}

/// What one read found.
enum Found {
    /// The conversation is not there for the caller.
    Nothing,
    /// The caller was a member, and is not any more.
    Left,
    Part(Part),
}

struct Part {
    messages: Vec<Message>,
    /// Whether there is more than was read.
    more: bool,
    newest: Option<Offset>,
    last_record: Option<Offset>,
    /// The group as it is now, where it has changed since the device was there.
    group: Option<Box<ServerFrame>>,
}

impl CatchUp {
    /// From what the device holds on: messages as far as the budget goes, `behind` for what is past it.
    pub fn new(
        caller: UserId,
        positions: BTreeMap<ConversationId, Offset>,
        records: BTreeMap<ConversationId, Offset>,
    ) -> Self {
        let budget = Budget {
            conversations: HELLO_POSITIONS_MAX,
            messages: HELLO_MESSAGES_MAX,
            bytes: HELLO_BYTES_MAX,
        };
        let mut held: BTreeMap<_, _> =
            positions.into_iter().map(|(id, offset)| (id, Held::Message(offset))).collect();
        held.extend(records.into_iter().map(|(id, offset)| (id, Held::Record(offset))));
        let conversations = held.into_iter().collect::<Vec<_>>().into_iter();
        Self { caller, conversations, at: None, budget, reached: HashMap::new() }
    }

    /// The same with `behind` alone: for a device that has been sent newer messages, which these must not follow.
    pub fn behind_only(
        caller: UserId,
        positions: BTreeMap<ConversationId, Offset>,
        records: BTreeMap<ConversationId, Offset>,
    ) -> Self {
        let budget = Budget { conversations: 0, messages: 0, bytes: 0 };
        Self { budget, ..Self::new(caller, positions, records) }
    }

    /// The next frames, or none for now; `None` at the end. Conversations that the caller may not see, or that are not
    /// there, are passed over in silence.
    pub async fn next(&mut self, kernel: &Kernel) -> Result<Option<Vec<Outgoing>>, Unavailable> {
        let Some(position) = self.at.take().or_else(|| self.begin()) else { return Ok(None) };
        let (caller, most) = (self.caller, self.budget.of(position));
        let conversation = position.conversation;
        let look = move |views: &Query<'_>| read(views, caller, position, most);
        let mut found = kernel.views().read(look).await?;
        if matches!(found, Found::Left) {
            // They may have been added again on another node a moment ago.
            found = match kernel.catch_up_in_group(conversation).await {
                Ok(()) => kernel.views().read(look).await?,
                // While that cannot be known, the rest is read all the same: a later hello tells.
                Err(error) => {
                    tracing::debug!(%error, %conversation, "it is not known whether a former member is back");
                    Found::Nothing
                }
            };
        }
        Ok(Some(match found {
            Found::Nothing => Vec::new(),
            Found::Left => vec![Outgoing::of(&ServerFrame::Left { conversation })],
            Found::Part(part) => self.hand_out(position, part),
        }))
    }

    /// At the end: the last record that the device holds or was told of in each conversation.
    pub fn into_reached(self) -> HashMap<ConversationId, Offset> {
        self.reached
    }

    fn begin(&mut self) -> Option<Position> {
        let (conversation, held) = self.conversations.next()?;
        let messages = if self.budget.conversations == 0 { 0 } else { CATCH_UP_MESSAGES_MAX };
        self.budget.conversations = self.budget.conversations.saturating_sub(1);
        Some(Position { conversation, held, from: held, messages, begun: false })
    }

    fn hand_out(&mut self, position: Position, part: Part) -> Vec<Outgoing> {
        let Position { conversation, held, from, messages, begun } = position;
        let count = part.messages.len();
        let last = part.messages.last();
        let held = match held {
            Held::Message(offset) => Held::Message(last.map_or(offset, |message| message.offset)),
            Held::Record(offset) => Held::Record(last.map_or(offset, Message::revision)),
        };
        let frame = |message| Outgoing::of(&frame(held, message));
        let mut frames: Vec<_> = part.messages.into_iter().map(frame).collect();
        self.budget.messages = self.budget.messages.saturating_sub(count);
        let bytes = frames.iter().map(|frame| frame.text().len()).sum();
        self.budget.bytes = self.budget.bytes.saturating_sub(bytes);
        let messages = messages.saturating_sub(count);
        let here = Position { conversation, held, from, messages, begun: begun || count > 0 };
        frames.extend(part.group.map(|group| Outgoing::of(&group)));
        if !part.more {
            frames.extend(self.complete(here, part.last_record));
        } else if self.budget.of(here) > 0 {
            self.at = Some(here);
        } else {
            frames.extend(self.behind(here, part.newest, part.last_record));
        }
        frames
    }

    /// The device holds all.
    fn complete(&mut self, here: Position, last_record: Option<Offset>) -> Option<Outgoing> {
        let Position { conversation, held, .. } = here;
        match held {
            Held::Message(offset) => {
                self.reached.insert(conversation, offset);
                None
            }
            Held::Record(offset) => {
                let record = last_record.unwrap_or(offset).max(offset);
                self.reached.insert(conversation, record);
                let more = here.begun || record > offset;
                more.then(|| Outgoing::of(&ServerFrame::CaughtUp { conversation, record }))
            }
        }
    }

    /// The rest is for the device to page. A live frame about it would only come twice.
    fn behind(
        &mut self,
        here: Position,
        newest: Option<Offset>,
        last_record: Option<Offset>,
    ) -> Option<Outgoing> {
        let Position { conversation, held, .. } = here;
        let (after, changed_after) = match held {
            Held::Message(offset) => (Some(offset), None),
            Held::Record(offset) => (None, Some(offset)),
        };
        let latest = newest.or(last_record)?;
        self.reached.insert(conversation, last_record.map_or(latest, |record| record.max(latest)));
        Some(Outgoing::of(&ServerFrame::Behind { conversation, after, latest, changed_after }))
    }
}

fn frame(held: Held, message: Message) -> ServerFrame {
    let (record, previous_record) = (None, None);
    match held {
        Held::Message(_) => ServerFrame::Message { message, record, previous_record },
        Held::Record(_) => ServerFrame::Changed { message, record, previous_record },
    }
}

impl Budget {
    /// Messages that the next read may bring.
    fn of(&self, position: Position) -> usize {
        if self.bytes == 0 { 0 } else { CATCH_UP_READ_MESSAGES.min(position.messages).min(self.messages) }
    }
}

fn read(views: &Query<'_>, caller: UserId, position: Position, most: usize) -> Result<Found, ViewsError> {
    let Some(seen) = views.as_seen_by(caller, position.conversation)? else {
        let was_member = views.was_member(caller, position.conversation)?;
        return Ok(if was_member { Found::Left } else { Found::Nothing });
    };
    let (_, newest, last_record) = seen.head()?;
    let behind = match position.held {
        Held::Message(offset) => newest > Some(offset),
        Held::Record(offset) => last_record > Some(offset),
    };
    // A device that has to page on learns from the notices among its pages that the group has changed.
    let part = |messages, more| -> Result<Found, ViewsError> {
        let group = if more { None } else { changed_group(&seen, position.from)? };
        Ok(Found::Part(Part { messages, more, newest, last_record, group }))
    };
    if most == 0 || !behind {
        return part(Vec::new(), behind);
    }
    let page = match position.held {
        Held::Message(offset) => HistoryPage::After(Some(offset)),
        Held::Record(offset) => HistoryPage::ChangedAfter(offset),
    };
    let page = seen.messages(page, most)?;
    part(page.messages, page.next.is_some())
}

/// The group, for a device that has not seen its last change. One that names messages only knows no groups that change.
fn changed_group(seen: &Viewpoint<'_>, held: Held) -> Result<Option<Box<ServerFrame>>, ViewsError> {
    let Held::Record(held) = held else { return Ok(None) };
    let group = seen.group()?;
    if group.revision <= Some(held) {
        return Ok(None);
    }
    Ok(Some(Box::new(group.into_frame(seen.id, &seen.members, None, (None, None)))))
}
