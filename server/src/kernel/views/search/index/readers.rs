//! For whom documents are indexed.

use crate::kernel::views::schema;
use std::{collections::BTreeMap, sync::Arc};

/// The first and the last place of a conversation.
pub(in super::super) fn bounds(conversation: i64) -> (i64, i64) {
    let place = |offset| schema::place(conversation, kafkatalk_protocol::Offset(offset));
    (place(0), place(schema::OFFSET_MAX))
}

/// For whom the documents of one conversation are indexed.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Readers {
    /// From which place on for whom.
    pub(super) first: BTreeMap<i64, Arc<[i64]>>,
    pub(super) later: Vec<Later>,
}

/// For whom more is indexed, from a place to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Later {
    pub(in super::super) part: i64,
    pub(in super::super) first: i64,
    pub(in super::super) last: i64,
    pub(in super::super) people: Arc<[i64]>,
}

impl Readers {
    /// For whom the first document at a place is indexed; none before the first place.
    pub(in super::super) fn at(&self, place: i64) -> Option<&Arc<[i64]>> {
        self.first.range(..=place).next_back().map(|(_, people)| people)
    }

    /// All documents that a place may have, as part and readers.
    pub(in super::super) fn parts(&self, place: i64) -> impl Iterator<Item = (i64, &Arc<[i64]>)> {
        let later = self.later.iter().filter(move |later| (later.first..=later.last).contains(&place));
        self.at(place)
            .map(|people| (0, people))
            .into_iter()
            .chain(later.map(|later| (later.part, &later.people)))
    }

    /// The first places up to `reached` that lack people who may read them, and those people. `members` says from which
    /// place on each may read.
    pub(in super::super) fn lacking(
        &self,
        reached: i64,
        members: &[(i64, i64)],
    ) -> Option<(i64, i64, Arc<[i64]>)> {
        self.first.iter().find_map(|(start, people)| {
            let end =
                self.first.range(start + 1..).next().map_or(reached, |(next, _)| (next - 1).min(reached));
            let lacks = |(person, from): &(i64, i64)| {
                let place = self.uncovered(*person, (*from).max(*start));
                (place <= end && !people.contains(person)).then_some((place, *person))
            };
            let lacking: Vec<(i64, i64)> = members.iter().filter_map(lacks).collect();
            let (first, _) = lacking.iter().min()?;
            let people = lacking.iter().filter(|(place, _)| place == first).map(|(_, person)| *person);
            Some((*first, end, people.collect()))
        })
    }

    /// The first place from that one on that nothing is indexed for a person by `later`.
    fn uncovered(&self, person: i64, mut place: i64) -> i64 {
        let covers = |later: &&Later, place| {
            (later.first..=later.last).contains(&place) && later.people.contains(&person)
        };
        while let Some(later) = self.later.iter().find(|later| covers(later, place)) {
            place = later.last + 1;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_who_came_later_lack_what_they_see_and_is_not_indexed_for_them() {
        let of = |people: &[i64]| -> Arc<[i64]> { people.into() };
        let mut readers =
            Readers { first: [(10, of(&[1, 2])), (20, of(&[1, 2, 3]))].into(), later: Vec::new() };
        let everybody = [(1, 10), (2, 10), (3, 20), (4, 15)];
        assert_eq!(readers.lacking(30, &everybody[..3]), None);
        // Up to where others were indexed for, or to the end of what is indexed.
        assert_eq!(readers.lacking(30, &everybody), Some((15, 19, of(&[4]))));
        readers.later.push(Later { part: 1, first: 15, last: 17, people: of(&[4]) });
        assert_eq!(readers.lacking(30, &everybody), Some((18, 19, of(&[4]))));
        readers.later.push(Later { part: 2, first: 18, last: 19, people: of(&[4]) });
        assert_eq!(readers.lacking(30, &everybody), Some((20, 30, of(&[4]))));
        // Together with whoever lacks the same.
        assert_eq!(readers.lacking(30, &[(4, 15), (5, 20)]), Some((20, 30, of(&[4, 5]))));
        let parts =
            |place| readers.parts(place).map(|(part, people)| (part, people.to_vec())).collect::<Vec<_>>();
        assert_eq!(parts(18), [(0, vec![1, 2]), (2, vec![4])]);
        assert_eq!(parts(9), []);
    }
}
