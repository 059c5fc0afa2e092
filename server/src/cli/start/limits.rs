//! What the operating system lets the process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files with which a node can serve few people: each socket is one.
const FEW_FILES: u64 = 4_096;

/// Raises the soft limit of open files to the hard one, since every connection is a file. Logs what it is then.
pub(super) fn raise_open_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is without limit.
    let Some(before) = current else { return };
    if current != maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
    {
        tracing::warn!(%error, limit = before, "the limit of open files cannot be raised");
    }
    match getrlimit(Resource::Nofile).current {
        Some(now) if now < FEW_FILES => tracing::warn!(
            before,
            now,
            "few files may be open, and every connection is one: raise the hard limit (ulimit -Hn, LimitNOFILE)"
        ),
        now => tracing::info!(before, now, "limit of open files"),
    }
}
