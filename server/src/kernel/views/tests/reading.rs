//! What can be asked.

use super::*;

fn offsets(page: &kafkatalk_protocol::http::Messages) -> Vec<u64> {
    page.messages.iter().map(|message| message.offset.0).collect()
}

#[test]
fn history_pages_both_ways_and_every_message_names_the_one_before() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entries = (0..10).map(|id| bench.streams.message(1, 1, id, "hello")).collect();
    bench.apply(entries);
    let page = |page, limit| bench.ask(|views| views.messages(there, page, limit));

    let latest = page(HistoryPage::Latest, 4);
    assert_eq!((offsets(&latest), latest.next), (vec![6, 7, 8, 9], Some(Offset(6))));
    assert_eq!(latest.messages[0].previous, Some(Offset(5)));
    let before = page(HistoryPage::Before(Offset(2)), 4);
    assert_eq!((offsets(&before), before.next), (vec![0, 1], None));
    assert_eq!(before.messages[0].previous, None);
    let after = page(HistoryPage::After(Some(Offset(5))), 3);
    assert_eq!((offsets(&after), after.next), (vec![6, 7, 8], Some(Offset(8))));
    assert_eq!(after.messages[0].previous, Some(Offset(5)));
    let start = page(HistoryPage::After(None), 10);
    assert_eq!((offsets(&start).len(), start.next), (10, None));
    for far in [HistoryPage::After(Some(Offset(u64::MAX))), HistoryPage::Before(Offset(0))] {
        assert_eq!(page(far, 5).messages, []);
    }
    assert_eq!(page(HistoryPage::Before(Offset(u64::MAX)), 2).messages.len(), 2);
}

#[test]
fn a_stranger_sees_no_conversation() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let claim = bench.streams.claim(3);
    bench.apply_one(claim);
    assert_eq!(bench.ask(|views| views.conversation(user(3), there)), None);
    assert_eq!(bench.ask(|views| views.conversations(user(3), None, 10)).conversations, []);
    assert!(bench.ask(|views| views.conversation(user(1), there)).is_some());
}

#[test]
fn the_list_of_conversations_pages_by_latest_activity() {
    let mut bench = Bench::new();
    let mut entries: Vec<_> = (0..8).map(|person| bench.streams.claim(person)).collect();
    entries.extend((1..8).map(|other| bench.streams.created(other, &[0, other])));
    entries.push(bench.streams.message(3, 3, 1, "wakes an old one"));
    bench.apply(entries);
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = bench.ask(|views| views.conversations(user(0), cursor.as_deref(), 3));
        seen.extend(page.conversations.iter().map(|found| found.id));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, [3, 7, 6, 5, 4, 2, 1].map(conversation));
}

#[test]
fn a_cursor_that_was_not_made_here_is_refused() {
    let bench = Bench::new();
    for bad in ["", "x", "1-", "-1", "zz-00000000000000000000000000000000"] {
        let answer = bench.views.read_blocking(|views| views.conversations(user(1), Some(bad), 3));
        assert!(matches!(answer, Err(ViewsError::BadCursor)), "{bad}");
    }
}

#[test]
fn unread_counts_what_others_said_after_the_read_position_across_chunks() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    // Two of three are by the other.
    let said = |id: u32| if id.is_multiple_of(3) { 1 } else { 2 };
    let entries = (0..1_000).map(|id| bench.streams.message(1, said(id), id, "hello")).collect();
    bench.apply(entries);
    for read in [0, 1, 2, 254, 255, 256, 257, 511, 512, 700, 998, 999] {
        let entry = bench.streams.read(1, 1, read);
        bench.apply_one(entry);
        let expected = (read + 1..1_000).filter(|id| !id.is_multiple_of(3)).count() as u64;
        assert_eq!(bench.ask(|views| views.unread(user(1), there)), expected, "read up to {read}");
    }
    assert_eq!(bench.ask(|views| views.unread(user(2), there)), 334);
}

#[test]
fn a_read_position_goes_only_forward_and_no_further_than_the_newest_message() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let position = |bench: &Bench| bench.ask(|views| views.read_position(there, user(1)));
    let early = bench.streams.read(1, 1, 3);
    bench.apply_one(early);
    assert_eq!(position(&bench), None, "there is nothing to read yet");
    let entries = (0..3).map(|id| bench.streams.message(1, 2, id, "hello")).collect();
    bench.apply(entries);
    assert_eq!(position(&bench), Some(Offset(2)));
    let back = bench.streams.read(1, 1, 1);
    let held = bench.apply_one(back).outcome::<ReceiptRead>();
    assert_eq!(held, Some(crate::features::receipts::project::Read::Behind(Offset(3))));
    assert_eq!(position(&bench), Some(Offset(2)));
}

#[test]
fn people_are_found_by_the_start_of_their_name_in_any_case() {
    let mut bench = Bench::new();
    let names = ["alice", "alicia", "bob", "al_", "al"];
    let entries = names
        .iter()
        .zip(1..)
        .filter_map(|(text, person)| Some(bench.streams.claim_as(person, Username::parse(text).ok()?)))
        .collect();
    bench.apply(entries);
    let found = |prefix: &str, limit| -> Vec<String> {
        let found = bench.ask(|views| views.users_by_prefix(prefix, limit));
        found.iter().map(|user| user.username.to_string()).collect()
    };
    assert_eq!(found("AL", 10), ["al_", "alice", "alicia"]);
    assert_eq!(found("ali", 1), ["alice"]);
    assert_eq!(found("%", 10), Vec::<String>::new());
    assert_eq!(found("", 10).len(), 4);
}

#[test]
fn a_session_is_known_until_it_ends_also_from_memory() {
    let mut bench = Bench::new();
    let entries = vec![bench.streams.claim(1), bench.streams.started(1, 1)];
    bench.apply(entries);
    let hash = token_hash(1);
    assert_eq!(bench.views.cached_session(&hash), None);
    let (found, owner) = bench.ask(|views| views.session_by_token_hash(&hash)).unwrap();
    assert_eq!((found, owner.id), (session(1), user(1)));
    assert!(bench.views.cached_session(&hash).is_some());
    assert_eq!(bench.ask(|views| views.sessions_of(user(1))).len(), 1);

    let anothers = bench.streams.ended(1, 2);
    bench.apply_one(anothers);
    assert!(bench.views.cached_session(&hash).is_some(), "nobody ends another's session");
    let ended = bench.streams.ended(1, 1);
    bench.apply_one(ended);
    assert_eq!(bench.views.cached_session(&hash), None);
    assert_eq!(bench.ask(|views| views.session_by_token_hash(&hash)), None);
    assert_eq!(bench.ask(|views| views.session_by_token_hash("no hash")), None);
}

#[test]
fn a_message_is_found_by_its_senders_own_id() {
    let mut bench = Bench::new();
    let there = bench.conversation(&[1, 2]);
    let entry = bench.streams.message(1, 1, 5, "hello");
    bench.apply_one(entry);
    let find = |sender| bench.ask(|views| views.message_by_client_id(there, user(sender), message_id(5)));
    assert_eq!(find(1).unwrap().body.as_str(), "hello");
    assert_eq!(find(2), None);
}

#[tokio::test]
async fn reads_beyond_the_limit_are_refused_and_not_queued() {
    let folder = tempfile::tempdir().unwrap();
    let options = ViewsOptions { readers: 1, reads_waiting: 1, ..ViewsOptions::default() };
    let (views, _applier) = Views::open(&folder.path().join("views.sqlite"), &options, registry()).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let slow = {
        let views = views.clone();
        tokio::spawn(async move { views.read(move |_| Ok(held.recv().is_ok())).await })
    };
    let waiting = {
        let views = views.clone();
        tokio::spawn(async move { views.read(|_| Ok(1)).await })
    };
    tokio::task::yield_now().await;
    let refused = views.read(|_| Ok(2)).await;
    assert!(matches!(refused, Err(ViewsError::Busy)), "{refused:?}");
    release.send(()).unwrap();
    assert!(slow.await.unwrap().unwrap());
    assert_eq!(waiting.await.unwrap().unwrap(), 1);
}
