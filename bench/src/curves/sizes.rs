//! How much of everything is measured, and what the machine has room for.

use crate::number::{count, thousands};
use crate::report::Report;
use crate::stage::LogKind;
use crate::world::pairs_max;
use anyhow::{Context as _, Result};
use clap::Args;
use rustix::process::{Resource, getrlimit};
use std::{fs, time::Duration};

/// Open files of a process that are no sockets and no topics.
const FILES_BESIDE: usize = 200;
/// The same of a broker: its libraries, connections, and its own topics.
const BROKER_FILES_BESIDE: usize = 800;
/// Mappings of a broker that are no topics.
const BROKER_MAPS_BESIDE: usize = 2_000;
/// Mappings that a broker has for each topic with records in it: two index files.
const MAPS_FOR_TOPIC: usize = 2;
/// Where Linux tells how many mappings a process may have.
const MAPS_MAX_FILE: &str = "/proc/sys/vm/max_map_count";
/// Most rates that a search for saturation tries.
const RATES_MAX: usize = 12;
/// Most messages a second that it asks for: a load of one thread has a saturation of its own.
const RATE_MAX: f64 = 12_000.0;

/// What the command line says; what it leaves out is by [`Sizes`].
#[derive(Clone, Debug, Args)]
pub(crate) struct Given {
    /// Logs, parted by commas.
    #[arg(long, value_name = "LOG", value_delimiter = ',', default_value = "embedded,kafka")]
    logs: Vec<LogKind>,
    /// Numbers of conversations, parted by commas, going up [default: 100,1000,5000,10000,20000].
    #[arg(long, value_name = "N", value_delimiter = ',')]
    conversations: Option<Vec<usize>>,
    /// Users that the conversations are spread over, each with one socket; an even number [default: 202].
    #[arg(long, value_name = "N")]
    users: Option<usize>,
    /// Messages a second in the conversations [default: 300].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Seconds that are measured at each number of conversations [default: 20].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    /// Numbers of idle sockets, parted by commas; even [default: 200,2000,10000,20000].
    #[arg(long, value_name = "N", value_delimiter = ',')]
    sockets: Option<Vec<usize>>,
    /// Numbers of nodes on Kafka, parted by commas [default: 1,2,3].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=9))]
    nodes: Option<Vec<u32>>,
    /// First of the rising rates, in messages a second [default: 200].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    first_rate: Option<u32>,
    /// How many times the rate before each rate is.
    #[arg(long, value_name = "TIMES", default_value_t = 1.5)]
    step: f64,
    /// Seconds that are measured at each rising rate [default: 8].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    step_seconds: Option<u32>,
    /// Milliseconds that 99 of 100 messages may take at a rate that counts as sustained.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    p99_ms_max: u64,
    /// New conversations that are opened [default: 200].
    #[arg(long, value_name = "N")]
    new_conversations: Option<usize>,
    /// Messages in the log whose pages are read [default: 1000000].
    #[arg(long, value_name = "N")]
    messages: Option<usize>,
    /// Messages that a node missed and catches up with [default: 200000].
    #[arg(long, value_name = "N")]
    missed: Option<usize>,
    /// Pages of history that are read [default: 2000].
    #[arg(long, value_name = "N")]
    pages: Option<usize>,
    /// Searches for each kind of words, in a conversation and in all [default: 500].
    #[arg(long, value_name = "N")]
    searches: Option<usize>,
    /// Numbers of sockets that lose their node, parted by commas; even [default: 1000,5000].
    #[arg(long, alias = "storm-sockets", value_name = "N", value_delimiter = ',')]
    reconnecting_sockets: Option<Vec<usize>>,
}

/// How much of everything.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    /// Logs on which what can be measured on both is.
    pub(crate) logs: Vec<LogKind>,
    /// Conversations, going up.
    pub(crate) conversations: Vec<usize>,
    /// Users of the conversations.
    pub(crate) users: usize,
    /// Messages a second in them.
    pub(crate) rate: u32,
    /// Measured seconds for each number of conversations.
    pub(crate) seconds: u32,
    /// Seconds of the same load before what is measured.
    pub(crate) warm_up_seconds: u32,
    /// Idle sockets.
    pub(crate) sockets: Vec<usize>,
    /// Nodes on Kafka.
    pub(crate) nodes: Vec<u32>,
    /// Rising rates.
    pub(crate) rates: Vec<u32>,
    /// Measured seconds for each of them.
    pub(crate) step_seconds: u32,
    /// Conversations at rising rates; each has two users of its own.
    pub(crate) saturation_conversations: usize,
    /// What 99 of 100 messages may take.
    pub(crate) p99_max: Duration,
    /// New conversations.
    pub(crate) new_conversations: usize,
    /// Messages in the log whose pages are read.
    pub(crate) messages: usize,
    /// Messages that a node missed.
    pub(crate) missed: usize,
    /// Pages that are read.
    pub(crate) pages: usize,
    /// Searches for each kind of words.
    pub(crate) searches: usize,
    /// Sockets that lose their node.
    pub(crate) reconnecting_sockets: Vec<usize>,
    /// Seconds before and around that.
    pub(crate) reconnecting_seconds: u32,
}

impl Sizes {
    /// As given, and for the rest those of a long or of a quick run.
    pub(crate) fn of(quick: bool, given: &Given) -> Result<Self> {
        let either = |full: usize, small: usize| if quick { small } else { full };
        let seconds = |full: u32, small: u32| if quick { small } else { full };
        let list = |given: &Option<Vec<usize>>, full: &[usize], small: &[usize]| {
            given.clone().unwrap_or_else(|| if quick { small } else { full }.to_vec())
        };
        let first_rate = given.first_rate.unwrap_or(seconds(200, 50));
        let steps = if quick { 3 } else { RATES_MAX };
        let nodes = given.nodes.clone().unwrap_or_else(|| if quick { vec![1, 2] } else { vec![1, 2, 3] });
        let sizes = Self {
            logs: given.logs.clone(),
            conversations: list(&given.conversations, &[100, 1_000, 5_000, 10_000, 20_000], &[20, 60]),
            users: given.users.unwrap_or(either(202, 20)),
            rate: given.rate.unwrap_or(seconds(300, 50)),
            seconds: given.seconds.unwrap_or(seconds(20, 3)),
            warm_up_seconds: seconds(10, 1),
            sockets: list(&given.sockets, &[200, 2_000, 10_000, 20_000], &[100, 200]),
            nodes,
            rates: ladder(first_rate, given.step, steps)?,
            step_seconds: given.step_seconds.unwrap_or(seconds(8, 2)),
            saturation_conversations: either(200, 20),
            p99_max: Duration::from_millis(given.p99_ms_max),
            new_conversations: given.new_conversations.unwrap_or(either(200, 10)),
            messages: given.messages.unwrap_or(either(1_000_000, 20_000)),
            missed: given.missed.unwrap_or(either(200_000, 5_000)),
            pages: given.pages.unwrap_or(either(2_000, 100)),
            searches: given.searches.unwrap_or(either(500, 20)),
            reconnecting_sockets: list(&given.reconnecting_sockets, &[1_000, 5_000], &[100]),
            reconnecting_seconds: seconds(20, 6),
        };
        sizes.check()?;
        Ok(sizes)
    }

    fn check(&self) -> Result<()> {
        let rising = self.conversations.is_sorted_by(|one, next| one < next);
        anyhow::ensure!(
            rising && self.conversations.first().is_some_and(|first| *first > 0),
            "--conversations are to go up from at least 1"
        );
        anyhow::ensure!(
            self.users >= 2 && self.users.is_multiple_of(2),
            "--users come in pairs: use an even number"
        );
        let (most, asked) = (pairs_max(self.users), self.conversations.last().copied().unwrap_or(0));
        anyhow::ensure!(
            asked <= most,
            "{} users have at most {most} conversations: raise --users",
            self.users
        );
        anyhow::ensure!(
            self.sockets
                .iter()
                .chain(&self.reconnecting_sockets)
                .all(|sockets| *sockets >= 2 && sockets.is_multiple_of(2)),
            "--sockets and --reconnecting-sockets come in pairs: use even numbers"
        );
        Ok(())
    }
}

/// Rates of which each is so many times the one before.
fn ladder(first: u32, step: f64, steps: usize) -> Result<Vec<u32>> {
    anyhow::ensure!(step > 1.0 && step.is_finite(), "--step must be more than 1, or rates do not rise");
    let rates = std::iter::successors(Some(f64::from(first)), |rate| Some(rate * step));
    let rates = rates.take(steps).take_while(|rate| *rate <= RATE_MAX.max(f64::from(first)));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and u32::MAX")]
    let mut rates: Vec<u32> = rates.map(|rate| rate.round() as u32).collect();
    rates.dedup();
    Ok(rates)
}

/// What the machine has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    files: usize,
    maps: usize,
}

/// How many there can be, and why not more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Most {
    number: usize,
    why: &'static str,
}

impl Room {
    /// As the system's limits have it.
    pub(crate) fn of_machine() -> Result<Self> {
        let files = getrlimit(Resource::Nofile).current;
        let maps = fs::read_to_string(MAPS_MAX_FILE);
        // Elsewhere than on Linux nobody counts them.
        let maps = maps.map_or(Ok(usize::MAX), |text| text.trim().parse()).context(MAPS_MAX_FILE)?;
        let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
        Ok(Self { files, maps })
    }

    /// Sockets that a process may hold.
    pub(crate) fn sockets(self) -> Most {
        Most { number: self.files.saturating_sub(FILES_BESIDE), why: "open files of a process" }
    }

    /// Conversations that a broker may hold, all of which have as many copies as there are brokers.
    pub(crate) fn conversations(self, log: LogKind) -> Most {
        let files = Most {
            number: self.files.saturating_sub(BROKER_FILES_BESIDE),
            why: "open files of a broker, one for each topic",
        };
        let maps = Most {
            number: self.maps.saturating_sub(BROKER_MAPS_BESIDE) / MAPS_FOR_TOPIC,
            why: "vm.max_map_count, of which a broker takes two for each topic",
        };
        match log {
            LogKind::Embedded => Most { number: usize::MAX, why: "nothing" },
            LogKind::Kafka if files.number <= maps.number => files,
            LogKind::Kafka => maps,
        }
    }
}

impl Most {
    /// These numbers, none larger than there is room for; says so where one was. Each once.
    pub(crate) fn within(self, what: &str, numbers: &[usize], report: &mut Report) -> Vec<usize> {
        let (mut fitting, too_many): (Vec<_>, Vec<_>) =
            numbers.iter().copied().partition(|number| *number <= self.number);
        if let Some(asked) = too_many.last() {
            // Sockets come in pairs.
            let most = self.number - self.number % 2;
            report.paragraph(&format!(
                "{what}: at most {} where {} were asked for. The limit of this system is: {}.",
                thousands(count(most)),
                thousands(count(*asked)),
                self.why
            ));
            if most > fitting.last().copied().unwrap_or(0) {
                fitting.push(most);
            }
        }
        fitting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        given: Given,
    }

    fn sizes(quick: bool, arguments: &[&str]) -> Result<Sizes> {
        let all = ["bench"].iter().chain(arguments);
        Sizes::of(quick, &Cli::try_parse_from(all)?.given)
    }

    #[test]
    fn what_is_given_goes_over_what_is_usual() {
        let given = sizes(false, &["--conversations", "7,9", "--nodes", "2"]).unwrap();
        assert_eq!((given.conversations, given.nodes, given.rate), (vec![7, 9], vec![2], 300));
        assert_eq!(sizes(true, &["--sockets", "4"]).unwrap().sockets, [4]);
    }

    #[test]
    fn a_quick_run_is_smaller_in_everything() {
        let (full, quick) = (sizes(false, &[]).unwrap(), sizes(true, &[]).unwrap());
        let of = |sizes: &Sizes| {
            let Sizes { users, new_conversations, messages, missed, pages, searches, .. } = *sizes;
            [
                users,
                new_conversations,
                messages,
                missed,
                pages,
                searches,
                sizes.rates.len(),
                sizes.nodes.len(),
            ]
        };
        assert!(of(&full).into_iter().zip(of(&quick)).all(|(full, quick)| quick < full));
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let refused: [&[&str]; 6] = [
            &["--conversations", "9,7"],
            &["--conversations", "30000"],
            &["--users", "3"],
            &["--sockets", "3"],
            &["--nodes", "0"],
            &["--step", "1"],
        ];
        assert!(refused.into_iter().all(|arguments| sizes(false, arguments).is_err()));
    }

    #[test]
    fn rates_rise_by_the_step_to_what_one_load_can_ask_for() {
        assert_eq!(ladder(200, 1.5, 4).unwrap(), [200, 300, 450, 675]);
        assert!(f64::from(*ladder(200, 1.5, 100).unwrap().last().unwrap()) <= RATE_MAX);
        assert_eq!(ladder(1, 1.1, 4).unwrap(), [1]);
    }

    #[test]
    fn more_than_there_is_room_for_becomes_what_there_is_room_for_and_says_so() {
        let mut report = Report::default();
        let most = Most { number: 999, why: "the test" };
        assert_eq!(most.within("Things", &[10, 2_000, 3_000], &mut report), [10, 998]);
        assert!(format!("{report:?}").contains("at most 998 where 3,000 were asked for"));
        assert_eq!(most.within("Things", &[10, 20], &mut Report::default()), [10, 20]);
    }

    #[test]
    fn the_scarcer_of_files_and_mappings_bounds_the_topics() {
        let room = Room { files: 20_000, maps: 65_530 };
        assert_eq!(room.conversations(LogKind::Kafka).number, 19_200);
        let room = Room { files: 1_000_000, ..room };
        assert_eq!(room.conversations(LogKind::Kafka).number, 31_765);
        assert_eq!(room.conversations(LogKind::Embedded).number, usize::MAX);
    }
}
