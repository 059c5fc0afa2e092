//! Configuration: what an operator may set, from flags, the environment, a file and defaults, in that order.
//!
//! | module | holds |
//! |---|---|
//! | `settings` | the table: every setting's name, default and help |
//! | `sources` | gathering the values, each with where it came from |
//! | `values` | parsing them |
//! | `show` | printing what would be used, secrets masked |
//!
//! A setting has one name everywhere: `--listen`, `KAFKATALK_LISTEN`, `listen = "…"` in the file. To add one: a row in
//! the table, a field in [`Config`], a line in [`Config::from_gathered`]. Help, environment, file and `config check`
//! follow from the table.

mod settings;
mod show;
mod sources;
#[cfg(test)]
mod tests;
mod values;

pub use settings::{Group, SETTINGS, Setting, Takes, variable};
pub use sources::{Environment, Gathered, Source};

use crate::{rates::RateLimits, secrets::HashCost, views::ViewsOptions};
use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};
pub use values::PublicUrl;

/// What a node is told by its operator; every value is within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Folder of the embedded log and the views; made where there is none.
    pub data: PathBuf,
    /// Where to listen for HTTP.
    pub listen: SocketAddr,
    /// Where the log is: Kafka, or without it the embedded one in `data`.
    pub kafka: Option<KafkaConfig>,
    /// Address at which people reach the node, where it is told. Over https cookies are `Secure`, and only pages from
    /// there may change anything by cookie.
    pub public_url: Option<PublicUrl>,
    /// Whether `X-Forwarded-For`, `-Proto` and `-Host` are believed: a proxy in front sets them, clients cannot.
    pub trust_proxy: bool,
    /// How long a connection may be idle, and how long the head of a request may take.
    pub keep_alive: Duration,
    /// Rate limits; `None` switches all of them off.
    pub rate_limits: Option<RateLimits>,
    /// Sockets that one person may have open on this node.
    pub sockets_per_user: NonZeroUsize,
    /// Frames that may wait for one socket before it is closed as too slow.
    pub socket_queue_frames: NonZeroUsize,
    /// How long stopping may take before what is still open is cut off.
    pub shutdown_deadline: Duration,
    /// What a password's hash costs.
    pub hash_cost: HashCost,
    /// How the views are kept.
    pub views: ViewsOptions,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Which log lines are written: `info`, or directives such as `info,kafkatalk_log=debug`.
    pub log_level: String,
}

/// The log on Apache Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Brokers to begin with, `HOST:PORT,...`.
    pub bootstrap: String,
    /// Properties of librdkafka. May hold secrets.
    pub properties: Vec<(String, String)>,
    /// How the names of all topics begin.
    pub topic_prefix: String,
    /// Copies of every record.
    pub replication_factor: NonZeroU32,
    /// The node's name in the brokers' logs and tools.
    pub node_name: String,
    /// Partitions of the feed, when it is created.
    pub feed_partitions: NonZeroU32,
    /// Most producers that the conversations are spread over.
    pub producers: NonZeroUsize,
    /// How often to look for records that the feed did not tell.
    pub sweep_interval: Duration,
    /// Within what time after an erasure the brokers begin to forget the content.
    pub forget_within: Duration,
    /// How long a copy stays in the feed.
    pub feed_retention: Duration,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// For programs.
    Json,
    /// Pretty on a terminal, JSON otherwise.
    Auto,
}

/// Why there is no configuration to start with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {reason}. Check its name and its permissions.", .file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not valid TOML: {reason}", .file.display())]
    Toml {
        /// Which.
        file: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// The file has a key that is no setting.
    #[error("the configuration file {} has a key `{key}`, which is no setting. {hint}", .file.display())]
    UnknownKey {
        /// Which file.
        file: PathBuf,
        /// The key.
        key: String,
        /// What may have been meant.
        hint: String,
    },
    /// A value that cannot be used.
    #[error("{from}: {text:?} cannot be used. {want}")]
    Value {
        /// Where it came from.
        from: Source,
        /// What it is.
        text: String,
        /// What would be right.
        want: String,
    },
    /// Nobody says where data goes.
    #[error("there is no home folder to keep data in: name a folder with --data DIR or KAFKATALK_DATA")]
    NoDataFolder,
}

impl Config {
    /// The defaults, keeping data in that folder. For tests and tools.
    ///
    /// # Errors
    /// Never, as long as the defaults in the table are within their bounds: a test keeps that.
    pub fn in_folder(data: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        let mut gathered = Gathered::defaults();
        gathered.set("data", data.into().to_string_lossy().into_owned(), Source::Default);
        Self::from_gathered(&gathered)
    }

    /// Parses what was gathered.
    pub fn from_gathered(gathered: &Gathered) -> Result<Self, ConfigError> {
        let given = gathered;
        let rate_limits = RateLimits {
            registrations_per_minute: given.count("registrations-per-minute")?,
            sign_ins_per_minute: given.count("sign-ins-per-minute")?,
            conversations_per_minute: given.count("conversations-per-minute")?,
            messages_per_second: given.count("messages-per-second")?,
            messages_burst: given.count("messages-burst")?,
        };
        let kafka = match given.optional("kafka", values::brokers)? {
            Some(bootstrap) => Some(KafkaConfig::from_gathered(bootstrap, given)?),
            None => None,
        };
        let source = kafka.as_ref().map_or_else(|| "embedded".into(), KafkaConfig::log_name);
        Ok(Self {
            data: match given.optional("data", values::folder)? {
                Some(data) => data,
                None => dirs::data_dir().ok_or(ConfigError::NoDataFolder)?.join("kafkatalk"),
            },
            listen: given.required("listen", values::address)?,
            kafka,
            public_url: given.optional("public-url", PublicUrl::parse)?,
            trust_proxy: given.switch("trust-proxy")?,
            keep_alive: given.seconds("keep-alive-seconds")?,
            rate_limits: (!given.switch("no-rate-limits")?).then_some(rate_limits),
            sockets_per_user: given.size("sockets-per-user")?,
            socket_queue_frames: given.size("socket-queue-frames")?,
            shutdown_deadline: given.seconds("shutdown-seconds")?,
            hash_cost: HashCost {
                parallel_hashes: given.number("parallel-hashes", 1, 1_000)?,
                memory_kib: given.number("hash-memory-kib", 8, 4 * 1024 * 1024)?,
                passes: given.number("hash-passes", 1, 1_000)?,
            },
            views: ViewsOptions {
                source,
                log: None,
                readers: given.number("views-readers", 1, 1_000)?,
                reads_waiting: given.number("views-reads-waiting", 0, 1_000_000)?,
                ..ViewsOptions::default()
            },
            log_format: given.required("log-format", values::log_format)?,
            log_level: given.required("log-level", values::log_level)?,
        })
    }

    /// The file of the views.
    pub fn views_file(&self) -> PathBuf {
        self.data.join("views.sqlite")
    }

    /// Whether cookies are for https alone.
    pub fn secure_cookies(&self) -> bool {
        self.public_url.as_ref().is_some_and(PublicUrl::is_https)
    }
}

impl KafkaConfig {
    fn from_gathered(bootstrap: String, given: &Gathered) -> Result<Self, ConfigError> {
        Ok(Self {
            bootstrap,
            properties: given.properties(),
            topic_prefix: given.required("topic-prefix", values::topic_prefix)?,
            replication_factor: given.count("replication-factor")?,
            node_name: match given.optional("node-name", values::node_name)? {
                Some(name) => name,
                None => values::host_name(),
            },
            feed_partitions: given.count("feed-partitions")?,
            producers: given.size("kafka-producers")?,
            sweep_interval: given.seconds("sweep-seconds")?,
            forget_within: given.seconds("forget-seconds")?,
            feed_retention: given.seconds("feed-retention-seconds")?,
        })
    }

    /// Names the log, so that views made from another one are not gone on with.
    fn log_name(&self) -> String {
        format!("kafka {} {}", self.bootstrap, self.topic_prefix)
    }
}
