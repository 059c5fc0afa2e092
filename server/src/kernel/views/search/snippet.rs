//! What is shown of a message that was found.

use super::SearchText;
use kafkatalk_protocol::http::SnippetPart;

/// Characters of a snippet.
const SNIPPET_CHARS_MAX: usize = 160;
/// Of these, before the first hit.
const SNIPPET_CHARS_BEFORE: usize = 40;
/// What stands where a snippet leaves something out.
const CUT: &str = "…";

impl SearchText {
    /// What a message says around the first hit.
    pub(crate) fn snippet(&self, body: &str) -> Vec<SnippetPart> {
        let hits = self.find(body).unwrap_or_default();
        let first = hits.first().cloned().unwrap_or(0..0);
        let from = beginning(body, first.start);
        let to = end(body, from, first.end);
        let mut parts = Vec::new();
        if from > 0 {
            add(&mut parts, CUT, false);
        }
        let mut at = from;
        for hit in hits.into_iter().take_while(|hit| hit.start < to) {
            add(&mut parts, &body[at..hit.start], false);
            at = hit.end.min(to);
            add(&mut parts, &body[hit.start..at], true);
        }
        add(&mut parts, &body[at..to], false);
        if to < body.len() {
            add(&mut parts, CUT, false);
        }
        parts
    }
}

fn add(parts: &mut Vec<SnippetPart>, text: &str, hit: bool) {
    match parts.last_mut().filter(|last| last.hit == hit) {
        Some(last) => last.text.push_str(text),
        None if text.is_empty() => {}
        None => parts.push(SnippetPart { text: text.into(), hit }),
    }
}

/// Where the snippet begins: some characters before the hit, with a whole word if there is one.
fn beginning(body: &str, hit: usize) -> usize {
    let before = &body[..hit];
    let from = before.char_indices().rev().nth(SNIPPET_CHARS_BEFORE - 1).map_or(0, |(at, _)| at);
    match before[from..].find(char::is_whitespace) {
        Some(space) if from > 0 => {
            let rest = &before[from + space..];
            hit - rest.trim_start().len()
        }
        _ => from,
    }
}

/// Where it ends: with a whole word, if one ends behind the hit.
fn end(body: &str, from: usize, hit: usize) -> usize {
    let rest = &body[from..];
    let Some((length, _)) = rest.char_indices().nth(SNIPPET_CHARS_MAX) else { return body.len() };
    let to = from + length;
    match body.get(hit..to).and_then(|behind| behind.rfind(char::is_whitespace)) {
        Some(space) if space > 0 => hit + space,
        _ => to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(body: &str, sought: &str) -> String {
        let part = |part: SnippetPart| if part.hit { format!("[{}]", part.text) } else { part.text };
        sought.parse::<SearchText>().unwrap().snippet(body).into_iter().map(part).collect()
    }

    #[test]
    fn a_long_message_is_shown_around_the_first_hit() {
        let body = format!("{}needle {}", "hay ".repeat(100), "straw ".repeat(100));
        let shown = marked(&body, "needle");
        assert!(shown.starts_with("…hay hay") && shown.contains(" hay [needle] straw"), "{shown}");
        assert!(shown.ends_with("straw…") && shown.chars().count() <= SNIPPET_CHARS_MAX + 4, "{shown}");
        let long = "🙂".repeat(7_999) + "x";
        assert_eq!(marked(&long, "x"), format!("…{}[x]", "🙂".repeat(SNIPPET_CHARS_BEFORE)));
        let word = "y".repeat(8_000);
        assert_eq!(marked(&word, "y"), format!("[{}]…", "y".repeat(SNIPPET_CHARS_MAX)));
    }
}
