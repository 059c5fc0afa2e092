//! Places at which tests make the program go wrong on purpose: to see that the checks notice, and that a process may die
//! at any instant. They are there in a build with the feature `failpoints` only; in every other build each of them is a
//! constant.
//!
//! The environment says which ones go off, and how often, as the crate [`fail`](https://docs.rs/fail) has it:
//! `FAILPOINTS="die-before-feed=5%return;clock=return(7200)"`.

/// A promise is broken from here on. Each of these must be caught by the checks.
pub mod broken {
    /// The resequencer hands out what comes, and drops what came too late.
    pub const RESEQUENCER: &str = "broken-resequencer";
    /// A message that comes again under the same id counts again.
    pub const DEDUP: &str = "broken-dedup";
    /// The sweep finds nothing.
    pub const SWEEP: &str = "broken-sweep";
    /// A message is acknowledged before it is in the log.
    pub const ACK_ORDER: &str = "broken-ack-order";
    /// A change of a message is acknowledged, and no device ever learns of it.
    pub const LOST_CHANGE: &str = "broken-lost-change";
    /// A change that comes again under the same id is applied again, over newer ones.
    pub const CHANGE_TWICE: &str = "broken-change-twice";
    /// Whoever is removed from a group goes on reading what is said there.
    pub const REMOVED_STAYS: &str = "broken-removed-stays";
    /// Whoever is added to a group sees all that was said before.
    pub const ADDED_SEES_ALL: &str = "broken-added-sees-all";
}

/// Something is lost that the design can do without. The checks must find every promise kept.
pub mod lossy {
    /// A record is not told to the feed.
    pub const FEED: &str = "lossy-feed";
}

/// The process ends here, as if it had been killed.
pub mod die {
    /// A record is durable, and the feed was not told.
    pub const BEFORE_FEED: &str = "die-before-feed";
    /// The feed was told, and the sender has no ack.
    pub const BEFORE_ACK: &str = "die-before-ack";
    /// The views have written a batch, and not committed it.
    pub const IN_VIEWS_COMMIT: &str = "die-in-views-commit";
    /// A conversation has its topic, and is in no ledger.
    pub const WHILE_CREATING: &str = "die-while-creating";
}

/// Seconds by which the node's clock is wrong.
pub const CLOCK: &str = "clock";

/// Whether a point goes off now.
#[cfg(feature = "failpoints")]
pub fn is_on(point: &str) -> bool {
    value(point).is_some()
}

/// What a point says, if it goes off now.
#[cfg(feature = "failpoints")]
pub fn value(point: &str) -> Option<String> {
    static READ: std::sync::Once = std::sync::Once::new();
    // Kept until the process ends: to drop it is to take all points back.
    READ.call_once(|| std::mem::forget(fail::FailScenario::setup()));
    fail::eval(point, Option::unwrap_or_default)
}

/// Ends the process if the point goes off now.
#[cfg(feature = "failpoints")]
pub fn die_if(point: &str) {
    if is_on(point) {
        tracing::warn!(point, "ending as if killed, as the environment asks");
        std::process::abort();
    }
}

/// Whether a point goes off now: never, in this build.
#[cfg(not(feature = "failpoints"))]
pub const fn is_on(_point: &str) -> bool {
    false
}

/// What a point says: nothing, in this build.
#[cfg(not(feature = "failpoints"))]
pub const fn value(_point: &str) -> Option<String> {
    None
}

/// Ends the process if the point goes off now: never, in this build.
#[cfg(not(feature = "failpoints"))]
pub const fn die_if(_point: &str) {}
