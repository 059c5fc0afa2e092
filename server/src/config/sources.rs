//! Gathering values, each with where it came from.

use super::{
    ConfigError,
    settings::{SETTINGS, Setting, Takes, variable},
    values::{self, Parsed},
};
use std::{
    collections::BTreeMap,
    fmt,
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// A key of the file.
    File(PathBuf, &'static str),
    /// An environment variable.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(file, key) => write!(f, "the key `{key}` in {}", file.display()),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
            Self::Flag(name) => write!(f, "the flag --{name}"),
        }
    }
}

/// The environment, as far as it is ours: variables that begin with `KAFKATALK_`.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Keeps ours of these variables. An empty one counts as not set.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |(name, value): &(String, String)| name.starts_with("KAFKATALK_") && !value.is_empty();
        Self(variables.into_iter().filter(ours).collect())
    }

    /// This process's own.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Self::of(std::env::vars_os().filter_map(text))
    }

    /// A variable's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Variables that look like settings and are none. Not an error: Kubernetes, for one, sets such for its services.
    pub fn unknown(&self) -> Vec<&str> {
        let of_tools = ["KAFKATALK_CONFIG", "KAFKATALK_SITE", "KAFKATALK_CACHE"];
        let known = |name: &str| {
            of_tools.contains(&name) || SETTINGS.iter().any(|setting| variable(setting.name) == name)
        };
        self.0.keys().map(String::as_str).filter(|name| !known(name)).collect()
    }
}

/// A value, as text, and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) from: Source,
}

/// Values by setting. What is gathered later goes over what was gathered before.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    values: BTreeMap<&'static str, Given>,
    properties: BTreeMap<String, Given>,
}

impl Gathered {
    /// The defaults of the table.
    pub fn defaults() -> Self {
        let mut gathered = Self::default();
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                gathered.set(setting.name, default.into(), Source::Default);
            }
        }
        gathered
    }

    /// Sets a value.
    pub fn set(&mut self, name: &'static str, text: String, from: Source) {
        self.values.insert(name, Given { text, from });
    }

    /// Adds `KEY=VALUE` to the properties.
    pub fn add_property(&mut self, text: &str, from: Source) -> Result<(), ConfigError> {
        let (key, text) = match values::property(text) {
            Ok(property) => property,
            // What is not a property may still be a secret.
            Err(want) => return Err(ConfigError::Value { from, text: "…".into(), want }),
        };
        self.properties.insert(key, Given { text, from });
        Ok(())
    }

    /// Goes over it with the keys of a TOML file.
    pub fn add_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let named = || file.to_owned();
        let text = std::fs::read_to_string(file)
            .map_err(|error| ConfigError::File { file: named(), reason: error.to_string() })?;
        let keys = text
            .parse::<toml::Table>()
            .map_err(|error| ConfigError::Toml { file: named(), reason: place(&text, &error) })?;
        for (key, value) in keys {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.name == key) else {
                let hint = nearest(&key);
                return Err(ConfigError::UnknownKey { file: named(), key, hint });
            };
            self.add_key(setting, value, Source::File(named(), setting.name))?;
        }
        Ok(())
    }

    fn add_key(&mut self, setting: &Setting, value: toml::Value, from: Source) -> Result<(), ConfigError> {
        if setting.takes != Takes::Properties {
            let text = scalar(&value).ok_or_else(|| unfit(&from, &value, "Give one value."))?;
            self.set(setting.name, text, from);
            return Ok(());
        }
        let want = "Give a table, such as [kafka-config] with the line \"security.protocol\" = \"SSL\".";
        let toml::Value::Table(properties) = value else { return Err(unfit(&from, &value, want)) };
        for (key, value) in properties {
            let text = scalar(&value).ok_or_else(|| {
                unfit(&from, &value, &format!("Put quotes around the whole name: \"{key}.…\" = \"…\"."))
            })?;
            self.properties.insert(key, Given { text, from: from.clone() });
        }
        Ok(())
    }

    /// Goes over it with the environment.
    pub fn add_environment(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        for setting in SETTINGS {
            let name = variable(setting.name);
            let Some(text) = environment.get(&name) else { continue };
            if setting.takes == Takes::Properties {
                for property in text.split(';').filter(|property| !property.trim().is_empty()) {
                    self.add_property(property, Source::Variable(name.clone()))?;
                }
            } else {
                self.set(setting.name, text.into(), Source::Variable(name));
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Given> {
        self.values.get(name)
    }

    pub(super) fn given_properties(&self) -> impl Iterator<Item = (&str, &Given)> {
        self.properties.iter().map(|(key, given)| (key.as_str(), given))
    }

    pub(super) fn properties(&self) -> Vec<(String, String)> {
        self.properties.iter().map(|(key, given)| (key.clone(), given.text.clone())).collect()
    }

    pub(super) fn optional<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.get(name) else { return Ok(None) };
        let refused = |want| ConfigError::Value { from: given.from.clone(), text: given.text.clone(), want };
        parse(&given.text).map(Some).map_err(refused)
    }

    pub(super) fn required<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Parsed<T>,
    ) -> Result<T, ConfigError> {
        let found = self.optional(name, parse)?;
        found.ok_or_else(|| ConfigError::Value {
            from: Source::Flag(name),
            text: String::new(),
            want: "It has no default: give one.".into(),
        })
    }

    pub(super) fn switch(&self, name: &str) -> Result<bool, ConfigError> {
        Ok(self.optional(name, values::switch)?.unwrap_or(false))
    }

    /// A number within bounds, both included.
    pub(super) fn number<T: TryFrom<u64>>(
        &self,
        name: &'static str,
        min: u64,
        max: u64,
    ) -> Result<T, ConfigError> {
        self.required(name, |text| {
            let number = values::number(text, min, max)?;
            T::try_from(number).map_err(|_| "It is too large.".into())
        })
    }

    /// At least one.
    pub(super) fn count(&self, name: &'static str) -> Result<NonZeroU32, ConfigError> {
        let count: u32 = self.number(name, 1, COUNT_MAX)?;
        Ok(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN))
    }

    /// At least one.
    pub(super) fn size(&self, name: &'static str) -> Result<NonZeroUsize, ConfigError> {
        let size: usize = self.number(name, 1, COUNT_MAX)?;
        Ok(NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN))
    }

    /// At least one second.
    pub(super) fn seconds(&self, name: &'static str) -> Result<Duration, ConfigError> {
        self.number(name, 1, SECONDS_MAX).map(Duration::from_secs)
    }
}

/// Largest number of anything: what lies beyond is a slip of the finger.
const COUNT_MAX: u64 = 10_000_000;
/// Longest time: ten years.
const SECONDS_MAX: u64 = 10 * 365 * 24 * 3600;

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(on.to_string()),
        _ => None,
    }
}

fn unfit(from: &Source, value: &toml::Value, want: &str) -> ConfigError {
    ConfigError::Value { from: from.clone(), text: value.type_str().into(), want: want.into() }
}

/// Where TOML ends to be TOML, and why; without the line itself, as the parser would have it: it may hold a secret.
fn place(text: &str, error: &toml::de::Error) -> String {
    let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or(text);
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let (line, column) = (before.matches('\n').count() + 1, before[begin..].chars().count() + 1);
    // What a parser quotes is a part of the file.
    let reason = error.message().split('`').step_by(2).collect::<Vec<_>>().join("…");
    format!("line {line}, column {column}: {reason}")
}

/// How like two words must be before one is offered for the other.
const LIKENESS_MIN: f64 = 0.75;

fn nearest(key: &str) -> String {
    let likeness = |setting: &Setting| strsim::jaro_winkler(setting.name, key);
    let best = SETTINGS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match best.filter(|best| likeness(best) >= LIKENESS_MIN) {
        Some(best) => format!("Did you mean `{}`?", best.name),
        None => "`kafkatalk serve --help` lists them all; keys are named like flags.".into(),
    }
}
