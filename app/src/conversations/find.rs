//! Finding people by the start of their names and messages by their words, and opening the conversation there, or a group
//! with several people.

mod finder;
mod group;
mod people;

use super::own_link::OwnLink;
use crate::client::{People as Company, Row};
use crate::desk::Desk;
use crate::ui::avatar::Avatar;
use crate::ui::event::handler;
use crate::ui::focus::focus_soon;
use crate::ui::follow::{follow, text, words};
use crate::ui::icon::Icon;
use crate::ui::person::{Picture, conversation_name};
use finder::{FIELD, Finder};
use group::{button_words, group_words};
use kafkatalk_protocol::{User, http::Hit, limits::SEARCH_CHARS_MAX};
use leptos::prelude::*;

/// The panel in the place of the list.
#[component]
pub(super) fn FindPanel() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let finder = Finder::new(desk);
    on_cleanup(move || finder.stop_timer());
    Effect::new(move |_| {
        focus_soon(FIELD.into());
        finder.ask(None);
    });
    let count = move || finder.count();
    let active_id = move || {
        let active = finder.active.get();
        ((active as usize) < count()).then(|| format!("person-{active}"))
    };
    view! {
        <section class="find" aria-label="New conversation">
            <div class="find-head">
                <div class="find-field">
                    {Icon::Search.view()}
                    <input
                        id="find-person"
                        type="text"
                        role="combobox"
                        aria-label="Find a person or a message"
                        aria-autocomplete="list"
                        aria-controls="people messages"
                        aria-expanded=move || (count() > 0).to_string()
                        aria-activedescendant=active_id
                        placeholder="A name, or words of a message"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        enterkeyhint="go"
                        maxlength=SEARCH_CHARS_MAX
                        dir="auto"
                        prop:value=finder.typed
                        on:input=handler(move |event| finder.type_in(event_target_value(&event)))
                        on:keydown=handler(move |event| finder.on_key(&event))
                    />
                </div>
                <button
                    class="button-icon"
                    type="button"
                    aria-label="Close"
                    title="Close"
                    on:click=handler(move |_| finder.desk.close_finding())
                >
                    {Icon::Close.view()}
                </button>
            </div>
            {(!desk.is_searching()).then(|| view! {
                <button class="button new-group" type="button" on:click=handler(move |_| finder.group())>
                    {Icon::People.view()}
                    {words(move || button_words(finder.chosen.with(Option::is_some)).to_owned())}
                </button>
            })}
            // It scrolls, and the keyboard stays in the field: so that it can be scrolled by keyboard all the same.
            <div class="find-found" tabindex="0" role="group" aria-label="Found">
                <People finder />
                <Messages finder />
            </div>
            <Words finder />
        </section>
    }
}

/// One of those that Enter chooses among.
fn choice(
    finder: &Finder,
    index: u32,
    class: &'static str,
    checked: Option<bool>,
    inside: AnyView,
) -> impl IntoView + use<> {
    let finder = *finder;
    view! {
        <li
            id=format!("person-{index}")
            class=class
            role="option"
            aria-checked=checked.map(|checked| if checked { "true" } else { "false" })
            aria-selected=move || (finder.active.get() == index).to_string()
            on:mousemove=handler(move |_| finder.active.set(index))
            on:click=handler(move |_| finder.choose_at(index))
        >
            {inside}
        </li>
    }
}

#[component]
fn People(finder: Finder) -> impl IntoView {
    let options = move || {
        let chosen = finder.chosen.with(|chosen| chosen.as_ref().map(Vec::len));
        let option = |(index, person): (u32, User)| {
            let checked = chosen.map(|chosen| (index as usize) < chosen);
            let inside = view! {
                <Avatar picture=Picture::of(&person) />
                <span class="item-name" dir="auto">{person.username.to_string()}</span>
            };
            choice(&finder, index, "person", checked, inside.into_any())
        };
        (0..).zip(finder.people()).map(option).collect_view()
    };
    view! { <ul id="people" class="people" role="listbox" aria-label="People">{follow(options)}</ul> }
}

/// With whom the conversation is in which something was said: as the list has it, or else who said it.
fn with_whom(finder: &Finder, hit: &Hit) -> Company {
    let listed = finder.desk.live.list.with_untracked(|list| {
        list.rows.iter().find(|row| row.id == hit.message.conversation).map(Row::people)
    });
    let sender = || Company { others: [hit.message.sender.clone()].into(), group: None };
    listed.filter(Company::is_known).unwrap_or_else(sender)
}

#[component]
fn Messages(finder: Finder) -> impl IntoView {
    let desk = finder.desk;
    let options = move || {
        let option = |(index, hit): (u32, &Hit)| {
            let whom = with_whom(&finder, hit);
            let moment = hit.message.sent_at;
            let own = hit.message.sender.id == desk.viewer().id;
            let by = match whom.group {
                _ if own => "You: ".to_owned(),
                None => String::new(),
                Some(_) => format!("{}: ", hit.message.sender.username),
            };
            let parts = hit.snippet.iter().map(|part| {
                let text = part.text.clone();
                if part.hit { view! { <mark>{text}</mark> }.into_any() } else { text.into_any() }
            });
            let inside = view! {
                {Picture::of_conversation(hit.message.conversation, &whom).map(|picture| view! { <Avatar picture /> })}
                <span class="item-name" dir="auto">{conversation_name(&whom)}</span>
                <time class="item-time" datetime=moment.to_string()>
                    {desk.clock.at(moment).short(desk.clock.today())}
                </time>
                // Apart, so that what was said has its own direction.
                <span class="hit-text" dir="auto"><bdi>{by}</bdi> {parts.collect_view()}</span>
            };
            choice(&finder, index, "item hit", None, inside.into_any())
        };
        finder.found.with(|found| {
            let behind_people = u32::try_from(found.people.len()).unwrap_or(u32::MAX);
            (behind_people..).zip(&found.hits).map(option).collect_view()
        })
    };
    let more = move || {
        finder.found.with(|found| found.next.clone()).map(|next| {
            view! {
                <div class="list-more">
                    <button class="button-quiet" type="button" on:click=handler(move |_| finder.ask(Some(next.clone())))>
                        "Show more messages"
                    </button>
                </div>
            }
        })
    };
    view! {
        <ul id="messages" class="people" role="listbox" aria-label="Messages">{follow(options)}</ul>
        {follow(more)}
    }
}

/// What is said where there is nobody to show.
#[component]
fn Words(finder: Finder) -> impl IntoView {
    let said = move || {
        let wrong = finder.refusal.get().or_else(|| finder.found.with(|found| found.failed.clone()));
        if wrong.is_some() {
            return wrong;
        }
        let typed = finder.typed.with(|typed| typed.trim().to_owned());
        let (mut sought, mut nobody) = ("people or messages", finder.count() == 0);
        if let Some(chosen) = finder.chosen.with(|chosen| chosen.as_ref().map(Vec::len)) {
            sought = "people";
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
            Some(format!("No {sought} match “{typed}”."))
        }
    };
    let failed = Memo::new(move |_| finder.found.with(|found| found.failed.is_some()));
    let alone = Memo::new(move |_| finder.chosen.with(Option::is_none) && finder.count() == 0);
    view! {
        <p
            class="find-words"
            role="status"
            aria-label="Search"
            prop:textContent=text(move || said().unwrap_or_default())
        ></p>
        {follow(move || failed.get().then(|| {
            view! {
                <button class="button-quiet" type="button" on:click=handler(move |_| finder.ask(None))>
                    "Try again"
                </button>
            }
        }))}
        {follow(move || alone.get().then(|| {
            view! {
                <div class="find-alone">
                    <p>"Or send your own link: whoever opens it can write to you."</p>
                    <OwnLink />
                </div>
            }
        }))}
    }
}
