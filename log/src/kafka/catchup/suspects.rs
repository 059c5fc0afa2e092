//! Topics that seem to end before what was read of them. Pure: what the brokers say, and the time, are arguments.

use crate::kafka::limits;
use kafkatalk_protocol::ConversationId;
use std::{collections::HashMap, time::Instant};

/// See the module.
#[derive(Default)]
pub(super) struct Suspects {
    all: HashMap<ConversationId, Suspect>,
    next_look: Option<Instant>,
}

struct Suspect {
    /// Up to where it was read.
    position: u64,
    /// How often its end was known, and was before that.
    looks: u32,
    /// How often its end was asked for.
    tries: u32,
}

/// A topic that surely ends before what was read of it.
pub(super) struct Shorter {
    pub(super) conversation: ConversationId,
    pub(super) end: u64,
    pub(super) position: u64,
}

impl Suspects {
    /// What is being looked at goes on: it is asked for again by every sweep.
    pub(super) fn add(&mut self, suspects: Vec<(ConversationId, u64)>, now: Instant) {
        if self.all.is_empty() {
            self.next_look = Some(now);
        }
        for (conversation, position) in suspects {
            self.all.entry(conversation).or_insert(Suspect { position, looks: 0, tries: 0 });
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.all.is_empty() && self.next_look.is_none_or(|next| next <= now)
    }

    /// Topics whose ends are to be asked for now, and whether some were before: then it must be asked anew who leads them.
    pub(super) fn look(&mut self, now: Instant) -> (Vec<ConversationId>, bool) {
        self.next_look = Some(now + limits::SHORTER_LOOK_EVERY);
        let again = self.all.values().any(|suspect| suspect.tries > 0);
        let batch = self.all.iter_mut().take(limits::ENDS_BATCH_MAX).map(|(conversation, suspect)| {
            suspect.tries += 1;
            *conversation
        });
        (batch.collect(), again)
    }

    /// Takes the ends that are known. Returns the topics that were found shorter often enough.
    pub(super) fn found(&mut self, ends: Vec<(ConversationId, u64)>) -> Vec<Shorter> {
        let mut shorter = Vec::new();
        for (conversation, end) in ends {
            let Some(suspect) = self.all.get_mut(&conversation) else { continue };
            suspect.looks += 1;
            let position = suspect.position;
            if end >= position {
                self.all.remove(&conversation);
            } else if suspect.looks >= limits::SHORTER_LOOKS {
                self.all.remove(&conversation);
                shorter.push(Shorter { conversation, end, position });
            }
        }
        self.all.retain(|_, suspect| suspect.tries < limits::SHORTER_TRIES);
        shorter
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const TOPIC: ConversationId = ConversationId(Uuid::nil());

    /// How many looks it takes until a topic of that end, read up to 5, counts as shorter.
    fn looks_until_shorter(end: Option<u64>) -> Option<u32> {
        let mut suspects = Suspects::default();
        let mut now = Instant::now();
        suspects.add(vec![(TOPIC, 5)], now);
        for look in 1.. {
            if !suspects.is_due(now) {
                return None;
            }
            let (batch, again) = suspects.look(now);
            assert_eq!((batch, again), (vec![TOPIC], look > 1));
            assert!(!suspects.is_due(now), "it looks at its pace");
            if !suspects.found(end.map(|end| (TOPIC, end)).into_iter().collect()).is_empty() {
                return Some(look);
            }
            now += limits::SHORTER_LOOK_EVERY;
        }
        None
    }

    #[test]
    fn only_a_topic_that_is_shorter_at_several_looks_is_called_so() {
        assert_eq!(looks_until_shorter(Some(4)), Some(limits::SHORTER_LOOKS));
        assert_eq!(looks_until_shorter(Some(5)), None);
        assert_eq!(looks_until_shorter(None), None, "of an unknown end nothing is said");
    }
}
