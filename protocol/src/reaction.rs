//! Reacting to a message with an emoji.

use crate::{MessageId, Offset, UserId, event::Event};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr};

/// Most Unicode characters of an emoji: those of a family have that many.
pub const EMOJI_CHARS_MAX: usize = 16;
/// Most reactions of one person to one message.
pub const REACTIONS_OF_PERSON_MAX: usize = 10;

/// One emoji: up to 16 Unicode characters, not all of them ASCII, without letters of ASCII, white space or control
/// characters. Which sequences are drawn as one picture is for whoever draws them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 16, example = "👍"))]
#[serde(transparent)]
pub struct Emoji(Box<str>);

/// A text that is no emoji.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEmoji;

impl fmt::Display for NoEmoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Choose a single emoji.")
    }
}

impl std::error::Error for NoEmoji {}

impl Emoji {
    /// Parses what a person chose.
    pub fn parse(text: &str) -> Result<Self, NoEmoji> {
        let short = text.chars().take(EMOJI_CHARS_MAX + 1).count() <= EMOJI_CHARS_MAX;
        let bad = |c: char| c.is_ascii_alphabetic() || c.is_whitespace() || c.is_control();
        if short && !text.is_ascii() && !text.contains(bad) { Ok(Self(text.into())) } else { Err(NoEmoji) }
    }

    /// The emoji.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Emoji {
    type Err = NoEmoji;

    fn from_str(text: &str) -> Result<Self, NoEmoji> {
        Self::parse(text)
    }
}

impl fmt::Display for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Emoji {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// Somebody reacts to a message, or takes that back. The envelope's author is who reacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionSet {
    /// The client's id of the command. It may stand in the log more than once: the first one counts.
    pub id: MessageId,
    /// The offset of the message.
    pub message: Offset,
    /// The emoji.
    pub emoji: Emoji,
    /// Whether the reaction is there from now on.
    pub on: bool,
}

impl Event for ReactionSet {
    const KIND: &'static str = "reaction.set";
}

/// An emoji and those who reacted with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reaction {
    /// The emoji.
    pub emoji: Emoji,
    /// Who reacted with it, in that order. There is at least one.
    pub users: Vec<UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emoji_are_taken_and_words_are_not() {
        for emoji in ["👍", "❤️", "👩‍👩‍👧‍👦", "🏳️‍🌈", "1️⃣"] {
            assert_eq!(Emoji::parse(emoji).map(|emoji| emoji.to_string()), Ok(emoji.to_owned()));
        }
        for word in ["", "ok", "👍 ", "+1", "👍ok", "\u{1f44d}\n", &"👍".repeat(EMOJI_CHARS_MAX + 1)] {
            assert_eq!(Emoji::parse(word), Err(NoEmoji), "{word:?}");
        }
    }
}
