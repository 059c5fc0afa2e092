//! When each message was asked for, acknowledged and received.

use crate::latency::Latencies;
use crate::number::nanos;
use std::{
    ops::Range,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Nanoseconds since the run began; 0 for not yet.
type Moment = AtomicU64;

/// A run's moments, by the numbers of its messages.
pub(crate) struct Times {
    zero: Instant,
    asked: Vec<Moment>,
    acked: Vec<Moment>,
    received: Vec<Moment>,
    /// Nanoseconds from when each was due until it was asked for.
    late: Vec<AtomicU64>,
    has_acks: bool,
    owed: AtomicUsize,
    settled: Notify,
}

impl Times {
    /// Room for that many messages; `has_acks` says whether each is owed an ack beside its delivery.
    pub(crate) fn new(messages: usize, has_acks: bool) -> Self {
        let moments = || (0..messages).map(|_| Moment::new(0)).collect();
        Self {
            zero: Instant::now(),
            asked: moments(),
            acked: moments(),
            received: moments(),
            late: moments(),
            has_acks,
            owed: AtomicUsize::new(0),
            settled: Notify::new(),
        }
    }

    /// For how many messages there is room.
    pub(crate) fn len(&self) -> usize {
        self.asked.len()
    }

    /// The message is handed to its sender's client now; it was due so long ago.
    pub(crate) fn asked(&self, number: usize, late: Duration) {
        if self.mark(&self.asked, number) {
            if let Some(of_this) = self.late.get(number) {
                of_this.store(nanos(late), Ordering::Relaxed);
            }
            self.owed.fetch_add(1 + usize::from(self.has_acks), Ordering::Relaxed);
        }
    }

    /// Its sender's client has the ack now. Only the first time counts.
    pub(crate) fn acked(&self, number: usize) {
        if self.mark(&self.acked, number) {
            self.settle_one();
        }
    }

    /// The peer's client has it now. Only the first time counts.
    pub(crate) fn received(&self, number: usize) {
        if self.mark(&self.received, number) {
            self.settle_one();
        }
    }

    /// Waits until every message has everything that it is owed.
    pub(crate) async fn settled(&self) {
        loop {
            let settled = self.settled.notified();
            if self.owed.load(Ordering::Relaxed) == 0 {
                return;
            }
            settled.await;
        }
    }

    /// How long the messages of a range took from asking to delivery.
    pub(crate) fn end_to_end(&self, numbers: Range<usize>) -> Latencies {
        self.between(numbers, &self.received)
    }

    /// How long they took from asking to the ack.
    pub(crate) fn to_ack(&self, numbers: Range<usize>) -> Latencies {
        self.between(numbers, &self.acked)
    }

    /// How long it took from asking for the first of a range until the last that was received of it had come.
    pub(crate) fn span(&self, numbers: Range<usize>) -> Option<Duration> {
        let known = |moments: &[Moment]| -> Vec<u64> {
            let moments = moments[numbers.clone()].iter().map(|moment| moment.load(Ordering::Relaxed));
            moments.filter(|moment| *moment > 0).collect()
        };
        let (first, last) = (known(&self.asked).into_iter().min()?, known(&self.received).into_iter().max()?);
        Some(Duration::from_nanos(last.saturating_sub(first)))
    }

    /// How late the messages of a range were asked for. The timer ticks in milliseconds: up to one of them is usual.
    pub(crate) fn late(&self, numbers: Range<usize>) -> Latencies {
        let mut latencies = Latencies::new();
        self.late[numbers].iter().for_each(|late| latencies.record(late.load(Ordering::Relaxed)));
        latencies
    }

    /// How many messages of a range were acknowledged and how many were received.
    pub(crate) fn counts(&self, numbers: Range<usize>) -> (u64, u64) {
        (self.to_ack(numbers.clone()).len(), self.end_to_end(numbers).len())
    }

    /// How long after `since` everything was acknowledged that had been asked for until then; none if it never was.
    pub(crate) fn recovered_after(&self, since: Instant) -> Option<Duration> {
        let since = nanos(since.saturating_duration_since(self.zero));
        let mut last = since;
        for (asked, acked) in self.asked.iter().zip(&self.acked) {
            if (1..=since).contains(&asked.load(Ordering::Relaxed)) {
                let ack = acked.load(Ordering::Relaxed);
                last = last.max((ack > 0).then_some(ack)?);
            }
        }
        Some(Duration::from_nanos(last - since))
    }

    fn between(&self, numbers: Range<usize>, end: &[Moment]) -> Latencies {
        let mut latencies = Latencies::new();
        for number in numbers {
            let moment =
                |moments: &[Moment]| moments.get(number).map_or(0, |moment| moment.load(Ordering::Relaxed));
            let (asked, end) = (moment(&self.asked), moment(end));
            if asked > 0 && end > 0 {
                latencies.record(end.saturating_sub(asked));
            }
        }
        latencies
    }

    /// Writes down now; whether it was the first time.
    fn mark(&self, moments: &[Moment], number: usize) -> bool {
        let now = nanos(self.zero.elapsed()).max(1);
        let moment = moments.get(number);
        moment.is_some_and(|m| m.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_ok())
    }

    /// One more answer is owed that has no times of its own.
    pub(crate) fn owe_one(&self) {
        self.owed.fetch_add(1, Ordering::Relaxed);
    }

    /// One of what is owed has come.
    pub(crate) fn settle_one(&self) {
        if self.owed.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.settled.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_message_is_settled_when_it_is_acknowledged_and_received() {
        let times = Times::new(1, true);
        times.asked(0, Duration::ZERO);
        times.received(0);
        times.received(0);
        assert!(times.settled().now_or_never().is_none());
        times.acked(0);
        assert!(times.settled().now_or_never().is_some());
        assert_eq!(times.counts(0..1), (1, 1));
    }

    #[test]
    fn what_is_owed_beside_messages_is_waited_for() {
        let times = Times::new(1, true);
        times.owe_one();
        assert!(times.settled().now_or_never().is_none());
        times.settle_one();
        assert!(times.settled().now_or_never().is_some());
    }

    #[test]
    fn a_message_that_never_came_has_no_latency() {
        let times = Times::new(2, true);
        times.asked(0, Duration::ZERO);
        times.asked(1, Duration::ZERO);
        times.received(1);
        assert_eq!(times.counts(0..2), (0, 1));
    }

    #[test]
    fn recovered_is_who_has_an_ack_for_all_that_was_asked_before() {
        let times = Times::new(2, true);
        times.asked(0, Duration::ZERO);
        let over = Instant::now();
        assert_eq!(times.recovered_after(over), None);
        times.acked(0);
        // Asked for later: not counted.
        times.asked(1, Duration::ZERO);
        assert!(times.recovered_after(over).is_some());
    }

    #[test]
    fn what_the_load_holds_back_is_told_beside_the_latency() {
        let times = Times::new(2, false);
        times.asked(0, Duration::from_millis(200));
        times.received(0);
        assert!(times.end_to_end(0..2).quantile_ms(1.0).unwrap() < 200.0);
        assert!((times.late(0..1).quantile_ms(1.0).unwrap() - 200.0).abs() < 1.0);
    }
}
