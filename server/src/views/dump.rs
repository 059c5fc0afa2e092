//! Every row in words.

use super::ViewsError;
use rusqlite::{Connection, Row, types::ValueRef};
use std::io::Write;

/// One query per table. Row numbers depend on who came first, so ids stand in their place; so does the order.
const TABLES: [(&str, &str); 9] = [
    ("user", "SELECT id, username, password_hash FROM users ORDER BY id"),
    ("session", "SELECT id, user, token_hash, created_at, user_agent FROM sessions ORDER BY id"),
    ("conversation", "SELECT id, created_at, waiting, newest, activity FROM conversations ORDER BY id"),
    (
        "member",
        "SELECT conversations.id, users.id, read FROM members JOIN conversations ON conversations.row = conversation
         JOIN users ON users.row = user ORDER BY 1, 2",
    ),
    (
        "message",
        "SELECT conversations.id, place & 0xffffffff, users.id, sent_at, messages.id, record, body FROM messages
         JOIN conversations ON conversations.row = conversation JOIN users ON users.row = sender ORDER BY 1, 2",
    ),
    (
        "copy",
        "SELECT conversations.id, place & 0xffffffff, users.id, sent_at, copies.id, record, body FROM copies
         JOIN conversations ON conversations.row = place >> 32 JOIN users ON users.row = sender ORDER BY 1, 2",
    ),
    (
        "count",
        "SELECT conversations.id, chunk, users.id, messages FROM counts
         JOIN conversations ON conversations.row = conversation JOIN users ON users.row = sender ORDER BY 1, 2, 3",
    ),
    ("held message", "SELECT * FROM held_messages ORDER BY 1, 2"),
    ("held read", "SELECT * FROM held_reads ORDER BY 1, 2"),
];

pub(super) fn write(connection: &mut Connection, out: &mut dyn Write) -> Result<(), ViewsError> {
    let moment = connection.transaction()?;
    for (table, sql) in TABLES {
        let mut statement = moment.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            out.write_all(table.as_bytes())?;
            for column in 0..columns {
                write_value(row, column, out)?;
            }
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn write_value(row: &Row<'_>, column: usize, out: &mut dyn Write) -> Result<(), ViewsError> {
    match row.get_ref(column)? {
        ValueRef::Null => write!(out, " -")?,
        ValueRef::Integer(number) => write!(out, " {number}")?,
        ValueRef::Real(number) => write!(out, " {number}")?,
        ValueRef::Text(text) => write!(out, " {:?}", String::from_utf8_lossy(text))?,
        ValueRef::Blob(bytes) => {
            write!(out, " ")?;
            for byte in bytes {
                write!(out, "{byte:02x}")?;
            }
        }
    }
    Ok(())
}
