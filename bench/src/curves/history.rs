//! Pages of a long history and words in it, and how fast a node catches up that was away: on the embedded log, whose file is filled while
//! the server is stopped.

mod search;

use super::sizes::Sizes;
use crate::client::api::Api;
use crate::latency::Latencies;
use crate::number::{count, float, nanos, short, thousands};
use crate::process::Machine;
use crate::report::{Report, Table, progress, yes_or_no};
use crate::run::{self, LoadArgs};
use crate::server::Setup;
use crate::stage::{LogKind, Stage};
use crate::startup::fill;
use crate::world::World;
use anyhow::Result;
use kafkatalk_protocol::Offset;
use std::time::{Duration, Instant};

/// Conversations that the messages are spread over.
const CONVERSATIONS: usize = 100;
/// Messages of a page.
const PAGE: usize = 50;
/// Pages that are read before any is measured, in parts of those that are.
const WARM_UP_PART: usize = 10;
/// What 99 of 100 pages are to stay below.
const AIM_PAGE: Duration = Duration::from_millis(5);
/// Messages a second that a node is to catch up with.
const AIM_CATCH_UP: f64 = 50_000.0;

/// What was found.
pub(super) struct Outcome {
    messages: usize,
    pages: Latencies,
    pages_stolen_percent: f64,
    searches: search::Outcome,
    catch_ups: Vec<CatchUp>,
    plain_start: Duration,
}

/// One start of a node that missed messages.
struct CatchUp {
    there: usize,
    missed: usize,
    to_ready: Duration,
    stolen_percent: f64,
}

impl CatchUp {
    fn speed(&self) -> f64 {
        float(count(self.missed)) / self.to_ready.as_secs_f64().max(f64::EPSILON)
    }
}

/// Fills the log, reads pages, fills it again, and starts once more.
pub(super) async fn measure(stage: &mut Stage, sizes: &Sizes) -> Result<Outcome> {
    let mut random = stage.random();
    let setup = stage.server(LogKind::Embedded).await?;
    let load = LoadArgs::pairs(CONVERSATIONS, 1, 1);
    let (mut server, world) = run::populated(&setup, &load, random.u64(..)).await?;
    server.ready().await?;
    server.stop().await?.in_order()?;
    let mut catch_ups = vec![catch_up(&setup, &world, 0, sizes.messages, &mut random).await?];

    let mut server = setup.start()?;
    server.ready().await?;
    progress(&format!("reading {} pages of history", sizes.pages));
    let of_one = sizes.messages / CONVERSATIONS;
    read(&setup, &world, sizes.pages / WARM_UP_PART, of_one, &mut random).await?;
    let machine = Machine::now()?;
    let pages = read(&setup, &world, sizes.pages, of_one, &mut random).await?;
    let pages_stolen_percent = Machine::now()?.stolen_percent_since(machine);
    let searches = search::measure(&setup, &world, sizes.messages, sizes.searches, &mut random).await?;
    server.stop().await?.in_order()?;

    catch_ups.push(catch_up(&setup, &world, sizes.messages, sizes.missed, &mut random).await?);
    let mut server = setup.start()?;
    let plain_start = server.ready().await?;
    server.stop().await?.in_order()?;
    Ok(Outcome { messages: sizes.messages, pages, pages_stolen_percent, searches, catch_ups, plain_start })
}

/// Writes messages past a stopped server, starts it, and stops it when it has come to their end.
async fn catch_up(
    setup: &Setup,
    world: &World,
    there: usize,
    missed: usize,
    random: &mut fastrand::Rng,
) -> Result<CatchUp> {
    progress(&format!("writing {missed} messages into the log"));
    fill::fill(&setup.data, world, missed, random).await?;
    let machine = Machine::now()?;
    let mut server = setup.start()?;
    let to_ready = server.ready().await?;
    let stolen_percent = Machine::now()?.stolen_percent_since(machine);
    server.stop().await?.in_order()?;
    Ok(CatchUp { there, missed, to_ready, stolen_percent })
}

/// Reads pages, each before a random message of a random conversation, one after the other.
async fn read(
    setup: &Setup,
    world: &World,
    pages: usize,
    of_one: usize,
    random: &mut fastrand::Rng,
) -> Result<Latencies> {
    anyhow::ensure!(of_one > PAGE, "--messages must be more than {}", PAGE * CONVERSATIONS);
    let mut api = Api::connect(setup.address).await?;
    let mut latencies = Latencies::new();
    for _ in 0..pages {
        let pair = world.pairs[random.usize(..world.pairs.len())];
        let account = &world.accounts[pair.members[random.usize(..2)]];
        let before = Offset(count(random.usize(PAGE..=of_one)));
        let started = Instant::now();
        let page = api.page(account, pair.conversation, before, PAGE).await?;
        latencies.record(nanos(started.elapsed()));
        anyhow::ensure!(page.len() == PAGE, "a page of {PAGE} messages has {}", page.len());
    }
    Ok(latencies)
}

/// The tables.
pub(super) fn tell(report: &mut Report, outcome: &Outcome) {
    let Outcome { messages, pages, pages_stolen_percent, searches, catch_ups, plain_start } = outcome;
    let mut table = Table::new([
        "log",
        &format!("messages in history, of {CONVERSATIONS} conversations"),
        "page of",
        "pages read, one after the other",
        "a page over HTTP p50 / p90 / p99 / max, ms",
        "stolen, %",
        &format!("p99 under {} ms", AIM_PAGE.as_millis()),
    ]);
    let kept = pages.quantile_ms(0.99).is_some_and(|ms| ms < AIM_PAGE.as_secs_f64() * 1e3);
    table.row([
        LogKind::Embedded.to_string(),
        thousands(count(*messages)),
        PAGE.to_string(),
        thousands(pages.len()),
        pages.quartet(),
        short(*pages_stolen_percent),
        yes_or_no(kept).into(),
    ]);
    report.table(&table);
    search::tell(report, searches);
    let mut table = Table::new([
        "log",
        "messages in the views",
        "messages missed",
        "one start, from the process to ready, s",
        "missed by that time, messages/s",
        "stolen, %",
        &format!("{} or more", short(AIM_CATCH_UP)),
    ]);
    for catch_up in catch_ups {
        table.row([
            LogKind::Embedded.to_string(),
            thousands(count(catch_up.there)),
            thousands(count(catch_up.missed)),
            short(catch_up.to_ready.as_secs_f64()),
            short(catch_up.speed()),
            short(catch_up.stolen_percent),
            yes_or_no(catch_up.speed() >= AIM_CATCH_UP).into(),
        ]);
    }
    report.table(&table);
    report.paragraph(&format!(
        "A start with nothing missed takes {} ms; it is in the times above. Each of those is one start and no quantile: catching up \
         is told as messages a second.",
        short(plain_start.as_secs_f64() * 1e3)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speed_of_catching_up_counts_from_the_start_of_the_process() {
        let to_ready = Duration::from_secs(4);
        let caught = CatchUp { there: 0, missed: 200_000, to_ready, stolen_percent: 0.0 };
        assert!((caught.speed() - AIM_CATCH_UP).abs() < 1e-6);
    }
}
