//! What the index calls words, people, conversations and times.

use std::collections::BTreeSet;

/// Different words of one search that the index is asked for; the others are looked for in what it names.
const TERMS_MAX: usize = 24;
/// A document's number is its time in units of 16 ms, and behind it a number that tells apart what was said within one.
const BUCKET_MS_BITS: u32 = 4;
/// Bits of that second number.
pub(super) const TIE_BITS: u32 = 25;
/// The last unit of time that a number can hold, some hundred years on; what lies beyond either end is drawn to it.
const BUCKET_MAX: i64 = (1 << (63 - TIE_BITS)) - 1;

/// The time of a message as the numbers of documents have it.
pub(crate) fn bucket(sent_at: i64) -> i64 {
    (sent_at >> BUCKET_MS_BITS).clamp(0, BUCKET_MAX)
}

/// The last millisecond of such a time.
pub(crate) fn last_ms(bucket: i64) -> i64 {
    if bucket >= BUCKET_MAX { i64::MAX } else { ((bucket + 1) << BUCKET_MS_BITS) - 1 }
}

/// The last number that a document of that time may have.
pub(crate) fn bucket_end(bucket: i64) -> i64 {
    (bucket << TIE_BITS) | ((1 << TIE_BITS) - 1)
}

/// The time in a document's number.
pub(crate) fn bucket_of(document: i64) -> i64 {
    document >> TIE_BITS
}

/// What the index is asked: words of one person's, in one conversation or in all.
pub(crate) fn expression<'a>(
    person: i64,
    terms: impl Iterator<Item = (&'a str, bool)>,
    conversation: Option<i64>,
) -> String {
    let quoted = |(word, may_go_on): (&str, bool)| {
        format!("\"{}\"{}", term(person, word), if may_go_on { " *" } else { "" })
    };
    // Words hold nothing but letters and digits of ASCII, and what is beyond ASCII: nothing that could end a quote.
    let terms: BTreeSet<String> = terms.map(quoted).take(TERMS_MAX).collect();
    let conversation = conversation.map(|row| format!("\"{}\"", place_term(row)));
    terms.into_iter().chain(conversation).collect::<Vec<_>>().join(" AND ")
}

/// A word under the person who may read it. The tokenizer takes it as one.
pub(super) fn term(person: i64, word: &str) -> String {
    format!("{person}x{word}")
}

/// What all messages of a conversation have.
pub(super) fn place_term(conversation: i64) -> String {
    format!("c{conversation}")
}
