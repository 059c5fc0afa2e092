//! What the node's write-ahead logs take on the disk. SQLite copies them into its files and begins them anew, unless somebody
//! reads one moment of a file for long, such as a backup or a `sqlite3` that was left open: then they grow.

use crate::{
    limits::{WAL_BYTES_EXPECTED, WAL_LOOK_EVERY},
    metrics::Metrics,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_util::sync::CancellationToken;

/// The write-ahead logs of a node.
#[derive(Clone, Debug)]
pub struct WriteAheadLogs(Arc<[(&'static str, PathBuf)]>);

impl WriteAheadLogs {
    /// Of a node whose views are in that file. The embedded log is beside it, where there is one.
    pub fn of(views: &Path) -> Self {
        let wal = |file: &Path| {
            let mut name = file.as_os_str().to_owned();
            name.push("-wal");
            PathBuf::from(name)
        };
        Self([("views", wal(views)), ("log", wal(&views.with_file_name("log.sqlite3")))].into())
    }

    /// The size of each that is there, in bytes.
    fn sizes(&self) -> impl Iterator<Item = (&Path, u64)> {
        let files = self.0.iter().map(|(_, file)| file.as_path());
        files.filter_map(|file| std::fs::metadata(file).ok().map(|found| (file, found.len())))
    }

    /// Notes the sizes: 0 of one that is not there.
    pub fn measure(&self, metrics: &Metrics) {
        for (of, file) in self.0.iter() {
            metrics.set_wal_bytes(of, std::fs::metadata(file).map_or(0, |file| file.len()));
        }
    }

    /// Those that are larger than they are while nobody holds them up.
    fn overgrown(&self, expected: u64) -> Vec<(&Path, u64)> {
        self.sizes().filter(|(_, bytes)| *bytes > expected).collect()
    }

    /// Warns of those that grow, until `shutdown`.
    pub async fn watch(self, shutdown: CancellationToken) {
        while tokio::time::timeout(WAL_LOOK_EVERY, shutdown.cancelled()).await.is_err() {
            for (file, bytes) in self.overgrown(WAL_BYTES_EXPECTED) {
                tracing::warn!(
                    file = %file.display(),
                    bytes,
                    "a write-ahead log grows: somebody reads the file it belongs to, and does not end"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_expected_is_named_and_all_that_is_there_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let logs = WriteAheadLogs::of(&folder.path().join("views.sqlite"));
        let log = folder.path().join("log.sqlite3-wal");
        std::fs::write(&log, [0; 100]).unwrap();
        std::fs::write(folder.path().join("views.sqlite-wal"), [0; 10]).unwrap();
        assert_eq!(logs.overgrown(50), [(log.as_path(), 100)]);
        let metrics = Metrics::new();
        logs.measure(&metrics);
        let figures = metrics.render();
        for line in ["kafkatalk_wal_bytes{file=\"log\"} 100", "kafkatalk_wal_bytes{file=\"views\"} 10"] {
            assert!(figures.contains(line), "{figures}");
        }
        std::fs::remove_file(&log).unwrap();
        logs.measure(&metrics);
        let figures = metrics.render();
        assert!(figures.contains("kafkatalk_wal_bytes{file=\"log\"} 0\n"), "{figures}");
    }
}
