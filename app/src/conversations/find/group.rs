//! Putting a group together.

use kafkatalk_protocol::{CreationId, User, UserId};
use uuid::Uuid;

/// Fewest others of a group.
pub(super) const OTHERS_MIN: usize = 2;

/// The id under which a group of these people is asked for: the same each time that they are, so that what was not
/// answered can be asked for again, and another one for other people.
pub(super) fn creation_id(first: u128, people: &[User]) -> CreationId {
    let mut id = first;
    for person in people {
        id ^= person.id.0.as_u128();
    }
    CreationId(Uuid::from_u128(id))
}

/// Lets go of a person.
pub(super) fn without(people: &mut Vec<User>, person: UserId) {
    people.retain(|one| one.id != person);
}

/// With a person who was not chosen, or without one who was.
pub(super) fn toggled(mut chosen: Vec<User>, person: User) -> Vec<User> {
    let before = chosen.len();
    without(&mut chosen, person.id);
    if chosen.len() == before {
        chosen.push(person);
    }
    chosen
}

/// Who is chosen, then who else was found.
pub(super) fn put_first(mut chosen: Vec<User>, found: Vec<User>) -> Vec<User> {
    for person in found {
        if chosen.iter().all(|one| one.id != person.id) {
            chosen.push(person);
        }
    }
    chosen
}

/// What the button does next.
pub(super) fn button_words(choosing: bool) -> &'static str {
    if choosing { "Start group" } else { "New group" }
}

/// How far the group is, with so many who are chosen.
pub(super) fn group_words(chosen: usize) -> String {
    match chosen {
        0 => "Choose two or more people.".into(),
        1 => "Choose one more, at least.".into(),
        count => format!("{count} people and you."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::person::testing::user;

    fn users(numbers: &[u128]) -> Vec<User> {
        numbers.iter().copied().map(user).collect()
    }

    #[test]
    fn the_same_people_are_asked_for_under_the_same_id_and_others_under_another() {
        let id = |people: &[u128]| creation_id(7, &users(people));
        assert_eq!(id(&[1, 2, 3]), id(&[3, 1, 2]));
        assert_ne!(id(&[1, 2, 3]), id(&[1, 2, 4]));
        assert_ne!(id(&[1, 2, 4]), id(&[1, 2]));
        assert_ne!(id(&[1, 2]), creation_id(8, &users(&[1, 2])));
    }

    #[test]
    fn a_person_is_chosen_and_let_go_again_and_is_shown_once() {
        assert_eq!(toggled(users(&[1, 2]), user(3)), users(&[1, 2, 3]));
        assert_eq!(toggled(users(&[1, 2, 3]), user(2)), users(&[1, 3]));
        assert_eq!(put_first(users(&[3, 1]), users(&[1, 2, 3, 4])), users(&[3, 1, 2, 4]));
    }

    #[test]
    fn the_panel_says_what_is_missing_for_a_group() {
        assert_eq!(group_words(0), "Choose two or more people.");
        assert_eq!(group_words(1), "Choose one more, at least.");
        assert_eq!(group_words(3), "3 people and you.");
    }
}
