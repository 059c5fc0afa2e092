//! A message as it is shown.

use super::state::StateGlyph;
use super::text::{Span, is_few_emoji, spans};
use super::timeline::{Progress, Row};
use crate::conversations::Desk;
use leptos::prelude::*;

#[component]
pub(super) fn Bubble(row: Memo<Row>) -> impl IntoView {
    let desk = expect_context::<Desk>();
    let entry = row.with_untracked(|row| row.entry.clone());
    let mine = entry.progress.is_some();
    let large = is_few_emoji(entry.body.as_str());
    let at = move || row.with(|row| row.entry.at);
    let clock = move || desk.zone.get().at(at()).clock();
    let progress = Memo::new(move |_| row.with(|row| row.entry.progress));
    let pending =
        move || progress.get().filter(|progress| *progress != Progress::Sent && *progress != Progress::Read);
    let author = if mine { "You said:".to_owned() } else { format!("{} said:", entry.sender.username) };
    view! {
        <li
            class="message"
            class:mine=mine
            class:opens=move || row.with(|row| row.opens)
            class:closes=move || row.with(|row| row.closes)
            class:large=large
        >
            <span class="visually-hidden">{author}</span>
            <div class="bubble" dir="auto">{spans(entry.body.as_str()).into_iter().map(span_view).collect_view()}</div>
            {move || {
                (row.with(|row| row.closes) || pending().is_some())
                    .then(|| {
                        view! {
                            <div class="meta">
                                <time datetime=at().to_string()>{clock}</time>
                                {progress.get().map(|progress| view! { <StateGlyph progress /> })}
                            </div>
                        }
                    })
            }}
        </li>
    }
}

fn span_view(span: Span) -> impl IntoView {
    match span {
        Span::Text(text) => text.into_any(),
        Span::Link(link) => {
            view! { <a href=link.clone() target="_blank" rel="noopener noreferrer nofollow">{link.clone()}</a> }.into_any()
        }
    }
}
