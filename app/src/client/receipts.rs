//! Read positions on their way to the server.

use super::{
    event::Ticks,
    limits::{READ_CONFIRM_MS, READ_INTERVAL_MS, READ_TELLS_MAX},
};
use kafkatalk_protocol::{ConversationId, Offset};
use std::collections::BTreeMap;

/// How far the viewer has read, in the conversations whose position the server does not have yet, or was told just now.
#[derive(Clone, Debug, Default)]
pub(super) struct Receipts(BTreeMap<ConversationId, ReadReporter>);

/// One read position.
#[derive(Clone, Copy, Debug)]
struct ReadReporter {
    own: Offset,
    /// The server has it.
    confirmed: bool,
    /// What was reported last, and when.
    reported: Option<(Offset, Ticks)>,
    /// How often the present position was reported on this socket.
    reports: u32,
}

impl Receipts {
    /// The viewer has read up to an offset.
    pub(super) fn raise(&mut self, conversation: ConversationId, offset: Offset) {
        let new = ReadReporter { own: offset, confirmed: false, reported: None, reports: 0 };
        let reporter = self.0.entry(conversation).or_insert(new);
        if reporter.own < offset {
            (reporter.own, reporter.confirmed) = (offset, false);
        }
    }

    /// The viewer has left the conversation.
    pub(super) fn forget(&mut self, conversation: ConversationId) {
        self.0.remove(&conversation);
    }

    /// The server has it.
    pub(super) fn confirm(&mut self, conversation: ConversationId, offset: Offset) {
        if let Some(reporter) = self.0.get_mut(&conversation).filter(|reporter| reporter.own <= offset) {
            reporter.confirmed = true;
        }
    }

    /// A new socket: nothing was reported on it.
    pub(super) fn start_over(&mut self) {
        for reporter in self.0.values_mut() {
            (reporter.reported, reporter.reports) = (None, 0);
        }
    }

    /// The positions to report now. They count as reported.
    pub(super) fn due(&mut self, now: Ticks) -> Vec<(ConversationId, Offset)> {
        self.0
            .retain(|_, reporter| !reporter.confirmed || reporter.rests_until().is_some_and(|end| end > now));
        let mut due = Vec::new();
        for (conversation, reporter) in &mut self.0 {
            if reporter.due_at().is_some_and(|moment| moment <= now) {
                reporter.report(now);
                due.push((*conversation, reporter.own));
            }
        }
        due
    }

    /// When a position that was reported before is to be reported next.
    pub(super) fn wake_at(&self) -> Option<Ticks> {
        let reported = self.0.values().filter(|reporter| reporter.reported.is_some());
        reported.filter_map(ReadReporter::due_at).min()
    }
}

impl ReadReporter {
    /// Until when another position of the conversation is not reported.
    fn rests_until(&self) -> Option<Ticks> {
        self.reported.map(|(_, at)| at.plus(READ_INTERVAL_MS))
    }

    /// When it is to be reported; never again after so many times.
    fn due_at(&self) -> Option<Ticks> {
        match self.reported {
            _ if self.confirmed => None,
            None => Some(Ticks(0)),
            Some((offset, at)) if offset == self.own => {
                (self.reports < READ_TELLS_MAX).then(|| at.plus(READ_CONFIRM_MS))
            }
            Some(_) => self.rests_until(),
        }
    }

    fn report(&mut self, now: Ticks) {
        let again = self.reported.is_some_and(|(offset, _)| offset == self.own);
        self.reports = if again { self.reports + 1 } else { 1 };
        self.reported = Some((self.own, now));
    }
}
