//! What the server knows of people and messages.

use kafkatalk_protocol::{Conversation, User, Username, http};

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

#[cfg(feature = "hydrate")]
mod ask {
    use super::{Conversation, Found, Username, http};
    use crate::browser::api::{RequestError, find_messages, find_people, open_conversation};
    use kafkatalk_protocol::ErrorCode;

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

    pub(in super::super) async fn search(words: &str, before: Option<&str>) -> Result<http::Found, String> {
        match find_messages(words, before).await {
            // No word yet: nothing to say about it while somebody types.
            Err(RequestError::Refused { code: ErrorCode::InvalidInput, .. }) => {
                Ok(http::Found { hits: Vec::new(), next: None })
            }
            found => found.map_err(self::words),
        }
    }

    pub(in super::super) async fn open_with(person: Username) -> Result<Conversation, String> {
        open_conversation(vec![person]).await.map_err(words)
    }
}

/// There is no browser here, and nobody who types.
#[cfg(not(feature = "hydrate"))]
mod ask {
    use super::{Conversation, Found, Username, http};

    pub(in super::super) async fn find(_prefix: &str) -> Found {
        Found::Nothing
    }

    pub(in super::super) async fn search(_words: &str, _before: Option<&str>) -> Result<http::Found, String> {
        Err(String::new())
    }

    pub(in super::super) async fn open_with(_person: Username) -> Result<Conversation, String> {
        Err(String::new())
    }
}

pub(super) use ask::{find, open_with, search};
