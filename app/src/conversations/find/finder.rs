//! What the panel for finding knows and does.

use super::group::{OTHERS_MIN, creation_id, put_first, toggled};
use super::people::{Found, find, open_with, search};
use crate::client::{Action, ItemKey, Row};
use crate::desk::Desk;
use crate::live::seed;
use crate::route::Route;
use crate::ui::escape::is_taken_by_input_method;
use crate::ui::focus::{Step, bring_into_view, focus_soon};
use kafkatalk_protocol::User;
use leptos::{ev::KeyboardEvent, prelude::*, task::spawn_local};
use std::time::Duration;

/// How long typing must rest before the server is asked.
const TYPING_RESTS: Duration = Duration::from_millis(120);

/// Where names and words are typed.
pub(super) const FIELD: &str = "#find-person";

/// What the panel knows and does.
#[derive(Clone, Copy)]
pub(super) struct Finder {
    pub(super) desk: Desk,
    pub(super) typed: RwSignal<String>,
    pub(super) found: RwSignal<Found>,
    /// The server has not told all yet.
    pub(super) looking: RwSignal<bool>,
    /// Which of the people and messages found is the one that Enter chooses.
    pub(super) active: RwSignal<u32>,
    /// The people of a new group, as far as they are chosen; none where no group is put together.
    pub(super) chosen: RwSignal<Option<Vec<User>>>,
    /// Where the ids of new groups begin.
    first_id: u128,
    /// What went wrong when the conversation was to be opened.
    pub(super) refusal: RwSignal<Option<String>>,
    timer: StoredValue<Option<TimeoutHandle>>,
}

impl Finder {
    pub(super) fn new(desk: Desk) -> Self {
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

    pub(super) fn stop_timer(self) {
        if let Some(timer) = self.timer.try_get_value().flatten() {
            timer.clear();
        }
    }

    pub(super) fn type_in(self, text: String) {
        // Until there is an answer, that there is none is not told.
        self.looking.set(!text.trim().is_empty());
        self.typed.set(text);
        self.refusal.set(None);
        self.stop_timer();
        let timer = set_timeout_with_handle(move || self.ask(None), TYPING_RESTS).ok();
        self.timer.set_value(timer);
    }

    /// Asks for people and messages, for a group for people alone; for further messages, from behind a cursor on.
    pub(super) fn ask(self, before: Option<String>) {
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
    pub(super) fn people(self) -> Vec<User> {
        put_first(self.chosen.get().unwrap_or_default(), self.found.with(|found| found.people.clone()))
    }

    fn chosen_now(self) -> Option<Vec<User>> {
        self.chosen.try_get_untracked().flatten()
    }

    /// How many there are to choose from.
    pub(super) fn count(self) -> usize {
        self.people().len() + self.found.with(|found| found.hits.len())
    }

    /// Chooses what stands at that place: people come first.
    pub(super) fn choose_at(self, at: u32) {
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
    pub(super) fn group(self) {
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

    pub(super) fn on_key(self, event: &KeyboardEvent) {
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
