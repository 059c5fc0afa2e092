//! Finding people, and the conversations with them.

use super::{
    Chat,
    errors::{ConversationError, OpenError, Unavailable},
};
use crate::views::Change;
use kafkatalk_log::{Ledger, Stream, failpoints};
use kafkatalk_protocol::{
    Conversation, ConversationId, Problem, User, UserId, Username, event::ConversationCreated,
    http::Conversations,
};

impl Chat {
    /// People whose names begin so, by username.
    pub async fn find_users(&self, prefix: String, limit: usize) -> Result<Vec<User>, Unavailable> {
        Ok(self.views.read(move |views| views.users_by_prefix(&prefix, limit)).await?)
    }

    /// The conversation with somebody, and whether it is new. Asking twice, or both at once, opens one. `may_open` is
    /// asked before a new one is opened.
    pub async fn open_conversation(
        &self,
        caller: &User,
        members: Vec<Username>,
        may_open: impl FnOnce() -> Result<(), Problem> + Send,
    ) -> Result<(Conversation, bool), OpenError> {
        let mut others: Vec<Username> = members.into_iter().filter(|name| *name != caller.username).collect();
        others.sort();
        others.dedup();
        let other = others.pop().ok_or(OpenError::Alone)?;
        if !others.is_empty() {
            return Err(OpenError::TooMany);
        }
        let name = other.clone();
        let found = self.find(move |views| views.user_by_name(&name)).await?;
        let (other, _) = found.ok_or_else(|| OpenError::NoSuchUser(other.to_string()))?;

        let (viewer, id) = (caller.id, ConversationId::of_pair(caller.id, other.id));
        if let Some(known) = self.views.read(move |views| views.conversation(viewer, id)).await? {
            return Ok((known, false));
        }
        may_open().map_err(OpenError::TooOften)?;
        // The stream is made ready while the person is still reading the empty page.
        self.log.prepare(Stream::Conversation(id)).await.map_err(Unavailable::from)?;
        failpoints::die_if(failpoints::die::WHILE_CREATING);
        let created = ConversationCreated { conversation: id, members: vec![viewer, other.id] };
        let record = self.record(Some(viewer), &created);
        let change = self.commit(Stream::Ledger(Ledger::Conversations), record).await?;
        let first = matches!(change, Change::Created { first: true, .. });
        let conversation = self.views.read(move |views| views.conversation(viewer, id)).await?;
        let conversation = conversation
            .ok_or(Unavailable::Impossible("a conversation is not there after it was created"))?;
        Ok((conversation, first))
    }

    /// A conversation of the caller's.
    pub async fn conversation(
        &self,
        caller: UserId,
        id: ConversationId,
    ) -> Result<Conversation, ConversationError> {
        let found = self.find(move |views| views.conversation(caller, id)).await?;
        found.ok_or(ConversationError::NotFound)
    }

    /// Waits until this node knows of a conversation, if it is there for the caller.
    pub async fn until_seen(&self, caller: UserId, id: ConversationId) -> Result<(), Unavailable> {
        match self.require_member(caller, id).await {
            Ok(()) | Err(ConversationError::NotFound) => Ok(()),
            Err(ConversationError::Unavailable(error)) => Err(error),
        }
    }

    /// The caller's conversations, latest activity first.
    pub async fn conversations(
        &self,
        caller: UserId,
        before: Option<String>,
        limit: usize,
    ) -> Result<Conversations, Unavailable> {
        Ok(self.views.read(move |views| views.conversations(caller, before.as_deref(), limit)).await?)
    }

    /// Everyone in a conversation, if the caller is one of them.
    pub(crate) async fn require_member(
        &self,
        caller: UserId,
        id: ConversationId,
    ) -> Result<(), ConversationError> {
        let members = match self.views.cached_members(id) {
            Some(members) => Some(members),
            None => self.find(move |views| views.members(id)).await?,
        };
        match members {
            Some(members) if members.contains(&caller) => Ok(()),
            _ => Err(ConversationError::NotFound),
        }
    }
}
