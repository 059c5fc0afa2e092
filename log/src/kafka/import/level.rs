//! Carrying the feature level over: versions that do not know the log's level must not start on the moved one either.

use super::{common::Common, error::ImportError};
use crate::{
    Level,
    kafka::{
        client::Admin,
        level, limits, manifest,
        topics::{self, settings},
    },
};
use std::{thread::sleep, time::Instant};

/// Records the source's level in the manifest, before nodes can start on what was moved. The manifest is completed by the
/// first of them: a move that is interrupted after this finds it there, and goes on.
pub(super) fn carry(common: &Common, admin: &Admin) -> Result<(), ImportError> {
    let (shared, level) = (&common.shared, *common.source.level().borrow());
    if level == Level(0) {
        return Ok(());
    }
    let topic = &shared.names.manifest;
    let new = [(topic.clone(), 1, settings::compacted(shared))];
    for made in common.runtime.block_on(topics::create(shared, admin, &new))? {
        made.map_err(ImportError::Topic)?;
    }
    let begun = Instant::now();
    while topics::leaders(admin, topic).is_err() && begun.elapsed() < limits::PREPARE_WAIT {
        sleep(limits::LEADER_POLL);
    }
    if manifest::read(shared)?.0.level() < level {
        level::write(shared, level)?;
    }
    Ok(())
}
