//! Prints every row, for comparing views.

use super::ViewsError;
use rusqlite::{Connection, Row, types::ValueRef};
use std::io::Write;

/// One query per table; the order of rows does not depend on row numbers.
pub(super) fn write(
    connection: &mut Connection,
    queries: impl Iterator<Item = (&'static str, &'static str)>,
    out: &mut dyn Write,
) -> Result<(), ViewsError> {
    let moment = connection.transaction()?;
    for (table, sql) in queries {
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
