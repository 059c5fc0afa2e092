//! The server under test: started on loopback with data of its own, watched, killed, started again, stopped.

use crate::client::api::Api;
use crate::limits::{LOG_LINES_SHOWN, READY_PAUSE, READY_WAIT_MAX, STOP_WAIT_MAX};
use crate::process::Pid;
use crate::report::progress;
use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid as RawPid, Signal, kill_process};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

/// How to start the server; the same every time, so that it finds its data and its clients find it.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The `kafkatalk` binary.
    pub(crate) binary: PathBuf,
    /// Its data folder.
    pub(crate) data: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Flags beside those that every run has.
    pub(crate) flags: Vec<String>,
}

/// A running server.
pub(crate) struct Server {
    setup: Setup,
    child: Child,
    pid: Pid,
    started: Instant,
}

impl Setup {
    /// A server that listens on a free port of loopback.
    pub(crate) fn new(binary: &Path, data: &Path, flags: Vec<String>) -> Result<Self> {
        anyhow::ensure!(
            binary.is_file(),
            "there is no server at {}: build it or name it with --server",
            binary.display()
        );
        // Free now, and nobody else asks for it by number.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        Ok(Self { binary: binary.into(), data: data.into(), address, flags })
    }

    /// Starts it. It is not ready yet.
    pub(crate) fn start(&self) -> Result<Server> {
        fs::create_dir_all(&self.data)?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let started = Instant::now();
        let child = Command::new(&self.binary)
            .args(["serve", "--no-rate-limits", "--listen", &self.address.to_string(), "--data"])
            .arg(&self.data)
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let pid = child.id().context("the server ended at once")?;
        Ok(Server { setup: self.clone(), child, pid, started })
    }

    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }
}

impl Server {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.setup.address
    }

    /// Its process.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until it is ready and says how long that took from the start.
    pub(crate) async fn ready(&mut self) -> Result<Duration> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended ({status}) before it was ready:\n{}", self.last_words());
            }
            let ready = async { Api::connect(self.setup.address).await?.ready().await };
            if ready.await.unwrap_or(false) {
                return Ok(self.started.elapsed());
            }
            if self.started.elapsed() > READY_WAIT_MAX {
                bail!("the server is not ready after {} s:\n{}", READY_WAIT_MAX.as_secs(), self.last_words());
            }
            sleep(READY_PAUSE).await;
        }
    }

    /// Kills it with SIGKILL, in whatever it is doing.
    pub(crate) async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill the server")
    }

    /// Asks it to stop, and kills it when it does not.
    pub(crate) async fn stop(mut self) -> Result<Duration> {
        let asked = Instant::now();
        let pid = i32::try_from(self.pid).ok().and_then(RawPid::from_raw).context("not a process id")?;
        kill_process(pid, Signal::TERM).context("cannot stop the server: it has ended already")?;
        match timeout(STOP_WAIT_MAX, self.child.wait()).await {
            Ok(status) => {
                let status = status?;
                if !status.success() {
                    // What was measured before stays true.
                    progress(&format!("the server did not stop in order ({status}):\n{}", self.last_words()));
                }
                Ok(asked.elapsed())
            }
            Err(_) => bail!("the server does not stop within {} s of SIGTERM", STOP_WAIT_MAX.as_secs()),
        }
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(self.setup.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }
}
