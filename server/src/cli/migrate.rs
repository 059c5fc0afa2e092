//! `migrate`: from the embedded log of a stopped node to Kafka.

use super::{kafka_options, pace, print, runtime};
use crate::{config::Config, telemetry};
use anyhow::{Context as _, Result, bail};
use kafkatalk_log::{
    EventLog,
    embedded::{EmbeddedLog, EmbeddedOptions, FILE},
    kafka::{ImportFigures, KafkaLog},
};
use std::{path::Path, sync::Arc};

/// A kind of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// The one in the data folder.
    Embedded,
    /// Apache Kafka.
    Kafka,
}

impl Adapter {
    /// The names on the command line.
    pub const NAMES: [&str; 2] = ["embedded", "kafka"];

    /// From its name.
    pub(super) fn named(name: &str) -> Self {
        if name == "kafka" { Self::Kafka } else { Self::Embedded }
    }
}

pub(super) fn run(config: &Config, from: Adapter, to: Adapter) -> Result<()> {
    if (from, to) != (Adapter::Embedded, Adapter::Kafka) {
        bail!(
            "a log can be moved from the embedded one to Kafka, and in no other direction: \
             --from embedded --to kafka"
        );
    }
    let Some(kafka) = &config.kafka else {
        bail!("to which Kafka? Name its brokers with --kafka HOST:PORT,...");
    };
    let file = config.data.join(FILE);
    if !file.exists() {
        bail!("there is no embedded log in {}: name its folder with --data", config.data.display());
    }
    telemetry::start(config.log_format, &config.log_level);
    let figures = runtime()?.block_on(async {
        let source = Arc::new(EmbeddedLog::open(&config.data, EmbeddedOptions::default())?);
        let streams = source.streams().await?;
        let log: Arc<dyn EventLog> = source.clone();
        let imported = KafkaLog::import(kafka_options(kafka), log, streams, |figures| {
            tracing::info!(left = figures.left, "{}", in_words(figures));
        });
        let figures = imported.await.context("the log could not be moved");
        source.close().await;
        figures
    })?;
    print(&moved(&figures, &file, &kafka.topic_prefix))
}

fn in_words(figures: &ImportFigures) -> String {
    let ImportFigures { streams, records, holes, before, compared, left: _, took } = figures;
    let pace = pace(records + holes, *took);
    format!(
        "{records} records and {holes} erased places of {streams} streams written {pace}; {before} were there before; \
         {compared} compared"
    )
}

fn moved(figures: &ImportFigures, file: &Path, prefix: &str) -> String {
    format!(
        "moved {} to the topics {prefix}.*: {}\n\
         Every record stands at the offset that it had. From now on start nodes with --kafka and this prefix, and none \
         without: {} is a backup as of now.\n",
        file.display(),
        in_words(figures),
        file.display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn figures_say_how_fast_it_went() {
        let figures = ImportFigures {
            streams: 3,
            records: 5_900,
            holes: 100,
            before: 7,
            compared: 6_007,
            left: 0,
            took: Duration::from_millis(2_500),
        };
        let words = in_words(&figures);
        assert!(words.contains("5900 records and 100 erased places of 3 streams"), "{words}");
        assert!(words.contains("in 2.5 s, 2400/s; 7 were there before; 6007 compared"), "{words}");
    }
}
