//! Nodes that are killed between an erasing record and what makes the brokers forget: the test runs its own binary again as
//! a child, and kills that.

use crate::{
    Kafka, broker, connect,
    contract::{
        Harness,
        child::{Doomed, spawn},
        erasure::files_with,
        support::{WAIT_MAX, at, conversation, message, next, say},
    },
    nodes::knows,
    stranger::{Stranger, stranger, topic},
};
use kafkatalk_log::{Checkpoint, EventLog, Stream, kafka::KafkaLog};
use std::{
    io::{BufRead, BufReader, Write},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};

/// Tells a child process where its log is.
const LOCATION: &str = "KAFKATALK_KILLED_LOCATION";
/// Tells a child process in which conversation it erases.
const CONVERSATION: &str = "KAFKATALK_KILLED_CONVERSATION";
/// What begins a line of the child with positions of its checkpoint, which are stored together.
const PROGRESS: &str = "progress ";
/// What is erased.
const SECRET: &str = "zanzibar";
/// Offset after the secret and the record that erases it; where the topic was rolled, a message without a value follows.
const NOT_ROLLED: u64 = 2;
/// Children that may be killed too late before the test gives up.
const TRIES: u128 = 5;
/// Between two looks at the brokers' files.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Not a test of its own: a node that erases what it appended, and says how far its reader is. It begins when it is told to.
#[test]
#[ignore = "run by other tests, in a process of its own"]
fn erasing_process() {
    let (Ok(location), Ok(number)) = (std::env::var(LOCATION), std::env::var(CONVERSATION)) else { return };
    let stream = conversation(number.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let log = Kafka::open_at(&location).await;
        let mut tail = log.tail(Checkpoint::new()).await.unwrap();
        let erasing = async {
            spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
            let secret = message(SECRET);
            let id = secret.id;
            log.append(stream, secret).await.unwrap();
            log.erase(stream, id, at()).await.unwrap();
        };
        let following = async {
            loop {
                let progress = serde_json::to_string(&next(&mut *tail).await.progress).unwrap();
                if writeln!(std::io::stderr(), "{PROGRESS}{progress}").is_err() {
                    return;
                }
            }
        };
        tokio::join!(erasing, following);
    });
}

/// A node in a process of its own.
struct Node {
    process: Doomed,
    progress: UnboundedReceiver<Vec<(String, u64)>>,
    stream: Stream,
    /// As its reader would have stored it.
    checkpoint: Checkpoint,
}

impl Node {
    async fn start(kafka: &Kafka, number: u128) -> Self {
        let environment = [(LOCATION, kafka.location()), (CONVERSATION, number.to_string())];
        let mut process = spawn("killed::erasing_process", &environment);
        let (sender, progress) = unbounded_channel();
        let lines = BufReader::new(process.0.stderr.take().unwrap()).lines();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some(progress) = line.strip_prefix(PROGRESS) else { continue };
                // A line that a kill cut off was not stored.
                let Ok(progress) = serde_json::from_str(progress) else { return };
                if sender.send(progress).is_err() {
                    return;
                }
            }
        });
        let checkpoint = Checkpoint::new();
        let mut node = Self { process, progress, stream: conversation(number), checkpoint };
        // It follows the log: its first positions are the ledgers'.
        node.until(|node| !node.checkpoint.is_empty()).await;
        node
    }

    async fn until(&mut self, is_it: impl Fn(&Self) -> bool) {
        while !is_it(self) {
            let progress = timeout(WAIT_MAX, self.progress.recv()).await;
            self.checkpoint.extend(progress.expect("the child fell silent").expect("the child ended"));
        }
    }

    /// Has it erase, and waits until its reader has stored the erasing record.
    async fn erase(&mut self) {
        writeln!(self.process.0.stdin.take().unwrap(), "erase").unwrap();
        self.until(|node| KafkaLog::position_of(node.stream, &node.checkpoint) >= NOT_ROLLED).await;
    }

    fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }
}

/// When a node is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Killed {
    /// As soon as its reader has stored the erasing record.
    BeforeTheSetting,
    /// When the topic's setting shows that it is being rolled.
    BeforeTheRoll,
}

/// A node that was killed after it had erased, before it had rolled the topic. `ready` is called before it erases.
async fn killed(kafka: &Kafka, when: Killed, ready: impl AsyncFn()) -> Node {
    let stranger = stranger(kafka);
    for number in 1..=TRIES {
        let mut node = Node::start(kafka, number).await;
        ready().await;
        node.erase().await;
        let topic = topic(kafka, node.stream);
        if when == Killed::BeforeTheRoll {
            stranger.shows(&topic, &[("segment.ms", "1")]).await;
        }
        node.kill();
        if stranger.end(&topic).await == NOT_ROLLED {
            let left = stranger.settings(&topic).await.contains_key("segment.ms");
            assert!(left || when == Killed::BeforeTheSetting);
            assert!(files(kafka).is_empty() || !secrets(kafka).is_empty(), "it looks at the wrong files");
            return node;
        }
    }
    panic!("{TRIES} nodes were all killed too late");
}

fn files(kafka: &Kafka) -> Vec<std::path::PathBuf> {
    broker::partitions(&format!("{}.conversation", kafka.options.topic_prefix))
}

/// The brokers' files of conversations that hold the secret.
fn secrets(kafka: &Kafka) -> Vec<String> {
    files(kafka).iter().flat_map(|folder| files_with(folder, SECRET.as_bytes())).collect()
}

/// Follows a log as views do.
async fn followed(log: &Arc<KafkaLog>, from: Checkpoint) -> JoinHandle<()> {
    let mut tail = log.tail(from).await.unwrap();
    tokio::spawn(async move {
        loop {
            next(&mut *tail).await;
        }
    })
}

/// Waits until the secret is gone from the brokers' files, and the topic's setting is as it was.
async fn is_forgotten(kafka: &Kafka, stream: Stream) {
    let (stranger, topic, begun) = (stranger(kafka), topic(kafka, stream), Instant::now());
    while stranger.end(&topic).await == NOT_ROLLED || !secrets(kafka).is_empty() {
        assert!(begun.elapsed() < Kafka::FORGETS_WITHIN, "still in {:?}", secrets(kafka));
        sleep(LOOK_EVERY).await;
    }
    without_setting(&stranger, &topic).await;
}

async fn without_setting(stranger: &Stranger, topic: &str) {
    stranger.settles(topic, |settings| !settings.contains_key("segment.ms")).await;
}

async fn at_the_next_start(kafka: Kafka, when: Killed) {
    let node = killed(&kafka, when, async || ()).await;
    let log = connect(kafka.options.clone()).await;
    let following = followed(&log, node.checkpoint).await;
    is_forgotten(&kafka, node.stream).await;
    following.abort();
}

async fn an_erasure_that_a_kill_cut_short_is_ended_at_the_next_start(kafka: Kafka) {
    at_the_next_start(kafka, Killed::BeforeTheSetting).await;
}

async fn a_roll_that_a_kill_cut_short_is_ended_at_the_next_start(kafka: Kafka) {
    at_the_next_start(kafka, Killed::BeforeTheRoll).await;
}

async fn an_erasure_that_a_kill_cut_short_is_ended_by_another_node(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let following = followed(&log, Checkpoint::new()).await;
    let node = killed(&kafka, Killed::BeforeTheRoll, async || knows(&log, 2).await).await;
    is_forgotten(&kafka, node.stream).await;
    following.abort();
}

/// The node was killed when all was done but this.
async fn a_setting_that_a_kill_left_is_taken_back_at_the_next_start(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    for number in 1..=2 {
        say(&*log, conversation(number), "kept").await;
    }
    log.close().await;
    let (stranger, topic) = (stranger(&kafka), topic(&kafka, conversation(1)));
    stranger.set(&topic, &[("cleanup.policy", "compact"), ("segment.ms", "1")]).await;
    stranger.shows(&topic, &[("segment.ms", "1")]).await;
    let log = connect(kafka.options.clone()).await;
    let following = followed(&log, Checkpoint::new()).await;
    without_setting(&stranger, &topic).await;
    following.abort();
}

mod kafka {
    tests! {
        an_erasure_that_a_kill_cut_short_is_ended_at_the_next_start,
        a_roll_that_a_kill_cut_short_is_ended_at_the_next_start,
        an_erasure_that_a_kill_cut_short_is_ended_by_another_node,
        a_setting_that_a_kill_left_is_taken_back_at_the_next_start,
    }
}
