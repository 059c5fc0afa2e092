//! Choosing an emoji.

use super::{Picked, Reacting, close};
use crate::chat::Chat;
use crate::features::react::row::toggle;
use crate::ui::escape::is_taken_by_input_method;
use crate::ui::event::handler;
use crate::ui::focus::{focus_soon, leaves};
use kafkatalk_protocol::reaction::{EMOJI_CHARS_MAX, Emoji, NoEmoji};
use leptos::{
    ev::{FocusEvent, KeyboardEvent},
    html::Input,
    prelude::*,
};

/// What is a click away.
const QUICK: [&str; 6] = ["👍", "❤️", "😂", "😮", "😢", "🎉"];

#[component]
pub(super) fn Picker() -> impl IntoView {
    let Picked(row) = expect_context::<Picked>();
    let chat = expect_context::<Chat>();
    let Reacting(reacting) = expect_context::<Reacting>();
    let field = NodeRef::<Input>::new();
    let problem = RwSignal::new(None::<String>);
    Effect::new(move |_| focus_soon(".reaction-picker button".into()));
    let choose = move |emoji: Emoji| {
        let place = row.with_untracked(|row| row.item.offset());
        close(reacting);
        if let Some(message) = place {
            toggle(chat, message, emoji, true);
        }
    };
    let take = move || match field.get_untracked().map(|field| Emoji::parse(field.value().trim())) {
        Some(Ok(emoji)) => choose(emoji),
        Some(Err(error @ NoEmoji)) => problem.set(Some(error.to_string())),
        None => {}
    };
    let on_key = move |event: KeyboardEvent| {
        // It closes the picker.
        if event.key() != "Escape" {
            event.stop_propagation();
        }
    };
    let on_field_key = move |event: KeyboardEvent| {
        if event.key() == "Enter" && !is_taken_by_input_method(&event) {
            event.prevent_default();
            take();
        }
    };
    let on_leave = move |event: FocusEvent| {
        if leaves(&event) {
            request_animation_frame(move || reacting.set(None));
        }
    };
    view! {
        <div
            class="reaction-picker"
            role="dialog"
            tabindex="-1"
            aria-label="React"
            on:keydown=handler(on_key)
            on:focusout=handler(on_leave)
        >
            {QUICK.into_iter().map(|text| quick(text, choose)).collect_view()}
            <input
                class="reaction-field"
                type="text"
                aria-label="Another emoji"
                placeholder="Other"
                maxlength=(2 * EMOJI_CHARS_MAX).to_string()
                aria-invalid=move || problem.with(Option::is_some).then_some("true")
                node_ref=field
                on:keydown=handler(on_field_key)
            />
            <p class="reaction-problem" role="alert">{move || problem.get()}</p>
        </div>
    }
}

/// A button for one emoji.
fn quick(text: &'static str, choose: impl Fn(Emoji) + Copy + 'static) -> impl IntoView {
    let press = move |_| {
        if let Ok(emoji) = Emoji::parse(text) {
            choose(emoji);
        }
    };
    view! {
        <button class="button-icon" type="button" aria-label=format!("React with {text}") on:click=handler(press)>
            {text}
        </button>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_click_away_is_taken() {
        for text in QUICK {
            assert!(Emoji::parse(text).is_ok(), "{text}");
        }
    }
}
