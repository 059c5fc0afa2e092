//! Brokers that are killed, and brokers that hang: on brokers of their own, for they would be in the way of the others.

use crate::{
    broker::{self, Brokers},
    connect,
    contract::support::{assert_dense, conversation, follow, message, read_all, say, text_of, texts},
    options,
    stranger::Stranger,
};
use kafkatalk_log::{
    AppendError, Checkpoint, Entry, EventLog, Health, Stream,
    kafka::{KafkaLog, KafkaOptions},
};
use kafkatalk_protocol::Offset;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinHandle, time::sleep, time::timeout};

/// Longest that one of these tests may take.
const TEST_MAX: Duration = Duration::from_mins(5);
/// Longest that appends to some conversation may fail or wait while one broker of three is lost.
const RECOVERY_MAX: Duration = Duration::from_secs(30);
const CONVERSATIONS: u128 = 24;
/// What is said before the writers begin.
const WARM: &str = "warm";
/// Between two appends of a writer.
const PACE: Duration = Duration::from_millis(40);

async fn start(count: usize) -> Brokers {
    tokio::task::spawn_blocking(move || broker::start(count)).await.unwrap()
}

async fn is(log: &KafkaLog, ready: bool) {
    let mut health = log.health();
    let changed = health.wait_for(|health| (*health == Health::Ready) == ready);
    timeout(Duration::from_mins(2), changed).await.expect("the health does not change").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: kills a broker of its own and starts it again, three times"]
async fn a_broker_that_is_killed_and_started_again_is_waited_for() {
    timeout(TEST_MAX, waited_for()).await.expect("it took too long");
}

async fn waited_for() {
    let brokers = start(1).await;
    let log = connect(options(&brokers.bootstrap, "killed")).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        for number in 0..20 {
            let text = format!("{round}-{number}");
            acknowledged.push((say(&*log, conversation(number % 4), &text).await, text));
        }
        brokers.run("kill", Some(1)).await;
        is(&log, false).await;
        let refused = log.append(conversation(1), message("never")).await;
        assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
        brokers.run("restart", Some(1)).await;
        is(&log, true).await;
    }
    let entries = follow(&mut *tail, &mut Checkpoint::new(), acknowledged.len()).await;
    assert_dense(&entries, 0);
    let mut seen: Vec<_> = entries.iter().map(|entry| entry.offset).zip(texts(&entries)).collect();
    seen.sort();
    acknowledged.sort();
    assert_eq!(seen, acknowledged);
    brokers.run("stop", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute: stops a broker of its own in its tracks"]
async fn an_append_on_its_way_to_a_broker_that_hangs_is_answered_when_the_log_is_closed() {
    timeout(TEST_MAX, answered()).await.expect("it took too long");
}

async fn answered() {
    let brokers = start(1).await;
    for back_after in [Duration::from_secs(2), Duration::from_secs(15)] {
        let log = connect(options(&brokers.bootstrap, "hanging")).await;
        say(&*log, conversation(1), "first").await;
        brokers.run("pause", Some(1)).await;
        // One to a topic that is known, one that waits for its topic to be made, and a crowd behind a gate.
        let appends: Vec<_> = [1, 1, 1, 2, 2]
            .map(|number| {
                let log = Arc::clone(&log);
                tokio::spawn(async move { log.append(conversation(number), message("on its way")).await })
            })
            .into();
        sleep(Duration::from_millis(300)).await;
        let closing = tokio::spawn({
            let log = Arc::clone(&log);
            async move { log.close().await }
        });
        sleep(back_after).await;
        brokers.run("resume", Some(1)).await;
        timeout(Duration::from_secs(25), closing).await.expect("close ends").unwrap();
        for append in appends {
            let outcome =
                timeout(Duration::from_secs(40), append).await.expect("every append is answered").unwrap();
            if let Ok(offset) = outcome {
                assert!(offset > Offset(0), "it follows the first");
            }
        }
        let late = log.append(conversation(1), message("late")).await;
        assert!(matches!(late, Err(AppendError::Unavailable(_))), "{late:?}");
    }
    brokers.run("stop", None).await;
}

/// What became of the appends of one writer to its conversation.
#[derive(Default)]
struct Said {
    acknowledged: Vec<(Offset, String)>,
    unknown: HashSet<String>,
    /// The longest time without an acknowledgement.
    longest_wait: Duration,
}

/// Appends to one conversation, one after the other, until it is told to stop; what was refused is said again.
fn writer(log: Arc<KafkaLog>, stream: Stream, stop: Arc<AtomicBool>) -> JoinHandle<Said> {
    tokio::spawn(async move {
        let (mut said, mut number, mut since) = (Said::default(), 0, Instant::now());
        while !stop.load(Ordering::Relaxed) {
            let text = format!("{stream} {number}");
            number += 1;
            match log.append(stream, message(&text)).await {
                Ok(offset) => {
                    said.longest_wait = said.longest_wait.max(since.elapsed());
                    since = Instant::now();
                    said.acknowledged.push((offset, text));
                }
                Err(AppendError::Unknown(_)) => drop(said.unknown.insert(text)),
                Err(_) => {}
            }
            sleep(PACE).await;
        }
        said.longest_wait = said.longest_wait.max(since.elapsed());
        said
    })
}

/// Follows a node for as long as the test goes on.
fn reader(log: Arc<KafkaLog>) -> (JoinHandle<()>, Arc<std::sync::Mutex<Vec<Entry>>>) {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let reading = tokio::spawn(async move {
        let mut tail = log.tail(Checkpoint::new()).await.unwrap();
        while let Some(batch) = tail.next().await.expect("one broker of three is lost, and no record") {
            kept.lock().unwrap().extend(batch.entries);
        }
    });
    (reading, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes: three brokers of its own, of which one is killed and one hangs"]
async fn of_three_brokers_one_may_be_killed_or_hang_and_nothing_is_lost_doubled_or_misordered() {
    timeout(TEST_MAX, one_of_three()).await.expect("it took too long");
}

async fn one_of_three() {
    let brokers = start(3).await;
    let options = KafkaOptions {
        replication_factor: 3,
        feed_partitions: 6,
        feed_retention: Duration::from_hours(1),
        ..options(&brokers.bootstrap, "three")
    };
    let nodes = [connect(options.clone()).await, connect(options.clone()).await];
    for number in 0..CONVERSATIONS {
        say(&*nodes[0], conversation(number), WARM).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let readers = [reader(Arc::clone(&nodes[0])), reader(Arc::clone(&nodes[1]))];
    let writers: Vec<_> = (0..CONVERSATIONS)
        .map(|number| {
            let node = Arc::clone(&nodes[usize::from(number % 2 == 1)]);
            writer(node, conversation(number), Arc::clone(&stop))
        })
        .collect();
    let pause = || sleep(Duration::from_secs(5));
    pause().await;
    brokers.run("kill", Some(1)).await;
    sleep(Duration::from_secs(15)).await;
    brokers.run("restart", Some(1)).await;
    pause().await;
    brokers.run("pause", Some(2)).await;
    sleep(Duration::from_secs(25)).await;
    brokers.run("resume", Some(2)).await;
    pause().await;
    stop.store(true, Ordering::Relaxed);
    let whole = all_said(writers).await;
    assert!(whole.acknowledged.len() > 1_000, "only {} were acknowledged", whole.acknowledged.len());
    for (reading, seen) in readers {
        let holds_all = async {
            while !holds(&seen.lock().unwrap(), &whole.acknowledged) {
                sleep(Duration::from_millis(100)).await;
                assert!(!reading.is_finished(), "the reader ended");
            }
        };
        timeout(RECOVERY_MAX, holds_all).await.expect("the tail misses what was acknowledged");
        let seen = seen.lock().unwrap().clone();
        whole.agrees_with(&seen);
    }
    for number in 0..CONVERSATIONS {
        assert_dense(&read_all(&*nodes[0], conversation(number)).await, 0);
    }
    // With two of three gone nothing can be written, and that is said.
    brokers.run("kill", Some(1)).await;
    brokers.run("kill", Some(3)).await;
    is(&nodes[0], false).await;
    brokers.run("restart", Some(1)).await;
    is(&nodes[0], true).await;
    say(&*nodes[0], conversation(1), "and on").await;
    brokers.run("stop", None).await;
}

/// What became of all appends.
#[derive(Default)]
struct Whole {
    acknowledged: HashMap<(Stream, Offset), String>,
    unknown: HashSet<String>,
}

async fn all_said(writers: Vec<JoinHandle<Said>>) -> Whole {
    let mut whole = Whole::default();
    for (number, writer) in (0..CONVERSATIONS).zip(writers) {
        let said = timeout(RECOVERY_MAX * 2, writer).await.expect("every append is answered").unwrap();
        assert!(said.longest_wait < RECOVERY_MAX, "{number} waited {:?}", said.longest_wait);
        assert!(said.acknowledged.is_sorted_by_key(|(offset, _)| *offset), "{number} is out of order");
        whole.unknown.extend(said.unknown);
        let acknowledged = said.acknowledged.into_iter();
        whole.acknowledged.extend(acknowledged.map(|(at, text)| ((conversation(number), at), text)));
    }
    whole
}

impl Whole {
    /// Nothing is doubled, misordered or made up.
    fn agrees_with(&self, seen: &[Entry]) {
        assert_dense(seen, 0);
        let mut once = HashSet::new();
        for entry in seen.iter().filter(|entry| text_of(&entry.record) != WARM) {
            let text = text_of(&entry.record);
            assert!(once.insert(text.clone()), "{text} is there twice");
            let said = self.acknowledged.get(&(entry.stream, entry.offset));
            assert!(
                said == Some(&text) || self.unknown.contains(&text),
                "nobody said {text}, or it was refused"
            );
        }
    }
}

fn holds(seen: &[Entry], acknowledged: &HashMap<(Stream, Offset), String>) -> bool {
    let seen: HashSet<_> = seen.iter().map(|entry| (entry.stream, entry.offset)).collect();
    acknowledged.keys().all(|at| seen.contains(at))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute: two brokers of its own"]
async fn a_copy_of_a_log_on_another_cluster_is_another_log() {
    timeout(TEST_MAX, another_cluster()).await.expect("it took too long");
}

async fn another_cluster() {
    let clusters = [start(1).await, start(1).await];
    let log = connect(options(&clusters[0].bootstrap, "copied")).await;
    let first = log.identity().await.unwrap();
    log.close().await;
    // As a tool copies it that keeps the names of topics.
    let id = first.as_str().rsplit_once('/').unwrap().1;
    let (key, fact) = (format!("identity/{id}"), format!(r#"{{"fact":"identity","id":"{id}"}}"#));
    let stranger = Stranger::new(&clusters[1].bootstrap);
    stranger.create("copied.meta", "compact").await;
    stranger.write("copied.meta", Some(&key), Some(fact.as_bytes())).await;
    let copy = connect(options(&clusters[1].bootstrap, "copied")).await;
    let second = copy.identity().await.unwrap();
    assert_eq!(second.as_str().rsplit_once('/').unwrap().1, id);
    assert_ne!(first, second);
    for cluster in clusters {
        cluster.run("stop", None).await;
    }
}
