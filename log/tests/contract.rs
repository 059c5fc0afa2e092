//! The contract suite: what every adapter of the port promises, one test for each promise.
//!
//! An adapter supplies a [`Harness`] and says `contract_suite!(ItsHarness);` in a file of its own beside this one; each
//! promise is then a `#[test]` there. To add a promise: write it in a module below, as an `async fn` that takes the
//! harness, and name it in the list of [`contract_suite`].

// Each adapter's file compiles this module anew, and none uses all of it.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test binaries: what is public here is for them"
)]

pub mod appends;
pub mod child;
pub mod support;
pub mod tails;

use kafkatalk_log::EventLog;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// Longest that one test may take, the start of a broker included.
const TEST_MAX: Duration = Duration::from_mins(3);

/// One log for one test, empty at first. Dropping it cleans up.
pub trait Harness: Sized + 'static {
    /// How much work the heavier tests do on this adapter.
    const SIZES: Sizes;

    /// Makes an empty place for a log of that test alone.
    fn new(test: &str) -> impl Future<Output = Self>;

    /// Opens the log, for the first time or again after [`EventLog::close`] or the death of its process.
    fn open(&self) -> impl Future<Output = Arc<dyn EventLog>>;

    /// Where the log is, for [`Harness::open_at`] in another process.
    fn location(&self) -> String;

    /// Opens, in a child process, the log that the parent's harness made.
    fn open_at(location: &str) -> impl Future<Output = Arc<dyn EventLog>>;
}

/// How much work the heavier tests do.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Streams of the test with many streams: 10,000, unless the adapter needs that one to be run by itself.
    pub streams: usize,
    /// Records of the tests with many records.
    pub records: usize,
}

/// Runs one test of the suite.
pub fn run<H: Harness>(name: &str, test: impl AsyncFnOnce(H)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let limited = tokio::time::timeout(TEST_MAX, async { test(H::new(name).await).await });
        assert!(limited.await.is_ok(), "{name} took longer than {TEST_MAX:?}");
    });
}

/// Makes a `#[test]` of each promise, for the harness of one adapter.
macro_rules! contract_suite {
    ($harness:ty) => {
        $crate::contract::contract_suite! { $harness:
            appends::a_stream_counts_its_offsets_from_zero,
            appends::what_was_appended_is_read_back_to_the_letter,
            appends::a_stream_that_was_never_written_to_reads_as_empty,
            appends::records_of_the_same_message_are_both_kept,
            appends::a_closed_log_refuses_appends_and_ends_its_tails,
            tails::a_tail_of_an_empty_log_has_caught_up_at_once,
            tails::a_tail_hands_out_what_was_appended_before_and_after_it_was_opened,
            tails::a_tail_continues_from_any_checkpoint,
            child::what_was_acknowledged_outlives_a_killed_process,
        }

        /// Not a test of its own: what other tests run in a process that they kill.
        #[test]
        #[ignore = "run by other tests, in a process of its own"]
        fn child_process() {
            $crate::contract::child::main::<$harness>();
        }
    };
    ($harness:ty: $($module:ident::$name:ident),+ $(,)?) => {$(
        #[test]
        fn $name() {
            $crate::contract::run::<$harness>(stringify!($name), $crate::contract::$module::$name::<$harness>);
        }
    )+};
}
pub(crate) use contract_suite;
