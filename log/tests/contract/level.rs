//! The feature level.

use super::support::{WAIT_MAX, conversation, read_all, say, texts};
use super::{Tampering, Version};
use kafkatalk_log::{Checkpoint, EventLog, Level};
use tokio::time::timeout;

/// Waits until that level is finalised. On Kafka that takes until no other node can be there unheard.
pub async fn finalised(log: &dyn EventLog, level: u32) {
    // Who follows the log hears of other nodes.
    let _tail = log.tail(Checkpoint::new()).await.unwrap();
    let mut finalised = log.level();
    let reached = timeout(WAIT_MAX, finalised.wait_for(|now| *now >= Level(level))).await.is_ok();
    assert!(reached, "it is {}", *log.level().borrow());
    assert_eq!(*log.level().borrow(), Level(level));
}

pub async fn the_level_rises_by_itself_and_stays<H: Tampering>(harness: H) {
    for level in [1, 3] {
        let log = harness.open_as(&Version::of_level(level)).await;
        finalised(&*log, level).await;
        log.close().await;
        let log = harness.open_as(&Version::of_level(level)).await;
        assert_eq!(*log.level().borrow(), Level(level), "as soon as the log is open");
        log.close().await;
    }
}

pub async fn a_version_that_does_not_know_the_level_is_refused_and_changes_nothing<H: Tampering>(harness: H) {
    let log = harness.open_as(&Version::of_level(3)).await;
    finalised(&*log, 3).await;
    say(&*log, conversation(1), "hello").await;
    log.close().await;
    for level in [0, 2] {
        let words = ["level 3", &format!("up to {level}"), "start a newer version"];
        harness.refused(&Version::of_level(level), &words).await;
    }
    let log = harness.open_as(&Version::of_level(4)).await;
    assert_eq!(texts(&read_all(&*log, conversation(1)).await), ["hello"]);
    finalised(&*log, 4).await;
}
