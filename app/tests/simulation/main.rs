//! Several people, devices and tabs, and a server, over a network that loses, delays, repeats and cuts: whatever
//! happens, everything that was typed is in the log once and in order, and every page comes to show the log.
//!
//! Everything follows from the seed. `KAFKATALK_SEEDS=100000` runs more of them, `KAFKATALK_SEED=17` runs one.

#[path = "../shared/api.rs"]
mod api;
mod check;
mod page;
mod server;
mod trouble;
mod world;

use server::Fault;
use std::hash::DefaultHasher;
use world::{PageFault, World};

/// Seeds of a normal run.
const SEEDS: u64 = 500;
/// Seeds within which a broken server or page must be noticed.
const SEEDS_TO_NOTICE: u64 = 200;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(seed: u64, fault: Fault, page_fault: PageFault) -> Vec<String> {
    let mut world = World::new(seed, fault, page_fault);
    world.run();
    world.failures
}

#[test]
fn whatever_the_network_does_every_page_comes_to_show_one_log_with_everything_typed_in_order() {
    let seeds = match number("KAFKATALK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KAFKATALK_SEEDS").unwrap_or(SEEDS),
    };
    let mut bad = Vec::new();
    for seed in seeds {
        let failures = run(seed, Fault::None, PageFault::None);
        if let Some(failure) = failures.first() {
            bad.push(format!("seed {seed}: {failure}"));
        }
    }
    assert!(bad.is_empty(), "{} seeds failed, the first:\n{}", bad.len(), bad[0]);
}

#[test]
fn a_run_follows_from_its_seed() {
    for seed in 0..20 {
        let [one, other] = [(); 2].map(|()| {
            let mut world = World::new(seed, Fault::None, PageFault::None);
            world.trace = Some(DefaultHasher::new());
            world.run()
        });
        assert_eq!(one, other, "seed {seed}");
    }
}

fn is_noticed(fault: Fault, page_fault: PageFault) {
    let noticed = (0..SEEDS_TO_NOTICE).find(|seed| !run(*seed, fault, page_fault).is_empty());
    assert!(noticed.is_some(), "nobody noticed {fault:?} {page_fault:?}");
}

#[test]
fn a_server_that_keeps_copies_is_noticed() {
    is_noticed(Fault::Doubles, PageFault::None);
}

#[test]
fn a_server_that_forgets_what_it_acknowledged_is_noticed() {
    is_noticed(Fault::Forgets, PageFault::None);
}

#[test]
fn a_server_that_swaps_messages_is_noticed() {
    is_noticed(Fault::Swaps, PageFault::None);
}

#[test]
fn a_server_that_does_not_say_what_came_before_is_noticed() {
    is_noticed(Fault::HidesPrevious, PageFault::None);
}

#[test]
fn a_server_that_miscounts_is_noticed() {
    is_noticed(Fault::Miscounts, PageFault::None);
}

#[test]
fn a_server_that_keeps_reads_to_itself_is_noticed() {
    is_noticed(Fault::KeepsReadsToItself, PageFault::None);
}

#[test]
fn a_server_that_makes_changes_twice_is_noticed() {
    is_noticed(Fault::DoublesChanges, PageFault::None);
}

#[test]
fn a_server_that_loses_changes_is_noticed() {
    is_noticed(Fault::LosesChanges, PageFault::None);
}

#[test]
fn a_server_that_tells_old_changes_as_new_ones_is_noticed() {
    is_noticed(Fault::TellsOldChangesAgain, PageFault::None);
}

#[test]
fn a_server_that_keeps_telling_those_who_are_out_is_noticed() {
    is_noticed(Fault::KeepsTellingTheRemoved, PageFault::None);
}

#[test]
fn a_server_that_shows_what_was_said_before_is_noticed() {
    is_noticed(Fault::ShowsWhatWasBefore, PageFault::None);
}

#[test]
fn a_history_with_holes_is_asked_again_until_it_has_none() {
    // The pages notice by themselves: the run is good all the same.
    for seed in 0..SEEDS_TO_NOTICE {
        assert_eq!(run(seed, Fault::SkipsInHistory, PageFault::None), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn a_page_that_keeps_nothing_is_noticed() {
    is_noticed(Fault::None, PageFault::KeepsNothing);
}

#[test]
fn a_page_that_sends_again_under_a_new_id_is_noticed() {
    is_noticed(Fault::None, PageFault::NewIdEachTime);
}

#[test]
fn a_page_whose_sends_are_lost_is_noticed() {
    is_noticed(Fault::None, PageFault::DropsSends);
}
