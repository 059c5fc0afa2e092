//! Nodes that come and go: the others hear of it, and find what was left half done. And what Kafka's tools see of a node.

use crate::{
    Harness, Kafka, connect,
    contract::support::{WAIT_MAX, conversation, follow, message, next, say, texts},
    stranger::{stranger, topic},
};
use kafkatalk_log::{
    Checkpoint, EventLog, Health, Ledger, Stream, Tail,
    kafka::{KafkaLog, KafkaOptions},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// Tells a child process where its log is.
const LOCATION: &str = "KAFKATALK_TEST_NODE_LOCATION";

/// A node in a process of its own, which dies with the test.
struct Node(Child);

impl Node {
    fn start(kafka: &Kafka) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["nodes::another_node", "--exact", "--ignored", "--nocapture"]);
        command.env(LOCATION, kafka.location());
        // It ends with its standard input.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn another_node() {
    let Ok(location) = std::env::var(LOCATION) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let _log = runtime.block_on(Kafka::open_at(&location));
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// As nodes are, but that they hardly ever sweep.
fn hardly_sweeping(kafka: &Kafka) -> KafkaOptions {
    KafkaOptions { sweep_interval: Duration::from_hours(1), ..kafka.options.clone() }
}

/// A tail that has handed out one record, and whose first sweep is over.
async fn settled(log: &KafkaLog) -> Box<dyn Tail> {
    say(log, conversation(1), "told").await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let (mut caught_up, mut entries) = (false, 0);
    while !caught_up || entries == 0 {
        let batch = next(&mut *tail).await;
        (caught_up, entries) = (batch.caught_up, entries + batch.entries.len());
    }
    tail
}

/// Waits until the log knows of so many nodes.
pub(crate) async fn knows(log: &KafkaLog, nodes: usize) {
    let known = async {
        while log.nodes() != nodes {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let known = timeout(WAIT_MAX, known).await;
    assert!(known.is_ok(), "{} nodes are known and not {nodes}", log.nodes());
}

/// What a node leaves that dies between a record and the copy that tells of it.
async fn leave_half_done(kafka: &Kafka) {
    let untold = message("untold");
    let value = serde_json::to_vec(&untold).unwrap();
    stranger(kafka).write(&topic(kafka, conversation(1)), Some(&untold.id.to_string()), Some(&value)).await;
}

async fn what_a_killed_node_left_half_done_is_found_without_waiting_for_the_sweep(kafka: Kafka) {
    let log = connect(hardly_sweeping(&kafka)).await;
    let mut tail = settled(&log).await;
    let node = Node::start(&kafka);
    knows(&log, 2).await;
    leave_half_done(&kafka).await;
    node.signal(Signal::KILL);
    assert_eq!(texts(&follow(&mut *tail, &mut Checkpoint::new(), 1).await), ["untold"]);
    knows(&log, 1).await;
}

async fn what_a_node_that_is_closed_left_half_done_is_found_too(kafka: Kafka) {
    let log = connect(hardly_sweeping(&kafka)).await;
    let mut tail = settled(&log).await;
    let other = connect(hardly_sweeping(&kafka)).await;
    knows(&log, 2).await;
    leave_half_done(&kafka).await;
    other.close().await;
    assert_eq!(texts(&follow(&mut *tail, &mut Checkpoint::new(), 1).await), ["untold"]);
    knows(&log, 1).await;
}

async fn a_node_says_that_it_is_here_and_at_last_that_it_leaves(kafka: Kafka) {
    let options = KafkaOptions {
        node: "anna".into(),
        feed_retention: Duration::from_hours(1),
        ..kafka.options.clone()
    };
    let log = connect(options).await;
    let name = format!("{}.nodes", kafka.options.topic_prefix);
    let until = async |state: &'static str| {
        let stranger = stranger(&kafka);
        let value = stranger.until(&name, move |value| {
            serde_json::from_slice::<Value>(value).is_ok_and(|beat| beat["state"] == state)
        });
        serde_json::from_slice::<Value>(&value.await).unwrap()
    };
    let here = until("here").await;
    log.close().await;
    let leaving = until("leaving").await;
    assert_eq!(here["node"], "anna");
    assert!(here["instance"].is_string());
    assert_eq!((&leaving["node"], &leaving["instance"]), (&here["node"], &here["instance"]));
}

async fn a_node_that_is_stopped_in_its_tracks_and_goes_on_is_known_again(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let _tail = log.tail(Checkpoint::new()).await.unwrap();
    let node = Node::start(&kafka);
    knows(&log, 2).await;
    node.signal(Signal::STOP);
    knows(&log, 1).await;
    node.signal(Signal::CONT);
    knows(&log, 2).await;
}

async fn garbage_on_the_topic_of_the_nodes_changes_nothing(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = settled(&log).await;
    let (name, stranger) = (format!("{}.nodes", kafka.options.topic_prefix), stranger(&kafka));
    let huge = vec![b' '; 100_000];
    for value in [None, Some(&b"\xff\xfe{"[..]), Some(b"{}"), Some(br#"{"state":"here"}"#), Some(&huge)] {
        stranger.write(&name, Some("key"), value).await;
    }
    let _other = connect(kafka.options.clone()).await;
    knows(&log, 2).await;
    say(&*log, conversation(1), "after").await;
    assert_eq!(texts(&follow(&mut *tail, &mut Checkpoint::new(), 1).await), ["after"]);
}

async fn a_topic_of_the_nodes_that_is_gone_is_made_anew(kafka: Kafka) {
    let logs = [connect(kafka.options.clone()).await, connect(kafka.options.clone()).await];
    let _tail = logs[0].tail(Checkpoint::new()).await.unwrap();
    knows(&logs[0], 2).await;
    stranger(&kafka).delete(&format!("{}.nodes", kafka.options.topic_prefix)).await;
    say(&*logs[0], conversation(1), "meanwhile").await;
    // Whoever is first makes it; then all are heard on it.
    let _third = connect(kafka.options.clone()).await;
    knows(&logs[0], 3).await;
    assert_eq!(*logs[0].health().borrow(), Health::Ready);
}

/// The brokers refuse a name that differs from another's by a dot for an underscore alone.
async fn a_log_that_cannot_make_the_topic_of_the_nodes_works_without_it(kafka: Kafka) {
    stranger(&kafka).create(&format!("{}_nodes", kafka.options.topic_prefix), "delete").await;
    let logs = [connect(kafka.options.clone()).await, connect(kafka.options.clone()).await];
    let mut tail = settled(&logs[0]).await;
    say(&*logs[1], conversation(1), "from the other").await;
    leave_half_done(&kafka).await;
    let entries = follow(&mut *tail, &mut Checkpoint::new(), 2).await;
    assert_eq!(texts(&entries), ["from the other", "untold"]);
    assert_eq!(logs[0].nodes(), 1);
}

async fn how_far_a_node_is_can_be_seen_in_its_consumer_group(kafka: Kafka) {
    let options = KafkaOptions { node: "anna".into(), ..kafka.options.clone() };
    let log = connect(options).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let (prefix, users) = (&kafka.options.topic_prefix, Stream::Ledger(Ledger::Users));
    let (group, ledger, feed) = (format!("{prefix}.anna"), topic(&kafka, users), format!("{prefix}.feed"));
    // The conversation's partition of the four that the feed has.
    let places = [(ledger.as_str(), 0), (&feed, 1)];
    let before = stranger(&kafka).committed(&group, &places, |_| true).await;
    assert_eq!(before[0], 0);
    say(&*log, users, "anna").await;
    say(&*log, conversation(1), "hello").await;
    follow(&mut *tail, &mut Checkpoint::new(), 2).await;
    let moved = move |now: &[i64]| now[0] == 1 && now[1] > before[1];
    stranger(&kafka).committed(&group, &places, moved).await;
}

mod kafka {
    tests! {
        what_a_killed_node_left_half_done_is_found_without_waiting_for_the_sweep,
        what_a_node_that_is_closed_left_half_done_is_found_too,
        a_node_says_that_it_is_here_and_at_last_that_it_leaves,
        a_node_that_is_stopped_in_its_tracks_and_goes_on_is_known_again,
        garbage_on_the_topic_of_the_nodes_changes_nothing,
        a_topic_of_the_nodes_that_is_gone_is_made_anew,
        a_log_that_cannot_make_the_topic_of_the_nodes_works_without_it,
        how_far_a_node_is_can_be_seen_in_its_consumer_group,
    }
}
