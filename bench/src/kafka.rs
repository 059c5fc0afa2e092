//! A real Kafka for a run, through the project's script. It ends with the bench, however that ends.

use crate::limits::KAFKA_START_WAIT_MAX;
use crate::process::Pid;
use anyhow::{Context as _, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command as StdCommand, Stdio},
};
use tokio::{process::Command, time::timeout};

/// Running brokers.
pub(crate) struct Kafka {
    script: PathBuf,
    folder: PathBuf,
    bootstrap: String,
    brokers: u32,
}

impl Kafka {
    /// Starts one broker or three, with their data in that folder.
    /// That folder is gone with the bench, unless it is to be kept.
    pub(crate) async fn start(script: &Path, brokers: u32, folder: &Path, keep: bool) -> Result<Self> {
        let start = Command::new("bash")
            .arg(script)
            .args(["start", &brokers.to_string()])
            .arg(folder)
            .env("KAFKA_WATCH_PID", std::process::id().to_string())
            .env("KAFKA_WATCH_KEEP", if keep { "1" } else { "" })
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .output();
        let output = match timeout(KAFKA_START_WAIT_MAX, start).await {
            Ok(output) => output.with_context(|| format!("cannot run {}", script.display()))?,
            Err(_) => bail!("Kafka did not start within {} s", KAFKA_START_WAIT_MAX.as_secs()),
        };
        anyhow::ensure!(
            output.status.success(),
            "{} could not start Kafka: {}",
            script.display(),
            output.status
        );
        let bootstrap = String::from_utf8(output.stdout)?.trim().to_owned();
        anyhow::ensure!(!bootstrap.is_empty(), "{} named no brokers", script.display());
        Ok(Self { script: script.into(), folder: folder.into(), bootstrap, brokers })
    }

    /// The brokers' addresses, as clients take them.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// How many brokers there are.
    pub(crate) fn brokers(&self) -> usize {
        self.brokers.try_into().unwrap_or(1)
    }

    /// Has the script do something with one broker, by its number from 1: kill, restart, pause, resume.
    pub(crate) async fn control(&self, what: &str, broker: usize) -> Result<()> {
        let done = Command::new("bash")
            .arg(&self.script)
            .arg(what)
            .arg(&self.folder)
            .arg(broker.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        let status = timeout(KAFKA_START_WAIT_MAX, done).await.context("the script does not end")??;
        anyhow::ensure!(status.success(), "{} {what} {broker}: {status}", self.script.display());
        Ok(())
    }

    /// The brokers' processes.
    pub(crate) fn pids(&self) -> Result<Vec<Pid>> {
        let mut pids = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "pid") {
                let text = fs::read_to_string(&path)?;
                pids.push(
                    text.trim().parse().with_context(|| format!("{} holds no process id", path.display()))?,
                );
            }
        }
        Ok(pids)
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // Nothing is left to do about a failure here, and the script's watch ends the brokers in any case.
        let _ = StdCommand::new("bash")
            .arg(&self.script)
            .arg("stop")
            .arg(&self.folder)
            .stdin(Stdio::null())
            .status();
    }
}
