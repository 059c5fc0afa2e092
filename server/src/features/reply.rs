//! Reply: a message can quote an earlier one.

mod project;

use crate::kernel::projector::Projector;

/// What this feature makes of records.
pub fn projector() -> Projector {
    project::projector()
}
