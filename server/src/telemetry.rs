//! Log lines: for people on a terminal, JSON otherwise; on the standard error stream.
//!
//! Bodies of messages, passwords and tokens are never logged; their types do not show them.

use crate::config::LogFormat;
use std::io::{IsTerminal as _, stderr};
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Begins to write log lines. Where something else writes them already, that stays.
pub fn start(format: LogFormat, level: &str) {
    let filter: Targets = level.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let terminal = stderr().is_terminal();
    // A line that cannot be written, such as to a file on a full disk, is lost. To say so there would be a panic.
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr).log_internal_errors(false);
    let lines = if format == LogFormat::Pretty || (format == LogFormat::Auto && terminal) {
        lines.with_ansi(terminal).with_target(false).boxed()
    } else {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    };
    let started = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    if let Err(error) = started {
        tracing::debug!(%error, "log lines are written already");
    }
}
