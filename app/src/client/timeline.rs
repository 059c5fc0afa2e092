//! The messages of one conversation that are in memory: a window of the log without holes.
//!
//! Every message names the one before it, so that the window can prove that nothing is missing in it. What arrives
//! beyond a hole waits in `ahead` and is not shown until history has filled the hole. A message that changed takes the
//! place of its earlier state; the [`Chain`] proves that no change is missing.

use super::{
    chain::{Chain, newer},
    limits::CHANGES_HELD_MAX,
};
use kafkatalk_protocol::{Message, Offset};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

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
    ahead: BTreeMap<Offset, Arc<Message>>,
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
    /// How far what is held is up to date.
    chain: Chain,
}

/// Whether `message` follows directly on what ends at `last`. `previous` may lie before `last`, where a record in
/// between was erased: between `previous` and the message there is nothing, and that is what counts.
fn follows(chain: &Chain, last: Option<Offset>, message: &Message) -> bool {
    Some(message.offset) > last && (message.previous <= last || chain.hidden(message.previous))
}

impl Timeline {
    /// The window.
    pub(super) fn window(&self) -> &VecDeque<Arc<Message>> {
        &self.window
    }

    /// The window, and what waits beyond a hole.
    pub(super) fn held(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.window.iter().chain(self.ahead.values())
    }

    /// The message at that offset, where it is in the window.
    pub(super) fn at(&self, offset: Offset) -> Option<&Arc<Message>> {
        let index = self.window.binary_search_by_key(&offset, |message| message.offset).ok()?;
        self.window.get(index)
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
        self.loaded && self.window.front().is_none_or(|first| self.is_first(first))
    }

    /// `before` of the page of older messages, where there are any.
    pub(super) fn earlier(&self) -> Option<Offset> {
        self.window.front().filter(|first| !self.is_first(first)).map(|first| first.offset)
    }

    fn is_first(&self, message: &Message) -> bool {
        message.previous.is_none() || self.chain.hidden(message.previous)
    }

    /// How far what is held is up to date.
    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The same, to tell it what was heard.
    pub(super) fn chain_mut(&mut self) -> &mut Chain {
        &mut self.chain
    }

    /// Whether a page that was read at that record can be taken: one of a node that lags is asked for again.
    pub(super) fn accepts(&self, through: Option<Offset>) -> bool {
        !self.chain.is_before_viewers_time(through) && (!self.loaded || self.chain.accepts(through))
    }

    /// `changed_after` of the page of changes to fetch by itself, where changes were missed.
    pub(super) fn changes_wanted(&self) -> Option<Offset> {
        let stays = self.loaded && !self.restart && self.sought.is_none();
        self.chain.applied().filter(|_| stays && self.chain.has_gap())
    }

    /// The page to fetch next by itself, where one is needed.
    pub(super) fn wanted(&self) -> Option<Forward> {
        if let Some(sought) = self.sought {
            Some(Forward::Around(sought))
        } else if !self.loaded || self.restart || (self.chain.applied().is_none() && self.chain.has_gap()) {
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

    /// A record was applied, and is a link of the chain.
    pub(super) fn link(&mut self, record: Offset, previous: Option<Offset>) {
        if self.loaded { self.chain.link(record, previous) } else { self.chain.heard_of(record) }
    }

    /// The same from a server of before the chain: its messages are all there is.
    pub(super) fn link_of(&mut self, message: &Message) {
        if self.loaded && message.previous <= self.chain.applied() {
            self.chain.raise(message.offset);
        }
    }

    /// A message arrived by itself, new or changed.
    pub(super) fn offer(&mut self, message: Arc<Message>, ahead_max: usize) {
        self.heard_of(message.offset);
        self.chain.remember(&message, CHANGES_HELD_MAX);
        // One that is not held and comes late may have changed since: history brings it in a state that counts.
        let late = self.loaded && self.chain.may_have_passed(message.revision());
        if self.update(&message) || self.detached || late {
            return;
        }
        let message = self.chain.present(message);
        if !self.loaded || self.restart {
            self.put_ahead(message, ahead_max);
        } else if follows(&self.chain, self.last(), &message) {
            self.window.push_back(message);
            self.join_ahead();
        } else if Some(message.offset) > self.last() {
            self.put_ahead(message, ahead_max);
        }
    }

    /// Where the message is held, its later state stays. False where it is not held.
    fn update(&mut self, message: &Arc<Message>) -> bool {
        let place = self.window.binary_search_by_key(&message.offset, |held| held.offset).ok();
        let in_window = place.and_then(|index| self.window.get_mut(index));
        let ahead = self.ahead.get_mut(&message.offset);
        let mut held = false;
        for place in in_window.into_iter().chain(ahead) {
            *place = newer(place, message);
            held = true;
        }
        held
    }

    fn put_ahead(&mut self, message: Arc<Message>, ahead_max: usize) {
        self.ahead.insert(message.offset, message);
        // The farthest goes: it is the last that could be joined, and `latest` remembers that it exists.
        if self.ahead.len() > ahead_max {
            self.ahead.pop_last();
        }
    }

    fn join_ahead(&mut self) {
        loop {
            let last = self.last();
            let Some((nearest, message)) = self.ahead.first_key_value() else { break };
            let (nearest, fits) = (*nearest, follows(&self.chain, last, message));
            if Some(nearest) > last && !fits {
                break;
            }
            let message = self.ahead.remove(&nearest);
            if fits {
                self.window.extend(message);
            }
        }
        if self.whole() && !self.chain.has_gap() {
            self.fill_pages = 0;
        }
    }

    /// The newest page came, as it was at that record. False where it is older than what is here: a node that lags.
    pub(super) fn place_latest(&mut self, page: Vec<Arc<Message>>, through: Option<Offset>) -> bool {
        let end = page.last().map(|message| message.offset);
        if end < self.last() && (through.is_none() || through < self.chain.applied()) {
            return false;
        }
        self.replace(page, through);
        // Nothing that is held lies before the page, and what lies after it came later.
        if let Some(record) = through.or(end) {
            self.chain.skip_to(record);
        }
        self.detached = false;
        self.join_ahead();
        true
    }

    /// Puts a page in place of the window.
    fn replace(&mut self, mut page: Vec<Arc<Message>>, through: Option<Offset>) {
        if !self.loaded {
            self.chain.begin(through.or(page.last().map(|message| message.offset)));
        }
        self.chain.bring_up_to_date(&mut page);
        let held = std::mem::take(&mut self.window);
        for mut message in page {
            if let Ok(index) = held.binary_search_by_key(&message.offset, |held| held.offset)
                && let Some(held) = held.get(index)
            {
                message = newer(&message, held);
            }
            self.heard_of(message.offset);
            if !self.window.is_empty() && !follows(&self.chain, self.last(), &message) {
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

    /// It is not wanted any more.
    pub(super) fn give_up_seeking(&mut self) {
        self.sought = None;
    }

    /// The page around the message that is sought came. The window ends with it, and does not follow the log.
    pub(super) fn place_around(&mut self, page: Vec<Arc<Message>>, through: Option<Offset>) {
        self.replace(page, through);
        self.sought = None;
        self.detach(usize::MAX);
    }

    /// A page after the window came; `end` says that nothing follows it. False where it brought nothing.
    pub(super) fn place_after(&mut self, mut page: Vec<Arc<Message>>, end: bool, ahead_max: usize) -> bool {
        let before = self.last();
        self.chain.bring_up_to_date(&mut page);
        for message in page {
            self.heard_of(message.offset);
            if self.update(&message) {
                continue;
            }
            if follows(&self.chain, self.last(), &message) {
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
    pub(super) fn place_before(&mut self, mut page: Vec<Arc<Message>>) -> bool {
        let before = self.window.len();
        let empty = page.is_empty();
        self.chain.bring_up_to_date(&mut page);
        for message in page.into_iter().rev() {
            let Some(first) = self.window.front() else { break };
            if message.offset < first.offset && follows(&self.chain, Some(message.offset), first) {
                self.window.push_front(message);
            }
        }
        if empty && let Some(first) = self.window.front_mut() {
            // What stood there was erased since.
            Arc::make_mut(first).previous = None;
        }
        empty || before != self.window.len()
    }

    /// A page of changes came; `next` is where the following one begins, `through` the record that it goes up to. False
    /// where it did not lead on: a node that lags.
    pub(super) fn place_changes(
        &mut self,
        page: Vec<Arc<Message>>,
        (next, through): (Option<Offset>, Option<Offset>),
        ahead_max: usize,
    ) -> bool {
        for message in page {
            self.offer(message, ahead_max);
        }
        self.fill_pages += u32::from(next.is_some());
        let leads_on = self.chain.page_applied(next, through);
        if self.whole() && !self.chain.has_gap() {
            self.fill_pages = 0;
        }
        leads_on
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

    /// What was missed takes too many pages.
    pub(super) fn give_up_filling(&self, pages_max: u32) -> bool {
        self.fill_pages >= pages_max && (!self.whole() || self.chain.has_gap())
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
mod tests;
