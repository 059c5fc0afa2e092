//! How far the rows have come.

use super::ViewsError;
use kafkatalk_log::Checkpoint;
use rusqlite::Connection;

pub(super) fn read_checkpoint(rows: &Connection) -> Result<Checkpoint, ViewsError> {
    let mut positions = rows.prepare("SELECT name, position FROM checkpoint")?;
    let found = positions.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    found
        .map(|position| {
            let (name, position) = position?;
            let whole = u64::try_from(position);
            whole
                .map(|position| (name, position))
                .map_err(|_| ViewsError::Damaged("a negative position".into()))
        })
        .collect()
}

pub(super) fn write_progress(rows: &Connection, progress: &Checkpoint) -> Result<(), ViewsError> {
    let mut write = rows.prepare_cached(
        "INSERT INTO checkpoint (name, position) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET position = excluded.position",
    )?;
    for (name, position) in progress {
        let position = i64::try_from(*position).map_err(|_| {
            ViewsError::Storage(format!("the log's position {position} is larger than the views can keep"))
        })?;
        write.execute((name, position))?;
    }
    Ok(())
}
