//! Real disks that are small: file systems in memory, which a test mounts in a namespace of its own. Most Linux systems let
//! everybody do that.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Names the folder for mounts to a process that may mount.
const MOUNTS: &str = "KAFKATALK_TEST_MOUNTS";
/// What fills a disk. A page, the least that a file takes there.
const BLOCK: [u8; 4_096] = [1; 4_096];

/// Runs a test of this module that is ignored otherwise, in a process that may mount.
pub(crate) fn run(test: &str) {
    let may_mount = Command::new("unshare")
        .args(["-Urm", "mount", "-t", "tmpfs", "none", "/tmp"])
        .output()
        .is_ok_and(|tried| tried.status.success());
    if !may_mount {
        let why = "`unshare -Urm mount -t tmpfs none /tmp` does not work here";
        let _ = writeln!(std::io::stderr(), "{test} was left out: {why}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .arg("-Urm")
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(MOUNTS, folder.path())
        .output()
        .unwrap();
    let (said, why) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{why}");
    assert!(said.contains("1 passed"), "no such test: {said}");
}

/// A disk of some megabytes.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// The only one of a test; none in a process that may not mount.
    pub(crate) fn mount(options: &str) -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(MOUNTS)?);
        Some(Self::mount_at(folder, options))
    }

    /// Another one, in a folder that is made for it.
    pub(crate) fn mount_in(&self, name: &str, options: &str) -> Self {
        let folder = self.0.join(name);
        std::fs::create_dir(&folder).unwrap();
        Self::mount_at(folder, options)
    }

    fn mount_at(folder: PathBuf, options: &str) -> Self {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(&folder).status();
        assert!(mounted.unwrap().success());
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Mounts it with other options. Nobody may have files open there for writing that are not to be written to any more.
    pub(crate) fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let mounted = Command::new("mount").args(["-o", &options]).arg(&self.0).status();
        assert!(mounted.unwrap().success());
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Leaves no room.
    pub(crate) fn fill(&self) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        while file.write_all(&BLOCK).is_ok() {}
    }

    /// Leaves room, but none for another file.
    pub(crate) fn fill_names(&self) {
        std::fs::create_dir(self.ballast()).unwrap();
        let mut names = 0..;
        while File::create(self.ballast().join(names.next().unwrap().to_string())).is_ok() {}
    }

    /// Gives back what was taken.
    pub(crate) fn free(&self) {
        let ballast = self.ballast();
        if ballast.is_dir() { std::fs::remove_dir_all(ballast) } else { std::fs::remove_file(ballast) }
            .unwrap();
    }
}
