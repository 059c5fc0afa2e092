//! Adding people to a group: a name is typed, those found are chosen, and they are added together.

use super::requests;
use super::shared::Panel;
use crate::ui::avatar::Avatar;
use crate::ui::escape::keep_from_form;
use crate::ui::event::handler;
use crate::ui::focus::focus_soon;
use crate::ui::follow::text;
use crate::ui::person::Picture;
use kafkatalk_protocol::{User, limits::USERNAME_CHARS_MAX};
use leptos::{
    ev::{Event, KeyboardEvent, SubmitEvent},
    prelude::*,
    task::spawn_local,
};

/// The start of a name, from what was typed.
fn prefix_of(typed: &str) -> String {
    typed.trim().trim_start_matches('@').to_ascii_lowercase()
}

/// What the form knows.
#[derive(Clone, Copy)]
struct Adding {
    panel: Panel,
    typed: RwSignal<String>,
    found: RwSignal<Vec<User>>,
    chosen: RwSignal<Vec<User>>,
    history: RwSignal<bool>,
    /// What came of the search, in words.
    words: RwSignal<String>,
}

impl Adding {
    fn look(self, text: String) {
        let prefix = prefix_of(&text);
        self.typed.set(text);
        self.words.set(String::new());
        if prefix.is_empty() {
            self.found.set(Vec::new());
            return;
        }
        spawn_local(async move {
            let answer = requests::find(self.panel.chat.desk.live, &prefix).await;
            // What was typed meanwhile is asked for by itself.
            let now = self.typed.try_with_untracked(|typed| prefix_of(typed));
            if now != Some(prefix) {
                return;
            }
            match answer {
                Ok(people) => {
                    let people = untrack(|| self.new_ones(people));
                    let none = if people.is_empty() { "Nobody else has such a name." } else { "" };
                    self.words.set(none.into());
                    self.found.set(people);
                }
                Err(words) => self.words.set(words),
            }
        });
    }

    /// Those who are neither members nor chosen.
    fn new_ones(self, people: Vec<User>) -> Vec<User> {
        let (others, viewer) = (self.panel.chat.others(), self.panel.chat.desk.viewer().id);
        let chosen = self.chosen.get();
        let known = |person: &User| {
            person.id == viewer
                || others.iter().any(|other| other.id == person.id)
                || chosen.iter().any(|one| one.id == person.id)
        };
        people.into_iter().filter(|person| !known(person)).collect()
    }

    fn choose(self, person: &User) {
        let person = person.clone();
        self.chosen.update(|chosen| chosen.push(person));
        self.look(String::new());
        focus_soon("#add-people".into());
    }

    fn let_go(self, person: &User) {
        self.chosen.update(|chosen| chosen.retain(|one| one.id != person.id));
        focus_soon("#add-people".into());
    }

    fn add(self) {
        let members =
            self.chosen.with_untracked(|chosen| chosen.iter().map(|one| one.username.clone()).collect());
        let asked = requests::add(
            self.panel.chat.desk.live,
            self.panel.chat.id,
            members,
            self.history.get_untracked(),
        );
        self.panel.change(asked, move || {
            self.chosen.try_set(Vec::new());
            focus_soon("#add-people".into());
        });
    }
}

#[component]
pub(super) fn AddPeople() -> impl IntoView {
    let adding = Adding {
        panel: expect_context::<Panel>(),
        typed: RwSignal::new(String::new()),
        found: RwSignal::new(Vec::new()),
        chosen: RwSignal::new(Vec::new()),
        history: RwSignal::new(false),
        words: RwSignal::new(String::new()),
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        // What is shown may be of what was typed before.
        let prefix = prefix_of(&adding.typed.get_untracked());
        let matches = |person: &&User| !prefix.is_empty() && person.username.as_str().starts_with(&prefix);
        let first = adding.found.with_untracked(|found| found.iter().find(matches).cloned());
        match first {
            Some(person) => adding.choose(&person),
            None if !prefix.is_empty() || adding.chosen.with_untracked(Vec::is_empty) => {}
            None => adding.add(),
        }
    };
    let any = move || adding.chosen.with(|chosen| !chosen.is_empty());
    view! {
        <form class="group-add" on:submit=handler(submit)>
            <label for="add-people">"Add people"</label>
            <div class="group-chosen">
                {move || adding.chosen.get().iter().map(|person| chip(&adding, person)).collect_view()}
            </div>
            <input
                id="add-people"
                type="text"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                dir="auto"
                placeholder="A name"
                maxlength=USERNAME_CHARS_MAX + 1
                prop:value=adding.typed
                on:input=handler(move |event: Event| adding.look(event_target_value(&event)))
                on:keydown=handler(|event: KeyboardEvent| keep_from_form(&event))
            />
            <p class="group-words" role="status" prop:textContent=text(move || adding.words.get())></p>
            <div class="group-found">
                {move || adding.found.get().iter().map(|person| found(&adding, person)).collect_view()}
            </div>
            <Show when=any>
                <label class="group-history">
                    <input
                        type="checkbox"
                        prop:checked=adding.history
                        on:change=handler(move |event: Event| adding.history.set(event_target_checked(&event)))
                    />
                    "Show them earlier messages"
                </label>
                <button
                    class="button button-primary"
                    type="button"
                    disabled=move || adding.panel.busy.get()
                    on:click=handler(move |_| adding.add())
                >
                    "Add to group"
                </button>
            </Show>
        </form>
    }
}

fn chip(adding: &Adding, person: &User) -> impl IntoView + use<> {
    let adding = *adding;
    let person = person.clone();
    let name = person.username.to_string();
    let label = format!("Do not add {name}");
    view! {
        <button class="group-chip" type="button" aria-label=label on:click=handler(move |_| adding.let_go(&person))>
            {name}
        </button>
    }
}

fn found(adding: &Adding, person: &User) -> impl IntoView + use<> {
    let adding = *adding;
    let (picture, name) = (Picture::of(person), person.username.to_string());
    let person = person.clone();
    view! {
        <button class="group-option" type="button" on:click=handler(move |_| adding.choose(&person))>
            <Avatar picture small=true />
            <span dir="auto">{name}</span>
        </button>
    }
}
