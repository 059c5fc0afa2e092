//! What one can do with a message: the button beside it, and the place of the menu.

mod panel;

use crate::chat::timeline::Row;
use crate::deferred::{DeferredPanel, Draw, Fetching, Missing};
use crate::ui::event::handler;
use crate::ui::focus::focus_now;
use crate::ui::icon::Icon;
use leptos::{ev::MouseEvent, prelude::*, wasm_split::wasm_split};
use panel::Items;

/// The message of a menu, and whether the menu is open.
#[derive(Clone, Copy)]
struct Menu {
    row: Memo<Row>,
    open: RwSignal<bool>,
}

/// The button that opens the menu, and the menu.
#[component]
pub(super) fn MessageMenu(
    /// The message.
    row: Memo<Row>,
    /// Whether the menu is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    // The part that is drawn takes no arguments: it finds the message in its context.
    provide_context(Menu { row, open });
    view! {
        <button
            class="button-icon"
            type="button"
            aria-label="Message actions"
            title="Message actions"
            aria-haspopup="menu"
            aria-expanded=move || open.get().to_string()
            // Focus stays where it is, so that a press on the button of an open menu closes it.
            on:mousedown=handler(|event: MouseEvent| event.prevent_default())
            on:click=handler(move |_| open.update(|open| *open = !*open))
        >
            {Icon::More.view()}
        </button>
        <DeferredPanel open close=move |()| close(open) fetch=fetch_menu words="" />
    }
}

/// Closes the menu; the keyboard goes back to the message.
fn close(open: RwSignal<bool>) {
    focus_now(".message.acts");
    open.set(false);
}

fn fetch_menu() -> Fetching {
    Box::pin(menu())
}

#[allow(clippy::unnecessary_wraps, reason = "the macro adds what may fail")]
#[wasm_split(menu, wasm_split_path = ::leptos::wasm_split, fallible)]
fn menu() -> Result<Draw, Missing> {
    Ok(|| view! { <Items /> }.into_any())
}
