//! Several nodes are asked the same thing at the same moment, again and again: one of them has it, and all agree which.
//!
//! Names that two people claim, conversations that both members open, groups that one person asks for under the same id,
//! messages likewise.

use crate::client::api::{Account, Api};
use crate::limits::AGREE_WAIT_MAX;
use crate::numbered::Numbering;
use crate::report::{Report, Table, Verdict, progress};
use crate::run;
use crate::stage::{LogKind, Stage};
use anyhow::{Context as _, Result};
use clap::Args;
use futures_util::future::try_join_all;
use kafkatalk_protocol::{Body, Conversation, ConversationId, CreationId, Message, Username};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Members of the groups that are raced for.
const GROUP_MEMBERS: usize = 4;

/// How much is raced for.
#[derive(Clone, Debug, Args)]
pub(crate) struct RaceArgs {
    /// Races for names, for conversations, for groups and for messages, of each so many.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) races: u32,
    /// Nodes that race.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=9))]
    pub(crate) nodes: u32,
}

/// How the races for one thing ended.
struct Ended {
    what: &'static str,
    races: u32,
    /// Races that did not have one winner whom all agree on.
    undecided: u64,
    took: Duration,
}

/// Races the nodes of one service.
pub(crate) async fn measure(stage: &mut Stage, args: &RaceArgs, report: &mut Report) -> Result<Verdict> {
    let run = stage.random().u64(..);
    let setups = stage.nodes(LogKind::Kafka, args.nodes).await?;
    let servers = run::started(&setups).await?;
    let nodes: Vec<SocketAddr> = setups.iter().map(|setup| setup.address).collect();
    let mut racers = Racers::connect(&nodes, run).await?;
    let mut ended = Vec::new();
    progress("racing for names");
    ended.push(racers.names(args.races).await?);
    progress("racing for conversations");
    ended.push(racers.conversations(args.races).await?);
    progress("racing for groups");
    ended.push(racers.groups(args.races).await?);
    progress("racing for messages");
    ended.push(racers.messages(args.races).await?);
    let mut verdict = Verdict::Kept;
    for server in servers {
        if let Some(problem) = server.stop().await?.problem {
            report.paragraph(&format!("- {problem}"));
            verdict = Verdict::Broken;
        }
    }
    let header = ["raced for", "nodes", "races", "without one winner", "races a second", "promises"];
    let mut table = Table::new(header);
    for Ended { what, races, undecided, took } in ended {
        let a_second = (f64::from(races) / took.as_secs_f64()).round();
        let kept = Verdict::of(undecided);
        verdict = verdict.and(kept);
        table.row([
            what.into(),
            args.nodes.to_string(),
            races.to_string(),
            undecided.to_string(),
            a_second.to_string(),
            run::tell::verdict(kept).into(),
        ]);
    }
    report.table(&table);
    Ok(verdict)
}

/// Whether two nodes speak of the same conversation, opened once.
fn is_same(one: &Conversation, other: &Conversation) -> bool {
    one.id == other.id && one.created_at == other.created_at && one.members == other.members
}

/// A connection to each node.
struct Racers {
    apis: Vec<Api>,
    run: u64,
}

impl Racers {
    async fn connect(nodes: &[SocketAddr], run: u64) -> Result<Self> {
        Ok(Self { apis: try_join_all(nodes.iter().map(|node| Api::connect(*node))).await?, run })
    }

    /// A person of this run, who registers at any of the nodes.
    async fn person(&mut self, number: usize, kind: &str) -> Result<Account> {
        let name = Username::parse(&format!("{kind}{:012x}-{number}", self.run >> 16))?;
        let any = number % self.apis.len();
        self.apis[any].register(&name).await.context("cannot register")
    }

    /// One of them has it, and every node says that it is the one who was told so.
    async fn names(&mut self, races: u32) -> Result<Ended> {
        let begun = Instant::now();
        let (mut undecided, mut won) = (0, Vec::new());
        for race in 0..races {
            let name = Username::parse(&format!("n{:012x}-{race}", self.run >> 16))?;
            let claims = try_join_all(self.apis.iter_mut().map(|api| api.claim(&name))).await?;
            let mut winners: Vec<_> = claims.into_iter().flatten().collect();
            match (winners.pop(), winners.is_empty()) {
                (Some(winner), true) => won.push((name, winner)),
                _ => undecided += 1,
            }
        }
        let took = begun.elapsed();
        for (name, winner) in &won {
            let mut told = Vec::new();
            for api in &mut self.apis {
                told.push(api.who_is(winner, name).await?);
            }
            undecided += u64::from(told.iter().any(|id| *id != Some(winner.user.id)));
        }
        Ok(Ended { what: "a name", races, undecided, took })
    }

    /// One of them opened it, and every node shows both members that one. (Its id cannot differ: it follows from theirs.)
    async fn conversations(&mut self, races: u32) -> Result<Ended> {
        let one = self.person(0, "c").await?;
        let (mut undecided, mut took, mut won) = (0, Duration::ZERO, Vec::new());
        for race in 0..races {
            let other = self.person(usize::try_from(race)? + 1, "d").await?;
            let begun = Instant::now();
            let both = [(&one, &other), (&other, &one)];
            let opened = self.apis.iter_mut().zip(both.iter().cycle());
            let opened =
                opened.map(|(api, (caller, peer))| api.open_perhaps_first(caller, &peer.user.username));
            let opened = try_join_all(opened).await?;
            took += begun.elapsed();
            let firsts = opened.iter().filter(|(_, first)| *first).count();
            let alike = |(found, _): &(Conversation, bool)| is_same(found, &opened[0].0);
            undecided += u64::from(firsts != 1 || !opened.iter().all(alike));
            won.extend(opened.into_iter().next().map(|(found, _)| (other, found)));
        }
        for (other, found) in &won {
            let mut told = Vec::new();
            for api in &mut self.apis {
                told.push(api.conversation(&one, found.id).await?);
                told.push(api.conversation(other, found.id).await?);
            }
            undecided += u64::from(!told.iter().all(|told| is_same(told, found)));
        }
        Ok(Ended { what: "a conversation", races, undecided, took })
    }

    /// One node created it, all spoke of that one, and every node shows all its members the same.
    async fn groups(&mut self, races: u32) -> Result<Ended> {
        let one = self.person(0, "g").await?;
        let (mut members, mut others) = (vec![&one], Vec::new());
        for number in 1..GROUP_MEMBERS {
            others.push(self.person(number, "g").await?);
        }
        members.extend(&others);
        let others: Vec<_> = others.iter().collect();
        let numbering = Numbering::new(self.run, 1);
        let begun = Instant::now();
        let (mut undecided, mut won) = (0, Vec::new());
        for race in 0..races {
            let id = CreationId(numbering.id(usize::try_from(race)?).0);
            let asked = self.apis.iter_mut().map(|api| api.group(&one, &others, id));
            let asked = try_join_all(asked).await?;
            let firsts = asked.iter().filter(|(_, first)| *first).count();
            let alike = |(found, _): &(Conversation, bool)| is_same(found, &asked[0].0);
            undecided += u64::from(firsts != 1 || !asked.iter().all(alike));
            won.extend(asked.into_iter().next().map(|(found, _)| found));
        }
        let took = begun.elapsed();
        for found in &won {
            let mut same = true;
            for api in &mut self.apis {
                for member in &members {
                    same &= is_same(&api.conversation(member, found.id).await?, found);
                }
            }
            undecided += u64::from(!same);
        }
        Ok(Ended { what: "a group", races, undecided, took })
    }

    async fn messages(&mut self, races: u32) -> Result<Ended> {
        let (one, other) = (self.person(0, "m").await?, self.person(1, "m").await?);
        let conversation = self.apis[0].open(&one, &other.user.username).await?.id;
        let numbering = Numbering::new(self.run, 0);
        let begun = Instant::now();
        let (mut undecided, mut said) = (0, Vec::new());
        for race in 0..races {
            let id = numbering.id(usize::try_from(race)?);
            let sent = self.apis.iter_mut().enumerate().map(|(node, api)| {
                let body = format!("race {race}, said at node {node}");
                let one = &one;
                async move { api.say(one, conversation, id, &Body::parse(&body)?).await }
            });
            let sent: Vec<Message> = try_join_all(sent).await?;
            undecided += u64::from(sent.iter().any(|message| *message != sent[0]));
            said.extend(sent.into_iter().next());
        }
        let took = begun.elapsed();
        // Every race is in doubt where a node tells another history in the end.
        if self.disagreeing(&other, conversation, &said).await? > 0 {
            undecided = races.into();
        }
        Ok(Ended { what: "a message's id", races, undecided, took })
    }

    /// How many nodes do not tell that history, once they had time to come to its end.
    async fn disagreeing(
        &mut self,
        reader: &Account,
        conversation: ConversationId,
        said: &[Message],
    ) -> Result<u64> {
        let waited = Instant::now();
        loop {
            let mut other = 0;
            for api in &mut self.apis {
                other += u64::from(api.history(reader, conversation, None).await? != said);
            }
            if other == 0 || waited.elapsed() > AGREE_WAIT_MAX {
                return Ok(other);
            }
            tokio::time::sleep(crate::limits::HISTORIES_PAUSE).await;
        }
    }
}
