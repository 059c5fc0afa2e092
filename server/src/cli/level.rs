//! `level`: which feature level is finalised, who knows which, and raising it.

use super::{kafka_options, print, runtime};
use crate::{config::Config, telemetry};
use anyhow::{Result, bail};
use kafkatalk_log::{
    FEATURE_LEVEL,
    kafka::{KafkaLog, Levels},
};
use std::fmt::Write as _;

/// How it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Raise {
    /// To raise it, and not only to look.
    pub raise: bool,
    /// Although nodes cannot be heard.
    pub unheard: bool,
}

pub(super) fn run(config: &Config, asked: Raise) -> Result<()> {
    let Some(kafka) = &config.kafka else {
        bail!(
            "the log is the embedded one: its one node raises the level when it starts, to {FEATURE_LEVEL} by this \
             version. For a log on Kafka name its brokers with --kafka HOST:PORT,..."
        );
    };
    telemetry::start(config.log_format, &config.log_level);
    let options = kafka_options(kafka);
    let levels = runtime()?.block_on(async {
        if asked.raise {
            KafkaLog::raise_level(options, FEATURE_LEVEL, asked.unheard).await
        } else {
            KafkaLog::levels(options).await
        }
    })?;
    print(&in_words(&levels))
}

fn in_words(Levels { finalised, nodes }: &Levels) -> String {
    let mut words =
        format!("level {finalised} is finalised; this kafkatalk knows levels up to {FEATURE_LEVEL}\n");
    match nodes.as_deref() {
        None => words += "nodes cannot be heard: the topic of their heartbeats is missing\n",
        Some([]) => words += "no node is running\n",
        Some(nodes) => {
            for (node, level) in nodes {
                // Writing to a text cannot fail.
                writeln!(words, "node {node} knows levels up to {level}").ok();
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_log::Level;

    #[test]
    fn each_node_is_named_with_what_it_knows() {
        let nodes = [("a", 0), ("b", 1)].map(|(name, level)| (name.to_owned(), Level(level)));
        let words = in_words(&Levels { finalised: Level(0), nodes: Some(nodes.to_vec()) });
        assert!(words.starts_with("level 0 is finalised"), "{words}");
        assert!(words.ends_with("node a knows levels up to 0\nnode b knows levels up to 1\n"), "{words}");
    }
}
