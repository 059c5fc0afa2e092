//! What is searched for: whether a message has it, where, and what is shown of it.

use super::words::{Word, words};
use kafkatalk_protocol::limits::SEARCH_CHARS_MAX;
use std::{ops::Range, str::FromStr};

/// Quotes of all keyboards; which of them opens and which closes makes no difference.
const QUOTES: [char; 14] = ['"', '“', '”', '„', '‟', '«', '»', '＂', '〝', '〞', '「', '」', '『', '』'];
/// Why nothing can be searched for, in words that a person can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchTextError {
    /// Empty, or too long.
    #[error("Use 1 to {SEARCH_CHARS_MAX} characters.")]
    Length,
    /// Nothing but signs.
    #[error("Use at least one word.")]
    NoWord,
}

/// Words that a message must have, all of them. Within a phrase they must follow upon each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchText {
    phrases: Vec<Phrase>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Phrase {
    words: Vec<Sought>,
    /// Whether the last word may go on: somebody is still typing it.
    open: bool,
}

/// A word that is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sought {
    folded: String,
    /// See [`Word::signs`]. None: whatever signs it has.
    signs: Option<String>,
}

impl Sought {
    fn of(word: Word) -> Self {
        Self { folded: word.folded, signs: (!word.signs.is_empty()).then_some(word.signs) }
    }

    fn is(&self, said: &Word) -> bool {
        said.folded == self.folded && self.signs.as_ref().is_none_or(|signs| said.signs == *signs)
    }

    fn begins(&self, said: &Word) -> bool {
        match &self.signs {
            None => said.folded.starts_with(&*self.folded),
            // Behind signs no letters go on.
            Some(signs) => said.folded == self.folded && said.signs.starts_with(&**signs),
        }
    }
}

impl FromStr for SearchText {
    type Err = SearchTextError;

    /// Takes what a person typed. What is in quotes is a phrase; so is what stands between spaces, as `foo-bar`. No other
    /// sign means anything.
    fn from_str(text: &str) -> Result<Self, SearchTextError> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > SEARCH_CHARS_MAX {
            return Err(SearchTextError::Length);
        }
        let last = text.split(QUOTES).count() - 1;
        let mut phrases = Vec::new();
        for (number, part) in text.split(QUOTES).enumerate() {
            let quoted = number % 2 == 1;
            let begun = phrases.len();
            if quoted {
                phrases.extend(Phrase::of(part));
            } else {
                phrases.extend(part.split_whitespace().filter_map(Phrase::of));
            }
            // Behind a closing quote nothing is typed any more.
            if let Some(phrase) = phrases[begun..].last_mut().filter(|_| number == last) {
                phrase.open = true;
            }
        }
        if phrases.is_empty() { Err(SearchTextError::NoWord) } else { Ok(Self { phrases }) }
    }
}

impl Phrase {
    fn of(text: &str) -> Option<Self> {
        let words: Vec<_> = words(text).into_iter().map(Sought::of).collect();
        (!words.is_empty()).then_some(Self { words, open: false })
    }

    fn is_at(&self, words: &[Word]) -> bool {
        let same = |index: usize, (said, sought): (&Word, &Sought)| {
            let may_go_on = self.open && index + 1 == self.words.len();
            if may_go_on { sought.begins(said) } else { sought.is(said) }
        };
        words.len() >= self.words.len()
            && words.iter().zip(&self.words).enumerate().all(|(index, pair)| same(index, pair))
    }

    /// Where it ends in a text that has it at these words.
    fn end(&self, words: &[Word]) -> usize {
        let last = self.words.len() - 1;
        if self.words[last].signs.is_some() { words[last].end } else { words[last].at.end }
    }
}

impl SearchText {
    /// Every word that a message must have, and whether it may go on.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (&str, bool)> {
        self.phrases.iter().flat_map(|phrase| {
            let last = phrase.words.len() - 1;
            let words = phrase.words.iter().enumerate();
            words.map(move |(index, word)| {
                (word.folded.as_str(), phrase.open && index == last && word.signs.is_none())
            })
        })
    }

    /// Whether a message has all that is searched for.
    pub(crate) fn is_in(&self, body: &str) -> bool {
        let words = words(body);
        let has = |phrase: &Phrase| (0..words.len()).any(|at| phrase.is_at(&words[at..]));
        self.phrases.iter().all(has)
    }

    /// Where a message has what is searched for, in order; `None` if it has not all of it.
    pub(crate) fn find(&self, body: &str) -> Option<Vec<Range<usize>>> {
        let words = words(body);
        let mut hits: Vec<Range<usize>> = Vec::new();
        for phrase in &self.phrases {
            let before = hits.len();
            for at in 0..words.len() {
                if phrase.is_at(&words[at..]) {
                    hits.push(words[at].at.start..phrase.end(&words[at..]));
                }
            }
            if hits.len() == before {
                return None;
            }
        }
        hits.sort_by_key(|hit| (hit.start, hit.end));
        hits.dedup_by(|next, kept| {
            let meet = next.start <= kept.end;
            if meet {
                kept.end = kept.end.max(next.end);
            }
            meet
        });
        Some(hits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::views::tests::texts::any_text;
    use kafkatalk_protocol::http::SnippetPart;
    use proptest::prelude::*;

    fn text(text: &str) -> SearchText {
        text.parse().unwrap()
    }

    fn has(body: &str, sought: &str) -> bool {
        text(sought).find(body).is_some()
    }

    fn marked(body: &str, sought: &str) -> String {
        let part = |part: SnippetPart| if part.hit { format!("[{}]", part.text) } else { part.text };
        text(sought).snippet(body).into_iter().map(part).collect()
    }

    #[test]
    fn all_words_must_be_there_and_the_last_may_go_on() {
        let body = "The quick brown fox";
        for sought in
            ["fox quick", "QUICK the bro", "q", "\"quick brown\" fo", "\"the quick bro", "brown-fox"]
        {
            assert!(has(body, sought), "{sought}");
        }
        for sought in
            ["qui fox", "fox cat", "\"quick fox\"", "\"the quick bro\"", "\"fo\"", "fox-brown", "foxes"]
        {
            assert!(!has(body, sought), "{sought}");
        }
    }

    #[test]
    fn no_sign_but_the_quote_means_anything() {
        for sought in
            ["fox*", "fox OR cat AND NOT NEAR(x)", "^fox", "body:not", "-fox", "fox\"", "{fox}+(", "'fox'"]
        {
            assert!(has("fox or cat, and body: not near x", sought), "{sought}");
        }
    }

    #[test]
    fn what_holds_no_word_is_refused_and_so_is_what_is_too_long() {
        for none in ["***", "\"\"", "- \" …"] {
            assert_eq!(none.parse::<SearchText>(), Err(SearchTextError::NoWord), "{none}");
        }
        assert_eq!("  ".parse::<SearchText>(), Err(SearchTextError::Length));
        assert_eq!("é".repeat(SEARCH_CHARS_MAX + 1).parse::<SearchText>(), Err(SearchTextError::Length));
        assert!(format!(" {} ", "é".repeat(SEARCH_CHARS_MAX)).parse::<SearchText>().is_ok());
    }

    #[test]
    fn quotes_of_any_keyboard_make_a_phrase() {
        let body = "beta and then alpha";
        for (open, close) in [('"', '"'), ('“', '”'), ('„', '“'), ('«', '»'), ('「', '」'), ('＂', '＂')]
        {
            assert!(!has(body, &format!("{open}beta alpha{close}")), "{open}{close}");
            assert!(has(body, &format!("{open}then alpha{close}")), "{open}{close}");
            assert!(!has(body, &format!("{open}then alph{close}")), "it is closed: {open}{close}");
        }
        assert!(has("don’t", "don't") && has("don't", "don’t"));
    }

    #[test]
    fn signs_behind_a_word_are_a_part_of_what_is_sought_and_of_nothing_else() {
        for (body, sought) in [
            ("I like cats", "C++"),
            ("I like cats", "C#"),
            ("C is old", "C#"),
            ("C++ is old", "C#"),
            ("C# is new", "\"C++\""),
            ("C+ is odd", "C++"),
            ("Notepad", "Notepad++"),
        ] {
            assert!(!has(body, sought), "{sought} in {body}");
        }
        for (body, sought) in [
            ("I write C++, and C#.", "c++ c#"),
            ("Ｃ＋＋", "C++"),
            ("C++ is old", "C+"),
            ("C++11", "C++"),
            ("C++11", "c++11"),
            ("C++ compiler", "c compiler"),
            ("Thanks++ Bob", "thanks bob"),
            ("issue #12", "issue 12"),
        ] {
            assert!(has(body, sought), "{sought} in {body}");
        }
        assert_eq!(marked("So C++11 it is", "c++"), "So [C++]11 it is");
    }

    #[test]
    fn all_spellings_are_found_by_each_other() {
        for (one, other) in [
            ("Jadę do Łodzi", "Jade do lodzi"),
            ("đường", "duong"),
            ("Straße 12", "strasse 12"),
            ("か\u{3099}くせい です", "がくせい です"),
            ("দেখা হ\u{9af}\u{9bc} না", "দেখা হ\u{9df} না"),
            ("علي كتاب", "علی کتاب"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("می\u{200c}خواهم", "می\u{200b}خواهم"),
        ] {
            assert!(has(one, other), "{other} in {one}");
            assert!(has(other, one), "{one} in {other}");
        }
    }

    #[test]
    fn a_text_without_spaces_is_found_by_any_part_of_it() {
        assert!(has("ภาษาไทยยากมาก", "ไทย"));
        assert!(has("ภาษาไทยยากมาก", "\"ไทย\" ยาก"));
        assert!(!has("ภาษาไทยยากมาก", "ยไท"));
        assert!(has("ພາສາລາວງາມ", "ລາວ"));
        assert!(has("ភាសាខ្មែរពិបាក", "ខ្មែរ"));
        assert!(has("မြန်မာစာသင်", "စာ"));
        assert!(has("今日は晴れです", "晴れ"));
        assert!(!has("今日は晴れです", "れ晴"));
        assert!(has("Добрый ДЕНЬ", "день"));
        assert!(has("שלום עולם", "עולם שלום"));
        assert!(has("well done 🎉🎉", "🎉"));
    }

    #[test]
    fn a_snippet_marks_every_hit_and_says_the_rest_as_it_is() {
        assert_eq!(marked("Crème <b>brûlée</b>, creme!", "creme"), "[Crème] <b>brûlée</b>, [creme]!");
        assert_eq!(marked("one two three", "\"one two\" two th"), "[one two] [three]");
    }

    proptest! {
        #[test]
        fn a_message_is_found_by_each_of_its_words(body in any_text()) {
            for word in words(&body) {
                let said = &body[word.at.clone()];
                let Ok(sought) = said.parse::<SearchText>() else { continue };
                let hits = sought.find(&body);
                prop_assert!(hits.is_some(), "{said:?} in {body:?}");
                for hit in hits.unwrap() {
                    prop_assert!(body.get(hit).is_some_and(|hit| !hit.is_empty()));
                }
            }
        }

        #[test]
        fn what_is_shown_of_a_message_is_a_part_of_it(body in any_text(), sought in any_text()) {
            let Ok(sought) = sought.parse::<SearchText>() else { return Ok(()) };
            prop_assert_eq!(sought.is_in(&body), sought.find(&body).is_some());
            let shown: String = sought.snippet(&body).into_iter().map(|part| part.text).collect();
            prop_assert!(body.contains(shown.trim_matches('…')) || body.contains('…'), "{shown:?}");
        }

        #[test]
        fn a_message_without_a_word_is_not_found_by_it(body in "[a-m ]{0,40}", lacking in "[n-z]{1,9}") {
            let found = lacking.parse::<SearchText>().unwrap().find(&body);
            prop_assert_eq!(found, None);
        }

        #[test]
        fn anything_may_be_searched_for(sought in any::<String>(), body in any_text()) {
            if let Ok(sought) = sought.parse::<SearchText>() {
                prop_assert!(sought.terms().all(|(word, _)| !word.is_empty()));
                sought.find(&body);
                crate::kernel::views::search::expression(1, sought.terms(), None);
            }
        }
    }
}
