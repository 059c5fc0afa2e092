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

use super::{
    keeper, limits,
    producers::Producers,
    shared::Shared,
    topics::{self, Admin, Wrong},
};
use crate::{AppendError, Stream};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};

/// How often to try when another node rolls the same topic at the same time, or nobody says whether the message that stands
/// for nothing was written: a second one does no harm.
const TRIES: usize = 3;
/// How long after the first try another may begin. Meanwhile no other topics are rolled.
const TRY_AGAIN_WITHIN: Duration = Duration::from_secs(10);
/// How long after a setting shows it surely holds for the topics' files too, where it shows a little later.
const SETTING_LAG: Duration = Duration::from_millis(500);
/// How often to look whether a setting shows yet.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often to look before setting it again.
const LOOKS: usize = 50;

/// A stream whose segment is to be closed, since an erasing record lies in it.
pub(super) struct Roll {
    pub(super) stream: Stream,
    pub(super) waiter: oneshot::Sender<Result<(), AppendError>>,
}

/// Serves requests for ever.
pub(super) async fn serve(
    shared: &Shared,
    producers: &Producers,
    admin: &Admin,
    mut asked: mpsc::Receiver<Roll>,
) {
    let mut rolls = Vec::new();
    loop {
        if asked.recv_many(&mut rolls, limits::ROLL_BATCH_MAX).await == 0 {
            // All callers are gone; so will this be, when the log is closed.
            pending::<()>().await;
        }
        let streams: BTreeSet<_> = rolls.iter().map(|roll| roll.stream).collect();
        let failed = match shared.refusal() {
            None => roll(shared, producers, admin, &streams).await,
            Some(refusal) => streams.into_iter().map(|stream| (stream, refusal.to_string())).collect(),
        };
        for Roll { stream, waiter } in rolls.drain(..) {
            let answer = failed.get(&stream).map_or(Ok(()), |why| {
                let what = "the erasure is written, but the content is not yet let go";
                Err(AppendError::Unknown(format!("{what}: {why}")))
            });
            // Whoever no longer waits gets no answer.
            waiter.send(answer).ok();
        }
    }
}

/// Closes the segment of each topic in which an erasing record lies. Returns why not, where it was not done.
async fn roll(
    shared: &Shared,
    producers: &Producers,
    admin: &Admin,
    streams: &BTreeSet<Stream>,
) -> BTreeMap<Stream, String> {
    let mut open: BTreeMap<_, _> = streams.iter().map(|stream| (*stream, String::new())).collect();
    let begun = Instant::now();
    for tried in 0..TRIES {
        if open.is_empty() || (tried > 0 && begun.elapsed() > TRY_AGAIN_WITHIN) {
            break;
        }
        begin_segments(shared, producers, admin, &mut open).await;
    }
    let topics: Vec<_> = streams.iter().map(|stream| shared.names.of(*stream)).collect();
    let set_back = topics::roll_at_once(admin, &topics, false).await;
    for (topic, answer) in topics.iter().zip(set_back) {
        if let Err(Wrong(why)) = answer {
            tracing::warn!(
                topic,
                "segment.ms could not be set back after an erasure, delete it by hand: {why}"
            );
        }
    }
    open
}

/// Has each topic that is open begin a segment. What did so is open no longer; the others say why.
async fn begin_segments(
    shared: &Shared,
    producers: &Producers,
    admin: &Admin,
    open: &mut BTreeMap<Stream, String>,
) {
    let streams: Vec<_> = open.keys().copied().collect();
    let topics: Vec<_> = streams.iter().map(|stream| shared.names.of(*stream)).collect();
    let mut set = Vec::new();
    for (at, answer) in topics::roll_at_once(admin, &topics, true).await.into_iter().enumerate() {
        match answer {
            Ok(()) => set.push(at),
            Err(Wrong(why)) => drop(open.insert(streams[at], why)),
        }
    }
    let asked: Vec<_> = set.iter().map(|at| topics[*at].as_str()).collect();
    for _ in 0..LOOKS {
        match topics::roll_now(admin, &asked).await {
            Ok(shows) if shows.iter().all(|shows| *shows) => break,
            _ => sleep(LOOK_EVERY).await,
        }
    }
    sleep(SETTING_LAG).await;
    let mut answers = Vec::with_capacity(set.len());
    for at in &set {
        let (waiter, answer) = oneshot::channel();
        producers.shard(streams[*at]).hole(shared, streams[*at], waiter);
        answers.push(answer);
    }
    let mut written = Vec::with_capacity(answers.len());
    for answer in answers {
        written.push(keeper::outcome(answer).await);
    }
    let still = topics::roll_now(admin, &asked).await;
    for (number, (at, written)) in set.into_iter().zip(written).enumerate() {
        let why = match (written, &still) {
            (Ok(_), Ok(still)) if still[number] => {
                open.remove(&streams[at]);
                continue;
            }
            (Ok(_), Ok(_)) => "other nodes changed the topic's settings at the same time".to_owned(),
            (Ok(_), Err(Wrong(why))) => why.clone(),
            (Err(error), _) => error.to_string(),
        };
        open.insert(streams[at], why);
    }
}
