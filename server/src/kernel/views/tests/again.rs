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
fn registry_without(missing: &[&str]) -> Registry {
    version(missing, &[])
}

/// A version without some features, with later versions of others.
fn version(missing: &[&str], raised: &[&str]) -> Registry {
    let there = features::projectors().into_iter().filter(|one| !missing.contains(&one.name));
    let raise = |mut one: Projector| {
        one.version += u32::from(raised.contains(&one.name));
        one
    };
    Registry::of(there.map(raise).collect())
}

impl Bench {
    /// Views in a folder of their own, of a version without these features.
    fn without(missing: &[&str]) -> Self {
        Self::of(registry_without(missing))
    }

    fn of(registry: Registry) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views.sqlite");
        let (views, applier) = Views::open(&path, &ViewsOptions::default(), registry).unwrap();
        Self { folder, views, applier, streams: Streams::default() }
    }

    /// The same file under another version, as after a crash between two transactions.
    fn reopen_as(&mut self, registry: Registry) {
        self.reopen_with(registry, &ViewsOptions::default());
    }

    fn reopen_with(&mut self, registry: Registry, options: &ViewsOptions) {
        // One writer at a time: the old one goes first.
        let elsewhere = tempfile::tempdir().unwrap();
        (self.views, self.applier) = open(&elsewhere);
        (self.views, self.applier) = Views::open(&self.file(), options, registry).unwrap();
    }

    /// As the follower does at its start, from a log that holds these records. What it read again.
    fn read_again(&mut self, log: &[Entry], at_once: usize) -> Vec<(ReadAgain, Reread)> {
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
    fn conversations_again(&mut self, log: &[Entry]) -> Vec<ConversationId> {
        let read = self.read_again(log, 100).into_iter();
        read.filter_map(|(what, _)| match what {
            ReadAgain::Conversation { id, .. } => Some(id),
            ReadAgain::Ledgers(_) => None,
        })
        .collect()
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

fn of(log: &[Entry], stream: Stream) -> Vec<Entry> {
    let mut entries: Vec<_> = log.iter().filter(|entry| entry.stream == stream).cloned().collect();
    entries.sort_by_key(|entry| entry.offset);
    entries
}

fn progress(applied: usize) -> Vec<(String, u64)> {
    vec![("all".into(), applied as u64)]
}

/// Features without which a version can write views.
const OPTIONAL: [&str; 7] = ["edit", "delete", "react", "members", "reply", "receipts", "sessions"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

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

/// Three conversations of all kinds of records, of which only the first holds a reaction and a reply; and the log.
fn varied() -> (Bench, Vec<Entry>) {
    let mut bench = Bench::new();
    let mut log = vec![bench.streams.claim(1), bench.streams.claim(2), bench.streams.started(1, 1)];
    for number in 1..=3 {
        log.push(bench.streams.created(number, &[1, 2]));
        log.push(bench.streams.message(number, 1, 10, "hello"));
        log.push(bench.streams.message(number, 2, 20, "good evening"));
        log.push(bench.edit(number, 1, 0, 30, "good morning"));
        log.push(bench.streams.read(number, 2, 1));
    }
    log.push(bench.react(1, 2, 0, 40));
    let body = Body::parse("so late").unwrap();
    let reply = MessagePosted { id: message_id(50), body, reply_to: Some(Offset(0)) };
    log.push(bench.by(1, 2, &reply));
    bench.apply(log.clone());
    (bench, log)
}

/// Rows that a re-reading would not leave as they are: a mark in every table that it may touch.
fn mark(bench: &Bench) {
    let raw = rusqlite::Connection::open(bench.file()).unwrap();
    raw.execute_batch(
        "UPDATE messages SET sent_at = 77; UPDATE edits SET edited_at = 77; UPDATE sessions SET user_agent = '77';
         UPDATE reads SET \"offset\" = 77; UPDATE replies SET quoted = 77;
         UPDATE reactions SET record = 77;",
    )
    .unwrap();
}

/// How many rows of a kind are still marked.
fn marked(bench: &Bench, made: &str) -> usize {
    let dump = bench.dump();
    dump.lines().filter(|line| line.starts_with(&format!("{made} ")) && line.contains("77")).count()
}

#[test]
fn a_feature_of_another_version_has_only_the_streams_read_again_that_hold_its_kinds() {
    let (mut bench, log) = varied();
    let expected = bench.dump();
    mark(&bench);
    bench.reopen_as(version(&[], &["react"]));
    let read = bench.read_again(&log, 100);
    let missed = ["react"].into();
    let first = of(&log, Stream::Conversation(conversation(1))).len();
    let [(what, Reread { records, rows })] = &read[..] else { panic!("{read:?}") };
    assert_eq!(*what, ReadAgain::Conversation { id: conversation(1), missed });
    assert_eq!(*records, first);
    assert!(*rows > 0);
    let left = ["message", "edit", "read", "session", "reply", "reaction"].map(|made| marked(&bench, made));
    // Of the first conversation all is made anew, for a reaction depends on everything before it.
    assert_eq!(left, [4, 2, 3, 1, 0, 0]);
    let made = |dump: &str, made: &str| {
        let of_kind = dump.lines().filter(|line| line.starts_with(made)).map(str::to_owned);
        of_kind.collect::<Vec<_>>()
    };
    assert_eq!(made(&bench.dump(), "reaction"), made(&expected, "reaction"));
}

#[test]
fn a_feature_that_only_keeps_something_of_messages_is_built_again_alone() {
    let (mut bench, log) = varied();
    let expected = bench.dump();
    mark(&bench);
    bench.reopen_as(version(&[], &["reply"]));
    assert_eq!(marked(&bench, "reply"), 0);
    let read = bench.read_again(&log, 100);
    assert_eq!(read.len(), 3, "all that hold messages: {read:?}");
    // The reply; and by each transaction the build of its conversation, and the count of commits.
    assert_eq!(read.iter().map(|(_, reread)| reread.rows).collect::<Vec<_>>(), [3, 2, 2]);
    let left = ["message", "edit", "read", "session", "reaction"].map(|made| marked(&bench, made));
    assert_eq!(left, [7, 3, 3, 1, 1]);
    let of_kind = |dump: &str| dump.lines().find(|line| line.starts_with("reply")).map(str::to_owned);
    assert_eq!(of_kind(&bench.dump()), of_kind(&expected));
    assert!(of_kind(&expected).is_some());
}

#[test]
fn a_feature_of_ledgers_is_built_again_alone() {
    let (mut bench, log) = varied();
    mark(&bench);
    bench.reopen_as(version(&[], &["sessions"]));
    let read = bench.read_again(&log, 100);
    let [(what, Reread { records, rows })] = &read[..] else { panic!("{read:?}") };
    assert_eq!((what, *records), (&ReadAgain::Ledgers(["sessions"].into()), 1));
    // The session, the builds of four ledgers, and the count of commits. What was deleted went with its table.
    assert_eq!(*rows, 1 + 4 + 1);
    let left = ["message", "edit", "read", "session"].map(|made| marked(&bench, made));
    assert_eq!(left, [7, 3, 3, 0]);
    assert!(bench.dump().contains("\nsession "));
}

#[test]
fn what_an_older_version_wrote_in_between_is_read_again_and_nothing_else() {
    let (mut bench, mut log) = varied();
    bench.reopen_as(registry_without(&["reply", "receipts"]));
    assert_eq!(bench.read_again(&log, 100), [], "an older version has nothing to add");
    let body = Body::parse("later").unwrap();
    let reply = MessagePosted { id: message_id(60), body, reply_to: Some(Offset(1)) };
    let more = [bench.by(2, 1, &reply), bench.streams.read(3, 1, 1)];
    bench.apply(more.to_vec());
    log.extend(more);
    mark(&bench);
    bench.reopen();
    let read = bench.read_again(&log, 100);
    let whats: Vec<_> = read.into_iter().map(|(what, _)| what).collect();
    let missed = ["reply"].into();
    let conversation = ReadAgain::Conversation { id: conversation(2), missed };
    assert_eq!(whats, [conversation, ReadAgain::Ledgers(["receipts"].into())]);
    let dump = bench.dump();
    let count = |made: &str| dump.lines().filter(|line| line.starts_with(made)).count();
    assert_eq!((count("reply "), marked(&bench, "reply"), count("read ")), (2, 1, 4));
    assert_eq!(marked(&bench, "read"), 0);
}

#[test]
fn an_older_version_that_deletes_a_message_leaves_nothing_of_it_behind() {
    let (mut bench, mut log) = varied();
    bench.reopen_as(registry_without(&["react", "edit"]));
    let said = of(&log, Stream::Conversation(conversation(1)))[0].clone();
    let deleted = MessageDeleted {
        id: message_id(70),
        message: said.offset,
        message_id: message_id(10),
        sender: user(1),
        sent_at: said.record.at,
    };
    let deleted = bench.by(1, 1, &deleted);
    bench.apply_one(deleted.clone());
    log.push(deleted);
    bench.reopen();
    assert_eq!(bench.conversations_again(&log), [conversation(1)]);
    assert!(!bench.dump().contains("reaction"), "{}", bench.dump());
}

#[test]
fn positions_that_waited_for_a_conversation_are_placed_though_an_older_version_opened_it() {
    let mut bench = Bench::new();
    let mut log = vec![bench.streams.claim(1), bench.streams.read(1, 1, 0)];
    bench.apply(log.clone());
    assert!(bench.dump().contains("held read"));
    bench.reopen_as(registry_without(&["receipts"]));
    let created = bench.streams.created(1, &[1]);
    bench.apply_one(created.clone());
    log.push(created);
    bench.reopen();
    let read = bench.read_again(&log, 100);
    assert_eq!(read.len(), 1, "{read:?}");
    assert!(!bench.dump().contains("held read"), "{}", bench.dump());
    assert!(bench.dump().contains("\nread "), "{}", bench.dump());
}

/// Whether the file is begun anew for a version.
fn begins_anew(registry: Registry, options: &ViewsOptions) -> bool {
    let (mut bench, _) = varied();
    bench.applier.apply(&Batch { progress: progress(1), ..Batch::default() }).unwrap();
    bench.reopen_with(registry, options);
    bench.applier.checkpoint().is_empty()
}

#[test]
fn where_a_feature_changes_on_which_most_rest_the_file_is_begun_anew() {
    let anew = |raised| begins_anew(version(&[], &[raised]), &ViewsOptions::default());
    for base in ["accounts", "conversations", "messages"] {
        assert!(anew(base), "{base}");
    }
    for other in OPTIONAL {
        assert!(!anew(other), "{other}");
    }
}

#[test]
fn where_too_much_would_be_read_again_the_file_is_begun_anew() {
    let anew = |read_again_max| {
        let options = ViewsOptions { read_again_max, ..ViewsOptions::default() };
        begins_anew(version(&[], &["reply"]), &options)
    };
    assert!(anew(2));
    assert!(!anew(3), "there are three");
}

#[test]
fn views_are_complete_once_all_was_read_again() {
    let (mut bench, log) = varied();
    assert!(bench.views.is_complete().unwrap());
    let look = |bench: &Bench| {
        let registry = version(&[], &["edit"]);
        Views::look(&bench.file(), &ViewsOptions::default(), registry).unwrap().is_complete().unwrap()
    };
    assert!(!look(&bench), "of another version");
    bench.reopen_as(version(&[], &["edit"]));
    assert!(!look(&bench), "not read again yet");
    bench.read_again(&log, 100);
    assert!(look(&bench));
}

#[test]
fn each_feature_rests_on_features_that_are_there() {
    let registry = registry();
    for feature in &registry.features {
        for on in feature.rests_on() {
            assert!(registry.feature(on).is_some(), "{} rests on {on}", feature.name);
        }
    }
}
