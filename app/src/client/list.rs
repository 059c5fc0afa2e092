//! The list of conversations: its pages, and the whole of it again after an absence.

use super::{
    Client, RequestId, Task, Ticks,
    limits::CONVERSATIONS_MAX,
    request::{Answer, Request, RequestError, read},
};
use crate::route::encode;
use kafkatalk_protocol::{Conversation, ConversationId, http::Conversations};
use std::collections::BTreeSet;

/// Pages that a refresh of the list fetches at most: more than the list holds.
const REFRESH_PAGES_MAX: usize = 2 * CONVERSATIONS_MAX / kafkatalk_protocol::limits::PAGE_DEFAULT;

/// How far the list is loaded.
#[derive(Clone, Debug, Default)]
pub(super) struct Paging {
    pub(super) cursor: Option<String>,
    pub(super) more: Task,
    refresh: Option<Refresh>,
}

/// The list is fetched again after an absence, as far as it was loaded.
#[derive(Clone, Debug, Default)]
struct Refresh {
    task: Task,
    cursor: Option<String>,
    pages: usize,
    /// What was loaded and is not yet fetched again.
    uncovered: BTreeSet<ConversationId>,
}

/// A page of the list, from behind a cursor on.
fn page(before: Option<&String>, limit: usize) -> Request {
    let mut path = format!("/conversations?limit={limit}");
    if let Some(cursor) = before {
        path.push_str("&before=");
        path.push_str(&encode(cursor));
    }
    Request::get(path)
}

impl Paging {
    /// The first page is there; the next one is behind that cursor, where there is one.
    pub(super) fn new(cursor: Option<String>) -> Self {
        Self { cursor, ..Self::default() }
    }

    /// When a page that failed is fetched again.
    pub(super) fn wake_at(&self) -> Option<Ticks> {
        let refresh = self.refresh.as_ref().and_then(|refresh| refresh.task.wake_at());
        refresh.into_iter().chain(self.more.wake_at()).min()
    }

    /// The connection is back: a page that failed need not wait longer.
    pub(super) fn retry_now(&mut self) {
        if let Some(refresh) = &mut self.refresh {
            refresh.task.retry_now();
        }
    }
}

impl Client {
    /// The whole list is to be fetched again.
    pub(super) fn refresh_list(&mut self) {
        let mut uncovered: BTreeSet<_> = self.conversations.iter().map(|(id, _)| id).collect();
        if let Some(open) = self.looking.open {
            // It may be far down; if it is not on the first page, it is asked for by itself.
            uncovered.remove(&open);
        }
        self.paging.refresh = Some(Refresh { uncovered, ..Refresh::default() });
    }

    /// Whether the list is under way, which tells of what was missed.
    pub(super) fn refreshes_list(&self) -> bool {
        self.paging.refresh.is_some()
    }

    pub(super) fn fetch_list(&mut self, now: Ticks) {
        if let Some(refresh) = &self.paging.refresh
            && refresh.task.may_start(now)
        {
            let limit =
                self.conversations.len().clamp(self.limits.conversations_page, self.limits.refresh_page);
            let asked = self.request(page(refresh.cursor.as_ref(), limit), now);
            if let Some((request, refresh)) = asked.zip(self.paging.refresh.as_mut()) {
                refresh.task.start(request, ());
            }
        }
        if self.paging.more.asked()
            && self.paging.refresh.is_none()
            && let page = page(self.paging.cursor.as_ref(), self.limits.conversations_page)
            && let Some(request) = self.request(page, now)
        {
            self.paging.more.start(request, ());
        }
    }

    /// False where it is somebody else's answer.
    pub(super) fn list_answered(&mut self, request: RequestId, answer: &Answer, now: Ticks) -> bool {
        let refreshes = self.paging.refresh.as_ref().is_some_and(|refresh| refresh.task.is(request));
        if !refreshes && !self.paging.more.is(request) {
            return false;
        }
        self.conversations.changed = true;
        match read::<Conversations>(answer) {
            Ok(page) if refreshes => self.refreshed(page, now),
            Ok(page) => {
                self.paging.more.done();
                self.paging.cursor = page.next.filter(|_| self.conversations.len() < CONVERSATIONS_MAX);
                self.learn_page(&page.conversations, now);
            }
            Err(error) => self.list_failed(refreshes, &error, now),
        }
        true
    }

    fn list_failed(&mut self, refreshes: bool, error: &RequestError, now: Ticks) {
        let refresh = self.paging.refresh.as_mut().filter(|_| refreshes);
        let task = refresh.map_or(&mut self.paging.more, |refresh| &mut refresh.task);
        task.failed(now, error.wait_ms(), &mut self.random);
    }

    fn learn_page(&mut self, page: &[Conversation], now: Ticks) {
        for conversation in page {
            self.learn(conversation, now);
        }
    }

    fn refreshed(&mut self, page: Conversations, now: Ticks) {
        self.learn_page(&page.conversations, now);
        let Some(refresh) = &mut self.paging.refresh else { return };
        for conversation in &page.conversations {
            refresh.uncovered.remove(&conversation.id);
        }
        refresh.pages += 1;
        refresh.task.done();
        let listed = |open: &ConversationId| page.conversations.iter().any(|listed| listed.id == *open);
        let mut unlisted: Vec<_> =
            self.looking.open.into_iter().filter(|open| refresh.pages == 1 && !listed(open)).collect();
        if refresh.uncovered.is_empty() || page.next.is_none() || refresh.pages >= REFRESH_PAGES_MAX {
            // What moved up the list from one page to the next was on neither.
            unlisted.extend(&refresh.uncovered);
            self.paging.refresh = None;
            self.paging.cursor = page.next;
        } else {
            refresh.cursor = page.next;
        }
        for id in unlisted {
            self.ask(id);
        }
    }
}
