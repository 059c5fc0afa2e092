//! Who is online, and when somebody last was.

use crate::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// How things stand with a person, as the people who share a conversation with them may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The person.
    pub user: UserId,
    /// Whether a device of theirs is connected.
    pub online: bool,
    /// When one last was, where that is known and none is now.
    #[serde(default)]
    pub last_seen_at: Option<Timestamp>,
}
