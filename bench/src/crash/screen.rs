//! One conversation on a device: the messages, and how far the device has applied the conversation's chain of records.

use super::timeline::{Next, Timeline};
use kafkatalk_protocol::Offset;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How far a device has come in a conversation, readable from outside.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The offset after the last message shown.
    shown: AtomicU64,
    /// The offset after the last record applied.
    applied: AtomicU64,
}

impl Progress {
    /// Whether it has shown the message and applied the record at these offsets.
    pub(crate) fn is_at(&self, message: Option<Offset>, record: Option<Offset>) -> bool {
        let end = |offset: Option<Offset>| offset.map_or(0, |offset| offset.next().0);
        self.shown.load(Ordering::Relaxed) >= end(message)
            && self.applied.load(Ordering::Relaxed) >= end(record)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// Its messages.
    pub(crate) timeline: Timeline,
    /// How many of them were counted as received.
    pub(crate) counted: usize,
    /// How far the service was told that its user has read.
    pub(crate) read: Option<Offset>,
    progress: Arc<Progress>,
    /// The record up to which the effect of all records is held.
    applied: Option<Offset>,
    /// How far a node said that the chain goes: another one may not know that yet.
    told_of: Option<Offset>,
}

impl Screen {
    /// One that tells there how far it has come.
    pub(crate) fn watched_by(progress: &Arc<Progress>) -> Self {
        Self { progress: Arc::clone(progress), ..Self::default() }
    }

    /// The newest record that it heard of.
    pub(crate) fn newest(&self) -> Option<Offset> {
        self.applied.max(self.told_of).max(self.timeline.position())
    }

    /// Where to see how far it has come.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// The record up to which the effect of all records is held.
    pub(crate) fn applied(&self) -> Option<Offset> {
        self.applied
    }

    /// Whether something is known to be missing.
    pub(crate) fn is_behind(&self) -> bool {
        self.timeline.has_hole() || self.applied < self.told_of
    }

    /// Takes in a link of the chain, whose effect is applied. Where records before it are missing, it does not count.
    pub(crate) fn link(&mut self, record: Offset, previous: Option<Offset>) -> Next {
        if previous.is_some() && previous > self.applied {
            self.goes_to(record);
            return Next::FillHole;
        }
        self.applied_through(Some(record));
        Next::Rest
    }

    /// The chain goes to that record at least.
    pub(crate) fn goes_to(&mut self, record: Offset) {
        self.told_of = self.told_of.max(Some(record));
    }

    /// The effect of all records up to that one is held.
    pub(crate) fn applied_through(&mut self, record: Option<Offset>) {
        self.applied = self.applied.max(record);
        self.note_progress();
    }

    /// Lets the outside see how far it has come.
    pub(crate) fn note_progress(&self) {
        for (at, offset) in
            [(&self.progress.shown, self.timeline.position()), (&self.progress.applied, self.applied)]
        {
            if let Some(offset) = offset {
                at.store(offset.next().0, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_after_one_that_is_missing_does_not_count_until_the_gap_is_filled() {
        let mut screen = Screen::default();
        assert_eq!(screen.link(Offset(0), None), Next::Rest);
        assert_eq!(screen.link(Offset(4), Some(Offset(2))), Next::FillHole);
        assert_eq!((screen.applied(), screen.is_behind()), (Some(Offset(0)), true));
        screen.applied_through(Some(Offset(4)));
        assert!(!screen.is_behind());
        assert!(screen.progress().is_at(None, Some(Offset(4))));
    }

    #[test]
    fn a_record_that_was_applied_long_ago_changes_nothing() {
        let mut screen = Screen::default();
        screen.applied_through(Some(Offset(7)));
        assert_eq!(screen.link(Offset(4), Some(Offset(3))), Next::Rest);
        assert_eq!(screen.applied(), Some(Offset(7)));
    }
}
