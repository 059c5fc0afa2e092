//! Parsing values. The error of each says what would be right.

use super::LogFormat;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// A value, or what would be right.
pub(super) type Parsed<T> = Result<T, String>;

/// Most characters of a name that brokers see.
const NAME_CHARS_MAX: usize = 100;

pub(super) fn folder(text: &str) -> Parsed<PathBuf> {
    if text.is_empty() {
        return Err("Name a folder.".into());
    }
    Ok(text.into())
}

pub(super) fn address(text: &str) -> Parsed<SocketAddr> {
    let numeric = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = numeric.as_deref().unwrap_or(text).parse();
    address.map_err(|_| {
        "Give an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080.".into()
    })
}

pub(super) fn brokers(text: &str) -> Parsed<String> {
    let is_broker = |broker: &str| {
        broker.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok()
        })
    };
    let brokers: Vec<&str> = text.split(',').map(str::trim).collect();
    if brokers.iter().all(|broker| is_broker(broker)) {
        return Ok(brokers.join(","));
    }
    Err("Give HOST:PORT of one or more brokers, separated by commas, such as kafka-1:9092,kafka-2:9092."
        .into())
}

/// `KEY=VALUE`.
pub(super) fn property(text: &str) -> Parsed<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("Give KEY=VALUE, such as security.protocol=SSL.".into()),
    }
}

pub(super) fn topic_prefix(text: &str) -> Parsed<String> {
    name(text, "Use 1 to 100 of a-z A-Z 0-9 . _ -")
}

pub(super) fn node_name(text: &str) -> Parsed<String> {
    name(text, "Use 1 to 100 of a-z A-Z 0-9 . _ -")
}

fn name(text: &str, want: &str) -> Parsed<String> {
    let fits = (1..=NAME_CHARS_MAX).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if fits { Ok(text.into()) } else { Err(want.into()) }
}

/// The host's name, as far as it can be a node's.
pub(super) fn host_name() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let fitting = host.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let host: String = fitting.take(NAME_CHARS_MAX).collect();
    if host.is_empty() { "kafkatalk".into() } else { host }
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("Give true or false.".into()),
    }
}

pub(super) fn number(text: &str, min: u64, max: u64) -> Parsed<u64> {
    let number = text.replace('_', "").parse::<u64>().ok().filter(|number| (min..=max).contains(number));
    number.ok_or_else(|| format!("Give a whole number from {min} to {max}."))
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        "auto" => Ok(LogFormat::Auto),
        _ => Err("Give pretty, json or auto.".into()),
    }
}

pub(super) fn log_level(text: &str) -> Parsed<String> {
    match text.parse::<tracing_subscriber::filter::Targets>() {
        Ok(_) if !text.is_empty() => Ok(text.into()),
        _ => {
            Err("Give error, warn, info, debug or trace, or parts of it such as info,kafkatalk_log=debug."
                .into())
        }
    }
}

/// Where people reach the node: a scheme and a host, nothing behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Arc<str>);

impl PublicUrl {
    /// Parses it; the error says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = text.trim_end_matches('/');
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let is_host = |host: &str| {
            !host.is_empty()
                && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
        };
        if host.is_some_and(is_host) {
            let url = url.to_ascii_lowercase();
            // As browsers write it: without the port that goes without saying.
            let usual = if url.starts_with("https:") { ":443" } else { ":80" };
            return Ok(Self(url.strip_suffix(usual).unwrap_or(&url).into()));
        }
        Err("Give a scheme and a host and nothing behind it, such as https://chat.example.org.".into())
    }

    /// Whether browsers speak https to it.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The URL without a slash at its end: the origin that browsers send.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
