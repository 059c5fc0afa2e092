//! Topics that kept the setting of a roll, because the node that rolled them was killed before it took the setting back.
//!
//! Their settings are asked for when this node has come to the end of the log for the first time, and when another node is
//! gone: many topics in one request, with pauses, beside everything else.

use super::{brokers::Brokers, queue::RollQueue};
use crate::{
    Stream,
    kafka::{error::Wrong, limits, shared::Shared},
};
use std::sync::Arc;
use tokio::time::sleep;

/// Looks whenever that is asked for, until the log is closed.
pub(super) async fn serve(shared: &Shared, brokers: &impl Brokers, rolls: &Arc<RollQueue>) {
    let mut closed = shared.closed.subscribe();
    let serving = async {
        loop {
            rolls.leftovers.notified().await;
            sleep(shared.takeover_delay()).await;
            while let Err(Wrong(why)) = look(shared, brokers, rolls).await {
                tracing::debug!("whether topics kept segment.ms after an erasure is not known: {why}");
                sleep(limits::PROBE_INTERVAL).await;
            }
        }
    };
    tokio::select! {
        biased;
        _ = closed.wait_for(|closed| *closed) => {}
        () = serving => {}
    }
}

/// Rolls the topics that keep the setting, which takes it back. One that another node is just rolling shows it for a moment.
async fn look(shared: &Shared, brokers: &impl Brokers, rolls: &Arc<RollQueue>) -> Result<(), Wrong> {
    let with_setting = showing(brokers, shared.streams()).await?;
    if with_setting.is_empty() {
        return Ok(());
    }
    sleep(limits::LEFTOVER_AFTER).await;
    for stream in showing(brokers, with_setting).await? {
        let topic = shared.names.of(stream);
        tracing::info!(topic, "rolling a topic that kept segment.ms after an erasure");
        while !rolls.request(stream) {
            sleep(limits::PROBE_RETRY).await;
        }
    }
    Ok(())
}

/// Which of these topics begin a segment with whatever comes next.
async fn showing(brokers: &impl Brokers, streams: Vec<Stream>) -> Result<Vec<Stream>, Wrong> {
    let mut found = Vec::new();
    for (number, batch) in streams.chunks(limits::DESCRIBE_BATCH_MAX).enumerate() {
        if number > 0 {
            sleep(limits::DESCRIBE_PAUSE).await;
        }
        let shows = brokers.roll_now(batch).await?;
        found.extend(batch.iter().zip(shows).filter(|(_, shows)| *shows).map(|(stream, _)| *stream));
    }
    Ok(found)
}
