//! The tables of messages.

/// - `messages.revision` is the offset of the record that last changed a message, where one has. An empty `body` is that
///   of a message whose content is gone.
/// - `duplicates` holds messages that count for nothing as long as an earlier one with the same client id is there.
/// - `changes` notes which changes were made under which ids, so that each is made once.
/// - `contents` names the records, beside the one that posted it, that hold content of a message.
/// - `pending_erasures` names records that the log is to forget.
/// - `pending_index_deletes` holds texts until the search index has forgotten them, and places whose text it is to learn.
pub(super) const MESSAGES_TABLES: &str = "
CREATE TABLE messages (
    place INTEGER PRIMARY KEY, sender INTEGER NOT NULL, sent_at INTEGER NOT NULL, id BLOB NOT NULL,
    record BLOB NOT NULL, body TEXT NOT NULL, revision INTEGER,
    conversation INTEGER NOT NULL GENERATED ALWAYS AS (place >> 32) VIRTUAL
) STRICT;
CREATE UNIQUE INDEX messages_by_client_id ON messages (conversation, sender, id);
CREATE INDEX messages_by_record ON messages (record);
CREATE INDEX messages_by_revision ON messages (conversation, revision) WHERE revision IS NOT NULL;
CREATE TABLE duplicates (
    place INTEGER PRIMARY KEY, sender INTEGER NOT NULL, sent_at INTEGER NOT NULL, id BLOB NOT NULL,
    record BLOB NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE INDEX duplicates_by_client_id ON duplicates (sender, id);
CREATE TABLE changes (
    place INTEGER NOT NULL, author INTEGER NOT NULL, id BLOB NOT NULL, record INTEGER NOT NULL,
    PRIMARY KEY (place, author, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE contents (place INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (place, record)) STRICT, WITHOUT ROWID;
CREATE TABLE pending_erasures (
    record BLOB PRIMARY KEY, conversation INTEGER NOT NULL, since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE pending_index_deletes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, place INTEGER NOT NULL, body TEXT NOT NULL, added INTEGER
) STRICT;
";

pub(super) const MESSAGES_DUMP: &[(&str, &str)] = &[
    (
        "message",
        "SELECT conversations.id, place & 0xffffffff, users.id, sent_at, messages.id, record, body, revision
         FROM messages JOIN conversations ON conversations.row = conversation JOIN users ON users.row = sender
         ORDER BY 1, 2",
    ),
    (
        "change",
        "SELECT conversations.id, place & 0xffffffff, users.id, changes.id, record FROM changes
         JOIN conversations ON conversations.row = place >> 32 JOIN users ON users.row = author ORDER BY 1, 2, 3, 4",
    ),
    (
        "content",
        "SELECT conversations.id, place & 0xffffffff, record FROM contents
         JOIN conversations ON conversations.row = place >> 32 ORDER BY 1, 2, 3",
    ),
    (
        "pending erasure",
        "SELECT conversations.id, record, since FROM pending_erasures
         JOIN conversations ON conversations.row = conversation ORDER BY 1, 2",
    ),
    (
        "duplicate",
        "SELECT conversations.id, place & 0xffffffff, users.id, sent_at, duplicates.id, record, body FROM duplicates
         JOIN conversations ON conversations.row = place >> 32 JOIN users ON users.row = sender ORDER BY 1, 2",
    ),
];
