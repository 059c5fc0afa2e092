//! Finding a person by the start of their name and messages by their words, and opening the conversation there.

mod people;

use super::Desk;
use super::own_link::OwnLink;
use crate::client::{Action, ItemKey, Row};
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::event::handler;
use crate::ui::focus::{Step, bring_into_view, focus_soon};
use crate::ui::icon::Icon;
use crate::ui::person::names;
use kafkatalk_protocol::{User, http::Hit, limits::SEARCH_CHARS_MAX};
use leptos::{ev::KeyboardEvent, prelude::*, task::spawn_local};
use people::{Found, find, open_with, search};
use std::time::Duration;

/// How long typing must rest before the server is asked.
const TYPING_RESTS: Duration = Duration::from_millis(120);

/// What the panel knows and does.
#[derive(Clone, Copy)]
struct Finder {
    desk: Desk,
    typed: RwSignal<String>,
    found: RwSignal<Found>,
    /// The server has not told all yet.
    looking: RwSignal<bool>,
    /// Which of the people and messages found is the one that Enter chooses.
    active: RwSignal<u32>,
    /// What went wrong when the conversation was to be opened.
    refusal: RwSignal<Option<String>>,
    timer: StoredValue<Option<TimeoutHandle>>,
}

impl Finder {
    fn new(desk: Desk) -> Self {
        Self {
            desk,
            typed: RwSignal::new(desk.finding.get_untracked().unwrap_or_default()),
            found: RwSignal::new(Found::default()),
            looking: RwSignal::new(false),
            active: RwSignal::new(0),
            refusal: RwSignal::new(None),
            timer: StoredValue::new(None),
        }
    }

    /// What is looked for; none once the panel is gone.
    fn words(self) -> Option<String> {
        self.typed.try_with_untracked(|typed| typed.trim().to_owned())
    }

    fn stop_timer(self) {
        if let Some(timer) = self.timer.try_get_value().flatten() {
            timer.clear();
        }
    }

    fn type_in(self, text: String) {
        self.typed.set(text);
        self.refusal.set(None);
        self.stop_timer();
        let timer = set_timeout_with_handle(move || self.ask(None), TYPING_RESTS).ok();
        self.timer.set_value(timer);
    }

    /// Asks for people and messages; for further messages, from behind a cursor on.
    fn ask(self, before: Option<String>) {
        let Some(words) = self.words() else { return };
        self.looking.set(!words.is_empty());
        if words.is_empty() {
            self.found.set(Found::default());
            return;
        }
        let viewer = self.desk.viewer().id;
        spawn_local(async move {
            // What was typed meanwhile is asked for by itself; this answer is an old one.
            let is_old = || self.words().is_none_or(|now| now != words);
            let further = before.is_some();
            let mut told = Found::default();
            if !further {
                let prefix = words.trim_start_matches('@').to_ascii_lowercase();
                match find(&prefix).await {
                    Ok(people) => told.people = people,
                    Err(words) => told.failed = Some(words),
                }
                if is_old() {
                    return;
                }
                told.people.retain(|person| person.id != viewer);
            }
            match search(&words, before.as_deref()).await {
                Ok(found) => (told.hits, told.next) = (found.hits, found.next),
                Err(words) => told.failed = Some(words),
            }
            if is_old() {
                return;
            }
            self.looking.set(false);
            if !further {
                self.active.set(0);
            }
            self.found.update(|found| {
                if further {
                    found.hits.append(&mut told.hits);
                    (found.next, found.failed) = (told.next, told.failed);
                } else {
                    *found = told;
                }
            });
        });
    }

    /// How many there are to choose from.
    fn count(self) -> usize {
        self.found.with(|found| found.people.len() + found.hits.len())
    }

    /// Chooses what stands at that place: people come first.
    fn choose_at(self, at: u32) {
        let at = at as usize;
        let (person, message) = self.found.with_untracked(|found| {
            let hit = at.checked_sub(found.people.len()).and_then(|at| found.hits.get(at));
            let message = hit.map(|hit| {
                let message = &hit.message;
                (message.conversation, message.offset, ItemKey(message.sender.id, message.id))
            });
            (found.people.get(at).cloned(), message)
        });
        if let Some(person) = person {
            self.choose(person);
        } else if let Some((conversation, offset, key)) = message {
            self.desk.go_to(conversation, offset, key);
        }
    }

    fn choose(self, person: User) {
        // Not held on to while going there, which changes the list.
        let known = self.desk.live.list.with_untracked(|list| {
            let with_person = |row: &&Row| row.others.len() == 1 && row.others[0].id == person.id;
            list.rows.iter().find(with_person).map(|row| row.id)
        });
        if let Some(id) = known {
            self.desk.go(Route::Conversation(id));
            return;
        }
        spawn_local(async move {
            match open_with(person.username).await {
                Ok(conversation) => {
                    let id = conversation.id;
                    self.desk.act(Action::Opened(Box::new(conversation)));
                    self.desk.go(Route::Conversation(id));
                }
                Err(words) => {
                    self.refusal.try_set(Some(words));
                }
            }
        });
    }

    fn close(self) {
        self.desk.finding.set(None);
        focus_soon(if self.desk.searching.get_value() { "#search" } else { "#new-conversation" }.into());
    }

    fn on_key(self, event: &KeyboardEvent) {
        if event.is_composing() {
            return;
        }
        let count = u32::try_from(untrack(|| self.count())).unwrap_or(u32::MAX);
        let active = self.active.get_untracked();
        let to = match event.key().as_str() {
            "ArrowDown" => Step::Next.from(Some(active), count),
            "ArrowUp" => Step::Previous.from(Some(active), count),
            "Enter" => {
                self.choose_at(active);
                event.prevent_default();
                return;
            }
            "Escape" => return self.close(),
            _ => return,
        };
        event.prevent_default();
        if let Some(to) = to {
            self.active.set(to);
            bring_into_view(&format!("#person-{to}"));
        }
    }
}

/// The panel in the place of the list.
#[component]
pub(super) fn FindPanel() -> impl IntoView {
    let desk = expect_context::<Desk>();
    let finder = Finder::new(desk);
    on_cleanup(move || finder.stop_timer());
    Effect::new(move |_| {
        focus_soon("#find-person".into());
        finder.ask(None);
    });
    let count = move || finder.count();
    let active_id = move || (count() > 0).then(|| format!("person-{}", finder.active.get()));
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
                        aria-activedescendant=move || active_id()
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
                    on:click=handler(move |_| finder.close())
                >
                    {Icon::Close.view()}
                </button>
            </div>
            <div class="find-found">
                <People finder />
                <Messages finder />
            </div>
            <Words finder />
        </section>
    }
}

/// One of those that Enter chooses among.
fn choice(finder: &Finder, index: u32, class: &'static str, inside: AnyView) -> impl IntoView + use<> {
    let finder = *finder;
    view! {
        <li
            id=format!("person-{index}")
            class=class
            role="option"
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
        let option = |(index, person): (u32, &User)| {
            let inside = view! {
                <Avatar user=person.clone() />
                <span class="item-name" dir="auto">{person.username.to_string()}</span>
            };
            choice(&finder, index, "person", inside.into_any())
        };
        finder.found.with(|found| (0..).zip(&found.people).map(option).collect_view())
    };
    view! { <ul id="people" class="people" role="listbox" aria-label="People">{move || options()}</ul> }
}

/// With whom the conversation is in which something was said: as the list has it, or else who said it.
fn with_whom(finder: &Finder, hit: &Hit) -> Vec<User> {
    let listed = finder.desk.live.list.with_untracked(|list| {
        list.rows.iter().find(|row| row.id == hit.message.conversation).map(|row| row.others.to_vec())
    });
    listed.filter(|others| !others.is_empty()).unwrap_or_else(|| vec![hit.message.sender.clone()])
}

#[component]
fn Messages(finder: Finder) -> impl IntoView {
    let desk = finder.desk;
    let options = move || {
        let option = |(index, hit): (u32, &Hit)| {
            let whom = with_whom(&finder, hit);
            let moment = hit.message.sent_at;
            let own = hit.message.sender.id == desk.viewer().id;
            let parts = hit.snippet.iter().map(|part| {
                let text = part.text.clone();
                if part.hit { view! { <mark>{text}</mark> }.into_any() } else { text.into_any() }
            });
            let inside = view! {
                <Avatar user=whom[0].clone() />
                <span class="item-name" dir="auto">{names(&whom)}</span>
                <time class="item-time" datetime=moment.to_string()>
                    {desk.clock.at(moment).short(desk.clock.today())}
                </time>
                <span class="hit-text" dir="auto">{own.then_some("You: ")} {parts.collect_view()}</span>
            };
            choice(&finder, index, "item hit", inside.into_any())
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
        <ul id="messages" class="people" role="listbox" aria-label="Messages">{move || options()}</ul>
        {move || more()}
    }
}

/// What is said where there is nobody to show.
#[component]
fn Words(finder: Finder) -> impl IntoView {
    let words = move || {
        let wrong = finder.refusal.get().or_else(|| finder.found.with(|found| found.failed.clone()));
        if wrong.is_some() || finder.count() > 0 {
            return wrong;
        }
        if finder.looking.get() {
            return Some("Searching".into());
        }
        finder.words().filter(|words| !words.is_empty()).map(|words| {
            format!("Nobody's name starts with “{words}”, and no message has it. Check the spelling, or send your link.")
        })
    };
    let failed = move || finder.found.with(|found| found.failed.is_some());
    let alone = move || finder.count() == 0;
    view! {
        <p class="find-words" role="status" aria-label="Search">{move || words()}</p>
        <Show when=failed>
            <button class="button-quiet" type="button" on:click=handler(move |_| finder.ask(None))>
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
