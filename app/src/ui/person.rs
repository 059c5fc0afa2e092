//! How people are named and coloured.

use kafkatalk_protocol::{ConversationId, User, UserId};
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

    /// Of a conversation with these people: the other one's, or a group's own, with letters of the first two. None
    /// while they are not known.
    pub fn of_conversation(id: ConversationId, others: &[User]) -> Option<Self> {
        let mut picture = Self::of(others.first()?);
        if let Some(second) = others.get(1) {
            picture.id = id.0;
            picture.letters.truncate(1);
            picture.letters.push_str(&initials(second.username.as_str()));
            picture.letters.truncate(2);
        }
        Some(picture)
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

/// What a conversation is called: the names of the others.
pub fn conversation_name(members: &[User], viewer: UserId) -> String {
    let others: Vec<_> = members.iter().filter(|member| member.id != viewer).cloned().collect();
    names(&others)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// One of many people, by number.
    pub(crate) fn user(number: u128) -> User {
        User { id: UserId(Uuid::from_u128(number)), username: format!("user{number}").parse().unwrap() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u128, name: &str) -> User {
        User { id: UserId(Uuid::from_u128(id)), username: name.parse().unwrap() }
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
        let picture = |others: &[User]| Picture::of_conversation(id, others);
        assert_eq!(picture(&[]), None);
        assert_eq!(picture(std::slice::from_ref(&bob)), Some(Picture::of(&bob)));
        assert_eq!(picture(&[bob, eve]), Some(Picture { id: id.0, letters: "BE".into() }));
    }

    #[test]
    fn a_conversation_is_called_by_the_others() {
        let (ada, bob) = (user(1, "ada"), user(2, "bob"));
        assert_eq!(conversation_name(&[ada.clone(), bob.clone()], ada.id), "bob");
        assert_eq!(conversation_name(&[ada.clone(), bob, user(3, "eve")], ada.id), "bob, eve");
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
