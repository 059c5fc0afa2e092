//! Where things lie.

use std::path::{Path, PathBuf};

/// The repository's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// Where cargo puts what it builds: `CARGO_TARGET_DIR`, or `target/`.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The built front end: `KAFKATALK_SITE`, or `target/site/`.
pub(crate) fn site() -> PathBuf {
    std::env::var_os("KAFKATALK_SITE").map_or_else(|| root().join("target/site"), PathBuf::from)
}

/// Tools that outlive a checkout, by version: `KAFKATALK_CACHE`, or `kafkatalk` in the user's cache folder.
pub(crate) fn cache() -> PathBuf {
    if let Some(folder) = std::env::var_os("KAFKATALK_CACHE") {
        return root().join(folder);
    }
    let user = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    user.or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .map_or_else(|| root().join(".cache"), |cache| cache.join("kafkatalk"))
}
