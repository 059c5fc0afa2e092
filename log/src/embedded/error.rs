//! Why a folder could not be opened, in words for an operator.

use crate::Level;
use std::path::PathBuf;

/// Why a folder could not be opened as a log.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes here.
    #[error("another kafkatalk{} is using {dir}; stop it, or choose another data folder", of_process(*.process))]
    InUse {
        /// The data folder.
        dir: PathBuf,
        /// The other process, where it left its number.
        process: Option<u32>,
    },
    /// A newer version of the program wrote the log.
    #[error(
        "the log in {dir} has format {found}, this kafkatalk knows formats up to {known}; use a newer kafkatalk"
    )]
    Newer {
        /// The data folder.
        dir: PathBuf,
        /// The format that the log has.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// The file is there, but it is not a log.
    #[error("{file} is not a log of kafkatalk: {reason}; move it away, or choose another data folder")]
    NotALog {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer version of the program finalised a feature level in the log.
    #[error(
        "the log in {dir} is at feature level {found}, this kafkatalk knows levels up to {known}; start a newer version"
    )]
    Level {
        /// The data folder.
        dir: PathBuf,
        /// The level that is finalised.
        found: Level,
        /// The highest level that this program knows.
        known: Level,
    },
    /// A ledger that the log had is gone.
    #[error("the ledger {ledger} was created in {file} and is gone; restore the file from a backup")]
    LedgerGone {
        /// The file.
        file: PathBuf,
        /// The ledger's name.
        ledger: &'static str,
    },
    /// The folder or a file in it cannot be used.
    #[error("cannot use the data folder {dir}: {reason}")]
    Folder {
        /// The data folder.
        dir: PathBuf,
        /// What the system says.
        reason: String,
    },
}

fn of_process(process: Option<u32>) -> String {
    process.map(|id| format!(" (process {id})")).unwrap_or_default()
}
