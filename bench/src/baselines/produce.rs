//! Kafka alone: one producer, one consumer, a topic of as many partitions as the server's feed has.

use super::{Baseline, PRODUCE, name};
use crate::load::wanted::{LoadArgs, parts};
use crate::number::{count, float};
use crate::plain::Plain;
use crate::stage::{LogKind, Stage, cpu_of};
use anyhow::Result;
use std::sync::Arc;

/// Kafka under each rate of a load; its keys stand for the load's conversations.
pub(crate) async fn measure(stage: &mut Stage, load: &LoadArgs) -> Result<Vec<Baseline>> {
    let mut random = stage.random();
    let bootstrap = stage.kafka().await?.bootstrap().to_owned();
    let kafka = stage.kafka_pids(LogKind::Kafka)?;
    let Plain { producer, consuming } =
        Plain::start(&bootstrap, stage.args().brokers, load, &mut random).await?;
    let times = Arc::clone(&producer.times);
    let mut baselines = Vec::new();
    for part in parts(load)? {
        let range = part.measured..part.end;
        producer.produce(part.begin..part.measured, part.rate, &mut random).await?;
        let cpu = cpu_of(&kafka)?;
        producer.produce(range.clone(), part.rate, &mut random).await?;
        anyhow::ensure!(!consuming.is_finished(), "the consumer ended: the broker's log tells more");
        let cpu = cpu_of(&kafka)?.saturating_sub(cpu);
        let end_to_end = times.end_to_end(range.clone());
        baselines.push(Baseline {
            name: name(PRODUCE, load.sockets, part.rate),
            counts: [count(range.len()), end_to_end.len()],
            end_to_end,
            to_ack: Some(times.to_ack(range.clone())),
            late: Some(times.late(range.clone())),
            cpu_us: Some(cpu.as_secs_f64() * 1e6 / float(count(range.len()))),
            bytes_per_socket: None,
        });
    }
    Plain { producer, consuming }.end().await?;
    Ok(baselines)
}
