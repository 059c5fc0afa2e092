//! Whether a topic holds what its stream holds.

use super::{
    common::{Common, Part, Place, in_parallel, laid_out},
    error::ImportError,
};
use crate::{
    Stream,
    kafka::{
        client::{self, Consumer},
        limits,
        purpose::Purpose,
        walk::{self, Range},
        wire,
    },
    limits::PAGE_RECORDS_MAX,
};
use rdkafka::{Message, consumer::Consumer as _, message::BorrowedMessage};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError, atomic::Ordering},
};

/// Compares what the topics hold and was not compared before.
pub(super) fn all(common: &Common, parts: &mut [Part]) -> Result<(), ImportError> {
    let mut parts: Vec<_> = parts.iter_mut().filter(|part| part.compared < part.there).collect();
    let workers = parts.len().min(limits::IMPORT_WORKERS);
    let queue = Mutex::new(parts.iter_mut());
    in_parallel(workers, |stopped| {
        let consumer = ready(common)?;
        while !stopped.load(Ordering::Relaxed) {
            let part = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(part) = part else { break };
            one(common, &consumer, part)?;
        }
        Ok(())
    })
}

/// A consumer that knows who leads which topic.
fn ready(common: &Common) -> Result<Consumer, ImportError> {
    let shared = &common.shared;
    let consumer: Consumer = client::consumer(shared, Purpose::Fetch)?;
    consumer.fetch_metadata(None, limits::REQUEST_TIMEOUT)?;
    Ok(consumer)
}

fn one(common: &Common, consumer: &Consumer, part: &mut Part) -> Result<(), ImportError> {
    let (stream, end) = (part.stream, part.there);
    let (mut places, mut from) = (VecDeque::new(), part.compared);
    let next = || -> Result<Option<Place>, ImportError> {
        if places.is_empty() && from < end {
            let page = common.page(stream, from, PAGE_RECORDS_MAX)?;
            places = laid_out(from, end, page);
            from += places.len() as u64;
        }
        Ok(places.pop_front())
    };
    let mut judge = Judge { topic: &part.topic, stream, next, missing: HashMap::new() };
    let mut verdict = Ok(());
    let range = Range { from: part.compared, end, patience: limits::READ_WAIT };
    walk::walk(&common.shared, consumer, &part.topic, range, |offset, message| {
        verdict = judge.meets(offset, message_of(message));
        verdict.is_ok()
    })?;
    verdict?;
    judge.finish()?;
    common.counts.compared.fetch_add(end - part.compared, Ordering::Relaxed);
    part.compared = end;
    Ok(())
}

/// Key and value.
type Content<'a> = (&'a [u8], Option<&'a [u8]>);

fn message_of<'a>(message: &'a BorrowedMessage<'_>) -> Content<'a> {
    (message.key().unwrap_or_default(), message.payload())
}

/// Holds what a topic's messages say against what the source holds.
struct Judge<'a, N> {
    topic: &'a str,
    stream: Stream,
    /// The source's next offset.
    next: N,
    /// Ledger records that the topic lacks, by key: compaction took them if a later one of their key is there.
    missing: HashMap<String, u64>,
}

impl<N: FnMut() -> Result<Option<Place>, ImportError>> Judge<'_, N> {
    fn meets(&mut self, offset: u64, (key, value): Content<'_>) -> Result<(), ImportError> {
        let record = loop {
            match (self.next)()? {
                Some((at, record)) if at == offset => break record,
                Some((at, record)) if at < offset => self.misses(at, record.as_deref())?,
                _ => return Err(self.differs(offset, "it holds more than the stream")),
            }
        };
        let (Some(record), Some(value)) = (&record, value) else {
            return match (record, value) {
                (None, None) => Ok(()),
                (None, Some(_)) => {
                    Err(self.differs(offset, "it holds a record where one was erased from this log"))
                }
                (Some(_), _) => Err(self.differs(offset, "a record is missing")),
            };
        };
        let expected = wire::key(record);
        self.missing.remove(&expected);
        if key != expected.as_bytes() {
            return Err(self.differs(offset, "another key"));
        }
        if wire::encode(record).is_ok_and(|expected| expected == value) {
            return Ok(());
        }
        let same_id = wire::decode(value).is_ok_and(|found| found.id == record.id);
        Err(self
            .differs(offset, if same_id { "the same record with other content" } else { "another record" }))
    }

    fn misses(&mut self, at: u64, record: Option<&crate::Record>) -> Result<(), ImportError> {
        match (record, self.stream) {
            // Compaction takes all such messages of a topic but the last.
            (None, _) => Ok(()),
            (Some(record), Stream::Ledger(_)) => {
                self.missing.insert(wire::key(record), at);
                Ok(())
            }
            (Some(_), Stream::Conversation(_)) => Err(self.differs(at, "a record is missing")),
        }
    }

    fn finish(mut self) -> Result<(), ImportError> {
        while let Some((at, record)) = (self.next)()? {
            self.misses(at, record.as_deref())?;
        }
        match self.missing.values().min() {
            None => Ok(()),
            Some(at) => Err(self.differs(*at, "a record is missing")),
        }
    }

    fn differs(&self, offset: u64, why: &'static str) -> ImportError {
        ImportError::Differs { topic: self.topic.into(), offset, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ledger, Record};
    use kafkatalk_protocol::{ConversationId, Timestamp};
    use std::sync::Arc;
    use uuid::Uuid;

    fn record(id: u128, key: Option<&str>) -> Arc<Record> {
        let payload = serde_json::from_str("{}").unwrap();
        let at = Timestamp::from_millis(1);
        let key = key.map(Into::into);
        Arc::new(Record { id: Uuid::from_u128(id), key, kind: "k".into(), author: None, at, payload })
    }

    /// What the judge says of messages at offsets, against a source of these records.
    fn judged(
        stream: Stream,
        source: &[Option<Arc<Record>>],
        topic: &[(u64, Option<Arc<Record>>)],
    ) -> Result<(), u64> {
        let mut places = (0..).zip(source.iter().cloned());
        let next = || Ok(places.next());
        let mut judge = Judge { topic: "t", stream, next, missing: HashMap::new() };
        let met = topic.iter().try_for_each(|(offset, record)| match record {
            Some(record) => {
                judge.meets(*offset, (wire::key(record).as_bytes(), Some(&wire::encode(record).unwrap())))
            }
            None => judge.meets(*offset, (b"kafkatalk.hole", None)),
        });
        met.and_then(|()| judge.finish()).map_err(|error| match error {
            ImportError::Differs { offset, .. } => offset,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn a_copy_is_the_same_with_its_holes_or_without_them() {
        let stream = Stream::Conversation(ConversationId(Uuid::nil()));
        let source = [Some(record(0, None)), None, None, Some(record(3, None))];
        let (first, last) = ((0, Some(record(0, None))), (3, Some(record(3, None))));
        assert_eq!(judged(stream, &source, &[first.clone(), (1, None), (2, None), last.clone()]), Ok(()));
        assert_eq!(judged(stream, &source, &[first.clone(), last.clone()]), Ok(()));
        assert_eq!(judged(stream, &source, std::slice::from_ref(&first)), Err(3));
        assert_eq!(judged(stream, &source, &[first.clone(), (1, Some(record(1, None))), last]), Err(1));
        assert_eq!(judged(stream, &source, &[first, (3, Some(record(4, None)))]), Err(3));
        assert_eq!(judged(stream, &source, &[(0, None)]), Err(0));
    }

    #[test]
    fn a_ledger_may_lack_what_a_later_record_of_its_key_replaced() {
        let ledger = Stream::Ledger(Ledger::Receipts);
        let source = [Some(record(0, Some("a"))), Some(record(1, Some("b"))), Some(record(2, Some("a")))];
        let (second, third) = ((1, source[1].clone()), (2, source[2].clone()));
        assert_eq!(judged(ledger, &source, &[second.clone(), third.clone()]), Ok(()));
        assert_eq!(judged(ledger, &source, &[third]), Err(1));
        assert_eq!(judged(ledger, &source, &[second]), Err(2));
    }

    #[test]
    fn other_content_under_the_same_id_is_seen() {
        let stream = Stream::Conversation(ConversationId(Uuid::nil()));
        let mut other = Record::clone(&record(0, None));
        other.author = Some(kafkatalk_protocol::UserId(Uuid::nil()));
        assert_eq!(judged(stream, &[Some(record(0, None))], &[(0, Some(Arc::new(other)))]), Err(0));
    }
}
