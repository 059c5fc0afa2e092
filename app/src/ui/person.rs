//! How people are named and coloured.

use crate::client::People;
use kafkatalk_protocol::{ConversationId, User};
use uuid::Uuid;

/// Colours of avatars; the stylesheet has a class `hue-0` to `hue-11` for each.
pub const HUES: u32 = 12;

/// One or two letters that stand for a name: the first of its first two words.
pub fn initials(username: &str) -> String {
    username
        .split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| word.chars().next())
        .take(2)
        .flat_map(char::to_uppercase)
        .collect()
}

/// The colour of a person or a group, the same everywhere and for ever.
pub fn hue(id: Uuid) -> u32 {
    id.as_bytes().iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte))) % HUES
}

/// What stands for a person or a group: letters on a colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Decides the colour.
    pub id: Uuid,
    /// One or two.
    pub letters: String,
}

impl Picture {
    /// Of a person.
    pub fn of(user: &User) -> Self {
        Self { id: user.id.0, letters: initials(user.username.as_str()) }
    }

    /// Of a conversation with these people: the other one's, or a group's own, with letters of its name or of the first
    /// two people. None while they are not known.
    pub fn of_conversation(id: ConversationId, people: &People) -> Option<Self> {
        let Some(group) = &people.group else { return people.others.first().map(Self::of) };
        let letters = match &group.name {
            Some(name) => initials(name.as_str()),
            None => people
                .others
                .iter()
                .take(2)
                .filter_map(|user| initials(user.username.as_str()).chars().next())
                .collect(),
        };
        Some(Self { id: id.0, letters })
    }
}

/// People whose names are all said; of more, all but one of these are, and the rest are counted.
const NAMED_MAX: usize = 3;

/// Names in a row: what a conversation with these people is called.
pub fn names(people: &[User]) -> String {
    if people.len() <= NAMED_MAX {
        return all_names(people);
    }
    let (named, rest) = people.split_at(NAMED_MAX - 1);
    format!("{} and {} others", all_names(named), rest.len())
}

/// The same, however many there are.
pub fn all_names(people: &[User]) -> String {
    people.iter().map(|user| user.username.as_str()).collect::<Vec<_>>().join(", ")
}

/// What a conversation is called: by the group's name, or by the names of the others.
pub fn conversation_name(people: &People) -> String {
    match people.group.as_ref().and_then(|group| group.name.as_ref()) {
        Some(name) => name.to_string(),
        None if people.others.is_empty() && people.group.is_some() => "Only you".into(),
        None => names(&people.others),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use kafkatalk_protocol::UserId;

    /// One of many people, by number.
    pub(crate) fn user(number: u128) -> User {
        User { id: UserId(Uuid::from_u128(number)), username: format!("user{number}").parse().unwrap() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Group;
    use kafkatalk_protocol::UserId;
    use std::sync::Arc;

    fn user(id: u128, name: &str) -> User {
        User { id: UserId(Uuid::from_u128(id)), username: name.parse().unwrap() }
    }

    fn pair(other: &User) -> People {
        People { others: [other.clone()].into(), group: None }
    }

    fn group(name: Option<&str>, others: &[User]) -> People {
        let name = name.map(|name| name.parse().unwrap());
        People { others: others.into(), group: Some(Arc::new(Group { name, ..Group::default() })) }
    }

    #[test]
    fn initials_are_of_the_first_two_words() {
        for (name, letters) in
            [("bob", "B"), ("ada.lovelace", "AL"), ("a-b-c", "AB"), ("9lives", "9"), ("x__y", "XY")]
        {
            assert_eq!(initials(name), letters);
        }
    }

    #[test]
    fn people_are_spread_over_all_hues() {
        let hues: std::collections::BTreeSet<_> =
            (0..1_000).map(|n| hue(Uuid::from_u128(n * 0x9e37_79b9_7f4a))).collect();
        assert_eq!(hues, (0..HUES).collect());
    }

    #[test]
    fn a_pair_has_the_picture_of_the_other_and_a_group_its_own() {
        let (id, bob, eve) = (ConversationId(Uuid::from_u128(9)), user(2, "bob.b"), user(3, "eve.e"));
        let picture = |people: People| Picture::of_conversation(id, &people);
        assert_eq!(picture(People::default()), None);
        assert_eq!(picture(pair(&bob)), Some(Picture::of(&bob)));
        let letters = |name: Option<&str>, others: &[User]| picture(group(name, others)).unwrap().letters;
        assert_eq!(letters(None, &[bob.clone(), eve.clone()]), "BE");
        assert_eq!(letters(None, std::slice::from_ref(&bob)), "B");
        assert_eq!(letters(Some("Sunday climbing club"), &[bob, eve]), "SC");
    }

    #[test]
    fn a_group_is_called_by_its_name_and_without_one_a_conversation_by_the_others() {
        let (bob, eve) = (user(2, "bob"), user(3, "eve"));
        assert_eq!(conversation_name(&pair(&bob)), "bob");
        assert_eq!(conversation_name(&group(None, &[bob.clone(), eve.clone()])), "bob, eve");
        assert_eq!(conversation_name(&group(Some("Climbing"), &[bob, eve])), "Climbing");
        assert_eq!(conversation_name(&group(None, &[])), "Only you");
    }

    #[test]
    fn of_many_people_two_are_named_and_the_others_counted() {
        let people: Vec<_> = (1..=5).map(|n| user(n, &format!("user{n}"))).collect();
        assert_eq!(names(&people[..3]), "user1, user2, user3");
        assert_eq!(names(&people[..4]), "user1, user2 and 2 others");
        assert_eq!(names(&people), "user1, user2 and 3 others");
        assert_eq!(all_names(&people), "user1, user2, user3, user4, user5");
    }
}
