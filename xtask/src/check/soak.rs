//! `make soak`: what takes longer than `make test` may. Each line of the table is a stage like those of `make test`.
//!
//! To add a line: name it, say in a few words what it proves, list the programs that it needs and cargo does not bring,
//! and call a function with the command: [`bench()`] for the bench, [`cargo_test`] for tests of cargo that an environment
//! variable lengthens, [`super::browser_tests`] for a kind that `end2end/run.sh` knows.

use super::{Counts, Stage, cargo::cargo_test};
use crate::run::bench_of_release;
use anyhow::Result;

/// In the order in which they run. A name can be given to `make soak ARGS=...` to run that line alone.
pub(super) const STAGES: &[Stage] = &[
    Stage {
        name: "kills",
        about: "the embedded log under load, and a thousand times kill -9",
        needs: &[],
        run: || {
            bench(&["crash", "--log", "embedded", "--light-hashes", "--times", "1000", "--seconds", "900"])
        },
    },
    Stage {
        name: "power",
        about: "the power cut at 2,000 moments of the embedded log's life",
        needs: &[],
        run: || {
            cargo_test(
                &[("KAFKATALK_POWER_CUTS", "2000")],
                &["--package", "kafkatalk-log", "--test", "power"],
            )
        },
    },
    Stage {
        name: "brokers",
        about: "20,000 seeds of nodes on simulated brokers: lost, late and doubled records, killed nodes",
        needs: &[],
        run: || {
            cargo_test(
                &[("KAFKATALK_SEEDS", "20000")],
                &["--package", "kafkatalk-log", "--lib", "simulation"],
            )
        },
    },
    Stage {
        name: "clients",
        about: "20,000 seeds of clients with simulated people and networks",
        needs: &[],
        run: || cargo_test(&[("KAFKATALK_SEEDS", "20000")], &["--package", "kafkatalk-app"]),
    },
    Stage {
        name: "frames",
        about: "100,000 cases of each property of frames, bodies and times",
        needs: &[],
        run: || cargo_test(&[("PROPTEST_CASES", "100000")], &["--package", "kafkatalk-protocol", "--lib"]),
    },
    Stage {
        name: "settings",
        about: "20,000 cases of any mix of configuration files and flags",
        needs: &[],
        run: || {
            cargo_test(
                &[("PROPTEST_CASES", "20000")],
                &["--package", "kafkatalk-server", "--lib", "config::"],
            )
        },
    },
    Stage {
        name: "records",
        about: "8,000 cases of search, and 250 of records that nobody should have written",
        needs: &[],
        run: || {
            let ours =
                ["--package", "kafkatalk-server", "--lib", "--", "search::text", "views::tests::hostile"];
            cargo_test(&[("PROPTEST_CASES", "8000")], &ours)
        },
    },
    Stage {
        name: "links",
        about: "20,000 cases of each property of links in texts",
        needs: &[],
        run: || {
            cargo_test(
                &[("PROPTEST_CASES", "20000")],
                &["--package", "kafkatalk-app", "--lib", "text::links"],
            )
        },
    },
];

/// `kafkatalk-bench` with the binary to hand out. It ends badly when a promise was broken, and tells which.
fn bench(arguments: &[&str]) -> Result<Counts> {
    Ok(Counts::of(bench_of_release(arguments)?.status()?.success()))
}
