//! Load: a socket for every user, and messages at a steady rate from senders drawn at random.
//!
//! The rate does not wait for answers: a server that falls behind finds its delay in the measurements. Times are taken where
//! the load asks a client to send and where the peer's client has read the message from its socket.

use crate::client::{api::Account, socket::Socket};
use crate::evidence::Line;
use crate::limits::{CLIENT_QUEUE_MAX, CONNECTING_MAX, SOCKETS_FROM_ADDRESS_MAX};
use crate::numbered::{Numbering, id_in};
use crate::world::Pair;
use anyhow::{Context as _, Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kafkatalk_protocol::{ClientFrame, ConversationId, MessageId, Offset, ServerFrame, UserId};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::task::AbortOnDropHandle;

pub(crate) mod times;
pub(crate) mod wanted;

use times::Times;

/// What is spoken on the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// The protocol.
    KafkaTalk,
    /// Bare texts that a relay hands to the peer.
    Relay,
}

/// A message that a client is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Say {
    /// Its id.
    pub(crate) id: MessageId,
    /// Where.
    pub(crate) conversation: ConversationId,
}

/// What one client heard from first to last.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Messages in the order in which they came.
    pub(crate) lines: Vec<(ConversationId, Line)>,
    /// Acks in the order in which they came.
    pub(crate) acks: Vec<(ConversationId, MessageId, Offset)>,
    /// Messages that were refused, and why.
    pub(crate) refusals: Vec<String>,
    /// Why the socket ended before its time.
    pub(crate) broken: Option<String>,
}

/// What all clients of a load share.
pub(crate) struct Shared {
    /// What they speak.
    pub(crate) wire: Wire,
    /// How their messages are numbered.
    pub(crate) numbering: Numbering,
    /// When what happened.
    pub(crate) times: Times,
}

/// Clients, each with a socket open.
pub(crate) struct Clients {
    /// To make them send.
    pub(crate) voices: Voices,
    ears: Vec<AbortOnDropHandle<Heard>>,
}

/// Ways to make clients send, in the order of the users.
pub(crate) struct Voices {
    senders: Vec<mpsc::Sender<Say>>,
    shared: Arc<Shared>,
}

impl Clients {
    /// Opens a socket for each of the users, to the nodes in turns.
    pub(crate) async fn connect(
        nodes: &[SocketAddr],
        users: &[Account],
        shared: Arc<Shared>,
    ) -> Result<Self> {
        let names = users.iter().cloned().zip(nodes.iter().copied().cycle()).enumerate().collect();
        Self::open(names, shared, async |(number, (account, node)): (usize, (Account, SocketAddr))| {
            let mut socket = Socket::connect_from(source(number), node, &account.token).await?;
            socket.greeted().await?;
            // Nothing is held yet: the server has nothing to catch up on.
            socket
                .send(&ClientFrame::Hello { positions: [].into(), records: [].into(), signals: false })
                .await?;
            Ok((socket, Some(account.user.id)))
        })
        .await
    }

    /// Opens sockets to a relay: the numbers 0 and 1 are peers, 2 and 3, and so on.
    pub(crate) async fn connect_relay(
        address: SocketAddr,
        sockets: usize,
        shared: Arc<Shared>,
    ) -> Result<Self> {
        let numbers = (0..sockets).collect();
        Self::open(numbers, shared, async |number: usize| {
            Ok((Socket::connect_plain(address, &format!("/{number}")).await?, None))
        })
        .await
    }

    async fn open<T>(
        names: Vec<T>,
        shared: Arc<Shared>,
        connect: impl AsyncFn(T) -> Result<(Socket, Option<UserId>)>,
    ) -> Result<Self> {
        let sockets: Vec<(Socket, Option<UserId>)> =
            stream::iter(names.into_iter().map(|name| connect(name)))
                .buffered(CONNECTING_MAX)
                .try_collect()
                .await?;
        let mut clients = Self { voices: Voices::new(shared), ears: Vec::new() };
        for (socket, me) in sockets {
            let client = Client { me, shared: Arc::clone(&clients.voices.shared), heard: Heard::default() };
            let commands = clients.voices.add();
            clients.ears.push(AbortOnDropHandle::new(tokio::spawn(client.run(socket, commands))));
        }
        Ok(clients)
    }

    /// Closes all sockets and gathers what they heard, in the order of the users.
    pub(crate) async fn close(self) -> Result<Vec<Heard>> {
        drop(self.voices);
        let mut all = Vec::with_capacity(self.ears.len());
        for ear in self.ears {
            all.push(ear.await.context("a client failed")?);
        }
        Ok(all)
    }
}

impl Voices {
    /// None yet.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { senders: Vec::new(), shared }
    }

    /// A way to make one more client send; what it is to send comes out here, until the voices are dropped.
    pub(crate) fn add(&mut self) -> mpsc::Receiver<Say> {
        let (sender, commands) = mpsc::channel(CLIENT_QUEUE_MAX);
        self.senders.push(sender);
        commands
    }

    /// Sends messages with the numbers `numbers` at that rate, each in a conversation drawn at random from a member drawn
    /// at random, and tells who sent what where. `at_number` is called before each with its number.
    pub(crate) async fn talk(
        &self,
        pairs: &[Pair],
        numbers: std::ops::Range<usize>,
        rate: u32,
        random: &mut fastrand::Rng,
        mut at_number: impl FnMut(usize),
    ) -> Result<Vec<Said>> {
        let started = Instant::now();
        let mut said = Vec::with_capacity(numbers.len());
        for (nth, number) in numbers.enumerate() {
            let nth = u32::try_from(nth).context("a run has fewer than four billion messages")?;
            let due = started + Duration::from_secs(1) * nth / rate;
            sleep_until(due).await;
            at_number(number);
            let pair = pairs[random.usize(..pairs.len())];
            let sender = pair.members[random.usize(..2)];
            let say = Say { id: self.shared.numbering.id(number), conversation: pair.conversation };
            self.shared.times.asked(number, due.elapsed());
            if self.senders[sender].try_send(say).is_err() {
                bail!(
                    "a client has ended, or {CLIENT_QUEUE_MAX} messages wait for it; the server's log tells more"
                );
            }
            said.push(Said { id: say.id, conversation: say.conversation, sender });
        }
        Ok(said)
    }

    /// Waits until everything that is owed for the messages has come; false when it does not.
    pub(crate) async fn drained(&self, wait_max: Duration) -> bool {
        timeout(wait_max, self.shared.times.settled()).await.is_ok()
    }
}

/// Where a client's socket comes from: one address has ports for so many.
pub(crate) fn source(number: usize) -> Ipv4Addr {
    let address = u32::try_from(number / SOCKETS_FROM_ADDRESS_MAX).unwrap_or(0);
    Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + address)
}

/// Who sent what where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said {
    /// The message.
    pub(crate) id: MessageId,
    /// Where.
    pub(crate) conversation: ConversationId,
    /// The sender's place among the users.
    pub(crate) sender: usize,
}

struct Client {
    me: Option<UserId>,
    shared: Arc<Shared>,
    heard: Heard,
}

impl Client {
    async fn run(mut self, mut socket: Socket, mut commands: mpsc::Receiver<Say>) -> Heard {
        loop {
            let step = tokio::select! {
                text = socket.next_text() => text.and_then(|text| self.hear(&text)),
                command = commands.recv() => match command {
                    Some(say) => self.speak(&mut socket, say).await,
                    None => break,
                },
            };
            if let Err(error) = step {
                self.heard.broken = Some(format!("{error:#}"));
                return self.heard;
            }
        }
        socket.close().await;
        self.heard
    }

    async fn speak(&self, socket: &mut Socket, say: Say) -> Result<()> {
        let Say { id, conversation } = say;
        match self.shared.wire {
            Wire::KafkaTalk => {
                let body = self.shared.numbering.body(id)?;
                socket.send(&ClientFrame::Send { conversation, id, body, reply_to: None }).await
            }
            Wire::Relay => socket.send_text(self.shared.numbering.text(id)).await,
        }
    }

    fn hear(&mut self, text: &str) -> Result<()> {
        let Shared { wire, numbering, times } = &*self.shared;
        if *wire == Wire::Relay {
            let number = id_in(text).and_then(|id| numbering.number(id));
            times.received(number.context("the relay handed on what nobody sent")?);
            return Ok(());
        }
        match serde_json::from_str(text).with_context(|| format!("not a frame of the protocol: {text}"))? {
            ServerFrame::Ack { id, conversation, offset, .. } => {
                if let Some(number) = numbering.number(id) {
                    times.acked(number);
                }
                self.heard.acks.push((conversation, id, offset));
            }
            ServerFrame::Message { message, .. } => {
                // A copy of one's own message is no delivery.
                let number = numbering.number(message.id).filter(|_| self.me != Some(message.sender.id));
                if let Some(number) = number {
                    times.received(number);
                }
                self.heard.lines.push((message.conversation, Line::of(&message, *numbering)));
            }
            ServerFrame::Error { code, detail, .. } => {
                self.heard.refusals.push(format!("{}: {detail}", code.as_str()));
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_beyond_the_ports_of_one_address_come_from_the_next() {
        let last = SOCKETS_FROM_ADDRESS_MAX - 1;
        assert_eq!([0, last, last + 1].map(source).map(|address| address.octets()[3]), [1, 1, 2]);
    }
}
