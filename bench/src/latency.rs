//! Latencies in a histogram, told as quantiles in milliseconds.

use crate::limits::LOAD_LATE_MAX;
use crate::number::{float, short};
use hdrhistogram::Histogram;

/// Two digits would do to read; three cost little.
const SIGNIFICANT_DIGITS: u8 = 3;
/// Ten minutes: what takes longer counts as that.
const NANOS_MAX: u64 = 600_000_000_000;

/// Durations, counted.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    histogram: Histogram<u64>,
}

impl Latencies {
    /// None yet.
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1_000, NANOS_MAX, SIGNIFICANT_DIGITS);
        Self { histogram: histogram.expect("the bounds are constants that the crate takes") }
    }

    /// Counts one, in nanoseconds.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.histogram.saturating_record(nanos);
    }

    /// How many.
    pub(crate) fn len(&self) -> u64 {
        self.histogram.len()
    }

    /// The quantile in milliseconds; none where nothing was counted.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        (!self.histogram.is_empty()).then(|| float(self.histogram.value_at_quantile(quantile)) / 1e6)
    }

    /// `p50 / p90 / p99 / max` in milliseconds.
    pub(crate) fn quartet(&self) -> String {
        let quantiles = [0.5, 0.9, 0.99, 1.0].map(|quantile| self.text(quantile));
        quantiles.join(" / ")
    }

    /// `p99 / max` in milliseconds of how late a load asked for its messages; marked where that is so much that measurements
    /// beside it, which leave it out, are too good.
    pub(crate) fn lateness(&self) -> String {
        let late_ms = LOAD_LATE_MAX.as_secs_f64() * 1e3;
        let mark = if self.quantile_ms(0.99).is_some_and(|ms| ms > late_ms) { " INVALID" } else { "" };
        format!("{} / {}{mark}", self.text(0.99), self.text(1.0))
    }

    /// One quantile in milliseconds, in words.
    pub(crate) fn text(&self, quantile: f64) -> String {
        self.quantile_ms(quantile).map_or_else(|| "none".into(), short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_told_in_milliseconds() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.quartet(), "none / none / none / none");
        (1..=100).for_each(|ms| latencies.record(ms * 1_000_000));
        assert_eq!(latencies.quartet(), "50.0 / 90.0 / 99.0 / 100");
        assert_eq!(latencies.lateness(), "99.0 / 100 INVALID");
    }

    #[test]
    fn a_load_that_keeps_its_times_is_valid() {
        let mut latencies = Latencies::new();
        (0..1_000).for_each(|_| latencies.record(1_000_000));
        latencies.record(50_000_000);
        assert_eq!(latencies.lateness(), "1.00 / 50.0");
    }
}
