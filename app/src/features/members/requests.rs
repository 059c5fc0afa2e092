//! What the panel asks the server to do. An error comes in words for the person.

use kafkatalk_protocol::{
    Conversation, ConversationId, User, UserId, Username,
    member::{GroupName, Role},
};

#[cfg(feature = "hydrate")]
mod ask {
    use super::{Conversation, ConversationId, GroupName, Role, User, UserId, Username};
    use crate::browser::api::{self, RequestError};

    pub(in super::super) async fn find(prefix: &str) -> Result<Vec<User>, String> {
        api::find_people(prefix).await.map_err(RequestError::into_words)
    }

    pub(in super::super) async fn add(
        group: ConversationId,
        members: Vec<Username>,
        history: bool,
    ) -> Result<Conversation, String> {
        api::add_members(group, members, history).await.map_err(RequestError::into_words)
    }

    pub(in super::super) async fn remove(group: ConversationId, user: UserId) -> Result<(), String> {
        api::remove_member(group, user).await.map_err(RequestError::into_words)
    }

    pub(in super::super) async fn set_role(
        group: ConversationId,
        user: UserId,
        role: Role,
    ) -> Result<Conversation, String> {
        api::set_role(group, user, role).await.map_err(RequestError::into_words)
    }

    pub(in super::super) async fn name(
        group: ConversationId,
        name: Option<GroupName>,
    ) -> Result<Conversation, String> {
        api::name_group(group, name).await.map_err(RequestError::into_words)
    }
}

/// There is no browser here, and nobody who clicks.
#[cfg(not(feature = "hydrate"))]
mod ask {
    use super::{Conversation, ConversationId, GroupName, Role, User, UserId, Username};

    pub(in super::super) async fn find(_prefix: &str) -> Result<Vec<User>, String> {
        Err(String::new())
    }

    pub(in super::super) async fn add(
        _group: ConversationId,
        _members: Vec<Username>,
        _history: bool,
    ) -> Result<Conversation, String> {
        Err(String::new())
    }

    pub(in super::super) async fn remove(_group: ConversationId, _user: UserId) -> Result<(), String> {
        Err(String::new())
    }

    pub(in super::super) async fn set_role(
        _group: ConversationId,
        _user: UserId,
        _role: Role,
    ) -> Result<Conversation, String> {
        Err(String::new())
    }

    pub(in super::super) async fn name(
        _group: ConversationId,
        _name: Option<GroupName>,
    ) -> Result<Conversation, String> {
        Err(String::new())
    }
}

pub(super) use ask::{add, find, name, remove, set_role};
