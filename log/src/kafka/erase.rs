//! Making the brokers forget a record.
//!
//! A record that follows under the same key makes compaction drop the earlier one. But compaction never touches the
//! segment that is being written, and brokers begin a new segment only when a record comes: in a conversation that falls
//! silent after an erasure, the content would stay for ever. So an erasure is written twice, and between the two the
//! topic is told to begin a new segment: then both the content and the first erasing record lie in segments that
//! compaction sees, and `max.compaction.lag.ms` bounds when.

use super::{
    Producers, keeper,
    produce::Append,
    shared::Shared,
    topics::{self, Admin, Wrong},
};
use crate::{AppendError, Record, Stream};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

/// How often to try again when another node rolled the same topic at the same time.
const TRIES: usize = 3;

/// A second erasing record to be written into a new segment.
pub(super) struct Roll {
    pub(super) stream: Stream,
    pub(super) record: Record,
    pub(super) permit: OwnedSemaphorePermit,
}

pub(super) async fn roll(
    shared: &Arc<Shared>,
    producers: &Producers,
    admin: &Admin,
    roll: Roll,
) -> Result<(), AppendError> {
    let topic = shared.names.of(roll.stream);
    let result = write_anew(shared, producers, admin, roll, &topic).await;
    if let Err(Wrong(why)) = topics::roll_at_once(shared, admin, &topic, false).await {
        tracing::warn!(topic, "segment.ms could not be set back after an erasure, delete it by hand: {why}");
    }
    result.map_err(|Wrong(why)| {
        AppendError::Unknown(format!("the erasure is written, but the content is not yet let go: {why}"))
    })
}

async fn write_anew(
    shared: &Arc<Shared>,
    producers: &Producers,
    admin: &Admin,
    roll: Roll,
    topic: &str,
) -> Result<(), Wrong> {
    let Roll { stream, record, permit } = roll;
    let mut permit = Some(permit);
    for _ in 0..TRIES {
        topics::roll_at_once(shared, admin, topic, true).await?;
        let mut again = record.clone();
        again.id = Uuid::now_v7();
        let (waiter, answer) = oneshot::channel();
        let permit = match permit.take() {
            Some(permit) => permit,
            None => Arc::clone(&shared.admission).acquire_owned().await?,
        };
        producers.append(shared, Append { stream, record: Arc::new(again), waiter, permit, gate: None })?;
        keeper::outcome(answer).await?;
        if topics::rolls_at_once(admin, topic).await? {
            return Ok(());
        }
    }
    Err(Wrong("other nodes changed the topic's settings at the same time".into()))
}
