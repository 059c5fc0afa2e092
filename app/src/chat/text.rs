//! What is found in the text of a message: links, and messages of nothing but a few emoji.

mod links;

pub use links::{Span, spans};

/// Stands for U+0000, which the log may hold: an HTML parser drops that one, so the page would lose it.
const UNSHOWABLE: &str = "\u{fffd}";

/// Most emoji of a message that is shown large.
const LARGE_EMOJI_MAX: usize = 3;

/// Whether a text is one to three emoji and nothing else: such a message is shown large, without a bubble.
pub fn is_few_emoji(text: &str) -> bool {
    let (mut count, mut joined, mut flag_open) = (0, false, false);
    for c in text.trim().chars() {
        match c {
            '\u{200d}' if count > 0 => joined = true,
            '\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}' if count > 0 => {}
            '\u{1f1e6}'..='\u{1f1ff}' => {
                count += usize::from(!flag_open);
                flag_open = !flag_open;
            }
            '\u{1f300}'..='\u{1faff}'
            | '\u{2600}'..='\u{27bf}'
            | '\u{2b50}'
            | '\u{2b55}'
            | '\u{231a}'..='\u{23ff}' => {
                count += usize::from(!joined);
                joined = false;
            }
            _ => return false,
        }
    }
    (1..=LARGE_EMOJI_MAX).contains(&count)
}

/// The first words of a message on one line, for the list.
pub fn preview(text: &str) -> String {
    /// Characters that a line of the list can show at most.
    const CHARS_MAX: usize = 120;
    let mut out = String::new();
    let mut chars = 0;
    for word in text.split_whitespace() {
        if chars > 0 {
            out.push(' ');
        }
        for c in word.chars() {
            if chars >= CHARS_MAX {
                out.push('…');
                return out;
            }
            if c == '\0' {
                out.push_str(UNSHOWABLE);
            } else {
                out.push(c);
            }
            chars += 1;
        }
        chars += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_emoji_alone_are_shown_large() {
        for text in ["🙂", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️", "🎉🎉🎉", " 🙂 "]
        {
            assert!(is_few_emoji(text), "{text}");
        }
        for text in ["", "a🙂", "🙂🙂🙂🙂", "1", "!", "🙂 ok", "\u{200d}"] {
            assert!(!is_few_emoji(text), "{text}");
        }
    }

    #[test]
    fn a_preview_is_one_line() {
        assert_eq!(preview("  one\n\n two\tthree "), "one two three");
        assert_eq!(preview(&"x".repeat(500)).chars().count(), 121);
    }

    #[test]
    fn a_character_that_html_drops_is_shown_as_unshowable() {
        assert_eq!(preview("\0"), "\u{fffd}");
    }
}
