//! Which ledgers were ever created.

use super::support::{conversation, follow, read_all, say, texts};
use super::{Tampering, Version};
use kafkatalk_log::{Checkpoint, EventLog, Ledger, Stream};

/// What a refusal says of a ledger.
const GONE: &str = "is gone";
const NEW: Ledger = Ledger::Receipts;

/// A version that did not know of [`NEW`].
fn old() -> Version {
    let ledgers = vec![Ledger::Users, Ledger::Sessions, Ledger::Conversations];
    Version { ledgers, ..Version::this() }
}

async fn assert_holds(log: &dyn EventLog, stream: Stream, expected: &[&str]) {
    assert_eq!(texts(&read_all(log, stream).await), expected, "{stream}");
}

pub async fn a_ledger_that_never_was_is_created_in_a_log_with_records<H: Tampering>(harness: H) {
    let log = harness.open_as(&old()).await;
    let mut checkpoint = Checkpoint::new();
    say(&*log, Stream::Ledger(Ledger::Users), "anna").await;
    say(&*log, conversation(1), "hello").await;
    follow(&mut *log.tail(Checkpoint::new()).await.unwrap(), &mut checkpoint, 2).await;
    assert!(!log.ends().await.unwrap().contains_key(NEW.as_str()));
    log.close().await;
    // With the checkpoint of the version before.
    let log = harness.open().await;
    let mut tail = log.tail(checkpoint.clone()).await.unwrap();
    say(&*log, Stream::Ledger(NEW), "read").await;
    let entries = follow(&mut *tail, &mut checkpoint, 1).await;
    assert_eq!((entries[0].stream, texts(&entries)), (Stream::Ledger(NEW), vec!["read".to_owned()]));
    assert_holds(&*log, Stream::Ledger(Ledger::Users), &["anna"]).await;
    assert_holds(&*log, conversation(1), &["hello"]).await;
}

pub async fn a_ledger_that_was_and_is_gone_is_refused<H: Tampering>(harness: H) {
    let log = harness.open().await;
    say(&*log, Stream::Ledger(NEW), "read").await;
    say(&*log, conversation(1), "hello").await;
    log.close().await;
    harness.lose(NEW).await;
    harness.refused(&Version::this(), &[NEW.as_str(), GONE]).await;
    // Refusing changed nothing.
    harness.refused(&Version::this(), &[NEW.as_str(), GONE]).await;
}

pub async fn a_log_without_a_manifest_keeps_what_it_has_and_misses_it_from_then_on<H: Tampering>(harness: H) {
    let log = harness.open().await;
    say(&*log, Stream::Ledger(NEW), "read").await;
    say(&*log, conversation(1), "hello").await;
    log.close().await;
    harness.lose_manifest().await;
    let log = harness.open().await;
    assert_holds(&*log, Stream::Ledger(NEW), &["read"]).await;
    assert_holds(&*log, conversation(1), &["hello"]).await;
    log.close().await;
    harness.lose(Ledger::Sessions).await;
    harness.refused(&Version::this(), &[Ledger::Sessions.as_str(), GONE]).await;
}

/// As where an older version is started again.
pub async fn a_ledger_that_is_not_used_is_kept<H: Tampering>(harness: H) {
    let log = harness.open().await;
    say(&*log, Stream::Ledger(NEW), "read").await;
    log.close().await;
    let log = harness.open_as(&old()).await;
    say(&*log, Stream::Ledger(Ledger::Users), "anna").await;
    log.close().await;
    let log = harness.open().await;
    say(&*log, Stream::Ledger(NEW), "read on").await;
    assert_holds(&*log, Stream::Ledger(NEW), &["read", "read on"]).await;
    assert_holds(&*log, Stream::Ledger(Ledger::Users), &["anna"]).await;
}
