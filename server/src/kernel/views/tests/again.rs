//! A version that knows more kinds than the one that wrote the file reads those streams again, and no others.

use super::{
    interleaving::{interleave, rows_of, step, streams, without_erased},
    *,
};
use crate::{features, kernel::projector::Registry};
use kafkatalk_protocol::{delete::MessageDeleted, edit::MessageEdited, reaction::ReactionSet};
use proptest::prelude::*;

/// A version without these features.
fn registry_without(missing: &[&str]) -> Registry {
    let there = features::projectors().into_iter().filter(|one| !missing.contains(&one.name));
    Registry::of(there.collect())
}

impl Bench {
    /// Views in a folder of their own, of a version without these features.
    fn without(missing: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views.sqlite");
        let (views, applier) =
            Views::open(&path, &ViewsOptions::default(), registry_without(missing)).unwrap();
        Self { folder, views, applier, streams: Streams::default() }
    }

    /// As the follower does at its start, from a log that holds these records. Which conversations it read again.
    fn read_again(&mut self, log: &[Entry], at_once: usize) -> Vec<ConversationId> {
        let mut read = Vec::new();
        while let Some(conversation) = self.applier.next_again().unwrap() {
            read.push(conversation);
            if self.applier.begin_again(conversation).unwrap().is_none() {
                continue;
            }
            for page in of(log, conversation).chunks(at_once) {
                self.applier.apply_again(page).unwrap();
            }
            self.applier.finish_again().unwrap();
        }
        read
    }

    fn edit(&mut self, number: u8, sender: u8, message: u64, id: u32, text: &str) -> Entry {
        let body = Body::parse(text).unwrap();
        self.by(number, sender, &MessageEdited { id: message_id(id), message: Offset(message), body })
    }

    fn react(&mut self, number: u8, person: u8, message: u64, id: u32) -> Entry {
        let emoji = "\u{1f44d}".parse().unwrap();
        let set = ReactionSet { id: message_id(id), message: Offset(message), emoji, on: true };
        self.by(number, person, &set)
    }

    fn by<E: Event>(&mut self, number: u8, person: u8, event: &E) -> Entry {
        let record = self.streams.record(Some(user(person)), event);
        self.streams.append(Stream::Conversation(conversation(number)), record)
    }
}

fn of(log: &[Entry], conversation: ConversationId) -> Vec<Entry> {
    let mut entries: Vec<_> =
        log.iter().filter(|entry| entry.stream == Stream::Conversation(conversation)).cloned().collect();
    entries.sort_by_key(|entry| entry.offset);
    entries
}

fn progress(applied: usize) -> Vec<(String, u64)> {
    vec![("all".into(), applied as u64)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_newer_version_comes_to_the_rows_that_it_would_have_made_from_nothing(
        steps in prop::collection::vec(step(), 1..80),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 64),
        missing in prop::sample::subsequence(vec!["edit", "delete", "react", "members"], 1..=4),
    ) {
        let streams = streams(&steps);
        let mut next = choices.iter().cycle();
        let mut choose = |of: usize| next.next().map_or(0, |choice| choice.index(of));
        let order = interleave(streams.clone(), &mut choose);
        let expected = rows_of(&order, |of| of - 1);

        let known_then = choose(order.len() + 1);
        let mut bench = Bench::without(&missing);
        let before =
            Batch { entries: order[..known_then].to_vec(), progress: progress(known_then), ..Batch::default() };
        bench.applier.apply(&before).unwrap();
        bench.reopen();
        // The log may have gone on meanwhile, and may have forgotten what was erased.
        let log = if choose(2) == 0 { order.clone() } else { without_erased(&streams).concat() };
        if let Some(conversation) = bench.applier.next_again().unwrap() {
            // The node dies in the middle.
            bench.applier.begin_again(conversation).unwrap();
            let entries = of(&log, conversation);
            bench.applier.apply_again(&entries[..choose(entries.len() + 1)]).unwrap();
            bench.reopen();
            prop_assert_eq!(bench.applier.next_again().unwrap(), Some(conversation));
        }
        bench.read_again(&log, 1 + choose(5));
        prop_assert_eq!(bench.applier.checkpoint(), progress(known_then).into_iter().collect());
        bench.reopen();
        prop_assert_eq!(bench.applier.next_again().unwrap(), None);
        let rest = Batch {
            entries: order[known_then..].to_vec(), progress: progress(order.len()), ..Batch::default()
        };
        bench.applier.apply(&rest).unwrap();
        prop_assert_eq!(bench.dump(), expected);
    }
}

/// Two conversations, of which the first holds an edit, in a file of a version that knows no edits; and the log.
fn edited_once() -> (Bench, Vec<Entry>) {
    let mut bench = Bench::without(&["edit"]);
    let mut log = vec![bench.streams.claim(1), bench.streams.claim(2)];
    log.push(bench.streams.created(1, &[1, 2]));
    log.push(bench.streams.created(2, &[1, 2]));
    log.push(bench.streams.message(1, 1, 1, "hello"));
    log.push(bench.streams.message(1, 2, 2, "good evening"));
    log.push(bench.streams.message(2, 1, 3, "elsewhere"));
    log.push(bench.edit(1, 1, 0, 4, "good morning"));
    bench.apply(log.clone());
    bench.reopen();
    (bench, log)
}

#[test]
fn other_conversations_keep_their_rows() {
    let (mut bench, log) = edited_once();
    let raw = rusqlite::Connection::open(bench.file()).unwrap();
    // What reading it again would take back.
    raw.execute("UPDATE messages SET body = 'as it was' WHERE body = 'elsewhere'", []).unwrap();
    drop(raw);
    assert_eq!(bench.read_again(&log, 100), [conversation(1)]);
    let dump = bench.dump();
    assert!(dump.contains("good morning") && dump.contains("as it was"), "{dump}");
    assert!(!dump.contains("unknown kind"), "{dump}");
}

#[test]
fn a_kind_that_stays_unknown_stays_noted_and_has_nothing_read_again() {
    let mut bench = Bench::without(&["edit", "react"]);
    let entries = vec![bench.streams.claim(1), bench.streams.created(1, &[1])];
    bench.apply(entries);
    let said = bench.streams.message(1, 1, 1, "hello");
    let edit = bench.edit(1, 1, 0, 2, "good morning");
    let reaction = bench.react(1, 1, 0, 3);
    let log = vec![said, edit, reaction];
    bench.apply(log.clone());
    let Bench { folder, applier, views, .. } = bench;
    drop((applier, views));
    let path = folder.path().join("views.sqlite");
    let open =
        |missing: &[&str]| Views::open(&path, &ViewsOptions::default(), registry_without(missing)).unwrap();
    // A version that knows edits, and no reactions yet.
    let (views, applier) = open(&["react"]);
    let mut bench = Bench { folder, views, applier, streams: Streams::default() };
    assert_eq!(bench.read_again(&log, 100), [conversation(1)]);
    assert_eq!(bench.applier.next_again().unwrap(), None);
    assert!(bench.dump().contains("reaction.set"), "it is still noted");
    bench.reopen();
    assert_eq!(bench.read_again(&log, 100), [conversation(1)]);
    assert!(!bench.dump().contains("unknown kind"));
}

#[test]
fn many_old_erasures_of_one_conversation_do_not_keep_those_of_others() {
    let mut bench = Bench::new();
    for number in [1, 2] {
        let claim = bench.streams.claim(number);
        bench.apply_one(claim);
    }
    for number in [1, 2] {
        let entry = bench.streams.created(number, &[1, 2]);
        bench.apply_one(entry);
    }
    let mut posted = Vec::new();
    for (number, id) in [(1, 1), (1, 2), (1, 3), (2, 4)] {
        let message = bench.streams.message(number, 1, id, "hello");
        let deleted = MessageDeleted {
            id: message_id(100 + id),
            message: message.offset,
            message_id: message_id(id),
            sender: user(1),
            sent_at: message.record.at,
        };
        posted.push(message.record.id);
        bench.apply_one(message);
        let deleted = bench.by(number, 1, &deleted);
        bench.apply_one(deleted);
    }
    let mut found = bench.ask(|views| views.pending_erasures(None, Some(i64::MAX), 2));
    found.sort_unstable();
    assert_eq!(found, [(conversation(1), posted[0]), (conversation(2), posted[3])]);
    let of_one = bench.ask(|views| views.pending_erasures(Some(conversation(1)), None, 9));
    assert_eq!(of_one.iter().map(|(_, record)| *record).collect::<Vec<_>>(), posted[..3]);
}

#[test]
fn nothing_of_a_conversation_is_left_when_it_is_read_again() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let of_ledgers = bench.dump();
    let deleted = MessageDeleted {
        id: message_id(7),
        message: Offset(1),
        message_id: message_id(2),
        sender: user(2),
        sent_at: Timestamp::from_millis(1),
    };
    let reply =
        MessagePosted { id: message_id(8), body: Body::parse("so late").unwrap(), reply_to: Some(Offset(0)) };
    let log = [
        bench.streams.message(1, 1, 1, "hello"),
        bench.streams.message(1, 2, 2, "good evening"),
        bench.streams.message(1, 1, 1, "hello"),
        bench.edit(1, 1, 0, 4, "good morning"),
        bench.react(1, 2, 0, 5),
        bench.by(1, 2, &deleted),
        bench.by(1, 2, &reply),
    ];
    bench.apply(log.to_vec());
    for made in ["edit", "reaction", "reply", "duplicate", "pending erasure", "change", "content", "count"] {
        assert!(bench.dump().lines().any(|line| line.starts_with(made)), "no {made}: {}", bench.dump());
    }
    bench.applier.begin_again(there).unwrap();
    bench.applier.finish_again().unwrap();
    assert_eq!(bench.dump(), of_ledgers, "a feature does not take back what it made of the stream");
}

#[test]
fn a_search_finds_what_the_newer_version_knows() {
    let (mut bench, log) = edited_once();
    let found = |bench: &Bench, sought| bench.search(1, sought, None, 10).len();
    assert_eq!((found(&bench, "hello"), found(&bench, "morning")), (1, 0));
    bench.read_again(&log, 100);
    assert_eq!((found(&bench, "hello"), found(&bench, "morning"), found(&bench, "evening")), (0, 1, 1));
    bench.reopen();
    assert_eq!((found(&bench, "hello"), found(&bench, "morning"), found(&bench, "elsewhere")), (0, 1, 1));
}

#[test]
fn a_file_whose_ledger_has_a_kind_that_is_known_now_is_begun_anew() {
    let mut bench = Bench::without(&["receipts"]);
    let there = [bench.streams.claim(1), bench.streams.created(1, &[1]), bench.streams.read(1, 1, 0)];
    let batch = Batch { entries: there.to_vec(), progress: progress(3), ..Batch::default() };
    bench.applier.apply(&batch).unwrap();
    bench.reopen();
    assert!(bench.applier.checkpoint().is_empty());
}

#[test]
fn a_file_without_a_feature_that_has_rows_of_every_message_is_begun_anew() {
    let mut bench = Bench::without(&["reply"]);
    let batch = Batch { entries: vec![bench.streams.claim(1)], progress: progress(1), ..Batch::default() };
    bench.applier.apply(&batch).unwrap();
    bench.reopen();
    assert!(bench.applier.checkpoint().is_empty());
}
