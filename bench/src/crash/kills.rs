//! Kills: SIGKILL in the middle of whatever the server does, and a start on the same data and port.

use crate::report::progress;
use crate::server::{Server, Setup};
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Longest rest between a kill and the next start.
const DOWN_MAX: Duration = Duration::from_millis(500);

/// One kill.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    /// When the server was started again.
    pub(crate) restarted: Instant,
    /// How long it was dead before that.
    pub(crate) down: Duration,
    /// How long it took from the start until it was ready.
    pub(crate) to_ready: Duration,
}

/// Kills the server that many times, spread over a time, and gives the last one back.
pub(crate) async fn kill_again_and_again(
    setup: &Setup,
    mut server: Server,
    kills: u32,
    over: Duration,
    mut random: fastrand::Rng,
) -> Result<(Server, Vec<Kill>)> {
    let mut done = Vec::new();
    let every = over / kills.max(1);
    let begun = Instant::now();
    for kill in 0..kills {
        // Somewhere in the middle of its part of the time, unless the start before took longer than that.
        let at = every * kill + every.mul_f64(0.3 + 0.4 * random.f64());
        sleep(at.saturating_sub(begun.elapsed())).await;
        let killed = Instant::now();
        server.kill().await?;
        sleep(DOWN_MAX.mul_f64(random.f64())).await;
        let (down, restarted) = (killed.elapsed(), Instant::now());
        server = setup.start()?;
        let to_ready = server.ready().await?;
        progress(&format!(
            "kill {} of {kills}: ready again {} ms after the start",
            kill + 1,
            to_ready.as_millis()
        ));
        done.push(Kill { restarted, down, to_ready });
    }
    Ok((server, done))
}
