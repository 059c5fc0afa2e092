//! What the server knows of people.

use kafkatalk_protocol::{Conversation, CreationId, User, Username};

/// What came of looking for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "hydrate"), expect(dead_code, reason = "nobody is looked for on the server"))]
pub(super) enum Found {
    /// Nothing was looked for.
    Nothing,
    /// These, by name.
    People(Vec<User>),
    /// It did not work, in words that say what to do.
    Failed(String),
}

impl Found {
    /// The people, where there is an answer.
    pub(super) fn people(&self) -> Option<Vec<User>> {
        if let Self::People(people) = self { Some(people.clone()) } else { None }
    }
}

#[cfg(feature = "hydrate")]
mod ask {
    use super::{Conversation, CreationId, Found, Username};
    use crate::browser::api::{RequestError, find_people, open_conversation};

    fn words(error: RequestError) -> String {
        match error {
            RequestError::Refused { detail, .. } if !detail.is_empty() => detail,
            _ => "No connection to the server just now.".into(),
        }
    }

    pub(in super::super) async fn find(prefix: &str) -> Found {
        match find_people(prefix).await {
            Ok(people) => Found::People(people),
            Err(error) => Found::Failed(words(error)),
        }
    }

    pub(in super::super) async fn open_with(
        members: Vec<Username>,
        id: CreationId,
    ) -> Result<Conversation, String> {
        open_conversation(members, id).await.map_err(words)
    }

    pub(in super::super) use crate::browser::seed;
}

/// There is no browser here, and nobody who types.
#[cfg(not(feature = "hydrate"))]
mod ask {
    use super::{Conversation, CreationId, Found, Username};

    pub(in super::super) async fn find(_prefix: &str) -> Found {
        Found::Nothing
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

pub(super) use ask::{find, open_with, seed};
