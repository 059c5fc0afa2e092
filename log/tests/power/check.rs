//! Compares a log with what its callers know.

use super::facts::Facts;
use kafkatalk_log::embedded::EmbeddedLog;
use kafkatalk_log::{Checkpoint, Entry, EventLog, Record, RecordId, Stream};
use kafkatalk_protocol::Offset;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// A page of a read.
const PAGE_RECORDS: usize = 500;

/// All that a log has: each stream's records by their offsets, and its end.
pub(crate) type Contents = BTreeMap<Stream, (BTreeMap<u64, Record>, u64)>;

/// What is not as it was promised.
#[derive(Debug, Default)]
pub(crate) struct Mismatches {
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) misordered: Vec<String>,
    pub(crate) other: Vec<String>,
}

impl Mismatches {
    pub(crate) fn is_empty(&self) -> bool {
        [&self.lost, &self.doubled, &self.misordered, &self.other].iter().all(|some| some.is_empty())
    }

    pub(crate) fn counts(&self) -> [usize; 4] {
        [self.lost.len(), self.doubled.len(), self.misordered.len(), self.other.len()]
    }
}

/// Reads all that a log has, stream by stream.
pub(crate) async fn read(log: &EmbeddedLog) -> Result<Contents, String> {
    let mut contents = Contents::new();
    for (stream, end) in log.streams().await.map_err(|error| error.to_string())? {
        let (mut records, mut from) = (BTreeMap::new(), Offset(0));
        while from < end {
            let page = log.read(stream, from, PAGE_RECORDS).await.map_err(|error| error.to_string())?;
            records.extend(
                page.entries.into_iter().map(|entry| (entry.offset.0, entry.record.as_ref().clone())),
            );
            if page.next <= from {
                return Err(format!("{stream}: a page from {from:?} leads nowhere"));
            }
            from = page.next;
        }
        contents.insert(stream, (records, end.0));
    }
    Ok(contents)
}

/// Follows a log from its beginning to its end.
async fn follow(log: &EmbeddedLog) -> Result<Vec<Entry>, String> {
    let mut tail = log.tail(Checkpoint::new()).await.map_err(|error| error.to_string())?;
    let mut entries = Vec::new();
    loop {
        let batch = tail.next().await.map_err(|error| error.to_string())?.ok_or("the tail ended")?;
        entries.extend(batch.entries);
        if batch.caught_up {
            return Ok(entries);
        }
    }
}

/// Compares a log, which was just opened, with what is known.
pub(crate) async fn log(log: &EmbeddedLog, facts: &Facts) -> Mismatches {
    let mut wrong = Mismatches::default();
    let contents = match read(log).await {
        Ok(contents) => contents,
        Err(error) => {
            wrong.other.push(error);
            return wrong;
        }
    };
    compare(&contents, facts, &mut wrong);
    match follow(log).await {
        Ok(entries) => compare_tail(&contents, entries, &mut wrong),
        Err(error) => wrong.other.push(error),
    }
    wrong
}

fn compare(contents: &Contents, facts: &Facts, wrong: &mut Mismatches) {
    for (id, offset) in &facts.there {
        let sent = &facts.sent[id];
        let found = contents.get(&sent.stream).and_then(|(records, _)| records.get(offset));
        let end = contents.get(&sent.stream).map_or(0, |(_, end)| *end);
        match found {
            Some(record) if record.id != *id => {
                wrong.misordered.push(format!("{}/{offset} is {}, was {id}", sent.stream, record.id));
            }
            Some(_) if facts.erased.contains_key(id) => {
                wrong.other.push(format!("{}/{offset} {id} was erased and is there", sent.stream));
            }
            Some(_) => {}
            None if facts.erasure_asked.contains(id) && *offset < end => {}
            None => wrong.lost.push(format!("{}/{offset} {id}", sent.stream)),
        }
    }
    for (id, (stream, offset)) in &facts.erased {
        let found = contents.get(stream).and_then(|(records, _)| records.get(offset));
        if found.is_none_or(|record| erased_by(record) != Some(*id)) {
            wrong.lost.push(format!("{stream}/{offset}, the erasure of {id}"));
        }
    }
    let (mut seen, mut erasures) = (HashSet::new(), HashSet::new());
    for (stream, (records, end)) in contents {
        compare_stream(*stream, records, *end, facts, wrong);
        for record in records.values() {
            let first = match erased_by(record) {
                Some(erased) => erasures.insert(erased),
                None => seen.insert(record.id),
            };
            if !first {
                wrong.doubled.push(format!("{stream}: {}", record.id));
            }
        }
    }
}

fn compare_stream(
    stream: Stream,
    records: &BTreeMap<u64, Record>,
    end: u64,
    facts: &Facts,
    wrong: &mut Mismatches,
) {
    // A record whose erasure was asked for had been acknowledged: its offset is known.
    let may_be_holes: HashSet<u64> = facts
        .erasure_asked
        .iter()
        .filter(|id| facts.sent[*id].stream == stream)
        .filter_map(|id| facts.there.get(id).copied())
        .collect();
    for offset in 0..end {
        if !records.contains_key(&offset) && !may_be_holes.contains(&offset) {
            wrong.other.push(format!("{stream}/{offset} is a gap"));
        }
    }
    let mut last: HashMap<usize, usize> = HashMap::new();
    for (offset, record) in records {
        if let Some(erased) = erased_by(record) {
            if !facts.erasure_asked.contains(&erased) {
                wrong.other.push(format!("{stream}/{offset}: nobody erased {erased}"));
            }
            continue;
        }
        let Some(sent) = facts.sent.get(&record.id).filter(|sent| sent.stream == stream) else {
            wrong.other.push(format!("{stream}/{offset}: nobody sent {}", record.id));
            continue;
        };
        if sent.payload != record.payload.get() {
            wrong.other.push(format!("{stream}/{offset}: {} has another payload", record.id));
        }
        if last.insert(sent.writer, sent.number).is_some_and(|before| before >= sent.number) {
            wrong
                .misordered
                .push(format!("{stream}/{offset}: {} comes after what was sent later", record.id));
        }
    }
}

fn compare_tail(contents: &Contents, entries: Vec<Entry>, wrong: &mut Mismatches) {
    let read: usize = contents.values().map(|(records, _)| records.len()).sum();
    let mut last: HashMap<Stream, u64> = HashMap::new();
    if read != entries.len() {
        wrong.other.push(format!("{read} records were read, the tail has {}", entries.len()));
    }
    for entry in entries {
        let offset = entry.offset.0;
        let same = contents.get(&entry.stream).and_then(|(records, _)| records.get(&offset));
        if same.is_none_or(|record| record.id != entry.record.id) {
            wrong.other.push(format!("the tail has another {}/{offset}", entry.stream));
        }
        if last.insert(entry.stream, offset).is_some_and(|before| before >= offset) {
            wrong.misordered.push(format!("{}/{offset} in the tail", entry.stream));
        }
    }
}

/// Which record a record erases.
fn erased_by(record: &Record) -> Option<RecordId> {
    if &*record.kind != Record::ERASED {
        return None;
    }
    let payload: serde_json::Value = serde_json::from_str(record.payload.get()).ok()?;
    payload["erased"].as_str()?.parse().ok()
}

/// What the payloads of all records begin with, before the record's id; see [`super::load`].
pub(crate) const MARK: &[u8] = b"\"power-";

/// Ids of erased records whose content is still in a folder's files.
pub(crate) fn remains(dir: &Path, facts: &Facts) -> Vec<RecordId> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        for (at, _) in content.windows(MARK.len()).enumerate().filter(|(_, bytes)| *bytes == MARK) {
            let id = content.get(at + MARK.len()..at + MARK.len() + 36);
            let id = id.and_then(|id| RecordId::try_parse_ascii(id).ok());
            found.extend(id.filter(|id| facts.erased.contains_key(id)));
        }
    }
    found
}
