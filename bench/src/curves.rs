//! What a message costs as there is more of everything: conversations, sockets, messages a second, nodes, history.
//!
//! | module | holds |
//! |---|---|
//! | [`sizes`] | how much of everything, and what the machine has room for |
//! | [`conversations`] | latency and CPU against the number of conversations, beside the baselines |
//! | [`sockets`] | memory against the number of idle sockets |
//! | [`saturation`] | how many messages a second one, two, three nodes sustain |
//! | [`creation`] | a new conversation, and the first message in it |
//! | [`history`] | pages of a long history, and catching up after an absence |
//! | [`reconnect`] | a node dies, and everybody comes to another one at once |
//! | [`plot`] | the same as pictures |

use crate::report::{Report, Verdict, progress};
use crate::stage::Stage;
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use plot::{Plot, save};
use sizes::{Given, Room, Sizes};
use std::{env, ffi::OsStr, fs, path::PathBuf};

mod conversations;
mod creation;
mod history;
mod plot;
mod reconnect;
mod saturation;
mod sizes;
mod sockets;

/// What has the script start brokers that clean and delete when Kafka itself would.
const KAFKA_AS_USUAL: &str = "KAFKA_AS_USUAL";

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Latency and CPU against the number of conversations.
    Conversations,
    /// Memory against the number of idle sockets.
    Sockets,
    /// Messages a second until they take too long.
    #[value(alias = "knee")]
    Saturation,
    /// New conversations.
    Creation,
    /// Pages of history, and catching up.
    History,
    /// Everybody of a dead node comes to another one at once.
    #[value(alias = "storm")]
    ReconnectStorm,
}

/// What is measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct CurvesArgs {
    /// Parts, parted by commas.
    #[arg(
        long,
        value_name = "PART",
        value_delimiter = ',',
        default_value = "conversations,sockets,saturation,creation,history,reconnect-storm"
    )]
    parts: Vec<Part>,
    /// Small numbers, to see whether it works. They tell nothing.
    #[arg(long)]
    quick: bool,
    /// Folder for the plots; none are drawn without.
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
}

/// Measures the parts one after the other, tells and draws them.
pub(crate) async fn measure(stage: &mut Stage, curves: &CurvesArgs, report: &mut Report) -> Result<Verdict> {
    let sizes = Sizes::of(curves.quick, &curves.given)?;
    if let Some(folder) = &curves.plots {
        // Before hours of work, not after.
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let room = Room::of_machine()?;
    report.paragraph(brokers(env::var_os(KAFKA_AS_USUAL).as_deref()));
    let (mut verdict, mut plots, mut failed) = (Verdict::Kept, Vec::new(), None);
    for part in &curves.parts {
        let drawn = match measure_part(stage, *part, &sizes, room, report).await {
            Ok((of_part, drawn)) => {
                verdict = verdict.and(of_part);
                drawn
            }
            Err(error) => {
                // The others are worth telling.
                progress(&format!("{error:#}"));
                report.paragraph(&format!("**This part could not be measured: {error:#}**"));
                failed.get_or_insert(error);
                Vec::new()
            }
        };
        // What one part leaves on Kafka is no burden for the next, nor is Kafka for what does not need it.
        stage.stop_kafka();
        if let Some(folder) = &curves.plots {
            // At once: what comes later may fail.
            drawn.iter().try_for_each(|plot| save(plot, folder))?;
        }
        plots.extend(drawn);
    }
    if let Some(folder) = &curves.plots {
        let names = plots.iter().filter(|plot| !plot.is_empty()).map(|plot| format!("`{}.svg`", plot.name));
        let names: Vec<_> = names.collect();
        report.paragraph(&format!("Plots in {}: {}.", folder.display(), names.join(", ")));
    }
    match failed {
        None => Ok(verdict),
        Some(error) => {
            report.publish(stage.output().as_deref())?;
            Err(error)
        }
    }
}

/// How the brokers were set up, by what the script that starts them inherits.
fn brokers(as_usual: Option<&OsStr>) -> &'static str {
    if as_usual.is_some_and(|value| !value.is_empty()) {
        "Brokers clean and delete when Kafka itself would (`KAFKA_AS_USUAL`)."
    } else {
        "**Brokers clean and delete at once, as tests want it: Kafka's CPU is too high where there are many conversations. \
         `KAFKA_AS_USUAL=1` in the environment starts others.**"
    }
}

async fn measure_part(
    stage: &mut Stage,
    part: Part,
    sizes: &Sizes,
    room: Room,
    report: &mut Report,
) -> Result<(Verdict, Vec<Plot>)> {
    Ok(match part {
        Part::Conversations => {
            report.heading("Conversations");
            let rows = conversations::measure(stage, sizes, room, report).await?;
            (conversations::tell(report, &rows), conversations::plots(&rows))
        }
        Part::Sockets => {
            report.heading("Sockets");
            let rows = sockets::measure(stage, sizes, room, report).await?;
            (sockets::tell(report, &rows), sockets::plots(&rows))
        }
        Part::Saturation => {
            report.heading("Messages a second, up to saturation");
            let ladders = saturation::measure(stage, sizes).await?;
            (saturation::tell(report, &ladders, sizes), saturation::plots(&ladders, sizes))
        }
        Part::Creation => {
            report.heading("New conversations");
            let outcome = creation::measure(stage, sizes).await?;
            (creation::tell(report, &outcome), Vec::new())
        }
        Part::History => {
            report.heading("A long history");
            let outcome = history::measure(stage, sizes).await?;
            history::tell(report, &outcome);
            (Verdict::Kept, Vec::new())
        }
        Part::ReconnectStorm => {
            report.heading("A node dies, and everybody comes to the other one");
            let rows = reconnect::measure(stage, sizes, room, report).await?;
            (reconnect::tell(report, &rows), Vec::new())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_says_so_when_brokers_are_set_up_for_tests() {
        for none in [None, Some(OsStr::new(""))] {
            assert!(brokers(none).starts_with("**Brokers clean and delete at once"));
        }
        assert!(
            brokers(Some(OsStr::new("1"))).starts_with("Brokers clean and delete when Kafka itself would")
        );
    }
}
