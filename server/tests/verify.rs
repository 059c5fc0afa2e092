//! `verify` on the embedded log, beside a running node and without one.

use kafkatalk_log::{
    EventLog as _, Ledger, Record, Stream,
    embedded::{EmbeddedLog, EmbeddedOptions},
};
use kafkatalk_protocol::{
    Body, ConversationId, CreationId, MessageId, Offset, Timestamp, UserId, Username,
    delete::MessageDeleted,
    edit::MessageEdited,
    event::{ConversationCreated, Event, MessagePosted, UserClaimed},
};
use kafkatalk_server::{cli::rebuild::from_log, views::ViewsOptions};
use std::{path::Path, process::Command};
use uuid::Uuid;

const MESSAGES: u128 = 20;

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn group() -> ConversationId {
    ConversationId::of_group(user(1), CreationId(Uuid::nil()))
}

fn record<E: Event>(author: u128, event: &E) -> Record {
    Record::of(Uuid::now_v7(), Some(user(author)), Timestamp::from_millis(1_700_000_000_000), event)
}

/// Three people who talk, one message that came twice and two that were erased; and the views of that.
async fn talk(folder: &Path) -> EmbeddedLog {
    let log = EmbeddedLog::open(folder, EmbeddedOptions::default()).unwrap();
    for number in [1, 2, 3] {
        let username = Username::parse(&format!("user-{number}")).unwrap();
        let claim = UserClaimed { user: user(number), username, password_hash: "hash".into() };
        log.append(Stream::Ledger(Ledger::Users), record(number, &claim)).await.unwrap();
    }
    let created = ConversationCreated { conversation: group(), members: vec![user(1), user(2), user(3)] };
    log.append(Stream::Ledger(Ledger::Conversations), record(1, &created)).await.unwrap();
    for number in 0..MESSAGES {
        let said = say(&log, number).await;
        if number % 9 == 3 {
            log.erase(Stream::Conversation(group()), said, Timestamp::from_millis(1)).await.unwrap();
        }
    }
    say(&log, MESSAGES - 1).await;
    from_log(&log, &folder.join("views.sqlite"), &ViewsOptions::default(), |_| {}).await.unwrap();
    log
}

async fn say(log: &EmbeddedLog, number: u128) -> Uuid {
    let body = Body::parse(&format!("number {number}")).unwrap();
    let said = record(
        1 + number % 3,
        &MessagePosted { id: MessageId(Uuid::from_u128(number)), body, reply_to: None },
    );
    let id = said.id;
    log.append(Stream::Conversation(group()), said).await.unwrap();
    id
}

fn verify(words: &[&str], folder: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafkatalk"));
    command.arg("verify").args(words).arg("--data").arg(folder).env_clear().env("HOME", folder);
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn change(folder: &Path, sql: &str) {
    let views = rusqlite::Connection::open(folder.join("views.sqlite")).unwrap();
    assert_eq!(views.execute(sql, []).unwrap(), 1, "{sql}");
}

#[tokio::test]
async fn a_whole_log_is_whole_with_its_node_and_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = talk(folder.path()).await;
    for beside in [true, false] {
        if !beside {
            log.close().await;
        }
        let (code, told) = verify(&[], folder.path());
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("1 conversations, 21 records, 18 messages seen; 2 places"), "{told}");
        assert!(told.contains("1 records skipped, 0 not yet in the views\nwhole"), "{told}");
    }
}

#[tokio::test]
async fn what_the_views_have_not_come_to_is_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let log = talk(folder.path()).await;
    say(&log, 77).await;
    let (code, told) = verify(&[&group().to_string()], folder.path());
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(" 1 not yet in the views"), "{told}");
    log.close().await;
}

#[tokio::test]
async fn an_erasure_that_the_views_have_not_come_to_is_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let log = talk(folder.path()).await;
    let page = log.read(Stream::Conversation(group()), Offset(0), 100).await.unwrap();
    let at = |offset| page.entries.iter().find(|entry| entry.offset == Offset(offset)).unwrap().record.id;
    // One between others, the newest but one, and the newest, of which there is a second copy.
    for erased in [at(8), at(20), at(21)] {
        log.erase(Stream::Conversation(group()), erased, Timestamp::from_millis(1)).await.unwrap();
    }
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains(" 3 not yet in the views\nwhole"), "{told}");
    change(folder.path(), "UPDATE messages SET body = 'never' WHERE place & 0xffffffff = 5");
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(1), "the others are compared: {told}");
    assert!(told.contains("offset 5: the views show another body"), "{told}");
    log.close().await;
}

#[tokio::test]
async fn views_that_lack_change_or_invent_a_message_are_found_out() {
    for (sql, trouble) in [
        ("DELETE FROM messages WHERE place & 0xffffffff = 7", "offset 7: the views lack a message"),
        (
            "UPDATE messages SET body = 'never' WHERE place & 0xffffffff = 7",
            "offset 7: the views show another body",
        ),
        (
            "UPDATE messages SET sender = 3 - sender WHERE place & 0xffffffff = 7",
            "offset 7: the views show another author",
        ),
        (
            "UPDATE messages SET place = place + 1000 WHERE place & 0xffffffff = 7",
            "offset 1007: the views show a message",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        talk(folder.path()).await.close().await;
        change(folder.path(), sql);
        let (code, told) = verify(&[], folder.path());
        assert_eq!(code, Some(1), "{sql}: {told}");
        assert!(told.contains(&format!("{}: {trouble}", group())), "{sql}: {told}");
        assert!(told.contains("1 of 1 conversations are not whole"), "{told}");
    }
}

/// Message 0 gets another text, and message 1 another one before it is deleted; the views of that. The deletion's offset.
async fn change_two(log: &EmbeddedLog, folder: &Path) -> Offset {
    let stream = Stream::Conversation(group());
    let id = |number| MessageId(Uuid::from_u128(number));
    for (author, message) in [(1, Offset(0)), (2, Offset(1))] {
        let (id, body) = (id(100 + author), Body::parse("changed").unwrap());
        log.append(stream, record(author, &MessageEdited { id, message, body })).await.unwrap();
    }
    let deleted = MessageDeleted {
        id: id(200),
        message: Offset(1),
        message_id: id(1),
        sender: user(2),
        sent_at: Timestamp::from_millis(1_700_000_000_000),
    };
    let deleted = log.append(stream, record(2, &deleted)).await.unwrap();
    from_log(log, &folder.join("views.sqlite"), &ViewsOptions::default(), |_| {}).await.unwrap();
    deleted
}

#[tokio::test]
async fn a_log_whose_messages_were_edited_and_deleted_is_whole_before_and_after_their_content_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let log = talk(folder.path()).await;
    let deleted = change_two(&log, folder.path()).await;
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(0), "{told}");
    let stream = Stream::Conversation(group());
    let page = log.read(stream, Offset(0), 100).await.unwrap();
    let record = |offset| page.entries.iter().find(|entry| entry.offset == offset).unwrap().record.id;
    // The edit's text and the message's, as the node has them erased; with views that know of it, and that do not yet.
    for erased in [Offset(deleted.0 - 1), Offset(1)] {
        log.erase(stream, record(erased), Timestamp::from_millis(1)).await.unwrap();
        let (code, told) = verify(&[], folder.path());
        assert_eq!(code, Some(0), "{told}");
    }
    from_log(&log, &folder.path().join("views.sqlite"), &ViewsOptions::default(), |_| {}).await.unwrap();
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(0), "{told}");
    log.close().await;
}

#[tokio::test]
async fn views_that_show_a_message_in_another_state_are_found_out() {
    for (sql, trouble) in [
        (
            "UPDATE messages SET revision = NULL WHERE place & 0xffffffff = 0",
            "offset 0: the views show another revision",
        ),
        ("UPDATE edits SET edited_at = 1", "offset 0: the views show another state"),
        (
            "UPDATE messages SET body = 'still here' WHERE place & 0xffffffff = 1",
            "offset 1: the views show another body",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let log = talk(folder.path()).await;
        change_two(&log, folder.path()).await;
        log.close().await;
        change(folder.path(), sql);
        let (code, told) = verify(&[], folder.path());
        assert_eq!(code, Some(1), "{sql}: {told}");
        assert!(told.contains(&format!("{}: {trouble}", group())), "{sql}: {told}");
    }
}

#[tokio::test]
async fn views_that_do_not_know_of_a_conversation_are_found_out() {
    let folder = tempfile::tempdir().unwrap();
    talk(folder.path()).await.close().await;
    let views = rusqlite::Connection::open(folder.path().join("views.sqlite")).unwrap();
    views.execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM members; DELETE FROM conversations").unwrap();
    drop(views);
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("somebody opened it, and the views do not know that"), "{told}");
}

#[tokio::test]
async fn a_log_that_lost_a_record_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    talk(folder.path()).await.close().await;
    let log = rusqlite::Connection::open(folder.path().join("log.sqlite3")).unwrap();
    log.execute("DELETE FROM records WHERE offset = 10 AND kind = 'message.posted'", []).unwrap();
    drop(log);
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("offsets hold nothing"), "{told}");
}

#[tokio::test]
async fn an_erasure_ahead_of_the_views_is_no_trouble_where_nobody_opened_the_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let log = talk(folder.path()).await;
    let unopened = Stream::Conversation(ConversationId(Uuid::from_u128(9)));
    let body = Body::parse("nobody reads this").unwrap();
    let said = record(1, &MessagePosted { id: MessageId(Uuid::nil()), body, reply_to: None });
    let id = said.id;
    log.append(unopened, said).await.unwrap();
    from_log(&log, &folder.path().join("views.sqlite"), &ViewsOptions::default(), |_| {}).await.unwrap();
    log.erase(unopened, id, Timestamp::from_millis(1)).await.unwrap();
    log.close().await;
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("2 conversations") && told.contains(" 1 not yet in the views\nwhole"), "{told}");
}

#[tokio::test]
async fn one_conversation_that_cannot_be_read_is_told_and_the_others_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let log = talk(folder.path()).await;
    let other = Stream::Conversation(ConversationId(Uuid::from_u128(9)));
    let body = Body::parse("nobody reads this").unwrap();
    log.append(other, record(1, &MessagePosted { id: MessageId(Uuid::nil()), body, reply_to: None }))
        .await
        .unwrap();
    log.close().await;
    let file = rusqlite::Connection::open(folder.path().join("log.sqlite3")).unwrap();
    // An error of the moment, which says nothing about what is stored.
    file.execute_batch(
        "ALTER TABLE records RENAME TO stored;
         CREATE VIEW records AS SELECT seq, stream, offset, id, key,
             iif(stream = (SELECT stream FROM stored ORDER BY seq DESC LIMIT 1), json('not now'), kind) AS kind,
             author, at, payload FROM stored;",
    )
    .unwrap();
    drop(file);
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains(&format!("{}: offset 0: the log cannot be read now", Uuid::from_u128(9))),
        "{told}"
    );
    assert!(told.contains("2 conversations, 21 records, 18 messages seen"), "{told}");
    assert!(told.contains("1 of 2 conversations are not whole"), "{told}");
}

#[tokio::test]
async fn a_folder_without_views_or_an_unknown_conversation_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let (code, told) = verify(&[], folder.path());
    assert_eq!(code, Some(1));
    assert!(told.contains("there are no views"), "{told}");
    assert!(!folder.path().join("log.sqlite3").exists() && !folder.path().join("views.sqlite").exists());
    talk(folder.path()).await.close().await;
    let unknown = Uuid::from_u128(5).to_string();
    let (code, told) = verify(&[&unknown], folder.path());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains(&format!("{unknown}: neither the log nor the views know it")), "{told}");
}
