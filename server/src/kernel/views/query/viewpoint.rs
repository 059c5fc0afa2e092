//! What one person may see of one conversation: the one capability on which all reading of conversations exists.

use super::Query;
use crate::kernel::{
    projector::Seen,
    views::{
        ViewsError,
        cache::{Members, Person},
        schema::column_offset,
    },
};
use kafkatalk_protocol::{ConversationId, Message, Offset, Timestamp, User, UserId, Username, member::Role};
use std::sync::Arc;

/// A member's view of a conversation. Whoever is no member has none, and one who joined late sees nothing of before.
pub struct Viewpoint<'a> {
    pub(crate) query: &'a Query<'a>,
    /// The conversation.
    pub id: ConversationId,
    pub(crate) members: Arc<Members>,
    pub(crate) viewer: Person,
}

impl std::fmt::Debug for Viewpoint<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Viewpoint").field("id", &self.id).field("viewer", &self.viewer.user.id).finish()
    }
}

impl Query<'_> {
    /// A conversation as this person may see it; `None` where it is not there for them.
    pub fn as_seen_by(
        &self,
        viewer: UserId,
        conversation: ConversationId,
    ) -> Result<Option<Viewpoint<'_>>, ViewsError> {
        let Some(members) = self.members_of(conversation)? else { return Ok(None) };
        let Some(viewer) = members.by_id(viewer).cloned() else { return Ok(None) };
        Ok(Some(Viewpoint { query: self, id: conversation, members, viewer }))
    }

    /// A conversation as nobody sees it: whole, for tools that compare the views with the log.
    pub(crate) fn as_seen_by_tools(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Viewpoint<'_>>, ViewsError> {
        let Some(members) = self.members_of(conversation)? else { return Ok(None) };
        let username = Username::parse("nobody").map_err(|error| ViewsError::Storage(error.to_string()))?;
        let user = User { id: UserId(uuid::Uuid::nil()), username };
        let viewer = Person { row: 0, user, sees_from: Offset(0), role: Role::Member };
        Ok(Some(Viewpoint { query: self, id: conversation, members, viewer }))
    }
}

impl Viewpoint<'_> {
    /// When the conversation was created, the offset of its newest message that the viewer may see, and that of its last
    /// visible record.
    pub(crate) fn head(&self) -> Result<(Timestamp, Option<Offset>, Option<Offset>), ViewsError> {
        let mut find = self
            .query
            .rows
            .prepare_cached("SELECT created_at, newest, last_record FROM conversations WHERE row = ?1")?;
        let (created_at, newest, last) = find.query_row([self.members.row], |row| {
            let offset =
                |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(column_offset));
            Ok((Timestamp::from_millis(row.get(0)?), offset(1)?, offset(2)?))
        })?;
        Ok((created_at, newest.filter(|newest| *newest >= self.viewer.sees_from), last))
    }

    /// The offset of the newest message that the viewer may see.
    pub fn newest(&self) -> Result<Option<Offset>, ViewsError> {
        Ok(self.head()?.1)
    }

    /// The offset of the last visible record.
    pub fn last_record(&self) -> Result<Option<Offset>, ViewsError> {
        Ok(self.head()?.2)
    }

    /// Adds to messages, which follow upon each other, what all features know of them.
    pub(crate) fn complete(&self, messages: &mut [Message]) -> Result<(), ViewsError> {
        let seen = Seen { members: &self.members, sees_from: self.viewer.sees_from };
        self.query.registry.complete(self.query.rows, &seen, messages)
    }
}
