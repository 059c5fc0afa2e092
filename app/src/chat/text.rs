//! What is found in the text of a message: links, and messages of nothing but a few emoji.

/// A stretch of a message's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words.
    Text(String),
    /// An http or https address, shown as it was typed.
    Link(String),
}

/// Stands for U+0000, which the log may hold: an HTML parser drops that one, and hydration misses it.
const UNSHOWABLE: &str = "\u{fffd}";

/// Splits a text into words and links. Put together again, the spans are the text, but for U+0000.
pub fn spans(text: &str) -> Vec<Span> {
    let text = &text.replace('\0', UNSHOWABLE);
    let mut spans = Vec::new();
    let (mut plain_from, mut at) = (0, 0);
    while let Some(start) = find_scheme(text, at) {
        let end = start + link_length(&text[start..]);
        if is_linkable(text, start, end) {
            if plain_from < start {
                spans.push(Span::Text(text[plain_from..start].to_owned()));
            }
            spans.push(Span::Link(text[start..end].to_owned()));
            plain_from = end;
        }
        at = end;
    }
    if plain_from < text.len() {
        spans.push(Span::Text(text[plain_from..].to_owned()));
    }
    spans
}

const SCHEMES: [&str; 2] = ["http", "https"];

/// Where the next scheme begins.
fn find_scheme(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(found) = text[at..].find("://") {
        let end = at + found;
        for scheme in SCHEMES {
            let start = end.checked_sub(scheme.len()).filter(|start| *start >= from);
            if let Some(start) = start
                && bytes[start..end].eq_ignore_ascii_case(scheme.as_bytes())
            {
                return Some(start);
            }
        }
        at = end + "://".len();
    }
    None
}

/// A link begins at a word's start and has something after the scheme.
fn is_linkable(text: &str, start: usize, end: usize) -> bool {
    let begins = !text[..start].ends_with(char::is_alphanumeric);
    let after_scheme = text[start..end].split_once("://").map_or("", |(_, rest)| rest);
    begins && after_scheme.starts_with(|c: char| c.is_alphanumeric() || c == '[')
}

/// Up to white space or a quotation; without the punctuation that ends the sentence around it.
fn link_length(text: &str) -> usize {
    let stop = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '<' | '>' | '"' | '“' | '”' | '«' | '»' | '\u{fffd}')
    };
    let mut link = &text[..text.find(stop).unwrap_or(text.len())];
    // Brackets that are closed and were not opened: counted once, since a text may be nothing else.
    let (mut round, mut square) = (unopened(link, '(', ')'), unopened(link, '[', ']'));
    while let Some(last) = link.chars().next_back() {
        let loose = match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '…' | '*' | '’' => true,
            ')' if round > 0 => {
                round -= 1;
                true
            }
            ']' if square > 0 => {
                square -= 1;
                true
            }
            _ => false,
        };
        if !loose {
            break;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link.len().max("http://".len().min(text.len()))
}

fn unopened(text: &str, open: char, close: char) -> usize {
    text.matches(close).count().saturating_sub(text.matches(open).count())
}

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
    use proptest::prelude::*;

    fn links(text: &str) -> Vec<String> {
        let link = |span| match span {
            Span::Link(link) => Some(link),
            Span::Text(_) => None,
        };
        spans(text).into_iter().filter_map(link).collect()
    }

    #[test]
    fn links_are_found_without_the_sentence_around_them() {
        for (text, link) in [
            ("see https://example.org/a.", "https://example.org/a"),
            ("(https://example.org/a)", "https://example.org/a"),
            ("https://en.wikipedia.org/wiki/Log_(book)", "https://en.wikipedia.org/wiki/Log_(book)"),
            ("HTTP://EXAMPLE.ORG, or not", "HTTP://EXAMPLE.ORG"),
            ("“https://example.org/?q=ü&b=1”", "https://example.org/?q=ü&b=1"),
            ("a\nhttp://[::1]:8080/x!", "http://[::1]:8080/x"),
            ("(see [https://example.org/a_(b)]).", "https://example.org/a_(b)"),
            ("ftp://a, then hTTps://example.org", "hTTps://example.org"),
        ] {
            assert_eq!(links(text), [link], "{text}");
        }
    }

    #[test]
    fn only_http_is_linked() {
        for text in [
            "javascript:alert(1)",
            "https://",
            "http:// a",
            "xhttps://example.org",
            "ftp://example.org",
            "http://.",
            "http:/a://b",
        ] {
            assert_eq!(links(text), [] as [String; 0], "{text}");
        }
    }

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
        assert_eq!(spans("\0"), [Span::Text("\u{fffd}".into())]);
        assert_eq!(spans("http://a\0http://b").len(), 3);
        assert_eq!(preview("\0"), "\u{fffd}");
    }

    /// The shortest of a few runs, so that what else the machine does counts little.
    fn shortest(text: &str) -> std::time::Duration {
        let run = || {
            let begin = std::time::Instant::now();
            std::hint::black_box(spans(std::hint::black_box(text)));
            begin.elapsed()
        };
        (0..5).map(|_| run()).min().unwrap()
    }

    #[test]
    fn a_text_that_is_longer_takes_longer_in_proportion() {
        const TIMES: usize = 64;
        for part in ["http://.", "http://a", "http://a ", ")", "]", "://", ".", "(http://a)"] {
            let text = |times: usize| format!("http://a{}", part.repeat(times));
            let (short, long) = (shortest(&text(100)), shortest(&text(100 * TIMES)));
            // In proportion it is that many times; by the square it would be that many times as many.
            let most = short * u32::try_from(TIMES * TIMES / 4).unwrap();
            assert!(long < most, "{part:?}: {short:?}, and {long:?} for {TIMES} times as much");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_invented(text in "(\\PC|https?://|[ .)(\n\0]){0,80}") {
            let whole: String = spans(&text)
                .into_iter()
                .map(|span| match span { Span::Text(text) | Span::Link(text) => text })
                .collect();
            prop_assert_eq!(whole, text.replace('\0', UNSHOWABLE));
        }

        #[test]
        fn no_span_is_without_a_character_that_an_html_parser_keeps(text in "(https?://|[ ab)\0]){0,20}") {
            for span in spans(&text) {
                let (Span::Text(text) | Span::Link(text)) = span;
                prop_assert!(!text.is_empty() && !text.contains('\0'), "{text:?}");
            }
        }
    }
}
