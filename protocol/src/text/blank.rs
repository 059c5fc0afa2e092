//! Texts that nobody can see.

/// Characters without a glyph, beside white space and controls: `Default_Ignorable_Code_Point` of Unicode 17
/// (DerivedCoreProperties.txt), the marks of interlinear annotations, and letters and signs whose glyph is empty.
const INVISIBLE: [(u32, u32); 21] = [
    (0x00ad, 0x00ad),
    (0x034f, 0x034f),
    (0x061c, 0x061c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    // Braille without a dot.
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfff8),
    // Interlinear annotations.
    (0xfff9, 0xfffb),
    (0x1_6fe4, 0x1_6fe4),
    (0x1_bca0, 0x1_bca3),
    // A note without a head, and marks that begin and end a beam or a slur.
    (0x1_d159, 0x1_d159),
    (0x1_d173, 0x1_d17a),
    (0xe_0000, 0xe_0fff),
];

/// Whether nobody can see anything of a text: there is nothing in it but white space, controls and characters that have no
/// glyph.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_invisible)
}

/// Whether a character sets the direction of what follows it, up to the end of the line: embeddings, overrides, isolates.
pub(crate) fn turns_what_follows(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_invisible(c: char) -> bool {
    let code = u32::from(c);
    c.is_whitespace()
        || c.is_control()
        || INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_characters_that_fonts_are_to_ignore_are_invisible_and_letters_are_not() {
        let ignorable =
            icu_properties::CodePointSetData::new::<icu_properties::props::DefaultIgnorableCodePoint>();
        for c in '\0'..=char::MAX {
            assert!(!ignorable.contains(c) || is_invisible(c), "U+{:04X}", u32::from(c));
        }
        let seen = icu_properties::CodePointSetData::new::<icu_properties::props::Alphabetic>();
        let empty = ['\u{3164}', '\u{ffa0}', '\u{115f}', '\u{1160}'];
        for c in ('\0'..=char::MAX).filter(|c| seen.contains(*c) && !empty.contains(c)) {
            assert!(!is_invisible(c), "U+{:04X}", u32::from(c));
        }
    }
}
