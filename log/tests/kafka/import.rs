//! Taking over an embedded log.

use crate::{
    Kafka, Version, connect,
    contract::support::{WAIT_MAX, at, conversation, follow, message, raw, say},
    stays_away,
    stranger::{stranger, topic},
};
use async_trait::async_trait;
use kafkatalk_log::{
    AppendError, Checkpoint, EventLog, Health, Ledger, Level, LogIdentity, Page, ReadError, Record, RecordId,
    Signal, Signals, Stream, Tail,
    embedded::{EmbeddedLog, EmbeddedOptions},
    kafka::{ImportError, ImportFigures, KafkaLog, KafkaReader, Kind},
    limits::PAGE_RECORDS_MAX,
};
use kafkatalk_protocol::{Offset, Timestamp};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};

/// An import waits for brokers that fail, several times if need be.
const IMPORT_MAX: Duration = Duration::from_mins(5);

const CONVERSATIONS: u128 = 12;

/// An embedded log with some life in it, and how far its streams go.
struct Grown {
    _folder: TempDir,
    log: Arc<EmbeddedLog>,
    streams: Vec<(Stream, Offset)>,
}

impl Grown {
    async fn up() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(EmbeddedLog::open(folder.path(), EmbeddedOptions::default()).unwrap());
        for number in 0..CONVERSATIONS {
            let mut said = Vec::new();
            for turn in 0..=number * 3 {
                let record = raw(&format!("{{ \"body\" : \"{turn} \\u00e4 ü\" }}"));
                said.push(record.id);
                log.append(conversation(number), record).await.unwrap();
            }
            // The first, two in a row, and the last of some.
            let places = [0, 5, 6, said.len() - 1];
            for place in places.into_iter().filter(|place| number % 2 == 1 && *place < said.len()) {
                log.erase(conversation(number), said[place], at()).await.unwrap();
            }
        }
        for turn in 0..20 {
            say(&*log, Stream::Ledger(Ledger::Users), "claimed").await;
            let read = message("read").keyed(format!("person {}", turn % 3));
            log.append(Stream::Ledger(Ledger::Receipts), read).await.unwrap();
        }
        let streams = log.streams().await.unwrap();
        assert_eq!(streams.len(), 14, "a ledger that nobody wrote to is none");
        Self { _folder: folder, log, streams }
    }

    fn total(&self) -> u64 {
        self.streams.iter().map(|(_, end)| end.0).sum()
    }

    async fn import(&self, kafka: &Kafka) -> Result<ImportFigures, ImportError> {
        self.import_from(Arc::clone(&self.log) as Arc<dyn EventLog>, kafka).await
    }

    /// The same, with a log in front of it that fails after so many reads.
    async fn import_until(&self, reads: usize, kafka: &Kafka) -> Result<ImportFigures, ImportError> {
        let breaking = Breaking { log: Arc::clone(&self.log), reads: AtomicUsize::new(reads), never: None };
        self.import_from(Arc::new(breaking), kafka).await
    }

    /// The same, with a log in front of it that cannot read a stream.
    async fn import_without(&self, stream: Stream, kafka: &Kafka) -> Result<ImportFigures, ImportError> {
        let (log, reads) = (Arc::clone(&self.log), AtomicUsize::new(usize::MAX));
        self.import_from(Arc::new(Breaking { log, reads, never: Some(stream) }), kafka).await
    }

    async fn import_from(&self, log: Arc<dyn EventLog>, kafka: &Kafka) -> Result<ImportFigures, ImportError> {
        let imported = KafkaLog::import(kafka.options.clone(), log, self.streams.clone(), |_| {});
        timeout(IMPORT_MAX, imported).await.expect("it ends")
    }

    /// Every record is where it was, to the letter, and nothing else is there.
    async fn is_in(&self, kafka: &Kafka) {
        let log = connect(kafka.options.clone()).await;
        for (stream, end) in &self.streams {
            let (one, other) = (whole(&*self.log, *stream).await, whole(&*log, *stream).await);
            assert_eq!(one, other, "{stream}");
            assert_eq!(log.read(*stream, Offset(0), 1).await.unwrap().end, *end, "{stream}");
        }
        log.close().await;
    }
}

/// Each record of a stream with its offset, as a stranger would read it.
async fn whole(log: &dyn EventLog, stream: Stream) -> Vec<(u64, String)> {
    let entries = crate::contract::support::read_all(log, stream).await;
    let text = |record: &Record| serde_json::to_string(record).unwrap();
    entries.iter().map(|entry| (entry.offset.0, text(&entry.record))).collect()
}

struct Breaking {
    log: Arc<EmbeddedLog>,
    reads: AtomicUsize,
    never: Option<Stream>,
}

#[async_trait]
impl EventLog for Breaking {
    async fn identity(&self) -> Result<LogIdentity, ReadError> {
        self.log.identity().await
    }
    async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError> {
        let left = self.reads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let left = left.ok().filter(|_| self.never != Some(stream));
        left.ok_or_else(|| ReadError::Unavailable("the machine was switched off".into()))?;
        self.log.read(stream, from, limit).await
    }
    async fn append(&self, _: Stream, _: Record) -> Result<Offset, AppendError> {
        panic!("the source is only read")
    }
    async fn prepare(&self, _: Stream) -> Result<(), AppendError> {
        panic!("the source is only read")
    }
    async fn tail(&self, _: Checkpoint) -> Result<Box<dyn Tail>, ReadError> {
        panic!("the source is only read")
    }
    async fn ends(&self) -> Result<Checkpoint, ReadError> {
        panic!("the source is only read")
    }
    async fn erase(&self, _: Stream, _: RecordId, _: Timestamp) -> Result<Offset, AppendError> {
        panic!("the source is only read")
    }
    fn publish(&self, _: Signal) {
        panic!("the source is only read")
    }
    fn subscribe(&self) -> Signals {
        panic!("the source is only read")
    }
    fn level(&self) -> watch::Receiver<Level> {
        self.log.level()
    }
    fn health(&self) -> watch::Receiver<Health> {
        self.log.health()
    }
    async fn close(&self) {}
}

async fn topics(kafka: &Kafka) -> Vec<(Kind, u64)> {
    let inventory = KafkaLog::inventory(kafka.options.clone()).await.unwrap();
    inventory.topics.iter().map(|topic| (topic.kind, topic.records())).collect()
}

async fn every_record_stands_at_its_own_offset_and_people_go_on_behind_it(kafka: Kafka) {
    let grown = Grown::up().await;
    let figures = grown.import(&kafka).await.unwrap();
    assert_eq!(figures.records + figures.holes, grown.total());
    assert_eq!((figures.compared, figures.before, figures.left), (grown.total(), 0, 0));
    assert!(figures.holes > 10, "{figures:?}");
    grown.is_in(&kafka).await;
    let log = connect(kafka.options.clone()).await;
    let records = usize::try_from(figures.records).unwrap();
    follow(&mut *log.tail(Checkpoint::new()).await.unwrap(), &mut Checkpoint::new(), records).await;
    for (stream, end) in &grown.streams {
        assert_eq!(say(&*log, *stream, "on").await, *end, "{stream}");
    }
}

async fn an_import_that_breaks_off_anywhere_goes_on_and_doubles_nothing(kafka: Kafka) {
    let grown = Grown::up().await;
    let (mut breaks, mut reads) = (0, 3);
    let figures = loop {
        match grown.import_until(reads, &kafka).await {
            Ok(figures) => break figures,
            Err(ImportError::Source(_)) => breaks += 1,
            Err(error) => panic!("{error}"),
        }
        reads += 7;
    };
    assert!(breaks >= 4, "{breaks}");
    assert_eq!(figures.before + figures.records + figures.holes, grown.total());
    assert!(figures.before > 0);
    grown.is_in(&kafka).await;
}

async fn the_feature_level_goes_with_the_records(kafka: Kafka) {
    let grown = Grown::up().await;
    let level = *grown.log.level().borrow();
    assert!(level > Level(0));
    grown.import(&kafka).await.unwrap();
    let too_old = kafka.options_of(&Version::of_level(level.0 - 1));
    let too_old = KafkaLog::connect(too_old).unwrap();
    stays_away(&too_old, &[&format!("level {level}"), "start a newer version"]).await;
    let log = connect(kafka.options.clone()).await;
    assert_eq!(*log.level().borrow(), level, "as soon as the log is open");
}

async fn an_import_that_is_complete_has_nothing_to_do(kafka: Kafka) {
    let grown = Grown::up().await;
    grown.import(&kafka).await.unwrap();
    let figures = grown.import(&kafka).await.unwrap();
    assert_eq!((figures.records, figures.holes, figures.before), (0, 0, grown.total()));
    assert_eq!(figures.compared, grown.total());
}

async fn no_node_starts_on_a_half_imported_log(kafka: Kafka) {
    let grown = Grown::up().await;
    // Breaks off among the conversations, and in the last ledger.
    let users = Stream::Ledger(Ledger::Users);
    for (only, refused) in [(Some(20), "was broken off"), (None, "is not finished")] {
        let broken = match only {
            Some(reads) => grown.import_until(reads, &kafka).await,
            None => grown.import_without(users, &kafka).await,
        };
        assert!(matches!(broken, Err(ImportError::Source(_))), "{broken:?}");
        let log = KafkaLog::connect(kafka.options.clone()).unwrap();
        let told = |health: &Health| {
            matches!(health, Health::Unavailable(why)
            if why.contains(refused) && why.contains("run `kafkatalk migrate` again"))
        };
        timeout(WAIT_MAX, log.health().wait_for(told)).await.expect(refused).unwrap();
        assert!(log.append(users, message("too early")).await.is_err());
        log.close().await;
    }
    grown.import(&kafka).await.unwrap();
    grown.is_in(&kafka).await;
}

async fn a_target_that_holds_something_else_is_refused_and_left_as_it_is(kafka: Kafka) {
    let grown = Grown::up().await;
    let (stranger, other) = (stranger(&kafka), topic(&kafka, conversation(3)));
    stranger.create(&other, "compact").await;
    stranger.write(&other, Some("key"), Some(b"{}")).await;
    let refused = grown.import(&kafka).await;
    let told = matches!(&refused, Err(ImportError::Differs { topic, offset: 0, .. }) if *topic == other);
    assert!(told, "{refused:?}");
    let Kind::Conversation(id) = topics(&kafka).await[0].0 else { panic!("no conversation") };
    assert_eq!(topics(&kafka).await, [(Kind::Conversation(id), 1)]);
}

async fn a_topic_that_goes_further_than_its_stream_is_refused(kafka: Kafka) {
    let grown = Grown::up().await;
    grown.import(&kafka).await.unwrap();
    let further = topic(&kafka, conversation(0));
    stranger(&kafka).write(&further, Some("key"), Some(b"{}")).await;
    let refused = grown.import(&kafka).await;
    let told = matches!(&refused, Err(ImportError::Longer { topic, offset: 1 }) if *topic == further);
    assert!(told, "{refused:?}");
}

async fn a_target_with_conversations_of_others_is_refused(kafka: Kafka) {
    let grown = Grown::up().await;
    let others = topic(&kafka, conversation(CONVERSATIONS + 1));
    stranger(&kafka).create(&others, "compact").await;
    let refused = grown.import(&kafka).await;
    assert!(matches!(&refused, Err(ImportError::Stranger { topic }) if *topic == others), "{refused:?}");
}

async fn a_target_that_nodes_serve_is_refused(kafka: Kafka) {
    let grown = Grown::up().await;
    let log = connect(kafka.options.clone()).await;
    let refused = grown.import(&kafka).await;
    assert!(matches!(refused, Err(ImportError::Served { .. })), "{refused:?}");
    log.close().await;
}

async fn a_reader_reads_all_and_leaves_nothing_behind(kafka: Kafka) {
    let grown = Grown::up().await;
    grown.import(&kafka).await.unwrap();
    let before = topics(&kafka).await;
    let reader = KafkaReader::open(kafka.options.clone()).unwrap();
    for (stream, end) in &grown.streams {
        let page =
            timeout(WAIT_MAX, reader.read(*stream, Offset(0), PAGE_RECORDS_MAX)).await.unwrap().unwrap();
        let records = whole(&*grown.log, *stream).await.len();
        assert_eq!((page.end, page.entries.len()), (*end, records), "{stream}");
    }
    reader.close().await;
    assert_eq!(topics(&kafka).await, before, "as a node it would have made a feed");
}

async fn an_empty_ledger_that_was_made_beforehand_keeps_all_while_it_is_filled(kafka: Kafka) {
    let grown = Grown::up().await;
    let (stranger, users) = (stranger(&kafka), Stream::Ledger(Ledger::Users));
    let ledger = topic(&kafka, users);
    stranger.create(&ledger, "compact").await;
    let broken = grown.import_without(users, &kafka).await;
    assert!(matches!(broken, Err(ImportError::Source(_))), "{broken:?}");
    stranger.shows(&ledger, &[("cleanup.policy", "delete"), ("retention.ms", "-1")]).await;
    grown.import(&kafka).await.unwrap();
    stranger.shows(&ledger, &[("cleanup.policy", "compact")]).await;
    grown.is_in(&kafka).await;
}

async fn a_ledger_that_is_not_whole_and_may_forget_is_refused_before_anything_is_written(kafka: Kafka) {
    let mut grown = Grown::up().await;
    grown.import(&kafka).await.unwrap();
    let before = topics(&kafka).await;
    say(&*grown.log, Stream::Ledger(Ledger::Users), "later").await;
    say(&*grown.log, conversation(CONVERSATIONS + 1), "later").await;
    grown.streams = grown.log.streams().await.unwrap();
    let refused = grown.import(&kafka).await;
    let ledger = topic(&kafka, Stream::Ledger(Ledger::Users));
    assert!(matches!(&refused, Err(ImportError::Topic(why)) if why.contains(&ledger)), "{refused:?}");
    assert_eq!(topics(&kafka).await, before);
}

async fn a_topic_with_fewer_copies_than_asked_for_is_refused(mut kafka: Kafka) {
    let grown = Grown::up().await;
    stranger(&kafka).create(&topic(&kafka, conversation(3)), "compact").await;
    kafka.options.replication_factor = 3;
    let refused = grown.import(&kafka).await;
    let told = matches!(&refused, Err(ImportError::Topic(why))
        if why.contains("has 1 copies") && why.contains("asked for is 3") && why.contains("--replication-factor 1"));
    assert!(told, "{refused:?}");
    assert_eq!(topics(&kafka).await.len(), 1);
}

mod kafka {
    tests! {
        every_record_stands_at_its_own_offset_and_people_go_on_behind_it,
        an_import_that_breaks_off_anywhere_goes_on_and_doubles_nothing,
        the_feature_level_goes_with_the_records,
        an_import_that_is_complete_has_nothing_to_do,
        no_node_starts_on_a_half_imported_log,
        a_target_that_holds_something_else_is_refused_and_left_as_it_is,
        a_topic_that_goes_further_than_its_stream_is_refused,
        a_target_with_conversations_of_others_is_refused,
        a_target_that_nodes_serve_is_refused,
        a_reader_reads_all_and_leaves_nothing_behind,
        an_empty_ledger_that_was_made_beforehand_keeps_all_while_it_is_filled,
        a_ledger_that_is_not_whole_and_may_forget_is_refused_before_anything_is_written,
        a_topic_with_fewer_copies_than_asked_for_is_refused,
    }
}
