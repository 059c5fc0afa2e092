//! The kernel's tables, and how columns hold ids, offsets and places.

use kafkatalk_protocol::Offset;
use uuid::Uuid;

/// Messages that one row of `counts` may stand for. Unread messages are counted by summing such rows, and the part of
/// one: never by walking through the history.
pub(crate) const CHUNK_OFFSETS: u64 = 256;

/// The kernel's tables; each feature adds its own: see [`crate::kernel::projector::Projector`].
///
/// People and conversations have row numbers inside the file, because an integer costs a third of a UUID in every row
/// and index. Messages lie in the order of conversation and offset: `place` is `conversation << 32 | offset`.
///
/// - `users` also holds people who are named as members but have not claimed a name yet: `username` is null then. `told` is
///   the name under which a record added somebody to a group, which may come before their claim.
/// - `conversations.waiting` counts such members; a conversation is open when none is left. `last_record` is the end of
///   its chain of visible records, `applied` the last record of its stream that was applied.
/// - `conversations.is_group`, `name` and `group_revision` are of groups: the last is the offset of the record that last
///   changed members, roles or the name.
/// - `members.sees_from` is the first offset that a member may see; `until` is set for those who left or were removed.
///   `since` is the offset of the record that let somebody in: none for those whom the creation named. `founder` tells these
///   for ever: 2 is who created the conversation, 1 the others, 0 whoever came later. `role` is 0 for a member, 1 for an admin, 2 for an owner.
/// - `counts` counts messages by sender in chunks of [`CHUNK_OFFSETS`].
/// - `source.made` tells this file from any other, and `source.commits` counts what was committed: by both the search
///   index knows what it was made from. `source.log` is the identity of the log that the rows were made from.
/// - `held` holds records of conversations that are not open yet.
/// - `features` names the features whose tables are in this file, and their versions; `builds` the sets of features, with
///   versions, whose nodes wrote the rows. `conversations.build` and `ledgers.build` refer to the last of them that
///   applied a record there; `kinds` lists the kinds of records in each stream. See [`super::builds`].
/// - `ledgers.applied` is the offset of the last record of a ledger that was applied.
pub(super) const TABLES: &str = "
CREATE TABLE source (name TEXT NOT NULL, made BLOB NOT NULL, commits INTEGER NOT NULL, log TEXT) STRICT;
CREATE TABLE checkpoint (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE features (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, tables TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE builds (build INTEGER PRIMARY KEY, features TEXT NOT NULL) STRICT;
CREATE TABLE ledgers (
    name TEXT PRIMARY KEY, applied INTEGER NOT NULL, build INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE kinds (
    conversation INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (conversation, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE users (
    row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, username TEXT UNIQUE, password_hash TEXT, told TEXT
) STRICT;
CREATE TABLE conversations (
    row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL, waiting INTEGER NOT NULL,
    newest INTEGER, activity INTEGER NOT NULL, last_record INTEGER, applied INTEGER,
    is_group INTEGER NOT NULL, name TEXT, group_revision INTEGER, build INTEGER
) STRICT;
CREATE TABLE members (
    conversation INTEGER NOT NULL, user INTEGER NOT NULL, role INTEGER NOT NULL DEFAULT 0,
    sees_from INTEGER NOT NULL DEFAULT 0, since INTEGER, until INTEGER, founder INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_of_user ON members (user, conversation);
CREATE TABLE counts (
    conversation INTEGER NOT NULL, chunk INTEGER NOT NULL, sender INTEGER NOT NULL, messages INTEGER NOT NULL,
    PRIMARY KEY (conversation, chunk, sender)
) STRICT, WITHOUT ROWID;
CREATE TABLE held (
    conversation BLOB NOT NULL, \"offset\" INTEGER NOT NULL, id BLOB NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (conversation, \"offset\")
) STRICT, WITHOUT ROWID;
";

/// The kernel's part of [`super::Views::dump`].
pub(super) const DUMP: &[(&str, &str)] = &[
    ("user", "SELECT id, username, password_hash, told FROM users ORDER BY id"),
    (
        "conversation",
        "SELECT id, created_at, waiting, newest, activity, last_record, applied, is_group, name, group_revision
         FROM conversations ORDER BY id",
    ),
    (
        "member",
        "SELECT conversations.id, users.id, role, sees_from, since, until, founder FROM members
         JOIN conversations ON conversations.row = conversation JOIN users ON users.row = user ORDER BY 1, 2",
    ),
    (
        "count",
        "SELECT conversations.id, chunk, users.id, messages FROM counts
         JOIN conversations ON conversations.row = conversation JOIN users ON users.row = sender ORDER BY 1, 2, 3",
    ),
    ("held", "SELECT * FROM held ORDER BY 1, 2"),
];

/// Bits of a place that hold the offset.
const OFFSET_BITS: u32 = 32;
/// The last offset that a place can hold.
pub(crate) const OFFSET_MAX: u64 = (1 << OFFSET_BITS) - 1;
/// The last conversation row that a place can hold.
pub(crate) const CONVERSATION_ROW_MAX: i64 = (1 << (63 - OFFSET_BITS)) - 1;

/// Where a message lies. `offset` is at most [`OFFSET_MAX`]; larger ones are refused on the way in.
pub(crate) fn place(conversation_row: i64, offset: Offset) -> i64 {
    (conversation_row << OFFSET_BITS) | sql_offset(offset)
}

/// The conversation in a place.
pub(crate) fn conversation_of(place: i64) -> i64 {
    place >> OFFSET_BITS
}

/// The offset in a place.
pub(crate) fn offset_of(place: i64) -> Offset {
    Offset(u64::try_from(place).unwrap_or_default() & OFFSET_MAX)
}

/// An offset as a column holds it; what lies beyond the last is drawn to it.
pub(crate) fn sql_offset(offset: Offset) -> i64 {
    i64::try_from(offset.0.min(OFFSET_MAX)).unwrap_or(i64::MAX)
}

/// An offset from a column.
pub(crate) fn column_offset(column: i64) -> Offset {
    Offset(u64::try_from(column).unwrap_or_default())
}

/// A token's hash from hex; `None` if it is none.
pub(crate) fn token_hash(hex: &str) -> Option<[u8; 32]> {
    let (mut bytes, hex) = ([0; 32], hex.as_bytes());
    if hex.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// An id as a column holds it.
pub(crate) fn blob(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

/// An id from a column.
pub(crate) fn uuid(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Uuid> {
    row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes)
}

/// The offsets of a conversation as places: the first and the last.
pub(crate) fn places_of(conversation_row: i64) -> (i64, i64) {
    (place(conversation_row, Offset(0)), place(conversation_row, Offset(OFFSET_MAX)))
}
