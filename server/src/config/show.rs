//! Printing what would be used.

use super::{Config, Gathered, SETTINGS, Source, Takes};
use std::fmt::Write;

/// Stands for what is not shown.
const MASK: &str = "********";

/// Whether a property of librdkafka holds a secret. Rather one too many: a name is no secret, a masked path no harm.
fn is_secret(property: &str) -> bool {
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
                    line(&mut out, &format!("{}.{key:?}", setting.name), &format!("{value:?}"), &given.from);
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
            "data" => format!("{:?}", self.data.display().to_string()),
            "node-name" => {
                self.kafka.as_ref().map_or_else(String::new, |kafka| format!("{:?}", kafka.node_name))
            }
            "trust-proxy" | "no-rate-limits" => "false".into(),
            _ => "\"\"".into(),
        }
    }
}

/// As the file would have it.
fn written(text: &str) -> String {
    if text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok() {
        text.into()
    } else {
        format!("{text:?}")
    }
}

fn line(out: &mut String, name: &str, value: &str, from: &Source) {
    let _ = match from {
        Source::Default => writeln!(out, "{name} = {value}"),
        said => writeln!(out, "{name} = {value}  # {said}"),
    };
}
