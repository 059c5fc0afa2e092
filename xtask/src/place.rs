//! Where things lie.

use anyhow::{Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

/// After this long nobody still works in a folder that was begun beside another.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// The repository's folder: where cargo runs this program from. Two checkouts with one folder for what is built may share
/// the program, so that where it was compiled counts only without cargo.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
        let ours = |folder: &PathBuf| folder.file_name() == compiled.file_name();
        let running = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).filter(ours);
        let folder = running.unwrap_or_else(|| compiled.into());
        folder.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
    })
}

/// Where cargo puts what it builds: `CARGO_TARGET_DIR`, or `target/`.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The built front end: `KAFKATALK_SITE`, or `target/site/`.
pub(crate) fn site() -> PathBuf {
    std::env::var_os("KAFKATALK_SITE").map_or_else(|| root().join("target/site"), PathBuf::from)
}

/// Tools that outlive a checkout, by version: `KAFKATALK_CACHE` (from the repository's folder), or `kafkatalk` in the user's
/// cache folder.
pub(crate) fn cache() -> PathBuf {
    if let Some(folder) = std::env::var_os("KAFKATALK_CACHE") {
        return root().join(folder);
    }
    let user = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    user.or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .map_or_else(|| root().join(".cache"), |cache| cache.join("kafkatalk"))
}

/// A folder to make another one in, which then is there whole or not at all: several checkouts share the cache.
pub(crate) struct Unfinished {
    path: PathBuf,
}

impl Unfinished {
    /// An empty folder beside the one that is to be. Those that were abandoned there are removed.
    pub(crate) fn beside(folder: &Path) -> Result<Self> {
        let path = append(folder, &format!(".{}", std::process::id()));
        let prefix = append(folder, ".");
        let parent = folder.parent().unwrap_or(folder);
        fs::create_dir_all(parent)?;
        for entry in fs::read_dir(parent)?.flatten() {
            let other = entry.path();
            let begun = other.to_string_lossy().starts_with(&*prefix.to_string_lossy());
            let age =
                entry.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
            if other == path || (begun && age.is_some_and(|age| age > ABANDONED_AFTER)) {
                fs::remove_dir_all(other)?;
            }
        }
        fs::create_dir(&path)?;
        Ok(Self { path })
    }

    /// Where to work.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a part of this folder, or with an empty name all of it, in its place. Whoever was quicker wins.
    pub(crate) fn publish(&self, part: &str, folder: &Path) -> Result<()> {
        if fs::rename(self.path.join(part), folder).is_err() && !folder.exists() {
            bail!("could not write {}", folder.display());
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Nothing is left to do about a failure here; the next one clears it away.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn append(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, below what cargo builds.
    fn folder(name: &str) -> PathBuf {
        let folder = target().join("tmp").join(format!("place-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_behind() {
        let cache = folder("dropped");
        let work = Unfinished::beside(&cache.join("tool")).unwrap();
        fs::write(work.path().join("half"), "").unwrap();
        drop(work);
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 0);
        fs::remove_dir(cache).unwrap();
    }

    #[test]
    fn what_is_finished_stands_in_its_place() {
        let cache = folder("published");
        let tool = cache.join("tool-1.0");
        for _ in 0..2 {
            let work = Unfinished::beside(&tool).unwrap();
            fs::write(work.path().join("whole"), "").unwrap();
            work.publish("", &tool).unwrap();
        }
        assert!(tool.join("whole").exists());
        assert_eq!(fs::read_dir(&cache).unwrap().count(), 1);
        fs::remove_dir_all(cache).unwrap();
    }
}
