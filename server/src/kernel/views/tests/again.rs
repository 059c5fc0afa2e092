//! A node with other features than the file's last one reads the streams again of which they have missed records, and
//! nothing else.

use super::{
    interleaving::{interleave, rows_of, step, streams, without_erased},
    *,
};
use crate::{features, kernel::projector::Registry};
use kafkatalk_protocol::{delete::MessageDeleted, edit::MessageEdited, reaction::ReactionSet};
use proptest::prelude::*;

/// A version without these features.
pub(super) fn registry_without(missing: &[&str]) -> Registry {
    version(missing, &[])
}

/// A version without some features, with later versions of others.
pub(super) fn version(missing: &[&str], raised: &[&str]) -> Registry {
    let there = features::projectors().into_iter().filter(|one| !missing.contains(&one.name));
    let raise = |mut one: Projector| {
        one.version += u32::from(raised.contains(&one.name));
        one
    };
    Registry::of(there.map(raise).collect())
}

impl Bench {
    /// Views in a folder of their own, of a version without these features.
    pub(super) fn without(missing: &[&str]) -> Self {
        Self::of(registry_without(missing))
    }

    fn of(registry: Registry) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views.sqlite");
        let (views, applier) = Views::open(&path, &ViewsOptions::default(), registry).unwrap();
        Self { folder, views, applier, streams: Streams::default() }
    }

    /// The same file under another version, as after a crash between two transactions.
    pub(super) fn reopen_as(&mut self, registry: Registry) {
        self.reopen_with(registry, &ViewsOptions::default());
    }

    pub(super) fn reopen_with(&mut self, registry: Registry, options: &ViewsOptions) {
        // One writer at a time: the old one goes first.
        let elsewhere = tempfile::tempdir().unwrap();
        (self.views, self.applier) = open(&elsewhere);
        (self.views, self.applier) = Views::open(&self.file(), options, registry).unwrap();
    }

    /// As the follower does at its start, from a log that holds these records. What it read again.
    pub(super) fn read_again(&mut self, log: &[Entry], at_once: usize) -> Vec<(ReadAgain, Reread)> {
        let mut read = Vec::new();
        for what in self.applier.to_read_again().unwrap() {
            for (stream, _) in self.applier.begin_again(&what).unwrap() {
                for page in of(log, stream).chunks(at_once) {
                    self.applier.apply_again(page).unwrap();
                }
            }
            let reread = self.applier.finish_again().unwrap();
            read.push((what, reread));
        }
        self.applier.settle_again().unwrap();
        assert_eq!(self.applier.to_read_again().unwrap(), []);
        read
    }

    /// The same; which conversations it was.
    pub(super) fn conversations_again(&mut self, log: &[Entry]) -> Vec<ConversationId> {
        let read = self.read_again(log, 100).into_iter();
        read.filter_map(|(what, _)| match what {
            ReadAgain::Conversation { id, .. } => Some(id),
            ReadAgain::Ledgers(_) => None,
        })
        .collect()
    }

    pub(super) fn edit(&mut self, number: u8, sender: u8, message: u64, id: u32, text: &str) -> Entry {
        let body = Body::parse(text).unwrap();
        self.by(number, sender, &MessageEdited { id: message_id(id), message: Offset(message), body })
    }

    pub(super) fn react(&mut self, number: u8, person: u8, message: u64, id: u32) -> Entry {
        let emoji = "\u{1f44d}".parse().unwrap();
        let set = ReactionSet { id: message_id(id), message: Offset(message), emoji, on: true };
        self.by(number, person, &set)
    }

    pub(super) fn by<E: Event>(&mut self, number: u8, person: u8, event: &E) -> Entry {
        let record = self.streams.record(Some(user(person)), event);
        self.streams.append(Stream::Conversation(conversation(number)), record)
    }
}

pub(super) fn of(log: &[Entry], stream: Stream) -> Vec<Entry> {
    let mut entries: Vec<_> = log.iter().filter(|entry| entry.stream == stream).cloned().collect();
    entries.sort_by_key(|entry| entry.offset);
    entries
}

pub(super) fn progress(applied: usize) -> Vec<(String, u64)> {
    vec![("all".into(), applied as u64)]
}

/// Features without which a version can write views.
pub(super) const OPTIONAL: [&str; 7] =
    ["edit", "delete", "react", "members", "reply", "receipts", "sessions"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// From one version to another, and to a third: with features missing in between, and versions raised.
    #[test]
    fn any_version_comes_to_the_rows_that_it_would_have_made_from_nothing(
        steps in prop::collection::vec(step(), 1..80),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 64),
        missing_first in prop::sample::subsequence(OPTIONAL.to_vec(), 0..=7),
        missing_then in prop::sample::subsequence(OPTIONAL.to_vec(), 0..=7),
        raised_then in prop::sample::subsequence(OPTIONAL.to_vec(), 0..=2),
        raised_last in prop::sample::subsequence(OPTIONAL.to_vec(), 0..=7),
    ) {
        let streams = streams(&steps);
        let mut next = choices.iter().cycle();
        let mut choose = |of: usize| next.next().map_or(0, |choice| choice.index(of));
        let order = interleave(streams.clone(), &mut choose);
        let expected = rows_of(&order, |of| of - 1);
        // The log may have gone on meanwhile, and may have forgotten what was erased.
        let log = if choose(2) == 0 { order.clone() } else { without_erased(&streams).concat() };

        let (mut bench, mut applied) = (Bench::without(&missing_first), 0);
        for (missing, raised) in [
            (&missing_first, &vec![]), (&missing_then, &raised_then), (&vec![], &raised_last),
        ] {
            bench.reopen_as(version(missing, raised));
            let again = bench.applier.to_read_again().unwrap();
            if let Some(what) = again.first() {
                // The node dies in the middle.
                let begun = bench.applier.begin_again(what).unwrap();
                for (stream, _) in begun.into_iter().take(choose(3)) {
                    let entries = of(&log, stream);
                    bench.applier.apply_again(&entries[..choose(entries.len() + 1)]).unwrap();
                }
                bench.reopen_as(version(missing, raised));
                prop_assert_eq!(&bench.applier.to_read_again().unwrap(), &again);
            }
            bench.read_again(&log, 1 + choose(5));
            let held = bench.applier.checkpoint().get("all").copied().unwrap_or(0);
            prop_assert_eq!(held, applied as u64);
            let until = applied + choose(order.len() - applied + 1);
            let entries = order[applied..until].to_vec();
            bench.applier.apply(&Batch { entries, progress: progress(until), ..Batch::default() }).unwrap();
            applied = until;
        }
        let entries = order[applied..].to_vec();
        bench.applier.apply(&Batch { entries, progress: progress(order.len()), ..Batch::default() }).unwrap();
        prop_assert_eq!(bench.dump(), expected);
        bench.reopen_as(version(&[], &raised_last));
        prop_assert_eq!(bench.applier.to_read_again().unwrap(), []);
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
    assert_eq!(bench.conversations_again(&log), [conversation(1)]);
    let dump = bench.dump();
    assert!(dump.contains("good morning") && dump.contains("as it was"), "{dump}");
}

#[test]
fn a_kind_that_stays_unknown_has_nothing_read_again_until_a_version_knows_it() {
    let mut bench = Bench::without(&["edit", "react"]);
    let entries = vec![bench.streams.claim(1), bench.streams.created(1, &[1])];
    bench.apply(entries);
    let said = bench.streams.message(1, 1, 1, "hello");
    let edit = bench.edit(1, 1, 0, 2, "good morning");
    let reaction = bench.react(1, 1, 0, 3);
    let log = vec![said, edit, reaction];
    bench.apply(log.clone());
    // A version that knows edits, and no reactions yet.
    bench.reopen_as(registry_without(&["react"]));
    assert_eq!(bench.conversations_again(&log), [conversation(1)]);
    bench.reopen();
    assert_eq!(bench.conversations_again(&log), [conversation(1)]);
    assert!(bench.dump().contains("reaction"));
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
    let what = ReadAgain::Conversation { id: there, missed: ["messages"].into() };
    bench.applier.begin_again(&what).unwrap();
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
fn nothing_of_ledgers_is_left_when_they_are_read_again() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let before = bench.dump();
    let entries = vec![bench.streams.started(1, 1), bench.streams.read(1, 1, 0), bench.streams.read(2, 1, 0)];
    bench.apply(entries);
    for made in ["session", "read", "held read"] {
        assert!(bench.dump().lines().any(|line| line.starts_with(made)), "no {made}: {}", bench.dump());
    }
    let registry = registry();
    let of_ledgers = registry.features.iter().filter(|one| !one.ledgers.is_empty());
    let alone = of_ledgers.map(|one| one.name).filter(|name| !registry.is_base(name)).collect();
    bench.applier.begin_again(&ReadAgain::Ledgers(alone)).unwrap();
    bench.applier.finish_again().unwrap();
    assert_eq!(bench.dump(), before, "a feature does not delete what it made of its ledgers");
}
