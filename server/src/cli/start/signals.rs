//! Signals: the first one stops in order, a second one at once.

use anyhow::{Context as _, Result};
use std::{process::exit, thread::Builder, time::Duration};
use tokio_util::sync::CancellationToken;

/// Exit code of a node that was told to stop twice.
const STOPPED_AT_ONCE: i32 = 130;
/// Exit code of a node that did not end in time after it was told to stop.
const CUT_OFF: i32 = 1;

/// Cancels `shutdown` at the first signal, and ends the process at the second one, or once `deadline` has passed since the
/// first. Listens on a thread and a runtime of its own: they are there whatever keeps the node's threads busy.
pub(super) fn stop_on_signals(shutdown: CancellationToken, deadline: Duration) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot listen for signals")?;
    let mut signals = {
        let _in = runtime.enter();
        Signals::listen().context("cannot listen for signals")?
    };
    let wait = async move {
        tokio::select! {
            () = signals.next() => shutdown.cancel(),
            // It stops by itself.
            () = shutdown.cancelled() => {}
        }
        tokio::select! {
            () = signals.next() => {
                tracing::warn!("told to stop twice: stopping at once");
                exit(STOPPED_AT_ONCE)
            }
            () = tokio::time::sleep(deadline) => {
                tracing::error!("not stopped within --shutdown-seconds: stopping at once");
                exit(CUT_OFF)
            }
        }
    };
    Builder::new().name("signals".into()).spawn(move || runtime.block_on(wait)).context("no thread")?;
    Ok(())
}

/// What tells a node to stop: Ctrl-C, SIGTERM, and SIGHUP when its terminal is closed. Not SIGHUP where whoever started the
/// node has it ignored, as `nohup` does: it is to outlive its terminal.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hangup = (!ignores_hangup(&status)).then(|| signal(SignalKind::hangup())).transpose()?;
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hangup })
    }

    async fn next(&mut self) {
        let Self { interrupt, terminate, hangup } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => drop(hangup.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = hangup => {}
        }
    }
}

/// Whether a process of this status, as Linux tells it, ignores SIGHUP. Other systems tell nothing.
#[cfg(unix)]
fn ignores_hangup(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The lowest bit is the first signal, and that is SIGHUP.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
