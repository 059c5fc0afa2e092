//! Links of a chain that came before the record that they follow on.

use super::limits::LINKS_AHEAD_MAX;
use kafkatalk_protocol::Offset;
use std::collections::BTreeMap;

/// Records that were heard of and whose record before was not applied then, each with that one. Once the gap before them
/// is closed they need not be asked for: in a busy group there is always one that comes meanwhile.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead(BTreeMap<Offset, Option<Offset>>);

impl Ahead {
    /// There is a record, and the one before it. Of too many the farthest are let go of: they are asked for again.
    pub(super) fn put(&mut self, record: Offset, previous: Option<Offset>) {
        self.0.insert(record, previous);
        if self.0.len() > LINKS_AHEAD_MAX {
            self.0.pop_last();
        }
    }

    /// How far the chain reaches that is applied up to there.
    pub(super) fn join(&mut self, mut applied: Option<Offset>) -> Option<Offset> {
        while let Some(nearest) = self.0.first_entry().filter(|nearest| *nearest.get() <= applied) {
            applied = applied.max(Some(*nearest.key()));
            nearest.remove();
        }
        applied
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_join_as_far_as_they_follow_on_each_other() {
        let mut ahead = Ahead::default();
        for (record, previous) in [(9, 8), (7, 5), (8, 7), (12, 11)] {
            ahead.put(Offset(record), Some(Offset(previous)));
        }
        assert_eq!(ahead.join(Some(Offset(4))), Some(Offset(4)));
        assert_eq!(ahead.join(Some(Offset(5))), Some(Offset(9)));
        assert_eq!(ahead.join(Some(Offset(9))), Some(Offset(9)), "what is between 9 and 12 is not known");
        assert_eq!(ahead.join(Some(Offset(20))), Some(Offset(20)));
    }

    #[test]
    fn the_nearest_links_are_kept() {
        let mut ahead = Ahead::default();
        let max = LINKS_AHEAD_MAX as u64;
        for record in (1..=2 * max).rev() {
            ahead.put(Offset(record), record.checked_sub(1).map(Offset));
        }
        assert_eq!(ahead.join(Some(Offset(0))), Some(Offset(max)));
    }
}
