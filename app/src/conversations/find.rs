//! Finding people by the start of their names and messages by their words, and opening the conversation there, or a group
//! with several people.

mod group;
mod people;

use super::own_link::OwnLink;
use crate::client::{Action, ItemKey, People as Company, Row};
use crate::desk::Desk;
use crate::live::seed;
use crate::route::Route;
use crate::ui::avatar::Avatar;
use crate::ui::escape::is_taken_by_input_method;
use crate::ui::event::handler;
use crate::ui::focus::{Step, bring_into_view, focus_soon};
use crate::ui::icon::Icon;
use crate::ui::person::{Picture, conversation_name};
use group::{OTHERS_MIN, button_words, creation_id, group_words, put_first, toggled};
use kafkatalk_protocol::{User, http::Hit, limits::SEARCH_CHARS_MAX};
use leptos::{ev::KeyboardEvent, prelude::*, task::spawn_local};
use people::{Found, find, open_with, search};
use std::time::Duration;

/// How long typing must rest before the server is asked.
const TYPING_RESTS: Duration = Duration::from_millis(120);

/// Where names and words are typed.
const FIELD: &str = "#find-person";

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
    /// The people of a new group, as far as they are chosen; none where no group is put together.
    chosen: RwSignal<Option<Vec<User>>>,
    /// Where the ids of new groups begin.
    first_id: u128,
    /// What went wrong when the conversation was to be opened.
    refusal: RwSignal<Option<String>>,
    timer: StoredValue<Option<TimeoutHandle>>,
}

impl Finder {
    fn new(desk: Desk) -> Self {
        let typed = desk.finding.get_untracked().unwrap_or_default();
        Self {
            desk,
            // The page that the server writes has no answer yet.
            looking: RwSignal::new(!typed.trim().is_empty()),
            typed: RwSignal::new(typed),
            found: RwSignal::new(Found::default()),
            active: RwSignal::new(0),
            chosen: RwSignal::new(None),
            first_id: seed(),
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
        // Until there is an answer, that there is none is not told.
        self.looking.set(!text.trim().is_empty());
        self.typed.set(text);
        self.refusal.set(None);
        self.stop_timer();
        let timer = set_timeout_with_handle(move || self.ask(None), TYPING_RESTS).ok();
        self.timer.set_value(timer);
    }

    /// Asks for people and messages, for a group for people alone; for further messages, from behind a cursor on.
    fn ask(self, before: Option<String>) {
        let Some(words) = self.words() else { return };
        if before.is_some() && self.looking.get_untracked() {
            // Asked for already.
            return;
        }
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
                match find(self.desk.live, &prefix).await {
                    Ok(people) => told.people = people,
                    Err(words) => told.failed = Some(words),
                }
                if is_old() {
                    return;
                }
                told.people.retain(|person| person.id != viewer);
            }
            if self.chosen_now().is_none() {
                match search(self.desk.live, &words, before.as_deref()).await {
                    Ok(found) => (told.hits, told.next) = (found.hits, found.next),
                    Err(words) => told.failed = Some(words),
                }
                // A group may have been begun meanwhile.
                if is_old() || self.chosen_now().is_some() {
                    return;
                }
            }
            self.looking.set(false);
            if !further {
                self.look_past(self.chosen_now().map_or(0, |chosen| chosen.len()));
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

    /// The one whom Enter chooses is the first who was found: those who are chosen stand before.
    fn look_past(self, chosen: usize) {
        self.active.set(u32::try_from(chosen).unwrap_or(u32::MAX));
    }

    /// Who is shown: those who are chosen for a group, then those who were found.
    fn people(self) -> Vec<User> {
        put_first(self.chosen.get().unwrap_or_default(), self.found.with(|found| found.people.clone()))
    }

    fn chosen_now(self) -> Option<Vec<User>> {
        self.chosen.try_get_untracked().flatten()
    }

    /// How many there are to choose from.
    fn count(self) -> usize {
        self.people().len() + self.found.with(|found| found.hits.len())
    }

    /// Chooses what stands at that place: people come first.
    fn choose_at(self, at: u32) {
        let at = at as usize;
        let people = untrack(|| self.people());
        if let Some(person) = people.get(at) {
            return self.choose(person.clone());
        }
        let message = self.found.with_untracked(|found| {
            found.hits.get(at.checked_sub(people.len())?).map(|hit| {
                let message = &hit.message;
                (message.conversation, message.offset, ItemKey(message.sender.id, message.id))
            })
        });
        if let Some((conversation, offset, key)) = message {
            self.desk.go_to(conversation, offset, key);
        }
    }

    fn choose(self, person: User) {
        if let Some(chosen) = self.chosen_now() {
            self.choose_for_group(toggled(chosen, person));
            return;
        }
        // Not held on to while going there, which changes the list.
        let known = self.desk.live.list.with_untracked(|list| {
            let with_person = |row: &&Row| {
                row.group.is_none() && row.others.first().is_some_and(|other| other.id == person.id)
            };
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
        self.chosen.set(Some(people));
        self.refusal.set(None);
        focus_soon(FIELD.into());
    }

    /// The button: first it begins a group, then it starts the one that was put together.
    fn group(self) {
        match self.chosen_now() {
            Some(people) if people.len() >= OTHERS_MIN => self.open(&people),
            Some(people) => self.choose_for_group(people),
            None => {
                self.choose_for_group(Vec::new());
                // For people alone.
                self.ask(None);
            }
        }
    }

    fn open(self, people: &[User]) {
        let id = creation_id(self.first_id, people);
        let mut members = Vec::new();
        for person in people {
            members.push(person.username.clone());
        }
        spawn_local(async move {
            match open_with(self.desk.live, members, id).await {
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

    fn on_key(self, event: &KeyboardEvent) {
        if is_taken_by_input_method(event) {
            return;
        }
        let count = u32::try_from(untrack(|| self.count())).unwrap_or(u32::MAX);
        let active = self.active.get_untracked();
        let to = match event.key().as_str() {
            "ArrowDown" => Step::Next.from(Some(active), count),
            "ArrowUp" => Step::Previous.from(Some(active), count),
            // What is shown is not what was typed.
            "Enter" if self.looking.get_untracked() => return event.prevent_default(),
            "Enter" => {
                self.choose_at(active);
                if self.chosen_now().is_some() {
                    // On to the next name.
                    self.found.set(Found::default());
                    self.type_in(String::new());
                }
                event.prevent_default();
                return;
            }
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
                    <span>{move || button_words(finder.chosen.with(Option::is_some))}</span>
                </button>
            })}
            <div class="find-found">
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
    view! { <ul id="people" class="people" role="listbox" aria-label="People">{move || options()}</ul> }
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
                <span class="hit-text" dir="auto">{by} {parts.collect_view()}</span>
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
        <ul id="messages" class="people" role="listbox" aria-label="Messages">{move || options()}</ul>
        {move || more()}
    }
}

/// What is said where there is nobody to show.
#[component]
fn Words(finder: Finder) -> impl IntoView {
    let words = move || {
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
    let failed = move || finder.found.with(|found| found.failed.is_some());
    let alone = move || finder.chosen.with(Option::is_none) && finder.count() == 0;
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
