//! What is read again for another version of a feature, and that nothing else is touched.

use super::{
    again::{OPTIONAL, of, progress, registry_without, version},
    *,
};
use kafkatalk_protocol::delete::MessageDeleted;

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
