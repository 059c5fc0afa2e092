//! Making the brokers forget records.
//!
//! A record that follows under the same key makes compaction drop the earlier one. But compaction never touches the
//! segment that is being written, and brokers begin a new segment only when something is appended: in a conversation that
//! falls silent after an erasure, the content would stay for ever. So after the erasing record the topic is told to begin
//! a new segment with whatever comes next, and a message without a value is appended, which stands for nothing: readers
//! step over it as over a hole. Then both the content and the erasing record lie in segments that compaction sees, and
//! `max.compaction.lag.ms` bounds when. The copy in the feed goes when the feed's retention ends.
//!
//! Most of the time that this takes is spent waiting for a setting to reach the brokers. So topics are *rolled* together:
//! what is asked for while some are being rolled makes up the next round, and each topic is in a round once. All of it
//! happens beside the keeper, since nobody who opens a conversation is to wait for it.

use super::{append, error::Wrong, known_topics::Topic, limits, shared::Shared};
use crate::{AppendError, Stream};
use brokers::Brokers;
use queue::{Due, RollQueue};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout_at};

pub(super) mod brokers;
mod leftovers;
pub(super) mod queue;
#[cfg(test)]
mod tests;

/// How often to try in one round when another node rolls the same topic at the same time, or nobody says whether the
/// message that stands for nothing was written: a second one does no harm.
const TRIES: usize = 3;
/// How long after the first try another may begin. Meanwhile no other topics are rolled.
const TRY_AGAIN_WITHIN: Duration = Duration::from_secs(10);
/// How long after a setting shows it surely holds for the topics' files too, where it shows a little later.
const SETTING_LAG: Duration = Duration::from_millis(500);
/// How often to look whether a setting shows yet.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long to look.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// How long after the log was closed the round in hand may go on, and as long again its set-back. Together within
/// [`limits::CLOSE_WAIT`].
const CLOSING_WAIT: Duration = Duration::from_secs(5);

/// Rolls what is due, and what other nodes left, until the log is closed; then the round in hand comes to its end.
pub(super) async fn serve(shared: &Shared, brokers: &impl Brokers, rolls: &Arc<RollQueue>) {
    tokio::join!(roll_due(shared, brokers, rolls), leftovers::serve(shared, brokers, rolls));
}

async fn roll_due(shared: &Shared, brokers: &impl Brokers, rolls: &RollQueue) {
    let mut closed = shared.closed.subscribe();
    loop {
        let due = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => return,
            due = rolls.due(limits::ROLL_BATCH_MAX) => due,
        };
        let (gone, due): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| is_gone(shared, due));
        for due in gone {
            rolls.forget(due);
        }
        let streams: Vec<_> = due.iter().map(|due| due.stream).collect();
        let refused =
            |refusal: AppendError| streams.iter().map(|stream| (*stream, refusal.to_string())).collect();
        let failed = match (shared.refusal(), append::admit(shared, 0).await) {
            // It counts as an append, so that the producers wait for it when the log is closed.
            (None, Ok(_admitted)) => roll(shared, brokers, &streams).await,
            (Some(refusal), _) | (None, Err(refusal)) => refused(refusal),
        };
        for due in due {
            let topic = shared.names.of(due.stream);
            let why = failed.get(&due.stream);
            let rolled = why.map_or(Ok(()), |why| {
                let what = "the erasure is written, but the content is not yet let go";
                Err(AppendError::Unknown(format!("{what}: {why}")))
            });
            if let (Some(after), Some(why)) = (rolls.done(due, &rolled), why) {
                tracing::warn!(topic, ?after, "rolling a topic again after an erasure: {why}");
            }
        }
    }
}

fn is_gone(shared: &Shared, due: &Due) -> bool {
    matches!(due.stream, Stream::Conversation(id) if shared.topics.get(id) == Some(Topic::Gone))
}

/// Closes the segment of each topic in which an erasing record lies. Returns why not, where it was not done, or the
/// setting not taken back.
async fn roll(shared: &Shared, brokers: &impl Brokers, streams: &[Stream]) -> BTreeMap<Stream, String> {
    let mut open: BTreeMap<_, _> =
        streams.iter().map(|stream| (*stream, "the log is closed".to_owned())).collect();
    let begun = Instant::now();
    let tries = async {
        for tried in 0..TRIES {
            let is_late = begun.elapsed() > TRY_AGAIN_WITHIN || shared.is_closed();
            if open.is_empty() || (tried > 0 && is_late) {
                break;
            }
            begin_segments(brokers, &mut open).await;
        }
    };
    tokio::select! {
        () = tries => {}
        () = is_closing(shared) => {}
    }
    let set_back = tokio::select! {
        set_back = brokers.roll_at_once(streams, false) => set_back,
        () = is_closing(shared) => {
            streams.iter().map(|_| Err(Wrong("the brokers did not answer in time".into()))).collect()
        }
    };
    for (stream, answer) in streams.iter().zip(set_back) {
        if let Err(Wrong(why)) = answer {
            let topic = shared.names.of(*stream);
            tracing::warn!(topic, "segment.ms is not set back after an erasure: {why}");
            open.entry(*stream).or_insert_with(|| format!("segment.ms could not be set back: {why}"));
        }
    }
    open
}

/// Returns when whoever closes the log has waited for long enough.
async fn is_closing(shared: &Shared) {
    // The sender is in what we borrow.
    drop(shared.closed.subscribe().wait_for(|closed| *closed).await);
    sleep(CLOSING_WAIT).await;
}

/// Has each topic that is open begin a segment. What did so is open no longer; the others say why.
async fn begin_segments(brokers: &impl Brokers, open: &mut BTreeMap<Stream, String>) {
    let streams: Vec<_> = open.keys().copied().collect();
    let mut set = Vec::new();
    for (stream, answer) in streams.iter().zip(brokers.roll_at_once(&streams, true).await) {
        match answer {
            Ok(()) => set.push(*stream),
            Err(Wrong(why)) => drop(open.insert(*stream, why)),
        }
    }
    if set.is_empty() {
        return;
    }
    if let Err(Wrong(why)) = setting_shows(brokers, &set).await {
        open.extend(set.into_iter().map(|stream| (stream, why.clone())));
        return;
    }
    sleep(SETTING_LAG).await;
    let written = brokers.write_holes(&set).await;
    let still = brokers.roll_now(&set).await;
    for (number, (stream, written)) in set.into_iter().zip(written).enumerate() {
        let why = match (written, &still) {
            (Ok(()), Ok(still)) if still[number] => {
                open.remove(&stream);
                continue;
            }
            (Ok(()), Ok(_)) => "other nodes changed the topic's settings at the same time".to_owned(),
            (Ok(()), Err(Wrong(why))) => why.clone(),
            (Err(error), _) => error.to_string(),
        };
        open.insert(stream, why);
    }
}

/// Waits until the setting shows on all topics; not for long, since all rolls wait for this one. What does not show it by
/// then is tried all the same: whether it held is looked at afterwards.
async fn setting_shows(brokers: &impl Brokers, streams: &[Stream]) -> Result<(), Wrong> {
    let until = Instant::now() + LOOK_WITHIN;
    let mut answered = false;
    while Instant::now() < until {
        match timeout_at(until, brokers.roll_now(streams)).await {
            Ok(shows) => {
                answered = true;
                if shows?.iter().all(|shows| *shows) {
                    break;
                }
                sleep(LOOK_EVERY).await;
            }
            Err(_) if answered => break,
            Err(_) => {
                return Err(Wrong("the brokers do not say in time what the topic's settings are".into()));
            }
        }
    }
    Ok(())
}
