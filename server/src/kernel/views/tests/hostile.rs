//! Records that no version of ours wrote, and requests at the edges.

use super::{
    interleaving::{interleave, rows_of, step, streams},
    texts::any_text,
    *,
};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

/// What is done to a record.
#[derive(Clone, Debug)]
enum Harm {
    Field(Index, Value),
    Remove(Index),
    Payload(Value),
    Kind(Index),
    Author(Option<u8>),
    At(i64),
}

const KINDS: [&str; 15] = [
    "message.posted",
    "message.edited",
    "message.deleted",
    "reaction.set",
    "members.added",
    "member.left",
    "member.removed",
    "member.role",
    "conversation.named",
    "user.claimed",
    "session.started",
    "session.ended",
    "conversation.created",
    "receipt.read",
    "record.erased",
];

fn value() -> impl Strategy<Value = Value> {
    let id = |number: u128| json!(Uuid::from_u128(number));
    prop_oneof![
        Just(Value::Null),
        Just(json!(u64::MAX)),
        Just(json!(u32::MAX)),
        Just(json!(-1)),
        Just(json!(1.5)),
        Just(json!([])),
        Just(json!({})),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
        (0x1000..0x1006_u128).prop_map(id),
        (0x2000..0x2004_u128).prop_map(id),
        Just(json!("\0")),
    ]
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        6 => (any::<Index>(), value()).prop_map(|(field, value)| Harm::Field(field, value)),
        1 => any::<Index>().prop_map(Harm::Remove),
        1 => value().prop_map(Harm::Payload),
        2 => any::<Index>().prop_map(Harm::Kind),
        2 => prop::option::of(0..7_u8).prop_map(Harm::Author),
        1 => any::<i64>().prop_map(Harm::At),
    ]
}

fn harmed(record: &Record, harm: &Harm) -> Record {
    let mut record = record.clone();
    let mut payload: Value = serde_json::from_str(record.payload.get()).unwrap();
    let name = |which: &Index, payload: &Value| {
        let fields = payload.as_object().filter(|fields| !fields.is_empty())?;
        fields.keys().nth(which.index(fields.len())).cloned()
    };
    match harm {
        Harm::Field(which, value) => {
            if let Some(name) = name(which, &payload) {
                payload[name] = value.clone();
            }
        }
        Harm::Remove(which) => {
            if let Some(name) = name(which, &payload) {
                payload.as_object_mut().unwrap().remove(&name);
            }
        }
        Harm::Payload(value) => payload = value.clone(),
        Harm::Kind(which) => record.kind = (*which.get(&KINDS)).into(),
        Harm::Author(author) => record.author = author.map(user),
        Harm::At(millis) => record.at = Timestamp::from_millis(*millis),
    }
    record.payload = serde_json::value::to_raw_value(&payload).unwrap();
    record
}

/// A part of what the environment asks for: these cases are long.
fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: (config.cases / 32).max(1), ..config }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn records_that_nobody_should_have_written_give_the_same_rows_in_any_order_and_batches(
        steps in prop::collection::vec(step(), 1..60),
        harms in prop::collection::vec((any::<Index>(), harm()), 1..12),
        choices in prop::collection::vec(any::<Index>(), 64),
    ) {
        let mut streams = streams(&steps);
        let count: usize = streams.iter().map(Vec::len).sum();
        for (which, harm) in harms.iter().filter(|_| count > 0) {
            let entry = streams.iter_mut().flatten().nth(which.index(count)).unwrap();
            entry.record = Arc::new(harmed(&entry.record, harm));
        }
        let mut next = choices.iter().cycle();
        let mut choose = |of: usize| next.next().map_or(0, |choice| choice.index(of));
        let plain = rows_of(&interleave(streams.clone(), |_| 0), |of| of - 1);
        let mixed = rows_of(&interleave(streams.clone(), &mut choose), &mut choose);
        prop_assert_eq!(&plain, &mixed);
        let backwards = rows_of(&interleave(streams, |of| of - 1), |_| 0);
        prop_assert_eq!(&plain, &backwards);
    }

    #[test]
    fn messages_in_any_script_are_found_by_each_of_their_words(
        bodies in prop::collection::vec(any_text(), 1..6),
    ) {
        let mut bench = Bench::new();
        bench.conversation(&[1, 2]);
        let mut said = Vec::new();
        for (id, body) in (0..).zip(&bodies) {
            if Body::parse(body).is_ok() {
                let entry = bench.streams.message(1, 1, id, body);
                said.push((entry.offset, body));
                bench.apply_one(entry);
            }
        }
        for (offset, body) in said {
            for word in body.split_whitespace().filter(|word| word.parse::<SearchText>().is_ok()) {
                let found = bench.search(2, word, None, 9);
                prop_assert!(found.iter().any(|hit| hit.offset == offset), "{word:?} in {body:?}");
            }
        }
    }
}

#[test]
fn nothing_comes_after_the_largest_offset() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 1, "hello");
    bench.apply_one(entry);
    for offset in [u64::MAX, u64::MAX - 1, u64::from(u32::MAX), u64::from(u32::MAX) + 1, 1 << 63] {
        for page in [HistoryPage::After(Some(Offset(offset))), HistoryPage::ChangedAfter(Offset(offset))] {
            let found = bench.ask(|views| views.messages(there, page, 9));
            assert!(found.messages.is_empty() && found.next.is_none(), "{offset}");
        }
        let before = bench.ask(|views| views.messages(there, HistoryPage::Before(Offset(offset)), 9));
        assert_eq!(before.messages.len(), 1, "{offset}");
    }
}
