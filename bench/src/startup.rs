//! How soon a server is ready, what it holds when nobody is there, how large it is, and what a first visit weighs.

use crate::limits::SETTLE;
use crate::number::{count, float, short, thousands};
use crate::process;
use crate::report::{Report, Table, progress};
use crate::run::{self, LoadArgs};
use crate::server::Setup;
use crate::stage::{LogKind, Stage};
use anyhow::Result;
use clap::Args;
use std::{fs, time::Duration};
use tokio::time::sleep;
use visit::Asset;

pub(crate) mod fill;
mod visit;

/// What is measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct StartupArgs {
    /// Messages in the log, parted by commas.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "0,1000000")]
    messages: Vec<usize>,
    /// Conversations that they are spread over.
    #[arg(long, value_name = "N", default_value_t = 100)]
    conversations: usize,
    /// Starts of which the middle one counts.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    starts: u32,
    /// Largest first visit that is good enough, in kB; more counts as broken.
    #[arg(long, value_name = "KB")]
    visit_kb_max: Option<u64>,
}

/// What a server with so many messages showed.
pub(crate) struct Started {
    messages: usize,
    filling: Duration,
    first_start: Duration,
    start: Duration,
    stop: Duration,
    idle_bytes: u64,
    disk_bytes: u64,
}

/// What was found out.
pub(crate) struct Outcome {
    started: Vec<Started>,
    binary_bytes: u64,
    visit: Vec<Asset>,
}

/// Starts servers of the embedded log with so many messages each.
pub(crate) async fn measure(stage: &mut Stage, startup: &StartupArgs) -> Result<Outcome> {
    let mut started = Vec::new();
    let mut visit = Vec::new();
    for messages in &startup.messages {
        let setup = stage.server(LogKind::Embedded).await?;
        started.push(start(&setup, startup, *messages, &mut stage.random()).await?);
        if visit.is_empty() {
            let mut server = setup.start()?;
            server.ready().await?;
            visit = visit::first(setup.address).await?;
            server.stop().await?.in_order()?;
        }
    }
    Ok(Outcome { started, binary_bytes: fs::metadata(&stage.args().server)?.len(), visit })
}

async fn start(
    setup: &Setup,
    startup: &StartupArgs,
    messages: usize,
    random: &mut fastrand::Rng,
) -> Result<Started> {
    let load = LoadArgs::pairs(startup.conversations, 1, 1);
    let (mut server, world) = run::populated(setup, &load, random.u64(..)).await?;
    // One that is asked to stop while it starts has another way to go.
    server.ready().await?;
    server.stop().await?.in_order()?;
    progress(&format!("writing {messages} messages into the log"));
    let filling = fill::fill(&setup.data, &world, messages, random).await?;
    // The first start brings the views up to what was written while the server was away.
    let mut server = setup.start()?;
    let first_start = server.ready().await?;
    server.stop().await?.in_order()?;
    let (mut starts, mut stops, mut idle_bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..startup.starts {
        let mut server = setup.start()?;
        starts.push(server.ready().await?);
        sleep(SETTLE).await;
        idle_bytes = process::resident_bytes(server.pid())?;
        stops.push(server.stop().await?.in_order()?);
    }
    let disk_bytes = fill::size(&setup.data)?;
    let (start, stop) = (middle(starts), middle(stops));
    Ok(Started { messages, filling, first_start, start, stop, idle_bytes, disk_bytes })
}

fn middle(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

impl Outcome {
    /// Bytes of the first visit as they came over the wire.
    fn visit_bytes(&self) -> u64 {
        self.visit.iter().map(|asset| asset.bytes).sum()
    }

    /// Whether the first visit is as small as was asked for.
    pub(crate) fn verdict(&self, startup: &StartupArgs) -> crate::report::Verdict {
        let too_large = startup.visit_kb_max.is_some_and(|max| self.visit_bytes() > max * 1_000);
        crate::report::Verdict::of(u64::from(too_large))
    }
}

/// The tables.
pub(crate) fn tell(report: &mut Report, outcome: &Outcome) {
    let mut table = Table::new([
        "messages in the log",
        "start to ready, ms",
        "stop, ms",
        "idle memory, MB",
        "data on disk, MB",
        "first start after they were written, s",
        "messages/s into the views",
        "messages/s into the log",
    ]);
    let ms = |took: Duration| short(took.as_secs_f64() * 1e3);
    let mb = |bytes: u64| short(float(bytes) / 1e6);
    for started in &outcome.started {
        let speed = |took: Duration| match started.messages {
            0 => "none".into(),
            messages => short(float(count(messages)) / took.as_secs_f64().max(f64::EPSILON)),
        };
        table.row([
            thousands(count(started.messages)),
            ms(started.start),
            ms(started.stop),
            mb(started.idle_bytes),
            mb(started.disk_bytes),
            short(started.first_start.as_secs_f64()),
            speed(started.first_start.saturating_sub(started.start)),
            speed(started.filling),
        ]);
    }
    report.table(&table);
    report.paragraph(&format!("The binary has {} MB.", mb(outcome.binary_bytes)));

    let mut table = Table::new(["first visit", "encoding", "bytes over the wire"]);
    for asset in &outcome.visit {
        table.row([asset.path.clone(), asset.encoding.clone(), thousands(asset.bytes)]);
    }
    table.row(["all".into(), String::new(), thousands(outcome.visit_bytes())]);
    report.table(&table);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_counts() {
        let all = [5, 1, 9].map(Duration::from_millis).to_vec();
        assert_eq!(middle(all), Duration::from_millis(5));
    }
}
