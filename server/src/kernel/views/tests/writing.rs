//! What becomes of records.

use super::*;
use crate::features::{
    accounts::project::Claimed, conversations::project::Created, messages::project::Posted,
};
use kafkatalk_protocol::{delete::MessageDeleted, member::ConversationNamed};

fn posted(applied: &Applied) -> (Arc<Message>, Vec<UserId>) {
    let Some(Posted::Placed(message)) = applied.outcome::<MessagePosted>() else {
        panic!("not posted: {applied:?}")
    };
    let [Delivery::To { people, frame }] = &applied.deliver[..] else { panic!("not delivered: {applied:?}") };
    let ServerFrame::Message { message: sent, record, .. } = &**frame else { panic!("{frame:?}") };
    assert_eq!((sent, *record), (&*message, Some(applied.offset)));
    (message, people.to_vec())
}

fn reason(applied: &Applied) -> IgnoreReason {
    applied.skipped.unwrap_or_else(|| panic!("not ignored: {applied:?}"))
}

/// The people to whom a conversation is introduced.
fn introduced(applied: &Applied) -> Vec<UserId> {
    let each = |delivery: &Delivery| match delivery {
        Delivery::Each { people, .. } => people.to_vec(),
        other => panic!("no introduction: {other:?}"),
    };
    applied.deliver.iter().flat_map(each).collect()
}

fn won(applied: &Applied) -> bool {
    matches!(applied.outcome::<UserClaimed>(), Some(Claimed::Won(_)))
}

#[test]
fn a_message_names_the_one_before_it() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let entries = vec![bench.streams.message(1, 1, 1, "first"), bench.streams.message(1, 2, 2, "second")];
    let changes = bench.apply(entries);
    let (first, members) = posted(&changes[0]);
    assert_eq!((first.offset, first.previous), (Offset(0), None));
    assert_eq!(members, [user(1), user(2)]);
    let (second, _) = posted(&changes[1]);
    assert_eq!((second.offset, second.previous), (Offset(1), Some(Offset(0))));
    assert_eq!(second.sender.username, name(2));
}

#[test]
fn a_message_under_a_known_id_is_skipped_and_previous_jumps_over_it() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let entries = vec![
        bench.streams.message(1, 1, 7, "hello"),
        bench.streams.message(1, 1, 7, "hello"),
        bench.streams.message(1, 2, 7, "the same id of another sender"),
    ];
    let changes = bench.apply(entries);
    let Some(Posted::Duplicate(first)) = changes[1].outcome::<MessagePosted>() else {
        panic!("{:?}", changes[1])
    };
    assert!(changes[1].deliver.is_empty());
    assert_eq!(first.offset, Offset(0));
    assert_eq!(posted(&changes[2]).0.previous, Some(Offset(0)));
}

#[test]
fn a_message_of_who_is_not_a_member_counts_for_nothing() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let stranger = bench.streams.claim(3);
    bench.apply_one(stranger);
    let entry = bench.streams.message(1, 3, 1, "let me in");
    assert_eq!(reason(&bench.apply_one(entry)), IgnoreReason::NotAllowed);
    assert_eq!(bench.ask(|views| views.newest_offset(there)), None);
}

#[test]
fn messages_that_come_before_their_conversation_are_seen_once_it_comes() {
    let mut bench = Bench::new();
    let entries = vec![
        bench.streams.claim(1),
        bench.streams.message(1, 1, 1, "early"),
        bench.streams.message(1, 1, 1, "early"),
        bench.streams.message(1, 3, 2, "not a member"),
        bench.streams.message(1, 2, 3, "newest"),
        bench.streams.read(1, 1, 0),
    ];
    let changes = bench.apply(entries);
    assert_eq!(reason(&changes[1]), IgnoreReason::Held);
    let created = bench.streams.created(1, &[1, 2]);
    let created = bench.apply_one(created);
    assert_eq!(created.outcome::<ConversationCreated>(), Some(Created::First));
    assert!(introduced(&created).is_empty(), "nobody sees it before all of them are known");
    assert_eq!(bench.ask(|views| views.conversation(user(1), conversation(1))), None);

    let claim = bench.streams.claim(2);
    let claimed = bench.apply_one(claim);
    assert!(won(&claimed));
    assert_eq!(introduced(&claimed), [user(1), user(2)]);
    let seen = bench.ask(|views| views.conversation(user(1), conversation(1))).unwrap();
    let last = seen.last_message.unwrap();
    assert_eq!((last.offset, last.previous), (Offset(3), Some(Offset(0))));
    assert_eq!((seen.unread, seen.read[&user(1)]), (1, Offset(0)));
}

#[test]
fn a_group_is_seen_once_the_last_of_its_members_is_known_and_counts_for_each() {
    let mut bench = Bench::new();
    let entries = vec![
        bench.streams.claim(1),
        bench.streams.created(1, &[1, 2, 3, 4]),
        bench.streams.message(1, 3, 1, "early"),
        bench.streams.read(1, 4, 0),
    ];
    bench.apply(entries);
    for person in [4, 2] {
        let claim = bench.streams.claim(person);
        let claimed = bench.apply_one(claim);
        assert!(won(&claimed) && introduced(&claimed).is_empty());
        assert_eq!(bench.ask(|views| views.members(conversation(1))), None);
    }
    let claim = bench.streams.claim(3);
    let claimed = bench.apply_one(claim);
    assert_eq!(introduced(&claimed), [user(1), user(2), user(3), user(4)]);
    for (person, unread) in [(1, 1), (2, 1), (3, 0), (4, 0)] {
        let seen = bench.ask(move |views| views.conversation(user(person), conversation(1))).unwrap();
        assert_eq!(seen.unread, unread, "{person}");
        assert_eq!(seen.read, [(user(4), Offset(0))].into());
    }
}

#[test]
fn the_first_claim_of_a_name_has_it() {
    let mut bench = Bench::new();
    let entries = vec![
        bench.streams.claim_as(1, name(9)),
        bench.streams.claim_as(2, name(9)),
        bench.streams.claim_as(1, name(9)),
        bench.streams.claim_as(1, name(8)),
    ];
    let winners: Vec<bool> = bench.apply(entries).iter().map(won).collect();
    assert_eq!(winners, [true, false, true, false]);
    let (holder, hash) = bench.ask(|views| views.user_by_name(&name(9))).unwrap();
    assert_eq!((holder.id, hash.as_str()), (user(1), "hash of 1"));
    assert_eq!(bench.ask(|views| views.user_by_name(&name(8))), None);
}

#[test]
fn the_first_record_of_a_conversation_says_who_is_in_it() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entries = vec![bench.streams.claim(3), bench.streams.created(1, &[3, 1])];
    let changes = bench.apply(entries);
    assert_eq!(changes[1].outcome::<ConversationCreated>(), Some(Created::Earlier));
    assert_eq!(*bench.ask(|views| views.members(there)).unwrap(), [user(1), user(2)]);
}

#[test]
fn what_is_unknown_malformed_or_not_the_authors_to_say_is_ignored() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let odd = |kind: &str, payload: &str| {
        let payload = serde_json::value::RawValue::from_string(payload.into()).unwrap();
        let at = Timestamp::from_millis(1);
        Record { id: Uuid::from_u128(1), key: None, kind: kind.into(), author: Some(user(1)), at, payload }
    };
    let there = Stream::Conversation(conversation(1));
    let cases = [
        (there, odd("message.sung", "{}"), IgnoreReason::UnknownKind),
        (there, odd("user.claimed", "{}"), IgnoreReason::UnknownKind),
        (there, odd("message.posted", "[1]"), IgnoreReason::Malformed),
        (there, odd("message.posted", r#"{"id":"x","body":"y"}"#), IgnoreReason::Malformed),
        (there, odd(Record::ERASED, "{}"), IgnoreReason::Malformed),
        (Stream::Ledger(Ledger::Users), odd("user.claimed", "null"), IgnoreReason::Malformed),
    ];
    for (stream, record, expected) in cases {
        let entry = bench.streams.append(stream, record);
        assert_eq!(reason(&bench.apply_one(entry)), expected);
    }
    let receipt = ReceiptRead { conversation: conversation(1), user: user(2), offset: Offset(0) };
    let record = bench.streams.record(Some(user(1)), &receipt);
    let entry = bench.streams.append(Stream::Ledger(Ledger::Receipts), record);
    assert_eq!(reason(&bench.apply_one(entry)), IgnoreReason::NotAllowed);
}

#[test]
fn an_offset_beyond_what_the_rows_hold_is_ignored_and_not_mistaken_for_another() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let mut entry = bench.streams.message(1, 1, 1, "far");
    entry.offset = Offset(1 << 32);
    assert_eq!(reason(&bench.apply_one(entry)), IgnoreReason::OutOfRange);
}

#[test]
fn the_same_record_again_changes_nothing() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 1, "once");
    bench.apply_one(entry.clone());
    let rows = bench.dump();
    assert_eq!(reason(&bench.apply_one(entry)), IgnoreReason::Repeat);
    assert_eq!(bench.dump(), rows);
}

#[test]
fn an_erased_message_is_gone_and_the_chain_closes_over_it() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entries: Vec<_> = (0..3).map(|id| bench.streams.message(1, 1, id, "to be forgotten")).collect();
    let middle = entries[1].record.id;
    bench.apply(entries);
    let erased = bench.streams.erased(1, middle);
    let gone = bench.apply_one(erased);
    let link =
        ServerFrame::Record { conversation: there, record: Offset(3), previous_record: Some(Offset(2)) };
    assert!(matches!(&gone.deliver[..], [Delivery::To { frame, .. }] if **frame == link), "{gone:?}");
    let page = bench.ask(|views| views.messages(there, HistoryPage::Latest, 10));
    let chain: Vec<_> = page.messages.iter().map(|message| (message.offset.0, message.previous)).collect();
    assert_eq!(chain, [(0, None), (2, Some(Offset(0)))]);
    assert_eq!(bench.ask(|views| views.unread(user(2), there)), 2);
    let again = bench.streams.erased(1, middle);
    assert_eq!(reason(&bench.apply_one(again)), IgnoreReason::NothingToErase);
}

#[test]
fn an_error_in_the_middle_of_a_batch_keeps_nothing_of_it() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let rows = bench.dump();
    let good = bench.streams.message(1, 1, 1, "hello");
    // A position that the file cannot hold stands for any failure of the last statements.
    let bad =
        Batch { entries: vec![good.clone()], progress: vec![("p".into(), u64::MAX)], ..Batch::default() };
    assert!(bench.applier.apply(&bad).is_err());
    assert_eq!(bench.dump(), rows);
    assert!(bench.applier.checkpoint().is_empty());
    let change = bench.apply_one(good);
    assert_eq!(posted(&change).0.previous, None);
}

#[test]
fn a_duplicate_that_took_the_part_of_a_forgotten_message_is_deleted_with_it() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let first = bench.streams.message(1, 1, 1, "to be forgotten");
    let duplicate = bench.streams.message(1, 1, 1, "to be forgotten");
    let deleted = MessageDeleted {
        id: message_id(9),
        message: first.offset,
        message_id: message_id(1),
        sender: user(1),
        sent_at: first.record.at,
    };
    let record = bench.streams.record(Some(user(1)), &deleted);
    let deletion = bench.streams.append(Stream::Conversation(there), record);
    // As a node that begins anew sees it, when the log has forgotten the first record and not yet the second.
    bench.apply(vec![duplicate, deletion]);
    let page = bench.ask(|views| views.messages(there, HistoryPage::Latest, 10));
    let [left] = &page.messages[..] else { panic!("{page:?}") };
    assert_eq!((left.offset, left.deleted, left.sent_at), (first.offset, true, first.record.at));
    assert_eq!(bench.ask(|views| views.newest_offset(there)), Some(first.offset));
    assert_eq!(bench.ask(|views| views.unread(user(2), there)), 0);
}

#[test]
fn a_change_of_a_group_that_stands_in_the_log_again_counts_for_nothing() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2, 3]);
    let name = |name: &str| ConversationNamed { name: Some(name.parse().unwrap()) };
    let first = bench.streams.changed_group(1, 1, &name("A"));
    let second = bench.streams.changed_group(1, 1, &name("B"));
    let again = bench.streams.append(first.stream, (*first.record).clone());
    let third = bench.streams.changed_group(1, 2, &name("C"));
    // And a message under the id of the record that is to come.
    let posted = MessagePosted { id: MessageId(third.record.id), body: "x".parse().unwrap(), reply_to: None };
    let record = bench.streams.record(Some(user(2)), &posted);
    let message = bench.streams.append(first.stream, record);
    let named = |bench: &Bench| {
        let conversation = bench.ask(|views| views.conversation(user(1), there)).unwrap();
        conversation.name.unwrap().as_str().to_owned()
    };
    bench.apply(vec![first, second, again]);
    assert_eq!(named(&bench), "B");
    bench.apply(vec![third, message]);
    assert_eq!(named(&bench), "C");
    assert_eq!(bench.ask(|views| views.messages(there, HistoryPage::Latest, 10)).messages.len(), 3);
}
