//! The project's own builder: what `make` calls once cargo works.
//!
//! | module | holds |
//! |---|---|
//! | [`site`] | the front end: wasm, script, stylesheet, public files |
//! | [`wasm_toolchain`] | a compiler for `wasm32-unknown-unknown`, on machines with and without downloads |
//! | [`check`] | `make test`, `make check` and `make soak`: checks, in stages |
//! | [`run`], [`dev`] | building the binary; running, releasing, measuring it; watching |
//! | [`packages`] | what comes from the system's and from npm's registries |
//! | [`tidy`] | the conventions |
//! | [`place`] | where things lie |
//! | [`command`] | running other programs |

mod check;
mod command;
mod dev;
mod packages;
mod place;
mod run;
mod site;
mod tidy;
mod wasm_toolchain;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask COMMAND

  site [--dev|--release]  build the front end into target/site
  tidy                    tell which conventions are not kept
  check                   run the quick checks: no brokers, no browsers
  test [STAGE...]         run every check, or those of some stages
  soak [STAGE...]         run what takes longer than `test`, or some of it
  run [ARGUMENTS]         build everything and start `kafkatalk serve ARGUMENTS`
  dev [ARGUMENTS]         the same, again and again as files change
  bench [ARGUMENTS]       measure the binary to hand out, with `kafkatalk-bench ARGUMENTS`
  failpoints ARGUMENTS    the same for a binary with failpoints, for faults and broken promises
  release                 build the binary to hand out into dist/
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((name, stages)) if name == "test" => return check::test(stages),
        Some((name, stages)) if name == "soak" => return check::soak(stages),
        Some((name, [])) if name == "check" => return check::quick(),
        _ => {}
    }
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            command::say(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let (name, rest) =
        arguments.split_first().map_or(("help", arguments), |(name, rest)| (name.as_str(), rest));
    match name {
        "site" => site::build(site::Mode::from_arguments(rest)?),
        "run" => run::serve(rest),
        "dev" => dev::watch(rest),
        "bench" => run::bench(rest),
        "failpoints" => run::failpoints(rest),
        "release" => run::release(),
        "tidy" => tidy::check(),
        "help" | "--help" | "-h" => {
            command::print(HELP);
            Ok(())
        }
        unknown => bail!("there is no command `{unknown}`\n\n{HELP}"),
    }
}
