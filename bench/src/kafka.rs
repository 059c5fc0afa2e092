//! A real Kafka for a run, through the project's script. It ends with the bench, however that ends.

use crate::limits::{KAFKA_START_WAIT_MAX, POLL_PAUSE};
use crate::process::Pid;
use crate::proxy::{Gate, Mode, Proxy};
use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command as StdCommand, Stdio},
};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

/// Running brokers.
pub(crate) struct Kafka {
    script: PathBuf,
    folder: PathBuf,
    bootstrap: String,
    brokers: u32,
    /// Where there are any: one before each broker for clients, then one before each for the other brokers.
    proxies: Vec<Proxy>,
}

/// Who comes to a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nodes, and whoever else produces and consumes.
    Clients,
    /// The other brokers, for their copies.
    Peers,
}

impl Kafka {
    /// Starts one broker or three, with their data in that folder.
    /// That folder is gone with the bench, unless it is to be kept. `with_proxies`, what comes to them can be cut.
    pub(crate) async fn start(
        script: &Path,
        brokers: u32,
        folder: &Path,
        keep: bool,
        with_proxies: bool,
    ) -> Result<Self> {
        let gates = if with_proxies { 2 * brokers } else { 0 };
        let gates = try_join_all((0..gates).map(|_| Gate::open())).await?;
        let ports = gates.iter().map(Gate::port).collect::<Result<Vec<_>>>()?;
        let listed = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
        // A broker looks for the others before the script says where they are.
        let waiting = Waiting { gates, behind: folder.join("behind") };
        let proxies = AbortOnDropHandle::new(tokio::spawn(waiting.lead_on()));
        // There before the first broker is, so that whatever happens next stops those that have started.
        let mut kafka = Self {
            script: script.into(),
            folder: folder.into(),
            bootstrap: String::new(),
            brokers,
            proxies: Vec::new(),
        };
        let start = Command::new("bash")
            .arg(script)
            .args(["start", &brokers.to_string()])
            .arg(folder)
            .env("KAFKA_WATCH_PID", std::process::id().to_string())
            .env("KAFKA_WATCH_KEEP", if keep { "1" } else { "" })
            .env("KAFKA_PROXY_PORTS", listed)
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
        String::from_utf8(output.stdout)?.trim().clone_into(&mut kafka.bootstrap);
        anyhow::ensure!(!kafka.bootstrap.is_empty(), "{} named no brokers", script.display());
        kafka.proxies =
            timeout(KAFKA_START_WAIT_MAX, proxies).await.context("the brokers' ports are not told")???;
        if with_proxies {
            let fronts = kafka.proxies.iter().take(kafka.brokers()).map(|proxy| proxy.address().to_string());
            kafka.bootstrap = fronts.collect::<Vec<_>>().join(",");
        }
        Ok(kafka)
    }

    /// The brokers' addresses, as clients take them.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// How many brokers there are.
    pub(crate) fn brokers(&self) -> usize {
        self.brokers.try_into().unwrap_or(1)
    }

    /// What becomes of connections to a broker, by its number from 1.
    pub(crate) fn set(&self, broker: usize, from: Caller, mode: Mode) -> Result<()> {
        let first = if from == Caller::Clients { 0 } else { self.brokers() };
        let proxy = self.proxies.get(first + broker - 1).context("there is no proxy before the broker")?;
        proxy.set(mode);
        Ok(())
    }

    /// Has the script do something with one broker, by its number from 1: kill, restart, pause, resume, end, fill.
    pub(crate) async fn control(&self, what: &str, broker: usize) -> Result<()> {
        let done = Command::new("bash")
            .arg(&self.script)
            .arg(what)
            .arg(&self.folder)
            .arg(broker.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
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

/// Proxies that wait for the script to say where the brokers are.
struct Waiting {
    gates: Vec<Gate>,
    behind: PathBuf,
}

impl Waiting {
    async fn lead_on(self) -> Result<Vec<Proxy>> {
        if self.gates.is_empty() {
            return Ok(Vec::new());
        }
        let ports = loop {
            // Written in one go, and whole once it ends with a new line.
            match fs::read_to_string(&self.behind) {
                Ok(ports) if ports.ends_with('\n') => break ports,
                _ => sleep(POLL_PAUSE).await,
            }
        };
        let ports = ports.split_whitespace().map(str::parse).collect::<Result<Vec<u16>, _>>()?;
        anyhow::ensure!(ports.len() == self.gates.len(), "{} ports behind the proxies", ports.len());
        let led = self.gates.into_iter().zip(ports);
        led.map(|(gate, port)| gate.lead_to((Ipv4Addr::LOCALHOST, port).into())).collect()
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
