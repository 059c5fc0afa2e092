//! A message as it is shown.

use super::menu::MessageMenu;
use crate::chat::Chat;
use crate::chat::state::StateGlyph;
use crate::chat::text::{Span, is_few_emoji, spans};
use crate::chat::timeline::Row;
use crate::client::{Action, Change, Delivery};
use crate::features::react::{ReactionPicker, Reactions};
use crate::features::reply::QuoteView;
use crate::ui::event::handler;
use crate::ui::focus::is_touched;
use crate::ui::follow::{follow, words};
use crate::ui::icon::Icon;
use crate::ui::person::hue;
use kafkatalk_protocol::MessageId;
use leptos::{
    ev::{KeyboardEvent, MouseEvent},
    prelude::*,
};

#[component]
pub(super) fn Bubble(
    /// The message in its place; its sender and id never change.
    row: Memo<Row>,
) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let item = row.with_untracked(|row| row.item.clone());
    if item.notice().is_some() {
        return view! { <Notice row /> }.into_any();
    }
    let key = item.key();
    let open_details = move || chat.desk.details.set(Some(key));
    let author = if item.own() { "You said:".into() } else { format!("{} said:", item.sender().username) };
    // In a group the stylesheet shows the name where somebody else begins to speak.
    let class = format!("message hue-{}", hue(item.sender().id.0));
    let acts = RwSignal::new(false);
    let on_key = move |event: KeyboardEvent| {
        if event.target() != event.current_target() {
            return;
        }
        match event.key().as_str() {
            "Enter" | " " => open_details(),
            "ContextMenu" => acts.set(true),
            _ => return,
        }
        event.prevent_default();
    };
    // A long press, where there is no mouse.
    let on_menu = move |event: MouseEvent| {
        if is_touched() {
            event.prevent_default();
            acts.set(true);
        }
    };
    // Without memos of its parts: a row changes seldom, and there are many.
    let edited =
        move || row.with(|row| row.item.edited()).then(|| view! { <span class="edited">"edited"</span> });
    let text = move || row.with(|row| spans(row.item.body()).into_iter().map(span_view).collect_view());
    view! {
        {new_line(row)}
        <li
            class=class
            data-from=item.sender().username.to_string()
            class:mine=item.own()
            class:sought=move || chat.desk.sought.get() == Some(key)
            class:told=move || chat.desk.details.get() == Some(key)
            class:deleted=move || row.with(|row| row.item.deleted())
            class:acts=move || acts.get()
            class:large=move || row.with(|row| is_few_emoji(row.item.body()))
            class:opens=move || row.with(|row| row.opens)
            class:closes=move || row.with(|row| row.closes)
            tabindex="-1"
            on:keydown=handler(on_key)
        >
            <span class="visually-hidden">{author}</span>
            <div class="bubble-line">
                <div class="bubble" on:contextmenu=handler(on_menu)>
                    <QuoteView row />
                    // The text has a direction of its own; the bubble keeps to its side.
                    <div class="bubble-text" dir="auto">
                        {follow(text)}
                    </div>
                    {follow(edited)}
                </div>
                <Beside row acts />
                <ReactionPicker row />
            </div>
            <Reactions row />
            <Below row />
        </li>
    }
    .into_any()
}

fn new_line(row: Memo<Row>) -> impl IntoView {
    follow(move || {
        row.with(|row| row.new).then(|| view! { <li class="new-line"><span>"New messages"</span></li> })
    })
}

/// What happened to the group.
#[component]
fn Notice(row: Memo<Row>) -> impl IntoView {
    let text = move || row.with(|row| row.item.notice_text()).unwrap_or_default();
    view! {
        {new_line(row)}
        <li class="notice" dir="auto" tabindex="-1">{words(text)}</li>
    }
}

fn span_view(span: Span) -> impl IntoView {
    match span {
        // An element, like what `words` makes: a program that translates may have taken the place of a text node.
        Span::Text(text) => view! { <span>{text}</span> }.into_any(),
        Span::Link(link) => {
            view! { <a href=link.clone() target="_blank" rel="noopener noreferrer nofollow">{link.clone()}</a> }
                .into_any()
        }
    }
}

/// Beside the bubble, while the mouse or the keyboard is there: time, place in the log, and the way to the details.
#[component]
fn Beside(row: Memo<Row>, acts: RwSignal<bool>) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let key = row.with_untracked(|row| row.item.key());
    let place = move || {
        let (at, offset) = row.with(|row| (row.item.at(), row.item.offset()));
        let clock = chat.desk.clock.at(at).clock();
        offset.map_or_else(|| clock.clone(), |offset| format!("{clock} · #{offset}"))
    };
    view! {
        <div class="beside">
            <span class="beside-words" aria-hidden="true">{words(place)}</span>
            <button
                class="button-icon"
                type="button"
                tabindex="-1"
                aria-label="Details"
                title="Details"
                on:click=handler(move |_| chat.desk.details.set(Some(key)))
            >
                {Icon::Info.view()}
            </button>
            <MessageMenu row open=acts />
        </div>
    }
}

/// Below the last bubble of a group, and below any that is not in the log yet: the time and the state.
#[component]
fn Below(row: Memo<Row>) -> impl IntoView {
    let chat = expect_context::<Chat>();
    let id = row.with_untracked(|row| row.item.id());
    // A change that is on its way looks like a message that is.
    let delivery = move || {
        row.with(|row| match row.item.change {
            Change::Pending => Delivery::Sending,
            _ => row.item.delivery.clone(),
        })
    };
    let meta = move || {
        let (shown, at) = row.with(|row| {
            let pending = is_pending(&row.item.delivery) || row.item.change != Change::None;
            (row.closes || pending, row.item.at())
        });
        shown.then(|| {
            view! {
                <div class="meta">
                    <time datetime=at.to_string()>{words(move || chat.desk.clock.at(at).clock())}</time>
                    <StateGlyph delivery=delivery() />
                </div>
            }
        })
    };
    let failure = move || match delivery() {
        Delivery::Failed { reason } => Some(failure_view(chat, id, format!("Not sent. {reason}"), "Delete")),
        _ => None,
    };
    let refusal = move || match row.with(|row| row.item.change.clone()) {
        Change::Refused { id, reason } => {
            Some(failure_view(chat, id, format!("Not changed. {reason}"), "Dismiss"))
        }
        _ => None,
    };
    view! {
        {follow(meta)}
        {follow(failure)}
        {follow(refusal)}
    }
}

fn is_pending(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Queued | Delivery::Failed { .. })
}

fn failure_view(chat: Chat, id: MessageId, reason: String, discard: &'static str) -> impl IntoView {
    view! {
        <div class="failure" role="alert">
            <p>{words(move || reason.clone())}</p>
            <button class="button-quiet" type="button" on:click=handler(move |_| chat.desk.act(Action::Retry(id)))>
                "Try again"
            </button>
            <button class="button-quiet" type="button" on:click=handler(move |_| chat.desk.act(Action::Discard(id)))>
                {discard}
            </button>
        </div>
    }
}
