//! Replying to a message.

use crate::{Body, Offset, User};
use serde::{Deserialize, Serialize};

/// Most Unicode characters of what a reply shows of the message that it is to.
pub const EXCERPT_CHARS_MAX: usize = 140;

/// The message that a reply is to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Quote {
    /// Its offset in the same conversation.
    pub offset: Offset,
    /// Who posted it; absent where the excerpt is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<User>,
    /// How it begins, as it was when the reply was read. Absent where it was deleted, where it is gone, and where not
    /// every receiver may see it: a client that holds the message shows what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// How a text begins.
pub fn excerpt(body: &Body) -> String {
    body.as_str().chars().take(EXCERPT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_the_beginning_in_characters() {
        let body = Body::parse(&"é".repeat(EXCERPT_CHARS_MAX + 1)).unwrap();
        assert_eq!(excerpt(&body), "é".repeat(EXCERPT_CHARS_MAX));
        assert_eq!(excerpt(&Body::parse("short").unwrap()), "short");
    }
}
