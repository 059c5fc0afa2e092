//! What callers of the log know: what they sent, and what they were told.

use kafkatalk_log::{RecordId, Stream};
use std::collections::{HashMap, HashSet};

/// A record that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) stream: Stream,
    pub(crate) payload: String,
    /// Who sent it: everybody waits for an answer before the next.
    pub(crate) writer: usize,
    pub(crate) number: usize,
}

/// What became known at some moment.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// The record is at this offset: its append returned, or somebody read it.
    There { id: RecordId, offset: u64 },
    /// Somebody asked for it to be erased.
    ErasureAsked { id: RecordId },
    /// It is erased: the record that says so is at this offset of the stream.
    Erased { id: RecordId, stream: Stream, offset: u64 },
}

/// What was sent, and what became known when: after so many operations on files.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) sent: HashMap<RecordId, Sent>,
    pub(crate) known: Vec<(usize, Fact)>,
}

/// What was known at one moment.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) sent: HashMap<RecordId, Sent>,
    pub(crate) there: HashMap<RecordId, u64>,
    pub(crate) erasure_asked: HashSet<RecordId>,
    pub(crate) erased: HashMap<RecordId, (Stream, u64)>,
}

impl History {
    /// What was known after so many operations.
    pub(crate) fn at(&self, position: usize) -> Facts {
        let mut facts = Facts { sent: self.sent.clone(), ..Facts::default() };
        for (_, fact) in self.known.iter().filter(|(when, _)| *when <= position) {
            match fact {
                Fact::ErasureAsked { id } => {
                    facts.erasure_asked.insert(*id);
                }
                Fact::There { id, offset } => {
                    facts.there.insert(*id, *offset);
                }
                Fact::Erased { id, stream, offset } => {
                    facts.erased.insert(*id, (*stream, *offset));
                }
            }
        }
        facts
    }

    /// Only what was known after so many operations, for another life of the log: it was known before that.
    pub(crate) fn before(&self, position: usize) -> Self {
        let earlier = |(when, fact): &(usize, Fact)| (*when <= position).then(|| (0, fact.clone()));
        Self { sent: self.sent.clone(), known: self.known.iter().filter_map(earlier).collect() }
    }
}
