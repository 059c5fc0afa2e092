//! The faults that the checker injects into nodes, network and Kafka's brokers while people talk. [`super::targets`] says
//! how.

use clap::ValueEnum;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Fault {
    /// A node is killed with SIGKILL, and started again on the same data and port.
    Kill,
    /// The same, and all that it kept is deleted in between: it starts empty beside the others.
    Wipe,
    /// A node is stopped in its tracks (SIGSTOP) for some seconds.
    Pause,
    /// The same, for a minute.
    PauseLong,
    /// All connections of people to a node are cut, and new ones refused, for some seconds.
    CutClients,
    /// All connections of people to a node hang for some seconds.
    StallClients,
    /// A broker is killed with SIGKILL, and started again.
    KillBroker,
    /// A broker hands over what it leads, stops, and is started again.
    EndBroker,
    /// A broker is stopped in its tracks for some seconds.
    PauseBroker,
    /// All connections of nodes to a broker are cut, and new ones refused, for some seconds.
    CutBroker,
    /// All connections of nodes to a broker hang for some seconds.
    StallBroker,
    /// The other brokers cannot reach a broker, and get no copies of what it leads, for longer than copies may lag.
    CutPeers,
    /// A broker can write to no file any more, as on a full disk; it is started again with room.
    FillBroker,
    /// All brokers are killed at once, and started again.
    KillCluster,
    /// A node dies between a record and its copy in the feed.
    DieBeforeFeed,
    /// A node dies between the copy in the feed and the ack.
    DieBeforeAck,
    /// A node dies in the middle of a commit of its views.
    DieInViewsCommit,
    /// A node dies while it opens a conversation: the topic is there, and nothing in the ledger.
    DieWhileCreating,
}

impl Fault {
    /// Seconds of talk that one of them and the recovery from it fit into.
    pub(crate) fn seconds(self) -> u32 {
        match self {
            Self::PauseLong => 80,
            Self::CutPeers => 75,
            Self::KillCluster | Self::FillBroker => 40,
            fault if fault.is_to_a_broker() || fault.needs_failpoints() => 25,
            _ => 12,
        }
    }

    /// Whether it takes Kafka: it is done to a broker, or to what only Kafka would still have.
    pub(crate) fn needs_kafka(self) -> bool {
        matches!(self, Self::Wipe | Self::DieBeforeFeed | Self::DieBeforeAck | Self::DieWhileCreating)
            || self.is_to_a_broker()
    }

    /// Whether it takes a server that can go wrong on purpose.
    pub(crate) fn needs_failpoints(self) -> bool {
        matches!(
            self,
            Self::DieBeforeFeed | Self::DieBeforeAck | Self::DieInViewsCommit | Self::DieWhileCreating
        )
    }

    /// Whether it is done to brokers.
    pub(crate) fn is_to_a_broker(self) -> bool {
        matches!(
            self,
            Self::KillBroker | Self::EndBroker | Self::PauseBroker | Self::FillBroker | Self::KillCluster
        ) || self.needs_broker_proxies()
    }

    /// Whether it says nothing where there is one broker.
    pub(crate) fn needs_several_brokers(self) -> bool {
        matches!(self, Self::CutPeers | Self::EndBroker | Self::KillCluster)
    }

    /// Whether it is done to the network before the brokers.
    pub(crate) fn needs_broker_proxies(self) -> bool {
        matches!(self, Self::CutBroker | Self::StallBroker | Self::CutPeers)
    }

    /// Whether it takes a network before the nodes that can be cut.
    pub(crate) fn needs_node_proxies(self) -> bool {
        matches!(
            self,
            Self::CutClients
                | Self::StallClients
                | Self::DieBeforeFeed
                | Self::DieBeforeAck
                | Self::DieInViewsCommit
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "node killed",
            Self::Wipe => "node killed and emptied",
            Self::Pause => "node suspended",
            Self::PauseLong => "node suspended for a minute",
            Self::CutClients => "clients cut off from a node",
            Self::StallClients => "clients' connections to a node hang",
            Self::KillBroker => "broker killed",
            Self::EndBroker => "broker shut down cleanly, leaders moved",
            Self::PauseBroker => "broker suspended",
            Self::CutBroker => "nodes cut off from a broker",
            Self::StallBroker => "nodes' connections to a broker hang",
            Self::CutPeers => "other brokers cannot reach a broker",
            Self::FillBroker => "broker's disk full",
            Self::KillCluster => "all brokers killed",
            Self::DieBeforeFeed => "node dies between record and feed",
            Self::DieBeforeAck => "node dies between feed and ack",
            Self::DieInViewsCommit => "node dies in a commit of its views",
            Self::DieWhileCreating => "node dies while it opens a conversation",
        })
    }
}

/// A fault that was injected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    /// What.
    pub(crate) fault: Fault,
    /// To which node or broker, from 1; none where it was done to all.
    pub(crate) which: Option<usize>,
    /// For how long something was away.
    pub(crate) down: Duration,
    /// When it was over: started again, or let go on.
    pub(crate) over: Instant,
    /// How long it took from there until the node or the broker was ready; a broker that goes on does not tell.
    pub(crate) to_ready: Option<Duration>,
}

impl Done {
    /// To whom, in words.
    pub(crate) fn to(&self) -> String {
        self.which.map_or_else(|| "all".into(), |which| which.to_string())
    }
}
