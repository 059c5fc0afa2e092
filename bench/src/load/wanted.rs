//! What a load is like: what the command line asks for, and what comes of it message by message.

use anyhow::Result;
use clap::Args;

/// Bytes of a message where nothing else is asked for.
const BYTES_DEFAULT: usize = 200;

/// What a load is like.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    /// Users, each with one socket; an even number.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) sockets: usize,
    /// Messages a second; several rates, parted by commas, run one after the other on the same server.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Vec<u32>,
    /// Seconds that are measured at each rate.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// Seconds of the same load before that, which are checked but not measured.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) warm_up_seconds: u32,
    /// Private conversations; one for every pair of users where it is not given.
    #[arg(long, value_name = "N")]
    pub(crate) conversations: Option<usize>,
    /// Bytes of a message.
    #[arg(long, value_name = "N", default_value_t = BYTES_DEFAULT)]
    pub(crate) bytes: usize,
}

impl LoadArgs {
    /// That many conversations, each of two users of its own, at one rate.
    pub(crate) fn pairs(conversations: usize, rate: u32, seconds: u32) -> Self {
        Self {
            sockets: 2 * conversations,
            rate: vec![rate],
            seconds,
            warm_up_seconds: 0,
            conversations: Some(conversations),
            bytes: BYTES_DEFAULT,
        }
    }
}

/// Messages of one rate: where their numbers begin, where the measured ones begin, where they end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Messages a second.
    pub(crate) rate: u32,
    /// The first message.
    pub(crate) begin: usize,
    /// The first message that is measured.
    pub(crate) measured: usize,
    /// The first message after.
    pub(crate) end: usize,
}

/// The messages of a load, rate after rate.
pub(crate) fn parts(load: &LoadArgs) -> Result<Vec<Part>> {
    let mut begin = 0;
    let mut parts = Vec::new();
    for rate in &load.rate {
        let messages = |seconds: u32| usize::try_from(u64::from(*rate) * u64::from(seconds));
        let measured = begin + messages(load.warm_up_seconds)?;
        let end = measured + messages(load.seconds)?;
        parts.push(Part { rate: *rate, begin, measured, end });
        begin = end;
    }
    Ok(parts)
}
