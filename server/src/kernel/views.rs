//! Views: what the node derives from the log to answer quickly, in one SQLite file that may be deleted at any time.
//!
//! | module | holds |
//! |---|---|
//! | [`applier`](Applier) | the one writer: batches of the tail in, some to a transaction, what came of each record out |
//! | `work` | one batch on its way into the rows: held records, opening conversations |
//! | `conversation` | the state of a conversation while its records are applied |
//! | [`query`](Query) | what can be asked, and the [`Viewpoint`] of a member |
//! | [`HistoryPage`] | which part of a history is asked for |
//! | `schema` | the kernel's tables |
//! | `file` | opening the file, and when it is deleted and begun anew |
//! | `builds` | which features have seen which records, and what is to be read again |
//! | `pool`, `cache` | bounded readers, and answers kept in memory |
//! | `pending` | what is applied and not yet committed, which readers wait for |
//! | `checkpoint` | how far the rows have come |
//! | `search` | the index of words, a file beside the views, and what is found with it |
//! | `wal` | the thread that copies SQLite's write-ahead log into the file |
//! | `lock` | one writer, across processes |
//! | `dump` | every row in words, to compare a rebuilt file with a live one |
//!
//! The log orders records within a stream and not between streams, so nothing here may depend on which of two streams
//! came first: a record may come before its conversation, a conversation before the people in it. What cannot be applied
//! yet is *held* and applied later. Equal streams give equal rows, whatever their interleaving.

mod applier;
mod builds;
pub(crate) mod cache;
mod checkpoint;
pub(crate) mod conversation;
mod dump;
mod error;
mod file;
mod history;
mod lock;
mod pending;
mod pool;
pub(crate) mod query;
pub(crate) mod schema;
pub(crate) mod search;
#[cfg(test)]
mod tests;
mod wal;
pub(crate) mod work;

pub use applier::{Applier, Asks, Reread};
pub use builds::ReadAgain;
pub use error::ViewsError;
pub use history::HistoryPage;
pub use query::{Query, Viewpoint};
pub use search::{SearchText, SearchTextError};

use crate::kernel::projector::Registry;
use cache::Cache;
use kafkatalk_log::{Checkpoint, failpoints};
use kafkatalk_protocol::{ConversationId, MessageId, Offset, SessionId, User, UserId, http::Found};
use lock::Lock;
use pending::Pending;
use pool::Pool;
use search::{Indexer, Search};
use std::{path::Path, sync::Arc};

/// How the views of one node are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewsOptions {
    /// Names the log that the views follow, such as `embedded` or `kafka HOST:PORT,… PREFIX`. A file made from another
    /// log is begun anew; of a list, such as that of brokers, one part in common makes it the same.
    pub source: String,
    /// The identity of that log, where it is known already. A file made from a log of another identity is begun anew.
    pub log: Option<String>,
    /// Reads at the same time; each has a connection with a page cache of its own.
    pub readers: usize,
    /// Streams that are read again one by one, of which features have missed records; of more, the views are begun anew,
    /// which reads the log once from end to end.
    pub read_again_max: usize,
    /// Reads that may wait for their turn; more are refused as [`ViewsError::Busy`].
    pub reads_waiting: usize,
}

impl Default for ViewsOptions {
    fn default() -> Self {
        Self {
            source: "embedded".into(),
            log: None,
            readers: READERS_DEFAULT,
            reads_waiting: READS_WAITING_DEFAULT,
            read_again_max: READ_AGAIN_STREAMS_MAX,
        }
    }
}

/// See [`ViewsOptions::readers`].
pub const READERS_DEFAULT: usize = 4;
/// See [`ViewsOptions::read_again_max`]. On Kafka a stream that was not read before costs up to a second, some of them at a
/// time.
pub const READ_AGAIN_STREAMS_MAX: usize = 5_000;
/// See [`ViewsOptions::reads_waiting`].
pub const READS_WAITING_DEFAULT: usize = 10_000;

/// The read side. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Views {
    pool: Arc<Pool>,
    registry: Arc<Registry>,
    cache: Arc<Cache>,
    pending: Arc<Pending>,
    /// None where one only looks.
    search: Option<Arc<Search>>,
}

impl std::fmt::Debug for Views {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Views").field("path", &self.pool.path()).finish_non_exhaustive()
    }
}

impl Views {
    /// Opens the file, or begins a new one where there is none, where it has another schema, or where it was made from
    /// another log. The applier is the only writer: one process, one applier.
    pub fn open(
        path: &Path,
        options: &ViewsOptions,
        registry: Registry,
    ) -> Result<(Self, Applier), ViewsError> {
        let lock = lock::take(path)?;
        Self::open_locked(path, options, registry, lock)
    }

    /// Begins a new file in any case. Nothing is lost by it but time: the log is the truth.
    pub fn open_anew(
        path: &Path,
        options: &ViewsOptions,
        registry: Registry,
    ) -> Result<(Self, Applier), ViewsError> {
        let lock = lock::take(path)?;
        file::delete(path)?;
        Self::open_locked(path, options, registry, lock)
    }

    /// Only to look at what is there; a node may write it meanwhile.
    pub fn look(path: &Path, options: &ViewsOptions, registry: Registry) -> Result<Self, ViewsError> {
        if !file::is_there(path, options)? {
            return Err(ViewsError::Missing(path.display().to_string()));
        }
        let pool = Arc::new(Pool::new(path.to_owned(), options));
        let (registry, cache) = (Arc::new(registry), Arc::new(Cache::new()));
        Ok(Self { pool, registry, cache, pending: Arc::default(), search: None })
    }

    fn open_locked(
        path: &Path,
        options: &ViewsOptions,
        registry: Registry,
        lock: Lock,
    ) -> Result<(Self, Applier), ViewsError> {
        let registry = Arc::new(registry);
        let connection = file::open_writer(path, options, &registry)?;
        let cache = Arc::new(Cache::new());
        let pool = Arc::new(Pool::new(path.to_owned(), options));
        let pending = Arc::new(Pending::default());
        let (search, indexer) = Indexer::start(path, options.readers)?;
        let shared = (Arc::clone(&registry), Arc::clone(&cache), Arc::clone(&pending));
        let applier = Applier::new(connection, path, shared, indexer, lock)?;
        Ok((Self { pool, registry, cache, pending, search: Some(search) }, applier))
    }

    /// Whether all features of this node have seen all records that the rows hold. Until a node has been started on views of
    /// another version, they have not.
    pub fn is_complete(&self) -> Result<bool, ViewsError> {
        self.pool.run_here(|connection| builds::is_complete(connection, &self.registry))
    }

    /// Asks something, off the async threads. All questions in one closure see one moment, in which the rows hold all
    /// that was applied before the call.
    pub async fn read<T, F>(&self, ask: F) -> Result<T, ViewsError>
    where
        T: Send + 'static,
        F: FnOnce(&Query<'_>) -> Result<T, ViewsError> + Send + 'static,
    {
        let admitted = self.pool.admit()?;
        self.pending.settled().await;
        let (cache, registry) = (Arc::clone(&self.cache), Arc::clone(&self.registry));
        self.pool.run(admitted, move |connection| query::ask(connection, &cache, &registry, ask)).await
    }

    /// The viewer's messages that have all the words, latest first, from behind a cursor on; all that was applied before
    /// the call is among what is searched. Of one conversation, or of all that the viewer is in; nothing of a
    /// conversation that they are not in.
    pub async fn search(
        &self,
        viewer: UserId,
        text: SearchText,
        conversation: Option<ConversationId>,
        before: Option<String>,
        limit: usize,
    ) -> Result<Found, ViewsError> {
        let missing = || ViewsError::Missing(self.pool.path().display().to_string());
        let search = Arc::clone(self.search.as_ref().ok_or_else(missing)?);
        let admitted = self.pool.admit()?;
        self.pending.settled().await;
        let file = search.reached().await?;
        let turn = search.turn().await?;
        let (cache, registry) = (Arc::clone(&self.cache), Arc::clone(&self.registry));
        let asked = search::Asked { viewer, text, conversation, before, limit };
        self.pool
            .run(admitted, move |rows| {
                let _held = turn;
                search.read(file, |index| {
                    query::ask(rows, &cache, &registry, |views| views.search(index, &asked))
                })
            })
            .await
    }

    /// Waits until the rows hold all up to these positions of the log.
    pub async fn reach(&self, positions: Checkpoint) -> Result<(), ViewsError> {
        self.until(move |views| views.has_reached(&positions)).await
    }

    /// Waits until the rows hold all of a conversation up to that record.
    pub async fn reach_in(&self, conversation: ConversationId, record: Offset) -> Result<(), ViewsError> {
        self.until(move |views| Ok(views.applied(conversation)? >= Some(record))).await
    }

    async fn until(
        &self,
        reached: impl Fn(&Query<'_>) -> Result<bool, ViewsError> + Send + Sync + 'static,
    ) -> Result<(), ViewsError> {
        let mut commits = self.pending.commits();
        let reached = Arc::new(reached);
        loop {
            commits.borrow_and_update();
            let asked = Arc::clone(&reached);
            if self.read(move |views| asked(views)).await? {
                return Ok(());
            }
            // The sender is ours, so this only ever waits.
            let _ = commits.changed().await;
        }
    }

    /// The same on the caller's own thread, and of what is committed: for the follower, tools and tests.
    pub fn read_blocking<T>(
        &self,
        ask: impl FnOnce(&Query<'_>) -> Result<T, ViewsError>,
    ) -> Result<T, ViewsError> {
        self.pool.run_here(|connection| query::ask(connection, &self.cache, &self.registry, ask))
    }

    /// Who is in a conversation, if that is in memory: no wait. `None` says nothing; ask [`Query::members`] then.
    pub fn cached_members(&self, conversation: ConversationId) -> Option<Arc<[UserId]>> {
        self.cache.members(conversation).map(|members| Arc::clone(&members.ids))
    }

    /// Whose session a token's hash stands for, if that is in memory: no wait. `None` says nothing; ask
    /// [`Query::session_by_token_hash`] then.
    pub fn cached_session(&self, token_hash: &str) -> Option<(SessionId, User)> {
        self.cache.session(&schema::token_hash(token_hash)?)
    }

    /// Whether a message may be in the conversation already, as far as memory knows: no wait. `false` may be wrong, for
    /// one that is long past: whoever goes by it writes a record more, which counts for nothing.
    pub fn may_be_repeat(&self, conversation: ConversationId, sender: UserId, id: MessageId) -> bool {
        let known = self.cache.may_be_recent(conversation, sender, id);
        known.unwrap_or(true) && !failpoints::is_on(failpoints::broken::DEDUP)
    }

    /// Writes every row in words, sorted, with ids in place of the file's own row numbers: equal for equal streams.
    pub fn dump(&self, out: &mut dyn std::io::Write) -> Result<(), ViewsError> {
        let queries = schema::DUMP.iter().chain(&self.registry.dump).copied();
        self.pool.run_here(|connection| dump::write(connection, queries, out))
    }
}
