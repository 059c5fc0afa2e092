//! A record in its conversation, as its handler meets it.

use super::{Delivery, Registry};
use crate::kernel::views::{
    ViewsError,
    cache::{Cache, Members, Person},
    conversation::ConversationState,
    schema,
};
use kafkatalk_protocol::{Message, Offset, ServerFrame, Timestamp, UserId};
use rusqlite::{Connection, Row};
use std::{fmt, sync::Arc};

/// For whom a message is completed.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub(crate) members: &'a Members,
    /// The first offset that may be seen.
    pub sees_from: Offset,
}

impl Seen<'_> {
    /// Adds the rows that a feature keeps about messages to them. `query` selects rows whose first column is a place,
    /// from the place `?1` to the place `?2`.
    pub(crate) fn add_rows(
        &self,
        rows: &Connection,
        query: &str,
        messages: &mut [Message],
        mut add: impl FnMut(&mut Message, &Row<'_>) -> Result<(), ViewsError>,
    ) -> Result<(), ViewsError> {
        let place = |message: &Message| schema::place(self.members.row, message.offset);
        let (Some(first), Some(last)) = (messages.first().map(place), messages.last().map(place)) else {
            return Ok(());
        };
        let mut find = rows.prepare_cached(query)?;
        let mut found = find.query((first, last))?;
        while let Some(row) = found.next()? {
            let offset = schema::offset_of(row.get(0)?);
            if let Ok(index) = messages.binary_search_by_key(&offset, |message| message.offset) {
                add(&mut messages[index], row)?;
            }
        }
        Ok(())
    }
}

/// A record in its conversation, and all that a handler works with.
pub struct InConversation<'a> {
    /// The rows, in the transaction that holds the record.
    pub rows: &'a Connection,
    /// What is kept in memory.
    pub cache: &'a Cache,
    /// What all features know.
    pub registry: &'a Registry,
    /// The conversation as all records before this one have made it.
    pub state: &'a mut ConversationState,
    /// The record's offset.
    pub offset: Offset,
    /// When the node that wrote the record accepted it.
    pub at: Timestamp,
}

impl fmt::Debug for InConversation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InConversation").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl InConversation<'_> {
    /// What every member may see.
    pub fn seen_by_all(&self) -> Seen<'_> {
        let members = self.state.members();
        Seen { members, sees_from: members.all_see_from() }
    }

    /// The chain link of a frame about this record: `record` and `previous_record`.
    pub fn link(&self) -> (Option<Offset>, Option<Offset>) {
        (Some(self.offset), self.state.last_record())
    }

    /// Whether a person is a member and may see what lies at that offset.
    pub fn may_see(&self, user: UserId, offset: Offset) -> bool {
        self.state.members().by_id(user).is_some_and(|person| person.sees_from <= offset)
    }

    /// A frame about a message, for those members who may see that message; the others learn that nothing changed for
    /// them, so that their chain stays whole.
    pub fn to_viewers(&self, message: Offset, frame: ServerFrame) -> Vec<Delivery> {
        let members = self.state.members();
        if members.all_see(message) {
            return vec![Delivery::to(Arc::clone(&members.ids), frame)];
        }
        let (see, others): (Vec<_>, Vec<_>) =
            members.people.iter().partition(|person| person.sees_from <= message);
        let ids = |people: Vec<&Person>| people.iter().map(|person| person.user.id).collect();
        let nothing = ServerFrame::Record {
            conversation: self.state.id,
            record: self.offset,
            previous_record: self.state.last_record(),
        };
        vec![Delivery::to(ids(see), frame), Delivery::to(ids(others), nothing)]
    }
}
