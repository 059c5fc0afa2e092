//! What a message tells about itself: its place in the log, its time, its state.

use super::close;
use crate::chat::Chat;
use crate::chat::state::sentence;
use crate::client::{Action, Item};
use crate::conversation::keep_place;
use crate::ui::copy::CopyButton;
use crate::ui::event::handler;
use crate::ui::focus::focus_soon;
use crate::ui::icon::Icon;
use leptos::prelude::*;

/// The panel that slides over from the end side.
#[component]
pub(super) fn DetailsPanel() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let item = Memo::new(move |_| {
        let key = chat.desk.details.get()?;
        chat.read(|chat| chat.items.iter().find(|item| item.key() == key).cloned()).flatten()
    });
    let shown = Memo::new(move |_| item.with(Option::is_some));
    keep_place(chat);
    Effect::new(move |_| {
        if shown.get() {
            focus_soon("#details-close".into());
        }
    });
    view! {
        <Show when=move || shown.get()>
            <section class="details" tabindex="-1" aria-labelledby="details-title">
                <header class="pane-head">
                    <h2 id="details-title">"Message details"</h2>
                    <button
                        class="button-icon"
                        type="button"
                        id="details-close"
                        aria-label="Close details"
                        title="Close details"
                        on:click=handler(move |_| close(chat))
                    >
                        {Icon::Close.view()}
                    </button>
                </header>
                {move || item.get().map(|item| facts(chat, &item))}
            </section>
        </Show>
    }
}

fn facts(chat: Chat, item: &Item) -> impl IntoView + use<> {
    let place =
        item.offset().map_or_else(|| "Not sent yet".to_owned(), |offset| format!("Message #{offset}"));
    let (id, only_here) = (item.id(), item.deletable());
    let from = if item.own() { "You".to_owned() } else { item.sender().username.to_string() };
    // None of a pair; looked at only where they matter, since it draws the details again whenever that changes.
    let offset = item.offset().filter(|_| item.own());
    let readers = offset.and_then(|offset| chat.read(|chat| chat.readers(offset)).flatten());
    let time_label = if item.offset().is_some() { "Received by server" } else { "Written" };
    view! {
        <p class="details-text" dir="auto">{item.body().to_owned()}</p>
        <CopyButton text=item.body().to_owned() label="Copy text" icon=Icon::Copy />
        <dl>
            <dt>"From"</dt>
            <dd dir="auto">{from}</dd>
            <dt>"Place in the log"</dt>
            <dd>{place}</dd>
            <dt>{time_label}</dt>
            <dd>
                <time datetime=item.at().to_string()>{chat.desk.clock.at(item.at()).full()}</time>
            </dd>
            <dt>"State"</dt>
            <dd>{sentence(&item.delivery, readers.as_deref())}</dd>
            <dt>"Id"</dt>
            <dd class="details-id">{id.to_string()}</dd>
        </dl>
        {only_here
            .then(|| {
                view! {
                    <button
                        class="button button-danger"
                        type="button"
                        on:click=handler(move |_| {
                            chat.desk.details.set(None);
                            chat.desk.act(Action::Discard(id));
                        })
                    >
                        {Icon::Delete.view()}
                        <span>"Delete from this device"</span>
                    </button>
                }
            })}
    }
}
