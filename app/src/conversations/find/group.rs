//! Putting a group together: who is chosen, and the button that starts it.

use super::{FIELD, Finder};
use crate::ui::event::handler;
use crate::ui::focus::focus_soon;
use crate::ui::icon::Icon;
use kafkatalk_protocol::{CreationId, User, Username};
use leptos::prelude::*;
use uuid::Uuid;

/// Fewest others of a group.
const OTHERS_MIN: usize = 2;

/// The names by which the server is asked.
pub(super) fn usernames(people: &[User]) -> Vec<Username> {
    people.iter().map(|person| person.username.clone()).collect()
}

/// The id under which a group of these people is asked for: the same each time that they are, so that what was not
/// answered can be asked for again, and another one for other people.
pub(super) fn creation_id(first: u128, people: &[User]) -> CreationId {
    CreationId(Uuid::from_u128(people.iter().fold(first, |id, person| id ^ person.id.0.as_u128())))
}

/// How far the group is.
pub(super) fn group_words(people: &[User]) -> String {
    match people.len() {
        0 => "Choose two or more people.".into(),
        1 => "Choose one more, at least.".into(),
        count => format!("{count} people and you."),
    }
}

/// The way to a new group, and then its people.
#[component]
pub(super) fn Chosen(finder: Finder) -> impl IntoView {
    let begin = move |_| {
        finder.group.set(Some(Vec::new()));
        focus_soon(FIELD.into());
    };
    move || match finder.group.get() {
        None => view! {
            <button class="person new-group" type="button" on:click=handler(begin)>
                <span class="avatar">{Icon::People.view()}</span>
                <span class="item-name">"New group"</span>
            </button>
        }
        .into_any(),
        Some(people) => {
            let start = (people.len() >= OTHERS_MIN).then(|| {
                let people = people.clone();
                view! {
                    <button class="button button-primary" type="button" on:click=handler(move |_| finder.open(&people))>
                        "Start group"
                    </button>
                }
            });
            let chips = people.into_iter().map(|person| chip(finder, person)).collect_view();
            view! {
                <div class="chosen">
                    <ul role="list" aria-label="Chosen people">{chips}</ul>
                    {start}
                </div>
            }
            .into_any()
        }
    }
}

fn chip(finder: Finder, person: User) -> impl IntoView {
    let name = person.username.to_string();
    let label = format!("Remove {name}");
    view! {
        <li>
            <button
                class="chip"
                type="button"
                aria-label=label
                on:click=handler(move |_| finder.toggle(person.clone()))
            >
                <span dir="auto">{name}</span>
                {Icon::Close.view()}
            </button>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::UserId;

    fn user(number: u128) -> User {
        User { id: UserId(Uuid::from_u128(number)), username: format!("user{number}").parse().unwrap() }
    }

    #[test]
    fn the_same_people_are_asked_for_under_the_same_id_and_others_under_another() {
        let id = |people: &[u128]| creation_id(7, &people.iter().map(|n| user(*n)).collect::<Vec<_>>());
        assert_eq!(id(&[1, 2, 3]), id(&[3, 1, 2]));
        assert_ne!(id(&[1, 2, 3]), id(&[1, 2, 4]));
        assert_ne!(id(&[1, 2, 4]), id(&[1, 2]));
        assert_ne!(id(&[1, 2]), creation_id(8, &[user(1), user(2)]));
    }

    #[test]
    fn the_panel_says_what_is_missing_for_a_group() {
        let words = |count| group_words(&(0..count).map(user).collect::<Vec<_>>());
        assert_eq!(words(0), "Choose two or more people.");
        assert_eq!(words(1), "Choose one more, at least.");
        assert_eq!(words(3), "3 people and you.");
    }
}
