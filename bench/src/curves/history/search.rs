//! Words in a long history: common ones, rare ones, and the start of one, in a conversation and in all of a person's.

use crate::client::api::{Account, Api};
use crate::latency::Latencies;
use crate::limits::{INDEX_WAIT_MAX, POLL_PAUSE};
use crate::number::{count, float, nanos, short, thousands};
use crate::process::Machine;
use crate::report::{Report, Table, progress, yes_or_no};
use crate::server::Setup;
use crate::world::World;
use anyhow::{Context as _, Result};
use kafkatalk_protocol::{ConversationId, Offset};
use std::time::{Duration, Instant};

/// Hits of a page.
const PAGE: usize = 20;
/// Searches before any is measured, in parts of those that are.
const WARM_UP_PART: usize = 10;
/// What 99 of 100 searches are to stay below.
const AIM: Duration = Duration::from_millis(30);

/// What is looked for.
#[derive(Clone, Copy)]
enum Sought {
    /// A word of every message.
    Common,
    /// A word of one message.
    Rare,
    /// The start of a word of every message.
    Start,
    /// Two words that follow upon each other in every message.
    Phrase,
    /// A word that nobody said.
    Nothing,
}

const SOUGHT: [(Sought, &str); 5] = [
    (Sought::Common, "word of every message"),
    (Sought::Rare, "word of one message"),
    (Sought::Start, "start of a word of every message"),
    (Sought::Phrase, "phrase of every message"),
    (Sought::Nothing, "word of no message"),
];

/// What was found.
pub(super) struct Outcome {
    messages: usize,
    filling: Duration,
    rows: Vec<(&'static str, bool, Latencies)>,
    stolen_percent: f64,
}

/// Waits for the index, then searches, one search after the other.
pub(super) async fn measure(
    setup: &Setup,
    world: &World,
    messages: usize,
    searches: usize,
    random: &mut fastrand::Rng,
) -> Result<Outcome> {
    let mut api = Api::connect(setup.address).await?;
    progress("waiting for the search index");
    let begun = Instant::now();
    while api.search(&world.accounts[0], "quick", None, PAGE).await?.is_none() {
        anyhow::ensure!(begun.elapsed() < INDEX_WAIT_MAX, "the search index is not filled");
        tokio::time::sleep(POLL_PAUSE).await;
    }
    let filling = begun.elapsed();
    progress(&format!("searching {searches} times for each of {} kinds of words", SOUGHT.len()));
    let machine = Machine::now()?;
    let of_one = messages / world.pairs.len();
    let mut rows = Vec::new();
    for (sought, words) in SOUGHT {
        for everywhere in [false, true] {
            let mut latencies = Latencies::new();
            for number in 0..searches / WARM_UP_PART + searches {
                let pair = world.pairs[random.usize(..world.pairs.len())];
                let account = &world.accounts[pair.members[random.usize(..2)]];
                let before = Offset(count(random.usize(1..=of_one)));
                let query = query(&mut api, sought, account, pair.conversation, before).await?;
                let within = (!everywhere).then_some(pair.conversation);
                let started = Instant::now();
                let found = api.search(account, &query, within, PAGE).await?;
                let took = started.elapsed();
                let hits = found.context("the search index fell behind")?.hits.len();
                let expected = match sought {
                    Sought::Common | Sought::Start | Sought::Phrase => PAGE,
                    Sought::Rare => 1,
                    Sought::Nothing => 0,
                };
                anyhow::ensure!(hits == expected, "{query} has {hits} hits and not {expected}");
                if number >= searches / WARM_UP_PART {
                    latencies.record(nanos(took));
                }
            }
            rows.push((words, everywhere, latencies));
        }
    }
    Ok(Outcome { messages, filling, rows, stolen_percent: Machine::now()?.stolen_percent_since(machine) })
}

/// As it stands in an address.
async fn query(
    api: &mut Api,
    sought: Sought,
    account: &Account,
    conversation: ConversationId,
    before: Offset,
) -> Result<String> {
    Ok(match sought {
        Sought::Common => "quick".into(),
        Sought::Start => "qui".into(),
        Sought::Phrase => "%22quick%20brown%22".into(),
        Sought::Nothing => "nevermore".into(),
        Sought::Rare => {
            let page = api.page(account, conversation, before, 1).await?;
            let message = page.first().context("no message there")?;
            // It begins with its id, whose last group is its number.
            message.body.as_str().split_whitespace().next().unwrap_or_default().into()
        }
    })
}

/// The table.
pub(super) fn tell(report: &mut Report, outcome: &Outcome) {
    let Outcome { messages, filling, rows, stolen_percent } = outcome;
    let mut table = Table::new([
        "searched for",
        "in",
        &format!("searches of {PAGE} hits, one after the other"),
        "a search over HTTP p50 / p90 / p99 / max, ms",
        "stolen, %",
        &format!("p99 under {} ms", AIM.as_millis()),
    ]);
    for (words, everywhere, latencies) in rows {
        let kept = latencies.quantile_ms(0.99).is_some_and(|ms| ms < AIM.as_secs_f64() * 1e3);
        table.row([
            (*words).to_owned(),
            if *everywhere { "all of a person's" } else { "one conversation" }.to_owned(),
            thousands(latencies.len()),
            latencies.quartet(),
            short(*stolen_percent),
            yes_or_no(kept).into(),
        ]);
    }
    report.table(&table);
    report.paragraph(&format!(
        "The index of {} messages was filled in {} s, {} messages/s, on a node that had it not.",
        thousands(count(*messages)),
        short(filling.as_secs_f64()),
        short(float(count(*messages)) / filling.as_secs_f64().max(f64::EPSILON))
    ));
}
