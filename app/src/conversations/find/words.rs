//! What the panel says.
#![allow(clippy::large_types_passed_by_value, reason = "components own what they are given")]

use super::{Finder, group::group_words};
use crate::conversations::own_link::OwnLink;
use crate::ui::event::handler;
use leptos::prelude::*;

/// What is said where there is nobody to show.
#[component]
pub(super) fn Words(finder: Finder) -> impl IntoView {
    let words = move || {
        let wrong = finder.refusal.get().or_else(|| finder.found.with(|found| found.failed.clone()));
        if wrong.is_some() {
            return wrong;
        }
        let typed = finder.typed.with(|typed| typed.trim().to_owned());
        let none = finder.found.with(|found| found.none);
        let nothing_else = if none { ", and no message has it" } else { "" };
        let mut nobody = finder.count() == 0;
        if let Some(chosen) = finder.chosen.with(|chosen| chosen.as_ref().map(Vec::len)) {
            nobody = finder.found.with(|found| found.people.is_empty());
            if typed.is_empty() || !nobody || finder.looking.get() {
                return Some(group_words(chosen));
            }
        }
        if typed.is_empty() || !nobody {
            None
        } else if finder.looking.get() {
            Some("Searching".into())
        } else {
            Some(format!(
                "Nobody's name starts with “{typed}”{nothing_else}. Check the spelling, or send your link."
            ))
        }
    };
    let failed = move || finder.found.with(|found| found.failed.is_some());
    let alone = move || finder.chosen.with(Option::is_none) && finder.count() == 0;
    view! {
        <p class="find-words" role="status" aria-label="Search">{move || words()}</p>
        <Show when=failed>
            <button class="button-quiet" type="button" on:click=handler(move |_| finder.try_again())>
                "Try again"
            </button>
        </Show>
        <Show when=alone>
            <div class="find-alone">
                <p>"Or send your own link: whoever opens it can write to you."</p>
                <OwnLink />
            </div>
        </Show>
    }
}
