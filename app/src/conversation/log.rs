//! The messages of a conversation: days, groups, and where one reads.

use super::blank::NothingSaid;
use super::bubble::Bubble;
use super::scroll::Scroll;
use crate::chat::Chat;
use crate::chat::timeline::{DayRows, Row, arrange, first_new};
use crate::client::{Action, Edge, ItemKey};
use crate::ui::event::handler;
use crate::ui::focus::{Step, move_among};
use crate::ui::follow::{follow, words};
use crate::ui::icon::Icon;
use crate::ui::time::Day;
use kafkatalk_protocol::Offset;
use leptos::{ev::KeyboardEvent, prelude::*, wasm_bindgen::JsCast, web_sys::Node};
use std::{collections::HashMap, sync::Arc};

type Days = Memo<Arc<Vec<DayRows>>>;

#[component]
pub(super) fn MessageLog() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let scroll = expect_context::<Scroll>();
    let new_from = new_from(chat);
    let days: Days = Memo::new(move |_| {
        let zone = chat.desk.clock.zone();
        Arc::new(chat.read(|chat| arrange(&chat.items, new_from, zone)).unwrap_or_default())
    });
    let each = move || days.with(|days| days.iter().map(|day| day.day).collect::<Vec<_>>());
    let edges =
        Memo::new(move |_| chat.read(|chat| (chat.earlier, chat.later)).unwrap_or((Edge::End, Edge::End)));
    let empty = Memo::new(move |_| days.with(|days| days.is_empty()) && edges.get().0 == Edge::End);
    // What was drawn may leave room for more, or may have moved the end out of view.
    Effect::new(move |before: Option<()>| {
        days.track();
        edges.track();
        chat.desk.sought.track();
        scroll.settle(chat, before.is_none());
    });
    view! {
        <div
            class="log"
            class:group=move || chat.is_group()
            role="log"
            aria-label="Messages"
            aria-live="off"
            tabindex="0"
            node_ref=scroll.element
            on:scroll=handler(move |_| scroll.look(chat))
            on:keydown=handler(on_key)
        >
            <div class="log-inner">
                {follow(move || empty.get().then(|| view! { <NothingSaid /> }))}
                {follow(move || edge_view(chat, edges.get().0, EARLIER))}
                <For each key=|day| *day let:day>
                    <DaySection days day />
                </For>
                {follow(move || edge_view(chat, edges.get().1, LATER))}
            </div>
        </div>
        <Pill />
    }
}

/// From which message on everything was new when the conversation was opened. It stays, while one reads on.
fn new_from(chat: Chat) -> Option<Offset> {
    untrack(|| chat.read(|chat| first_new(&chat.items, chat.read_on_open))).flatten()
}

/// What is said at an end of what is loaded: while it loads, when that failed.
type EdgeWords = (&'static str, &'static str);
const EARLIER: EdgeWords = ("Loading earlier messages", "Couldn't load earlier messages. ");
const LATER: EdgeWords = ("Loading newer messages", "Couldn't load newer messages. ");

fn edge_view(chat: Chat, edge: Edge, said: EdgeWords) -> AnyView {
    let again = move |_| {
        chat.desk.act(if said == EARLIER { Action::LoadEarlier } else { Action::LoadLater });
    };
    match edge {
        Edge::End => ().into_any(),
        Edge::More | Edge::Loading => view! {
            <p class="earlier">
                <span class="earlier-loading">{said.0}</span>
            </p>
        }
        .into_any(),
        Edge::Failed => view! {
            <p class="earlier" role="alert">
                {said.1}
                <button class="button-quiet" type="button" on:click=handler(again)>
                    "Try again"
                </button>
            </p>
        }
        .into_any(),
    }
}

/// Up and down go from one message to the next, once one is among them; all that is selected there is the conversation.
fn on_key(event: KeyboardEvent) {
    if selects_all(&event) {
        select_all(&event);
        return;
    }
    let step = match event.key().as_str() {
        "ArrowDown" => Step::Next,
        "ArrowUp" => Step::Previous,
        _ => return,
    };
    if move_among(&event, ".message", step) {
        event.prevent_default();
    }
}

/// By the letter, or by the key's place where the layout has no Latin letters.
fn selects_all(event: &KeyboardEvent) -> bool {
    let key = event.key();
    let letter = key.eq_ignore_ascii_case("a") || (!key.is_ascii() && event.code() == "KeyA");
    letter && (event.ctrl_key() || event.meta_key()) && !event.shift_key() && !event.alt_key()
}

fn select_all(event: &KeyboardEvent) {
    let log = event.current_target().and_then(|log| log.dyn_into::<Node>().ok());
    let selection = window().get_selection().ok().flatten();
    if log.zip(selection).is_some_and(|(log, selection)| selection.select_all_children(&log).is_ok()) {
        event.prevent_default();
    }
}

#[component]
fn DaySection(days: Days, day: Day) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let rows: Memo<Vec<Row>> = Memo::new(move |_| {
        days.with(|days| {
            days.iter().find(|rows| rows.day == day).map(|day| day.rows.clone()).unwrap_or_default()
        })
    });
    let by_key: Memo<Arc<HashMap<ItemKey, Row>>> = Memo::new(move |_| {
        rows.with(|rows| Arc::new(rows.iter().map(|row| (row.item.key(), row.clone())).collect()))
    });
    let each = move || rows.with(|rows| rows.iter().map(|row| row.item.key()).collect::<Vec<_>>());
    let bubble = move |key: ItemKey| {
        by_key.with_untracked(|rows| rows.get(&key).cloned()).map(|first| {
            // One that is about to be removed keeps its last state.
            let row = Memo::new(move |previous: Option<&Row>| {
                by_key.with(|rows| rows.get(&key).or(previous).unwrap_or(&first).clone())
            });
            view! { <Bubble row /> }
        })
    };
    let label = move || day.label(chat.desk.clock.today());
    view! {
        <div class="day">
            <p class="day-label">
                <time datetime=day.iso()>{words(label)}</time>
            </p>
            <ol role="list">
                <For each key=|key| *key children=bubble />
            </ol>
        </div>
    }
}

/// The way down, and how much is new there.
#[component]
fn Pill() -> impl IntoView {
    let chat = expect_context::<Chat>();
    let scroll = expect_context::<Scroll>();
    let unread = move || chat.read(|chat| chat.unread).unwrap_or(0);
    let shown = Memo::new(move |_| !scroll.at_end() && (unread() > 0 || scroll.far_up()));
    let label = move || match unread() {
        0 => "Newest".to_owned(),
        1 => "1 new message".to_owned(),
        count => format!("{count} new messages"),
    };
    view! {
        <div class="pill-place">
            {follow(move || {
                shown.get().then(|| {
                    view! {
                        <button class="pill" type="button" on:click=handler(move |_| scroll.to_end())>
                            {Icon::Down.view()}
                            {words(label)}
                        </button>
                    }
                })
            })}
        </div>
    }
}
