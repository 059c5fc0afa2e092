//! In words.

use kafkatalk_protocol::{User, UserId};

/// Who is typing, for a line beside the conversation's name; none where nobody is.
pub(crate) fn words(typing: &[UserId], others: &[User]) -> Option<String> {
    let mut people = others.iter().filter(|user| typing.contains(&user.id)).map(|user| &user.username);
    Some(match (people.next()?, people.next(), people.next()) {
        (one, None, _) => format!("{one} is typing…"),
        (one, Some(other), None) => format!("{one} and {other} are typing…"),
        _ => "Several people are typing…".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::person::testing::user;

    #[test]
    fn up_to_two_people_who_type_are_named() {
        let others = [2, 3, 4].map(user);
        let of = |numbers: &[u128]| {
            words(&numbers.iter().map(|number| user(*number).id).collect::<Vec<_>>(), &others)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[3]).unwrap(), "user3 is typing…");
        assert_eq!(of(&[4, 2]).unwrap(), "user2 and user4 are typing…");
        assert_eq!(of(&[2, 3, 4]).unwrap(), "Several people are typing…");
        assert_eq!(of(&[9]), None, "somebody who left");
    }
}
