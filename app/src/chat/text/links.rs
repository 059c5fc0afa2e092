//! Where the addresses in a text begin and end.

use super::UNSHOWABLE;

/// A stretch of a message's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// Words.
    Text(String),
    /// An http or https address, shown as it was typed.
    Link(String),
}

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

/// A link has something after the scheme, and stands at no word of the letters of schemes. Many scripts put no space before it.
fn is_linkable(text: &str, start: usize, end: usize) -> bool {
    let begins = !text[..start].ends_with(|c: char| c.is_ascii_alphanumeric());
    let after_scheme = text[start..end].split_once("://").map_or("", |(_, rest)| rest);
    begins && after_scheme.starts_with(|c: char| c.is_alphanumeric() || c == '[')
}

/// What no address goes on behind, however it is typed: white space, quotation marks, and what is not seen.
fn ends_link(c: char) -> bool {
    let quotation = matches!(c, '<' | '>' | '"' | '“' | '”' | '„' | '‟' | '«' | '»' | '‹' | '›' | '\u{fffd}');
    c.is_whitespace() || c.is_control() || quotation || is_unseen(c) || is_wide_punctuation(c)
}

/// Characters that turn the direction of what follows, or take no room: with them an address could look like another. Not the
/// joiners (U+200C, U+200D), which words of some scripts have.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Punctuation of scripts that put no space behind it: of Chinese, Japanese and Korean texts, and the wide forms.
fn is_wide_punctuation(c: char) -> bool {
    matches!(
        c,
        '\u{3001}'..='\u{3004}' | '\u{3008}'..='\u{3020}' | '\u{3030}' | '\u{303d}'
            | '\u{fe10}'..='\u{fe19}'
            | '\u{fe30}'..='\u{fe6b}'
            | '\u{ff01}'..='\u{ff0f}'
            | '\u{ff1a}'..='\u{ff20}'
            | '\u{ff3b}'..='\u{ff40}'
            | '\u{ff5b}'..='\u{ff65}'
    )
}

/// Punctuation that ends the sentence around an address, where it is the last of it.
fn ends_sentence(c: char) -> bool {
    matches!(
        c,
        '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '…' | '*' | '‘' | '’'
            // Greek, Armenian, Hebrew, Arabic, Devanagari, Tibetan, Myanmar, Ethiopic, Khmer, Mongolian.
            | '\u{37e}' | '\u{387}' | '\u{55c}'..='\u{55e}' | '\u{589}' | '\u{5be}' | '\u{5c3}'
            | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{6d4}' | '\u{964}' | '\u{965}'
            | '\u{f0d}' | '\u{f0e}' | '\u{104a}' | '\u{104b}' | '\u{1361}'..='\u{1368}'
            | '\u{17d4}'..='\u{17d6}' | '\u{1802}' | '\u{1803}'
    )
}

/// Up to where an address cannot go on; without the punctuation that ends the sentence around it.
fn link_length(text: &str) -> usize {
    let mut link = &text[..text.find(ends_link).unwrap_or(text.len())];
    // Brackets that are closed and were not opened: counted once, since a text may be nothing else.
    let (mut round, mut square) = (unopened(link, '(', ')'), unopened(link, '[', ']'));
    while let Some(last) = link.chars().next_back() {
        let loose = match last {
            last if ends_sentence(last) => true,
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
            // Scripts without spaces between words.
            ("请看https://example.org/a", "https://example.org/a"),
            ("見てhttps://example.org/a ください", "https://example.org/a"),
            ("ดูhttps://example.org/a", "https://example.org/a"),
            ("смhttps://example.org/a", "https://example.org/a"),
            ("见 https://example.org/a。谢谢", "https://example.org/a"),
            ("https://example.org/a，谢谢", "https://example.org/a"),
            ("（https://example.org/a）", "https://example.org/a"),
            ("「https://example.org/a」を見て", "https://example.org/a"),
            ("https://example.org/a！！", "https://example.org/a"),
            ("https://example.org/a｡ありがとう", "https://example.org/a"),
            ("https://zh.wikipedia.org/wiki/北京", "https://zh.wikipedia.org/wiki/北京"),
            ("https://ja.wikipedia.org/wiki/佐々木〆切", "https://ja.wikipedia.org/wiki/佐々木〆切"),
            ("https://ar.wikipedia.org/wiki/باريس،_تكساس؟", "https://ar.wikipedia.org/wiki/باريس،_تكساس"),
            ("देखो https://example.org/a।", "https://example.org/a"),
            // What turns the direction of a text, or is not seen, ends an address.
            ("https://legit.example/files\u{202e}gpj.exe", "https://legit.example/files"),
            ("https://example.org/\u{2066}a", "https://example.org/"),
            ("https://example.org/a\u{200f}b", "https://example.org/a"),
            ("https://example.org\u{200b}.evil.example", "https://example.org"),
            (
                "https://fa.wikipedia.org/wiki/می\u{200c}خواهم",
                "https://fa.wikipedia.org/wiki/می\u{200c}خواهم",
            ),
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
    fn a_character_that_html_drops_is_shown_as_unshowable() {
        assert_eq!(spans("\0"), [Span::Text("\u{fffd}".into())]);
        assert_eq!(spans("http://a\0http://b").len(), 3);
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
        fn a_link_is_an_address_that_shows_where_it_leads(
            text in "(https?://|HTTPS://|javascript:|\\PC|[ab/.:@?#%)(\\]\\[]|[\u{202e}\u{2066}\u{200f}\u{200b}\u{feff}。，（）「」]){0,40}",
        ) {
            for link in links(&text) {
                let lower = link.to_ascii_lowercase();
                prop_assert!(lower.starts_with("http://") || lower.starts_with("https://"), "{link:?}");
                prop_assert!(!link.contains(ends_link), "{link:?}");
                // Alone it is the same link: nothing around it was needed to find it.
                prop_assert_eq!(spans(&link), [Span::Link(link.clone())]);
            }
        }

        #[test]
        fn a_link_is_the_same_within_wide_punctuation(
            path in "[a-zé北0-9/_~=&%-]{0,20}", around in prop::sample::select(vec![("（", "）"), ("「", "」"), ("请看", "。"), ("、", "，"), ("《", "》")]),
        ) {
            let link = format!("https://example.org/{path}");
            let (before, after) = around;
            prop_assert_eq!(links(&format!("{before}{link}{after}谢谢")), [link]);
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
