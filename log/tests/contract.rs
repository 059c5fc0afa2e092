//! The contract suite: what every adapter of the port promises, one test for each promise.
//!
//! An adapter supplies a [`Harness`] and says `contract_suite!(ItsHarness);` in a file of its own beside this one; each
//! promise is then a `#[test]` there. To add a promise: write it in a module below, as an `async fn` that takes the
//! harness, and name it in the list of [`contract_suite`].

// Each adapter's file compiles this module anew.
#![expect(unreachable_pub, reason = "a module of several test binaries: what is public here is for them")]

pub mod appends;
pub mod child;
pub mod erasure;
pub mod hostile;
pub mod identity;
pub mod level;
pub mod manifest;
pub mod many;
pub mod model;
pub mod reads;
pub mod signals;
pub mod support;
pub mod tails;

use kafkatalk_log::{EventLog, FEATURE_LEVEL, Ledger, Level};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longest that one test may take, the start of a broker included.
const TEST_MAX: Duration = Duration::from_mins(10);

/// One log for one test, empty at first. Dropping it cleans up.
pub trait Harness: Send + Sync + Sized + 'static {
    /// How much work the heavier tests do on this adapter.
    const SIZES: Sizes;

    /// Bound on the time from an erasure until the content is gone from reads and from the files.
    const FORGETS_WITHIN: Duration;

    /// Path of the `child_process` that [`contract_suite`] made for this harness.
    const CHILD: &'static str = "child_process";

    /// Makes an empty place for a log of that test alone.
    fn new(test: &str) -> impl Future<Output = Self>;

    /// Opens the log, for the first time or again after [`EventLog::close`] or the death of its process.
    fn open(&self) -> impl Future<Output = Arc<dyn EventLog>>;

    /// Where the log is, for [`Harness::open_at`] in another process.
    fn location(&self) -> String;

    /// The folders that hold the log's files, if this machine has them: where erased content must be gone from.
    fn files(&self) -> Vec<PathBuf>;

    /// Opens, in a child process, the log that the parent's harness made.
    fn open_at(location: &str) -> impl Future<Output = Arc<dyn EventLog>>;
}

/// A version of the program.
#[derive(Clone, Debug)]
pub struct Version {
    /// The ledgers that it uses.
    pub ledgers: Vec<Ledger>,
    /// The highest feature level that it knows.
    pub level: Level,
}

impl Version {
    /// This one.
    pub fn this() -> Self {
        Self { ledgers: Ledger::ALL.into(), level: FEATURE_LEVEL }
    }

    /// One that knows another level.
    pub fn of_level(level: u32) -> Self {
        Self { level: Level(level), ..Self::this() }
    }
}

/// What tests do to a log from outside, or as another version of the program would.
pub trait Tampering: Harness {
    /// Opens it as that version.
    fn open_as(&self, version: &Version) -> impl Future<Output = Arc<dyn EventLog>>;

    /// Tries to open it as that version, and waits until it is refused with a reason that has all of this in it.
    fn refused(&self, version: &Version, reason: &[&str]) -> impl Future<Output = ()>;

    /// Removes a ledger from the closed log, with all that was in it.
    fn lose(&self, ledger: Ledger) -> impl Future<Output = ()>;

    /// Removes the manifest from the closed log: it is then as versions wrote it that knew of none.
    fn lose_manifest(&self) -> impl Future<Output = ()>;
}

/// How much work the heavier tests do.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Streams of the test with many streams: 10,000, unless the adapter needs that one to be run by itself.
    pub streams: usize,
    /// Records of the tests with many records.
    pub records: usize,
    /// Appends that are begun at once, more than the log's queue takes where that is feasible.
    pub flood: usize,
    /// Times that a process is killed.
    pub kills: usize,
    /// Records that are erased and looked for in the files.
    pub erasures: usize,
    /// Cases of random work.
    pub cases: u32,
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
            appends::every_ledger_is_a_stream_of_its_own,
            appends::any_id_names_a_conversation,
            appends::preparing_a_stream_twice_changes_nothing_in_it,
            appends::a_record_past_the_limit_is_refused_and_not_written,
            appends::what_was_appended_is_there_after_opening_again,
            appends::an_append_that_nobody_waits_for_is_written_once_or_not_at_all,
            appends::an_append_in_a_race_with_close_says_truly_what_became_of_it,
            appends::records_of_the_same_message_are_both_kept,
            appends::a_closed_log_refuses_appends_and_ends_its_tails,
            reads::pages_lead_through_a_stream_to_its_end,
            reads::a_read_begins_at_any_offset,
            reads::a_read_from_the_end_or_beyond_is_empty,
            reads::a_page_of_large_records_ends_early_and_leads_on,
            reads::a_read_sees_every_append_that_returned_before_it,
            hostile::any_json_is_kept_to_the_letter,
            hostile::any_kind_and_key_is_kept_to_the_letter,
            hostile::any_id_author_and_time_is_kept,
            tails::a_tail_of_an_empty_log_has_caught_up_at_once,
            tails::a_tail_hands_out_what_was_appended_before_and_after_it_was_opened,
            tails::a_tail_continues_from_any_checkpoint,
            tails::who_has_come_to_the_ends_holds_all_that_was_in_the_ledgers,
            identity::a_log_is_the_same_after_opening_again,
            identity::another_log_has_another_identity,
            identity::a_log_of_a_version_without_identities_gets_one_and_keeps_it,
            identity::a_closed_log_does_not_say_which_it_is,
            level::the_level_rises_by_itself_and_stays,
            level::a_version_that_does_not_know_the_level_is_refused_and_changes_nothing,
            manifest::a_ledger_that_never_was_is_created_in_a_log_with_records,
            manifest::a_ledger_that_was_and_is_gone_is_refused,
            manifest::a_log_without_a_manifest_keeps_what_it_has_and_misses_it_from_then_on,
            manifest::a_ledger_that_is_not_used_is_kept,
            signals::every_subscriber_hears_what_is_published_from_then_on,
            signals::a_subscriber_that_does_not_read_delays_nobody_and_loses_the_oldest,
            signals::a_signal_past_the_limit_is_dropped_and_the_next_is_heard,
            signals::subscriptions_end_with_the_log,
            many::many_writers_and_several_tails_agree_on_one_order,
            many::a_reader_that_is_broken_off_and_begins_again_misses_and_repeats_nothing,
            many::a_wait_for_the_tail_that_is_cancelled_loses_nothing,
            many::a_tail_that_is_not_read_holds_up_nobody_and_misses_nothing,
            many::a_flood_of_appends_is_taken_or_refused_and_never_half,
            many::ten_thousand_streams_are_followed_as_one,
            erasure::an_erased_record_becomes_a_hole_and_a_record_says_so,
            erasure::several_records_of_a_stream_are_erased_together,
            erasure::a_page_that_begins_at_a_hole_goes_on_behind_it,
            erasure::a_tail_steps_over_what_was_erased,
            erasure::a_live_tail_hears_of_an_erasure,
            erasure::what_was_erased_stays_erased_after_opening_again,
            erasure::erasing_what_is_not_there_changes_nothing_else,
            erasure::erased_content_is_gone_from_the_files,
            child::what_was_acknowledged_outlives_a_killed_process,
            child::a_tail_continues_where_it_was_when_the_process_was_killed,
            model::random_work_agrees_with_a_model,
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
