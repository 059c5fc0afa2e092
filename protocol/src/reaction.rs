//! Reacting to a message with an emoji.

use crate::{
    MessageId, Offset, UserId,
    event::Event,
    text::{is_blank, turns_what_follows},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{fmt, str::FromStr};

/// Most Unicode characters of an emoji: those of a family have that many.
pub const EMOJI_CHARS_MAX: usize = 16;
/// Most reactions of one person to one message.
pub const REACTIONS_OF_PERSON_MAX: usize = 10;

/// One emoji: up to 16 Unicode characters, not all of them ASCII, without letters of ASCII, white space or control
/// characters, not only [what nobody can see](is_blank), and without marks that turn the direction of what follows. Which
/// sequences are drawn as one picture is for whoever draws them.
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
        let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}') || turns_what_follows(c);
        if is_blank(text) || text.contains(turns) { Err(NoEmoji) } else { Self::kept(text) }
    }

    /// Takes what is in the log: some that nobody can see were allowed once, and can be taken back.
    pub fn kept(text: &str) -> Result<Self, NoEmoji> {
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
        // What is in the log is shown and can be taken back; servers check what is new.
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::kept(&text).map_err(D::Error::custom)
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

    #[test]
    fn what_nobody_sees_or_what_turns_the_direction_is_no_emoji_and_is_read_from_the_log_all_the_same() {
        for text in
            ["\u{200b}", "\u{2800}", "\u{200d}\u{fe0f}", "\u{3164}", "👍\u{202e}", "👍\u{61c}", "\u{2067}👍"]
        {
            assert_eq!(Emoji::parse(text), Err(NoEmoji), "{text:?}");
            let id = uuid::Uuid::nil();
            let set = serde_json::json!({ "id": id, "message": 1, "emoji": text, "on": true });
            assert_eq!(serde_json::from_value::<ReactionSet>(set).unwrap().emoji.as_str(), text);
            let reaction = serde_json::json!({ "emoji": text, "users": [id] });
            assert_eq!(serde_json::from_value::<Reaction>(reaction).unwrap().emoji.as_str(), text);
        }
    }
}
