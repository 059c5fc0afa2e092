//! The server under test: started on loopback with data of its own, watched, killed, started again, stopped.

use crate::client::api::Api;
use crate::limits::{DEATH_WAIT_MAX, LOG_LINES_SHOWN, READY_PAUSE, READY_WAIT_MAX, STOP_WAIT_MAX};
use crate::process::Pid;
use crate::report::progress;
use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid as RawPid, Signal, kill_process};
use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
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
    /// The points at which it goes wrong on purpose, as `FAILPOINTS` takes them; it must be built for that.
    pub(crate) failpoints: Vec<String>,
}

/// A running server.
pub(crate) struct Server {
    setup: Setup,
    child: Child,
    pid: Pid,
    started: Instant,
    /// Where in its log it began.
    log_from: usize,
}

/// How a server stopped that was asked to.
#[derive(Clone, Debug)]
pub(crate) struct Stopped {
    /// How long it took.
    pub(crate) took: Duration,
    /// What was out of order. What was measured before stays true, but no promise is kept by a server that breaks down.
    pub(crate) problem: Option<String>,
}

impl Stopped {
    /// How long it took, if it was in order.
    pub(crate) fn in_order(self) -> Result<Duration> {
        match self.problem {
            Some(problem) => bail!(problem),
            None => Ok(self.took),
        }
    }
}

fn problem(status: ExitStatus) -> Option<String> {
    (!status.success()).then(|| format!("the server did not stop in order ({status})"))
}

/// So many free addresses of loopback, each another. They are free now, and nobody else asks for them by number.
pub(crate) fn free_addresses(wanted: u32) -> Result<Vec<SocketAddr>> {
    // All are held until the last is found: one that was let go may be the next that is given.
    let held = (0..wanted).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let held: Vec<_> = held.collect::<Result<_, _>>()?;
    Ok(held.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}

impl Setup {
    /// A server that is to listen there.
    pub(crate) fn new(binary: &Path, data: &Path, address: SocketAddr, flags: Vec<String>) -> Result<Self> {
        anyhow::ensure!(
            binary.is_file(),
            "there is no server at {}: build it or name it with --server",
            binary.display()
        );
        Ok(Self { binary: binary.into(), data: data.into(), address, flags, failpoints: Vec::new() })
    }

    /// Starts it. It is not ready yet.
    pub(crate) fn start(&self) -> Result<Server> {
        fs::create_dir_all(&self.data)?;
        let log = File::options().create(true).append(true).open(self.log())?;
        let (started, log_from) = (Instant::now(), usize::try_from(log.metadata()?.len())?);
        let child = Command::new(&self.binary)
            .args(["serve", "--no-rate-limits", "--listen", &self.address.to_string(), "--data"])
            .arg(&self.data)
            .args(&self.flags)
            .env("FAILPOINTS", self.failpoints.join(";"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let pid = child.id().context("the server ended at once")?;
        Ok(Server { setup: self.clone(), child, pid, started, log_from })
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
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended ({status}) before it was ready:\n{}", self.last_words());
            }
            let ready = async { Api::connect(self.setup.address).await?.ready().await };
            if ready.await.unwrap_or(false) {
                return Ok(self.started.elapsed());
            }
            if asked.elapsed() > READY_WAIT_MAX {
                bail!("the server is not ready after {} s:\n{}", READY_WAIT_MAX.as_secs(), self.last_words());
            }
            sleep(READY_PAUSE).await;
        }
    }

    /// Whether it can go wrong on purpose, as it says of itself when it starts.
    pub(crate) fn has_failpoints(&self) -> bool {
        self.has_said("can go wrong on purpose")
    }

    fn has_said(&self, words: &str) -> bool {
        let log = fs::read_to_string(self.setup.log()).unwrap_or_default();
        log.get(self.log_from..).is_some_and(|log| log.contains(words))
    }

    /// Waits until it has died of itself at that point, and of nothing else.
    pub(crate) async fn dies(&mut self, point: &str) -> Result<()> {
        let died = timeout(DEATH_WAIT_MAX, self.child.wait()).await;
        let status =
            died.map_err(|_| anyhow!("the server did not die within {} s", DEATH_WAIT_MAX.as_secs()))??;
        if status.signal() != Some(Signal::ABORT.as_raw())
            || !self.has_said("ending as if killed")
            || !self.has_said(point)
        {
            bail!("the server ended ({status}), and not at {point}:\n{}", self.last_words());
        }
        Ok(())
    }

    /// Kills it with SIGKILL, in whatever it is doing. A server that is dead already was not killed by us: an error.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server ended by itself ({status}):\n{}", self.last_words());
        }
        self.child.kill().await.context("cannot kill the server")
    }

    /// Stops it in its tracks.
    pub(crate) fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(RawPid::from_raw).context("not a process id")?;
        kill_process(pid, signal).context("cannot signal the server: it has ended already")
    }

    /// Asks it to stop. One that does not within its time is an error.
    pub(crate) async fn stop(mut self) -> Result<Stopped> {
        let asked = Instant::now();
        self.signal(Signal::TERM)?;
        match timeout(STOP_WAIT_MAX, self.child.wait()).await {
            Ok(status) => {
                let took = asked.elapsed();
                let problem = problem(status?);
                if let Some(problem) = &problem {
                    progress(&format!("{problem}:\n{}", self.last_words()));
                }
                Ok(Stopped { took, problem })
            }
            Err(_) => bail!("the server does not stop within {} s of SIGTERM", STOP_WAIT_MAX.as_secs()),
        }
    }

    /// Asks it to stop, where what was measured before is worth telling whatever comes of that: what was out of order.
    pub(crate) async fn end(self) -> Option<String> {
        self.stop().await.map_or_else(|error| Some(format!("{error:#}")), |stopped| stopped.problem)
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(self.setup.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[tokio::test]
    async fn a_server_that_ended_by_itself_was_not_killed_by_us() {
        let folder = tempfile::tempdir().unwrap();
        // A shell that is asked to run the script `serve`, which is not there.
        let (shell, address) = (Path::new("/bin/sh"), free_addresses(1).unwrap()[0]);
        let setup = Setup::new(shell, &folder.path().join("data"), address, Vec::new()).unwrap();
        let mut server = setup.start().unwrap();
        server.child.wait().await.unwrap();
        let error = server.kill().await.unwrap_err();
        assert!(error.to_string().starts_with("the server ended by itself (exit status: "), "{error}");
    }

    #[test]
    fn no_two_nodes_get_one_address() {
        let addresses = free_addresses(100).unwrap();
        assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), 100);
    }

    #[test]
    fn a_server_that_breaks_down_while_it_stops_has_a_problem() {
        assert_eq!(problem(ExitStatus::from_raw(0)), None);
        let (panicked, aborted) = (ExitStatus::from_raw(101 << 8), ExitStatus::from_raw(6));
        assert!(problem(panicked).unwrap().contains("101"));
        assert!(problem(aborted).unwrap().contains("signal: 6"));
    }
}
