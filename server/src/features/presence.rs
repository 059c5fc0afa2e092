//! Presence: who is online, and when somebody last was. Signals alone, nothing is recorded.
//!
//! Nodes tell each other who has a socket on them; each node adds that up, and tells the people who share a conversation
//! with somebody who came or went.

mod note;
mod query;
mod roster;
mod signals;

use crate::{kernel::signals::Part, limits};
use std::{sync::Arc, time::Duration};

/// When somebody, or a node, counts as gone.
#[derive(Clone, Copy, Debug)]
pub struct PresenceTimes {
    /// How long somebody without a socket is still online: they may only be loading a page.
    pub linger: Duration,
    /// How often a node says that it is there. Each time it repeats a part of who is on it.
    pub beacon_every: Duration,
    /// A node that was not heard for so long is gone, and so is who was on it.
    pub node_silence: Duration,
}

impl Default for PresenceTimes {
    fn default() -> Self {
        Self {
            linger: limits::PRESENCE_LINGER,
            beacon_every: limits::PRESENCE_BEACON_EVERY,
            node_silence: limits::PRESENCE_NODE_SILENCE,
        }
    }
}

/// What this feature does with signals.
pub fn part(times: PresenceTimes) -> Arc<dyn Part> {
    Arc::new(signals::PresencePart::new(times))
}
