//! The commands and their flags.

use super::{level::Raise, migrate::Adapter, topics::Form};
use crate::config::{Config, ConfigError, Environment, Gathered, SETTINGS, Setting, Source, Takes, variable};
use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};
use kafkatalk_protocol::ConversationId;
use std::{ffi::OsString, path::PathBuf};

/// Names the file; the one setting that cannot be in it.
const CONFIG_VARIABLE: &str = "KAFKATALK_CONFIG";

/// What somebody asked for, ready to be carried out.
#[derive(Debug)]
pub enum Asked {
    /// To run a node.
    Serve {
        /// How.
        config: Box<Config>,
        /// Variables that look like settings and are none.
        unknown: Vec<String>,
    },
    /// To make the views anew.
    Rebuild {
        /// Of which node.
        config: Box<Config>,
    },
    /// To compare the log and the views.
    Verify {
        /// Of which node.
        config: Box<Config>,
        /// Which conversations; all where none is named.
        conversations: Vec<ConversationId>,
    },
    /// To list topics.
    Topics {
        /// Of which log.
        config: Box<Config>,
        /// How.
        form: Form,
    },
    /// To look at the feature level, or to raise it.
    Level {
        /// Of which log.
        config: Box<Config>,
        /// Whether to raise it.
        raise: Raise,
    },
    /// To move a log.
    Migrate {
        /// Where both are.
        config: Box<Config>,
        /// From where.
        from: Adapter,
        /// To where.
        to: Adapter,
    },
    /// To show what would be used.
    Check {
        /// What would be used.
        config: Box<Config>,
        /// And where it comes from.
        gathered: Box<Gathered>,
    },
    /// Which version this is.
    Version,
}

/// Why nothing is done.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The words are not understood, or were a question to the command line itself, such as `--help`.
    #[error(transparent)]
    Words(#[from] clap::Error),
    /// The settings cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Understands a command line.
pub fn ask(words: impl IntoIterator<Item = OsString>, environment: &Environment) -> Result<Asked, AskError> {
    let matches = definition().try_get_matches_from(words)?;
    match matches.subcommand() {
        Some(("serve", given)) => {
            let (config, _) = configure(given, environment)?;
            let unknown = environment.unknown().into_iter().map(str::to_owned).collect();
            Ok(Asked::Serve { config, unknown })
        }
        Some(("rebuild", given)) => Ok(Asked::Rebuild { config: configure(given, environment)?.0 }),
        Some(("verify", given)) => {
            let conversations = given.get_many("conversation").into_iter().flatten().copied().collect();
            Ok(Asked::Verify { config: configure(given, environment)?.0, conversations })
        }
        Some(("topics", given)) => {
            let form = Form { all: given.get_flag("all"), json: given.get_flag("json") };
            Ok(Asked::Topics { config: configure(given, environment)?.0, form })
        }
        Some(("level", given)) => {
            let raise = Raise { raise: given.get_flag("raise"), unheard: given.get_flag("unheard") };
            Ok(Asked::Level { config: configure(given, environment)?.0, raise })
        }
        Some(("migrate", given)) => {
            let adapter =
                |name| given.get_one::<String>(name).map_or(Adapter::Embedded, |it| Adapter::named(it));
            let (from, to) = (adapter("from"), adapter("to"));
            Ok(Asked::Migrate { config: configure(given, environment)?.0, from, to })
        }
        Some(("config", given)) => {
            let given = given.subcommand_matches("check").unwrap_or(given);
            let (config, gathered) = configure(given, environment)?;
            Ok(Asked::Check { config, gathered })
        }
        _ => Ok(Asked::Version),
    }
}

/// Defaults, then the file, the environment, the flags; each over what came before.
fn configure(
    flags: &ArgMatches,
    environment: &Environment,
) -> Result<(Box<Config>, Box<Gathered>), ConfigError> {
    let mut gathered = Gathered::defaults();
    let file = flags.get_one::<PathBuf>("config").cloned();
    if let Some(file) = file.or_else(|| environment.get(CONFIG_VARIABLE).map(PathBuf::from)) {
        gathered.add_file(&file)?;
    }
    gathered.add_environment(environment)?;
    for setting in SETTINGS {
        add_flag(&mut gathered, setting, flags)?;
    }
    let config = Config::from_gathered(&gathered)?;
    Ok((Box::new(config), Box::new(gathered)))
}

fn add_flag(gathered: &mut Gathered, setting: &Setting, flags: &ArgMatches) -> Result<(), ConfigError> {
    let from = Source::Flag(setting.name);
    if flags.value_source(setting.name) != Some(ValueSource::CommandLine) {
        return Ok(());
    }
    match setting.takes {
        Takes::Switch => gathered.set(setting.name, "true".into(), from),
        Takes::One(_) => {
            if let Some(text) = flags.get_one::<String>(setting.name) {
                gathered.set(setting.name, text.clone(), from);
            }
        }
        Takes::Properties => {
            for property in flags.get_many::<String>(setting.name).into_iter().flatten() {
                gathered.add_property(property, from.clone())?;
            }
        }
    }
    Ok(())
}

/// The commands, for the parser and for the docs.
pub fn definition() -> Command {
    let settings_note = "Every setting can be given in three ways, the first of which wins: as a flag, in the \
        environment (--topic-prefix is KAFKATALK_TOPIC_PREFIX), or in the file that --config names \
        (topic-prefix = \"…\").";
    Command::new("kafkatalk")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Private messaging whose truth is a log: an embedded one, or Apache Kafka")
        .after_help("`kafkatalk serve` runs a node on http://127.0.0.1:8080 and keeps its data in your data folder.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(settings(Command::new("serve").about("Run a node")).after_help(settings_note))
        .subcommand(
            settings(Command::new("rebuild").about("Make the views of a stopped node anew from its log"))
                .after_help("Views hold nothing that is not in the log. They are made anew by themselves where they \
                    are missing or of another version; this is for when they are damaged, or to see how long it takes."),
        )
        .subcommand(migrate())
        .subcommand(verify())
        .subcommand(topics())
        .subcommand(level())
        .subcommand(
            Command::new("config")
                .about("Look at the configuration")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(
                    settings(
                        Command::new("check")
                            .about("Print the settings that would be used and where they come from, secrets masked"),
                    )
                    .after_help(settings_note),
                ),
        )
        .subcommand(Command::new("version").about("Print the version"))
}

fn migrate() -> Command {
    let adapter = |name, help| {
        let argument = Arg::new(name).long(name).value_name("LOG").required(true).help(help);
        argument.value_parser(clap::builder::PossibleValuesParser::new(Adapter::NAMES))
    };
    let about = "Move the log of a stopped node from its data folder to Kafka";
    let note = "Every record gets the offset that it had, byte for byte, and is read back and compared. Stop the node \
        first. An interrupted move goes on where it stopped, with the same command; topics that hold something else are \
        refused and left as they are. Afterwards start every node with --kafka; the views are made anew by themselves.\n\n\
        kafkatalk migrate --from embedded --to kafka --data DIR --kafka HOST:PORT,... --replication-factor 3";
    settings(
        Command::new("migrate")
            .about(about)
            .arg(adapter("from", "The log that is moved"))
            .arg(adapter("to", "Where to; with its settings, such as --kafka and --topic-prefix")),
    )
    .after_help(note)
}

fn verify() -> Command {
    let conversation = Arg::new("conversation")
        .value_name("CONVERSATION-UUID")
        .action(ArgAction::Append)
        .value_parser(clap::value_parser!(ConversationId))
        .help("Conversations to verify; all where none is named");
    let note = "Reads the log from its beginning: every offset holds a record or was erased, and the messages that members \
        should see are those that this node's views show, with the same author, time, body and order. Changes nothing, \
        and may run beside the node. Prints a line for each trouble, and figures; the exit code is 0 where all is whole.";
    settings(
        Command::new("verify")
            .about("Check that conversations are whole in the log, and that the views show what it holds")
            .arg(conversation),
    )
    .after_help(note)
}

fn topics() -> Command {
    let switch = |name, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let note = "For each topic: partitions, copies and how many of them are whole, records, what is kept how long, and how \
        many records this node's views have not taken. Changes nothing, and makes no topics.";
    settings(
        Command::new("topics")
            .about("List what is kept in Kafka")
            .arg(switch("all", "Each conversation, and not only their sum and the largest"))
            .arg(switch("json", "As JSON")),
    )
    .after_help(note)
}

fn level() -> Command {
    let switch = |name, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let note = "The level says which kinds of records may be written to a log on Kafka: those that all its nodes know. Nodes \
        raise it by themselves once no older one is there. Raising it by hand is for clusters whose nodes may not use the \
        topic of heartbeats; it is refused while a node is heard that does not know the level. It is never lowered: older \
        versions do not start on the log any more.";
    settings(
        Command::new("level")
            .about("Show the feature level of a log on Kafka and what its nodes know, or raise it")
            .arg(switch("raise", "Raise it to the highest level that this version knows"))
            .arg(
                switch("unheard", "Raise it though nodes cannot be heard: you know that no older one runs")
                    .requires("raise"),
            ),
    )
    .after_help(note)
}

/// Adds every setting.
fn settings(command: Command) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help_heading("Places")
        .help(format!("TOML file with settings under the names of the flags [env: {CONFIG_VARIABLE}]"));
    SETTINGS.iter().fold(command.arg(file), |command, setting| command.arg(argument(setting)))
}

fn argument(setting: &Setting) -> Arg {
    let default = setting.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
    let help = format!("{}{default} [env: {}]", setting.help, variable(setting.name));
    let argument = Arg::new(setting.name).long(setting.name).help(help).help_heading(setting.group.heading());
    match setting.takes {
        Takes::One(value) => argument.value_name(value),
        Takes::Switch => argument.action(ArgAction::SetTrue),
        Takes::Properties => argument.value_name("KEY=VALUE").action(ArgAction::Append),
    }
}
