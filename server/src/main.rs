//! The KafkaTalk binary: understand what is asked for, do it, say what went wrong.

use kafkatalk_server::{
    cli::{self, AskError},
    config::Environment,
};
use std::{io::Write as _, process::ExitCode};

/// Exit code for a command line or settings that cannot be used.
const NOT_UNDERSTOOD: u8 = 2;

fn main() -> ExitCode {
    let asked = match cli::ask(std::env::args_os(), &Environment::of_process()) {
        Ok(asked) => asked,
        Err(AskError::Words(words)) => words.exit(),
        Err(AskError::Config(error)) => return fail(&error.to_string(), NOT_UNDERSTOOD),
    };
    match cli::carry_out(asked) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{error:#}"), 1),
    }
}

fn fail(why: &str, code: u8) -> ExitCode {
    // Where nobody listens, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "kafkatalk: {why}");
    ExitCode::from(code)
}
