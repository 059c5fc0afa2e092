//! Collects what one transaction of the index writes, from one moment of the views.

use super::{
    super::index::{Batch, Document, Index, Later, bounds},
    FillError,
};
use crate::kernel::views::schema;
use rusqlite::Connection;
use std::{collections::HashSet, sync::Arc};

/// Messages of one transaction of the index.
const BATCH_MESSAGES: usize = 4_000;
/// Bytes of their bodies, each as often as there are people who may read it, after which no more are taken in.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Erased messages of one transaction of the index. The views' writer waits while they are struck out.
const BATCH_DELETES: usize = 500;

/// The members of a conversation, and from which place on each may read.
fn members(views: &Connection, conversation: i64) -> Result<Vec<(i64, i64)>, FillError> {
    let mut find = views.prepare_cached(
        "SELECT user, sees_from FROM members WHERE conversation = ?1 AND until IS NULL ORDER BY user",
    )?;
    let found = find.query_map([conversation], |row| {
        Ok((row.get(0)?, schema::place(conversation, schema::column_offset(row.get(1)?))))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Indexes what members may read who were not there when it was indexed: they came later, and see what was said before.
/// False where there was anything of it: there may be more.
pub(super) fn gather_for_new_readers(
    views: &Connection,
    index: &Index,
    (changed, looked): (&HashSet<i64>, &mut HashSet<i64>),
    batch: &mut Batch,
) -> Result<bool, FillError> {
    for conversation in changed {
        if looked.contains(conversation) {
            continue;
        }
        if !gather_for_new_readers_of(views, index, *conversation, batch)? {
            return Ok(false);
        }
        looked.insert(*conversation);
    }
    Ok(true)
}

fn gather_for_new_readers_of(
    views: &Connection,
    index: &Index,
    conversation: i64,
    batch: &mut Batch,
) -> Result<bool, FillError> {
    let Some(reached) = index.reached(conversation)? else { return Ok(true) };
    let members = members(views, conversation)?;
    let readers = index.readers(conversation)?;
    let Some((first, last, people)) = readers.lacking(reached, &members) else { return Ok(true) };
    let part = index.next_part()?;
    let mut find = views.prepare_cached(
        "SELECT place, sent_at, body FROM messages WHERE place BETWEEN ?1 AND ?2 AND body <> '' ORDER BY place",
    )?;
    let mut found = find.query((first, last))?;
    let (mut bytes, mut end) = (0, last);
    while let Some(row) = found.next()? {
        let (place, sent_at, body): (i64, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        bytes += body.len() * people.len();
        batch.added.push(Document { place, part, sent_at, body, people: Arc::clone(&people) });
        if batch.added.len() >= BATCH_MESSAGES || bytes >= BATCH_BYTES {
            end = place;
            break;
        }
    }
    batch.later = Some(Later { part, first, last: end, people });
    Ok(false)
}

/// What was erased, and what took its part. Whether there may be more.
pub(super) fn gather_deletes(
    views: &Connection,
    index: &Index,
    batch: &mut Batch,
) -> Result<bool, FillError> {
    let mut find = views.prepare_cached(&format!(
        "SELECT number, place, body, added FROM pending_index_deletes WHERE number > ?1
         ORDER BY number LIMIT {BATCH_DELETES}",
    ))?;
    let mut said = views.prepare_cached("SELECT sent_at, body FROM messages WHERE place = ?1")?;
    let mut found = find.query([index.deleted_through()?])?;
    let mut count = 0;
    while let Some(row) = found.next()? {
        let (place, added): (i64, Option<i64>) = (row.get(1)?, row.get(3)?);
        batch.deleted_through = Some(row.get(0)?);
        let conversation = schema::conversation_of(place);
        let readers = index.readers(conversation)?;
        let body: String = row.get(2)?;
        for (part, people) in readers.parts(place) {
            let people = Arc::clone(people);
            batch.removed.push(Document { place, part, sent_at: 0, body: body.clone(), people });
        }
        count += 1;
        // What is not indexed yet is indexed as it is then.
        let reached = index.reached(conversation)?;
        let Some(place) = added.filter(|place| Some(*place) <= reached) else { continue };
        let mut copy = said.query([place])?;
        let Some(row) = copy.next()? else { continue };
        let (sent_at, body): (i64, String) = (row.get(0)?, row.get(1)?);
        for (part, people) in readers.parts(place) {
            let people = Arc::clone(people);
            batch.added.push(Document { place, part, sent_at, body: body.clone(), people });
        }
    }
    Ok(count == BATCH_DELETES)
}

/// Leaves out texts that a later batch removes or learns: what is removed must be what was added.
pub(super) fn leave_for_later(views: &Connection, index: &Index, batch: &mut Batch) -> Result<(), FillError> {
    let last = batch.deleted_through.map_or_else(|| index.deleted_through(), Ok)?;
    let mut find = views.prepare_cached("SELECT place FROM pending_index_deletes WHERE number > ?1")?;
    let later = find.query_map([last], |row| row.get(0))?.collect::<Result<HashSet<i64>, _>>()?;
    batch.added.retain(|document| !later.contains(&document.place));
    Ok(())
}

/// Messages behind what is indexed, until there are enough. Conversations that are done with leave the list.
pub(super) fn gather(
    views: &Connection,
    index: &Index,
    changed: &mut HashSet<i64>,
    batch: &mut Batch,
) -> Result<(), FillError> {
    let mut find = views.prepare_cached(
        "SELECT place, sent_at, body FROM messages WHERE place > ?1 AND place <= ?2 AND body <> '' ORDER BY place",
    )?;
    let mut bytes = 0;
    let mut done = HashSet::new();
    'conversations: for row in changed.iter().copied() {
        let (first, last) = bounds(row);
        let mut reached = index.reached(row)?.unwrap_or(first - 1);
        let people: Arc<[i64]> = members(views, row)?.into_iter().map(|(user, _)| user).collect();
        if index.readers(row)?.at(reached + 1) != Some(&people) {
            batch.readers.push((reached + 1, Arc::clone(&people)));
        }
        let mut messages = find.query((reached, last))?;
        let begun = reached;
        while let Some(message) = messages.next()? {
            let body: String = message.get(2)?;
            bytes += body.len() * people.len().max(1);
            reached = message.get(0)?;
            let people = Arc::clone(&people);
            batch.added.push(Document { place: reached, part: 0, sent_at: message.get(1)?, body, people });
            if batch.added.len() >= BATCH_MESSAGES || bytes >= BATCH_BYTES {
                batch.reached.push((row, reached));
                break 'conversations;
            }
        }
        if reached > begun {
            batch.reached.push((row, reached));
        }
        done.insert(row);
    }
    changed.retain(|row| !done.contains(row));
    Ok(())
}
