//! A client's rule for showing messages: each once, in order, never past a hole, in the latest state that it was told of.

use crate::evidence::{Line, Previous};
use kafkatalk_protocol::Offset;
use std::collections::BTreeMap;

/// One conversation on one client's screen.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    shown: Vec<Line>,
    ahead: BTreeMap<Offset, Line>,
    repeats: u64,
    /// What lies before is not for this client: the first message may name it as the one before.
    sees_from: Offset,
}

/// What a client must do after it took something in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing.
    Rest,
    /// Read history after what is shown: something is missing before what came.
    FillHole,
}

impl Timeline {
    /// Of somebody who sees the conversation from there on.
    pub(crate) fn seen_from(sees_from: Offset) -> Self {
        Self { sees_from, ..Self::default() }
    }

    /// Takes a message in, from whichever way it came.
    pub(crate) fn message(&mut self, line: Line) -> Next {
        let position = self.position();
        match self.at(line.offset) {
            Some(known) => {
                let new = known.improve(line);
                self.repeats += u64::from(!new);
            }
            None if Some(line.offset) < position => self.repeats += 1,
            None => {
                self.ahead.insert(line.offset, line);
            }
        }
        self.advance();
        if self.ahead.values().any(|line| line.previous != Previous::Untold) {
            Next::FillHole
        } else {
            Next::Rest
        }
    }

    /// Takes in that one's own message stands at an offset. What stands before it may still be on its way.
    pub(crate) fn acknowledged(&mut self, line: Line) {
        if self.position().is_none_or(|position| line.offset > position) {
            self.ahead.entry(line.offset).or_insert(line);
            self.advance();
        }
    }

    /// The last offset up to which nothing is missing.
    pub(crate) fn position(&self) -> Option<Offset> {
        self.shown.last().map(|line| line.offset)
    }

    /// Whether something is held back.
    pub(crate) fn has_hole(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// What is shown from a place in the sequence on.
    pub(crate) fn shown_from(&self, first: usize) -> &[Line] {
        self.shown.get(first..).unwrap_or_default()
    }

    /// Messages that came again and were dropped.
    pub(crate) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Everything that was shown, in that order.
    pub(crate) fn into_shown(self) -> Vec<Line> {
        self.shown
    }

    /// What is known to stand at an offset, shown or held back.
    fn at(&mut self, offset: Offset) -> Option<&mut Line> {
        match self.shown.binary_search_by_key(&offset, |line| line.offset) {
            Ok(place) => self.shown.get_mut(place),
            Err(_) => self.ahead.get_mut(&offset),
        }
    }

    fn advance(&mut self) {
        while let Some(first) = self.ahead.first_entry() {
            let position = self.shown.last().map(|line| line.offset);
            let follows = match first.get().previous {
                // One that names an older message than the last shown breaks the chain: show it, the checks will tell.
                Previous::Told(previous) => {
                    previous <= position || (position.is_none() && previous < Some(self.sees_from))
                }
                Previous::Untold => *first.key() == position.map_or(Offset(0), Offset::next),
            };
            if !follows {
                break;
            }
            self.shown.push(first.remove());
        }
    }
}

impl Line {
    /// Takes over what another telling of the same message adds; true where that is anything.
    fn improve(&mut self, told: Self) -> bool {
        if self.id != told.id {
            return false;
        }
        // An ack had come for it: now its place in the chain is known, too.
        let placed = self.previous == Previous::Untold && told.previous != Previous::Untold;
        if placed {
            self.previous = told.previous;
        }
        let changed = told.revision > self.revision;
        if changed {
            (self.says, self.revision) = (told.says, told.revision);
        }
        placed || changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Says;
    use crate::numbered::Numbering;
    use kafkatalk_protocol::UserId;
    use uuid::Uuid;

    const ME: UserId = UserId(Uuid::from_u128(1));

    fn told(offset: u64, previous: Option<u64>) -> Line {
        let id = Numbering::new(1, 200).id(usize::try_from(offset).unwrap());
        let previous = Previous::Told(previous.map(Offset));
        let offset = Offset(offset);
        Line { offset, previous, id, sender: ME, says: Says::Posted, revision: offset }
    }

    fn changed(line: Line, says: Says, revision: u64) -> Line {
        Line { says, revision: Offset(revision), ..line }
    }

    fn ack(offset: u64) -> Line {
        Line { previous: Previous::Untold, ..told(offset, None) }
    }

    fn offsets(timeline: &Timeline) -> Vec<u64> {
        timeline.shown_from(0).iter().map(|line| line.offset.0).collect()
    }

    #[test]
    fn a_message_after_a_hole_waits_until_the_hole_is_filled() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.message(told(0, None)), Next::Rest);
        assert_eq!(timeline.message(told(2, Some(1))), Next::FillHole);
        assert_eq!(offsets(&timeline), [0]);
        assert_eq!(timeline.message(told(1, Some(0))), Next::Rest);
        assert_eq!(offsets(&timeline), [0, 1, 2]);
    }

    #[test]
    fn the_first_message_that_is_for_the_client_may_name_one_that_is_not() {
        let mut timeline = Timeline::seen_from(Offset(4));
        assert_eq!(timeline.message(told(5, Some(4))), Next::FillHole);
        assert_eq!(timeline.message(told(4, Some(2))), Next::Rest);
        assert_eq!(offsets(&timeline), [4, 5]);
    }

    #[test]
    fn a_repeated_message_is_dropped_and_counted() {
        let mut timeline = Timeline::default();
        for _ in 0..2 {
            timeline.message(told(0, None));
            timeline.message(told(2, Some(1)));
        }
        timeline.message(told(1, Some(0)));
        assert_eq!((offsets(&timeline), timeline.repeats()), (vec![0, 1, 2], 2));
    }

    #[test]
    fn a_message_steps_over_an_offset_that_nobody_sees() {
        let mut timeline = Timeline::default();
        timeline.message(told(0, None));
        assert_eq!(timeline.message(told(2, Some(0))), Next::Rest);
        assert_eq!(offsets(&timeline), [0, 2]);
    }

    #[test]
    fn an_own_message_that_was_acknowledged_waits_for_what_may_stand_before_it() {
        let mut timeline = Timeline::default();
        timeline.acknowledged(ack(0));
        timeline.acknowledged(ack(2));
        assert_eq!((offsets(&timeline), timeline.has_hole()), (vec![0], true));
        assert_eq!(timeline.message(told(1, Some(0))), Next::Rest);
        assert_eq!(offsets(&timeline), [0, 1, 2]);
    }

    #[test]
    fn an_own_message_that_also_comes_as_a_message_is_shown_once() {
        let mut timeline = Timeline::default();
        timeline.acknowledged(ack(1));
        assert_eq!(timeline.message(told(1, Some(0))), Next::FillHole);
        timeline.message(told(0, None));
        timeline.acknowledged(ack(1));
        assert_eq!((offsets(&timeline), timeline.repeats()), (vec![0, 1], 0));
    }

    #[test]
    fn an_own_message_that_was_shown_learns_its_place_in_the_chain() {
        let mut timeline = Timeline::default();
        timeline.acknowledged(ack(0));
        timeline.message(told(0, None));
        assert_eq!(timeline.shown_from(0)[0].previous, Previous::Told(None));
        assert_eq!(timeline.repeats(), 0);
    }

    #[test]
    fn of_two_states_of_a_message_the_later_one_is_shown_whichever_came_first() {
        let (first, last) =
            (changed(told(0, None), Says::Other, 5), changed(told(0, None), Says::Deleted, 7));
        for order in [[told(0, None), first, last], [last, first, told(0, None)]] {
            let mut timeline = Timeline::default();
            for line in order {
                timeline.message(line);
            }
            assert_eq!(timeline.shown_from(0), [last]);
        }
    }

    #[test]
    fn a_message_behind_a_hole_is_shown_in_the_state_that_came_last() {
        let mut timeline = Timeline::default();
        timeline.acknowledged(ack(0));
        timeline.message(told(2, Some(1)));
        timeline.message(changed(told(2, Some(1)), Says::Deleted, 3));
        timeline.message(told(1, Some(0)));
        assert_eq!(timeline.shown_from(2), [changed(told(2, Some(1)), Says::Deleted, 3)]);
        assert_eq!(timeline.repeats(), 0);
    }
}
