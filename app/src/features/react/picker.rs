//! How one begins to react, and the place of the picker.

mod panel;

use crate::chat::timeline::Row;
use crate::chat::{Chat, MessageAction};
use crate::client::{Item, ItemKey};
use crate::deferred::{DeferredPanel, Draw, Fetching, Missing};
use crate::ui::focus::focus_now;
use crate::ui::icon::Icon;
use leptos::{prelude::*, wasm_split::wasm_split};
use panel::Picker;

/// The message that one is about to react to.
#[derive(Clone, Copy)]
struct Reacting(RwSignal<Option<ItemKey>>);

/// The message beside which the picker is.
#[derive(Clone, Copy)]
struct Picked(Memo<Row>);

/// See [`crate::features::provide`].
pub(crate) fn provide() {
    provide_context(Reacting(RwSignal::new(None)));
}

/// In the menu of a message.
pub(crate) fn action(_: Chat, item: &Item) -> Option<MessageAction> {
    let key = item.key();
    let reacting = expect_context::<Reacting>();
    let run = Callback::new(move |()| reacting.0.set(Some(key)));
    (item.in_log() && !item.deleted()).then_some(MessageAction {
        label: "React",
        icon: Icon::React,
        danger: false,
        run,
    })
}

/// The picker beside the message that one is about to react to.
#[component]
pub(crate) fn ReactionPicker(
    /// The message.
    row: Memo<Row>,
) -> impl IntoView {
    let Reacting(reacting) = expect_context::<Reacting>();
    let key = row.with_untracked(|row| row.item.key());
    let shown = Memo::new(move |_| reacting.get() == Some(key));
    // The part that is drawn takes no arguments: it finds the message in its context.
    provide_context(Picked(row));
    view! { <DeferredPanel open=shown close=move |()| close(reacting) fetch=fetch_picker words="" /> }
}

/// Closes the picker; the keyboard goes back to the message.
fn close(reacting: RwSignal<Option<ItemKey>>) {
    focus_now(".message:has(.reaction-picker)");
    reacting.set(None);
}

fn fetch_picker() -> Fetching {
    Box::pin(picker())
}

#[allow(clippy::unnecessary_wraps, reason = "the macro adds what may fail")]
#[wasm_split(picker, wasm_split_path = ::leptos::wasm_split, fallible)]
fn picker() -> Result<Draw, Missing> {
    Ok(|| view! { <Picker /> }.into_any())
}
