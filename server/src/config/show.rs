//! Printing what would be used.

use super::{Config, Gathered, SETTINGS, Source, Takes};
use std::fmt::Write;

/// Stands for what is not shown.
const MASK: &str = "********";

/// Whether a property of librdkafka holds a secret. Rather one too many: a name is no secret, a masked path no harm.
fn is_secret(property: &str) -> bool {
    let property = property.to_ascii_lowercase();
    let secret = ["password", "secret", "token", "jaas", "pem", "key", "oauthbearer.config"];
    !property.ends_with(".location") && secret.iter().any(|word| property.contains(word))
}

impl Config {
    /// Every setting as it would be used, with where it came from; secrets masked. Reads like the file.
    pub fn show(&self, gathered: &Gathered) -> String {
        let mut out = String::new();
        let mut heading = None;
        for setting in SETTINGS {
            if setting.group == super::Group::Kafka && self.kafka.is_none() && setting.name != "kafka" {
                continue;
            }
            if heading.replace(setting.group) != Some(setting.group) {
                let gap = if out.is_empty() { "" } else { "\n" };
                // Writing to a String cannot fail.
                let _ = writeln!(out, "{gap}# {}", setting.group.heading());
            }
            if setting.takes == Takes::Properties {
                for (key, given) in gathered.given_properties() {
                    let value = if is_secret(key) { MASK } else { given.text.as_str() };
                    line(&mut out, &format!("{}.{}", setting.name, quoted(key)), &quoted(value), &given.from);
                }
                continue;
            }
            let (value, from) = match gathered.get(setting.name) {
                Some(given) => (written(&given.text), given.from.clone()),
                None => (self.unsaid(setting.name), Source::Default),
            };
            line(&mut out, setting.name, &value, &from);
        }
        out
    }

    /// What is used where nobody said anything and the table has no default.
    fn unsaid(&self, name: &str) -> String {
        match name {
            "data" => quoted(&self.data.display().to_string()),
            "node-name" => self.kafka.as_ref().map_or_else(String::new, |kafka| quoted(&kafka.node_name)),
            "trust-proxy" | "no-rate-limits" => "false".into(),
            _ => "\"\"".into(),
        }
    }
}

/// As the file would have it.
fn written(text: &str) -> String {
    // TOML has no numbers such as 007.
    let is_number = text.parse::<i64>().is_ok_and(|number| number.to_string() == text);
    if is_number || text.parse::<bool>().is_ok() { text.into() } else { quoted(text) }
}

/// A TOML string. Not as Rust writes one: TOML has no `\0` and no `\u{301}`, and refuses a file with them.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn line(out: &mut String, name: &str, value: &str, from: &Source) {
    let _ = match from {
        Source::Default => writeln!(out, "{name} = {value}"),
        // A file may have any name, and a comment ends with its line.
        said => {
            writeln!(out, "{name} = {value}  # {}", said.to_string().replace(char::is_control, "\u{fffd}"))
        }
    };
}
