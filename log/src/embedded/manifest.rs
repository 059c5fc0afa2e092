//! The manifest of an embedded log: a table, and a row in `streams` for each ledger that was created.

use super::{names, options::EmbeddedOptions};
use crate::{
    Ledger, Level, LogIdentity, Stream,
    manifest::{Fact, Manifest},
};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use uuid::Uuid;

/// Added to logs that have none, in the format that they have: programs that know of no manifest do not mind it.
const TABLE: &str = "
    -- fact: JSON, see `log/src/manifest.rs`. In the order in which they were recorded.
    CREATE TABLE IF NOT EXISTS manifest (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        fact TEXT NOT NULL
    ) STRICT;
";

/// Why a log cannot be used.
pub(super) enum Refusal {
    /// The ledger was created and is gone.
    Gone(Ledger),
    /// This level is finalised, and the program does not know it.
    Level(Level),
    /// The file cannot be read or written.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Reads the manifest, and creates what is new in the log, in one transaction.
///
/// Logs of before have a row for a ledger only where something was written to it, so that none of theirs can be missed.
pub(super) fn open(connection: &mut Connection, options: &EmbeddedOptions) -> Result<Manifest, Refusal> {
    let ledgers = &options.ledgers;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLE)?;
    let mut manifest = rows(&transaction)?;
    if manifest.level() > options.level {
        return Err(Refusal::Level(manifest.level()));
    }
    let mut there = Vec::with_capacity(ledgers.len());
    for ledger in ledgers {
        if is_there(&transaction, *ledger)? {
            there.push(*ledger);
        }
    }
    let create =
        manifest.ledgers_to_create(ledgers, |ledger| there.contains(&ledger)).map_err(Refusal::Gone)?;
    for ledger in create {
        let name = Stream::Ledger(ledger);
        transaction.execute("INSERT INTO streams (name) VALUES (?1)", [names::name_of(&name)])?;
    }
    let mut facts = manifest.lacks(ledgers, Uuid::new_v4());
    if manifest.level() < options.level {
        // There is one node, and it knows it.
        facts.push(Fact::Level { level: options.level.0 });
    }
    for fact in facts {
        let json = serde_json::to_string(&fact)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        let row = (fact.key(), json);
        transaction.execute("INSERT INTO manifest (key, fact) VALUES (?1, ?2)", row)?;
        manifest.learn(fact);
    }
    transaction.commit()?;
    Ok(manifest)
}

/// What a log records; nothing where it has no manifest yet.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Manifest> {
    let has_table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'manifest')";
    if connection.query_row(has_table, [], |row| row.get(0))? {
        return rows(connection);
    }
    Ok(Manifest::default())
}

/// The identity of the log with that manifest, if it has one yet.
pub(super) fn identity(manifest: &Manifest) -> Option<LogIdentity> {
    manifest.identity().map(|id| LogIdentity::new(format!("embedded/{id}")))
}

fn rows(connection: &Connection) -> rusqlite::Result<Manifest> {
    let mut manifest = Manifest::default();
    let mut statement = connection.prepare("SELECT fact FROM manifest ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        manifest.learn_json(row.get_ref(0)?.as_bytes()?);
    }
    Ok(manifest)
}

fn is_there(transaction: &Transaction<'_>, ledger: Ledger) -> rusqlite::Result<bool> {
    let name = Stream::Ledger(ledger);
    let row = transaction
        .query_row("SELECT id FROM streams WHERE name = ?1", [names::name_of(&name)], |row| {
            row.get::<_, i64>(0)
        })
        .optional()?;
    Ok(row.is_some())
}
