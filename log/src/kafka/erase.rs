//! Making the brokers forget a record.
//!
//! A record that follows under the same key makes compaction drop the earlier one. But compaction never touches the
//! segment that is being written, and brokers begin a new segment only when something is appended: in a conversation that
//! falls silent after an erasure, the content would stay for ever. So after the erasing record the topic is told to begin
//! a new segment with whatever comes next, and a message without a value is appended, which stands for nothing: readers
//! step over it as over a hole. Then both the content and the erasing record lie in segments that compaction sees, and
//! `max.compaction.lag.ms` bounds when. The copy in the feed goes when the feed's retention ends.

use super::{
    keeper,
    producers::Producers,
    shared::Shared,
    topics::{self, Admin, Wrong},
};
use crate::{AppendError, Stream};
use std::time::{Duration, Instant};
use tokio::{sync::oneshot, time::sleep};

/// How often to try when another node rolls the same topic at the same time, or nobody says whether the message that stands
/// for nothing was written: a second one does no harm.
const TRIES: usize = 3;
/// How long after the first try another may begin. Meanwhile the keeper does nothing else.
const TRY_AGAIN_WITHIN: Duration = Duration::from_secs(10);
/// How long after a setting shows it surely holds for the topic's files too, where it shows a little later.
const SETTING_LAG: Duration = Duration::from_millis(500);
/// How often to look whether a setting shows yet.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often to look before setting it again.
const LOOKS: usize = 50;

/// Closes the segment in which the erasing record lies.
pub(super) async fn roll(
    shared: &Shared,
    producers: &Producers,
    admin: &Admin,
    stream: Stream,
) -> Result<(), AppendError> {
    let topic = shared.names.of(stream);
    let result = begin_segment(shared, producers, admin, stream, &topic).await;
    if let Err(Wrong(why)) = topics::roll_at_once(admin, &topic, false).await {
        tracing::warn!(topic, "segment.ms could not be set back after an erasure, delete it by hand: {why}");
    }
    result.map_err(|Wrong(why)| {
        AppendError::Unknown(format!("the erasure is written, but the content is not yet let go: {why}"))
    })
}

async fn begin_segment(
    shared: &Shared,
    producers: &Producers,
    admin: &Admin,
    stream: Stream,
    topic: &str,
) -> Result<(), Wrong> {
    let begun = Instant::now();
    let mut why = Wrong(String::new());
    for tried in 0..TRIES {
        if tried > 0 && begun.elapsed() > TRY_AGAIN_WITHIN {
            break;
        }
        topics::roll_at_once(admin, topic, true).await?;
        for _ in 0..LOOKS {
            if topics::rolls_at_once(admin, topic).await? {
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        sleep(SETTING_LAG).await;
        let (waiter, answer) = oneshot::channel();
        producers.shard(stream).hole(shared, stream, waiter);
        match keeper::outcome(answer).await {
            Ok(_) if topics::rolls_at_once(admin, topic).await? => return Ok(()),
            Ok(_) => why = Wrong("other nodes changed the topic's settings at the same time".into()),
            Err(error) if error.may_be_written() => why = error.into(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(why)
}
