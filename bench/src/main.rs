//! Load, baselines and measurements: what a message costs, and whether every promise is kept while it is paid.
//!
//! The bench starts the server that it measures, speaks nothing but its public API, and stops it. The one exception is
//! [`startup`], which fills a stopped server's log past the API.
//!
//! | module | holds |
//! |---|---|
//! | [`stage`], [`server`], [`kafka`], [`process`] | what is measured: started, watched, killed, stopped |
//! | [`proxy`] | a network that can be cut |
//! | [`client`], [`world`], [`numbered`] | the API as a stranger speaks it; users, conversations, messages |
//! | [`load`], [`run`] | a steady load and what it shows |
//! | [`crash`] | the same during faults in nodes, network and brokers |
//! | [`race`] | several nodes asked the same at the same moment |
//! | [`faults`] | each kind of fault by itself; promises broken on purpose, to see that the checks notice |
//! | [`plain`] | one producer and one consumer on Kafka, nothing of ours between |
//! | [`baselines`] | what the plain parts cost |
//! | [`startup`] | starting, idling, sizes |
//! | [`curves`] | what it costs as there is more of everything, in tables and pictures |
//! | [`matrix`], [`smoke`] | all of it, at length and in short |
//! | [`gather`], [`evidence`], [`checks`] | what clients saw, and whether that keeps the promises |
//! | [`latency`], [`number`], [`report`] | measurements that people read |

mod baselines;
mod checks;
mod client;
mod crash;
mod curves;
mod evidence;
#[cfg(test)]
mod fake;
mod faults;
mod gather;
mod kafka;
mod latency;
mod limits;
mod load;
mod matrix;
mod number;
mod numbered;
mod plain;
mod process;
mod proxy;
mod race;
mod report;
mod run;
mod server;
mod smoke;
mod stage;
mod startup;
mod world;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use report::{Report, Verdict, progress};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stage::{LogKind, Stage, StageArgs};
use std::process::ExitCode;
use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

/// Measures KafkaTalk, and checks that it keeps its promises under load.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One load on one server: latency, CPU, memory, lost or doubled or misordered messages.
    Run {
        /// The log that the server keeps its truth in.
        #[arg(long, default_value = "embedded")]
        log: LogKind,
        #[command(flatten)]
        load: run::LoadArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// Injects faults into nodes and brokers under load, again and again, and checks that no acknowledged message is lost, doubled
    /// or moved.
    Crash {
        /// The log that the server keeps its truth in.
        #[arg(long, default_value = "embedded")]
        log: LogKind,
        #[command(flatten)]
        crash: crash::CrashArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// Each kind of fault by itself, on Kafka: what it cost, and whether every promise was kept. Takes a server that is built
    /// with the feature failpoints.
    Faults {
        #[command(flatten)]
        faults: faults::FaultsArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// Breaks promises on purpose, one after the other, and looks whether the checks notice. Takes a server that is built with
    /// the feature failpoints.
    Broken {
        #[command(flatten)]
        broken: faults::BrokenArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// Asks several nodes on Kafka the same thing at the same moment, thousands of times: for names, conversations, groups,
    /// messages.
    Race {
        #[command(flatten)]
        race: race::RaceArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// All the measurements: both logs, few and many sockets, a slow and a fast load, and the baselines beside them.
    Matrix {
        #[command(flatten)]
        matrix: matrix::MatrixArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// Whether cost stays flat: more conversations, sockets, messages, nodes and history, in tables and plots.
    Curves {
        #[command(flatten)]
        curves: Box<curves::CurvesArgs>,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// A few seconds of load and kills on each log: whether promises are kept, not how fast.
    Smoke {
        /// Logs, parted by commas.
        #[arg(long, value_name = "LOG", value_delimiter = ',', default_value = "embedded")]
        logs: Vec<LogKind>,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// Start-up time and idle memory with few and many messages, sizes of the binary and of a first visit.
    Startup {
        #[command(flatten)]
        startup: startup::StartupArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// What the plain parts cost: a bare WebSocket relay, a SQLite commit, Kafka from produce to consume.
    #[command(alias = "floors")]
    Baselines {
        /// Leave Kafka out.
        #[arg(long)]
        no_kafka: bool,
        #[command(flatten)]
        load: run::LoadArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// The bare relay itself, for `baselines`.
    #[command(hide = true)]
    Relay,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runtime = match cli.command {
        // As a server would.
        Command::Relay => Builder::new_multi_thread(),
        // One thread: what the clients cost is taken from the server's cores.
        _ => Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build();
    let ended = runtime.context("cannot start").and_then(|runtime| {
        raise_file_limit()?;
        runtime.block_on(async {
            tokio::select! {
                ended = perform(cli.command) => ended,
                stopped = interrupted() => stopped,
            }
        })
    });
    match ended {
        Ok(Verdict::Kept) => ExitCode::SUCCESS,
        Ok(Verdict::Broken) => ExitCode::from(1),
        Err(error) => {
            progress(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

async fn perform(command: Command) -> Result<Verdict> {
    let mut report = Report::new();
    let (verdict, output) = match command {
        Command::Run { log, load, stage } => {
            let mut stage = Stage::new(stage)?;
            let outcome = run::measure(&mut stage, log, &load).await?;
            run::tell::all(&mut report, &[&outcome]);
            (outcome.verdict(), stage.output())
        }
        Command::Crash { log, crash, stage } => {
            let mut stage = Stage::new(StageArgs { kafka_warm_up_seconds: 0, ..stage })?;
            let outcome = crash::measure(&mut stage, log, &crash).await?;
            crash::tell::all(&mut report, &outcome);
            (outcome.verdict(), stage.output())
        }
        Command::Faults { faults, stage } => {
            let mut stage = Stage::new(StageArgs { light_hashes: true, kafka_warm_up_seconds: 0, ..stage })?;
            let (verdict, unmeasured) = faults::each(&mut stage, &faults, &mut report).await?;
            if unmeasured > 0 {
                report.publish(stage.output().as_deref())?;
                bail!("{unmeasured} kinds of fault could not be measured");
            }
            (verdict, stage.output())
        }
        Command::Broken { broken, stage } => {
            let mut stage = Stage::new(StageArgs { light_hashes: true, kafka_warm_up_seconds: 0, ..stage })?;
            (faults::broken_on_purpose(&mut stage, &broken, &mut report).await?, stage.output())
        }
        Command::Race { race, stage } => {
            let mut stage = Stage::new(StageArgs { light_hashes: true, kafka_warm_up_seconds: 0, ..stage })?;
            (race::measure(&mut stage, &race, &mut report).await?, stage.output())
        }
        Command::Matrix { matrix, stage } => {
            let mut stage = Stage::new(stage)?;
            (matrix::measure(&mut stage, &matrix, &mut report).await?, stage.output())
        }
        Command::Curves { curves, stage } => {
            let mut stage = Stage::new(StageArgs { light_hashes: true, ..stage })?;
            (curves::measure(&mut stage, &curves, &mut report).await?, stage.output())
        }
        Command::Smoke { logs, stage } => {
            let mut stage = Stage::new(StageArgs { light_hashes: true, kafka_warm_up_seconds: 0, ..stage })?;
            (smoke::measure(&mut stage, &logs, &mut report).await?, stage.output())
        }
        Command::Startup { startup, stage } => {
            let mut stage = Stage::new(stage)?;
            let outcome = startup::measure(&mut stage, &startup).await?;
            startup::tell(&mut report, &outcome);
            (outcome.verdict(&startup), stage.output())
        }
        Command::Baselines { no_kafka, load, stage } => {
            let mut stage = Stage::new(stage)?;
            baselines::tell(&mut report, &baselines::measure(&mut stage, &load, !no_kafka).await?);
            (Verdict::Kept, stage.output())
        }
        Command::Relay => return baselines::relay::serve().await.map(|()| Verdict::Kept),
    };
    report.publish(output.as_deref())?;
    Ok(verdict)
}

/// Ends the bench in order, so that what it started is stopped.
async fn interrupted() -> Result<Verdict> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    bail!("interrupted")
}

/// As many open files as the system lets us have, for the server that is started from here as well.
fn raise_file_limit() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .context("cannot raise the limit of open files")
}
