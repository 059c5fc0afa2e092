//! What people type: names, passwords, messages, each with its rules.

mod blank;

pub use blank::is_blank;
pub(crate) use blank::turns_what_follows;

use crate::limits::{
    BODY_BYTES_MAX, BODY_CHARS_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, USERNAME_CHARS_MAX,
    USERNAME_CHARS_MIN,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use std::{borrow::Cow, fmt, str::FromStr};

/// Why a text is refused, in words that a person can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Username of the wrong length.
    #[error("Use {USERNAME_CHARS_MIN} to {USERNAME_CHARS_MAX} characters.")]
    UsernameLength,
    /// Username with a character outside the set.
    #[error("Use only letters a to z, digits, dot, underscore and hyphen.")]
    UsernameCharacters,
    /// Username that begins with a dot, underscore or hyphen.
    #[error("Begin with a letter or a digit.")]
    UsernameStart,
    /// Password too short.
    #[error("Use at least {PASSWORD_CHARS_MIN} characters.")]
    PasswordShort,
    /// Password too long.
    #[error("Use at most {PASSWORD_CHARS_MAX} characters.")]
    PasswordLong,
    /// Nothing that anybody could see.
    #[error("Write something first.")]
    BodyEmpty,
    /// Body too long.
    #[error("Use at most {BODY_CHARS_MAX} characters; send the rest as another message.")]
    BodyLong,
    /// Body with U+0000, which no page can show: HTML knows no such character.
    #[error("Leave out the character U+0000.")]
    BodyNul,
}

/// Text types: parsed on the way in, plain strings on the way out.
macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = TextError;
            fn from_str(text: &str) -> Result<Self, TextError> {
                Self::parse(text)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(D::Error::custom)
            }
        }
    };
}

/// A username: 3 to 32 of `a-z 0-9 . _ -`, beginning with a letter or digit; given in any case, kept in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 3, max_length = 32, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$", example = "alice"))]
#[serde(transparent)]
pub struct Username(Box<str>);

impl Username {
    /// Parses what a person typed.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            return Err(TextError::UsernameCharacters);
        }
        if !(USERNAME_CHARS_MIN..=USERNAME_CHARS_MAX).contains(&text.len()) {
            return Err(TextError::UsernameLength);
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err(TextError::UsernameStart);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}
text_type!(Username);
impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A password: 8 to 256 characters. Never shown, never logged.
#[derive(Clone)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 8, max_length = 256, format = Password))]
pub struct Password(Box<str>);

impl Password {
    /// Parses what a person typed; white space counts.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        match text.chars().take(PASSWORD_CHARS_MAX + 1).count() {
            n if n < PASSWORD_CHARS_MIN => Err(TextError::PasswordShort),
            n if n > PASSWORD_CHARS_MAX => Err(TextError::PasswordLong),
            _ => Ok(Self(text.into())),
        }
    }
}
text_type!(Password);
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A message's text: 1 to 8,000 Unicode characters, at most 32 KiB, not only [what nobody can see](is_blank), without
/// U+0000.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, min_length = 1, max_length = 8000))]
#[serde(transparent)]
pub struct Body(Box<str>);

impl Body {
    /// Parses what a client sends; kept to the letter.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if text.contains('\0') {
            return Err(TextError::BodyNul);
        }
        if is_blank(text) {
            return Err(TextError::BodyEmpty);
        }
        Self::kept(text)
    }

    /// The same text with U+000A at the end of each line, as servers write it to the log.
    #[must_use]
    pub fn with_line_feeds(self) -> Self {
        match with_line_feeds(&self.0) {
            Cow::Borrowed(_) => self,
            Cow::Owned(text) => Self(text.into()),
        }
    }

    /// Parses what a person typed: without what [`tidy`] takes away.
    pub fn typed(text: &str) -> Result<Self, TextError> {
        Self::parse(&tidy(text))
    }

    /// Takes what is in the log: U+0000 and what nobody can see were allowed once, and what was said stays readable.
    pub fn kept(text: &str) -> Result<Self, TextError> {
        if text.trim().is_empty() {
            return Err(TextError::BodyEmpty);
        }
        if text.len() > BODY_BYTES_MAX || text.chars().count() > BODY_CHARS_MAX {
            return Err(TextError::BodyLong);
        }
        Ok(Self(text.into()))
    }
}
text_type!(Body);

/// The text with U+000A at the end of each line, as pages show it: HTML takes U+000D, and both together, for the same.
pub fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

/// What a person typed, as it is sent: without empty lines at its beginning, and without empty lines and white space at its
/// end. The first line keeps its indentation.
pub fn tidy(text: &str) -> Cow<'_, str> {
    let text = match with_line_feeds(text) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_end()),
        Cow::Owned(text) => Cow::Owned(text.trim_end().to_owned()),
    };
    let before = text.len() - text.trim_start().len();
    let begin = text[..before].rfind('\n').map_or(0, |line| line + 1);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[begin..]),
        Cow::Owned(text) => Cow::Owned(text[begin..].to_owned()),
    }
}

/// Reads a field by [`Body::kept`].
pub(crate) fn kept_body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    Body::kept(&text).map_err(D::Error::custom)
}

impl fmt::Debug for Body {
    // Bodies are private: a log line or a panic must not show them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_username_is_kept_in_lower_case() {
        assert_eq!(Username::parse("Alice.B-2").unwrap().as_str(), "alice.b-2");
    }

    #[test]
    fn a_bad_username_says_what_is_wrong() {
        for (text, error) in [
            ("al", TextError::UsernameLength),
            ("", TextError::UsernameLength),
            ("a23456789012345678901234567890123", TextError::UsernameLength),
            ("al ice", TextError::UsernameCharacters),
            ("ålice", TextError::UsernameCharacters),
            (".alice", TextError::UsernameStart),
        ] {
            assert_eq!(Username::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_body_is_bounded_in_characters_and_in_bytes() {
        assert!(Body::parse(&"é".repeat(8_000)).is_ok());
        assert_eq!(Body::parse(&"a".repeat(8_001)), Err(TextError::BodyLong));
        assert!(Body::parse(&"🙂".repeat(8_000)).is_ok());
        assert_eq!(Body::parse(" \n\u{2003}\t"), Err(TextError::BodyEmpty));
    }

    #[test]
    fn a_body_that_nobody_can_see_is_refused_and_read_from_the_log_all_the_same() {
        for text in [
            "\u{200b}",
            "\u{2800}\u{2800}",
            "\u{3164}",
            "\u{feff}",
            "\u{200d} \n\u{fe0f}",
            "\u{e0020}",
            "\u{ad}",
            "\u{1}",
        ] {
            assert_eq!(Body::parse(text), Err(TextError::BodyEmpty), "{text:?}");
            let json = serde_json::json!({ "id": uuid::Uuid::nil(), "body": text });
            let posted: crate::event::MessagePosted = serde_json::from_value(json).unwrap();
            assert_eq!(posted.body.as_str(), text);
        }
        for text in ["\u{200b}a", "می\u{200c}خواهم", "\u{301}", "🏳\u{fe0f}\u{200d}🌈", "\u{fffd}", "\u{e000}"]
        {
            assert_eq!(Body::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn line_ends_become_line_feeds() {
        for (sent, taken) in [
            ("one\rtwo\r\nthree\nfour\r\n\r\nsix\n\rend", "one\ntwo\nthree\nfour\n\nsix\n\nend"),
            ("plain\ntext", "plain\ntext"),
        ] {
            assert_eq!(Body::parse(sent).unwrap().with_line_feeds().as_str(), taken);
        }
        assert_eq!(Body::parse("\r\n"), Err(TextError::BodyEmpty));
    }

    #[test]
    fn what_is_typed_loses_empty_lines_at_its_ends_and_keeps_the_indentation_of_its_first_line() {
        for (typed, sent) in [
            ("    if x:\n        y", "    if x:\n        y"),
            ("\tindented", "\tindented"),
            ("\u{3000}段落", "\u{3000}段落"),
            ("\n \n\t\n  first\n\nlast \n \n", "  first\n\nlast"),
            ("\r\n\r\n  first\r\nlast\r\n", "  first\nlast"),
            ("plain", "plain"),
            ("plain  ", "plain"),
            (" \n ", ""),
            ("", ""),
        ] {
            assert_eq!(tidy(typed), sent, "{typed:?}");
            assert_eq!(
                Body::typed(typed).ok().map(|body| body.as_str().to_owned()).unwrap_or_default(),
                sent
            );
        }
    }

    #[test]
    fn a_body_with_a_character_that_html_drops_is_refused_and_read_from_the_log_all_the_same() {
        for text in ["\0", "a\0b"] {
            assert_eq!(Body::parse(text), Err(TextError::BodyNul));
            assert!(serde_json::from_value::<Body>(text.into()).is_err());
            let json = serde_json::json!({ "id": uuid::Uuid::nil(), "body": text });
            let posted: crate::event::MessagePosted = serde_json::from_value(json).unwrap();
            assert_eq!(posted.body.as_str(), text);
        }
    }

    #[test]
    fn secrets_do_not_show_when_debugged() {
        assert!(!format!("{:?}", Password::parse("hunter2hunter2").unwrap()).contains("hunter"));
        assert!(!format!("{:?}", Body::parse("see you at nine").unwrap()).contains("nine"));
    }

    proptest! {
        #[test]
        fn parsing_any_text_never_panics_and_keeps_what_it_accepts(text in "\\PC{0,300}") {
            if let Ok(body) = Body::parse(&text) { prop_assert_eq!(body.as_str(), &text); }
            let tidied = tidy(&text);
            prop_assert_eq!(tidy(&tidied), tidied.as_ref());
            let lines = with_line_feeds(&text);
            prop_assert_eq!(tidied.trim(), lines.trim());
            if let Ok(name) = Username::parse(&text) { prop_assert_eq!(name.as_str(), text.to_lowercase()); }
            if let Ok(password) = Password::parse(&text) { prop_assert_eq!(password.as_str(), &text); }
        }
    }
}
