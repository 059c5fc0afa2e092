//! The table of settings.

/// A heading in `--help` and `config check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Where things are.
    Places,
    /// The log on Kafka.
    Kafka,
    /// How the node faces the world.
    World,
    /// Who may do how much.
    Limits,
    /// What the node says of itself.
    Logging,
}

impl Group {
    /// The heading.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Places => "Places",
            Self::Kafka => "Kafka",
            Self::World => "Proxies and cookies",
            Self::Limits => "Limits",
            Self::Logging => "Logging",
        }
    }
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One value, called so in the help.
    One(&'static str),
    /// Nothing: it is on where it is given.
    Switch,
    /// `KEY=VALUE`, any number of times.
    Properties,
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name, as a flag and in the file.
    pub name: &'static str,
    /// Its heading.
    pub group: Group,
    /// What it takes.
    pub takes: Takes,
    /// Its value where nothing is said.
    pub default: Option<&'static str>,
    /// What it does.
    pub help: &'static str,
}

const fn one(
    name: &'static str,
    group: Group,
    value: &'static str,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting { name, group, takes: Takes::One(value), default, help }
}

const fn limit(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    one(name, Group::Limits, value, Some(default), help)
}

const fn switch(name: &'static str, group: Group, help: &'static str) -> Setting {
    Setting { name, group, takes: Takes::Switch, default: None, help }
}

/// Every setting, in the order of the help.
pub const SETTINGS: &[Setting] = &[
    one(
        "data",
        Group::Places,
        "DIR",
        None,
        "Folder for the embedded log and the views [default: kafkatalk in your data folder]",
    ),
    one(
        "listen",
        Group::Places,
        "ADDRESS",
        Some("127.0.0.1:8080"),
        "Address and port to listen on; 0.0.0.0:8080 for the whole network",
    ),
    one(
        "kafka",
        Group::Kafka,
        "HOST:PORT,...",
        None,
        "Keep the log in Apache Kafka, reached by these brokers; without it, in the data folder",
    ),
    Setting {
        name: "kafka-config",
        group: Group::Kafka,
        takes: Takes::Properties,
        default: None,
        help: "Property of librdkafka, for TLS, SASL and the like; may be repeated. In the environment separated by ';', in the file a table",
    },
    one("topic-prefix", Group::Kafka, "NAME", Some("kafkatalk"), "How the names of all topics begin"),
    one(
        "replication-factor",
        Group::Kafka,
        "N",
        Some("1"),
        "Copies of every record: 3 where a broker may be lost. Counts when topics are created",
    ),
    one(
        "node-name",
        Group::Kafka,
        "NAME",
        None,
        "This node's name in the brokers' logs and tools [default: the host's name]",
    ),
    one(
        "feed-partitions",
        Group::Kafka,
        "N",
        Some("16"),
        "Partitions of the feed by which nodes hear of records; counts when it is created",
    ),
    one(
        "kafka-producers",
        Group::Kafka,
        "N",
        Some("64"),
        "Most producers that the conversations are spread over; there is one for every 250 that were written to",
    ),
    one(
        "sweep-seconds",
        Group::Kafka,
        "N",
        Some("30"),
        "How often to look for records that the feed did not tell",
    ),
    one(
        "forget-seconds",
        Group::Kafka,
        "N",
        Some("86400"),
        "Within what time after an erasure the brokers begin to forget the content",
    ),
    one(
        "feed-retention-seconds",
        Group::Kafka,
        "N",
        Some("3600"),
        "How long a copy of a record stays in the feed",
    ),
    one(
        "public-url",
        Group::World,
        "URL",
        None,
        "Where people reach this node, such as https://chat.example.org: forms and cookies count from there alone; with https, cookies are Secure",
    ),
    switch(
        "trust-proxy",
        Group::World,
        "Believe X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host: only behind a proxy that sets all of them itself",
    ),
    one(
        "keep-alive-seconds",
        Group::World,
        "N",
        Some("75"),
        "How long a connection may be idle, and how long the head of a request may take; longer than the proxy keeps its own connections to this node",
    ),
    switch("no-rate-limits", Group::Limits, "Switch all rate limits off: for load tests only"),
    limit("registrations-per-minute", "N", "10", "Registrations from one address within a minute"),
    limit("sign-ins-per-minute", "N", "30", "Sign-ins from one address within a minute"),
    limit("conversations-per-minute", "N", "30", "New conversations of one person within a minute"),
    limit("messages-per-second", "N", "10", "Messages of one person a second, for long"),
    limit("messages-burst", "N", "50", "Messages of one person at once, before that rate counts"),
    limit("sockets-per-user", "N", "32", "WebSockets that one person may have open on this node"),
    limit(
        "socket-queue-frames",
        "N",
        "1024",
        "Frames that may wait for one socket before it is closed as too slow",
    ),
    limit("shutdown-seconds", "N", "15", "How long stopping may take before what is still open is cut off"),
    limit(
        "parallel-hashes",
        "N",
        "2",
        "Password hashes computed at the same time; each takes a core and its memory",
    ),
    limit(
        "hash-memory-kib",
        "KIB",
        "19456",
        "Memory of one password hash (argon2id); counts for new passwords",
    ),
    limit("hash-passes", "N", "2", "Passes of one password hash over its memory; counts for new passwords"),
    limit("views-readers", "N", "4", "Reads of the views at the same time"),
    limit("views-reads-waiting", "N", "10000", "Reads of the views that may wait for their turn"),
    one(
        "log-format",
        Group::Logging,
        "FORMAT",
        Some("auto"),
        "pretty, json, or auto: pretty on a terminal, JSON otherwise",
    ),
    one(
        "log-level",
        Group::Logging,
        "LEVEL",
        Some("info"),
        "error, warn, info, debug or trace; or by part: info,kafkatalk_log=debug",
    ),
];

/// The environment variable of a setting.
pub fn variable(name: &str) -> String {
    format!("KAFKATALK_{}", name.to_ascii_uppercase().replace('-', "_"))
}
