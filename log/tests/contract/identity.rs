//! Which log it is.

use super::support::{conversation, say};
use super::{Harness, Tampering};
use kafkatalk_log::{EventLog, LogIdentity, ReadError};

async fn identity(log: &dyn EventLog) -> LogIdentity {
    log.identity().await.unwrap()
}

pub async fn a_log_is_the_same_after_opening_again<H: Harness>(harness: H) {
    let log = harness.open().await;
    let first = identity(&*log).await;
    say(&*log, conversation(1), "hello").await;
    assert_eq!(identity(&*log).await, first);
    log.close().await;
    assert_eq!(identity(&*harness.open().await).await, first);
}

pub async fn another_log_has_another_identity<H: Harness>(harness: H) {
    let another = H::new("another").await;
    let (one, other) = (identity(&*harness.open().await).await, identity(&*another.open().await).await);
    assert_ne!(one, other);
}

pub async fn a_log_of_a_version_without_identities_gets_one_and_keeps_it<H: Tampering>(harness: H) {
    let log = harness.open().await;
    say(&*log, conversation(1), "hello").await;
    log.close().await;
    harness.lose_manifest().await;
    let log = harness.open().await;
    let first = identity(&*log).await;
    log.close().await;
    assert_eq!(identity(&*harness.open().await).await, first);
}

pub async fn a_closed_log_does_not_say_which_it_is<H: Harness>(harness: H) {
    let log = harness.open().await;
    log.close().await;
    assert!(matches!(log.identity().await, Err(ReadError::Unavailable(_))));
}
