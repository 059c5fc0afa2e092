//! Typing: the members of a conversation see who else is writing in it. Signals alone, nothing is recorded.

mod signals;

use crate::kernel::signals::Part;
use std::sync::Arc;

/// What this feature does with signals.
pub fn part() -> Arc<dyn Part> {
    Arc::new(signals::Typing::default())
}
