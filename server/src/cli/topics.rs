//! `topics`: what is kept in Kafka, and how far this node's views have come with it.

use super::{kafka_options, print, runtime};
use crate::{
    config::Config,
    telemetry,
    views::{Query, Views, ViewsError},
};
use anyhow::{Result, bail};
use kafkatalk_log::{
    Checkpoint, embedded,
    kafka::{Inventory, KafkaLog, Kind, TopicFacts},
};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _};

/// Conversations that are named where not all are.
const LARGEST_NAMED: usize = 5;

/// A topic, or all conversations' topics together.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
struct Line {
    topic: String,
    topics: usize,
    partitions: usize,
    /// The fewest of any partition.
    replicas: usize,
    in_sync: usize,
    leaderless: usize,
    /// Of the one partition, where there is one.
    begin: Option<u64>,
    end: Option<u64>,
    /// Offsets between beginning and end; erased and compacted records count.
    records: u64,
    /// How many of them the views have not taken; none where they follow no such stream, or there are no views.
    lag: Option<u64>,
    cleanup: String,
    settings: BTreeMap<String, String>,
    trouble: Option<String>,
}

#[derive(Debug, Serialize)]
struct Report {
    topics: Vec<Line>,
    conversations: Option<Line>,
    largest: Vec<Line>,
    /// Whether there are views of this log in the data folder.
    views: bool,
}

/// How it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Each conversation, and not only their sum.
    pub all: bool,
    /// For programs.
    pub json: bool,
}

pub(super) fn run(config: &Config, form: Form) -> Result<()> {
    let Some(kafka) = &config.kafka else {
        bail!(
            "the log is the embedded one, which has no topics: its streams are in {}. For a log on Kafka name its \
             brokers with --kafka HOST:PORT,...; `kafkatalk verify` counts the records of either",
            config.data.join(embedded::FILE).display()
        );
    };
    telemetry::start(config.log_format, &config.log_level);
    let inventory = runtime()?.block_on(KafkaLog::inventory(kafka_options(kafka)))?;
    if inventory.topics.is_empty() {
        let prefix = &kafka.topic_prefix;
        bail!("the brokers hold no topics under the prefix {prefix}: name another with --topic-prefix");
    }
    let checkpoint = match Views::look(&config.views_file(), &config.views, crate::features::registry()) {
        Ok(views) => Some(views.read_blocking(held)?),
        Err(ViewsError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let report = report(&inventory, checkpoint.as_ref(), &kafka.topic_prefix, form.all);
    if form.json {
        return print(&(serde_json::to_string_pretty(&report)? + "\n"));
    }
    print(&in_words(&report, &kafka.bootstrap))
}

fn held(views: &Query<'_>) -> Result<Checkpoint, ViewsError> {
    views.checkpoint()
}

fn line(topic: &TopicFacts, checkpoint: Option<&Checkpoint>) -> Line {
    let least = |count: fn(&kafkatalk_log::kafka::Partition) -> usize| {
        topic.partitions.iter().map(count).min().unwrap_or(0)
    };
    let one = match &topic.partitions[..] {
        [one] => one.offsets,
        _ => None,
    };
    let lag = checkpoint.zip(topic.kind.stream()).zip(topic.end());
    Line {
        topic: topic.name.clone(),
        topics: 1,
        partitions: topic.partitions.len(),
        replicas: least(|partition| partition.replicas),
        in_sync: least(|partition| partition.in_sync),
        leaderless: topic.partitions.iter().filter(|partition| !partition.led).count(),
        begin: one.map(|(begin, _)| begin),
        end: one.map(|(_, end)| end),
        records: topic.records(),
        lag: lag.map(|((views, stream), end)| end.saturating_sub(KafkaLog::position_of(stream, views))),
        cleanup: cleanup(&topic.settings),
        settings: topic.settings.clone(),
        trouble: topic.trouble.clone(),
    }
}

/// What is kept how long, in words.
fn cleanup(settings: &BTreeMap<String, String>) -> String {
    let policy = settings.get("cleanup.policy").map_or("not shown", String::as_str);
    let bound = |name: &str| settings.get(name).and_then(|bound| bound.parse::<u64>().ok());
    let seconds = bound("retention.ms").map(|ms| ms / 1_000);
    match (policy, seconds, bound("retention.bytes")) {
        ("delete", Some(seconds), None) => format!("delete after {seconds} s"),
        ("delete", None, Some(bytes)) => format!("delete above {bytes} bytes"),
        ("delete", Some(seconds), Some(bytes)) => format!("delete after {seconds} s or above {bytes} bytes"),
        ("delete", None, None) => "keeps all".into(),
        (other, ..) => other.into(),
    }
}

fn report(inventory: &Inventory, checkpoint: Option<&Checkpoint>, prefix: &str, all: bool) -> Report {
    let is_conversation = |topic: &&TopicFacts| matches!(topic.kind, Kind::Conversation(_));
    let (conversations, others): (Vec<_>, Vec<_>) = inventory.topics.iter().partition(is_conversation);
    let lines = |topics: Vec<&TopicFacts>| -> Vec<Line> {
        topics.into_iter().map(|topic| line(topic, checkpoint)).collect()
    };
    let (mut topics, mut each) = (lines(others), lines(conversations));
    let sum = sum(&each, &format!("{prefix}.conversation.*"), all);
    if all {
        topics.append(&mut each);
    }
    each.sort_by_key(|line| Reverse(line.records));
    each.truncate(LARGEST_NAMED);
    Report { topics, conversations: sum, largest: each, views: checkpoint.is_some() }
}

/// All conversations in one line.
fn sum(each: &[Line], topic: &str, all: bool) -> Option<Line> {
    let mut policies: Vec<_> = each.iter().map(|line| line.cleanup.as_str()).collect();
    policies.sort_unstable();
    policies.dedup();
    let troubled = each.iter().filter(|line| line.trouble.is_some()).count();
    let how_to_see = if all { "" } else { ": --all names them" };
    Some(Line {
        topic: topic.into(),
        topics: each.len(),
        partitions: each.iter().map(|line| line.partitions).sum(),
        replicas: each.iter().map(|line| line.replicas).min()?,
        in_sync: each.iter().map(|line| line.in_sync).min()?,
        leaderless: each.iter().map(|line| line.leaderless).sum(),
        begin: None,
        end: None,
        records: each.iter().map(|line| line.records).sum(),
        lag: each.iter().map(|line| line.lag).sum(),
        cleanup: policies.join(" or "),
        settings: BTreeMap::new(),
        trouble: (troubled > 0).then(|| format!("{troubled} topics in trouble{how_to_see}")),
    })
}

const HEADS: [&str; 8] =
    ["topic", "partitions", "copies", "in sync", "records", "offsets", "cleanup", "not in the views"];

fn cells(line: &Line) -> [String; 8] {
    let offsets = line.begin.zip(line.end).map(|(begin, end)| format!("{begin}..{end}"));
    [
        line.topic.clone(),
        line.partitions.to_string(),
        line.replicas.to_string(),
        line.in_sync.to_string(),
        line.records.to_string(),
        offsets.unwrap_or_else(|| "-".into()),
        line.cleanup.clone(),
        line.lag.map_or_else(|| "-".into(), |lag| lag.to_string()),
    ]
}

fn in_words(report: &Report, bootstrap: &str) -> String {
    let lines: Vec<_> = report.topics.iter().chain(&report.conversations).collect();
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(lines.iter().map(|line| cells(line)));
    let mut text = table(&rows);
    for line in &lines {
        if let Some(trouble) = &line.trouble {
            let _ = writeln!(text, "trouble: {}: {trouble}", line.topic);
        }
        if line.leaderless > 0 {
            let _ = writeln!(text, "trouble: {}: {} partitions have no leader", line.topic, line.leaderless);
        }
    }
    if !report.largest.is_empty() {
        text.push_str("\nlargest conversations:\n");
        for line in &report.largest {
            let _ = writeln!(text, "  {}  {} records", line.topic, line.records);
        }
    }
    if !report.views {
        text.push_str(
            "\nThere are no views of this log in the data folder, so what they lack is not known.\n",
        );
    }
    let _ = writeln!(
        text,
        "\nRecords are offsets between beginning and end; erased and compacted ones count. Bytes are told by Kafka's own\n\
         tool: kafka-log-dirs.sh --bootstrap-server {bootstrap} --describe --topic-list TOPIC,..."
    );
    text
}

/// Columns as wide as they need to be.
fn table(rows: &[[String; 8]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 8] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_log::{Ledger, kafka::Partition};
    use kafkatalk_protocol::ConversationId;
    use uuid::Uuid;

    fn topic(kind: Kind, name: &str, end: u64) -> TopicFacts {
        let partition = Partition { id: 0, led: true, replicas: 3, in_sync: 2, offsets: Some((1, end)) };
        let settings = [("cleanup.policy".to_owned(), "compact".to_owned())].into();
        TopicFacts { kind, name: name.into(), trouble: None, partitions: vec![partition], settings }
    }

    fn conversation(number: u128) -> Kind {
        Kind::Conversation(ConversationId(Uuid::from_u128(number)))
    }

    fn inventory() -> Inventory {
        let mut feed = topic(Kind::Feed, "k.feed", 9);
        feed.settings = [("cleanup.policy", "delete"), ("retention.ms", "3600000")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        let topics = vec![
            feed,
            topic(Kind::Ledger(Ledger::Users), "k.users", 5),
            topic(conversation(1), "k.conversation.one", 11),
            topic(conversation(2), "k.conversation.two", 21),
        ];
        Inventory { topics }
    }

    #[test]
    fn conversations_are_summed_and_the_largest_named() {
        let views = [(Kind::Ledger(Ledger::Users), 5), (conversation(2), 18)];
        let views = views.map(|(kind, position)| (kind.stream().unwrap().to_string(), position)).into();
        let report = report(&inventory(), Some(&views), "k", false);
        let sum = report.conversations.clone().unwrap();
        assert_eq!((sum.topics, sum.records, sum.lag, sum.in_sync), (2, 30, Some(11 + 3), 2));
        assert_eq!(report.largest[0].topic, "k.conversation.two");
        let text = in_words(&report, "b:1");
        assert!(
            text.contains("k.users") && text.contains("1..5") && text.contains("delete after 3600 s"),
            "{text}"
        );
        assert!(text.contains("kafka-log-dirs.sh --bootstrap-server b:1"), "{text}");
    }

    #[test]
    fn each_is_listed_where_all_are_asked_for_and_what_views_lack_is_not_made_up() {
        let report = report(&inventory(), None, "k", true);
        assert_eq!(report.topics.len(), 4);
        assert!(report.largest.is_empty() && report.topics.iter().all(|line| line.lag.is_none()));
        assert_eq!(report.conversations.as_ref().unwrap().lag, None);
        assert!(in_words(&report, "b:1").contains("There are no views of this log"));
    }

    #[test]
    fn what_goes_by_size_is_not_said_to_be_kept() {
        let kept = |ms: &str, bytes: &str| {
            let settings = [("cleanup.policy", "delete"), ("retention.ms", ms), ("retention.bytes", bytes)];
            cleanup(&settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
        };
        assert_eq!(kept("-1", "-1"), "keeps all");
        assert_eq!(kept("-1", "9"), "delete above 9 bytes");
        assert_eq!(kept("2000", "9"), "delete after 2 s or above 9 bytes");
    }
}
