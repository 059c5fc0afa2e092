//! What a word is, and when two are the same.

use icu_normalizer::DecomposingNormalizerBorrowed;
use std::ops::Range;

/// Characters of a word that count; what comes after them makes no difference.
const WORD_CHARS_MAX: usize = 64;

/// A word in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its bytes in the text.
    pub(crate) at: Range<usize>,
    /// What it is compared by: without case and diacritics, never empty.
    pub(crate) folded: String,
}

/// What a character is to a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A part of one.
    Part,
    /// A word by itself: scripts that are written without spaces, and emoji.
    Whole,
    /// Between words.
    Between,
}

fn role(c: char) -> Role {
    match c {
        '\u{2600}'..='\u{27bf}'
        | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20000}'..='\u{3ffff}' => Role::Whole,
        c if c.is_alphanumeric() || is_mark(c) => Role::Part,
        _ => Role::Between,
    }
}

/// Marks that people leave out when they type quickly: accents, and the vowel signs of Hebrew and Arabic.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5c7}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// The words of a text, in their order.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut begun = None;
    for (at, c) in text.char_indices() {
        let role = role(c);
        if role == Role::Part {
            begun.get_or_insert(at);
            continue;
        }
        if let Some(begun) = begun.take() {
            add(&mut words, text, begun..at);
        }
        if role == Role::Whole {
            add(&mut words, text, at..at + c.len_utf8());
        }
    }
    if let Some(begun) = begun {
        add(&mut words, text, begun..text.len());
    }
    words
}

fn add(words: &mut Vec<Word>, text: &str, at: Range<usize>) {
    let folded = fold(&text[at.clone()]);
    if !folded.is_empty() {
        words.push(Word { at, folded });
    }
}

fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word[..word.len().min(WORD_CHARS_MAX)].to_ascii_lowercase();
    }
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(word);
    let lower = plain.chars().flat_map(char::to_lowercase);
    // Decomposition brings signs that are no part of a word: ⑴ is (1).
    let kept = lower.filter(|c| !is_mark(*c) && (!c.is_ascii() || c.is_ascii_alphanumeric()));
    // The sigma at the end of a word is the same letter.
    kept.map(|c| if c == 'ς' { 'σ' } else { c }).take(WORD_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn words_are_compared_without_case_and_diacritics() {
        for (text, same) in [
            ("Crème BRÛLÉE", "creme brulee"),
            ("cafe\u{301}", "café"),
            ("İstanbul", "istanbul"),
            ("ΟΔΟΣ", "οδος"),
            ("Ｆｕｌｌ", "full"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("Ṩ⑴", "s1"),
        ] {
            assert_eq!(folded(text), folded(same), "{text}");
        }
    }

    #[test]
    fn words_end_at_all_that_is_neither_letter_nor_digit() {
        assert_eq!(folded("don't stop-2 now_ \"x\"*^:() AND"), ["don", "t", "stop", "2", "now", "x", "and"]);
        assert_eq!(folded("… — *** \u{301} \u{200d}"), [""; 0]);
    }

    #[test]
    fn what_is_written_without_spaces_is_one_word_a_character_and_so_are_emoji() {
        assert_eq!(folded("今日は晴れ"), ["今", "日", "は", "晴", "れ"]);
        assert_eq!(folded("ok👍🏽fine"), ["ok", "👍", "🏽", "fine"]);
        assert_eq!(folded("안녕 하세요").len(), 2);
    }

    #[test]
    fn a_word_lies_where_it_is_said_to_lie() {
        let text = "«Ä b»";
        let found: Vec<_> = words(text).into_iter().map(|word| &text[word.at]).collect();
        assert_eq!(found, ["Ä", "b"]);
    }

    #[test]
    fn a_very_long_word_counts_by_its_beginning() {
        let long = "ab".repeat(4_000);
        assert_eq!(folded(&long), folded(&long[..WORD_CHARS_MAX]));
    }
}
