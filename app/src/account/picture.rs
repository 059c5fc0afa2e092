//! The picture beside the forms: a conversation as the log has it. Decoration, hidden from readers of the page.

use leptos::prelude::*;

const LINES: [(bool, &str); 5] = [
    (false, "Are we still on for Saturday?"),
    (true, "Yes! The early train, 8:40."),
    (true, "I have the tickets."),
    (false, "Perfect. Window seat is mine."),
    (true, "We will see about that."),
];

#[component]
pub(super) fn Picture() -> impl IntoView {
    let line = |(offset, (mine, text)): (usize, (bool, &'static str))| {
        view! {
            <li class=if mine { "picture-mine" } else { "" }>
                <span class="picture-offset">{offset}</span>
                <span class="picture-bubble">{text}</span>
            </li>
        }
    };
    view! {
        <div class="picture" aria-hidden="true">
            <ol>{LINES.into_iter().enumerate().map(line).collect_view()}</ol>
        </div>
    }
}
