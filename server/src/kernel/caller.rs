//! Who asks.

use kafkatalk_protocol::{SessionId, User};

/// Who asks, and from which device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: User,
    /// The device's session.
    pub session: SessionId,
}
