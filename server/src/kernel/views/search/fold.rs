//! By what words are compared: without case, diacritics, invisible characters, and differences between letters that
//! people type for each other.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// Characters of a word that count; what comes after them makes no difference.
pub(super) const WORD_CHARS_MAX: usize = 64;

/// A word as it is compared. Empty if nothing of it is left.
pub(super) fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word[..word.len().min(WORD_CHARS_MAX)].to_ascii_lowercase();
    }
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd().normalize(word);
    // Decomposition brings signs that are no part of a word: ⑴ is (1).
    let kept: String = decomposed
        .chars()
        .filter(|c| !is_left_out(*c) && (!c.is_ascii() || c.is_ascii_alphanumeric()))
        .collect();
    let mut folded = String::with_capacity(kept.len());
    for c in CaseMapper::new().fold_string(&kept).chars() {
        match plain(c) {
            Some(plain) => folded.push_str(plain),
            None => folded.push(c),
        }
    }
    if let Some((end, _)) = folded.char_indices().nth(WORD_CHARS_MAX) {
        folded.truncate(end);
    }
    folded
}

/// Characters that show nothing by themselves: joiners and non-joiners, soft hyphens, marks of direction, variation
/// selectors.
pub(super) fn is_ignorable(c: char) -> bool {
    // Letters of Latin, Greek and Cyrillic, which are most: the set takes longer to ask.
    let is_letter_of_most = c < '\u{590}' && c.is_alphanumeric();
    !c.is_ascii() && !is_letter_of_most && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// Marks that people leave out when they type quickly: accents, and the vowel signs of Hebrew and Arabic. Signs without
/// which a word of Indic scripts, Thai or Japanese is another one stay.
fn is_left_out(c: char) -> bool {
    let is_mark = matches!(
        c,
        '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5c7}'
            | '\u{610}'..='\u{61a}'
            | '\u{640}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{6d6}'..='\u{6ed}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    );
    is_mark || is_ignorable(c)
}

/// What people type for a letter that Unicode does not decompose, because their keyboard has no such letter, or has its
/// twin of another language. Lower case, for that is what case folding leaves.
fn plain(c: char) -> Option<&'static str> {
    // Every text passes through here: most letters are none of these.
    if c.is_ascii() {
        return None;
    }
    Some(match c {
        // Latin, as in the transliteration Latin-ASCII of CLDR.
        'ɑ' => "a",
        'æ' => "ae",
        'ƀ' | 'ɓ' => "b",
        'ƈ' => "c",
        'ð' | 'đ' | 'ɖ' | 'ɗ' => "d",
        'ə' | 'ɛ' => "e",
        'ƒ' => "f",
        'ǥ' | 'ɠ' => "g",
        'ħ' => "h",
        'ı' | 'ɨ' => "i",
        'ȷ' => "j",
        'ƙ' => "k",
        'ł' | 'ƚ' => "l",
        'ŋ' | 'ɲ' | 'ƞ' => "n",
        'ø' | 'ɔ' | 'ɵ' => "o",
        'œ' => "oe",
        'ƥ' => "p",
        'ĸ' | 'ʠ' => "q",
        'ɍ' => "r",
        'ŧ' | 'ƭ' | 'ʈ' => "t",
        'þ' => "th",
        'ʉ' => "u",
        'ʋ' => "v",
        'ɏ' | 'ƴ' => "y",
        'ƶ' => "z",
        // Cyrillic letters with a stroke or a descender, on keyboards without them.
        'ґ' | 'ғ' => "г",
        'қ' | 'ҝ' => "к",
        'ң' | 'ҥ' => "н",
        'ө' => "о",
        'ұ' | 'ү' => "у",
        'ҳ' => "х",
        'җ' => "ж",
        'ҙ' => "з",
        'ҫ' => "с",
        'ҷ' => "ч",
        // Arabic letters and those that Persian, Urdu and Kurdish keyboards have in their place.
        'ٱ' => "ا",
        'ى' | 'ی' | 'ے' => "ي",
        'ک' | 'ڪ' => "ك",
        'ة' | 'ہ' | 'ۃ' | 'ھ' | 'ە' => "ه",
        // Digits of Arabic and of Persian.
        '٠' | '۰' => "0",
        '١' | '۱' => "1",
        '٢' | '۲' => "2",
        '٣' | '۳' => "3",
        '٤' | '۴' => "4",
        '٥' | '۵' => "5",
        '٦' | '۶' => "6",
        '٧' | '۷' => "7",
        '٨' | '۸' => "8",
        '٩' | '۹' => "9",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_without_case_and_diacritics() {
        for (text, same) in [
            ("Crème", "creme"),
            ("cafe\u{301}", "café"),
            ("İstanbul", "istanbul"),
            ("ΟΔΟΣ", "οδος"),
            ("ᾳ", "α"),
            ("Ｆｕｌｌ", "full"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
            ("Ṩ⑴", "s1"),
            ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
        ] {
            assert_eq!(fold(text), fold(same), "{text}");
        }
    }

    #[test]
    fn letters_that_do_not_decompose_are_those_that_people_type_for_them() {
        for (text, plain) in [
            ("Łodzi", "lodzi"),
            ("żółć", "zolc"),
            ("đường", "duong"),
            ("Straße", "strasse"),
            ("STRASSE", "straße"),
            ("Ærø", "aero"),
            ("Þór", "thor"),
            ("Œuvre", "oeuvre"),
            ("Ħal", "hal"),
            ("Diyarbakır", "diyarbakir"),
            ("Bakı şəhəri", "bakiseheri"),
            ("Қазақстан", "казакстан"),
            ("ﬁn", "fin"),
        ] {
            assert_eq!(fold(text), fold(plain), "{text}");
            assert_eq!(fold(&text.to_uppercase()), fold(plain), "{text}");
        }
    }

    #[test]
    fn the_same_letter_of_arabic_and_persian_keyboards_is_one() {
        for (arabic, persian) in
            [("علي", "علی"), ("كتاب", "کتاب"), ("مدرسة", "مدرسه"), ("٤٢", "۴۲"), ("أحمد", "احمد")]
        {
            assert_eq!(fold(arabic), fold(persian), "{arabic}");
        }
        assert_eq!(fold("٤٢"), fold("42"));
        assert_ne!(fold("كتاب"), fold("كتب"));
    }

    #[test]
    fn spellings_that_unicode_calls_equal_are_and_signs_that_make_another_word_stay() {
        assert_eq!(fold("হ\u{9af}\u{9bc}"), fold("হ\u{9df}"));
        assert_eq!(fold("क\u{93c}लम"), fold("\u{958}लम"));
        assert_eq!(fold("か\u{3099}"), fold("が"));
        assert_eq!(fold("ｶﾞ"), fold("ガ"));
        for (one, other) in [("か", "が"), ("বাল", "বল"), ("ที", "ที่"), ("हद", "हिद")]
        {
            assert_ne!(fold(one), fold(other), "{one}");
        }
    }

    #[test]
    fn what_shows_nothing_makes_no_difference() {
        for text in ["می\u{200c}خواهم", "می\u{200d}خواهم", "می\u{200b}خواهم", "\u{2067}میخواهم\u{2069}"]
        {
            assert_eq!(fold(text), fold("میخواهم"), "{text:?}");
        }
        assert_eq!(fold("co\u{ad}operate"), "cooperate");
        assert_eq!(fold("葛\u{e0100}"), fold("葛"));
    }

    #[test]
    fn a_very_long_word_counts_by_its_beginning() {
        for long in ["ab".repeat(4_000), "æ".repeat(4_000), "한".repeat(4_000)] {
            assert_eq!(fold(&long).chars().count(), WORD_CHARS_MAX);
            let beginning: String = long.chars().take(WORD_CHARS_MAX).collect();
            assert_eq!(fold(&long), fold(&beginning));
        }
    }
}
