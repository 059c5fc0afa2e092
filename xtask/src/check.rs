//! `make test`: every check there is, in stages, each of which counts what it proved. `make check`: the quick ones.
//! `make soak`: what takes too long for either.

mod budget;
mod cargo;
mod containers;
mod counted;
mod dependencies;
mod files;
mod soak;

use crate::{
    command::{self, say},
    packages, place, site,
};
use anyhow::{Result, bail};
use counted::{Counts, Told, run_counting};
use std::{
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

/// One kind of check. An error is a failure as well, and so is a stage that proved nothing.
struct Stage {
    name: &'static str,
    about: &'static str,
    needs: &'static [(&'static str, &'static str)],
    run: fn() -> Result<Counts>,
}

/// Programs that stages run and cargo does not bring, each with the Debian package that has it.
const GIT: (&str, &str) = ("git", "git");
const JAVA: (&str, &str) = ("java", "default-jdk-headless");
const JAVAC: (&str, &str) = ("javac", "default-jdk-headless");
const OPENSSL: (&str, &str) = ("openssl", "openssl");
const MAVEN: (&str, &str) = ("mvn", "maven");
const NODE: (&str, &str) = ("node", "nodejs");
const NPM: (&str, &str) = ("npm", "npm");
const SHELLCHECK: (&str, &str) = ("shellcheck", "shellcheck");

const TIDY: Stage =
    Stage { name: "tidy", about: "the project's conventions", needs: &[GIT], run: files::tidy };
const FORMAT: Stage = Stage { name: "format", about: "rustfmt", needs: &[], run: cargo::format };
const LINT: Stage = Stage { name: "lint", about: "clippy, all targets", needs: &[], run: cargo::lint };

/// What `make check` runs: nothing that needs a broker, a browser or a release build.
const QUICK: &[Stage] = &[
    TIDY,
    FORMAT,
    LINT,
    Stage {
        name: "quick-tests",
        about: "unit, property and API tests, without brokers",
        needs: &[GIT],
        run: cargo::quick_tests,
    },
];

/// Quick ones first. A stage's name can be given to `make test ARGS=...` to run it alone.
const STAGES: &[Stage] = &[
    TIDY,
    FORMAT,
    Stage { name: "scripts", about: "shellcheck", needs: &[GIT, SHELLCHECK], run: files::scripts },
    Stage {
        name: "containers",
        about: "Dockerfile, compose files and what they mount",
        needs: &[GIT],
        run: containers::containers,
    },
    Stage {
        name: "dependencies",
        about: "licences, sources, advisories",
        needs: &[GIT],
        run: dependencies::deny,
    },
    LINT,
    Stage { name: "docs", about: "rustdoc without warnings", needs: &[], run: cargo::docs },
    Stage { name: "lint-browser", about: "clippy for wasm32", needs: &[], run: cargo::lint_browser },
    Stage {
        name: "tests",
        about: "unit, contract (both logs), API",
        needs: &[GIT, JAVA, JAVAC, OPENSSL, MAVEN],
        run: cargo::tests,
    },
    Stage {
        name: "site",
        about: "the front end: what its parts weigh, and what is in the first",
        needs: &[NODE, NPM],
        run: budget::site_within_budget,
    },
    Stage {
        name: "promises",
        about: "load with kill -9 on both logs; promises broken on purpose are noticed",
        needs: &[JAVA, MAVEN],
        run: promises,
    },
    Stage {
        name: "browser-embedded",
        about: "Chromium, on the embedded log",
        needs: &[NODE, NPM],
        run: || browser_tests("embedded"),
    },
    Stage {
        name: "browser-kafka",
        about: "Chromium, on Apache Kafka",
        needs: &[NODE, NPM, JAVA, MAVEN],
        run: || browser_tests("kafka"),
    },
    Stage {
        name: "browser-engines",
        about: "the main journey in Chromium, Firefox and WebKit",
        needs: &[NODE, NPM],
        run: || browser_tests("engines"),
    },
];

struct Outcome {
    name: &'static str,
    counts: Counts,
    took: Duration,
}

/// Runs the stages of those names, or all, and counts.
pub(crate) fn test(names: &[String]) -> ExitCode {
    run_named(STAGES, names)
}

/// The same for the stages that take longer.
pub(crate) fn soak(names: &[String]) -> ExitCode {
    run_named(soak::STAGES, names)
}

fn run_named(stages: &[Stage], names: &[String]) -> ExitCode {
    match named(stages, names) {
        Ok(chosen) => run_all(&chosen),
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// The stages of those names in the table's order; all, where none is named.
fn named<'a>(stages: &'a [Stage], names: &[String]) -> Result<Vec<&'a Stage>> {
    if let Some(unknown) = names.iter().find(|name| stages.iter().all(|stage| stage.name != name.as_str())) {
        let known: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
        bail!("there is no stage `{unknown}`; there are {}", known.join(", "));
    }
    let wanted = |stage: &&Stage| names.is_empty() || names.iter().any(|name| name == stage.name);
    Ok(stages.iter().filter(wanted).collect())
}

/// Runs what takes little time and counts.
pub(crate) fn quick() -> ExitCode {
    run_all(&QUICK.iter().collect::<Vec<_>>())
}

fn run_all(stages: &[&Stage]) -> ExitCode {
    let mut outcomes = Vec::new();
    for (index, stage) in stages.iter().enumerate() {
        say(&format!("[{}/{}] {}: {}", index + 1, stages.len(), stage.name, stage.about));
        outcomes.push(run(stage));
    }
    report(&outcomes)
}

fn run(stage: &Stage) -> Outcome {
    let began = Instant::now();
    let mut counts = match packages::need(stage.needs).and_then(|()| (stage.run)()) {
        Ok(counts) => counts,
        Err(error) => {
            say(&format!("{}: {error:#}", stage.name));
            Counts { passed: 0, failed: 1 }
        }
    };
    if counts == Counts::default() {
        say(&format!("{}: proved nothing", stage.name));
        counts.failed = 1;
    }
    Outcome { name: stage.name, counts, took: began.elapsed() }
}

/// A line for each stage, and the sum as the last line.
fn report(outcomes: &[Outcome]) -> ExitCode {
    let mut sum = Counts::default();
    let mut took = Duration::ZERO;
    command::print("\n");
    for outcome in outcomes {
        let mark = if outcome.counts.failed == 0 { "ok    " } else { "FAILED" };
        let Counts { passed, failed } = outcome.counts;
        let seconds = outcome.took.as_secs_f64();
        command::print(&format!(
            "{mark} {:<18}{passed:>6} passed {failed:>4} failed {seconds:>8.1} s\n",
            outcome.name
        ));
        sum += outcome.counts;
        took += outcome.took;
    }
    command::print(&format!(
        "{:>51.1} s\n{} passed, {} failed\n",
        took.as_secs_f64(),
        sum.passed,
        sum.failed
    ));
    if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The bench in short: it ends badly when a promise was broken, and tells which; and when one was broken on purpose and
/// its checks did not notice.
fn promises() -> Result<Counts> {
    let breakable = cargo::build_breakable()?;
    cargo::build()?;
    let bench = |arguments: &[&str], server: &Path| {
        let mut bench = Command::new(place::target().join("debug/kafkatalk-bench"));
        bench.args(arguments).arg("--server").arg(server);
        anyhow::Ok(Counts::of(bench.current_dir(place::root()).status()?.success()))
    };
    let kept = bench(&["smoke", "--logs", "embedded,kafka"], &crate::run::built_server())?;
    Ok(kept + bench(&["broken"], &breakable)?)
}

/// What `end2end/run.sh` runs by that name. It finds the browsers, or installs them from Debian, and says in a line which
/// cannot be had here.
fn browser_tests(kind: &str) -> Result<Counts> {
    packages::node_modules()?;
    site::build(site::Mode::Release)?;
    cargo::build()?;
    let mut command = Command::new(place::root().join("end2end/run.sh"));
    command.arg(kind).env("KAFKATALK_BIN", crate::run::built_server());
    run_counting(&mut command, Told::AtTheEnd, &mut std::io::stdout())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_stage_is_run_by_its_name_and_one_that_there_is_not_is_an_error() {
        let names = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            named(QUICK, &wanted).map(|stages| stages.iter().map(|stage| stage.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["lint", "tidy"]).unwrap(), ["tidy", "lint"]);
        assert_eq!(names(&[]).unwrap().len(), QUICK.len());
        let error = names(&["lint", "tydi"]).unwrap_err().to_string();
        assert!(error.starts_with("there is no stage `tydi`; there are tidy, "), "{error}");
    }

    #[test]
    fn no_two_stages_of_a_table_have_one_name() {
        for table in [QUICK, STAGES, soak::STAGES] {
            let names: BTreeSet<&str> = table.iter().map(|stage| stage.name).collect();
            assert_eq!(names.len(), table.len(), "{names:?}");
        }
    }
}
