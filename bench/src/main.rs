//! Load, floors and figures: what a message costs, and whether every promise is kept while it is paid.
//!
//! The bench starts the server that it measures, speaks nothing but its public API, and stops it.
//!
//! | module | holds |
//! |---|---|
//! | [`stage`], [`server`], [`kafka`], [`process`] | what is measured: started, watched, killed, stopped |
//! | [`client`], [`world`], [`numbered`] | the API as a stranger speaks it; users, conversations, messages |
//! | [`load`], [`run`] | a steady load and what it shows |
//! | [`crash`] | the same while the server is killed again and again |
//! | [`floors`] | what the plain parts cost |
//! | [`gather`], [`evidence`], [`checks`] | what clients saw, and whether that keeps the promises |
//! | [`latency`], [`number`], [`report`] | figures that people read |

mod checks;
mod client;
mod crash;
mod evidence;
#[cfg(test)]
mod fake;
mod floors;
mod gather;
mod kafka;
mod latency;
mod limits;
mod load;
mod number;
mod numbered;
mod process;
mod report;
mod run;
mod server;
mod stage;
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
    /// Kills the server again and again under load, and checks that no acknowledged message is lost, doubled or moved.
    Crash {
        /// The log that the server keeps its truth in.
        #[arg(long, default_value = "embedded")]
        log: LogKind,
        #[command(flatten)]
        crash: crash::CrashArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// What the plain parts cost: a bare WebSocket relay, a SQLite commit, Kafka from produce to consume.
    Floors {
        /// Leave Kafka out.
        #[arg(long)]
        no_kafka: bool,
        #[command(flatten)]
        load: run::LoadArgs,
        #[command(flatten)]
        stage: StageArgs,
    },
    /// The bare relay itself, for `floors`.
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
    match command {
        Command::Run { log, load, stage } => {
            let output = stage.output.clone();
            let outcome = run::measure(&mut Stage::new(stage)?, log, &load).await?;
            let mut report = Report::new();
            run::tell::all(&mut report, &[&outcome]);
            report.publish(output.as_deref())?;
            Ok(outcome.verdict())
        }
        Command::Crash { log, crash, stage } => {
            let output = stage.output.clone();
            let outcome = crash::measure(&mut Stage::new(stage)?, log, &crash).await?;
            let mut report = Report::new();
            crash::tell(&mut report, &outcome);
            report.publish(output.as_deref())?;
            Ok(outcome.verdict())
        }
        Command::Floors { no_kafka, load, stage } => {
            let output = stage.output.clone();
            let floors = floors::measure(&mut Stage::new(stage)?, &load, !no_kafka).await?;
            let mut report = Report::new();
            floors::tell(&mut report, &floors);
            report.publish(output.as_deref())?;
            Ok(Verdict::Kept)
        }
        Command::Relay => floors::relay::serve().await.map(|()| Verdict::Kept),
    }
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
