//! Several nodes that write to and follow the same conversations and ledgers, on brokers that are only imagined: the
//! appends' own bookkeeping, the tails and their resequencers are the real ones; librdkafka and its threads are not there.
//! Whatever is lost, late, doubled, killed or begun anew: every reader is handed every record once and in order, and
//! nobody is told anything that is not so.
//!
//! Everything follows from the seed, the time too. `KAFKATALK_SEEDS=100000` runs more of them, `KAFKATALK_SEED=17` runs
//! one and tells what happened.

mod brokers;
mod cluster;
mod reader;
mod sides;
mod trouble;
mod world;

use super::super::Shared;
use crate::{
    AppendError, Record, Stream,
    kafka::{append::Append, outcome},
};
use kafkatalk_protocol::Offset;
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Instant,
};
use tokio::sync::mpsc::UnboundedSender;
use world::{Turn, World};

/// Seeds of a normal run.
const SEEDS: u64 = 120;
/// Seeds within which something broken must be noticed.
const SEEDS_TO_NOTICE: u64 = 50;

/// Something that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Nobody looks again for what nobody told.
    NoLaterSweeps,
    /// A sweep that does not know all ends says that it does.
    PartsCalledWhole,
    /// A reader hands out copies in the order in which they come.
    ReaderWithoutOrder,
    /// A reader keeps its checkpoint, and not always what came with it.
    ReaderLosesBatches,
    /// A direct read finds nothing where records are.
    ReadsCallRecordsHoles,
    /// A broker acknowledges a record and does not keep it.
    BrokerForgets,
    /// A broker acknowledges a record in another's place.
    BrokerSaysAnotherOffset,
    /// Appends do not wait for each other where the brokers do not know their producer.
    GatesStandOpen,
}

/// How much goes wrong that may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// Only this: the feed does not take every copy.
    CopiesFail,
    All,
}

/// What [`crate::kafka::KafkaLog`] does once a topic is there, with a producer that is not librdkafka's.
async fn write(
    shared: Arc<Shared>,
    producer: &UnboundedSender<Turn>,
    (node, run): (usize, u64),
    stream: Stream,
    record: Record,
    ungated: bool,
) -> Result<Offset, AppendError> {
    let (mut append, answer) = Append::admitted(&shared, stream, record).await?;
    if ungated {
        append.gate = None;
    }
    producer.send(Turn::Sent(node, run, append)).ok();
    outcome::answer(answer).await
}

/// Runs a world. The clock stands still but when all wait.
fn run(seed: u64, fault: Fault, trouble: Trouble, traced: bool) -> World {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed, fault, trouble, traced);
        world.run().await;
        world
    })
}

fn failure(seed: u64, fault: Fault, trouble: Trouble) -> Option<String> {
    run(seed, fault, trouble, false).failure
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a seed that failed once more, and tells what happened in it.
fn tell(seed: u64, fault: Fault, trouble: Trouble) -> String {
    let world = run(seed, fault, trouble, true);
    let trace = world.trace.unwrap_or_default().join("\n");
    format!("seed {seed}: {}\n{trace}", world.failure.as_deref().unwrap_or("all is well"))
}

#[test]
#[expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "whoever asks for seeds wants to see how fast they are"
)]
fn whatever_happens_every_reader_is_handed_every_record_once_and_in_order() {
    if let Some(seed) = number("KAFKATALK_SEED") {
        let told = tell(seed, Fault::None, Trouble::All);
        println!("{told}");
        assert_eq!(failure(seed, Fault::None, Trouble::All), None);
        return;
    }
    let (begun, seeds) = (Instant::now(), number("KAFKATALK_SEEDS").unwrap_or(SEEDS));
    for seed in 0..seeds {
        let well = failure(seed, Fault::None, Trouble::All).is_none();
        assert!(well, "{}", tell(seed, Fault::None, Trouble::All));
    }
    println!("{seeds} seeds, {:.0} a second", seeds as f64 / begun.elapsed().as_secs_f64());
}

#[test]
fn a_run_follows_from_its_seed() {
    for seed in 0..20 {
        let [one, other] = [(); 2].map(|()| {
            let mut hasher = DefaultHasher::new();
            run(seed, Fault::None, Trouble::All, true).trace.hash(&mut hasher);
            hasher.finish()
        });
        assert_eq!(one, other, "seed {seed}");
    }
}

#[test]
fn where_nothing_fails_nobody_reads_directly_and_nobody_waits_for_a_sweep() {
    for seed in 0..SEEDS_TO_NOTICE {
        let world = run(seed, Fault::NoLaterSweeps, Trouble::None, false);
        let well = world.failure.is_none() && world.direct_reads == 0;
        assert!(well, "{}", tell(seed, Fault::NoLaterSweeps, Trouble::None));
    }
}

#[test]
fn what_the_feed_did_not_take_is_announced_and_waits_for_no_sweep() {
    for seed in 0..SEEDS_TO_NOTICE {
        let well = failure(seed, Fault::NoLaterSweeps, Trouble::CopiesFail).is_none();
        assert!(well, "{}", tell(seed, Fault::NoLaterSweeps, Trouble::CopiesFail));
    }
}

fn is_noticed(fault: Fault) {
    let noticed = (0..SEEDS_TO_NOTICE).find(|seed| failure(*seed, fault, Trouble::All).is_some());
    assert!(noticed.is_some(), "nobody noticed {fault:?}");
}

#[test]
fn a_world_that_does_not_sweep_again_is_noticed() {
    is_noticed(Fault::NoLaterSweeps);
}

#[test]
fn a_sweep_that_takes_a_part_for_the_whole_is_noticed() {
    is_noticed(Fault::PartsCalledWhole);
}

#[test]
fn a_reader_that_does_not_put_copies_in_order_is_noticed() {
    is_noticed(Fault::ReaderWithoutOrder);
}

#[test]
fn a_reader_that_keeps_its_checkpoint_and_not_its_records_is_noticed() {
    is_noticed(Fault::ReaderLosesBatches);
}

#[test]
fn a_direct_read_that_calls_records_holes_is_noticed() {
    is_noticed(Fault::ReadsCallRecordsHoles);
}

#[test]
fn a_broker_that_forgets_what_it_acknowledged_is_noticed() {
    is_noticed(Fault::BrokerForgets);
}

#[test]
fn a_broker_that_acknowledges_another_offset_is_noticed() {
    is_noticed(Fault::BrokerSaysAnotherOffset);
}

#[test]
fn appends_that_do_not_wait_at_the_gate_are_noticed() {
    is_noticed(Fault::GatesStandOpen);
}
