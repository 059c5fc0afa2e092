//! What the server knows of people and messages.

use kafkatalk_protocol::{
    Conversation, CreationId, User, Username,
    http::{self, Hit},
};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// By name.
    pub(super) people: Vec<User>,
    /// Latest first.
    pub(super) hits: Vec<Hit>,
    /// Where there are more of these.
    pub(super) next: Option<String>,
    /// It did not work, in words that say what to do.
    pub(super) failed: Option<String>,
}

#[cfg(feature = "hydrate")]
mod ask {
    use super::{Conversation, CreationId, User, Username, http};
    use crate::browser::api::{RequestError, find_messages, find_people, open_conversation};
    use kafkatalk_protocol::ErrorCode;

    pub(in super::super) async fn find(prefix: &str) -> Result<Vec<User>, String> {
        find_people(prefix).await.map_err(RequestError::into_words)
    }

    pub(in super::super) async fn search(words: &str, before: Option<&str>) -> Result<http::Found, String> {
        match find_messages(words, before).await {
            // No word yet: nothing to say about it while somebody types.
            Err(RequestError::Refused { code: ErrorCode::InvalidInput, .. }) => {
                Ok(http::Found { hits: Vec::new(), next: None })
            }
            found => found.map_err(RequestError::into_words),
        }
    }

    pub(in super::super) async fn open_with(
        members: Vec<Username>,
        id: CreationId,
    ) -> Result<Conversation, String> {
        open_conversation(members, id).await.map_err(RequestError::into_words)
    }

    pub(in super::super) use crate::browser::seed;
}

/// There is no browser here, and nobody who types.
#[cfg(not(feature = "hydrate"))]
mod ask {
    use super::{Conversation, CreationId, User, Username, http};

    pub(in super::super) async fn find(_prefix: &str) -> Result<Vec<User>, String> {
        Err(String::new())
    }

    pub(in super::super) async fn search(_words: &str, _before: Option<&str>) -> Result<http::Found, String> {
        Err(String::new())
    }

    pub(in super::super) async fn open_with(
        _members: Vec<Username>,
        _id: CreationId,
    ) -> Result<Conversation, String> {
        Err(String::new())
    }

    pub(in super::super) fn seed() -> u128 {
        0
    }
}

pub(super) use ask::{find, open_with, search, seed};
