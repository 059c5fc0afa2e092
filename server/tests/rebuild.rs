//! Views that followed a log live, and views made anew from it, are the same row by row.

use kafkatalk_log::{
    EventLog, Ledger, Record, Stream,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_protocol::{
    Body, ConversationId, MessageId, Offset, SessionId, Timestamp, UserId, Username,
    event::{
        ConversationCreated, Event, MessagePosted, ReceiptRead, SessionEnded, SessionStarted, UserClaimed,
    },
};
use kafkatalk_server::{
    cli::rebuild::from_log,
    views::{Applier, Views, ViewsOptions},
};
use uuid::Uuid;

const PEOPLE: u64 = 6;
const APPENDS: u64 = 400;

/// The same numbers in every run (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn user(number: u64) -> UserId {
    UserId(Uuid::from_u128(0x1000 + u128::from(number)))
}

fn record<E: Event>(id: u64, author: UserId, event: &E) -> Record {
    let at = Timestamp::from_millis(1_700_000_000_000 + i64::try_from(id).unwrap());
    Record::of(Uuid::from_u128(0x5000 + u128::from(id)), Some(author), at, event)
}

/// One of the things that happen, in no sensible order: views must bear all of them.
fn something(id: u64, random: &mut Random) -> (Stream, Record) {
    let (one, other) = (random.below(PEOPLE), random.below(PEOPLE));
    let (author, pair) = (user(one), ConversationId::of_pair(user(one), user(other)));
    let session = SessionId(Uuid::from_u128(u128::from(random.below(8))));
    match random.below(12) {
        0 => {
            let username = Username::parse(&format!("user-{}", random.below(PEOPLE))).unwrap();
            let claim = UserClaimed { user: author, username, password_hash: "hash".into() };
            (Stream::Ledger(Ledger::Users), record(id, author, &claim))
        }
        1 => {
            let created = ConversationCreated { conversation: pair, members: vec![author, user(other)] };
            (Stream::Ledger(Ledger::Conversations), record(id, author, &created))
        }
        2 => {
            let token_hash = format!("{id:064x}");
            let started = SessionStarted { session, user: author, token_hash, user_agent: None };
            (Stream::Ledger(Ledger::Sessions), record(id, author, &started))
        }
        3 => (Stream::Ledger(Ledger::Sessions), record(id, author, &SessionEnded { session })),
        4 => {
            let read = ReceiptRead { conversation: pair, user: author, offset: Offset(random.below(20)) };
            (Stream::Ledger(Ledger::Receipts), record(id, author, &read))
        }
        _ => {
            let message_id = MessageId(Uuid::from_u128(u128::from(random.below(60))));
            let posted =
                MessagePosted { id: message_id, body: Body::parse("hello, hello").unwrap(), reply_to: None };
            (Stream::Conversation(pair), record(id, author, &posted))
        }
    }
}

fn dump(views: &Views) -> String {
    let mut out = Vec::new();
    views.dump(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Follows until nothing is left.
async fn follow(log: &EmbeddedLog, applier: &mut Applier) {
    let mut tail = log.tail(applier.checkpoint()).await.unwrap();
    loop {
        let batch = tail.next().await.unwrap().unwrap();
        applier.apply(&batch).unwrap();
        if batch.caught_up {
            return;
        }
    }
}

#[tokio::test]
async fn rebuilt_views_equal_the_live_ones_row_by_row() {
    let folder = tempfile::tempdir().unwrap();
    let (live_file, new_file) = (folder.path().join("live.sqlite"), folder.path().join("new.sqlite"));
    let options = ViewsOptions::default();
    let log = EmbeddedLog::open(folder.path().join("log"), EmbeddedOptions::default()).unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (live, mut applier) =
        Views::open(&live_file, &options, kafkatalk_server::features::registry()).unwrap();
    let mut said = Vec::new();
    for id in 0..APPENDS {
        let (stream, record) = something(id, &mut random);
        if matches!(stream, Stream::Conversation(_)) {
            said.push((stream, record.id));
        }
        log.append(stream, record).await.unwrap();
        if id % 40 == 39 {
            let count = u64::try_from(said.len()).unwrap();
            let (stream, erased) = said[usize::try_from(random.below(count)).unwrap()];
            log.erase(stream, erased, Timestamp::from_millis(1)).await.unwrap();
        }
        // The live views see some erasures at once and some late, and records in batches of any size.
        if random.below(4) == 0 {
            follow(&log, &mut applier).await;
        }
    }
    follow(&log, &mut applier).await;

    let figures = from_log(&log, &new_file, &options, |_| {}).await.unwrap();
    let (rebuilt, again) = Views::open(&new_file, &options, kafkatalk_server::features::registry()).unwrap();
    let rows = dump(&live);
    assert_eq!(rows, dump(&rebuilt));
    assert_eq!(applier.checkpoint(), again.checkpoint());
    assert!(rows.contains("\nmessage ") && rows.contains("\nsession "), "about nothing: {rows}");
    assert!(figures.messages > 0 && figures.skipped > 0 && figures.records >= 390, "{figures}");
    drop(again);
    // A second rebuild goes over the first.
    from_log(&log, &new_file, &options, |_| {}).await.unwrap();
    assert_eq!(
        rows,
        dump(&Views::open(&new_file, &options, kafkatalk_server::features::registry()).unwrap().0)
    );
}
