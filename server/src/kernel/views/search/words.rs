//! What a word is, and when two are the same.

use super::fold::{fold, is_ignorable};
use icu_properties::{
    CodePointMapData,
    props::{GeneralCategory, GeneralCategoryGroup, LineBreak},
};
use std::ops::Range;
use unicode_segmentation::{GraphemeIndices, UnicodeSegmentation as _};

/// A word in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    /// Its bytes in the text.
    pub(crate) at: Range<usize>,
    /// By what it is compared, never empty: see [`fold`].
    pub(crate) folded: String,
    /// The signs right behind it that make another word of it, as in `C++` and `C#`. They are compared only where somebody
    /// looks for them.
    pub(crate) signs: String,
    /// The end of its signs in the text.
    pub(crate) end: usize,
}

/// What a character, with the marks on it, is to a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A part of one.
    Part,
    /// A word by itself: scripts that are written without spaces, and emoji.
    Whole,
    /// Nothing: a word goes on behind it.
    Nothing,
    /// Between words.
    Between,
}

fn role(c: char) -> Role {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Role::Part } else { Role::Between };
    }
    match c {
        // Letters of Latin, Greek and Cyrillic, which are most, need no table.
        ..'\u{590}' if c.is_alphanumeric() => Role::Part,
        c if is_whole(c) => Role::Whole,
        c if is_ignorable(c) => Role::Nothing,
        c if c.is_alphanumeric() => Role::Part,
        _ => Role::Between,
    }
}

/// Whether a character is a word by itself, with the marks on it.
fn is_whole(c: char) -> bool {
    match c {
        '\u{2600}'..='\u{27bf}'
        | '\u{3040}'..='\u{3098}'
        | '\u{309d}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9d}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20000}'..='\u{3ffff}' => true,
        ..'\u{e00}' => false,
        // Thai, Lao, Khmer, Burmese and their neighbours, where only a dictionary knows words.
        c => {
            CodePointMapData::<LineBreak>::new().get(c) == LineBreak::ComplexContext
                && c.is_alphabetic()
                && !is_mark(c)
        }
    }
}

fn is_mark(c: char) -> bool {
    GeneralCategoryGroup::Mark.contains(CodePointMapData::<GeneralCategory>::new().get(c))
}

/// Signs that make another word of that before them.
fn sign(cluster: &str) -> Option<char> {
    match cluster {
        "+" | "＋" => Some('+'),
        "#" | "＃" | "♯" => Some('#'),
        _ => None,
    }
}

/// Characters with the marks on them, in whatever way the two are written; and where each begins.
struct Clusters<'a> {
    text: &'a str,
    next: usize,
    /// Where the part begins that is being looked at, and the rest of it.
    part: (usize, GraphemeIndices<'a>),
}

impl<'a> Clusters<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, next: 0, part: (0, "".grapheme_indices(true)) }
    }
}

impl<'a> Iterator for Clusters<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((at, cluster)) = self.part.1.next() {
            return Some((self.part.0 + at, cluster));
        }
        let (bytes, begin) = (self.text.as_bytes(), self.next);
        let is_beyond_ascii = |at: usize| bytes.get(at).is_some_and(|byte| !byte.is_ascii());
        bytes.get(begin)?;
        self.next += 1;
        // An ASCII character begins one, and is all of it if another follows: most are such, and need no table.
        if !is_beyond_ascii(begin) && !is_beyond_ascii(self.next) {
            return Some((begin, &self.text[begin..self.next]));
        }
        while is_beyond_ascii(self.next) {
            self.next += 1;
        }
        self.part = (begin, self.text[begin..self.next].grapheme_indices(true));
        let (_, cluster) = self.part.1.next()?;
        Some((begin, cluster))
    }
}

/// The words of a text, in their order.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut run: Option<Range<usize>> = None;
    for (at, cluster) in Clusters::of(text) {
        let end = at + cluster.len();
        let sign = sign(cluster);
        let first = cluster.chars().next().filter(|_| sign.is_none()).map_or(Role::Between, role);
        // A letter or an emoji may stand on a space as a mark does, and some signs stand before a letter as a part of it.
        let (at, first) = match inner(cluster).filter(|_| first == Role::Between) {
            Some((before, inner)) => {
                add(&mut words, text, run.take());
                (at + before, inner)
            }
            None => (at, first),
        };
        match first {
            Role::Part => run.get_or_insert(at..end).end = end,
            Role::Nothing => {}
            Role::Whole => {
                add(&mut words, text, run.take());
                add_whole(&mut words, text, at..end);
            }
            Role::Between => {
                add(&mut words, text, run.take());
                if let Some((sign, word)) = sign.zip(words.last_mut().filter(|word| word.end == at)) {
                    word.signs.push(sign);
                    word.end = end;
                }
            }
        }
    }
    add(&mut words, text, run);
    words
}

/// Where a word begins within a character that itself is none, and what it is.
fn inner(cluster: &str) -> Option<(usize, Role)> {
    let mut roles = cluster.char_indices().map(|(at, c)| (at, role(c))).skip(1);
    roles.find(|(_, role)| matches!(role, Role::Part | Role::Whole))
}

fn add(words: &mut Vec<Word>, text: &str, run: Option<Range<usize>>) {
    let Some(at) = run else { return };
    let folded = fold(&text[at.clone()]);
    if !folded.is_empty() {
        words.push(Word { end: at.end, at, folded, signs: String::new() });
    }
}

/// One character may stand for several words, such as a family of emoji.
fn add_whole(words: &mut Vec<Word>, text: &str, at: Range<usize>) {
    let folded = fold(&text[at.clone()]);
    let begun = words.len();
    for c in folded.chars() {
        match words[begun..].last_mut().filter(|_| !is_whole(c)) {
            Some(word) => word.folded.push(c),
            None => {
                words.push(Word { at: at.clone(), folded: c.into(), signs: String::new(), end: at.end });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn words_end_at_all_that_is_neither_letter_nor_digit() {
        assert_eq!(folded("don't stop-2 now_ \"x\"*^:() AND"), ["don", "t", "stop", "2", "now", "x", "and"]);
        assert_eq!(folded("… — *** \u{301} \u{200d}"), [""; 0]);
        assert_eq!(folded("בית־ספר"), ["בית", "ספר"]);
    }

    #[test]
    fn signs_within_a_word_do_not_end_it() {
        assert_eq!(folded("नमस्ते").len(), 1);
        assert_eq!(folded("হ\u{9af}\u{9bc} না").len(), 2);
        assert_eq!(folded("می\u{200c}خواهم").len(), 1);
        assert_eq!(folded("co\u{ad}operate now"), ["cooperate", "now"]);
    }

    #[test]
    fn what_is_written_without_spaces_is_one_word_a_character_and_so_are_emoji() {
        assert_eq!(folded("今日は晴れ"), ["今", "日", "は", "晴", "れ"]);
        assert_eq!(folded("ok👍🏽fine"), ["ok", "👍", "🏽", "fine"]);
        assert_eq!(folded("❤\u{fe0f}"), folded("❤"));
        assert_eq!(folded("👨\u{200d}👩\u{200d}👧"), ["👨", "👩", "👧"]);
        assert_eq!(folded("안녕 하세요").len(), 2);
        assert_eq!(folded("ไทย"), ["ไ", "ท", "ย"]);
        assert_eq!(folded("ที่นี่"), ["ที่", "นี่"]);
        assert_eq!(folded("ភាសា").len(), 2);
    }

    #[test]
    fn a_mark_stays_on_its_letter_in_whatever_way_the_two_are_written() {
        assert_eq!(folded("か\u{3099}くせい"), folded("がくせい"));
        assert_eq!(folded("ｶﾞｸｾｲ"), folded("ガクセイ"));
        // Thai: the vowel behind the mark is two signs in one.
        assert_eq!(folded("น้ำ"), folded("น้\u{e4d}า"));
    }

    #[test]
    fn what_stands_on_a_space_or_behind_a_sign_as_one_character_with_it_is_a_word() {
        assert_eq!(folded(" 🏽"), folded("🏽"));
        assert_eq!(folded("a 🏽"), ["a", "🏽"]);
        assert_eq!(folded("\u{600}12 3"), ["12", "3"]);
        assert_eq!(folded(" \u{e31}"), folded("\u{e31}"));
        assert_eq!(folded(" \u{301}x"), ["x"]);
    }

    #[test]
    fn signs_right_behind_a_word_are_kept_with_it() {
        let signs = |text: &str| -> Vec<_> { words(text).into_iter().map(|word| word.signs).collect() };
        assert_eq!(signs("C++ and C#, a + b #tag"), ["++", "", "#", "", "", ""]);
        assert_eq!(signs("Ｃ＋＋ F♯"), ["++", "#"]);
        let text = "say C++11";
        let found: Vec<_> = words(text).into_iter().map(|word| &text[word.at.start..word.end]).collect();
        assert_eq!(found, ["say", "C++", "11"]);
    }

    #[test]
    fn a_word_lies_where_it_is_said_to_lie() {
        let text = "«Ä b» か\u{3099}";
        let found: Vec<_> = words(text).into_iter().map(|word| &text[word.at]).collect();
        assert_eq!(found, ["Ä", "b", "か\u{3099}"]);
    }
}
