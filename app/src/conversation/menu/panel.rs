//! The menu of a message.

use super::{Menu, close};
use crate::chat::{Chat, MessageAction};
use crate::client::Item;
use crate::features;
use crate::ui::event::handler;
use crate::ui::focus::{Step, focus_soon, leaves, move_among};
use crate::ui::icon::Icon;
use leptos::{
    ev::{FocusEvent, KeyboardEvent},
    prelude::*,
};

/// What a feature offers for a message, where it offers anything.
type Offer = fn(Chat, &Item) -> Option<MessageAction>;

/// The features, in the order of the menu.
const OFFERS: &[Offer] = &[
    features::reply::action,
    features::react::action,
    features::edit::action,
    details,
    features::delete::action,
];

#[expect(clippy::unnecessary_wraps, reason = "an offer like the others")]
fn details(chat: Chat, item: &Item) -> Option<MessageAction> {
    let key = item.key();
    let run = Callback::new(move |()| chat.desk.details.set(Some(key)));
    Some(MessageAction { label: "Details", icon: Icon::Info, danger: false, run })
}

#[component]
pub(super) fn Items() -> impl IntoView {
    let Menu { row, open } = expect_context();
    let chat = expect_context::<Chat>();
    let actions: Vec<_> =
        row.with_untracked(|row| OFFERS.iter().filter_map(|offer| offer(chat, &row.item)).collect());
    let down = RwSignal::new(false);
    Effect::new(move |_| {
        focus_soon(".message-menu [role=menuitem]".into());
        request_animation_frame(move || down.set(is_cut_off()));
    });
    let on_key = move |event: KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowDown" => Step::Next,
            "ArrowUp" => Step::Previous,
            "Home" => Step::First,
            "End" => Step::Last,
            // It closes the menu.
            "Escape" => return,
            _ => return event.stop_propagation(),
        };
        event.stop_propagation();
        event.prevent_default();
        move_among(&event, "[role=menuitem]", step);
    };
    let on_leave = move |event: FocusEvent| {
        if leaves(&event) {
            // The button that opened it closes it by its click.
            request_animation_frame(move || open.set(false));
        }
    };
    let item = move |action: MessageAction| {
        let run = move |_| {
            close(open);
            action.run.run(());
        };
        view! {
            <button
                class="message-action"
                class:danger=action.danger
                type="button"
                role="menuitem"
                on:click=handler(run)
            >
                {action.icon.view()}
                <span>{action.label}</span>
            </button>
        }
    };
    view! {
        <div
            class="message-menu"
            class:down=move || down.get()
            role="menu"
            tabindex="-1"
            aria-label="Message actions"
            on:keydown=handler(on_key)
            on:focusout=handler(on_leave)
        >
            {actions.into_iter().map(item).collect_view()}
        </div>
    }
}

/// Whether the menu begins above the messages in view.
fn is_cut_off() -> bool {
    let top = |selector| {
        let element = document().query_selector(selector).ok().flatten()?;
        Some(element.get_bounding_client_rect().top())
    };
    top(".message-menu").zip(top(".log")).is_some_and(|(menu, log)| menu < log)
}
