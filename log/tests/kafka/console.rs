//! Another team: Kafka's own console consumer, and a reader that knows no more than docs/protocol.md says. Nothing here
//! uses the adapter's types for records.

use crate::{
    Kafka, broker, connect,
    contract::support::{at, conversation, raw},
    stranger::topic,
};
use kafkatalk_log::{EventLog, Record, Stream};
use kafkatalk_protocol::UserId;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use uuid::Uuid;

/// What the console consumer prints for a message without a value.
const NO_VALUE: &str = "null";

/// A message of the topic as the console consumer tells it: its offset, its key and its value.
struct Told {
    offset: u64,
    key: String,
    value: String,
}

/// The first messages of a topic.
async fn consume(kafka: &Kafka, stream: Stream, count: usize) -> Vec<Told> {
    let mut command = Command::new(broker::script());
    command.args(["consume", &kafka.options.bootstrap, &topic(kafka, stream), &count.to_string()]);
    command.stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success());
    let told: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(told).collect();
    assert_eq!(told.len(), count);
    told
}

fn told(line: &str) -> Told {
    let mut parts = line.splitn(3, '\t');
    let mut part = || parts.next().unwrap_or_else(|| panic!("{line}"));
    let offset = part().strip_prefix("Offset:").unwrap().parse().unwrap();
    Told { offset, key: part().into(), value: part().into() }
}

/// A message as somebody sees it who reads the conversation.
#[derive(Debug, PartialEq)]
struct Message {
    offset: u64,
    id: Uuid,
    author: Uuid,
    at: String,
    body: String,
}

fn uuid(value: &Value) -> Uuid {
    value.as_str().unwrap().parse().unwrap()
}

/// A conversation by the rules of docs/protocol.md.
fn messages(told: &[Told]) -> Vec<Message> {
    let records = told.iter().filter(|told| told.value != NO_VALUE);
    let records: Vec<(&Told, Value)> =
        records.map(|told| (told, serde_json::from_str(&told.value).unwrap())).collect();
    let erased: Vec<_> = records
        .iter()
        .filter(|(_, record)| record["kind"] == "record.erased")
        .map(|(it, _)| &it.key)
        .collect();
    let mut messages: Vec<Message> = Vec::new();
    for (told, record) in &records {
        let key = record.get("key").unwrap_or(&record["id"]);
        assert_eq!(told.key, key.as_str().unwrap());
        if record["kind"] != "message.posted" || erased.contains(&&told.key) {
            continue;
        }
        let message = Message {
            offset: told.offset,
            id: uuid(&record["payload"]["id"]),
            author: uuid(&record["author"]),
            at: record["at"].as_str().unwrap().into(),
            body: record["payload"]["body"].as_str().unwrap().into(),
        };
        if messages.iter().all(|other| (other.author, other.id) != (message.author, message.id)) {
            messages.push(message);
        }
    }
    messages
}

fn posted(author: u128, id: u128, body: &str) -> Record {
    let payload = json!({ "id": Uuid::from_u128(id), "body": body }).to_string();
    Record { author: Some(UserId(Uuid::from_u128(author))), ..raw(&payload) }
}

fn seen(offset: u64, author: u128, id: u128, body: &str) -> Message {
    let (id, author) = (Uuid::from_u128(id), Uuid::from_u128(author));
    Message { offset, id, author, at: "2026-01-31T09:15:00.123Z".into(), body: body.into() }
}

const ALICE: u128 = 1;
const BOB: u128 = 2;
/// What one line of the console must hold, and the tab between key and value must not be taken for.
const HARD: &str = "two\nlines,\ta tab, \"quotes\" and 🙂";

async fn kafkas_own_console_consumer_reads_a_conversation(kafka: Kafka) {
    let log = connect(kafka.options.clone()).await;
    let stream = conversation(1);
    let secret = posted(BOB, 12, "a secret");
    let secret_id = secret.id;
    let unknown = Record { kind: "from.the.future".into(), ..raw(r#"{"body":"?"}"#) };
    for record in [
        posted(ALICE, 11, HARD),
        secret,
        // Alice's device tried again; another person may have chosen the same id.
        posted(ALICE, 11, "again"),
        posted(BOB, 11, "mine"),
        unknown,
    ] {
        log.append(stream, record).await.unwrap();
    }
    let told = consume(&kafka, stream, 5).await;
    assert_eq!(told.iter().map(|told| told.offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let (first, third) = (seen(0, ALICE, 11, HARD), seen(3, BOB, 11, "mine"));
    assert_eq!(messages(&told), [first, seen(1, BOB, 12, "a secret"), third]);

    log.erase(stream, secret_id, at()).await.unwrap();
    // The erasure, and the message without a value that lets the brokers forget; or the erased record still, and no such.
    let told = consume(&kafka, stream, 6).await;
    let (first, third) = (seen(0, ALICE, 11, HARD), seen(3, BOB, 11, "mine"));
    assert_eq!(messages(&told), [first, third]);
}

mod kafka {
    #[test]
    fn kafkas_own_console_consumer_reads_a_conversation() {
        let name = "kafkas_own_console_consumer_reads_a_conversation";
        crate::contract::run::<super::Kafka>(name, super::kafkas_own_console_consumer_reads_a_conversation);
    }
}
