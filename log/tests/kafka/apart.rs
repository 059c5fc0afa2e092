//! What is particular to Kafka: several nodes, what the feed does not tell, and strangers on the same brokers.

use crate::{
    Kafka, connect,
    contract::{
        self, Harness, Sizes,
        support::{assert_dense, conversation, follow, message, read_all, say, texts},
    },
    stranger::{stranger, topic},
};
use kafkatalk_log::{
    AppendError, Checkpoint, Entry, EventLog, Health, Ledger, Record, Stream,
    kafka::{KafkaLog, KafkaOptions},
};
use kafkatalk_protocol::Offset;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

fn json(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).unwrap()
}

/// Everything that a node without any checkpoint is handed out.
async fn all(log: &KafkaLog, count: usize) -> Vec<Entry> {
    follow(&mut *log.tail(Checkpoint::new()).await.unwrap(), &mut Checkpoint::new(), count).await
}

/// A node that is killed between the append and the feed leaves just that: a record in the topic.
async fn a_record_that_the_feed_never_told_is_found_by_the_sweep(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    say(&*log, conversation(1), "told").await;
    follow(&mut *tail, &mut Checkpoint::new(), 1).await;
    let untold = message("untold");
    let topic = topic(&kafka, conversation(1));
    stranger(&kafka).write(&topic, Some(&untold.id.to_string()), Some(&json(&untold))).await;
    assert_eq!(texts(&follow(&mut *tail, &mut Checkpoint::new(), 1).await), ["untold"]);
    // And what comes after it is not held up.
    say(&*log, conversation(1), "after").await;
    assert_eq!(texts(&follow(&mut *tail, &mut Checkpoint::new(), 1).await), ["after"]);
}

async fn producers_are_added_for_more_conversations_and_each_keeps_its_order(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let begun = log.producer_count();
    assert!(begun < kafka.options.producers);
    let speak = async |from: usize, to: usize| {
        let all = (0..8).map(|number| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for said in from..to {
                    say(&*log, conversation(number), &said.to_string()).await;
                }
            })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.unwrap();
        }
    };
    speak(0, 20).await;
    let grown = async |count: usize| {
        let there = async {
            while log.producer_count() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), there).await.expect("no producers were added");
    };
    grown(begun + 1).await;
    // These go to the new ones, until there are as many as there may be.
    for number in 8..12 {
        say(&*log, conversation(number), "first").await;
    }
    grown(kafka.options.producers).await;
    speak(20, 40).await;
    let expected: Vec<_> = (0..40).map(|said| said.to_string()).collect();
    for number in 0..8 {
        assert_eq!(texts(&read_all(&*log, conversation(number)).await), expected);
    }
}

async fn two_nodes_see_the_same(kafka: Kafka) {
    let nodes = [connect(kafka.options.clone()).await, connect(kafka.options.clone()).await];
    let mut tails = Vec::new();
    for node in &nodes {
        tails.push(node.tail(Checkpoint::new()).await.unwrap());
    }
    let writers = nodes.iter().enumerate().map(|(number, node)| {
        let node = Arc::clone(node);
        tokio::spawn(async move {
            for said in 0..100 {
                say(&*node, conversation(said % 3), &format!("{number}-{said}")).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let mut seen = Vec::new();
    for tail in &mut tails {
        let mut entries = follow(&mut **tail, &mut Checkpoint::new(), 200).await;
        assert_dense(&entries, 0);
        entries.sort_by_key(|entry| (entry.stream, entry.offset));
        seen.push(texts(&entries));
    }
    assert_eq!(seen[0], seen[1]);
}

async fn a_node_that_starts_empty_beside_full_ones_catches_up_while_they_go_on(kafka: Kafka) {
    let full = connect(kafka.options.clone()).await;
    for number in 0..50 {
        say(&*full, conversation(number % 5), &number.to_string()).await;
    }
    let writer = {
        let full = Arc::clone(&full);
        tokio::spawn(async move {
            for number in 50..100 {
                say(&*full, conversation(number % 5), &number.to_string()).await;
            }
        })
    };
    let empty = connect(kafka.options.clone()).await;
    let entries = all(&empty, 100).await;
    writer.await.unwrap();
    assert_dense(&entries, 0);
}

async fn garbage_in_the_feed_changes_nothing(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    say(&*log, conversation(1), "a").await;
    let mut entries = follow(&mut *tail, &mut Checkpoint::new(), 1).await;
    let (feed, stranger) = (format!("{}.feed", kafka.options.topic_prefix), stranger(&kafka));
    let Stream::Conversation(id) = conversation(1) else { return };
    let (id, node) = (id.to_string(), Uuid::new_v4().to_string());
    stranger.write(&feed, None, None).await;
    stranger.write(&feed, Some("no id"), Some(b"\xff\xfe{")).await;
    stranger.write(&feed, Some(&id), Some(b"no headers")).await;
    for offset in ["1", "2", "7", "-1", "NaN", "1000000000000", "18446744073709551615"] {
        let headers = [("offset", offset), ("node", node.as_str())];
        stranger.write_with(&feed, Some(&id), Some(b"not json"), &headers).await;
    }
    // A record that lies far beyond the end, and a conversation that does not exist.
    let (lie, nowhere) = (json(&message("lie")), Uuid::new_v4().to_string());
    let headers = [("offset", "900"), ("node", node.as_str())];
    stranger.write_with(&feed, Some(&id), Some(&lie), &headers).await;
    stranger.write_with(&feed, Some(&nowhere), Some(&lie), &headers).await;
    for text in ["b", "c"] {
        say(&*log, conversation(1), text).await;
    }
    entries.extend(follow(&mut *tail, &mut Checkpoint::new(), 2).await);
    assert_eq!(texts(&entries), ["a", "b", "c"]);
    assert_dense(&entries, 0);
}

async fn copies_that_are_doubled_and_out_of_order_change_nothing(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    say(&*log, conversation(1), "0").await;
    let mut entries = follow(&mut *tail, &mut Checkpoint::new(), 1).await;
    let (feed, stranger) = (format!("{}.feed", kafka.options.topic_prefix), stranger(&kafka));
    let Stream::Conversation(id) = conversation(1) else { return };
    let (id, node, topic) = (id.to_string(), Uuid::new_v4().to_string(), topic(&kafka, conversation(1)));
    let records: Vec<_> = (1..6).map(|number| message(&number.to_string())).collect();
    for (at, record) in records.iter().enumerate() {
        let offset = stranger.write(&topic, Some(&record.id.to_string()), Some(&json(record))).await;
        assert_eq!(offset, i64::try_from(at).unwrap() + 1);
    }
    for at in [4_usize, 2, 2, 0, 4, 1, 0] {
        let headers = [("offset", &*(at + 1).to_string()), ("node", &*node)];
        stranger.write_with(&feed, Some(&id), Some(&json(&records[at])), &headers).await;
    }
    entries.extend(follow(&mut *tail, &mut Checkpoint::new(), 5).await);
    assert_eq!(texts(&entries), ["0", "1", "2", "3", "4", "5"]);
}

async fn garbage_in_a_conversation_is_stepped_over(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    say(&*log, conversation(1), "a").await;
    let (topic, stranger) = (topic(&kafka, conversation(1)), stranger(&kafka));
    stranger.write(&topic, Some("k"), Some(b"\x00\x01 not json")).await;
    stranger.write(&topic, Some("k2"), Some(b"{\"id\":1}")).await;
    stranger.write(&topic, Some("k3"), None).await;
    assert_eq!(say(&*log, conversation(1), "b").await, Offset(4));
    for entries in [
        follow(&mut *tail, &mut Checkpoint::new(), 2).await,
        all(&*connect(kafka.options.clone()).await, 2).await,
        log.read(conversation(1), Offset(0), 10).await.unwrap().entries,
    ] {
        assert_eq!(texts(&entries), ["a", "b"]);
        assert_eq!(entries[1].offset, Offset(4));
    }
}

async fn garbage_in_a_ledger_is_stepped_over(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let users = Stream::Ledger(Ledger::Users);
    say(&*log, users, "a").await;
    stranger(&kafka).write(&topic(&kafka, users), Some("k"), Some(b"garbage")).await;
    assert_eq!(say(&*log, users, "b").await, Offset(2));
    assert_eq!(texts(&follow(&mut *tail, &mut Checkpoint::new(), 2).await), ["a", "b"]);
}

async fn a_topic_deleted_behind_our_back_is_named_and_disturbs_no_other(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    say(&*log, conversation(1), "lost").await;
    say(&*log, conversation(2), "kept").await;
    follow(&mut *tail, &mut Checkpoint::new(), 2).await;
    let topic = topic(&kafka, conversation(1));
    stranger(&kafka).delete(&topic).await;
    let refused = loop {
        match log.append(conversation(1), message("more")).await {
            // The brokers delete a topic a moment after they say so, and what was on its way then is open.
            Ok(_) | Err(AppendError::Unknown(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(&refused, AppendError::Unavailable(why) if why.contains(&topic)), "{refused:?}");
    say(&*log, conversation(2), "still kept").await;
    let mut told = Vec::new();
    while !told.iter().any(|text| text == "still kept") {
        told.extend(texts(&follow(&mut *tail, &mut Checkpoint::new(), 1).await));
    }
}

async fn a_ledger_that_would_lose_records_is_refused_by_name(kafka: Kafka) {
    let users = topic(&kafka, Stream::Ledger(Ledger::Users));
    stranger(&kafka).create(&users, "delete").await;
    let log = KafkaLog::connect(kafka.options.clone()).unwrap();
    let told = |health: &Health| matches!(health, Health::Unavailable(why) if why.contains(&users) && why.contains("cleanup.policy"));
    log.health().wait_for(told).await.unwrap();
    assert!(matches!(log.append(conversation(1), message("no")).await, Err(AppendError::Unavailable(_))));
}

async fn a_log_whose_brokers_are_not_there_says_so_and_recovers_by_itself(kafka: Kafka) {
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap();
    drop(door);
    let options = KafkaOptions { bootstrap: address.to_string(), ..kafka.options.clone() };
    let log = KafkaLog::connect(options).unwrap();
    let told =
        |health: &Health| matches!(health, Health::Unavailable(why) if why.contains(&address.to_string()));
    log.health().wait_for(told).await.unwrap();
    let refused = log.append(conversation(1), message("not yet")).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    let mut tail = log.tail(Checkpoint::new()).await.unwrap();
    let door = TcpListener::bind(address).await.unwrap();
    let behind = kafka.options.bootstrap.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = door.accept().await {
            let behind = behind.clone();
            tokio::spawn(async move {
                let mut broker = TcpStream::connect(behind).await.unwrap();
                copy_bidirectional(&mut client, &mut broker).await.ok();
            });
        }
    });
    log.health().wait_for(|health| *health == Health::Ready).await.unwrap();
    say(&log, conversation(1), "now").await;
    assert_eq!(texts(&follow(&mut *tail, &mut Checkpoint::new(), 1).await), ["now"]);
}

/// The harness of the suite's test with ten thousand streams.
struct Wide(Kafka);

impl Harness for Wide {
    const SIZES: Sizes = Sizes { streams: 10_000, ..Kafka::SIZES };
    const FORGETS_WITHIN: Duration = Kafka::FORGETS_WITHIN;

    async fn new(test: &str) -> Self {
        Self(Kafka::new(test).await)
    }
    async fn open(&self) -> Arc<dyn EventLog> {
        self.0.open().await
    }
    fn location(&self) -> String {
        self.0.location()
    }
    fn files(&self) -> Vec<PathBuf> {
        self.0.files()
    }
    async fn open_at(location: &str) -> Arc<dyn EventLog> {
        Kafka::open_at(location).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: a broker makes 50 to 500 topics a second"]
async fn ten_thousand_topics_are_followed_as_one() {
    let wide = Wide::new("wide").await;
    contract::many::ten_thousand_streams_are_followed_as_one(wide).await;
}

mod kafka {
    tests! {
        a_record_that_the_feed_never_told_is_found_by_the_sweep,
        producers_are_added_for_more_conversations_and_each_keeps_its_order,
        two_nodes_see_the_same,
        a_node_that_starts_empty_beside_full_ones_catches_up_while_they_go_on,
        garbage_in_the_feed_changes_nothing,
        copies_that_are_doubled_and_out_of_order_change_nothing,
        garbage_in_a_conversation_is_stepped_over,
        garbage_in_a_ledger_is_stepped_over,
        a_topic_deleted_behind_our_back_is_named_and_disturbs_no_other,
        a_ledger_that_would_lose_records_is_refused_by_name,
        a_log_whose_brokers_are_not_there_says_so_and_recovers_by_itself,
    }
}
