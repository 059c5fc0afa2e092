//! Where a measurement takes place: which server, on which log, with fresh data that is removed afterwards.

use crate::kafka::Kafka;
use crate::plain;
use crate::process::{self, Pid};
use crate::report::progress;
use crate::server::{Setup, free_addresses};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// Which log the server keeps its truth in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogKind {
    /// In its data folder.
    Embedded,
    /// On a Kafka that the bench starts.
    Kafka,
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Embedded => "embedded",
            Self::Kafka => "kafka",
        })
    }
}

/// What makes the server hash passwords at next to no cost.
const LIGHT_HASHES: [&str; 4] = ["--hash-memory-kib", "64", "--hash-passes", "1"];

/// Flags that every command has.
#[derive(Clone, Debug, Args)]
pub(crate) struct StageArgs {
    /// The server's binary.
    #[arg(long, value_name = "PATH", default_value = "target/release/kafkatalk")]
    pub(crate) server: PathBuf,
    /// One more flag for `kafkatalk serve`; may be given again.
    #[arg(long = "server-flag", value_name = "FLAG", allow_hyphen_values = true)]
    pub(crate) server_flags: Vec<String>,
    /// Let passwords be hashed at next to no cost, so that a thousand users are there at once. No measurement depends on it.
    #[arg(long)]
    pub(crate) light_hashes: bool,
    /// The script that starts Kafka.
    #[arg(long, value_name = "PATH", default_value = "scripts/kafka.sh")]
    pub(crate) kafka_script: PathBuf,
    /// Brokers to start: 1 or 3.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) brokers: u32,
    /// Seconds of load on a Kafka that was just started, before anything is measured: a cold one is many times slower.
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub(crate) kafka_warm_up_seconds: u32,
    /// Where temporary data goes, on the disk that is to be measured; the system's temporary folder by default.
    #[arg(long, value_name = "DIR")]
    pub(crate) work_dir: Option<PathBuf>,
    /// Keep the data and the server's logs.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Write the report to this file, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What decides everything that is random; by the clock when it is not given.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}

/// The place of a run.
pub(crate) struct Stage {
    args: StageArgs,
    // Before the folder: what is dropped first must still find its files.
    kafka: Option<Kafka>,
    kafkas: u32,
    folder: TempDir,
    servers: u32,
    kafka_proxied: bool,
    random: fastrand::Rng,
}

impl Stage {
    /// Makes a folder for the run.
    pub(crate) fn new(args: StageArgs) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix("kafkatalk-bench-").disable_cleanup(args.keep);
        let folder = match &args.work_dir {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        };
        let folder = folder.context("cannot make a temporary folder: name another place with --work-dir")?;
        if args.keep {
            progress(&format!("everything stays in {}", folder.path().display()));
        }
        let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
        progress(&format!("--seed {seed} draws the same again"));
        let random = fastrand::Rng::with_seed(seed);
        Ok(Self { args, folder, kafka: None, kafkas: 0, servers: 0, kafka_proxied: false, random })
    }

    /// Where the run keeps its data.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The flags of the command.
    pub(crate) fn args(&self) -> &StageArgs {
        &self.args
    }

    /// Where the report goes beside the terminal.
    pub(crate) fn output(&self) -> Option<PathBuf> {
        self.args.output.clone()
    }

    /// Random numbers for one part of this run: others for each, and the same again for the same seed.
    pub(crate) fn random(&mut self) -> fastrand::Rng {
        self.random.fork()
    }

    /// A server of its own, with data that nobody has used, on that log.
    pub(crate) async fn server(&mut self, log: LogKind) -> Result<Setup> {
        let mut nodes = self.nodes(log, 1).await?;
        nodes.pop().context("one node was asked for")
    }

    /// So many nodes of one service, each with a folder of its own, on one log that nobody has used.
    pub(crate) async fn nodes(&mut self, log: LogKind, nodes: u32) -> Result<Vec<Setup>> {
        anyhow::ensure!(nodes == 1 || log == LogKind::Kafka, "more than one node needs --log kafka");
        self.servers += 1;
        let service = self.servers;
        let mut flags = self.args.server_flags.clone();
        if self.args.light_hashes {
            flags.extend(LIGHT_HASHES.map(String::from));
        }
        if log == LogKind::Kafka {
            let bootstrap = self.kafka().await?.bootstrap().to_owned();
            flags.extend(["--kafka".into(), bootstrap, "--topic-prefix".into(), format!("bench{service}")]);
            flags.extend(["--replication-factor".into(), self.args.brokers.to_string()]);
        }
        let data = |node| self.folder().join(format!("server{service}-{node}"));
        let addresses = (1..=nodes).zip(free_addresses(nodes)?);
        let setup = |(node, address)| Setup::new(&self.args.server, &data(node), address, flags.clone());
        addresses.map(setup).collect()
    }

    /// From its start on, what comes to the run's Kafka can be cut.
    pub(crate) fn proxy_kafka(&mut self) -> Result<()> {
        anyhow::ensure!(self.kafka.is_none() || self.kafka_proxied, "Kafka was started without proxies");
        self.kafka_proxied = true;
        Ok(())
    }

    /// The run's Kafka, started when it is first asked for.
    pub(crate) async fn kafka(&mut self) -> Result<&Kafka> {
        if self.kafka.is_none() {
            progress(&format!("starting Kafka with {} broker(s)", self.args.brokers));
            self.kafkas += 1;
            let folder = self.folder().join(format!("kafka{}", self.kafkas));
            let StageArgs { kafka_script, brokers, keep, .. } = &self.args;
            let kafka = self
                .kafka
                .insert(Kafka::start(kafka_script, *brokers, &folder, *keep, self.kafka_proxied).await?);
            let (bootstrap, mut random) = (kafka.bootstrap().to_owned(), self.random.fork());
            plain::warm_up(&bootstrap, *brokers, self.args.kafka_warm_up_seconds, &mut random).await?;
        }
        self.kafka.as_ref().context("Kafka was started")
    }

    /// Stops the run's Kafka. Whoever asks for one after that has a fresh one, and until then the machine is free of it.
    pub(crate) fn stop_kafka(&mut self) {
        self.kafka = None;
    }

    /// The run's Kafka, if it has one.
    pub(crate) fn started_kafka(&self) -> Option<&Kafka> {
        self.kafka.as_ref()
    }

    /// Kafka's processes, where the log needs them.
    pub(crate) fn kafka_pids(&self, log: LogKind) -> Result<Vec<Pid>> {
        match (&self.kafka, log) {
            (Some(kafka), LogKind::Kafka) => kafka.pids(),
            _ => Ok(Vec::new()),
        }
    }
}

/// CPU time that some processes have used so far.
pub(crate) fn cpu_of(pids: &[Pid]) -> Result<Duration> {
    pids.iter().map(|pid| process::cpu(*pid)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        stage: StageArgs,
    }

    fn numbers() -> [u64; 3] {
        let mut stage = Stage::new(Cli::parse_from(["bench", "--seed", "7"]).stage).unwrap();
        [(); 3].map(|()| stage.random().u64(..))
    }

    #[test]
    fn each_part_of_a_run_has_random_numbers_of_its_own() {
        let [one, two, three] = numbers();
        assert!(one != two && two != three && one != three);
    }

    #[test]
    fn a_seed_gives_the_same_run_again() {
        assert_eq!(numbers(), numbers());
    }
}
