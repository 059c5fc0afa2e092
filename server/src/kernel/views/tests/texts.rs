//! What people write.

use proptest::prelude::*;

/// Texts of many scripts, with the marks and signs that belong to them and some that do not.
pub(in crate::kernel::views) fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-ZäßłđİıÆ0-9]{1,6}",
        "[\u{300}-\u{36f}\u{200b}-\u{200f}\u{fe0f}\u{ad}+#*^:(){}'-]{1,3}",
        "[か\u{3099}がアｶﾞ今日]{1,4}",
        "[\u{e01}-\u{e3a}\u{e40}-\u{e4e}]{1,5}",
        "[\u{620}-\u{65f}\u{6c0}-\u{6d5}۰-۹]{1,5}",
        "[\u{980}-\u{9ff}\u{900}-\u{97f}]{1,5}",
        "[👍🏽👨👩🇩🇪❤]{1,3}",
        "[ \n\t]{1,2}",
        "\\PC{1,4}",
    ];
    prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}
