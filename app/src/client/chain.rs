//! How far the records of a conversation have been applied to what is held of it.
//!
//! Every record that members can see is a link of one chain: a frame about a record names the record before it. Whoever
//! has applied that one misses nothing in between. What was missed is fetched by `changed_after`.
//!
//! A page of history may be older than what the live frames have brought since it was read. The changes of a while are
//! remembered, so that such a page is brought up to date instead of being asked for again.

use super::ahead::Ahead;
use kafkatalk_protocol::{Message, Offset};
use std::{collections::BTreeMap, sync::Arc};

/// The chain of one conversation, as far as it has been applied.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    /// Every record up to here has been applied to everything that is held.
    applied: Option<Offset>,
    /// The newest record heard of.
    heard: Option<Offset>,
    /// What came beyond a gap.
    ahead: Ahead,
    /// The server said that there is more to page than it sends.
    behind: bool,
    /// The messages that changed lately, by revision.
    recent: BTreeMap<Offset, Arc<Message>>,
    /// Every change after this record that was received is in `recent`.
    recent_from: Option<Offset>,
    /// Records before this one are not for the viewer: they count as applied.
    sees_from: Option<Offset>,
}

/// The state with the higher revision. Its place in the conversation stays as the first one has it.
pub(super) fn newer(held: &Arc<Message>, other: &Arc<Message>) -> Arc<Message> {
    if other.revision() <= held.revision() {
        return held.clone();
    }
    let mut newer = other.clone();
    if newer.previous != held.previous {
        Arc::make_mut(&mut newer).previous = held.previous;
    }
    newer
}

impl Chain {
    /// Every record up to here has been applied, but for those of messages that changed again in a record that is known
    /// to be missing.
    pub(super) fn applied(&self) -> Option<Offset> {
        self.applied
    }

    /// The newest record heard of.
    pub(super) fn heard(&self) -> Option<Offset> {
        self.heard.max(self.applied)
    }

    /// Whether records are known of that have not been applied.
    pub(super) fn has_gap(&self) -> bool {
        self.behind || self.heard > self.applied
    }

    /// Whether an offset lies before what the viewer may see.
    pub(super) fn hidden(&self, offset: Option<Offset>) -> bool {
        offset.is_some() && offset < self.sees_from
    }

    /// Whether a page was read before the record from which on the viewer sees the conversation: the node does not know
    /// yet that they were added, and may show what they saw when they were a member before.
    pub(super) fn is_before_viewers_time(&self, through: Option<Offset>) -> bool {
        through.is_some() && through < self.sees_from
    }

    /// The viewer sees the conversation from that record on.
    pub(super) fn set_sees_from(&mut self, sees_from: Option<Offset>) {
        self.sees_from = sees_from;
    }

    /// There is a record at that offset.
    pub(super) fn heard_of(&mut self, record: Offset) {
        self.heard = self.heard.max(Some(record));
    }

    /// A record was applied; `previous` is the one before it.
    pub(super) fn link(&mut self, record: Offset, previous: Option<Offset>) {
        self.heard_of(record);
        if previous <= self.applied || self.hidden(previous) {
            self.raise(record);
        } else {
            self.ahead.put(record, previous);
        }
    }

    /// Every record up to that one has been applied.
    pub(super) fn raise(&mut self, record: Offset) {
        self.applied = self.ahead.join(self.applied.max(Some(record)));
    }

    /// Everything that is held was read anew at that record: what changed before it was not received as changes.
    pub(super) fn skip_to(&mut self, record: Offset) {
        if self.applied < Some(record) {
            self.recent_from = self.recent_from.max(Some(record));
            self.raise(record);
        }
    }

    /// More was missed than the server sends: pages bring it, from the record that is applied.
    pub(super) fn fall_behind(&mut self) {
        self.behind = true;
    }

    /// A page of changes was applied; `next` is where the following one begins, `through` the record that it goes up to.
    /// False where the page did not lead on: a node that lags.
    pub(super) fn page_applied(&mut self, next: Option<Offset>, through: Option<Offset>) -> bool {
        let before = self.applied;
        self.applied = self.applied.max(next.or(through));
        // A message that changed again later comes with that later revision, on a page that is still to come.
        self.heard = self.heard.max(through);
        if next.is_some() {
            return self.applied > before;
        }
        self.behind &= through < before;
        // What came since the page was read.
        self.applied = self.ahead.join(self.applied);
        !self.has_gap()
    }

    /// Whether a page that was read at that record can be brought up to date. Pages of servers without a chain do not
    /// say when they were read.
    pub(super) fn accepts(&self, through: Option<Offset>) -> bool {
        through.is_none() || through >= self.recent_from
    }

    /// The first page is here: what is held is in the state of that record.
    pub(super) fn begin(&mut self, through: Option<Offset>) {
        self.applied = through;
        self.behind = false;
        self.recent_from = through;
        self.recent.retain(|revision, _| Some(*revision) > through);
    }

    /// Remembers a change.
    pub(super) fn remember(&mut self, message: &Arc<Message>, max: usize) {
        let revision = message.revision();
        if revision == message.offset || Some(revision) <= self.recent_from {
            return;
        }
        self.recent.insert(revision, message.clone());
        while self.recent.len() > max {
            self.recent_from = self.recent.pop_first().map(|(revision, _)| revision).max(self.recent_from);
        }
    }

    /// Whether changes after that revision may have been received and are not remembered.
    pub(super) fn may_have_passed(&self, revision: Offset) -> bool {
        Some(revision) <= self.applied.max(self.recent_from)
    }

    /// A message that came by itself, in its latest state that was received: a change may have come before it, and the
    /// message that it changed have been dropped meanwhile.
    pub(super) fn present(&self, message: Arc<Message>) -> Arc<Message> {
        let mut message = [message];
        self.bring_up_to_date(&mut message);
        let [message] = message;
        message
    }

    /// Brings the messages of a page up to what was received since.
    pub(super) fn bring_up_to_date(&self, page: &mut [Arc<Message>]) {
        for change in self.recent.values() {
            if let Ok(index) = page.binary_search_by_key(&change.offset, |message| message.offset)
                && let Some(message) = page.get_mut(index)
            {
                *message = newer(message, change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafkatalk_protocol::{ConversationId, MessageId, Timestamp, User, UserId};
    use uuid::Uuid;

    fn chain(applied: u64) -> Chain {
        let mut chain = Chain::default();
        chain.begin(Some(Offset(applied)));
        chain
    }

    #[test]
    fn a_record_after_the_applied_one_is_applied() {
        let mut chain = chain(4);
        chain.link(Offset(7), Some(Offset(4)));
        assert_eq!((chain.applied(), chain.has_gap()), (Some(Offset(7)), false));
    }

    #[test]
    fn a_record_after_an_unknown_one_leaves_a_gap_that_pages_close() {
        let mut chain = chain(4);
        chain.link(Offset(9), Some(Offset(8)));
        assert_eq!((chain.applied(), chain.has_gap()), (Some(Offset(4)), true));
        assert!(chain.page_applied(Some(Offset(6)), Some(Offset(9))));
        assert_eq!((chain.applied(), chain.has_gap()), (Some(Offset(6)), true));
        assert!(!chain.page_applied(None, Some(Offset(7))), "a node that lags");
        assert!(chain.page_applied(None, Some(Offset(9))));
        assert_eq!((chain.applied(), chain.has_gap()), (Some(Offset(9)), false));
    }

    #[test]
    fn records_that_come_while_a_gap_is_closed_leave_none_behind() {
        let mut chain = chain(4);
        for record in 9..=12 {
            chain.link(Offset(record), Some(Offset(record - 1)));
        }
        // Read when 10 was the newest one.
        assert!(chain.page_applied(None, Some(Offset(10))));
        assert_eq!((chain.applied(), chain.has_gap()), (Some(Offset(12)), false));
        chain.link(Offset(13), Some(Offset(12)));
        assert!(!chain.has_gap());
    }

    #[test]
    fn a_record_that_comes_again_changes_nothing() {
        let mut chain = chain(4);
        chain.link(Offset(3), Some(Offset(2)));
        assert_eq!((chain.applied(), chain.has_gap()), (Some(Offset(4)), false));
    }

    #[test]
    fn what_lies_before_the_viewers_time_counts_as_applied() {
        let mut chain = Chain::default();
        chain.set_sees_from(Some(Offset(10)));
        chain.link(Offset(12), Some(Offset(9)));
        assert_eq!((chain.applied(), chain.has_gap()), (Some(Offset(12)), false));
    }

    fn changed(offset: u64, revision: u64) -> Arc<Message> {
        let (conversation, id) = (ConversationId(Uuid::nil()), MessageId(Uuid::nil()));
        let sender = User { id: UserId(Uuid::nil()), username: "ada".parse().unwrap() };
        let body = "text".parse().unwrap();
        let message = Message::new(conversation, Offset(offset), id, sender, Timestamp::default(), body);
        Arc::new(Message { revision: (revision > offset).then_some(Offset(revision)), ..message })
    }

    #[test]
    fn a_page_is_brought_up_to_date_as_far_as_changes_are_remembered() {
        let mut chain = chain(4);
        for (record, previous) in [(5, 4), (6, 5)] {
            chain.remember(&changed(record - 3, record), 1);
            chain.link(Offset(record), Some(Offset(previous)));
        }
        assert!(!chain.accepts(Some(Offset(4))), "the change by record 5 is forgotten");
        assert!(chain.accepts(Some(Offset(5))));
        let mut page = [changed(2, 5), changed(3, 3)];
        chain.bring_up_to_date(&mut page);
        assert_eq!(page.map(|message| message.revision().0), [5, 6]);
    }

    #[test]
    fn being_behind_ends_with_the_last_page() {
        let mut chain = chain(4);
        chain.fall_behind();
        assert!(chain.has_gap());
        assert!(!chain.page_applied(None, Some(Offset(3))), "read before what is applied");
        assert!(chain.page_applied(None, Some(Offset(4))));
        assert!(!chain.has_gap());
    }
}
