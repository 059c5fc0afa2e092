//! A search finds what a look through all messages finds, whatever came before it.

use super::*;
use kafkatalk_protocol::{
    Message,
    http::{Found, Hit},
};
use proptest::prelude::*;
use std::{path::PathBuf, sync::LazyLock};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn text(text: &str) -> SearchText {
    text.parse().unwrap()
}

impl Bench {
    fn index_file(&self) -> PathBuf {
        self.folder.path().join("views.sqlite.search")
    }

    fn page(&self, person: u8, sought: &str, before: Option<&str>, limit: usize) -> Found {
        self.page_in(person, sought, None, before, limit)
    }

    /// On a busy machine the index may take longer than a search waits.
    fn page_in(
        &self,
        person: u8,
        sought: &str,
        within: Option<ConversationId>,
        before: Option<&str>,
        limit: usize,
    ) -> Found {
        loop {
            let search = self.views.search(user(person), text(sought), within, before.map(Into::into), limit);
            match RUNTIME.block_on(search) {
                Err(ViewsError::Indexing) => {}
                found => return found.unwrap(),
            }
        }
    }

    /// All pages of a search.
    pub(super) fn search(
        &self,
        person: u8,
        sought: &str,
        within: Option<ConversationId>,
        limit: usize,
    ) -> Vec<Message> {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = self.page_in(person, sought, within, before.as_deref(), limit);
            assert!(page.hits.len() <= limit);
            found.extend(page.hits.into_iter().map(|hit| hit.message));
            before = page.next;
            if before.is_none() {
                return found;
            }
        }
    }

    /// The same by looking at every message.
    fn scan(&self, person: u8, sought: &str, within: Option<ConversationId>) -> Vec<Message> {
        let mut found = Vec::new();
        for there in (0..3).map(conversation) {
            let members = self.ask(|views| views.members(there)).unwrap_or_default();
            if members.contains(&user(person)) && within.is_none_or(|within| within == there) {
                let all = self.ask(|views| views.messages(there, HistoryPage::After(None), 1_000));
                found.extend(all.messages);
            }
        }
        found.retain(|message| text(sought).find(message.body.as_str()).is_some());
        found.sort_by_key(|message| {
            std::cmp::Reverse((message.sent_at.as_millis(), message.conversation.0, message.offset))
        });
        found
    }

    fn say(&mut self, place: u8, sender: u8, texts: &[&str]) -> Vec<Entry> {
        let id = u32::try_from(self.streams.records).unwrap() * 100;
        let entries: Vec<_> =
            (id..).zip(texts).map(|(id, text)| self.streams.message(place, sender, id, text)).collect();
        self.apply(entries.clone());
        entries
    }
}

fn bodies(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.message.body.as_str()).collect()
}

#[test]
fn what_is_found_is_the_callers_latest_first_and_nobody_elses() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let entries = vec![bench.streams.claim(3), bench.streams.created(2, &[2, 3])];
    bench.apply(entries);
    bench.say(1, 1, &["a red apple", "a green apple"]);
    bench.say(2, 3, &["another apple"]);
    assert_eq!(bodies(&bench.page(1, "apple", None, 9).hits), ["a green apple", "a red apple"]);
    assert_eq!(bench.page(2, "app", None, 9).hits.len(), 3);
    assert_eq!(bodies(&bench.page(3, "apple", None, 9).hits), ["another apple"]);
    let foreign = bench.search(1, "apple", Some(conversation(2)), 9);
    assert!(foreign.is_empty(), "{foreign:?}");
    let page = bench.page(2, "apple", None, 2);
    assert_eq!(bodies(&page.hits), ["another apple", "a green apple"]);
    let last = bench.page(2, "apple", page.next.as_deref(), 2);
    assert_eq!((bodies(&last.hits), last.next), (vec!["a red apple"], None));
}

#[test]
fn a_cursor_of_somebody_else_opens_nothing_and_nonsense_is_refused() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    bench.say(1, 1, &["one apple", "two apples"]);
    let entries = vec![bench.streams.claim(3)];
    bench.apply(entries);
    let next = bench.page(1, "apple", None, 1).next;
    assert!(next.is_some());
    assert_eq!(bench.page(3, "apple", next.as_deref(), 1), Found { hits: Vec::new(), next: None });
    let search = bench.views.search(user(1), text("apple"), None, Some("nonsense".into()), 1);
    assert!(matches!(RUNTIME.block_on(search), Err(ViewsError::BadCursor)));
}

#[test]
fn an_erased_message_is_not_found_and_its_words_leave_the_file() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let said = bench.say(1, 1, &["the unspeakable", "the usual"]);
    assert_eq!(bench.page(2, "the", None, 9).hits.len(), 2);
    let words = |bench: &Bench| {
        let index = rusqlite::Connection::open(bench.index_file()).unwrap();
        index
            .execute_batch("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab (main, words, row)")
            .unwrap();
        let count = "SELECT count(*) FROM temp.vocabulary WHERE term LIKE '%unspeakable'";
        index.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(words(&bench), 2);
    let erased = bench.streams.erased(1, said[0].record.id);
    bench.apply_one(erased);
    assert_eq!(bodies(&bench.page(2, "the", None, 9).hits), ["the usual"]);
    assert_eq!(words(&bench), 0);
    let views = rusqlite::Connection::open(bench.file()).unwrap();
    assert_eq!(
        views
            .query_row("SELECT count(*) FROM pending_index_deletes", [], |row| row.get::<_, i64>(0))
            .unwrap(),
        0
    );
}

#[test]
fn an_index_that_is_gone_or_damaged_or_of_other_views_is_made_anew() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    bench.say(1, 1, &["an apple"]);
    let found = |bench: &Bench| bench.page(2, "apple", None, 9).hits.len();
    assert_eq!(found(&bench), 1);
    let elsewhere = tempfile::tempdir().unwrap();
    for harm in 0..5 {
        (bench.views, bench.applier) = open(&elsewhere);
        let index = rusqlite::Connection::open(bench.index_file()).unwrap();
        match harm {
            0 => std::fs::remove_file(bench.index_file()).unwrap(),
            1 => index.pragma_update(None, "user_version", 4_711).unwrap(),
            2 => drop(index.execute("UPDATE source SET made = x'00'", []).unwrap()),
            // A first page that was never written whole.
            3 => std::fs::write(bench.index_file(), [0xa5; 4096]).unwrap(),
            // As after a power cut that took the views' last commits.
            _ => drop(index.execute("UPDATE source SET commits = 1000; ", []).unwrap()),
        }
        drop(index);
        (bench.views, bench.applier) = open(&bench.folder);
        assert_eq!(found(&bench), 1, "{harm}");
    }
}

#[test]
fn a_damaged_index_is_thrown_away_while_the_node_runs() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    bench.say(1, 1, &["an apple"]);
    assert_eq!(bench.page(2, "apple", None, 9).hits.len(), 1);
    let elsewhere = tempfile::tempdir().unwrap();
    (bench.views, bench.applier) = open(&elsewhere);
    let mut bytes = std::fs::read(bench.index_file()).unwrap();
    bytes[4096..].fill(0xa5);
    std::fs::write(bench.index_file(), bytes).unwrap();
    (bench.views, bench.applier) = open(&bench.folder);
    assert_eq!(bench.page(2, "apple", None, 9).hits.len(), 1);
}

#[test]
fn damage_that_a_search_meets_is_mended_while_the_node_runs() {
    use std::os::unix::fs::FileExt as _;
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    bench.say(1, 1, &["an apple"]);
    assert_eq!(bench.page(2, "apple", None, 9).hits.len(), 1);
    let index = rusqlite::Connection::open(bench.index_file()).unwrap();
    index.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(index);
    let file = std::fs::OpenOptions::new().write(true).open(bench.index_file()).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xa5; usize::try_from(length - 4096).unwrap()], 4096).unwrap();
    let search = || RUNTIME.block_on(bench.views.search(user(2), text("apple"), None, None, 9));
    assert!(matches!(search(), Err(ViewsError::Indexing)));
    assert_eq!(bench.page(2, "apple", None, 9).hits.len(), 1);
}

#[test]
fn an_erasure_that_the_index_had_taken_in_is_struck_out_after_a_crash() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let said = bench.say(1, 1, &["the unspeakable"]);
    let erased = bench.streams.erased(1, said[0].record.id);
    bench.apply_one(erased);
    assert!(bench.page(2, "the", None, 9).hits.is_empty());
    let views = rusqlite::Connection::open(bench.file()).unwrap();
    views
        .execute(
            "INSERT INTO pending_index_deletes (number, place, body) VALUES (1, 0, 'the unspeakable')",
            [],
        )
        .unwrap();
    bench.reopen();
    assert!(bench.page(2, "the", None, 9).hits.is_empty());
    assert_eq!(
        views
            .query_row("SELECT count(*) FROM pending_index_deletes", [], |row| row.get::<_, i64>(0))
            .unwrap(),
        0
    );
}

#[test]
fn an_index_that_is_ahead_is_made_anew_even_if_the_views_catch_up_before_a_search() {
    let mut bench = Bench::new();
    let claims = (0..4).map(|person| bench.streams.claim(person)).collect();
    bench.apply(claims);
    let elsewhere = tempfile::tempdir().unwrap();
    (bench.views, bench.applier) = open(&elsewhere);
    let before = std::fs::read(bench.file()).unwrap();
    (bench.views, bench.applier) = open(&bench.folder);
    let one = [bench.streams.created(0, MEMBERS[0]), bench.streams.message(0, 0, 1, "one two")];
    let other = [bench.streams.created(1, MEMBERS[1]), bench.streams.message(1, 1, 2, "two three")];
    bench.apply([one.clone(), other.clone()].concat());
    assert_eq!(bench.search(1, "two", None, 9).len(), 2);
    // A power cut takes what the views wrote, and then the two streams come the other way round, in more commits.
    (bench.views, bench.applier) = open(&elsewhere);
    std::fs::write(bench.file(), before).unwrap();
    (bench.views, bench.applier) = open(&bench.folder);
    for entry in [other, one].concat() {
        bench.apply_one(entry);
    }
    for (person, sought) in (0..4).flat_map(|person| SOUGHT.map(|sought| (person, sought))) {
        assert_eq!(
            bench.search(person, sought, None, 9),
            bench.scan(person, sought, None),
            "{person} {sought}"
        );
    }
}

#[test]
fn a_page_that_has_looked_long_enough_ends_and_says_where_to_go_on() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let mut texts = vec!["red apple"];
    texts.extend(std::iter::repeat_n("apple red", 4_500));
    bench.say(1, 1, &texts);
    let first = bench.page(2, "\"red apple\"", None, 9);
    assert!(first.hits.is_empty() && first.next.is_some());
    assert_eq!(bench.search(2, "\"red apple\"", None, 9).len(), 1);
}

#[test]
fn long_messages_end_a_page_sooner() {
    let mut bench = Bench::new();
    bench.conversation(&[1, 2]);
    let long = "apple red ".repeat(800);
    bench.say(1, 1, &[&*long; 400]);
    let first = bench.page(2, "\"apple apple\"", None, 9);
    assert!(first.hits.is_empty() && first.next.is_some());
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Say { place: u8, sender: u8, id: u32, text: usize },
    Erase { place: u8, which: prop::sample::Index },
    Create { place: u8 },
    Search { person: u8, sought: usize },
    Crash,
    LoseIndex,
}

const TEXTS: [&str; 11] = [
    "one",
    "one two",
    "Two Öne",
    "onetwo three",
    "two one two",
    "三 one",
    "🎉 two-three",
    "o t",
    "Łódź C++11",
    "ภาษาไทยยาก C#",
    "می\u{200c}خواهم",
];
const SOUGHT: [&str; 13] = [
    "one",
    "o",
    "one two",
    "\"one two\"",
    "two o",
    "三",
    "🎉",
    "\"two\" t",
    "three-two",
    "lodz",
    "c++",
    "ไทย",
    "میخواهم",
];
/// Who is in which conversation.
const MEMBERS: [&[u8]; 3] = [&[0, 1], &[1, 2], &[0, 1, 2, 3]];

fn step() -> impl Strategy<Value = Step> {
    let (place, person) = (0..3_u8, 0..4_u8);
    prop_oneof![
        // Few ids, so that many are said twice.
        12 => (place.clone(), person.clone(), 0..12_u32, 0..TEXTS.len())
            .prop_map(|(place, sender, id, text)| Step::Say { place, sender, id, text }),
        3 => (place.clone(), any::<prop::sample::Index>()).prop_map(|(place, which)| Step::Erase { place, which }),
        1 => place.prop_map(|place| Step::Create { place }),
        2 => (person, 0..SOUGHT.len()).prop_map(|(person, sought)| Step::Search { person, sought }),
        1 => Just(Step::Crash),
        1 => Just(Step::LoseIndex),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_search_finds_what_a_scan_finds_whatever_came_before(
        steps in prop::collection::vec(step(), 1..60),
        limit in 1..4_usize,
    ) {
        let mut bench = Bench::new();
        let claims = (0..4).map(|person| bench.streams.claim(person)).collect();
        bench.apply(claims);
        let mut said: HashMap<u8, Vec<RecordId>> = HashMap::new();
        for step in steps {
            match step {
                Step::Say { place, sender, id, text } => {
                    let entry = bench.streams.message(place, sender, id, TEXTS[text]);
                    said.entry(place).or_default().push(entry.record.id);
                    bench.apply_one(entry);
                }
                Step::Erase { place, which } => {
                    let Some(said) = said.get(&place) else { continue };
                    let entry = bench.streams.erased(place, *which.get(said));
                    bench.apply_one(entry);
                }
                Step::Create { place } => {
                    let entry = bench.streams.created(place, MEMBERS[usize::from(place)]);
                    bench.apply_one(entry);
                }
                Step::Search { person, sought } => {
                    let sought = SOUGHT[sought];
                    prop_assert_eq!(bench.search(person, sought, None, limit), bench.scan(person, sought, None));
                }
                Step::Crash => bench.reopen(),
                Step::LoseIndex => {
                    let elsewhere = tempfile::tempdir().unwrap();
                    (bench.views, bench.applier) = open(&elsewhere);
                    let _ = std::fs::remove_file(bench.index_file());
                    (bench.views, bench.applier) = open(&bench.folder);
                }
            }
        }
        for (person, sought) in (0..4).flat_map(|person| SOUGHT.map(|sought| (person, sought))) {
            for within in [None, Some(conversation(2))] {
                let (found, scanned) =
                    (bench.search(person, sought, within, limit), bench.scan(person, sought, within));
                prop_assert_eq!(found, scanned, "{} looks for {}", person, sought);
            }
        }
    }
}
