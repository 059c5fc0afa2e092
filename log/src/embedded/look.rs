//! Reading a log that another process may be writing to.

use super::{
    error::OpenError,
    folder::FILE,
    manifest,
    reader::{self, Readers, SEQ},
    schema,
};
use crate::{
    LogIdentity, Page, ReadError, Stream,
    limits::{PAGE_BYTES_MAX, PAGE_RECORDS_MAX},
};
use kafkatalk_protocol::Offset;
use std::path::Path;

/// The log in a folder, for reading alone. Takes no lock: a node may run on it.
pub struct EmbeddedReader {
    readers: Readers,
}

impl EmbeddedReader {
    /// Opens the log of a folder. Makes none.
    ///
    /// # Errors
    /// When there is none, or none that this program knows.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        let file = dir.as_ref().join(FILE);
        if !file.exists() {
            return Err(OpenError::Folder {
                dir: dir.as_ref().into(),
                reason: "there is no log in it".into(),
            });
        }
        schema::look(&file, dir.as_ref())?;
        Ok(Self { readers: Readers::new(file) })
    }

    /// Which log it is; none where a version wrote it that knew of no identities.
    pub async fn identity(&self) -> Result<Option<LogIdentity>, ReadError> {
        let manifest =
            |connection: &_| manifest::read(connection).map_err(|error| reader::read_error(&error));
        Ok(manifest::identity(&self.readers.read(manifest).await?))
    }

    /// As [`super::EmbeddedLog::streams`].
    pub async fn streams(&self) -> Result<Vec<(Stream, Offset)>, ReadError> {
        self.readers.read(reader::streams).await
    }

    /// As [`crate::EventLog::read`].
    pub async fn read(&self, stream: Stream, from: Offset, limit: usize) -> Result<Page, ReadError> {
        let limit = limit.min(PAGE_RECORDS_MAX);
        let page = move |connection: &_| reader::page(connection, stream, from, limit, PAGE_BYTES_MAX);
        self.readers.read(page).await
    }

    /// The name of the one position in a checkpoint of this log.
    pub const POSITION: &str = SEQ;

    /// Up to which offset of a stream a reader at that position is, that one not included.
    pub async fn reached(&self, stream: Stream, seq: u64) -> Result<Offset, ReadError> {
        self.readers.read(move |connection| reader::reached(connection, stream, seq)).await
    }
}
