//! What rolling asks of the brokers.

use crate::{
    AppendError, Stream,
    kafka::{client::Admin, error::Wrong, outcome, producers::Producers, shared::Shared, topics::roll},
};
use std::future::Future;

/// See the module.
pub(in crate::kafka) trait Brokers {
    /// See [`roll::roll_at_once`].
    fn roll_at_once(&self, streams: &[Stream], at_once: bool)
    -> impl Future<Output = Vec<Result<(), Wrong>>>;

    /// See [`roll::roll_now`].
    fn roll_now(&self, streams: &[Stream]) -> impl Future<Output = Result<Vec<bool>, Wrong>>;

    /// Writes a message without a value to each. An answer for each, in order.
    fn write_holes(&self, streams: &[Stream]) -> impl Future<Output = Vec<Result<(), AppendError>>>;
}

/// Those that there are.
pub(in crate::kafka) struct Real<'a> {
    pub(in crate::kafka) shared: &'a Shared,
    pub(in crate::kafka) producers: &'a Producers,
    pub(in crate::kafka) admin: &'a Admin,
}

impl Real<'_> {
    fn names(&self, streams: &[Stream]) -> Vec<String> {
        streams.iter().map(|stream| self.shared.names.of(*stream)).collect()
    }
}

impl Brokers for Real<'_> {
    async fn roll_at_once(&self, streams: &[Stream], at_once: bool) -> Vec<Result<(), Wrong>> {
        roll::roll_at_once(self.admin, &self.names(streams), at_once).await
    }

    async fn roll_now(&self, streams: &[Stream]) -> Result<Vec<bool>, Wrong> {
        let names = self.names(streams);
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        roll::roll_now(self.admin, &names).await
    }

    async fn write_holes(&self, streams: &[Stream]) -> Vec<Result<(), AppendError>> {
        let mut answers = Vec::with_capacity(streams.len());
        for stream in streams {
            let (waiter, answer) = tokio::sync::oneshot::channel();
            self.producers.shard(*stream).hole(self.shared, *stream, waiter);
            answers.push(answer);
        }
        let mut written = Vec::with_capacity(answers.len());
        for answer in answers {
            written.push(outcome::answer(answer).await.map(drop));
        }
        written
    }
}
