//! The messages of one conversation that are in memory: a window of the log without holes.
//!
//! Every message names the one before it, so that the window can prove that nothing is missing in it. What arrives
//! beyond a hole waits in `ahead` and is not shown until history has filled the hole.

use super::Map;
use kafkatalk_protocol::{Message, Offset};
use std::{collections::VecDeque, sync::Arc};

/// A page of history as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forward {
    /// The newest page: nothing is in memory, or the window is given up for the newest messages.
    Latest,
    /// What follows the window.
    After(Option<Offset>),
    /// What is around that offset, in place of the window.
    Around(Offset),
}

/// A window of the log.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    window: VecDeque<Arc<Message>>,
    /// Whether the window means anything: an empty one then means that the log is empty.
    loaded: bool,
    /// Beyond a hole, or before the first page came.
    ahead: Map<Offset, Arc<Message>>,
    /// The newest offset heard of.
    latest: Option<Offset>,
    /// The window does not follow the log: newer messages are fetched when asked for.
    detached: bool,
    /// The newest page is wanted in place of the window.
    restart: bool,
    /// What is around that message is wanted in place of the window.
    sought: Option<Offset>,
    /// Pages fetched for the hole being filled.
    fill_pages: u32,
}

/// Whether `message` follows directly on what ends at `last`. `previous` may lie before `last`, where a record in
/// between was erased: between `previous` and the message there is nothing, and that is what counts.
fn follows(last: Option<Offset>, message: &Message) -> bool {
    Some(message.offset) > last && message.previous <= last
}

impl Timeline {
    /// The window.
    pub(super) fn window(&self) -> &VecDeque<Arc<Message>> {
        &self.window
    }

    /// The offset of the last message of the window.
    pub(super) fn last(&self) -> Option<Offset> {
        self.window.back().map(|message| message.offset)
    }

    /// Whether a first page is there.
    pub(super) fn loaded(&self) -> bool {
        self.loaded
    }

    /// Whether the window ends before the log's end, and does not follow it.
    pub(super) fn detached(&self) -> bool {
        self.detached
    }

    /// Whether the window holds everything that was heard of at its end.
    pub(super) fn whole(&self) -> bool {
        self.loaded && !self.detached && !self.restart && self.ahead.is_empty() && self.latest <= self.last()
    }

    /// Whether the window begins where the log begins.
    pub(super) fn has_beginning(&self) -> bool {
        self.loaded && self.window.front().is_none_or(|first| first.previous.is_none())
    }

    /// `before` of the page of older messages, where there are any.
    pub(super) fn earlier(&self) -> Option<Offset> {
        self.window.front().filter(|first| first.previous.is_some()).map(|first| first.offset)
    }

    /// The page to fetch next by itself, where one is needed.
    pub(super) fn wanted(&self) -> Option<Forward> {
        if let Some(sought) = self.sought {
            Some(Forward::Around(sought))
        } else if !self.loaded || self.restart {
            Some(Forward::Latest)
        } else if self.detached || self.whole() {
            None
        } else {
            Some(Forward::After(self.last()))
        }
    }

    /// There is a message at that offset.
    pub(super) fn heard_of(&mut self, offset: Offset) {
        self.latest = self.latest.max(Some(offset));
    }

    /// A message arrived by itself.
    pub(super) fn offer(&mut self, message: Arc<Message>, ahead_max: usize) {
        self.heard_of(message.offset);
        if self.detached {
            return;
        }
        if !self.loaded || self.restart {
            self.put_ahead(message, ahead_max);
        } else if follows(self.last(), &message) {
            self.window.push_back(message);
            self.join_ahead();
        } else if Some(message.offset) > self.last() {
            self.put_ahead(message, ahead_max);
        }
    }

    fn put_ahead(&mut self, message: Arc<Message>, ahead_max: usize) {
        self.ahead.insert(message.offset, message);
        // The farthest goes: it is the last that could be joined, and `latest` remembers that it exists.
        if self.ahead.len() > ahead_max
            && let Some(farthest) = self.ahead.last().map(|(offset, _)| *offset)
        {
            self.ahead.remove(&farthest);
        }
    }

    fn join_ahead(&mut self) {
        loop {
            let last = self.last();
            let Some((nearest, message)) = self.ahead.first() else { break };
            let (nearest, fits) = (*nearest, follows(last, message));
            if Some(nearest) > last && !fits {
                break;
            }
            let message = self.ahead.remove(&nearest);
            if fits {
                self.window.extend(message);
            }
        }
        if self.whole() {
            self.fill_pages = 0;
        }
    }

    /// The newest page came. False where it is older than what is here: a node that lags.
    pub(super) fn place_latest(&mut self, page: Vec<Arc<Message>>) -> bool {
        if page.last().map(|message| message.offset) < self.last() {
            return false;
        }
        self.replace(page);
        self.detached = false;
        self.join_ahead();
        true
    }

    /// Puts a page in place of the window.
    fn replace(&mut self, page: Vec<Arc<Message>>) {
        self.window.clear();
        for message in page {
            self.heard_of(message.offset);
            if !self.window.is_empty() && !follows(self.last(), &message) {
                // A page with a hole proves only what comes after it.
                self.window.clear();
            }
            self.window.push_back(message);
        }
        self.loaded = true;
        self.restart = false;
        self.fill_pages = 0;
    }

    /// Whether a message is sought that is not in the window.
    pub(super) fn seeks(&self) -> bool {
        self.sought.is_some()
    }

    /// Wants the message at that offset in the window. What is in memory is shown until it comes.
    pub(super) fn seek(&mut self, offset: Offset) {
        let here =
            self.window.front().is_some_and(|first| first.offset <= offset) && Some(offset) <= self.last();
        self.sought = (!here).then_some(offset);
        self.restart = false;
    }

    /// The page around the message that is sought came. The window ends with it, and does not follow the log.
    pub(super) fn place_around(&mut self, page: Vec<Arc<Message>>) {
        self.replace(page);
        self.sought = None;
        self.detach(usize::MAX);
    }

    /// A page after the window came; `end` says that nothing follows it. False where it brought nothing.
    pub(super) fn place_after(&mut self, page: Vec<Arc<Message>>, end: bool, ahead_max: usize) -> bool {
        let before = self.last();
        for message in page {
            self.heard_of(message.offset);
            if follows(self.last(), &message) {
                self.window.push_back(message);
            } else if Some(message.offset) > self.last() && !self.detached {
                self.put_ahead(message, ahead_max);
            }
        }
        if self.detached && end && self.latest <= self.last() {
            self.detached = false;
        }
        if !self.detached {
            self.fill_pages += u32::from(before != self.last());
            self.join_ahead();
        }
        before != self.last()
    }

    /// A page before the window came.
    pub(super) fn place_before(&mut self, page: Vec<Arc<Message>>) -> bool {
        let before = self.window.len();
        let empty = page.is_empty();
        for message in page.into_iter().rev() {
            let Some(first) = self.window.front() else { break };
            if message.offset < first.offset && follows(Some(message.offset), first) {
                self.window.push_front(message);
            }
        }
        if empty && let Some(first) = self.window.front_mut() {
            // What stood there was erased since.
            Arc::make_mut(first).previous = None;
        }
        empty || before != self.window.len()
    }

    /// Keeps the memory bounded. A reader at the end lets the oldest go; any other keeps the place, and what is
    /// farthest from it goes.
    pub(super) fn trim(&mut self, max: usize, at_end: bool) {
        if self.window.len() <= max {
            return;
        }
        if at_end || self.detached {
            // Some room, so that not every message trims; a detached window grew at its end.
            let keep = max - max / 8;
            self.window.drain(..self.window.len() - keep);
        } else {
            self.detach(max);
        }
    }

    /// The same for a reader who asked for older messages.
    pub(super) fn trim_end(&mut self, max: usize) {
        if self.window.len() > max {
            self.detach(max);
        }
    }

    /// Drops what is beyond the first `max` messages and stops following the log.
    pub(super) fn detach(&mut self, max: usize) {
        self.window.truncate(max);
        self.detached = true;
        self.ahead.clear();
        self.fill_pages = 0;
    }

    /// The hole takes too many pages.
    pub(super) fn give_up_filling(&self, pages_max: u32) -> bool {
        self.fill_pages >= pages_max && !self.whole()
    }

    /// The newest messages are wanted; what is in memory is shown until they come.
    pub(super) fn restart(&mut self) {
        self.restart = true;
        self.sought = None;
        self.fill_pages = 0;
        self.detached = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::{Body, ConversationId, MessageId, Timestamp, User, UserId};
    use proptest::prelude::*;
    use uuid::Uuid;

    const AHEAD_MAX: usize = 3;
    const WINDOW_MAX: usize = 12;

    /// A log whose offsets have gaps where nobody sees the records.
    fn log(gaps: &[u64]) -> Vec<Arc<Message>> {
        let mut log: Vec<Arc<Message>> = Vec::new();
        for gap in gaps {
            let previous = log.last().map(|last| last.offset);
            let offset = Offset(previous.map_or(0, |previous| previous.0 + 1) + gap);
            let (conversation, id) =
                (ConversationId(Uuid::nil()), MessageId(Uuid::from_u128(offset.0.into())));
            let sender = User { id: UserId(Uuid::nil()), username: "somebody".parse().unwrap() };
            let body = Body::parse("text").unwrap();
            let message = Message::new(conversation, offset, id, sender, Timestamp::default(), body);
            log.push(Arc::new(Message { previous, ..message }));
        }
        log
    }

    fn is_part_of(timeline: &Timeline, log: &[Arc<Message>]) -> bool {
        let window: Vec<_> = timeline.window().iter().cloned().collect();
        window.is_empty() || log.windows(window.len()).any(|part| part == window)
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Offer(prop::sample::Index),
        HearOf(prop::sample::Index),
        Latest(prop::sample::Index, usize),
        After(usize),
        Before(usize),
        Trim(bool),
        Restart,
        Seek(prop::sample::Index),
        Around(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let index = any::<prop::sample::Index>;
        prop_oneof![
            6 => index().prop_map(Step::Offer),
            1 => index().prop_map(Step::HearOf),
            2 => (index(), 1..5_usize).prop_map(|(end, limit)| Step::Latest(end, limit)),
            3 => (1..5_usize).prop_map(Step::After),
            2 => (1..5_usize).prop_map(Step::Before),
            1 => any::<bool>().prop_map(Step::Trim),
            1 => Just(Step::Restart),
            1 => index().prop_map(Step::Seek),
            2 => (1..5_usize).prop_map(Step::Around),
        ]
    }

    fn take(timeline: &mut Timeline, log: &[Arc<Message>], step: Step) {
        let after =
            |timeline: &Timeline| log.partition_point(|message| Some(message.offset) <= timeline.last());
        match step {
            Step::Offer(index) => timeline.offer(index.get(log).clone(), AHEAD_MAX),
            Step::HearOf(index) => timeline.heard_of(index.get(log).offset),
            Step::Latest(end, limit) => {
                // A node may lag: its log ends earlier.
                let end = end.index(log.len()) + 1;
                timeline.place_latest(log[end.saturating_sub(limit)..end].to_vec());
            }
            Step::After(limit) if timeline.loaded() => {
                let start = after(timeline);
                let end = (start + limit).min(log.len());
                timeline.place_after(log[start..end].to_vec(), end == log.len(), AHEAD_MAX);
            }
            Step::Before(limit) => {
                if let Some(earlier) = timeline.earlier() {
                    let end = log.partition_point(|message| message.offset < earlier);
                    timeline.place_before(log[end.saturating_sub(limit)..end].to_vec());
                    timeline.trim_end(WINDOW_MAX);
                }
            }
            Step::Trim(at_end) => timeline.trim(WINDOW_MAX, at_end),
            Step::Restart => timeline.restart(),
            Step::Seek(index) => timeline.seek(index.get(log).offset),
            Step::Around(limit) => {
                if let Some(Forward::Around(sought)) = timeline.wanted() {
                    let end = log.partition_point(|message| message.offset <= sought);
                    let end = (end + limit / 2).min(log.len());
                    timeline.place_around(log[end.saturating_sub(limit)..end].to_vec());
                    assert!(timeline.window().iter().any(|message| message.offset == sought));
                }
            }
            Step::After(_) => {}
        }
    }

    proptest! {
        #[test]
        fn whatever_arrives_in_whatever_order_the_window_has_no_hole(
            gaps in prop::collection::vec(0..3_u64, 1..40),
            steps in prop::collection::vec(step(), 0..60),
        ) {
            let log = log(&gaps);
            let mut timeline = Timeline::default();
            for step in steps {
                take(&mut timeline, &log, step);
                prop_assert!(is_part_of(&timeline, &log), "after {step:?}: {:?}", timeline.window());
                prop_assert!(timeline.ahead.len() <= AHEAD_MAX);
            }
        }

        #[test]
        fn fetching_what_is_wanted_leads_to_the_end_of_the_log(
            gaps in prop::collection::vec(0..3_u64, 1..40),
            steps in prop::collection::vec(step(), 0..60),
        ) {
            let log = log(&gaps);
            let mut timeline = Timeline::default();
            for step in steps {
                take(&mut timeline, &log, step);
            }
            timeline.restart();
            timeline.heard_of(log[log.len() - 1].offset);
            for _ in 0..=log.len() {
                match timeline.wanted() {
                    Some(Forward::Latest) => {
                        timeline.place_latest(log[log.len().saturating_sub(4)..].to_vec());
                    }
                    Some(Forward::After(_)) => take(&mut timeline, &log, Step::After(3)),
                    Some(Forward::Around(_)) => prop_assert!(false, "restarting gives up what was sought"),
                    None => break,
                }
            }
            prop_assert!(timeline.whole());
            prop_assert_eq!(timeline.last(), log.last().map(|last| last.offset));
        }
    }
}
