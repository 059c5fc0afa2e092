//! `verify`: whether every conversation is whole in the log, and the views tell what the log holds.
//!
//! The views are read first, then the log up to where they are: so a node may run meanwhile. What is erased between the
//! two looks like a difference, and is looked at again.

mod replay;
mod source;

use super::{print, runtime};
use crate::{
    config::Config,
    features, telemetry,
    views::{Query, Views, ViewsError},
};
use anyhow::{Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kafkatalk_log::Stream;
use kafkatalk_protocol::{ConversationId, Offset};
use replay::{Replay, Shown};
use source::Source;
use std::{
    collections::{BTreeMap, BTreeSet},
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
        let figures = all(&source, &views, asked).await;
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

async fn all(source: &Source, views: &Views, asked: &[ConversationId]) -> Result<Figures> {
    let mut known: BTreeSet<_> = source.conversations().await?.into_iter().collect();
    known.extend(views.read(conversations).await?);
    let mut figures = Figures::default();
    for unknown in asked.iter().filter(|id| !known.contains(id)) {
        print(&format!("{unknown}: neither the log nor the views know it\n"))?;
        figures.add(&Figures { conversations: 1, troubled: 1, ..Figures::default() });
    }
    let chosen: Vec<_> = known.into_iter().filter(|id| asked.is_empty() || asked.contains(id)).collect();
    let looks = chosen.into_iter().map(async |id| anyhow::Ok((id, look(source, views, id).await?)));
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
async fn look(source: &Source, views: &Views, conversation: ConversationId) -> Result<Found> {
    let mut looks = 1;
    loop {
        let found = one(source, views, conversation).await?;
        if found.troubles.is_empty() || looks == LOOKS {
            return Ok(found);
        }
        looks += 1;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What the views say of a conversation.
struct Told {
    position: u64,
    members: Option<Vec<kafkatalk_protocol::UserId>>,
    held: u64,
    messages: replay::Told,
}

fn told(views: &Query<'_>, conversation: ConversationId, position: &str) -> Result<Told, ViewsError> {
    let (mut messages, mut after) = (BTreeMap::new(), None);
    loop {
        let page = views.messages_and_records(conversation, after, PAGE_RECORDS)?;
        let Some((last, _)) = page.last() else { break };
        after = Some(last.offset);
        for (message, record) in page {
            messages.insert(message.offset.0, (message.previous, Shown::of(&message, record)));
        }
    }
    Ok(Told {
        position: views.position(position)?,
        members: views.members(conversation)?.map(|members| members.to_vec()),
        held: views.held_records(conversation)?,
        messages,
    })
}

async fn one(source: &Source, views: &Views, conversation: ConversationId) -> Result<Found> {
    let stream = Stream::Conversation(conversation);
    let position = source.position_name(stream);
    let told = views.read(move |views| told(views, conversation, &position)).await?;
    let mut replay = Replay::new(told.members.as_deref());
    let mut found = Found::default();
    let reached = match source.reached(stream, told.position).await {
        Ok(reached) => reached,
        Err(error) => {
            found.troubles.push(error.to_string());
            return Ok(found);
        }
    };
    let Some(end) = read(source, stream, reached, &mut replay, &mut found).await else { return Ok(found) };
    let holes = found.figures.erased;
    let explained = replay.erased.len() as u64 * source.holes_of_erasure();
    if holes > explained {
        let erased = replay.erased.len();
        found.troubles.push(format!("{holes} offsets hold nothing, and {erased} records were erased"));
    }
    if reached > end {
        found.troubles.push(format!("the views are at offset {reached}, and the log ends at {end}"));
    }
    found.figures.skipped = replay.skipped;
    found.figures.messages = told.messages.len() as u64;
    if told.members.is_some() {
        compare(&replay, &told.messages, &mut found.troubles);
    } else if !(replay.kept()..=replay.kept() + replay.gone_early()).contains(&told.held) {
        let (held, kept) = (told.held, replay.kept());
        found
            .troubles
            .push(format!("nobody opened it yet, and the views hold {held} of its {kept} messages"));
    }
    Ok(found)
}

/// Takes in a conversation's records as far as the views are, and looks at the rest. Where it ends; none where that cannot
/// be read.
async fn read(
    source: &Source,
    stream: Stream,
    reached: Offset,
    replay: &mut Replay,
    found: &mut Found,
) -> Option<Offset> {
    let mut from = Offset(0);
    loop {
        let page = match source.read(stream, from, PAGE_RECORDS).await {
            Ok(page) => page,
            Err(error) => {
                found.troubles.push(format!("offset {from}: {error}"));
                return None;
            }
        };
        let records = page.entries.len() as u64;
        found.figures.erased += page.next.0.saturating_sub(from.0).saturating_sub(records);
        found.figures.records += records;
        for entry in &page.entries {
            if entry.offset < reached {
                replay.take(entry.offset, &entry.record);
            } else {
                found.figures.behind += 1;
                replay.forget(&entry.record);
            }
        }
        if page.next >= page.end {
            return Some(page.end);
        }
        if page.next <= from {
            found.troubles.push(format!("offset {from}: the log goes on to {} and shows nothing", page.end));
            return None;
        }
        from = page.next;
    }
}

/// Says where what the log makes visible and what the views tell differ.
fn compare(replay: &Replay, told: &replay::Told, troubles: &mut Vec<String>) {
    let open = replay.open(told);
    let is_settled = |shown: &Shown| !open.contains(&shown.client_id());
    let mut previous = None;
    for (offset, shown) in replay.visible.iter().filter(|(_, shown)| is_settled(shown)) {
        match told.get(offset) {
            None => troubles.push(format!("offset {offset}: the views lack a message of the log")),
            Some((named, held)) => {
                if let Some(what) = shown.difference(held) {
                    troubles.push(format!("offset {offset}: the views show another {what} than the log"));
                }
                if settled_before(*named, told, is_settled) != previous {
                    troubles.push(format!("offset {offset}: the views name another message before it"));
                }
            }
        }
        previous = Some(Offset(*offset));
    }
    let settled = told.iter().filter(|(_, (_, shown))| is_settled(shown));
    for (offset, _) in settled.filter(|(offset, _)| !replay.visible.contains_key(offset)) {
        troubles.push(format!("offset {offset}: the views show a message that the log does not have"));
    }
}

/// What the views name before a message, without what is open.
fn settled_before(
    mut named: Option<Offset>,
    told: &replay::Told,
    is_settled: impl Fn(&Shown) -> bool,
) -> Option<Offset> {
    while let Some((before, shown)) = named.and_then(|at| told.get(&at.0))
        && !is_settled(shown)
    {
        named = *before;
    }
    named
}
