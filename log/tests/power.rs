//! Power cuts, simulated: what of the embedded log's writes was not flushed is lost, in part and in any order.
//!
//! The recorder notes every operation on files while a log is under load. For each of many moments, the simulated disk
//! says what it might hold if the power went then; the log is opened on that and compared with what its callers knew at
//! that moment. `KAFKATALK_POWER_CUTS` says how many cuts (default: [`CUTS`]), `KAFKATALK_POWER_SEED` repeats a run's
//! choices. The operations' order comes from threads, and differs from run to run.
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

#[path = "power/check.rs"]
mod check;
#[path = "power/damage.rs"]
mod damage;
#[path = "power/disk.rs"]
mod disk;
#[path = "power/facts.rs"]
mod facts;
#[path = "power/life.rs"]
mod life;
#[path = "power/load.rs"]
mod load;
#[path = "power/negative.rs"]
mod negative;

use damage::Damage;
use disk::{Disk, Syncs};
use facts::History;
use life::Life;

/// Cuts of a run, unless the environment asks for more.
const CUTS: usize = 120;
/// Cuts of one life of a log.
const CUTS_OF_A_LIFE: usize = 20;
/// Lives of one log, one after the other.
const LIVES: usize = 4;
/// Records that each writer appends in a life.
const APPENDS: usize = 40;

fn from_environment<T: std::str::FromStr>(name: &str, or: impl FnOnce() -> T) -> T {
    std::env::var(name).ok().map_or_else(or, |text| text.parse().ok().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::print_stdout,
    reason = "whoever repeats a failure needs the seed, and a long run its figures"
)]
async fn a_power_cut_loses_doubles_and_misorders_nothing_that_was_acknowledged() {
    let cuts: usize = from_environment("KAFKATALK_POWER_CUTS", || CUTS);
    let seed: u64 = from_environment("KAFKATALK_POWER_SEED", || fastrand::u64(..));
    println!("KAFKATALK_POWER_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let (mut findings, mut done, mut lives, mut acknowledged) = (Vec::new(), 0, 0, 0);
    while done < cuts && findings.is_empty() {
        let (mut disk, mut history) = (Disk::empty(), History::default());
        for _ in 0..LIVES {
            let life = Life::live(disk, history, &mut rng, APPENDS).await;
            let moments = life.moments(CUTS_OF_A_LIFE.min(cuts - done), &mut rng);
            let (found, left, moment) = life.cut_at(&moments, Syncs::All, &mut rng, Damage::any).await;
            findings.extend(found);
            (done, lives) = (done + moments.len(), lives + 1);
            acknowledged += moments.iter().map(|moment| life.history.at(*moment).there.len()).sum::<usize>();
            (disk, history) = (left, life.history.before(moment));
            if done >= cuts || !findings.is_empty() {
                break;
            }
        }
    }
    for finding in &findings {
        println!("{}: {:#?}", finding.cut, finding.wrong);
    }
    println!("{done} power cuts in {lives} lives, {acknowledged} acknowledged records looked for");
    assert!(done > 0, "no power was cut");
    assert!(findings.is_empty(), "seed {seed}: {} cuts of {done} broke a promise", findings.len());
}
