//! The command line: what is asked for, and carrying it out.
//!
//! | module | holds |
//! |---|---|
//! | `command` | the commands and flags, made from the table of settings |
//! | `start` | `serve` |
//! | [`rebuild`] | `rebuild` |
//! | [`migrate`] | `migrate` |
//! | `verify` | `verify` |
//! | [`topics`] | `topics` |

mod command;
pub mod level;
pub mod migrate;
pub mod rebuild;
mod start;
pub mod topics;
mod verify;

pub use command::{AskError, Asked, ask, definition};

use crate::config::{Config, Gathered};
use anyhow::{Context as _, Result};
use kafkatalk_log::{
    EventLog,
    embedded::{EmbeddedLog, EmbeddedOptions},
    kafka::{KafkaLog, KafkaOptions},
};
use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Runtime;

/// Does what was asked for.
pub fn carry_out(asked: Asked) -> Result<()> {
    match asked {
        Asked::Serve { config, unknown } => start::serve(&config, &unknown),
        Asked::Rebuild { config } => rebuild::run(&config),
        Asked::Verify { config, conversations } => verify::run(&config, &conversations),
        Asked::Topics { config, form } => topics::run(&config, form),
        Asked::Level { config, raise } => level::run(&config, raise),
        Asked::Migrate { config, from, to } => migrate::run(&config, from, to),
        Asked::Check { config, gathered } => check(&config, &gathered),
        Asked::Version => print(concat!("kafkatalk ", env!("CARGO_PKG_VERSION"), "\n")),
    }
}

fn check(config: &Config, gathered: &Gathered) -> Result<()> {
    if let Some(kafka) = &config.kafka {
        // What librdkafka does not take is found before the node is started with it.
        kafka_options(kafka).validate().context("the settings of Kafka cannot be used")?;
    }
    print(&config.show(gathered))
}

/// How long so much took, and how much of it in a second.
fn pace(count: u64, took: Duration) -> String {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let (whole, tenths) = (millis / 1000, millis % 1000 / 100);
    format!("in {whole}.{tenths} s, {}/s", count.saturating_mul(1000) / millis)
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write the answer")
}

/// Its threads have names, for whoever looks where CPU goes. It starts its workers while it is built, and threads for what
/// blocks when there is something that does.
fn runtime() -> Result<Runtime> {
    let built = Arc::new(AtomicBool::new(false));
    let is_built = Arc::clone(&built);
    let name = move || if is_built.load(Ordering::Relaxed) { "blocking" } else { "runtime" }.to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name_fn(name).build();
    built.store(true, Ordering::Relaxed);
    runtime.context("cannot start threads")
}

/// Opens the log that is configured. Kafka need not be reachable yet.
fn open_log(config: &Config) -> Result<Arc<dyn EventLog>> {
    let Some(kafka) = &config.kafka else {
        return Ok(Arc::new(EmbeddedLog::open(&config.data, EmbeddedOptions::default())?));
    };
    let log = KafkaLog::connect(kafka_options(kafka)).context("the settings of Kafka cannot be used")?;
    Ok(Arc::new(log))
}

fn kafka_options(kafka: &crate::config::KafkaConfig) -> KafkaOptions {
    let whole = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    KafkaOptions {
        topic_prefix: kafka.topic_prefix.clone(),
        replication_factor: whole(kafka.replication_factor.get()),
        properties: kafka.properties.clone(),
        node: kafka.node_name.clone(),
        feed_partitions: whole(kafka.feed_partitions.get()),
        producers: kafka.producers.get(),
        sweep_interval: kafka.sweep_interval,
        forget_within: kafka.forget_within,
        feed_retention: kafka.feed_retention,
        ..KafkaOptions::new(kafka.bootstrap.clone())
    }
}
