//! The index file: the words of each document, and the place of its message in the views.

mod readers;
mod terms;

pub(super) use readers::{Later, Readers, bounds};
pub(crate) use terms::{bucket, bucket_end, bucket_of, expression, last_ms};

use super::words::words;
use crate::kernel::views::{ViewsError, file, schema};
use rusqlite::{Connection, OptionalExtension as _};
use std::{collections::BTreeSet, path::Path, sync::Arc};
use terms::{TIE_BITS, place_term, term};

/// Raised with every change of the tables or of what a word is: files of another version are begun anew.
const VERSION: i64 = 5;
/// `KfTs`: tells an index from any other SQLite file.
const APPLICATION_ID: i64 = 0x4b66_5473;
/// Page cache of the writer, in KiB.
const CACHE_KIB: i64 = 8 * 1024;
/// Words that one document may have, those of each person counted; of a longer one its beginning is found.
const DOCUMENT_WORDS_MAX: usize = 50_000;

/// - `source` says which views this was made from, at which of their commits, and up to which erased message.
/// - `reached` says up to which place of a conversation all is indexed.
/// - `readers` says for whom the documents of a conversation are indexed, from a place on, up to the next such place: rows
///   of people, as JSON. Who came later and sees what was said before has documents beside these, each a `part` of its
///   own: `later_readers` says for whom, from which place to which. What is struck out must be, to the word, what was indexed.
/// - `documents` lie in the order of time: see [`bucket`]. `part` is 0 for those of `readers`.
/// - `words` keeps no text and no positions: whether a phrase is one is seen in the message.
const TABLES: &str = "
CREATE TABLE source (made BLOB NOT NULL, commits INTEGER NOT NULL, deleted_through INTEGER NOT NULL) STRICT;
CREATE TABLE reached (conversation INTEGER PRIMARY KEY, place INTEGER NOT NULL) STRICT;
CREATE TABLE readers (place INTEGER PRIMARY KEY, people TEXT NOT NULL) STRICT;
CREATE TABLE later_readers (
    part INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL, people TEXT NOT NULL
) STRICT;
CREATE INDEX later_readers_by_first ON later_readers (first);
CREATE TABLE documents (
    document INTEGER PRIMARY KEY, place INTEGER NOT NULL, part INTEGER NOT NULL, UNIQUE (place, part)
) STRICT;
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', columnsize = 0, detail = none, tokenize = 'ascii');
INSERT INTO words (words, rank) VALUES ('secure-delete', 1);
INSERT INTO words (words, rank) VALUES ('hashsize', 8388608);
";

/// Where the views stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) made: Vec<u8>,
    pub(super) commits: i64,
}

impl Source {
    pub(super) fn of_views(views: &Connection) -> Result<Self, ViewsError> {
        let mut find = views.prepare_cached("SELECT made, commits FROM source")?;
        Ok(find.query_row([], |row| Ok(Self { made: row.get(0)?, commits: row.get(1)? }))?)
    }
}

/// A message to be found from now on, or no longer.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) place: i64,
    /// Which of the documents of that place.
    pub(super) part: i64,
    pub(super) sent_at: i64,
    pub(super) body: String,
    /// Who may read it.
    pub(super) people: Arc<[i64]>,
}

impl Document {
    /// Its words as the index keeps them.
    fn text(&self) -> String {
        let words_max = DOCUMENT_WORDS_MAX / self.people.len().max(1);
        let mut found = BTreeSet::new();
        for word in words(&self.body) {
            if found.len() == words_max {
                break;
            }
            found.insert(word.folded);
        }
        let mut text = place_term(schema::conversation_of(self.place));
        for person in &*self.people {
            for word in &found {
                text.push(' ');
                text.push_str(&term(*person, word));
            }
        }
        text
    }
}

/// What one transaction changes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) removed: Vec<Document>,
    pub(super) added: Vec<Document>,
    /// Conversations, and up to which place they are indexed now.
    pub(super) reached: Vec<(i64, i64)>,
    /// From these places on, documents are for these people.
    pub(super) readers: Vec<(i64, Arc<[i64]>)>,
    /// People who came later.
    pub(super) later: Option<Later>,
    /// The number of the last erased message that is dealt with.
    pub(super) deleted_through: Option<i64>,
}

/// What went wrong with the index, as against the views. Neither tells anything of the other.
#[derive(Debug, thiserror::Error)]
#[error("{}", reason(.0))]
pub(crate) struct IndexError(ViewsError);

impl IndexError {
    /// What is in the file cannot be what was written.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self.0, ViewsError::Damaged(_))
    }

    /// Something else lies in its place, that is not ours to throw away.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self.0, ViewsError::Foreign)
    }
}

fn reason(error: &ViewsError) -> String {
    match error {
        ViewsError::Damaged(reason) => format!("the file of the search index is damaged ({reason})"),
        ViewsError::Foreign => "the file in the place of the search index is not one of KafkaTalk".into(),
        error => error.to_string(),
    }
}

impl From<ViewsError> for IndexError {
    fn from(error: ViewsError) -> Self {
        match error {
            // What is no SQLite file at all is, in this place, ours with a torn first page.
            ViewsError::Foreign => Self(ViewsError::Damaged("not an SQLite file".into())),
            error => Self(error),
        }
    }
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> Self {
        ViewsError::from(error).into()
    }
}

/// What a search that meets it answers.
impl From<IndexError> for ViewsError {
    fn from(error: IndexError) -> Self {
        if error.is_damage() { Self::Indexing } else { error.0 }
    }
}

/// The writing side.
#[derive(Debug)]
pub(super) struct Index {
    rows: Connection,
}

impl Index {
    /// Opens the file, or begins a new one where there is none that was made from these views as they are or were.
    pub(super) fn open(path: &Path, views: &Source) -> Result<Self, IndexError> {
        match usable(path, views) {
            Ok(Some(rows)) => return Ok(Self { rows }),
            Ok(None) => {}
            Err(error) if error.is_foreign() => return Err(error),
            Err(error) => tracing::warn!(%error, "search_index_begun_anew"),
        }
        Self::begin(path, views)
    }

    /// Begins a new file in any case.
    fn begin(path: &Path, views: &Source) -> Result<Self, IndexError> {
        file::delete(path)?;
        let mut rows = file::connect(path, CACHE_KIB)?;
        rows.pragma_update(None, "application_id", APPLICATION_ID)?;
        rows.pragma_update(None, "journal_mode", "WAL")?;
        let begun = rows.transaction()?;
        begun.execute_batch(TABLES)?;
        begun.execute(
            "INSERT INTO source (made, commits, deleted_through) VALUES (?1, 0, 0)",
            [&views.made],
        )?;
        begun.pragma_update(None, "user_version", VERSION)?;
        begun.commit()?;
        Ok(Self { rows })
    }

    /// Up to which place a conversation is indexed.
    pub(super) fn reached(&self, conversation: i64) -> Result<Option<i64>, IndexError> {
        let mut find = self.rows.prepare_cached("SELECT place FROM reached WHERE conversation = ?1")?;
        Ok(find.query_row([conversation], |row| row.get(0)).optional()?)
    }

    /// For whom the documents of a conversation are indexed: from which place on for whom.
    pub(super) fn readers(&self, conversation: i64) -> Result<Readers, IndexError> {
        let mut find = self.rows.prepare_cached(
            "SELECT place, people FROM readers WHERE place BETWEEN ?1 AND ?2 ORDER BY place",
        )?;
        let mut found = find.query(bounds(conversation))?;
        let mut readers = Readers::default();
        while let Some(row) = found.next()? {
            readers.first.insert(row.get(0)?, people(row, 1)?);
        }
        let mut find = self.rows.prepare_cached(
            "SELECT part, first, last, people FROM later_readers WHERE first BETWEEN ?1 AND ?2",
        )?;
        let mut found = find.query(bounds(conversation))?;
        while let Some(row) = found.next()? {
            let (part, first, last) = (row.get(0)?, row.get(1)?, row.get(2)?);
            readers.later.push(Later { part, first, last, people: people(row, 3)? });
        }
        Ok(readers)
    }

    /// A part that no document has yet.
    pub(super) fn next_part(&self) -> Result<i64, IndexError> {
        let mut find = self.rows.prepare_cached("SELECT coalesce(max(part), 0) + 1 FROM later_readers")?;
        Ok(find.query_row([], |row| row.get(0))?)
    }

    /// The same of all.
    pub(super) fn all_reached(&self) -> Result<std::collections::HashMap<i64, i64>, IndexError> {
        let mut find = self.rows.prepare("SELECT conversation, place FROM reached")?;
        let found = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Up to which erased message all are forgotten.
    pub(super) fn deleted_through(&self) -> Result<i64, IndexError> {
        Ok(self.rows.query_row("SELECT deleted_through FROM source", [], |row| row.get(0))?)
    }

    /// Writes a batch, whole or not at all.
    pub(super) fn write(&mut self, mut batch: Batch, commits: i64) -> Result<(), IndexError> {
        // The views strike out what is erased once it is taken in here: no power cut may take that back.
        let synchronous = if batch.deleted_through.is_some() { "FULL" } else { "NORMAL" };
        self.rows.pragma_update(None, "synchronous", synchronous)?;
        let writing = self.rows.transaction()?;
        for document in &batch.removed {
            remove(&writing, document)?;
        }
        // The index likes them in its own order.
        batch.added.sort_by_key(|document| (document.sent_at, document.place));
        for document in &batch.added {
            add(&writing, document)?;
        }
        let mut read = writing.prepare_cached(
            "INSERT INTO readers (place, people) VALUES (?1, ?2)
             ON CONFLICT (place) DO UPDATE SET people = excluded.people",
        )?;
        for (place, people) in &batch.readers {
            read.execute((place, serde_json::to_string(&**people).unwrap_or_default()))?;
        }
        drop(read);
        if let Some(Later { part, first, last, people }) = &batch.later {
            let people = serde_json::to_string(&**people).unwrap_or_default();
            writing
                .prepare_cached(
                    "INSERT INTO later_readers (part, first, last, people) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((part, first, last, people))?;
        }
        let mut reach = writing.prepare_cached(
            "INSERT INTO reached (conversation, place) VALUES (?1, ?2)
             ON CONFLICT (conversation) DO UPDATE SET place = max(place, excluded.place)",
        )?;
        for reached in &batch.reached {
            reach.execute(*reached)?;
        }
        drop(reach);
        writing
            .prepare_cached("UPDATE source SET commits = ?1, deleted_through = max(deleted_through, ?2)")?
            .execute((commits, batch.deleted_through.unwrap_or(0)))?;
        Ok(writing.commit()?)
    }
}

/// Rows of people from a column.
fn people(row: &rusqlite::Row<'_>, column: usize) -> Result<Arc<[i64]>, IndexError> {
    let people: String = row.get(column)?;
    let people: Vec<i64> = serde_json::from_str(&people)
        .map_err(|error| IndexError(ViewsError::Damaged(format!("readers: {error}"))))?;
    Ok(people.into())
}

fn usable(path: &Path, views: &Source) -> Result<Option<Connection>, IndexError> {
    let rows = file::connect(path, CACHE_KIB)?;
    Ok(is_usable(&rows, views)?.then_some(rows))
}

fn is_usable(rows: &Connection, views: &Source) -> Result<bool, IndexError> {
    let number = |pragma: &str| rows.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (pages, application) = (number("page_count")?, number("application_id")?);
    if pages > 0 && application != APPLICATION_ID {
        return Err(IndexError(ViewsError::Foreign));
    }
    if pages == 0 || number("user_version")? != VERSION {
        return Ok(false);
    }
    // More commits than the views have: a power cut took those of the views, and others come in their place.
    let mut find = rows.prepare("SELECT made = ?1 AND commits <= ?2 FROM source")?;
    Ok(find.query_row((&views.made, views.commits), |row| row.get(0)).optional()? == Some(true))
}

fn add(rows: &Connection, document: &Document) -> Result<(), IndexError> {
    let bucket = bucket(document.sent_at);
    let (first, last) = (bucket << TIE_BITS, bucket_end(bucket));
    let mut newest =
        rows.prepare_cached("SELECT max(document) FROM documents WHERE document BETWEEN ?1 AND ?2")?;
    let newest: Option<i64> = newest.query_row((first, last), |row| row.get(0))?;
    let number = newest.map_or(first, |newest| newest + 1);
    let mut place = rows.prepare_cached(
        "INSERT INTO documents (document, place, part) VALUES (?1, ?2, ?3) ON CONFLICT (place, part) DO NOTHING",
    )?;
    if place.execute((number, document.place, document.part))? > 0 {
        rows.prepare_cached("INSERT INTO words (rowid, text) VALUES (?1, ?2)")?
            .execute((number, document.text()))?;
    }
    Ok(())
}

fn remove(rows: &Connection, document: &Document) -> Result<(), IndexError> {
    let mut find =
        rows.prepare_cached("DELETE FROM documents WHERE place = ?1 AND part = ?2 RETURNING document")?;
    let found: Option<i64> = find.query_row((document.place, document.part), |row| row.get(0)).optional()?;
    if let Some(number) = found {
        rows.prepare_cached("INSERT INTO words (words, rowid, text) VALUES ('delete', ?1, ?2)")?
            .execute((number, document.text()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_message_to_many_the_first_words_are_kept() {
        let body: String = (0x4e00..0x4e00 + 8_000).filter_map(char::from_u32).collect();
        let kept = |people: i64| {
            let people = (0..people).collect();
            Document { place: 0, part: 0, sent_at: 0, body: body.clone(), people }.text().split(' ').count()
                - 1
        };
        assert_eq!((kept(2), kept(100)), (2 * 8_000, DOCUMENT_WORDS_MAX));
    }
}
