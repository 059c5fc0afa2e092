//! Finding people by the start of their names, and opening the conversation with one of them or a group with several.

mod group;
mod people;

use super::Desk;
use super::own_link::OwnLink;
use crate::client::{Action, Row};
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::event::handler;
use crate::ui::focus::{Step, focus_soon};
use crate::ui::icon::Icon;
use crate::ui::person::Picture;
use group::{OTHERS_MIN, button_words, creation_id, group_words, put_first, toggled, without};
use kafkatalk_protocol::{User, limits::USERNAME_CHARS_MAX};
use leptos::{ev::KeyboardEvent, prelude::*, task::spawn_local};
use people::{Found, find, open_with, seed};
use std::time::Duration;

/// How long typing must rest before the server is asked.
const TYPING_RESTS: Duration = Duration::from_millis(120);

/// Where names are typed.
const FIELD: &str = "#find-person";

/// What the panel knows and does.
#[derive(Clone, Copy)]
struct Finder {
    desk: Desk,
    typed: RwSignal<String>,
    found: RwSignal<Found>,
    /// Which of the people found is the one that Enter chooses.
    active: RwSignal<u32>,
    /// The people of a new group, as far as they are chosen; nothing where one person is looked for.
    chosen: RwSignal<Found>,
    /// Where the ids of new groups begin.
    first_id: u128,
    /// What went wrong when the conversation was to be opened.
    refusal: RwSignal<Option<String>>,
    timer: StoredValue<Option<TimeoutHandle>>,
}

impl Finder {
    fn new(desk: Desk) -> Self {
        Self {
            desk,
            typed: RwSignal::new(desk.finding.get_untracked().unwrap_or_default()),
            found: RwSignal::new(Found::Nothing),
            active: RwSignal::new(0),
            chosen: RwSignal::new(Found::Nothing),
            first_id: seed(),
            refusal: RwSignal::new(None),
            timer: StoredValue::new(None),
        }
    }

    /// What is looked for; none once the panel is gone.
    fn prefix(self) -> Option<String> {
        self.typed.try_with_untracked(|typed| typed.trim().trim_start_matches('@').to_ascii_lowercase())
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
        let timer = set_timeout_with_handle(move || self.ask(), TYPING_RESTS).ok();
        self.timer.set_value(timer);
    }

    fn ask(self) {
        let Some(prefix) = self.prefix() else { return };
        if prefix.is_empty() {
            self.found.set(Found::Nothing);
            return;
        }
        let viewer = self.desk.viewer().id;
        spawn_local(async move {
            let mut found = find(&prefix).await;
            // What was typed meanwhile is asked for by itself; this answer is an old one.
            if self.prefix().is_none_or(|now| now != prefix) {
                return;
            }
            if let Found::People(people) = &mut found {
                without(people, viewer);
            }
            self.look_past(self.chosen_now().map_or(0, |chosen| chosen.len()));
            self.found.set(found);
        });
    }

    /// The one whom Enter chooses is the first who was found: those who are chosen stand before.
    fn look_past(self, chosen: usize) {
        self.active.set(u32::try_from(chosen).unwrap_or(u32::MAX));
    }

    /// Who is shown: those who are chosen for a group, then those who were found.
    fn people(self) -> Vec<User> {
        let found = self.found.with(Found::people).unwrap_or_default();
        put_first(self.chosen().unwrap_or_default(), found)
    }

    fn chosen(self) -> Option<Vec<User>> {
        self.chosen.with(Found::people)
    }

    fn chosen_now(self) -> Option<Vec<User>> {
        untrack(|| self.chosen())
    }

    fn choose(self, person: User) {
        if let Some(chosen) = self.chosen_now() {
            self.choose_for_group(toggled(chosen, person));
            return;
        }
        // Not held on to while going there, which changes the list.
        let known = self.desk.live.list.with_untracked(|list| {
            let with_person = |row: &&Row| row.others.len() == 1 && row.others[0].id == person.id;
            list.rows.iter().find(with_person).map(|row| row.id)
        });
        if let Some(id) = known {
            self.desk.go(Route::Conversation(id));
            return;
        }
        self.open(&[person]);
    }

    fn choose_for_group(self, people: Vec<User>) {
        self.look_past(people.len());
        self.chosen.set(Found::People(people));
        self.refusal.set(None);
        focus_soon(FIELD.into());
    }

    /// The button: first it begins a group, then it starts the one that was put together.
    fn group(self) {
        match self.chosen_now() {
            Some(people) if people.len() >= OTHERS_MIN => self.open(&people),
            people => self.choose_for_group(people.unwrap_or_default()),
        }
    }

    fn open(self, people: &[User]) {
        let id = creation_id(self.first_id, people);
        let mut members = Vec::new();
        for person in people {
            members.push(person.username.clone());
        }
        spawn_local(async move {
            match open_with(members, id).await {
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
        focus_soon("#new-conversation".into());
    }

    fn on_key(self, event: &KeyboardEvent) {
        if event.is_composing() {
            return;
        }
        let people = untrack(|| self.people());
        let count = u32::try_from(people.len()).unwrap_or(u32::MAX);
        let active = self.active.get_untracked();
        let to = match event.key().as_str() {
            "ArrowDown" => Step::Next.from(Some(active), count),
            "ArrowUp" => Step::Previous.from(Some(active), count),
            "Enter" => {
                if let Some(person) = people.get(active as usize) {
                    self.choose(person.clone());
                    if self.chosen_now().is_some() {
                        // On to the next name.
                        self.found.set(Found::Nothing);
                        self.type_in(String::new());
                    }
                }
                event.prevent_default();
                return;
            }
            "Escape" => return self.close(),
            _ => return,
        };
        event.prevent_default();
        if let Some(to) = to {
            self.active.set(to);
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
        focus_soon(FIELD.into());
        finder.ask();
    });
    let count = move || finder.people().len();
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
                        aria-label="Find a person"
                        aria-autocomplete="list"
                        aria-controls="people"
                        aria-expanded=move || (count() > 0).to_string()
                        aria-activedescendant=move || active_id()
                        placeholder="Start of a name"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        enterkeyhint="go"
                        maxlength=USERNAME_CHARS_MAX + 1
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
            <button class="button new-group" type="button" on:click=handler(move |_| finder.group())>
                {Icon::People.view()}
                <span>{move || button_words(finder.chosen().is_some())}</span>
            </button>
            <People finder />
            <Words finder />
        </section>
    }
}

#[component]
fn People(finder: Finder) -> impl IntoView {
    let options = move || {
        let chosen = finder.chosen();
        let option = |(index, person): (usize, User)| {
            let checked = chosen.as_ref().map(|chosen| if index < chosen.len() { "true" } else { "false" });
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let chosen = person.clone();
            view! {
                <li
                    id=format!("person-{index}")
                    class="person"
                    role="option"
                    aria-checked=checked
                    aria-selected=move || (finder.active.get() == index).to_string()
                    on:mousemove=handler(move |_| finder.active.set(index))
                    on:click=handler(move |_| finder.choose(chosen.clone()))
                >
                    <Avatar picture=Picture::of(&person) />
                    <span class="item-name" dir="auto">{person.username.to_string()}</span>
                </li>
            }
        };
        finder.people().into_iter().enumerate().map(option).collect_view()
    };
    view! { <ul id="people" class="people" role="listbox" aria-label="People">{move || options()}</ul> }
}

/// What is said where there is nobody to show.
#[component]
fn Words(finder: Finder) -> impl IntoView {
    let words = move || {
        if let Some(refusal) = finder.refusal.get() {
            return Some(refusal);
        }
        finder.found.with(|found| match found {
            Found::People(people) if people.is_empty() => Some(format!(
                "Nobody's name starts with “{}”. Check the spelling, or send your link.",
                finder.prefix().unwrap_or_default()
            )),
            Found::Nothing | Found::People(_) => finder.chosen().map(|chosen| group_words(chosen.len())),
            Found::Failed(words) => Some(words.clone()),
        })
    };
    let failed = move || finder.found.with(|found| matches!(found, Found::Failed(_)));
    let alone = move || finder.chosen().is_none() && finder.people().is_empty();
    view! {
        <p class="find-words" role="status" aria-label="Search">{move || words()}</p>
        <Show when=failed>
            <button class="button-quiet" type="button" on:click=handler(move |_| finder.ask())>
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
