//! Time and chance, as arguments, so that tests decide them.

use kafkatalk_log::failpoints;
use kafkatalk_protocol::Timestamp;
use std::{fmt, sync::Arc, time::SystemTime};
use uuid::Uuid;

/// What a node asks the world for: the time, and new ids.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::from_fn(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let wrong = failpoints::value(failpoints::CLOCK).and_then(|seconds| seconds.parse().ok());
            let wrong: i64 = wrong.unwrap_or(0);
            let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(now.saturating_add(wrong.saturating_mul(1000)))
        })
    }

    /// A clock of the caller's making.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now) }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// A new id for a record: sorts by time, and never meets its like.
    pub fn record_id(&self) -> Uuid {
        let millis = u64::try_from(self.now().as_millis()).unwrap_or(0);
        let subsecond = u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, millis / 1000, subsecond))
    }
}
