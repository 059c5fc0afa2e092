//! `verify`: whether every conversation is whole in the log, and the views tell what the log holds.
//!
//! What members see has one rule, that of the views: so views are begun anew, filled from the log, and compared with those
//! that are there. These are read first, then the log up to where they are: so a node may run meanwhile. What is erased
//! between the two looks like a difference, and is looked at again.

mod fresh;
mod shown;
mod source;

use super::{print, runtime};
use crate::{
    config::Config,
    features, telemetry,
    views::{Query, Views, ViewsError},
};
use anyhow::{Result, bail};
use fresh::{Fresh, LEDGERS};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kafkatalk_log::Stream;
use kafkatalk_protocol::{ConversationId, Offset};
use shown::{Erasures, Told, compare};
use source::Source;
use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, Instant},
};

/// Conversations that are read at the same time.
const AT_ONCE: usize = 4;
/// Records of one read, and messages of the views.
const PAGE_RECORDS: usize = 500;
/// How often a conversation with trouble is looked at before it is told.
const LOOKS: usize = 3;
/// How long between two such looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Troubles of one conversation that are told.
const TROUBLES_TOLD_MAX: usize = 3;

/// What was found, of one conversation or of all.
#[derive(Debug, Default)]
struct Figures {
    conversations: u64,
    records: u64,
    messages: u64,
    erased: u64,
    skipped: u64,
    behind: u64,
    troubled: u64,
}

impl Figures {
    fn add(&mut self, one: &Self) {
        self.conversations += one.conversations;
        self.records += one.records;
        self.messages += one.messages;
        self.erased += one.erased;
        self.skipped += one.skipped;
        self.behind += one.behind;
        self.troubled += one.troubled;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conversations, records, messages, erased, skipped, behind, .. } = self;
        write!(
            f,
            "{conversations} conversations, {records} records, {messages} messages seen; {erased} places of erased \
             records, {skipped} records skipped, {behind} not yet in the views"
        )
    }
}

/// One conversation.
#[derive(Default)]
struct Found {
    figures: Figures,
    troubles: Vec<String>,
}

pub(super) fn run(config: &Config, asked: &[ConversationId]) -> Result<()> {
    telemetry::start(config.log_format, &config.log_level);
    let begun = Instant::now();
    let figures = runtime()?.block_on(async {
        let views = Views::look(&config.views_file(), &config.views, features::registry())?;
        let source = Source::open(config).await?;
        comparable(&views, &source).await?;
        let fresh = Fresh::begin(&config.views)?;
        let figures = all(&Sides { source: &source, fresh: &fresh, views: &views }, asked).await;
        source.close().await;
        figures
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    print(&format!("verified in {seconds:.1} s: {figures}\n"))?;
    match figures.troubled {
        0 => print("whole\n"),
        troubled => bail!("{troubled} of {} conversations are not whole", figures.conversations),
    }
}

/// Fails if the views cannot be those of this log and this version.
async fn comparable(views: &Views, source: &Source) -> Result<()> {
    let made_from = views.read(log_identity).await?;
    if let Some((made_from, log)) = made_from.zip(source.identity().await?)
        && made_from != log.as_str()
    {
        bail!("the views were made from another log: start the node, which builds them again from this one");
    }
    if !views.is_complete()? {
        bail!("the views are of another version: start the node, and wait until it is ready");
    }
    Ok(())
}

fn log_identity(views: &Query<'_>) -> Result<Option<String>, ViewsError> {
    views.log_identity()
}

/// What is compared.
#[derive(Clone, Copy)]
struct Sides<'a> {
    source: &'a Source,
    /// What the log makes.
    fresh: &'a Fresh,
    /// What the node has.
    views: &'a Views,
}

async fn all(sides: &Sides<'_>, asked: &[ConversationId]) -> Result<Figures> {
    let mut known: BTreeSet<_> = sides.source.conversations().await?.into_iter().collect();
    known.extend(sides.views.read(conversations).await?);
    let mut figures = Figures::default();
    for unknown in asked.iter().filter(|id| !known.contains(id)) {
        print(&format!("{unknown}: neither the log nor the views know it\n"))?;
        figures.add(&Figures { conversations: 1, troubled: 1, ..Figures::default() });
    }
    let chosen: Vec<_> = known.into_iter().filter(|id| asked.is_empty() || asked.contains(id)).collect();
    let looks = chosen.into_iter().map(async |id| anyhow::Ok((id, look(sides, id).await?)));
    let mut found = stream::iter(looks).buffer_unordered(AT_ONCE);
    while let Some((id, mut one)) = found.try_next().await? {
        one.figures.conversations = 1;
        one.figures.troubled = u64::from(!one.troubles.is_empty());
        figures.add(&one.figures);
        for trouble in one.troubles.iter().take(TROUBLES_TOLD_MAX) {
            print(&format!("{id}: {trouble}\n"))?;
        }
        if let Some(more) = one.troubles.len().checked_sub(TROUBLES_TOLD_MAX).filter(|more| *more > 0) {
            print(&format!("{id}: and {more} more\n"))?;
        }
    }
    Ok(figures)
}

fn conversations(views: &Query<'_>) -> Result<Vec<ConversationId>, ViewsError> {
    views.every_conversation()
}

/// What changed between the two reads is no trouble, nor what failed in passing: it is gone at the next look.
async fn look(sides: &Sides<'_>, conversation: ConversationId) -> Result<Found> {
    let (mut looks, mut skipped) = (1, 0);
    loop {
        let mut found = one(sides, conversation).await?;
        // What a look before has applied is not applied again.
        skipped += found.figures.skipped;
        found.figures.skipped = skipped;
        if found.troubles.is_empty() || looks == LOOKS {
            return Ok(found);
        }
        looks += 1;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn one(sides: &Sides<'_>, conversation: ConversationId) -> Result<Found> {
    let Sides { source, fresh, views } = *sides;
    let stream = Stream::Conversation(conversation);
    let names = [stream, Stream::Ledger(LEDGERS[0]), Stream::Ledger(LEDGERS[1])];
    let names = names.map(|stream| source.position_name(stream));
    let told = move |views: &Query<'_>| -> Result<_, ViewsError> {
        let [own, users, conversations] = &names;
        let ledgers = [views.position(users)?, views.position(conversations)?];
        Ok((views.position(own)?, ledgers, Told::read(views, conversation, PAGE_RECORDS)?))
    };
    let (position, ledgers, told) = views.read(told).await?;
    let mut found = Found::default();
    if let Err(error) = fresh.follow_ledgers(source, ledgers).await {
        found.troubles.push(format!("the ledgers: {error}"));
        return Ok(found);
    }
    let reached = match source.reached(stream, position).await {
        Ok(reached) => reached,
        Err(error) => {
            found.troubles.push(error.to_string());
            return Ok(found);
        }
    };
    let mut erasures = Erasures::default();
    let Some(end) = read(sides, stream, reached, &mut erasures, &mut found).await? else { return Ok(found) };
    let holes = found.figures.erased;
    let erased = erasures.count();
    if holes > erased * source.holes_of_erasure() {
        found.troubles.push(format!("{holes} offsets hold nothing, and {erased} records were erased"));
    }
    if reached > end {
        found.troubles.push(format!("the views are at offset {reached}, and the log ends at {end}"));
    }
    found.figures.messages = told.messages.len() as u64;
    let by_log = fresh.read(move |fresh| Told::read(fresh, conversation, PAGE_RECORDS)).await?;
    if told.members.is_some() {
        if by_log.members != told.members {
            found.troubles.push("the views have other members than the log".into());
        }
        compare(&by_log.messages, &told.messages, &erasures, &mut found.troubles);
    } else if by_log.members.is_some() {
        found.troubles.push("somebody opened it, and the views do not know that".into());
    } else if !(by_log.held..=by_log.held + erasures.gone_early()).contains(&told.held) {
        let (held, kept) = (told.held, by_log.held);
        found
            .troubles
            .push(format!("nobody opened it yet, and the views hold {held} of its {kept} messages"));
    }
    Ok(found)
}

/// Applies a conversation's records as far as the views are, and looks at the rest. Where it ends; none where that cannot be
/// read.
async fn read(
    sides: &Sides<'_>,
    stream: Stream,
    reached: Offset,
    erasures: &mut Erasures,
    found: &mut Found,
) -> Result<Option<Offset>> {
    let mut from = Offset(0);
    loop {
        let page = match sides.source.read(stream, from, PAGE_RECORDS).await {
            Ok(page) => page,
            Err(error) => {
                found.troubles.push(format!("offset {from}: {error}"));
                return Ok(None);
            }
        };
        let records = page.entries.len() as u64;
        found.figures.erased += page.next.0.saturating_sub(from.0).saturating_sub(records);
        found.figures.records += records;
        for entry in &page.entries {
            let is_reached = entry.offset < reached;
            found.figures.behind += u64::from(!is_reached);
            erasures.note(&entry.record, is_reached);
        }
        let entries = page.entries.into_iter().filter(|entry| entry.offset < reached).collect();
        found.figures.skipped += sides.fresh.apply(entries)?;
        if page.next >= page.end {
            return Ok(Some(page.end));
        }
        if page.next <= from {
            found.troubles.push(format!("offset {from}: the log goes on to {} and shows nothing", page.end));
            return Ok(None);
        }
        from = page.next;
    }
}
